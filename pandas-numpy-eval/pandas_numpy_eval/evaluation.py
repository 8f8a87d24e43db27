"""From a sample file to `_results.jsonl` and `_metrics.json`: references first, every distinct program once."""

import ast
import json
import os
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from pandas_numpy_eval import data, originals, sandbox
from pandas_numpy_eval.errors import EvaluationError
from pandas_numpy_eval.execution import Executor, Limits, Verdict
from pandas_numpy_eval.journal import Journal, program_key, write_whole
from pandas_numpy_eval.outputs import Outputs
from pandas_numpy_eval.samples import Samples, Sampling, parse_samples, read_sampling
from pandas_numpy_eval.scoring import ceiling, estimate_pass_at_k, score

__all__ = ["Evaluation", "EvaluationSettings", "estimate_pass_at_k"]
FORMAT = 5  # of verdicts and metrics; raise it where their meaning changes
SHOWN = 20  # complaints about a sample file
NAME = r"[^\W\d][\w.]*"
BLOCKS = (ast.stmt, ast.excepthandler, ast.match_case)  # what holds statements
IMPORT = re.compile(rf"(?:^|[:;])[ \t]*(?:from[ \t]+({NAME})[ \t]+)?import[ \t(*]+([\w., \t]*)", re.M)

Program = tuple[str, str]


@dataclass(frozen=True)
class EvaluationSettings:
    """What one evaluation was asked for; `limit` None takes the limit that the samples were made with."""

    problem_file: Path
    ks: tuple[int, ...] = (1, 10, 100)
    limits: Limits = field(default_factory=Limits)
    workers: int = 1
    python: str | None = None
    limit: int | None = None
    ignore_incomplete: bool = False
    layer: str = "auto"
    unsafe: bool = False


class Evaluation:
    """Problems, interpreter and settings of one evaluation, of a sample file or of the references alone.

    Raises EvaluationError, OSError.
    """

    def __init__(self, settings: EvaluationSettings, content: data.Content | None = None):
        """`content`: of the sample file, from `samples.open_samples`."""
        self.settings, self.content = settings, content
        self.problems, self.benchmark = data.load_problems(settings.problem_file)
        self.sampling = read_sampling(content, self.benchmark) if content else Sampling()
        self.limit = settings.limit or self.sampling.limit
        self.evaluated = list(self.problems)[: self.limit]
        tasks = self.sampling.tasks
        record = f"the record of {content.path}" if content else ""
        try:
            self.evaluated = [task for task in self.evaluated if re.fullmatch(tasks or "(?s:.*)", task)]
        except re.error as error:
            raise EvaluationError(f"tasks in {record} is no regular expression: {error}") from None
        if not self.evaluated:
            chosen = f"limit {self.limit} and tasks {tasks!r} of {record} choose no problem of {settings.problem_file}"
            raise EvaluationError(
                f"{chosen}: give another --limit, or other problems with -d (in the shells: PROBLEMS)"
            )
        defects = originals.known_defects(self.benchmark["sha256"])
        self.benchmark["evaluated"] = len(self.evaluated)
        self.benchmark["known_defects"] = {task: defects[task] for task in self.evaluated if task in defects}
        self.preload = imported_modules(self.problems.values())
        self.samples = parse_samples(content, self.problems, self.evaluated) if content else Samples()
        imported = {*self.preload, *imports_of(self.written())}
        libraries = sorted({"numpy", "pandas", *(name.partition(".")[0] for name in imported)})
        self.interpreter = sandbox.describe_interpreter(settings.python, libraries)
        always = ("python", "numpy", "pandas")
        self.versions = {k: v for k, v in self.interpreter.versions.items() if v is not None or k in always}

    def executor(self) -> Executor:
        s = self.settings
        return Executor(self.interpreter, s.limits, s.workers, self.preload, s.layer, s.unsafe)

    def references(self) -> dict[str, list[Program]]:
        """Programs of every evaluated task's canonical solutions."""
        chosen = {task: self.problems[task] for task in self.evaluated}
        return {task: [data.program_parts(p, text) for text in data.solutions_of(p)] for task, p in chosen.items()}

    def written(self) -> set[str]:
        """Prompt and answer of every reference, and of every sample that imports more than its prompt."""
        programs = {program for found in self.references().values() for program, _ in found}
        for row in self.samples.rows:
            program, _ = data.program_of(problem := self.problems[row["task_id"]], row)
            begin = problem["prompt"].rfind("\n") if data.answer_key(row) == "completion" else 0
            if "import" in program[max(0, begin) :]:
                programs.add(program)
        return programs

    def circumstances(self, layer: str) -> dict:
        """What the verdicts were given with."""
        about = {"layer": layer, "open": sandbox.OPEN[layer]}
        return {"versions": self.versions, "sandbox": about, "limits": self.settings.limits.as_dict()}

    def check_references(self) -> dict:
        """Run the canonical solutions alone: benchmark, ceiling, versions, sandbox layer, limits."""
        references = self.references()
        programs = {str(program): program for found in references.values() for program in found}
        with self.executor() as executor:
            running = tqdm(executor.run(programs), total=len(programs), unit="reference", mininterval=1)
            verdicts, layer = dict(running), executor.layer
        found = {task: [verdicts[str(program)] for program in of_task] for task, of_task in references.items()}
        return {"benchmark": self.benchmark, "ceiling": ceiling(found), **self.circumstances(layer)}

    def judge(
        self, rows: list[dict], executor: Executor, journal: Journal
    ) -> tuple[list[Verdict], dict[str, list[Verdict]], dict]:
        """Verdicts of the samples and of the references, and how many programs there are and were run."""
        references = self.references()
        deciding = {**self.circumstances(executor.layer), "format": FORMAT}
        programs: dict[str, Program] = {}

        def key_of(program: Program) -> str:
            key = program_key(program, deciding)
            programs[key] = program
            return key

        reference_keys = {task: [key_of(program) for program in found] for task, found in references.items()}
        keys = [key_of(data.program_of(self.problems[row["task_id"]], row)) for row in rows]
        waiting = {key: program for key, program in programs.items() if key not in journal.known}
        about = {"programs": len(programs), "executed": len(waiting)}
        with tqdm(total=len(programs), initial=len(programs) - len(waiting), unit="program", mininterval=1) as bar:
            for key, verdict in executor.run(waiting):
                journal.add(key, verdict)
                bar.update()
        known = journal.known
        of_references = {task: [known[key] for key in of_task] for task, of_task in reference_keys.items()}
        return [known[key] for key in keys], of_references, about

    def inputs(self) -> dict:
        """Everything that decides results and metrics: equal inputs, equal bytes."""
        s = self.settings
        assert self.content, "references alone have no results"
        return {
            "format": FORMAT,
            "samples_sha256": self.content.sha256,
            "benchmark_sha256": self.benchmark["sha256"],
            "versions": self.versions,
            "limits": s.limits.as_dict(),
            "k": list(s.ks),
            "limit": self.limit,
            "ignore_incomplete": s.ignore_incomplete,
            "sandbox": s.layer,
            "sampling_sha256": program_key(("", ""), self.sampling.record) if self.sampling.record else None,
        }

    def refuse_faults(self) -> None:
        """Raise EvaluationError where no sample is left, or some were left out and that was not asked for."""
        assert self.content, "references alone have no faults"
        complaints = self.samples.complaints
        if self.samples.rows and (self.settings.ignore_incomplete or not complaints):
            return
        advice = "there is nothing to evaluate"
        if self.samples.rows:
            advice = "give --ignore_incomplete (in the shells: IGNORE_INCOMPLETE=1) to go on without them"
        more = [f"... and {len(complaints) - SHOWN} more"] if len(complaints) > SHOWN else []
        print("\n".join(complaints[:SHOWN] + more), file=sys.stderr)
        raise EvaluationError(f"{self.content.path} has {len(complaints)} faults: {advice}")

    def run(self, prefix: Path) -> tuple[dict, bool]:
        """Evaluate the sample file; return the metrics and whether they were there already.

        Where only `ks` differ from those of the earlier metrics, no program runs again.
        Raises EvaluationError (samples that do not fit, other files in the way), OSError.
        """
        assert self.content, "references alone have no results"
        started, files = time.time(), Outputs(prefix)
        files.refuse_foreign(self.content.path, self.settings.problem_file)
        inputs = self.inputs()
        identity = program_key(("", ""), inputs)
        if earlier := files.earlier(inputs):
            if files.journal.exists():
                with suppress(EvaluationError, OSError), closing(Journal(files.journal)) as journal:
                    journal.delete_after(identity)
            return earlier, True
        self.refuse_faults()
        samples = self.samples
        # The journal's lock is held to the end, so that no other evaluation writes the same files.
        with closing(Journal(files.journal)) as journal:
            files.refuse_other_samples(self.content.path)
            if earlier := files.earlier(inputs, "k"):  # the verdicts are there
                identity = program_key(("", ""), earlier["inputs"])
                verdicts, limits, sha256 = files.verdicts(), earlier["ceiling"], earlier["results_sha256"]
                about = {"programs": earlier["samples"]["programs"], "executed": 0}
                circumstances = {key: earlier[key] for key in ("versions", "sandbox", "limits")}
            else:
                with self.executor() as executor:
                    verdicts, references, about = self.judge(samples.rows, executor, journal)
                limits, circumstances = ceiling(references), self.circumstances(executor.layer)
                journal.complete(identity)
                judged = zip(samples.rows, verdicts, strict=True)
                lines = (json.dumps({**row, "passed": v.passed, "result": v.result}) + "\n" for row, v in judged)
                sha256 = write_whole(files.results, lines)
            levels, of_samples = data.levels_of(self.problems), self.content.path
            metrics = {
                "benchmark": self.benchmark,
                "samples": {"file": of_samples.name, "rows": len(samples.rows), "programs": about["programs"]},
                **score(samples.rows, verdicts, self.evaluated, limits, list(self.settings.ks), levels),
                "skipped": dict(sorted(samples.skipped.items())),
                "missing": samples.missing,
                **circumstances,
                "sampling": self.sampling.record,
                "git_revision": git_revision(),
                "inputs": inputs,
                "results_sha256": sha256,
                "run": {
                    "seconds": round(time.time() - started, 2),
                    "workers": self.settings.workers,
                    "executed": about["executed"],
                    "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                    "samples": os.path.relpath(os.path.realpath(of_samples), os.path.realpath(prefix.parent)),
                    "sampling": self.sampling.run,
                },
            }
            write_whole(files.metrics, [json.dumps(metrics, indent=2) + "\n"])
            journal.delete_after(identity)
        return metrics, False


def imported_modules(problems: Iterable[dict]) -> tuple[str, ...]:
    """Modules that servers import beforehand: what the problems import, and NumPy and pandas if they use either.

    >>> imported_modules([{"prompt": "import pandas as pd", "test": "from os import path\\nfrom math import pi, e"}])
    ('math', 'math.e', 'math.pi', 'numpy', 'os', 'os.path', 'pandas')
    """
    found = imports_of({problem[part] for problem in problems for part in ("prompt", "test")})
    if {name.partition(".")[0] for name in found} & {"numpy", "pandas"}:
        found |= {"numpy", "pandas"}
    return tuple(sorted(found))


def imports_of(texts: Iterable[str]) -> set[str]:
    """Modules that programs import, and what they import from them; by lines where a program does not parse.

    >>> sorted(imports_of(["import os, re", "try: from math import pi\\nexcept: x", "import json; import csv as c, a b"]))
    ['a', 'csv', 'json', 'math', 'math.pi', 'os', 're']
    """
    found = set()
    for text in texts:
        for module, names in _import_statements(text):
            found |= {module} if module else set()
            found |= {f"{module}.{name}" if module else name for name in names if name != "*"}
    return found


def _import_statements(text: str) -> Iterator[tuple[str, list[str]]]:
    """Module (empty for a plain `import`) and names of every import."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in strings
            nodes: list[ast.AST] = [ast.parse(text.removeprefix("\ufeff"))]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        for module, names in IMPORT.findall(re.sub("#.*", "", text)):
            yield module, re.findall(rf"(?:^|,)[ \t]*({NAME})", names)
        return
    for node in nodes:  # grows
        if isinstance(node, ast.Import) or isinstance(node, ast.ImportFrom) and not node.level:
            yield getattr(node, "module", ""), [alias.name for alias in node.names]
        nodes += [child for child in ast.iter_child_nodes(node) if isinstance(child, BLOCKS)]


def git_revision() -> str | None:
    """Revision of the checkout that this file belongs to, None outside of one."""
    here = Path(__file__)
    answers = []
    for arguments in (("ls-files", "--error-unmatch", here.name), ("rev-parse", "HEAD")):
        try:
            command = ["git", *arguments]
            done = subprocess.run(command, cwd=here.parent, capture_output=True, text=True, timeout=20, check=True)
        except (OSError, subprocess.SubprocessError):
            return None
        answers.append(done.stdout.strip())
    return answers[-1]

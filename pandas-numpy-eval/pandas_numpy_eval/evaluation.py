"""From a sample file to `_results.jsonl` and `_metrics.json`: references first, every distinct program once."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from pandas_numpy_eval import data, originals, sandbox
from pandas_numpy_eval.errors import EvaluationError
from pandas_numpy_eval.execution import Executor, Limits, Verdict
from pandas_numpy_eval.journal import Journal, program_key, write_whole
from pandas_numpy_eval.samples import Samples, Sampling, read_samples, read_sampling
from pandas_numpy_eval.scoring import ceiling, estimate_pass_at_k, score

__all__ = ["Evaluation", "EvaluationSettings", "estimate_pass_at_k"]
FORMAT = 5  # of verdicts and metrics; raise it where their meaning changes
SHOWN = 20  # complaints about a sample file

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

    def __init__(self, settings: EvaluationSettings, sample_file: Path | None = None):
        self.settings, self.sample_file = settings, sample_file
        self.problems = data.read_problems(settings.problem_file)
        self.benchmark = data.benchmark_info(settings.problem_file)
        self.sampling = read_sampling(sample_file, self.benchmark) if sample_file else Sampling()
        self.limit = settings.limit or self.sampling.limit
        self.evaluated = list(self.problems)[: self.limit]
        try:
            self.evaluated = [task for task in self.evaluated if re.fullmatch(self.sampling.tasks or "(?s:.*)", task)]
        except re.error as error:
            raise EvaluationError(f"tasks in the record of {sample_file} is no regular expression: {error}") from None
        defects = originals.known_defects(self.benchmark["sha256"])
        self.benchmark["evaluated"] = len(self.evaluated)
        self.benchmark["known_defects"] = {task: defects[task] for task in self.evaluated if task in defects}
        self.preload = imported_modules(self.problems.values())
        self.samples = read_samples(sample_file, self.problems, self.evaluated) if sample_file else Samples()
        written = ({"prompt": r.get("solution", r.get("completion")), "test": ""} for r in self.samples.rows)
        imported = {*self.preload, *imported_modules(written)}
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
        assert self.sample_file, "references alone have no results"
        return {
            "format": FORMAT,
            "samples_sha256": data.file_sha256(self.sample_file),
            "benchmark_sha256": self.benchmark["sha256"],
            "versions": self.versions,
            "limits": s.limits.as_dict(),
            "k": list(s.ks),
            "limit": self.limit,
            "ignore_incomplete": s.ignore_incomplete,
            "sandbox": s.layer,
            "sampling_sha256": program_key(("", ""), self.sampling.record) if self.sampling.record else None,
        }

    def run(self, prefix: Path) -> tuple[dict, bool]:
        """Evaluate the sample file; return the metrics and whether they were there already.

        Raises EvaluationError (samples that do not fit, results of another sample file in the way), OSError.
        """
        assert self.sample_file, "references alone have no results"
        started = time.time()
        results, metrics_file = Path(f"{prefix}_results.jsonl"), Path(f"{prefix}_metrics.json")
        journal_file = Path(f"{prefix}_journal.jsonl")
        inputs = self.inputs()
        identity = program_key(("", ""), inputs)
        earlier = read_metrics(metrics_file)
        found = data.file_sha256(results) if results.is_file() else None
        if earlier.get("inputs") == inputs and earlier.get("results_sha256") == found:
            if journal_file.exists():
                with suppress(EvaluationError, OSError), closing(Journal(journal_file)) as journal:
                    journal.delete_after(identity)
            return earlier, True
        samples = self.samples
        faults = len(samples.complaints)
        if not samples.rows or (faults and not self.settings.ignore_incomplete):
            advice = (
                "give --ignore_incomplete to go on without them" if samples.rows else "there is nothing to evaluate"
            )
            more = [f"... and {faults - SHOWN} more"] if faults > SHOWN else []
            print("\n".join(samples.complaints[:SHOWN] + more), file=sys.stderr)
            raise EvaluationError(f"{self.sample_file} has {faults} faults: {advice}")
        # The journal's lock is held to the end, so that no other evaluation writes the same files.
        with closing(Journal(journal_file)) as journal, self.executor() as executor:
            refuse_other_samples(metrics_file, self.sample_file)
            verdicts, references, about = self.judge(samples.rows, executor, journal)
            journal.complete(identity)
            judged = zip(samples.rows, verdicts, strict=True)
            lines = (json.dumps({**row, "passed": v.passed, "result": v.result}) + "\n" for row, v in judged)
            sha256 = write_whole(results, lines)
            metrics = {
                "benchmark": self.benchmark,
                "samples": {"file": self.sample_file.name, "rows": len(samples.rows), "programs": about["programs"]},
                **score(samples.rows, verdicts, references, list(self.settings.ks), data.levels_of(self.problems)),
                "skipped": dict(sorted(samples.skipped.items())),
                "missing": samples.missing,
                **self.circumstances(executor.layer),
                "sampling": self.sampling.record,
                "git_revision": git_revision(),
                "inputs": inputs,
                "results_sha256": sha256,
                "run": {
                    "seconds": round(time.time() - started, 2),
                    "workers": self.settings.workers,
                    "executed": about["executed"],
                    "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                    "samples": os.path.relpath(os.path.realpath(self.sample_file), os.path.realpath(prefix.parent)),
                    "sampling": self.sampling.run,
                },
            }
            write_whole(metrics_file, [json.dumps(metrics, indent=2) + "\n"])
            journal.delete_after(identity)
        return metrics, False


def imported_modules(problems: Iterable[dict]) -> tuple[str, ...]:
    """Modules that servers import beforehand: what the problems import, and NumPy and pandas if they use either.

    >>> imported_modules([{"prompt": "import pandas as pd", "test": "from os import path\\nfrom math import pi, e"}])
    ('math', 'math.e', 'math.pi', 'numpy', 'os', 'os.path', 'pandas')
    """
    found = set()
    for problem in problems:
        for match in re.finditer(
            r"^[ \t]*(?:import|from)[ \t]+([A-Za-z_][\w.]*)(?:[ \t]+import[ \t]+([\w, \t]+))?",
            problem["prompt"] + "\n" + problem["test"],
            re.M,
        ):
            found.add(match[1])
            found |= {f"{match[1]}.{part.split()[0]}" for part in (match[2] or "").split(",") if part.strip()}
    if {name.partition(".")[0] for name in found} & {"numpy", "pandas"}:
        found |= {"numpy", "pandas"}
    return tuple(sorted(found))


def read_metrics(file: Path) -> dict:
    """Metrics of an earlier run; empty where there are none."""
    try:
        metrics = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return metrics if isinstance(metrics, dict) else {}


def refuse_other_samples(metrics_file: Path, sample_file: Path) -> None:
    """Raise EvaluationError where the metrics are those of another sample file that is still there."""
    earlier, other = read_metrics(metrics_file), sample_file
    with suppress(AttributeError, KeyError, TypeError):  # no metrics of ours
        other = Path(os.path.realpath(metrics_file.parent)) / (
            earlier["run"].get("samples") or earlier["samples"]["file"]
        )
    if other.is_file() and not other.samefile(sample_file):
        raise EvaluationError(f"{metrics_file} holds the scores of {other}: give {sample_file} another prefix with -o")


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

"""From a sample file to `_results.jsonl` and `_metrics.json`: references first, every distinct program once."""

import contextlib
import json
import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from pandas_numpy_eval import data, originals, sandbox
from pandas_numpy_eval.execution import Executor, Limits, Verdict
from pandas_numpy_eval.journal import Journal, program_key, write_whole
from pandas_numpy_eval.samples import SampleFileError, Samples, read_samples, shorten
from pandas_numpy_eval.scoring import ceiling, score

FORMAT = 2  # of the metrics; raise it where their meaning changes
NO_REFERENCE = Verdict("missing", "the problem has no canonical solution")


@dataclass(frozen=True)
class Settings:
    """What one evaluation was asked for."""

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
    """Problems, interpreter and settings of one evaluation. Raises ProblemFileError, SandboxError."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.problems = data.read_problems(settings.problem_file)
        self.evaluated = list(self.problems)[: settings.limit]
        self.benchmark = {**data.benchmark_info(settings.problem_file), "evaluated": len(self.evaluated)}
        defects = originals.known_defects(self.benchmark["sha256"])
        self.benchmark["known_defects"] = {task: defects[task] for task in self.evaluated if task in defects}
        self.preload = imported_modules(self.problems)
        libraries = sorted({"numpy", "pandas", *self.preload})
        self.interpreter = sandbox.describe_interpreter(settings.python, libraries)

    @property
    def versions(self) -> dict:
        """Python, numpy, pandas, and what else the problems import and is installed as a distribution."""
        always = ("python", "numpy", "pandas")
        return {k: v for k, v in self.interpreter.versions.items() if v is not None or k in always}

    def executor(self) -> Executor:
        s = self.settings
        return Executor(self.interpreter, s.limits, s.workers, self.preload, s.layer, s.unsafe)

    def references(self) -> dict[str, tuple[str, str] | None]:
        """Program of every evaluated task's canonical solution (None: it has none)."""
        solutions = {task: data.reference(self.problems[task]) for task in self.evaluated}
        return {
            task: None if text is None else data.program_parts(self.problems[task], text)
            for task, text in solutions.items()
        }

    def check_references(self) -> dict:
        """Run the canonical solutions alone: benchmark, ceiling, versions, sandbox layer, limits."""
        programs = self.references()
        with self.executor() as executor:
            found = dict(
                tqdm(executor.run(without_none(programs)), total=len(programs), unit="reference", mininterval=1)
            )
            layer = executor.layer
        return {
            "benchmark": self.benchmark,
            "ceiling": ceiling({task: found.get(task, NO_REFERENCE) for task in programs}),
            "versions": self.versions,
            "sandbox": {"layer": layer, "open": sandbox.OPEN[layer]},
            "limits": self.settings.limits.as_dict(),
        }

    def judge(
        self, samples: Samples, executor: Executor, journal: Journal
    ) -> tuple[list[Verdict], dict[str, Verdict], dict]:
        """Verdicts of the samples and of the references, and what is to be known about the run."""
        references = self.references()
        parts = [data.program_parts(self.problems[row["task_id"]], row["completion"]) for row in samples.rows]
        deciding = {**self.settings.limits.as_dict(), "versions": self.versions, "layer": executor.layer}
        reference_keys = {task: program_key(part, deciding) for task, part in without_none(references).items()}
        keys = [program_key(part, deciding) for part in parts]
        programs = {reference_keys[task]: part for task, part in without_none(references).items()}
        programs.update(zip(keys, parts, strict=True))
        waiting = {key: part for key, part in programs.items() if key not in journal.known}
        done = len(programs) - len(waiting)
        with tqdm(total=len(programs), initial=done, unit="program", mininterval=1) as bar:
            for key, verdict in executor.run(waiting):
                journal.add(key, verdict)
                bar.update()
        known = journal.known
        told = {task: known.get(reference_keys.get(task), NO_REFERENCE) for task in references}
        about = {"layer": executor.layer, "programs": len(programs), "executed": len(waiting)}
        return [known[key] for key in keys], told, about

    def inputs(self, sample_file: Path, sampling: dict | None) -> dict:
        """Everything that decides results and metrics: equal inputs, equal bytes."""
        s = self.settings
        return {
            "format": FORMAT,
            "samples_sha256": data.file_sha256(sample_file),
            "benchmark_sha256": self.benchmark["sha256"],
            "versions": self.versions,
            "limits": s.limits.as_dict(),
            "k": list(s.ks),
            "limit": s.limit,
            "ignore_incomplete": s.ignore_incomplete,
            "sandbox": s.layer,
            "sampling_sha256": program_key(("", ""), sampling) if sampling else None,
        }

    def run(self, sample_file: Path, prefix: Path) -> tuple[dict, bool]:
        """Evaluate a sample file; return the metrics and whether they were there already.

        Raises SampleFileError listing what does not fit, OSError.
        """
        started = time.time()
        results, metrics_file = Path(f"{prefix}_results.jsonl"), Path(f"{prefix}_metrics.json")
        sampling, sampling_run = read_meta(sample_file, self.benchmark)
        inputs = self.inputs(sample_file, sampling)
        earlier = finished_metrics(metrics_file, results)
        journal_file = Path(f"{prefix}_journal.jsonl")
        if earlier and earlier["inputs"] == inputs:
            journal_file.unlink(missing_ok=True)
            return earlier, True
        samples = read_samples(sample_file, self.problems, self.evaluated)
        if not samples.rows or (samples.complaints and not self.settings.ignore_incomplete):
            advice = (
                "give --ignore_incomplete to go on without them" if samples.rows else "there is nothing to evaluate"
            )
            raise SampleFileError(f"{shorten(samples.complaints)}\n{len(samples.complaints)} faults: {advice}")
        # The journal's lock is held to the end, so that no other evaluation of these samples writes the same files.
        with self.executor() as executor, contextlib.closing(Journal(journal_file)) as journal:
            verdicts, references, about = self.judge(samples, executor, journal)
            lines = (
                json.dumps({**row, "passed": verdict.passed, "result": verdict.result}) + "\n"
                for row, verdict in zip(samples.rows, verdicts, strict=True)
            )
            sha256 = write_whole(results, lines)
            metrics = {
                "benchmark": self.benchmark,
                "samples": {"file": sample_file.name, "rows": len(samples.rows), "programs": about["programs"]},
                **score(samples.rows, verdicts, references, list(self.settings.ks)),
                "skipped": dict(sorted(samples.skipped.items())),
                "missing": samples.missing,
                "versions": self.versions,
                "sandbox": {"layer": about["layer"], "open": sandbox.OPEN[about["layer"]]},
                "limits": self.settings.limits.as_dict(),
                "sampling": sampling,
                "git_revision": git_revision(),
                "inputs": inputs,
                "results_sha256": sha256,
                "run": {
                    "seconds": round(time.time() - started, 2),
                    "workers": self.settings.workers,
                    "executed": about["executed"],
                    "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                    "sampling": sampling_run,
                },
            }
            write_whole(metrics_file, [json.dumps(metrics, indent=2) + "\n"])
            journal_file.unlink(missing_ok=True)
        return metrics, False


def without_none(programs: Mapping[str, tuple | None]) -> dict[str, tuple]:
    return {key: program for key, program in programs.items() if program is not None}


def imported_modules(problems: Mapping[str, dict]) -> tuple[str, ...]:
    """Modules that servers import beforehand: what the problems import, and NumPy and pandas if they use either.

    >>> imported_modules({"a": {"prompt": "import pandas as pd", "test": "from math import pi"}})
    ('math', 'numpy', 'pandas')
    """
    found = set()
    for problem in problems.values():
        for match in re.finditer(
            r"^\s*(?:import|from)\s+([A-Za-z_]\w*)", problem["prompt"] + "\n" + problem["test"], re.M
        ):
            found.add(match[1])
    if found & {"numpy", "pandas"}:
        found |= {"numpy", "pandas"}
    return tuple(sorted(found))


def stem_of(sample_file: Path) -> Path:
    """`X` of `X.samples.jsonl` or `X.jsonl` (plain or gzipped), with its folder."""
    name = sample_file.name.removesuffix(".gz").removesuffix(".jsonl").removesuffix(".samples")
    return sample_file.with_name(name)


def read_meta(sample_file: Path, benchmark: dict) -> tuple[dict | None, dict | None]:
    """What the generator wrote beside the samples (`X.meta.json`): what decides them, and what varies by run.

    Raises SampleFileError where they were made for another benchmark.
    """
    path = Path(f"{stem_of(sample_file)}.meta.json")
    if not path.is_file():
        return None, None
    try:
        meta = json.loads(path.read_text())
        varying = meta.pop("run", None)
    except (ValueError, AttributeError) as error:
        raise SampleFileError(f"{path} is no JSON object ({error}): repair it or move it away") from None
    made_for = meta.get("benchmark")
    if isinstance(made_for, dict) and made_for.get("sha256", benchmark["sha256"]) != benchmark["sha256"]:
        raise SampleFileError(
            f"{sample_file} was made for the benchmark {made_for.get('name')} ({made_for['sha256'][:12]}), not "
            f"{benchmark['name']} ({benchmark['sha256'][:12]}): choose its problem file with -d"
        )
    return meta, varying


def finished_metrics(metrics_file: Path, results: Path) -> dict | None:
    """Metrics of an earlier run whose results are there, unchanged; else None."""
    try:
        metrics = json.loads(metrics_file.read_text())
        return metrics if metrics["results_sha256"] == data.file_sha256(results) and metrics["inputs"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def git_revision() -> str | None:
    """Revision of the checkout that this file belongs to, None outside of one."""
    here = Path(__file__)

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", *arguments], cwd=here.parent, capture_output=True, text=True, timeout=20)
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if git("ls-files", "--error-unmatch", here.name) is None:
        return None
    return git("rev-parse", "HEAD")

"""What an evaluation writes: `X_results.jsonl`, `X_metrics.json`, and `X_journal.jsonl` on the way.

Files that no evaluation made, and the scores of other samples, are never overwritten.
"""

import os
from contextlib import suppress
from pathlib import Path

from pandas_numpy_eval.data import Content, file_sha256, parse_object
from pandas_numpy_eval.errors import EvaluationError
from pandas_numpy_eval.execution import Verdict

# What metrics always hold, those keys aside that may be null.
KINDS = {"n": int, "missing": list, "results_sha256": str}
KINDS |= dict.fromkeys(("benchmark", "samples", "pass@k_passable", "ceiling", "verdicts", "tasks", "skipped"), dict)
KINDS |= dict.fromkeys(("versions", "sandbox", "limits", "inputs", "run"), dict)


class Outputs:
    """The files of one prefix."""

    def __init__(self, prefix: Path):
        self.results, self.metrics = Path(f"{prefix}_results.jsonl"), Path(f"{prefix}_metrics.json")
        self.journal = Path(f"{prefix}_journal.jsonl")

    def earlier(self, inputs: dict, *but: str) -> dict:
        """Metrics that were made from these inputs, those named in `but` aside; empty where none fit the results.

        Empty as well where someone removed a part of them.
        """
        metrics = read_metrics(self.metrics)
        if not all(isinstance(metrics.get(key), kind) for key, kind in KINDS.items()) or not self.results.is_file():
            return {}
        if metrics["inputs"] | dict.fromkeys(but) != inputs | dict.fromkeys(but):
            return {}
        return metrics if file_sha256(self.results) == metrics["results_sha256"] else {}

    def verdicts(self) -> list[Verdict]:
        """The verdicts of the results, in their order."""
        rows = (parse_object(line) for _, line in Content.read(self.results).lines())
        return [Verdict(*row["result"].partition(": ")[::2]) for row in rows]

    def refuse_foreign(self, *read: Path) -> None:
        """Raise EvaluationError where an output would replace one of the files read, or what no evaluation made.

        A journal is looked at where it is opened.
        """
        for output in (self.results, self.metrics, self.journal):
            for source in read:
                if os.path.realpath(output) == os.path.realpath(source) or output.exists() and output.samefile(source):
                    raise EvaluationError(f"{output} is a file that is read here: choose another prefix with -o")
        advice = "move it away, or choose another prefix with -o"
        # In the reverse of the order in which an evaluation that may be running makes and removes them.
        has_metrics, has_results, has_journal = (f.exists() for f in (self.metrics, self.results, self.journal))
        ours = "inputs" in read_metrics(self.metrics)
        if has_metrics and not ours:
            raise EvaluationError(f"{self.metrics} was not made by an evaluation: {advice}")
        if has_results and not ours and not has_journal:
            raise EvaluationError(
                f"{self.results} lies there without {self.metrics.name}, so it may be yours: {advice}"
            )

    def refuse_other_samples(self, sample_file: Path) -> None:
        """Raise EvaluationError where the metrics are those of another sample file that is still there."""
        other = sample_file_of(self.metrics, read_metrics(self.metrics))
        if other and other.is_file() and not other.samefile(sample_file):
            advice = f"give {sample_file} another prefix with -o"
            raise EvaluationError(f"{self.metrics} holds the scores of {other}: {advice}")


def read_metrics(file: Path) -> dict:
    """Metrics of an earlier run; empty where there are none."""
    try:
        return parse_object(file.read_bytes())
    except (OSError, ValueError):
        return {}


def sample_file_of(metrics_file: Path, metrics: dict) -> Path | None:
    """Where the sample file of these metrics was, seen from their place; None where they do not tell."""
    with suppress(AttributeError, KeyError, TypeError):
        name = metrics["run"].get("samples") or metrics["samples"]["file"]
        return Path(os.path.realpath(metrics_file.parent)) / name
    return None


def changed_since(metrics_file: Path, metrics: dict) -> list[Path]:
    """Results and samples of these metrics that have changed since; a file that is gone has not."""
    results = metrics_file.with_name(metrics_file.name.replace("_metrics.json", "_results.jsonl"))
    pairs: list[tuple[Path | None, str | None]] = [(results, metrics.get("results_sha256"))]
    pairs += [(sample_file_of(metrics_file, metrics), (metrics.get("inputs") or {}).get("samples_sha256"))]
    return [file for file, digest in pairs if file and digest and file.is_file() and file_sha256(file) != digest]

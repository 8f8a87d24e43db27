"""Compare base model, plain continual pre-training (normal) and CERT on the same problems: one table of pass@1.

    python -m examples.private_library.compare results/Dorvex

Reads the metrics files of the evaluation. A difference is paired: its 95 % interval is a bootstrap over the problems' own
differences.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from nl2code.errors import UserError, exit_status
from pandas_numpy_eval.scoring import mean_with_interval

MODELS = ("base", "normal", "CERT")


def model_of(run: str) -> str:
    """Which of the three a folder of results belongs to.

    >>> [model_of(run) for run in ("smollm2-135m", "Dorvex_smollm2-135m_preset_normal", "Dorvex_smollm2-135m_preset_cert")]
    ['base', 'normal', 'CERT']
    """
    return {"normal": "normal", "cert": "CERT"}.get(run.rpartition("_")[2], "base")


def read_scores(files: list[Path]) -> dict[str, dict[str, float]]:
    """Model -> task -> share of its samples that passed.

    Raises:
        UserError: no file of a model, two files of one, or other problems in one of them.
    """
    found: dict[str, dict[str, float]] = {}
    for file in files:
        model = model_of(file.parent.name)
        if model in found:
            raise UserError(f"{file} is a second file of {model}; give one *_metrics.json each of {', '.join(MODELS)}")
        tasks = json.loads(file.read_text(encoding="utf-8"))["tasks"]
        found[model] = {task: count["passed"] / count["n"] for task, count in tasks.items()}
    missing = [model for model in MODELS if model not in found]
    if missing:
        raise UserError(f"no *_metrics.json of {', '.join(missing)}; run examples/private_library/run.sh first")
    if len({tuple(sorted(scores)) for scores in found.values()}) > 1:
        raise UserError("the files are of different problems; evaluate the same problems for all three models")
    return found


def table(found: dict[str, dict[str, float]]) -> str:
    """The lines for a person, in per cent."""
    tasks = list(found["base"])  # in the order of the report, so that its intervals are the same
    scores = {model: np.array([found[model][task] for task in tasks]) for model in MODELS}
    scores |= {f"CERT - {other}": scores["CERT"] - scores[other] for other in ("normal", "base")}
    lines = [f"{'':<16}pass@1 [95 %] of {len(tasks)} problems"]
    for name, values in scores.items():
        entry = mean_with_interval(values)
        low, high = (100 * bound for bound in entry["ci95"])
        lines.append(f"{name:<16}{100 * entry['value']:6.2f} [{low:.1f}, {high:.1f}]")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+", help="folder of the runs, or one *_metrics.json of each model")
    args = parser.parse_args(argv)

    def work() -> None:
        folders = [sorted(path.rglob("*_metrics.json")) if path.is_dir() else [path] for path in args.results]
        print(table(read_scores([file for files in folders for file in files])))

    return exit_status(work)


if __name__ == "__main__":
    sys.exit(main())

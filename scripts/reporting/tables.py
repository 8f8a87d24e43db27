"""The tables of a report: one row per evaluated sample file, one per sweep of temperatures."""

import json
import os
from pathlib import Path

import pandas as pd

from nl2code.errors import UserError
from pandas_numpy_eval.data import parse_object
from pandas_numpy_eval.outputs import changed_since
from pandas_numpy_eval.scoring import in_order
from scripts.reporting.blocks import percent
from scripts.reporting.cases import read_cases

FIXED = 0.2  # the temperature that is shown beside the best of a sweep
SHOWN = ["benchmark", "run", "stages", "T", "problems", "n"]
SHOWN += ["pass@1 [95 %]", "pass@10", "pass@100", "ceiling", "sandbox"]
DETAILS = ("by_level", "versions", "git_revision", "verdicts", "limits", "sampling", "cases")
# Equal where only the temperature differs, and the place.
SETTINGS = [
    "benchmark",
    "run",
    "stages",
    "problems",
    "n",
    "sandbox",
    "settings",
    "problem_file",
    "circumstances",
    "models",
]
SWEEP = [*SETTINGS, "place"]
LIBRARIES = ("python", "numpy", "pandas")  # other versions are told where completions import more, which varies by run


def read_rows(folder: Path) -> tuple[pd.DataFrame, list[str]]:
    """All metrics files under a folder, and a complaint for every one that is unreadable or of other samples or results.

    Returns:
        One row per file, by benchmark and settings, then runs of one stage, shortest name (the base) first, then those of
        two: the columns SHOWN (texts), `scores` (k -> pass@k in [0, 1]), `settings` (of sampling), `problem_file` (its
        sha256), `circumstances` and `models` (JSON), `path`, `metrics` and `place` (of `_with_places`). `problems` are those
        that have samples.
    """
    rows, complaints = [], []
    for path in sorted(folder.rglob("*_metrics.json")):
        try:
            metrics = parse_object(path.read_bytes())
            if changed := changed_since(path, metrics):
                raise ValueError(f"{' and '.join(map(str, changed))} changed since")
            rows.append(_row(path, metrics, _cases(path, complaints)))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            complaints.append(left_out(path, error))
    if not rows:
        return pd.DataFrame(), complaints
    order = ["benchmark", "problems", "n", "T", "stages", "length", "run"]
    found = pd.DataFrame([row | {"length": len(row["run"])} for row in rows]).sort_values(order)
    return _with_places(found.drop(columns="length")), complaints


def left_out(path: Path, error: Exception, advice: str = "evaluate its samples again") -> str:
    """The complaint about a file of results that cannot be used; the default advice is for metrics."""
    return f"{path}: left out, {type(error).__name__}: {error}; {advice}"


def _with_places(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with a column `place`, empty but for sweeps that have a temperature twice: those of one folder are one."""
    is_double = rows.duplicated([*SETTINGS, "T"], keep=False)
    of_sweep = is_double.groupby([rows[name] for name in SETTINGS]).transform("any")
    folder = rows["path"].map(lambda path: str(path.parent))
    number = rows.groupby([*SETTINGS, "T", folder.rename("folder")]).cumcount().astype(str)
    return rows.assign(place=(folder + "/" + number).where(of_sweep, ""))


def _cases(path: Path, complaints: list[str]) -> dict:
    """Cases of the results beside a metrics file; none, and a complaint, where they cannot be told."""
    results = path.with_name(path.name.replace("_metrics.json", "_results.jsonl"))
    try:
        return read_cases(results) if results.is_file() else {}
    except UserError as error:
        complaints.append(f"cases left out, {error}")
        return {}


def _row(path: Path, metrics: dict, cases: dict) -> dict:
    settings = settings_of(metrics)
    if "pass@1" not in metrics:
        raise ValueError("it has no pass@1, add 1 to --k")
    scores = {k[5:]: metrics[k]["value"] for k in metrics if k.startswith("pass@") and k[5:].isdigit()}
    row = {
        "benchmark": metrics["benchmark"]["name"],
        "run": run_label(path, settings),
        "stages": "2" if "temperature2" in settings else "1",
        "T": temperature_label(settings),
        "problems": metrics["benchmark"]["evaluated"] - len(metrics.get("missing") or []),
        "n": metrics["n"],
        "pass@1 [95 %]": percent(metrics["pass@1"]),
        **{f"pass@{k}": f"{100 * scores[k]:.2f}" if k in scores else "-" for k in ("10", "100")},
        "ceiling": f"{100 * metrics['ceiling']['value']:.1f}",
        "sandbox": metrics["sandbox"]["layer"],
        "scores": scores,
        "settings": json.dumps({k: v for k, v in settings.items() if not k.startswith("temperature")}, sort_keys=True),
        "problem_file": (metrics["benchmark"].get("sha256") or "")[:12],
        "circumstances": json.dumps(circumstances_of(metrics), sort_keys=True),
        "models": json.dumps(models_of(metrics), sort_keys=True),
        "path": path,
        "metrics": metrics | {"cases": cases},
    }
    for key in (*SETTINGS, "T"):  # rows are grouped and sorted by these
        if not isinstance(row[key], int if key in ("problems", "n") else str):
            raise TypeError(f"{key} is {row[key]!r}")
    return row


def run_label(path: Path, settings: dict) -> str:
    """The name of a run in tables: the folder of its metrics file, with marks of settings that are not usual (`+top-1`)."""
    strategy = settings.get("sketch_strategy", "popular")
    votes = settings.get("sketches_per_sample", 1)
    marks = {strategy: strategy != "popular", "greedy": settings.get("greedy_sketch"), f"k{votes}": votes > 1}
    marks |= {"syntax": "truncate" in settings}
    # Nothing but their names tells sample files without settings apart.
    place = Path(os.path.abspath(path)).parent.name
    place += "" if settings else f"/{path.name.removesuffix('_metrics.json')}"
    return " ".join([place, *(f"+{mark}" for mark, shown in marks.items() if shown)])


def temperature_label(settings: dict) -> str:
    """The temperatures of the stages, as `0.6/0.2`; `?` where they are not recorded."""
    return "/".join(f"{value:g}" for value in temperatures_of(settings)) or "?"


def circumstances_of(metrics: dict) -> dict:
    """The library versions and limits that verdicts rest on."""
    versions, limits = metrics.get("versions") or {}, metrics.get("limits") or {}
    return {name: versions.get(name) for name in LIBRARIES} | {f"limit {name}": value for name, value in limits.items()}


def models_of(metrics: dict) -> dict:
    """What the samples came from, by sha256: models and their tokenizers."""
    inputs = (metrics.get("sampling") or {}).get("inputs") or {}
    return {name: digest for name, digest in inputs.items() if name != "benchmark"}


def settings_of(metrics: dict) -> dict:
    """The settings of sampling: of a record, or of the flat form of earlier versions."""
    sampling = metrics.get("sampling") or {}
    return sampling.get("settings", sampling)


def temperatures_of(settings: dict) -> list[float]:
    """Of the stages, in order."""
    return [settings[key] for key in ("temperature", "temperature2") if key in settings]


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of all runs: the columns SHOWN and, where a benchmark has levels, pass@1 of each level in per cent.

    A level that is one of SHOWN is marked.
    """
    scores = [metrics.get("by_level") or {} for metrics in rows["metrics"]]
    columns = {
        level: [f"{100 * found[level]['pass@1']['value']:.2f}" if level in found else "-" for found in scores]
        for level in in_order(level for found in scores for level in found)
    }
    of_levels = pd.DataFrame(columns, index=rows.index).rename(columns={name: f"{name} (level)" for name in SHOWN})
    return pd.concat([rows[SHOWN], of_levels], axis=1)


def sweeps(rows: pd.DataFrame) -> pd.DataFrame:
    """Runs that differ in temperature alone: for every k the best score with its temperature, and the score at FIXED.

    The best temperature is chosen on the problems that are scored, as in the paper; that favours sweeps over single runs.
    """
    lines = []
    for (benchmark, run, stages, _, n, *_), group in rows.groupby(SWEEP, sort=False):
        if group["T"].nunique() > 1:
            line = {"benchmark": benchmark, "run": run, "temperatures": group["T"].nunique(), "n": n}
            fixed = group[group["T"] == "/".join([f"{FIXED:g}"] * int(stages))]
            for k in sorted({k for scores in group["scores"] for k in scores}, key=int):
                scored = [(scores[k], t) for scores, t in zip(group["scores"], group["T"], strict=True) if k in scores]
                best, at = max(scored, key=lambda pair: pair[0])  # ties: the lowest temperature
                line[f"best pass@{k} (T)"] = f"{100 * best:.2f} ({at})"
                known = [scores[k] for scores in fixed["scores"] if k in scores]
                line[f"pass@{k} at {FIXED}"] = f"{100 * known[0]:.2f}" if known else "-"
            lines.append(line)
    return pd.DataFrame(lines).fillna("-")


def stage_rows(groups: dict[str, dict]) -> list[dict[str, str]]:
    """A row for each metric of the stages, with the interval over all problems, and a column for each group."""
    lines = []
    for name, mean in groups["all"]["metrics"].items():
        low, high = mean["ci95"]
        line = {"metric": name, "all": f"{mean['value']:.3f} [{low:.3f}, {high:.3f}]", "n": str(mean["n"])}
        for group, about in groups.items():
            if group != "all":
                value = about["metrics"].get(name, {}).get("value")
                line[f"{group} ({about['problems']})"] = "-" if value is None else f"{value:.3f}"
        lines.append(line)
    return lines

"""The tables of a report: one row per evaluated sample file, one per sweep of temperatures; as text and as a page."""

import html
import json
from pathlib import Path

import pandas as pd

from pandas_numpy_eval.scoring import in_order
from scripts.reporting.cases import read_cases

FIXED = 0.2  # the temperature that is shown beside the best of a sweep
SHOWN = [
    "benchmark",
    "run",
    "stages",
    "T",
    "problems",
    "n",
    "pass@1 [95 %]",
    "pass@10",
    "pass@100",
    "ceiling",
    "sandbox",
]
DETAILS = ("by_level", "versions", "git_revision", "verdicts", "limits", "sampling", "cases")
STYLE = "body{font:15px sans-serif;margin:2em}table{border-collapse:collapse}pre{font-size:12px}"
STYLE += "td,th{padding:.3em .8em;text-align:left;border-bottom:1px solid #ddd}"


def read_rows(folder: Path) -> tuple[pd.DataFrame, list[str]]:
    """All metrics files under a folder, and a complaint for every unreadable one.

    Returns:
        One row per file, by benchmark, settings and run: the columns SHOWN (texts), `scores` (k -> pass@k in [0, 1]),
        `settings` (of sampling), `path` and `metrics`.
    """
    rows, complaints = [], []
    for path in sorted(folder.rglob("*_metrics.json")):
        try:
            rows.append(_row(path, json.loads(path.read_text())))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            complaints.append(f"{path}: left out, {type(error).__name__}: {error}; evaluate its samples again")
    order = ["benchmark", "problems", "n", "T", "stages", "run"]
    return pd.DataFrame(rows).sort_values(order) if rows else pd.DataFrame(), complaints


def _row(path: Path, metrics: dict) -> dict:
    results = path.with_name(path.name.replace("_metrics.json", "_results.jsonl"))
    sampling = metrics.get("sampling") or {}
    settings = sampling.get("settings", sampling)  # a record, or the flat form of earlier versions
    strategy = settings.get("sketch_strategy", "popular")
    marks = {strategy: strategy != "popular", "greedy": settings.get("greedy_sketch"), "syntax": "truncate" in settings}
    scores = {k[5:]: metrics[k]["value"] for k in metrics if k.startswith("pass@") and k[5:].isdigit()}
    low, high = metrics["pass@1"]["ci95"]
    return {
        "benchmark": metrics["benchmark"]["name"],
        "run": " ".join([path.parent.name, *(f"+{mark}" for mark, shown in marks.items() if shown)]),
        "stages": "2" if "temperature2" in settings else "1",
        "T": "/".join(f"{settings[key]:g}" for key in ("temperature", "temperature2") if key in settings) or "?",
        "problems": metrics["benchmark"]["evaluated"],
        "n": metrics["n"],
        "pass@1 [95 %]": f"{100 * scores['1']:.2f} [{100 * low:.1f}, {100 * high:.1f}]",
        **{f"pass@{k}": f"{100 * scores[k]:.2f}" if k in scores else "-" for k in ("10", "100")},
        "ceiling": f"{100 * metrics['ceiling']['value']:.1f}",
        "sandbox": metrics["sandbox"]["layer"],
        "scores": scores,
        "settings": json.dumps({k: v for k, v in settings.items() if not k.startswith("temperature")}, sort_keys=True),
        "path": path,
        "metrics": metrics | {"cases": read_cases(results) if results.is_file() else {}},
    }


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """The table of all runs: the columns SHOWN and, where a benchmark has levels, pass@1 of each level in per cent."""
    scores = [metrics.get("by_level") or {} for metrics in rows["metrics"]]
    columns = {
        level: [f"{100 * found[level]['pass@1']['value']:.2f}" if level in found else "-" for found in scores]
        for level in in_order(level for found in scores for level in found)
    }
    return rows[SHOWN].assign(**columns)


def sweeps(rows: pd.DataFrame) -> pd.DataFrame:
    """Runs that differ in temperature alone: for every k the best score with its temperature, and the score at FIXED.

    The best temperature is chosen on the problems that are scored, as in the paper; that favours sweeps over single runs.
    """
    lines = []
    for (benchmark, run, stages, _, n, *_), group in rows.groupby(
        ["benchmark", "run", "stages", "problems", "n", "sandbox", "settings"], sort=False
    ):
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


def page(rows: pd.DataFrame) -> str:
    """The same tables as HTML, with versions, seeds and hashes of each row."""
    details = []
    for path, metrics in zip(rows["path"], rows["metrics"], strict=True):
        about = html.escape(json.dumps({key: metrics[key] for key in DETAILS if metrics.get(key)}, indent=1))
        details.append(f"<details><summary>{html.escape(str(path))}</summary><pre>{about}</pre></details>")
    with pd.option_context("display.max_colwidth", None):
        tables = [table.to_html(index=False, border=0) for table in (shown(rows), sweeps(rows)) if len(table)]
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>pass@k</title><style>{STYLE}</style>"
        "<h1>pass@k, per cent</h1><p>Every sample was executed; the ceiling is the share of canonical solutions "
        "that pass under the same libraries. Intervals: bootstrap over problems. A level's column: its pass@1.</p>"
        f"{'<p>'.join(tables)}<p>{''.join(details)}</html>\n"
    )

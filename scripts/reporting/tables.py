"""The tables of a report: one row per evaluated sample file, one per sweep of temperatures; as text and as HTML."""

import html
import json
from dataclasses import dataclass
from pathlib import Path

from scripts.reporting.cases import read_cases

COLUMNS = ["benchmark", "run", "stages", "T", "problems", "n", "pass@1 [95 %]", "pass@10", "pass@100", "ceiling", "sandbox"]
FIXED = 0.2  # the temperature that is shown beside the best of a sweep
STYLE = "body{font:15px sans-serif;margin:2em}table{border-collapse:collapse}pre{font-size:12px}"
STYLE += "td,th{padding:.3em .8em;text-align:left;border-bottom:1px solid #ddd}"


@dataclass(frozen=True)
class Row:
    """One evaluated sample file: its metrics, its settings of sampling, and the texts of its row."""

    path: Path
    metrics: dict
    settings: dict
    cells: tuple[str, ...]


def read_rows(folder: Path) -> tuple[list[Row], list[str]]:
    """All rows under a folder, by benchmark, settings and run; and a complaint for every unreadable file."""
    rows, complaints = [], []
    for path in sorted(folder.rglob("*_metrics.json")):
        try:
            metrics = json.loads(path.read_text())
            results = path.with_name(path.name.replace("_metrics.json", "_results.jsonl"))
            metrics["cases"] = read_cases(results) if results.is_file() else {}
            sampling = metrics.get("sampling") or {}
            settings = sampling.get("settings", sampling)  # a record, or the flat form of earlier versions
            rows.append(Row(path, metrics, settings, _cells(path, metrics, settings)))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            complaints.append(f"{path}: left out, {type(error).__name__}: {error}; evaluate its samples again")
    rows.sort(key=lambda row: [row.cells[column] for column in (0, 4, 5, 3, 2, 1)])
    return rows, complaints


def _temperatures(settings: dict) -> list[float]:
    return [settings[key] for key in ("temperature", "temperature2") if key in settings]


def _cells(path: Path, metrics: dict, settings: dict) -> tuple[str, ...]:
    """The texts of one row, in the order of COLUMNS."""
    strategy = settings.get("sketch_strategy", "popular")
    marks = {strategy: strategy != "popular", "greedy": settings.get("greedy_sketch"), "syntax": "truncate" in settings}
    low, high = metrics["pass@1"]["ci95"]
    return (
        metrics["benchmark"]["name"],
        " ".join([path.parent.name, *(f"+{mark}" for mark, shown in marks.items() if shown)]),
        "2" if "temperature2" in settings else "1",
        "/".join(f"{value:g}" for value in _temperatures(settings)) or "?",
        str(metrics["benchmark"]["evaluated"]),
        str(metrics["n"]),
        f"{_percent(metrics['pass@1'])} [{100 * low:.1f}, {100 * high:.1f}]",
        *(_percent(metrics[key]) if key in metrics else "-" for key in ("pass@10", "pass@100")),
        f"{100 * metrics['ceiling']['value']:.1f}",
        metrics["sandbox"]["layer"],
    )


def _percent(entry: dict) -> str:
    return f"{100 * entry['value']:.2f}"


def sweeps(rows: list[Row]) -> list[tuple[str, ...]]:
    """A table, its header first, of runs that differ in temperature alone: for every k the best score and the fixed T's.

    The best temperature is chosen on the problems that are scored, as in the paper, which flatters it.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        same = {key: value for key, value in row.settings.items() if not key.startswith("temperature")}
        key = json.dumps([row.cells[:3], row.cells[4:6], row.cells[-1], same], sort_keys=True)
        groups.setdefault(key, []).append(row)
    groups = {key: group for key, group in groups.items() if len({row.cells[3] for row in group}) > 1}
    ks = sorted(
        {k for group in groups.values() for k in group[0].metrics if k[:5] == "pass@" and k[5:].isdigit()}, key=len
    )
    header = ["benchmark", "run", "temperatures", "n"]
    lines = [(*header, *(text for k in ks for text in (f"best {k} (T)", f"at T {FIXED}")))]
    for group in groups.values():
        fixed = next((row for row in group if set(_temperatures(row.settings)) == {FIXED}), None)
        cells = [*group[0].cells[:2], str(len(group)), group[0].cells[5]]
        for k in ks:
            scored = [row for row in group if k in row.metrics]
            best = max(scored, key=lambda row: row.metrics[k]["value"], default=None)
            cells.append(f"{_percent(best.metrics[k])} ({best.cells[3]})" if best else "-")
            cells.append(_percent(fixed.metrics[k]) if fixed in scored else "-")
        lines.append(tuple(cells))
    return lines if groups else []


def text_table(lines: list[tuple[str, ...]]) -> str:
    """An aligned table; the first line is the header."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    return "\n".join([text[0], "-" * len(text[0]), *text[1:]])


def page(rows: list[Row]) -> str:
    """The same tables as HTML, with versions, seeds and hashes below each row."""

    def tr(cells, tag="td"):
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = []
    for row in rows:
        keys = ("versions", "git_revision", "verdicts", "limits", "sampling", "cases")
        about = {key: row.metrics[key] for key in keys if row.metrics.get(key) or key != "cases"}
        details = (
            f"<summary>{html.escape(str(row.path))}</summary><pre>{html.escape(json.dumps(about, indent=1))}</pre>"
        )
        body.append(f"{tr(row.cells)}<tr><td colspan={len(COLUMNS)}><details>{details}</details></td></tr>")
    best = [tr(line, "td" if i else "th") for i, line in enumerate(sweeps(rows))]
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>pass@k</title><style>{STYLE}</style>"
        "<h1>pass@k, per cent</h1><p>Every sample was executed; the ceiling is the share of canonical solutions "
        "that pass under the same libraries. Intervals: bootstrap over problems.</p>"
        f"<table>{tr(COLUMNS, 'th')}{''.join(body)}</table><p><table>{''.join(best)}</table></html>\n"
    )

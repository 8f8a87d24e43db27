"""One table of all evaluated runs, on the terminal and as a page.

    python -m scripts.report results                         # writes results/report.html as well
    python -m scripts.report results --files data results    # and lists the files under those folders

Every number comes from a `*_metrics.json`, which only an evaluation writes. Rows of one benchmark and equal settings stand
together, so that base model and CERT can be compared.
"""

import argparse
import html
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from scripts.file_utils import write_text
from scripts.reporting.cases import read_cases

COLUMNS = (
    "benchmark",
    "model",
    "stages",
    "T",
    "problems",
    "n",
    "pass@1 [95 %]",
    "pass@10",
    "pass@100",
    "ceiling",
    "sandbox",
)
PASSING_FOLDERS = ("checkpoint-", "runs", ".")  # what a run leaves on its way


@dataclass(frozen=True)
class Row:
    """One evaluated sample file."""

    cells: tuple[str, ...]
    metrics: dict
    path: Path


def read_rows(folder: Path) -> tuple[list[Row], list[str]]:
    """All rows under a folder, ordered by benchmark, settings and model; and a complaint for every unreadable file."""
    rows, complaints = [], []
    for path in sorted(folder.rglob("*_metrics.json")):
        try:
            metrics = json.loads(path.read_text())
            results = path.with_name(path.name.replace("_metrics.json", "_results.jsonl"))
            metrics["cases"] = read_cases(results) if results.is_file() else {}
            rows.append(Row(cells_of(metrics, path), metrics, path))
        except (OSError, ValueError, KeyError, TypeError) as error:
            complaints.append(f"{path}: left out, {type(error).__name__}: {error}; evaluate its samples again")
    rows.sort(key=lambda row: (row.cells[0], row.cells[4], row.cells[5], row.cells[3], row.cells[2], row.cells[1]))
    return rows, complaints


def cells_of(metrics: dict, path: Path) -> tuple[str, ...]:
    """The texts of one row, in the order of COLUMNS."""
    sampling = metrics.get("sampling") or {}
    heat = "/".join(f"{sampling[key]:g}" for key in ("temperature", "temperature2") if key in sampling)
    first = metrics["pass@1"]
    low, high = first["ci95"]
    return (
        metrics["benchmark"]["name"],
        " ".join([path.parent.name, *_variant(sampling)]),
        "2" if "generator" in sampling else "1",
        heat or "?",
        str(metrics["benchmark"]["evaluated"]),
        str(metrics["n"]),
        f"{100 * first['value']:.2f} [{100 * low:.1f}, {100 * high:.1f}]",
        *(f"{100 * metrics[key]['value']:.2f}" if key in metrics else "-" for key in ("pass@10", "pass@100")),
        f"{100 * metrics['ceiling']['value']:.1f}",
        metrics["sandbox"]["layer"],
    )


def _variant(sampling: dict) -> list[str]:
    """What tells a row from others of its model: strategy and truncation, where they are not the paper's."""
    strategy = sampling.get("sketch_strategy", "popular")
    named = {strategy: strategy != "popular", "greedy": sampling.get("greedy_sketch"), "syntax": "truncate" in sampling}
    return [f"+{name}" for name, wanted in named.items() if wanted]


def sweeps(rows: list[Row]) -> list[str]:
    """A line for every model that was sampled at several temperatures: the best pass@1, and that at the fixed 0.2."""
    groups: dict[tuple, dict[str, float]] = {}
    for row in rows:
        benchmark, model, stages, heat, problems, n, *_ = row.cells
        groups.setdefault((benchmark, model, stages, problems, n), {})[heat] = row.metrics["pass@1"]["value"]
    lines = []
    for (benchmark, model, stages, *_), scores in groups.items():
        if len(scores) > 1:
            best = max(scores, key=scores.get)
            fixed = "0.2/0.2" if stages == "2" else "0.2"
            at_fixed = f"; at the fixed T {fixed} {100 * scores[fixed]:.2f}" if fixed in scores else ""
            found = f"best pass@1 {100 * scores[best]:.2f} at T {best}, chosen of {len(scores)} on the problems scored"
            lines.append(f"{benchmark} {model}: {found}{at_fixed}")
    return lines


def text_table(rows: list[Row]) -> str:
    """An aligned table; scores in per cent."""
    lines = [COLUMNS, *(row.cells for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([text[0], "-" * len(text[0]), *text[1:]])


def page(rows: list[Row]) -> str:
    """The same table as HTML, with versions, seeds and hashes below each row."""

    def tr(cells, tag):
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = []
    for row in rows:
        about = {key: row.metrics[key] for key in ("versions", "git_revision", "verdicts", "limits", "sampling")}
        if row.metrics["cases"]:
            about["cases"] = row.metrics["cases"]
        details = html.escape(json.dumps(about, indent=1))
        label = html.escape(str(row.path))
        body.append(tr(row.cells, "td"))
        body.append(
            f"<tr><td colspan={len(COLUMNS)}><details><summary>{label}</summary><pre>{details}</pre></details></td></tr>"
        )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>pass@k</title><style>"
        "body{font:15px sans-serif;margin:2em}table{border-collapse:collapse}"
        "td,th{padding:.3em .8em;text-align:left;border-bottom:1px solid #ddd}pre{font-size:12px}"
        "</style><h1>pass@k, per cent</h1><p>Every sample was executed; the ceiling is the share of canonical solutions "
        "that pass under the same libraries. Intervals: bootstrap over problems.</p><table>"
        f"{tr(COLUMNS, 'th')}{''.join(body)}</table></html>\n"
    )


def list_files(folders: list[Path]) -> list[str]:
    """Size and path of every file under the folders, but for checkpoints, logs and hidden files."""
    lines = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder).parts
            if path.is_file() and not any(part.startswith(PASSING_FOLDERS) for part in inside):
                lines.append(f"{path.stat().st_size:>12,}  {path}")
    return lines


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "results", type=Path, nargs="?", default=Path("results"), help="folder of runs (default: results)"
    )
    parser.add_argument("--files", type=Path, nargs="*", default=[], help="folders whose files are listed")
    args = parser.parse_args(argv)
    rows, complaints = read_rows(args.results)
    for complaint in complaints:
        print(f"warning: {complaint}", file=sys.stderr)
    if not rows:
        print(f"error: no *_metrics.json under {args.results}; run run_evaluating_codes.sh first", file=sys.stderr)
        return 1
    write_text(args.results / "report.html", page(rows))
    if args.files:
        print("\n".join(["Files made (bytes, path):", *list_files(args.files), ""]))
    print("\n".join([text_table(rows), *sweeps(rows)]))
    print(f"\nscores in per cent, every sample executed; details: {args.results / 'report.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

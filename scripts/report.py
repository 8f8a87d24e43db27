"""Print one table of all evaluated runs, and the best of each sweep of temperatures; write a report of them.

    python -m scripts.report results                         # writes report.html, report.md, report.json, report_charts/
    python -m scripts.report results --files data results    # also lists the files under those folders

Scores come from `*_metrics.json`, which only an evaluation writes; examples and sketches from `*_results.jsonl`. Rows of
one benchmark and equal settings stand together, so that base model and CERT can be compared. Where a benchmark has levels
(basic, intermediate, hard), a column for each shows the pass@1 of its problems. Equal results give equal bytes.
"""

import argparse
import sys
from pathlib import Path

from nl2code.errors import UserError, exit_status

PASSING_FOLDERS = ("checkpoint-", "runs", ".")  # intermediate files of runs


def list_files(folders: list[Path]) -> list[str]:
    """Size in bytes and path of every file under the folders, without checkpoints, logs and hidden files."""
    found = [(folder, path) for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return [
        f"{path.stat().st_size:>12,}  {path}"
        for folder, path in found
        if not any(part.startswith(PASSING_FOLDERS) for part in path.relative_to(folder).parts)
    ]


def work(argv: list[str] | None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "results",
        type=Path,
        nargs="?",
        default="results",
        help="folder of runs; the report is written into it (default: results)",
    )
    parser.add_argument(
        "--files", type=Path, nargs="*", default=[], help="folders whose files are listed as well (default: none)"
    )
    args = parser.parse_args(argv)
    from scripts.reporting.page import write_report  # here: --help needs no pandas
    from scripts.reporting.tables import read_rows, shown, sweeps

    rows, complaints = read_rows(args.results)
    for complaint in complaints:
        print(f"warning: {complaint}", file=sys.stderr)
    if rows.empty:
        raise UserError(f"no *_metrics.json under {args.results}; run run_evaluating_codes.sh first")
    write_report(rows, args.results)
    if args.files:
        print("\n".join(["Files (bytes, path):", *list_files(args.files), ""]))
    print(shown(rows).to_string(index=False))
    if len(best := sweeps(rows)):
        print(
            f"\nBest temperature of each sweep, chosen on the problems that are scored:\n{best.to_string(index=False)}"
        )
    print(f"\nscores in per cent, every sample executed; details: {args.results / 'report.html'}")


def main(argv: list[str] | None = None) -> int:
    return exit_status(lambda: work(argv))


if __name__ == "__main__":
    sys.exit(main())

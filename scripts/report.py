"""Print one table of all evaluated runs, and the best of each sweep of temperatures; write a report of them.

    python -m scripts.report results                         # writes report.html, report.md, report.json, report_charts/
    python -m scripts.report results --files data results    # also lists the files under those folders

Below the table stand the differences of runs, paired by problem, and how the two stages did.
Scores come from `*_metrics.json`, which only an evaluation writes; examples and sketches from `*_results.jsonl`. Rows of
one benchmark and equal settings stand together, so that base model and CERT can be compared. Where a benchmark has levels
(basic, intermediate, hard), a column for each shows the pass@1 of its problems. Equal results give equal bytes; where no
file changed since, the tables are printed from `report.record.json` and nothing is written.
"""

import argparse
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nl2code.errors import UserError, exit_status
from nl2code.hashes import sha256_file
from pandas_numpy_eval.data import parse_object
from pandas_numpy_eval.outputs import sample_file_of
from scripts.records import ABSENT, Record, read_record
from scripts.reporting.problem_files import benchmark_of, problem_file

if TYPE_CHECKING:
    import pandas as pd

RECORD = "report.record.json"
PAGES = ("report.html", "report.md", "report.json")
FORMAT = 5
LONGEST = 15  # rows of a table that is printed below that of all runs
FAULTS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)  # of files that someone edited
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
    results = "folder of runs; the report is written into it (default: results)"
    parser.add_argument("results", type=Path, nargs="?", default="results", help=results)
    files = "folders whose files are listed as well (default: none)"
    parser.add_argument("--files", type=Path, nargs="*", default=[], help=files)
    args = parser.parse_args(argv)
    record = Record(args.results / RECORD, "report", FORMAT, inputs_of(args.results), {})
    text = read_record(record.file)["text"] if record.is_finished() else make(record)
    if args.files:
        print("\n".join(["Files (bytes, path):", *list_files(args.files), ""]))
    print(f"{text}\n\nscores in per cent; details: {args.results / 'report.html'}")


def inputs_of(folder: Path) -> dict[str, str]:
    """sha256 of every file under a folder that a report may read, and of the problems and samples that are told of there."""
    found = sorted(path for pattern in ("*.json", "*_results.jsonl") for path in folder.rglob(pattern))
    read = [path for path in found if path.is_file() and path.name not in (RECORD, *PAGES)]
    inputs = {str(path.relative_to(folder)): sha256_file(path) for path in read}
    for path in (path for path in read if path.name.endswith("_metrics.json")):
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):  # `make` complains of it
            metrics = parse_object(path.read_bytes())
            benchmark, samples = benchmark_of(metrics), sample_file_of(path, metrics)
            digest = benchmark["sha256"] if problem_file(benchmark) else ABSENT
            inputs[f"problems of {path.relative_to(folder)}"] = digest
            if samples and samples.is_file():
                inputs[f"samples of {path.relative_to(folder)}"] = sha256_file(samples)
    return inputs


def make(record: Record) -> str:
    """Write the report and return its tables as text. Where a metrics file cannot be read, the record stays unfinished."""
    from scripts.reporting.page import CHARTS, write_report  # here: --help and a report that is up to date need none
    from scripts.reporting.tables import read_rows

    folder = record.file.parent
    rows, complaints = read_rows(folder)
    try:
        told = None if rows.empty else tell(rows, folder)
    except FAULTS:
        faulty = faults_of(rows, folder)
        if not faulty:
            raise
        complaints += faulty.values()
        rows = rows.drop(index=list(faulty))
        told = None if rows.empty else tell(rows, folder)
    for complaint in [*complaints, *(told.complaints if told else [])]:
        print(f"warning: {complaint}", file=sys.stderr)
    if told is None:
        raise UserError(f"no readable *_metrics.json under {folder}; run run_evaluating_codes.sh first")
    write_report(told.data, told.parts, folder)
    if not complaints and not told.complaints:
        outputs = [*(folder / name for name in PAGES), *(folder / CHARTS).iterdir()]
        record.finish(outputs, text=told.text)
    return told.text


@dataclass(frozen=True)
class Told:
    """All that a report tells of runs: as data, as headings with their sections, as text; and what it left out."""

    data: dict
    parts: list
    text: str
    complaints: list[str]


def tell(rows: "pd.DataFrame", folder: Path) -> Told:
    """What is told of rows of `tables.read_rows`. Raises one of FAULTS where a metrics file is not what it should be."""
    import pandas as pd

    from scripts.reporting.gather import gather
    from scripts.reporting.page import parts_of
    from scripts.reporting.tables import shown, sweeps

    complaints: list[str] = []
    data = gather(rows, folder, complaints)
    parts, texts = parts_of(data), [shown(rows).to_string(index=False)]
    if len(best := sweeps(rows)):
        title = "Best temperature of each sweep, chosen on the problems that are scored:"
        texts.append(f"{title}\n{best.to_string(index=False)}")
    printed = [(name, section) for name, sections in parts for section in sections if section.printed]
    for name, section in printed:
        for table in section.tables:
            count, frame = len(table.rows), pd.DataFrame(table.rows)
            told = f"{count} rows, see the report" if count > LONGEST else frame.to_string(index=False)
            texts.append(f"{name}: {section.heading.lower()}\n{told}")
    return Told(data, parts, "\n\n".join(texts), complaints)


def faults_of(rows: "pd.DataFrame", folder: Path) -> dict[int, str]:
    """Index -> complaint of the rows that cannot be told even alone."""
    from scripts.reporting.tables import left_out

    found = {}
    for index, path in rows["path"].items():
        try:
            tell(rows.loc[[index]], folder)
        except FAULTS as error:
            found[index] = left_out(path, error)
    return found


def main(argv: list[str] | None = None) -> int:
    return exit_status(lambda: work(argv))


if __name__ == "__main__":
    sys.exit(main())

"""Count how two-stage samples came to their answers: cases 1, 2 and 3 (`scripts/reporting/cases.py`).

    python -m scripts.cases results/Pandas/x_cert/n200_results.jsonl ...
    python -m scripts.cases X_results.jsonl --table docs/results/cases.json   # also an example of each case: README's table

1: the generator fills the sketch in. 2: the sketch that was chosen had no placeholder, so the sketcher's own text was kept.
3: the sample passes but does not follow its sketch.
"""

import argparse
import sys
from pathlib import Path

from nl2code.errors import UserError, exit_status
from scripts.file_utils import write_json
from scripts.reporting.cases import case_table, markdown, read_cases


def work(argv: list[str] | None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+", metavar="X_results.jsonl", help="results of evaluations")
    told = "write counts and an example of each case to this JSON file, and print them as a Markdown table"
    parser.add_argument("--table", type=Path, metavar="FILE.json", help=told)
    args = parser.parse_args(argv)
    if args.table and len(args.results) > 1:
        parser.error("--table takes one results file; leave the others out")
    for path in args.results:
        try:
            table = case_table(path) if args.table else {"counts": read_cases(path)}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path}: {type(error).__name__}: {error}; give a *_results.jsonl") from error
        counts = table["counts"].items()
        texts = [f"case {case}: {count['passed']} of {count['samples']} passed" for case, count in counts]
        print(f"{path}: {', '.join(texts) or 'samples of one stage'}")
        if args.table:
            write_json(args.table, table)
            print(markdown(table))


def main(argv: list[str] | None = None) -> int:
    return exit_status(lambda: work(argv))


if __name__ == "__main__":
    sys.exit(main())

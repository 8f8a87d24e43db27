"""Count how two-stage samples came to their answers: cases 1, 2 and 3 (`scripts/reporting/cases.py`).

python -m scripts.cases results/Pandas/x_cert/n200_results.jsonl ...
"""

import argparse
import sys
from pathlib import Path

from nl2code.errors import UserError, exit_status
from scripts.reporting.cases import read_cases


def work(argv: list[str] | None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+", metavar="X_results.jsonl", help="results of evaluations")
    for path in parser.parse_args(argv).results:
        try:
            counts = read_cases(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path}: {type(error).__name__}: {error}; give a *_results.jsonl") from error
        texts = [f"case {case}: {count['passed']} of {count['samples']} passed" for case, count in counts.items()]
        print(f"{path}: {', '.join(texts) or 'samples of one stage'}")


def main(argv: list[str] | None = None) -> int:
    return exit_status(lambda: work(argv))


if __name__ == "__main__":
    sys.exit(main())

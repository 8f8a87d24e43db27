"""Exercises: small programs, made from a template file of the library, as documents of a corpus.

    python -m scripts.corpus.exercises configs/exercises/Pandas.yaml -n 5    # show five programs, without running them

Four shapes in equal parts: a script with an object and commented expressions; the same with a statement that changes the
object; functions with a docstring or comment; two steps in a row. Names, columns and literals are drawn; those that the
code needs occur in its description. `prepare_corpus --kinds exercises` runs every program in the sandbox and keeps those
that end without an error or a warning. The template file is described in docs/exercises.md.
"""

import argparse
import sys
from pathlib import Path

from nl2code.errors import exit_status
from scripts.corpus.documents import Harvest, HarvestOptions, document
from scripts.corpus.exercise_programs import Writer
from scripts.corpus.exercise_templates import load
from scripts.corpus.ledger import Ledger
from scripts.corpus.run_snippets import without_failing
from scripts.corpus.sources import Member, Source
from scripts.corpus.spill import Document, Spill, sign
from scripts.decontaminate import fingerprints_from
from scripts.file_utils import PROJECT_ROOT, sha256_file

NAME, LICENCE = "exercises", "MIT"  # of the documents: the project's own
FOLDER = PROJECT_ROOT / "configs" / "exercises"
WARNINGS_FAIL = 'import warnings\nwarnings.simplefilter("error")\n'


def harvest_exercises(path: Path, count: int, seed: int, options: HarvestOptions, workers: int, file: Path) -> Harvest:
    """The documents of `count` programs, without those that hold benchmark text or do not run; texts go to a new file.

    Raises:
        UserError: the template file is wrong, or no sandbox works here.
    """
    source, writer = Source(NAME, path, LICENCE, sha256_file(path)), Writer(load(path), seed)
    found = Harvest(source, kinds={kind: Ledger(tokenizer=options.tokenizer) for kind in options.kinds})
    found.files.see()
    fingerprints = fingerprints_from(options.fingerprints, options.benchmarks)
    calls = {}
    with open(file, "wb") as stream:
        spill = Spill(stream)
        for number in range(count):
            program = writer.program()
            text = program.text
            place = f"{path.stem}/program_{number:05}.py"
            tokens = found.kinds[NAME].see(text)
            if match := fingerprints.find(text):
                found.kinds[NAME].reject(f"benchmark {match[0].split('/')[0]}: {match[1]}", tokens, place)
                continue
            row = document(NAME, source, Member(place, len(text), b""), place, LICENCE, text)
            one = spill.add(NAME, row, tokens)
            found.documents.append(one)
            calls[one] = program.calls

    def runnable(one: Document) -> str:
        return WARNINGS_FAIL + one.text() + calls[one]

    without_failing([found], NAME, options.library, workers, runnable)
    if options.near_copies:
        sign(found.documents)
    return found


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("templates", type=Path, help="template file, such as configs/exercises/Pandas.yaml")
    parser.add_argument("-n", "--number", type=int, default=10, help="number of programs to show (default: 10)")
    parser.add_argument("--seed", type=int, default=42, help="random seed (default: 42)")
    args = parser.parse_args(argv)

    def work() -> None:
        writer = Writer(load(args.templates), args.seed)
        print("\n# ---\n".join(writer.program().text for _ in range(args.number)), end="")

    return exit_status(work)


if __name__ == "__main__":
    sys.exit(main())

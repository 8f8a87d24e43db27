"""Exercises: small programs, made from a template file of the library, as documents of a corpus.

    python -m scripts.corpus.exercises configs/exercises/Pandas.yaml -n 5    # show five programs, without running them

Four shapes in equal parts: a script with an object and commented expressions; the same with a statement that changes the
object; functions with a docstring or comment; two steps in a row. Names, columns and literals are drawn; those that the
code needs occur in its description. `prepare_corpus --kinds exercises` runs every program in the sandbox and keeps those
that end without an error or a warning. The template file is described in docs/exercises.md.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from nl2code.errors import exit_status
from nl2code.hashes import sha256_file
from scripts.corpus.documents import Harvest, HarvestOptions, Row, document, gather
from scripts.corpus.exercise_programs import Writer
from scripts.corpus.exercise_templates import load
from scripts.corpus.run_snippets import without_failing
from scripts.corpus.sources import Member, Source
from scripts.corpus.spill import Document
from scripts.shell.checks import templates_file

NAME, LICENCE = "exercises", "MIT"  # of the documents: the project's own
WARNINGS_FAIL = 'import warnings\nwarnings.simplefilter("error")\n'


def harvest_exercises(path: Path, count: int, seed: int, options: HarvestOptions, workers: int, file: Path) -> Harvest:
    """The documents of `count` programs, without those that hold benchmark text or do not run; texts go to a new file.

    Raises:
        UserError: the template file is wrong, or no sandbox works here.
    """
    source, writer = Source(NAME, path, LICENCE, sha256_file(path)), Writer(load(path), seed)
    calls = {}

    def programs(new: Harvest) -> Iterator[Row]:
        new.files.see()
        for number in range(count):
            program, place = writer.program(), f"{path.stem}/program_{number:05}.py"
            calls[place] = program.calls
            row = document(NAME, source, Member(place, len(program.text), b""), place, LICENCE, program.text)
            yield NAME, row, new.kinds[NAME].see(program.text)

    def runnable(one: Document) -> str:
        return WARNINGS_FAIL + one.text() + calls[one.path]

    found = gather(source, options, file, programs)
    without_failing([found], NAME, options.library, workers, runnable)
    return found


def templates_of(args: argparse.Namespace) -> Path:
    """The template file of the exercises."""
    return templates_file(args.domain, args.exercise_templates)


def drop_without_templates(args: argparse.Namespace) -> None:
    """A preset asks for exercises in any domain; other kinds do where it has no templates."""
    others = ",".join(kind for kind in args.kinds.split(",") if kind != NAME)
    is_asked_for = {"kinds", "exercises"} & args.typed
    if others in ("", args.kinds) or args.exercise_templates or is_asked_for:
        return
    if not templates_of(args).is_file():
        print(f"corpus: note: there is no {templates_of(args)}, so the corpus has no exercises")
        args.kinds = others


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

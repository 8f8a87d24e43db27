"""Mine short commented snippets from documentation: docstrings, user guides (.rst, .md) and notebooks.

    python -m scripts.mine_docs --library pandas FILE ...      # prints the snippets

What comes out has the shape of a short answer to a question: imports, a bit of data, an English comment, the code.
Prompts and outputs are dropped; the last sentence in front of an example (or the docstring's summary) becomes the
comment and is put behind the lines that only make data; imports of well-known aliases are added where they are used,
and so are the statements of earlier sections of the same guide that define a name the snippet lacks. One snippet a
docstring, guide section or notebook section. Nothing is executed.
"""

import argparse
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from scripts.corpus.docs.sections import sections_of
from scripts.corpus.docs.snippets import Definitions, build_snippet

DOC_SUFFIXES = (".py", ".pyi", ".pyx", ".pxi", ".rst", ".md", ".ipynb")


@dataclass(frozen=True)
class Snippet:
    """A mined document and the line of the file where its section begins."""

    content: str
    line: int


def mine(path: str, text: str, library: str) -> tuple[list[Snippet], Counter]:
    """The snippets of one file that use `library`, and why the file's other sections gave none.

    Sections with an example = snippets + the sum of the counter. A file of another kind has no sections.
    """
    definitions = Definitions() if path.endswith((".rst", ".md", ".ipynb")) else None
    snippets, reasons = [], Counter()
    for section in sections_of(path, text):
        content, reason = build_snippet(section, library, definitions)
        if content is None:
            reasons[reason] += 1
        else:
            snippets.append(Snippet(content, section.line))
    return snippets, reasons


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help=f"one of {', '.join(DOC_SUFFIXES)}")
    parser.add_argument("--library", default="pandas", help="import name that a snippet must import (default: pandas)")
    args = parser.parse_args(argv)
    for path in args.files:
        try:
            snippets, reasons = mine(str(path), path.read_text(encoding="utf-8"), args.library)
        except (OSError, UnicodeDecodeError) as error:
            print(f"error: cannot read {path}: {error}", file=sys.stderr)
            return 1
        for snippet in snippets:
            print(f"# --- {path}, line {snippet.line}\n{snippet.content}")
        print(f"{path}: {len(snippets)} snippets; left out: {dict(reasons)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

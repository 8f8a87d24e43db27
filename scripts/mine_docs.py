"""Mine short commented snippets from documentation: docstrings, user guides (.rst, .md) and notebooks.

    python -m scripts.mine_docs --library pandas FILE ...      # prints the snippets

A snippet has the shape of a short answer to a question: imports, a bit of data, an English comment, the code. Prompts,
outputs and lines of IPython syntax are dropped. The last sentence in front of an example, or the docstring's summary,
becomes the comment and is put behind the lines that only make data. Imports of well-known aliases are added where they
are used, and so are the statements of earlier sections of the same guide that define a name the snippet lacks. There is
one snippet per docstring, guide section or notebook section. Nothing is executed.
"""

import argparse
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from nl2code.errors import UserError, exit_status
from scripts.corpus.docs.guides import docstring_sections, markdown_sections, rst_sections
from scripts.corpus.docs.notebooks import notebook_sections
from scripts.corpus.docs.snippets import Definitions, build_snippet

READERS = {
    **dict.fromkeys((".py", ".pyi", ".pyx", ".pxi"), docstring_sections),
    **{".rst": rst_sections, ".md": markdown_sections, ".ipynb": notebook_sections},
}
DOC_SUFFIXES = tuple(READERS)


@dataclass(frozen=True)
class Snippet:
    """A mined document and the line of the file where its section begins."""

    content: str
    line: int


def mine(path: str, text: str, library: str) -> tuple[list[Snippet], Counter]:
    """The snippets of one file that use `library`, and what was left out, by reason.

    Counted are sections with examples that gave no snippet; cells, examples and lines of IPython syntax that were cut
    from sections; a notebook that cannot be read. Other kinds of files have no sections.
    """
    reader = READERS.get(Path(path).suffix, lambda _: ())
    definitions = None if reader is docstring_sections else Definitions()
    snippets, left_out = [], Counter()
    for section in reader(text):
        if section.examples:
            content, reason = build_snippet(section, library, definitions)
            if content is None:
                left_out[reason] += 1
            else:
                snippets.append(Snippet(content, section.line))
        left_out.update(section.left_out)
    return snippets, left_out


def print_snippets(files: list[Path], library: str) -> None:
    """Print what `mine` finds; the counts go to stderr. Raises UserError for a file that cannot be read."""
    for path in files:
        try:
            snippets, left_out = mine(str(path), path.read_text(encoding="utf-8-sig"), library)
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"cannot read {path}: {error}; give files in UTF-8") from error
        for snippet in snippets:
            print(f"# --- {path}, line {snippet.line}\n{snippet.content}")
        print(f"{path}: {len(snippets)} snippets; left out: {dict(left_out)}", file=sys.stderr)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help=f"file to read: {', '.join(DOC_SUFFIXES)}")
    parser.add_argument("--library", default="pandas", help="import name that a snippet must import (default: pandas)")
    args = parser.parse_args(argv)
    sys.stdout.reconfigure(encoding="utf-8")  # as the files
    return exit_status(lambda: print_snippets(args.files, args.library))


if __name__ == "__main__":
    sys.exit(main())

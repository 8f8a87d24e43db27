"""Jupyter notebooks (versions 3 and 4): their cells, their sections of examples, and a notebook as a script."""

import json
import re
from collections import Counter
from collections.abc import Iterator

from nl2code.parsing import LINE_END, try_parse
from scripts.corpus.docs.python_lines import IPYTHON_LINES, python_only
from scripts.corpus.docs.sections import Example, Section, code_of

# A cell magic (of Jupyter, or of Databricks) that hands the cell to anything but this notebook's Python. In front of
# it stand blank lines, comments and magics that run Python.
_FOREIGN_CELL = re.compile(
    r"(?>(?:[ \t]*+(?:(?:#|%%(?:time|timeit|capture|prun|python3?|px|debug|memit|[ml]prun|pyinstrument)\b)[^\n]*+)?\n)*)"
    r"[ \t]*+(?:%%|%(?:md|scala|r|sh|fs)\b|%sql[ \t]*+$)",
    re.MULTILINE,
)

_FOREIGN_KERNEL = re.compile(  # of a notebook that names no language
    r"(?!.*py)(?:ir$|julia|bash|octave|matlab|xcpp|cling|javascript|deno|scala|almond|ruby|perl|php|gophernotes|rust|"
    r"java|kotlin|haskell|ihaskell|sas|stata|sage|sparkkernel|apache_toree|\.net|wolfram)"
)

# A code block in Markdown, up to the end of the text where nothing closes it.
_FENCED = re.compile(
    r"^[ \t]*+(`{3,}+(?=[^`\n]*+$)|~{3,}+)[^\n]*+(?s:.*?)(?:\n[ \t]*+\1[`~]*+[ \t]*+$|\Z)", re.MULTILINE
)

# A title and what underlines it.
_SETEXT = re.compile(r"^[ \t]*+([^\s|#`<-][^\n]*+)\n(?:={3,}+|-{3,}+)[ \t]*+$", re.MULTILINE)


def notebook_sections(text: str) -> Iterator[Section]:
    """Split a notebook at the headings in its Markdown cells; a code cell is an example."""
    cells, left_out = notebook_cells(text)
    section, prose = Section(1, left_out=left_out), ""
    for number, (kind, source) in enumerate(cells or [], start=1):
        if kind == "code":
            section.examples.append(Example(code_of(source.split("\n")), prose))
            prose = ""
            continue
        if kind == "other":
            continue
        source = _SETEXT.sub(r"# \1\n", _FENCED.sub("", source))
        paragraphs = [paragraph.strip() for paragraph in source.split("\n\n") if paragraph.strip()]
        if any(paragraph.startswith("#") for paragraph in paragraphs):
            yield section
            section = Section(number)
        plain = [paragraph for paragraph in paragraphs if not paragraph.startswith(("#", "|", "<"))]
        prose = " ".join(plain[-1].split()) if plain else ""
    yield section


def notebook_code(text: str) -> tuple[str | None, Counter]:
    """(a notebook as a script, its parts that were left out by reason); no script where the file is no notebook.

    Markdown becomes comments; a cell that is left out leaves an empty line.
    """
    cells, left_out = notebook_cells(text)
    if cells is None:
        return None, left_out
    parts = []
    for kind, source in cells:
        if kind == "markdown":
            source = "\n".join(f"# {line}".rstrip() for line in source.strip("\n").split("\n"))
        elif kind == "code":
            source, ipython_lines = python_only(code_of(source.split("\n")))
            if try_parse(source) is None:
                source, ipython_lines = "", 0
                left_out["cell that does not parse"] += 1
            left_out += Counter({IPYTHON_LINES: ipython_lines})
        parts.append(source)
    return "\n\n".join(parts) + "\n", left_out


def notebook_cells(text: str) -> tuple[list[tuple[str, str]] | None, Counter]:
    """((kind, source) of the cells, the number of cells left out by reason); no cells where the file is no notebook.

    The kind is `code`, `markdown`, or `other` with an empty source: cells of other languages, damaged ones, raw ones,
    which alone are not counted.
    """
    try:
        book = json.loads(text.removeprefix("\ufeff"))
        cells = list.copy(book["cells"]) if "cells" in book else _cells_of_version_3(book)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None, Counter({"notebook that cannot be read": 1})
    metadata = book.get("metadata")
    language = _text_at(metadata, "kernelspec", "language") or _text_at(metadata, "language_info", "name")
    language = language or ("other" if _FOREIGN_KERNEL.match(_text_at(metadata, "kernelspec", "name")) else "python")
    found, left_out = [], Counter()
    for cell in cells:
        kind, source, reason = _text_at(cell, "cell_type"), _source_of(cell), ""
        cell_language = _text_at(cell, "metadata", "vscode", "languageId") or _text_at(cell, "metadata", "kernel")
        if kind not in ("code", "markdown", "raw") or source is None:
            reason = "cell that cannot be read"
        elif kind == "code" and ("py" not in (cell_language or language) or _FOREIGN_CELL.match(source)):
            reason = "cell of another language"
        if reason:
            left_out[reason] += 1
        found.append(("other", "") if reason or kind == "raw" else (kind, source))
    return found, left_out


def _cells_of_version_3(book: dict) -> list:
    """The cells of all worksheets, as version 4 writes them."""
    cells = [cell for sheet in book["worksheets"] for cell in sheet["cells"]]
    for cell in filter(lambda cell: isinstance(cell, dict), cells):
        if cell.get("cell_type") == "code":
            cell |= {"source": cell.get("input"), "metadata": {"kernel": cell.get("language")}}
        elif cell.get("cell_type") == "heading":
            title = _source_of(cell)
            cell |= {"cell_type": "markdown", "source": title and f"# {title}"}
    return cells


def _source_of(cell: dict) -> str | None:
    """The text of a cell, which may be a list of strings; None where it is missing or no text that Python can read."""
    try:
        source = cell["source"]
        if isinstance(source, list):  # some tools leave out the line ends of all lines
            source = ("" if any(line.endswith(("\n", "\r")) for line in source[:-1]) else "\n").join(source)
        source = LINE_END.sub("\n", source).removeprefix("\ufeff")
        source.encode()  # no lone surrogates
    except (AttributeError, KeyError, TypeError, UnicodeEncodeError):
        return None
    return None if "\0" in source else source


def _text_at(value: object, *keys: str) -> str:
    """The string below nested keys in lower case; empty where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value.lower() if isinstance(value, str) else ""

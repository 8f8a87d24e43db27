"""Pairs of a description and its code, for any target language: reading files of them, and the documents they become.

A row has the columns `text` and `code`, or `question` and `answer`, in upper or lower case; other columns are not read.
Files: .csv (commas, with a line of column names) and JSON lines, plain, .gz or .zst, in UTF-8. A pair's document is its
prompt, which is the text as comment lines, followed by its code.
"""

import argparse
import csv
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nl2code.errors import UserError
from nl2code.parsing import LINE_END
from scripts.corpus.ledger import Ledger
from scripts.corpus.lines import read_lines, read_objects

COLUMNS = (("text", "code"), ("question", "answer"))


@dataclass(frozen=True)
class Pair:
    """A description and its code, without blank lines around them."""

    text: str
    code: str
    place: str  # file:line; in CSV the line where the row ends; file:first-last of broken CSV
    content: str | None = None  # its document, where the file is a corpus that was made from pairs

    @property
    def key(self) -> str:
        """What equal texts share: letter case and white space do not count."""
        return squeezed(self.text).casefold()

    def prompt(self, comment: str) -> str:
        r"""The text as comment lines.

        >>> Pair("Count users\nby city", "SELECT 1", "a:1").prompt("--")
        '-- Count users\n-- by city\n'
        """
        return "".join(f"{comment} {line}".strip() + "\n" for line in LINE_END.split(self.text))

    def document(self, comment: str) -> str:
        """Prompt and code."""
        return self.prompt(comment) + self.code


def squeezed(text: str) -> str:
    """The text with every run of white space as one blank."""
    return " ".join(text.split())


def parse_with_comment(parser: argparse.ArgumentParser, argv: list[str] | None) -> argparse.Namespace:
    """The flags, and `--comment`, which may be `--`: argparse itself takes that for the end of the flags."""
    about = "what begins a comment line of the language, such as #, -- or //"
    parser.add_argument("--comment", default="#", type=str.strip, help=about)
    words = sys.argv[1:] if argv is None else argv
    values = {f"--comment{end}" for end in ("=--", " --")}
    pairs = zip(["", *words], words, strict=False)
    return parser.parse_args([f"{w} " if {w, f"{before} {w}"} & values else w for before, w in pairs])


def read_pairs(files: list[Path], why_not: Callable[[Pair], str]) -> tuple[list[Pair], dict[str, dict]]:
    """The pairs for which `why_not` is empty, and for each file its rows, its pairs, and what was left out, with places.

    Raises:
        UserError: there is no pair in all files.
    """
    pairs, account = [], {}
    for file in files:
        ledger, before = Ledger(str(file)), len(pairs)
        for row, place in (csv_rows if ".csv" in map(str.lower, file.suffixes) else _json_rows)(file, ledger):
            pair = row if isinstance(row, str) else _pair(row, place)
            if reason := pair if isinstance(pair, str) else why_not(pair):
                ledger.reject(reason, place=place)
            else:
                pairs.append(pair)
        account[str(file)] = {"rows": ledger.seen, "pairs": len(pairs) - before, "left_out": ledger.left_out()}
    if not pairs:
        raise UserError(f"no pairs found; give rows with text and code, or QUESTION and ANSWER: {summary(account)}")
    return pairs, account


def summary(account: dict[str, dict]) -> str:
    """A line for each file."""
    lines = []
    for file, facts in account.items():
        reasons = [f"{of['count']} {why} ({', '.join(of['examples'])})" for why, of in facts["left_out"].items()]
        lines.append("; ".join([f"{file}: {facts['rows']} rows, {facts['pairs']} pairs", *reasons]))
    return "\n".join(lines)


def _json_rows(file: Path, ledger: Ledger) -> Iterator[tuple[dict | str, str]]:
    """(row, place); a row that is damaged is the reason."""
    for number, row in enumerate(read_objects(file, ledger), 1):
        yield row, f"{file}:{number}"


def csv_rows(file: Path, ledger: Ledger) -> Iterator[tuple[dict | str, str]]:
    """(row, place); a row that is broken is the reason."""
    csv.field_size_limit(sys.maxsize)  # a cell above the limit would be read on as rows of its own
    damage = Ledger()
    lines = (line.decode("utf-8", "surrogateescape").removeprefix("\ufeff") for line in read_lines(file, damage))
    reader = csv.DictReader(lines, strict=True)  # else a quote that is never closed swallows the rest
    while True:
        first = reader.reader.line_num + 1  # the DictReader's own number stays behind where a row is broken
        try:
            while reader.fieldnames is not None and not any(map(str.strip, reader.fieldnames)):
                reader.fieldnames = None  # blank lines above the names of the columns
            row = next(reader, None)
        except csv.Error as error:
            row = f"broken CSV ({error})"
        if row is None:
            break
        last = reader.reader.line_num
        is_span = isinstance(row, str) and last > first
        if not isinstance(row, str) and any(
            row.pop(None, ())
        ):  # a comma without quotes: the code would be cut off there
            row = "more cells than columns"
        ledger.see()
        yield row, f"{file}:{first}-{last}" if is_span else f"{file}:{last}"
    for reason in damage.rejected:
        ledger.see()
        yield reason, f"{file}:{reader.line_num}"


def _pair(row: dict, place: str) -> Pair | str:
    """The pair, or why there is none."""
    cells = {str(name).strip().lower(): value for name, value in row.items()}
    columns = next((names for names in COLUMNS if cells.keys() >= set(names)), ())
    for name in columns:
        if not isinstance(cells[name], str) or not cells[name].strip():
            return f"no {name}"
        try:
            cells[name].encode()
        except UnicodeEncodeError:
            return "no valid UTF-8"
    if not columns:
        return "without the columns"
    text, code = (cells[name] for name in columns)
    content = cells.get("content") if "path" in cells else None  # a column of that name alone is not ours
    return Pair(text.strip(), code.strip("\r\n").rstrip(), place, content)

"""Rows of data sets as files of a corpus: of local files, and of hub ids, which the `datasets` library reads in a stream.

    dataset:rows.jsonl                    .jsonl, .json, .parquet, .csv, .arrow, plain or .gz or .zst; or a folder of them
    dataset:owner/name                    a hub id; also owner/name@revision
    dataset:owner/name:validation         another split than train

Of a folder, files whose path names another split (`test-0.parquet`, `dev/a.csv`; see SPLITS) are left out and counted.
A row is one document: Python, unless its path ends like a guide or a notebook. With `text` and `code` it is a pair: the
text as a comment above the code. Else `content` (or `code`, or `text`) is its text. The other columns are optional
(COLUMNS); a row without a licence has the licence `unknown`, without a repository the data set's name. Stars that are no
number, or negative, count as 0. Empty cells of CSV are none.
"""

import ast
import glob
import json
import os
import re
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from itertools import chain, islice, takewhile
from pathlib import Path

from nl2code.errors import UserError, first_line
from nl2code.hashes import sha256_file
from nl2code.parsing import try_parse
from scripts.corpus.ledger import Ledger
from scripts.corpus.licences import UNKNOWN
from scripts.corpus.lines import NO_OBJECT, files_below, open_corpus, read_objects
from scripts.corpus.pairs import csv_rows
from scripts.corpus.sources import Member, Source, readable

PREFIX = "dataset:"
BUILDERS = {".jsonl": "json", ".json": "json", ".parquet": "parquet", ".csv": "csv", ".arrow": "arrow"}
COLUMNS = {  # ours first, then those of published data sets of code
    "content": ("content", "code", "text"),
    "repository": ("repo_name", "repository_name", "max_stars_repo_name"),
    "path": ("path", "max_stars_repo_path"),
    "licence": ("license", "licenses", "max_stars_repo_licenses", "detected_licenses"),
    "stars": ("stars", "max_stars_count", "star_events_count"),
}
SPLITS = {  # names of a split in paths, as the `datasets` library knows them
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "evaluation", "eval"),
}
COMMENT_WIDTH = 100


def resolve_dataset(spec: str) -> Source:
    """The source that `dataset:...` stands for; of a hub id the revision is looked up, unless it is given.

    Raises:
        UserError: there is no such file, and no such data set in reach.
    """
    rest = spec.removeprefix(PREFIX)
    is_name = ":" not in rest or os.path.exists(os.path.expanduser(rest))  # a path may hold a colon
    name, _, split = (rest, "", "") if is_name else rest.rpartition(":")
    split = split or "train"
    part = "" if split == "train" else f":{split}"  # two splits are two sources
    path = Path(name).expanduser().absolute()
    if path.exists():
        if path.is_file() and builder_of(path) is None:
            raise UserError(f"source {spec} does not end in {', '.join(BUILDERS)}; convert it to one of these")
        files = local_files(path, split)
        if split not in files.values():
            others = " or ".join(f":{other}" for other in sorted(set(files.values())))
            advice = f"add {others} to read its other files" if files else "give another path"
            raise UserError(f"no file ({', '.join(BUILDERS)}) of the split {split} below {path}; {advice}")
        lines = "".join(f"{file.relative_to(path)}\0{sha256_file(file)}\n" for file in files)
        total = sha256(lines.encode("utf-8", "surrogateescape"))
        identity = f"{total.hexdigest()}:{split}"
        return Source(readable(path.name) + part, path, UNKNOWN, identity, dataset=(str(path), "", split))
    name, _, revision = name.partition("@")
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise UserError(f"source {spec} is neither a path that exists nor a hub id owner/name")
    if not revision:
        from huggingface_hub import HfApi

        try:
            revision = HfApi().dataset_info(name).sha
        except Exception as error:  # of the network, of the hub, of the id
            reason = str(error).strip().partition("\n")[0]
            raise UserError(f"cannot look up data set {name}: {reason}; check the id, or give @revision") from error
    what = {"version": revision, "dataset": (name, revision, split)}
    return Source(name + part, Path(name), UNKNOWN, f"{revision}:{split}", **what)


def builder_of(path: Path) -> str | None:
    """The module of `datasets` that reads a file, by its name."""
    return BUILDERS.get(Path(path.name.lower().removesuffix(".gz").removesuffix(".zst")).suffix)


def local_files(path: Path, split: str) -> dict[Path, str]:
    """The file, or the data files below a folder -> the split that each belongs to: train where its path names none."""
    if path.is_file():
        return {path: split}
    names = {split.lower(): split} | {name: of for of, some in SPLITS.items() for name in some}
    named = re.compile(rf"(?i)(?<![a-z])({'|'.join(map(re.escape, names))})(?![a-z])")

    def split_of(file: Path) -> str:
        match = named.search(str(file.relative_to(path)))
        return names[match[1].lower()] if match else "train"

    return {file: split_of(file) for file in files_below(path) if builder_of(file)}


def dataset_members(source: Source, most: int | None) -> Iterator[Member]:
    """The first `most` rows as files. Nothing is downloaded as a whole. Raises UserError where they cannot be read."""
    name, revision, split = source.dataset
    files = {} if revision else local_files(source.path, split)
    for file, other in files.items():
        if other != split:
            yield Member(readable(file.relative_to(source.path)), 0, b"", broken=f"file of the split {other}")
    local = (with_place(file, file_rows(file)) for file, other in files.items() if other == split)
    rows = with_place(source.path, hub_rows(name, split, revision=revision)) if revision else chain.from_iterable(local)
    for number, row in enumerate(islice(rows, most), start=1):
        broken = Member(f"row-{number}", 0, b"", broken=row) if isinstance(row, str) else None
        yield broken or member_of(row, number)


def with_place(place: Path, rows: Iterator[dict | str]) -> Iterator[dict | str]:
    """The rows. Raises UserError, with the place, for whatever the many readers raise."""
    try:
        yield from rows
    except Exception as error:
        reason = first_line(error.__cause__ or error)
        raise UserError(f"cannot read source {place}: {reason}; replace the file and run again") from error


def file_rows(file: Path) -> Iterator[dict | str]:
    """The rows of a local file; what is wrong in place of a broken one."""
    builder = builder_of(file)
    if builder == "json":
        yield from json_rows(file)
    elif builder == "csv":
        for row, _ in csv_rows(file, Ledger()):
            yield row if isinstance(row, str) else typed(row)
    else:
        yield from hub_rows(builder, "train", data_files={"train": glob.escape(str(file))})


def typed(row: dict[str, str | None]) -> dict:
    """A row of CSV, where all cells are text: empty ones are none, stars are numbers."""
    cells: dict = {name: cell or None for name, cell in row.items()}
    for name in cells.keys() & set(COLUMNS["stars"]):
        with suppress(TypeError, ValueError):
            cells[name] = float(cells[name])
    return cells


def hub_rows(name: str, split: str, **options: object) -> Iterator[dict]:
    """The rows of a split that the `datasets` library reads."""
    from datasets import load_dataset

    yield from load_dataset(name, split=split, streaming=True, **options)


def is_json_array(path: Path) -> bool:
    """Whether a JSON file is one array, no file of lines."""
    with open_corpus(path) as stream:
        return stream.read(100).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"["


def json_rows(path: Path) -> Iterator[dict | str]:
    """The objects of a file of JSON lines or of one array, with whatever fields; what is wrong in place of a broken one.

    The `datasets` library takes the fields and types of the first megabytes for those of all, and refuses the file else.
    """
    if ".jsonl" not in path.name and is_json_array(path):
        with open_corpus(path) as stream:
            rows = json.loads(stream.read().decode("utf-8-sig"))
        yield from (row if isinstance(row, dict) else NO_OBJECT for row in rows)
        return
    ledger = Ledger()
    yield from read_objects(path, ledger)
    yield from ledger.rejected  # damaged compression


def member_of(row: dict, number: int) -> Member:
    """One row as a file; a row without text is an empty one."""

    def column(kind: str) -> object:
        return next((row[name] for name in COLUMNS[kind] if row.get(name) is not None), None)

    text, code = row.get("text"), row.get("code")
    is_pair = isinstance(text, str) and isinstance(code, str)
    content = commented(text, code) if is_pair else column("content")
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else b""
    licence, stars = column("licence") or "", column("stars")
    counts = isinstance(stars, int | float) and -1e30 <= stars <= 1e30
    return Member(
        str(column("path") or f"row-{number}.py"),
        len(data),
        data,
        repository=str(column("repository") or ""),
        licence=" AND ".join(map(str, filter(None, licence))) if isinstance(licence, list) else str(licence),
        stars=max(0, int(stars)) if counts else 0,
        is_pair=is_pair,
    )


def commented(text: str, code: str) -> str:
    """A description above its code; import lines at the top of the code stay above the description.

    >>> commented("Add a\\n row", "import pandas as pd\\ndf.loc[1] = 2\\n")
    'import pandas as pd\\n# Add a row\\ndf.loc[1] = 2\\n'
    """
    lines = code.strip("\n").split("\n")
    tree = try_parse("\n".join(lines))
    if tree:
        imports = list(takewhile(lambda node: isinstance(node, (ast.Import, ast.ImportFrom)), tree.body))
        first = imports[-1].end_lineno if imports else 0
    else:
        first = next((i for i, line in enumerate(lines) if not line.startswith(("import ", "from "))), len(lines))
    margin = {"initial_indent": "# ", "subsequent_indent": "# "}
    comment = textwrap.wrap(" ".join(text.split()), COMMENT_WIDTH, **margin, break_long_words=False)
    return "\n".join([*lines[:first], *comment, *lines[first:]]) + "\n"

"""Rows of data sets as files of a corpus: local files and hub ids, read in a stream by the `datasets` library.

    dataset:rows.jsonl                    .jsonl, .json, .parquet, .csv, .arrow, plain or .gz or .zst; or a folder of them
    dataset:owner/name                    a hub id; also owner/name@revision
    dataset:owner/name:validation         another split than train

A row is one document. With `text` and `code` it is a pair: the text as a comment above the code. Else `content` (or
`code`, or `text`) is the text of a Python file. The other columns are optional (COLUMNS); a row without a licence of its
own has the licence `unknown`, without a repository the data set's name.
"""

import textwrap
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from scripts.corpus.sources import UNKNOWN, Member, Source, SourceError, folder_sha256
from scripts.file_utils import sha256_file

PREFIX = "dataset:"
BUILDERS = {".jsonl": "json", ".json": "json", ".parquet": "parquet", ".csv": "csv", ".arrow": "arrow"}
COLUMNS = {  # ours first, then those of published data sets of code
    "content": ("content", "code", "text"),
    "repository": ("repo_name", "repository_name", "max_stars_repo_name"),
    "path": ("path", "max_stars_repo_path"),
    "licence": ("license", "licenses", "max_stars_repo_licenses", "detected_licenses"),
    "stars": ("stars", "max_stars_count", "star_events_count"),
}
COMMENT_WIDTH = 100


def resolve_dataset(spec: str) -> Source:
    """The source that `dataset:...` stands for; of a hub id the revision is looked up, unless it is given.

    Raises:
        SourceError: there is no such file, and no such data set in reach.
    """
    name, _, split = spec.removeprefix(PREFIX).partition(":")
    split = split or "train"
    path = Path(name).expanduser().absolute()
    if path.exists():
        if path.is_file() and builder_of(path) is None:
            raise SourceError(f"source {spec} does not end in {', '.join(BUILDERS)}; convert it to one of these")
        content = sha256_file(path) if path.is_file() else folder_sha256(path)
        return Source(path.name, path, UNKNOWN, f"{content}:{split}", dataset=(str(path), "", split))
    name, _, revision = name.partition("@")
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise SourceError(f"source {spec} is neither a path that exists nor a hub id owner/name")
    if not revision:
        from huggingface_hub import HfApi

        try:
            revision = HfApi().dataset_info(name).sha
        except Exception as error:  # of the network, of the hub, of the id
            reason = str(error).strip().partition("\n")[0]
            raise SourceError(f"cannot look up data set {name}: {reason}; check the id, or give @revision") from error
    return Source(name, Path(name), UNKNOWN, f"{revision}:{split}", revision, dataset=(name, revision, split))


def builder_of(path: Path) -> str | None:
    """The module of `datasets` that reads a file, by its name."""
    name = path.name.removesuffix(".gz").removesuffix(".zst")
    return next((builder for ending, builder in BUILDERS.items() if name.endswith(ending)), None)


def dataset_members(source: Source, most: int | None) -> Iterator[Member]:
    """The first `most` rows as files. Raises SourceError where they cannot be read."""
    try:
        for number, row in enumerate(islice(stream(*source.dataset), most), start=1):
            yield member_of(row, number)
    except Exception as error:  # datasets passes on what its many readers raise
        reason = (str(error.__cause__ or error).strip() or type(error).__name__).partition("\n")[0]
        raise SourceError(f"cannot read source {source.path}: {reason}; replace the file and run again") from error


def stream(name: str, revision: str, split: str) -> Iterator[dict]:
    """Rows of a local file, a local folder or a hub id; nothing is downloaded as a whole."""
    from datasets import load_dataset

    path = Path(name)
    if path.is_file():
        rows = load_dataset(builder_of(path), data_files={split: name}, split=split, streaming=True)
    else:
        rows = load_dataset(name, revision=revision or None, split=split, streaming=True)
    return iter(rows)


def member_of(row: dict, number: int) -> Member:
    """One row as a file; a row without text is an empty one."""

    def column(kind: str) -> object:
        return next((row[name] for name in COLUMNS[kind] if row.get(name) is not None), None)

    text, code = row.get("text"), row.get("code")
    is_pair = isinstance(text, str) and isinstance(code, str)
    content = commented(text, code) if is_pair else column("content")
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else b""
    licence = column("licence") or ""
    stars = column("stars")
    return Member(
        str(column("path") or f"row-{number}.py"),
        len(data),
        lambda: data,
        repository=str(column("repository") or ""),
        licence=" AND ".join(map(str, licence)) if isinstance(licence, list) else str(licence),
        stars=int(stars) if isinstance(stars, int | float) and stars > 0 else 0,
        is_pair=is_pair,
    )


def commented(text: str, code: str) -> str:
    """A description above its code; import lines at the top of the code stay above the description.

    >>> commented("Add a\\n row", "import pandas as pd\\ndf.loc[1] = 2\\n")
    'import pandas as pd\\n# Add a row\\ndf.loc[1] = 2\\n'
    """
    lines = code.strip("\n").split("\n")
    first = next((i for i, line in enumerate(lines) if not line.startswith(("import ", "from "))), len(lines))
    comment = textwrap.wrap(
        " ".join(text.split()), COMMENT_WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False
    )
    return "\n".join([*lines[:first], *comment, *lines[first:]]) + "\n"

"""Where a corpus comes from: archives and folders are read in memory, never extracted, imported or executed."""

import importlib.metadata
import importlib.util
import os
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from scripts.fetch import load_sources, source_entry
from scripts.file_utils import sha256_file

ARCHIVES = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar", ".zip", ".whl")
SINGLE_FILES = (".py", ".ipynb")
MAX_BYTES = 1_000_000
VENDORED = {"_vendor", "vendor", "vendored", "vendored-meson", "subprojects", "third_party", "externals", "_external"}
SKIPPED_FOLDERS = {"__pycache__", "node_modules", "build", "dist"}
PERMISSIVE = re.compile(
    r"(the )?(mit|mit-0|mit license|expat|(new |3-clause |modified |simplified )?bsd( license)?|"
    r"bsd[- ]?[0123][- ]?clause( license)?|"
    r"0bsd|isc( license)?( \(iscl\))?|apache([- ]?2(\.0)?)?|apache software license|apache license,? (version )?2\.0|"
    r"zlib|cc0-1\.0|unlicense|the unlicense.*|psf-2\.0|python-2\.0|python software foundation license|bsl-1\.0|hpnd)"
)
LICENCE_TEXTS = (
    ("GPL", re.compile(r"GNU (AFFERO |LESSER |LIBRARY )?GENERAL PUBLIC LICENSE", re.IGNORECASE)),
    ("Apache-2.0", re.compile(r"Apache License\s+Version 2\.0", re.IGNORECASE)),
    ("BSD-3-Clause", re.compile(r"Redistribution and use in source and binary forms", re.IGNORECASE)),
    ("MIT", re.compile(r"Permission is hereby granted, free of charge, to any person obtaining a copy")),
)
SPDX = re.compile(r"SPDX-License-Identifier:\s*([^\n\"'*]+)")
UNKNOWN = "unknown"
INSTALLED = "installed:"


class SourceError(Exception):
    """A source that does not exist or cannot be read; the message is one line."""


@dataclass(frozen=True)
class Source:
    """One repository of files, or a data set of them.

    Attributes:
        path: an archive, a folder or a file.
        sha256: identifies its content.
        listed: whether it is an entry of sources.json.
        dataset: path or hub id, revision, split of a data set (see `scripts.corpus.dataset_rows`).
    """

    name: str
    path: Path
    licence: str
    sha256: str
    version: str = ""
    listed: bool = False
    dataset: tuple[str, str, str] | None = None


@dataclass(frozen=True)
class Member:
    """A regular file of a source; `path` is relative to the repository. A row of a data set brings its own facts."""

    path: str
    size: int
    read: Callable[[], bytes]
    repository: str = ""
    licence: str = ""
    stars: int = 0
    is_pair: bool = False  # a description and its code


def resolve(spec: str, downloads: Path) -> Source:
    """The source that a name of sources.json or a path stands for. A listed file need not be there yet."""
    if any(spec == entry["name"] for entry in load_sources()):
        entry = source_entry(spec)
        if entry["kind"] == "wheel" and not entry["domains"]:
            raise SourceError(f"source {spec!r} is a model, not code; give code sources")
        path = downloads / entry["filename"]
        return Source(spec, path, entry["licence"], entry["sha256"], entry["version"], listed=True)
    if spec.startswith(INSTALLED):
        return installed(spec.removeprefix(INSTALLED))
    path = Path(spec).expanduser().absolute()
    if not path.exists():
        names = ", ".join(entry["name"] for entry in load_sources() if entry["domains"])
        raise SourceError(f"unknown source {spec!r}: neither a path that exists nor one of {names}")
    if path.is_file() and not path.name.endswith(ARCHIVES + SINGLE_FILES):
        raise SourceError(f"source {spec} is no folder and does not end in {', '.join(ARCHIVES + SINGLE_FILES)}")
    name = path.name
    for suffix in ARCHIVES:
        name = name.removesuffix(suffix)
    try:
        found = Source(name, path, UNKNOWN, sha256_file(path) if path.is_file() else folder_sha256(path))
        return Source(name, path, stated_licence(found), found.sha256)
    except OSError as error:
        raise SourceError(f"cannot read source {spec}: {error.strerror or error}") from error


def installed(name: str) -> Source:
    """A package of the running Python's site-packages, by its import name; it is not imported."""
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    distributions = importlib.metadata.packages_distributions().get(name)
    if spec is None or not spec.submodule_search_locations or not distributions:
        raise SourceError(f"unknown source {INSTALLED}{name}: no package of that import name is installed here")
    folder = Path(spec.submodule_search_locations[0])
    metadata = importlib.metadata.metadata(distributions[0])
    licence = metadata_licence(str(metadata).partition("\n\n")[0]) or UNKNOWN
    return Source(name, folder, licence, folder_sha256(folder), metadata["Version"])


def folder_sha256(folder: Path) -> str:
    """One hash for the names and contents of all files that `members` gives."""
    total = sha256()
    for member in folder_members(folder):
        total.update(f"{member.path}\0{sha256(member.read()).hexdigest()}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def members(source: Source) -> Iterator[Member]:
    """The regular files of a source, in a fixed order. Raises SourceError on a damaged archive."""
    try:
        if source.path.is_dir():
            yield from folder_members(source.path)
        elif source.path.name.endswith((".zip", ".whl")):
            yield from zip_members(source.path)
        elif source.path.name.endswith(ARCHIVES):
            yield from tar_members(source.path)
        else:
            yield Member(source.path.name, source.path.stat().st_size, source.path.read_bytes)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        raise SourceError(f"cannot read source {source.path}: {error}; replace the file and run again") from error


def folder_members(folder: Path) -> Iterator[Member]:
    """Files below a folder, without hidden folders, caches, build output and links."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in SKIPPED_FOLDERS)
        for name in sorted(files):
            path = Path(parent, name)
            if path.is_file() and not path.is_symlink():
                yield Member(path.relative_to(folder).as_posix(), path.stat().st_size, path.read_bytes)


def zip_members(path: Path) -> Iterator[Member]:
    """Files of a zip archive or wheel."""
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                yield Member(info.filename, info.file_size, lambda info=info: archive.read(info))


def tar_members(path: Path) -> Iterator[Member]:
    """Files of a tar archive; the folder around all files of a source distribution is left out of the paths."""
    with tarfile.open(path) as archive:
        for info in archive:
            if info.isfile():
                inner = info.name.removeprefix("./").partition("/")[2] or info.name
                yield Member(inner, info.size, lambda info=info: archive.extractfile(info).read())


def text_of(member: Member) -> tuple[str | None, str]:
    """(text, "") of a member, or (None, reason)."""
    if member.size > MAX_BYTES:
        return None, "larger than 1 MB"
    if VENDORED & set(member.path.split("/")[:-1]):
        return None, "vendored from elsewhere"
    try:
        text = member.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        return None, "not UTF-8"
    return (None, "binary") if "\0" in text else (text.replace("\r\n", "\n").replace("\r", "\n"), "")


def stated_licence(source: Source) -> str:
    """The licence that a source given by path states: in its package metadata, else in a licence file at its top."""
    found, stated = UNKNOWN, None
    for member in members(source):
        parts = member.path.split("/")
        name = parts[-1].upper()
        metadata = name == "METADATA" or (name == "PKG-INFO" and len(parts) == 1)
        licence_file = len(parts) == 1 and name.startswith(("LICENSE", "LICENCE", "COPYING"))
        if not (metadata or licence_file) or member.size > MAX_BYTES:
            continue
        text = member.read().decode("utf-8", "replace")
        if metadata:
            if stated is not None:
                raise SourceError(
                    f"source {source.path} holds several packages, each with its licence; "
                    f"give them one by one, as {INSTALLED}NAME"
                )
            stated = metadata_licence(text.partition("\n\n")[0])
        if licence_file:
            found = next((licence for licence, pattern in LICENCE_TEXTS if pattern.search(text)), found)
    return stated or found


def metadata_licence(header: str) -> str:
    """The licence of package metadata: the SPDX expression, else the classifiers, else the free field."""
    fields = (r"License-Expression: *(.+)", r"Classifier: License ::(?: OSI Approved ::)? *(.+)", r"License: *(.+)")
    for pattern in fields:
        found = [value.strip() for value in re.findall(f"^{pattern}$", header, re.MULTILINE)]
        found = [value for value in found if value not in ("UNKNOWN", "OSI Approved")]
        if found:
            return " AND ".join(found)
    return ""


def licence_of(text: str, member: Member, source: Source) -> str:
    """The licence of one file: what its own SPDX line says, else its row's, else the source's."""
    stated = SPDX.search(text[:2000])
    return stated[1].strip() if stated else member.licence or source.licence


def is_permissive(expression: str) -> bool:
    """Whether a licence expression is known to be permissive: all parts around AND, at least one around OR.

    >>> is_permissive("BSD AND MIT"), is_permissive("GPL-3.0 OR MIT"), is_permissive("(MIT OR ISC) AND GPL-3.0")
    (True, True, False)
    """
    expression = expression.strip()
    if PERMISSIVE.fullmatch(expression.lower()):
        return True
    for operator, decide in (("OR", any), ("AND", all)):
        parts = split_outside(expression, operator)
        if len(parts) > 1:
            return decide(map(is_permissive, parts))
    return expression.startswith("(") and expression.endswith(")") and is_permissive(expression[1:-1])


def split_outside(expression: str, operator: str) -> list[str]:
    """Split at an operator where no parenthesis is open."""
    parts, depth = [""], 0
    for token in re.findall(r"[()]|\s+|[^()\s]+", expression):
        depth += (token == "(") - (token == ")")
        if token == operator and not depth:
            parts.append("")
        else:
            parts[-1] += token
    return parts

"""Where a corpus comes from: archives and folders are read in memory, never extracted, imported or executed.

A folder and its tar, zip or wheel have the same members: one folder around all files of an archive is no part of their
paths; links, hidden folders, caches, build output and virtual environments are left out.
"""

import codecs
import importlib.metadata
import importlib.util
import io
import lzma
import os
import re
import shutil
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from email import message_from_string
from functools import partial
from hashlib import sha256
from pathlib import Path

from nl2code.errors import UserError
from nl2code.hashes import sha256_file
from nl2code.parsing import LINE_END
from scripts.corpus.licences import UNKNOWN, metadata_licence, project_licence, states_licence
from scripts.fetch import load_sources, source_entry
from scripts.mine_docs import DOC_SUFFIXES

ARCHIVES = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar", ".zip", ".whl")
SINGLE_FILES = (".py", ".ipynb")
MAX_BYTES = 1_000_000
VENDORED = {"_vendor", "vendor", "vendored", "vendored-meson", "subprojects", "third_party", "externals", "_external"}
INSTALLED = "installed:"
SKIPPED = re.compile(
    r"(.*/)?(\.[^/]*|__pycache__|node_modules|build|dist|__MACOSX)/.*|(.*/)?(\._[^/]*|\.DS_Store)", re.DOTALL
)
DAMAGE = (  # what reading a damaged archive raises; RuntimeError where a member is encrypted
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, RuntimeError, ValueError, LookupError, OverflowError, MemoryError),
)
Entry = tuple[str, int, Callable[[], bytes]]  # path, bytes, reader


@dataclass(frozen=True)
class Source:
    """One repository of files, or a data set of them."""

    name: str
    path: Path  # an archive, a folder or a file
    licence: str
    sha256: str  # identifies its content
    size: int = 0  # bytes that are read; of an entry of sources.json those of the file
    version: str = ""
    listed: bool = False  # whether it is an entry of sources.json
    dataset: tuple[str, str, str] | None = None  # path or hub id, revision, split (see scripts/corpus/dataset_rows.py)


@dataclass(frozen=True)
class Member:
    """A regular file of a source, or a row of a data set, which brings facts of its own."""

    path: str  # in the repository
    size: int
    data: bytes  # empty where it was not read
    repository: str = ""
    licence: str = ""
    stars: int = 0
    is_pair: bool = False  # a description with its code
    broken: str = ""  # why it cannot be read


def resolve(spec: str, downloads: Path) -> Source:
    """The source that a name of sources.json or a path stands for. A listed file need not be there yet.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    if any(spec == entry["name"] for entry in load_sources()):
        entry = source_entry(spec)
        if entry["kind"] == "wheel" and not entry["domains"]:
            raise UserError(f"source {spec!r} is a model, not code; give code sources")
        path = downloads / entry["filename"]
        facts = (entry[name] for name in ("licence", "sha256", "bytes", "version"))
        return Source(spec, path, *facts, listed=True)
    if spec.startswith(INSTALLED):
        return installed(spec.removeprefix(INSTALLED))
    path = Path(os.path.abspath(os.path.expanduser(spec)))
    if not path.exists():
        names = ", ".join(entry["name"] for entry in load_sources() if entry["domains"])
        raise UserError(f"unknown source {spec!r}: neither a path that exists nor one of {names}")
    if path.is_file() and not path.name.endswith(ARCHIVES + SINGLE_FILES):
        raise UserError(f"source {spec} is no folder and does not end in {', '.join(ARCHIVES + SINGLE_FILES)}")
    ending = next((ending for ending in ARCHIVES if path.name.endswith(ending) and path.is_file()), "")
    name = readable(path.name.removesuffix(ending))
    return Source(name, path, *read_through(path))


def installed(name: str) -> Source:
    """A package of the running Python's site-packages, by its import name; it is not imported."""
    distribution = distribution_of(name)
    spec = importlib.util.find_spec(name) if distribution and name.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise UserError(f"unknown source {INSTALLED}{name}: no package of that import name is installed here")
    folder = Path(spec.submodule_search_locations[0])
    try:
        metadata = next(filter(None, map(distribution.read_text, ("METADATA", "PKG-INFO", ""))), "")
    except UnicodeDecodeError as error:
        metadata = error.object.decode("utf-8", "replace")  # the bytes of the whole file
    version = message_from_string(metadata)["Version"] or ""
    return Source(name, folder, metadata_licence(metadata) or UNKNOWN, *read_through(folder)[1:], version)


def distribution_of(name: str) -> importlib.metadata.Distribution | None:
    """The first distribution that has a package of that import name.

    `importlib.metadata.packages_distributions` would fail at metadata of any distribution that are not UTF-8.
    """
    for found in importlib.metadata.distributions():
        declared = (found.read_text("top_level.txt") or "").split()
        if name in (declared or (file.parts[0] for file in found.files or ())):
            return found
    return None


def read_through(path: Path) -> tuple[str, str, int]:
    """The licence that a source states, the hash of the file, or of a folder's files that are read, and their bytes."""
    texts, total, size = {}, sha256(), 0
    for member in members(path):
        if states_licence(member.path):
            is_utf_16 = member.data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            texts[member.path] = member.data.decode("utf-16" if is_utf_16 else "utf-8-sig", "replace")
        total.update(f"{member.path}\0{sha256(member.data).hexdigest()}\n".encode() if member.data else b"")
        size += len(member.data)
    return project_licence(path, texts), sha256_file(path) if path.is_file() else total.hexdigest(), size


def members(path: Path, share: tuple[int, int] = (0, 1)) -> Iterator[Member]:
    """The regular files of an archive, a folder or a file, in the order of their paths.

    Args:
        share: (k, n) for the k-th of n runs of files that follow each other; of like numbers of bytes that are read.

    Raises:
        UserError: it is damaged, encrypted or unreadable.
    """
    try:
        with entries_of(path) as entries:
            for name, size, read in run_of(project_files(entries), *share):
                yield Member(name, size, read() if is_read(name, size) else b"")
    except DAMAGE as error:
        reason = (str(error).strip() or type(error).__name__).partition("\n")[0].rstrip(":")
        raise UserError(f"cannot read source {path}: {reason}; replace the file and run again") from error


def is_read(name: str, size: int) -> bool:
    """Whether a file matters: it can give documents or states the licence, and has at most MAX_BYTES."""
    gives_documents = name.endswith(DOC_SUFFIXES) and not VENDORED & set(name.split("/")[:-1])
    return size <= MAX_BYTES and (gives_documents or states_licence(name))


@contextmanager
def entries_of(path: Path) -> Iterator[list[Entry]]:
    """The regular files of an archive, a folder or a file, as long as the block lasts."""
    if path.is_dir():
        yield list(folder_entries(path))
    elif path.name.endswith((".zip", ".whl")):
        with zipfile.ZipFile(path) as archive:
            entries = [
                (info.filename.replace("\\", "/"), info.file_size, partial(archive.read, info))
                for info in archive.infolist()
                if not info.filename.endswith(("/", "\\")) and not stat.S_ISLNK(info.external_attr >> 16)
            ]
            yield entries if path.suffix == ".whl" else without_outer_folder(entries)
    elif path.name.endswith(ARCHIVES):
        with ExitStack() as held:
            archive = held.enter_context(tarfile.open(path))
            if not isinstance(
                archive.fileobj, io.BufferedReader
            ):  # compressed: each step back would read from its start
                plain = held.enter_context(tempfile.TemporaryFile())
                archive.fileobj.seek(0)
                shutil.copyfileobj(archive.fileobj, plain, 1 << 20)  # up to the checksum of the compressed stream
                plain.seek(0)
                archive = held.enter_context(tarfile.open(fileobj=plain, mode="r:"))
            infos = archive.getmembers()
            archive.fileobj.seek(archive.offset)
            if archive.fileobj.read(512) != bytes(512):  # tarfile takes a damaged header for the end of the archive
                raise tarfile.ReadError("damaged header, or no end")
            while rest := archive.fileobj.read(1 << 20):
                if any(rest):
                    raise tarfile.ReadError("there is data behind the end of the archive")
            entries, files = [], {}
            for info in infos:  # a hard link is the file of an earlier member, unless it is broken
                file = files.get(tuple(parts_of(info.linkname))) if info.islnk() else info
                if file and file.isreg():
                    files[tuple(parts_of(info.name))] = file
                    entries.append((info.name, file.size, partial(read_member, archive, file)))
            # `tar -C folder .` has an entry for the folder itself: it is the project, whatever lies in it.
            yield entries if any(info.name == "." for info in infos) else without_outer_folder(entries)
    else:
        yield [(path.name, path.stat().st_size, path.read_bytes)]


def read_member(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    """The content of a regular file of a tar archive."""
    data = archive.extractfile(info).read()
    if len(data) != info.size:
        raise EOFError(f"{info.name} ends early")
    return data


def folder_entries(folder: Path) -> Iterator[Entry]:
    """Files below a folder, without links; folders that no member comes from are not entered."""

    def fail(error: OSError) -> None:
        raise error

    top = os.fspath(folder)
    for parent, folders, files in os.walk(top, onerror=fail):
        folders[:] = [name for name in folders if not SKIPPED.fullmatch(f"{name}/")]
        for name in files:
            path = os.path.join(parent, name)
            facts = os.lstat(path)
            if stat.S_ISREG(facts.st_mode):
                yield readable(path[len(top) :].lstrip("/")), facts.st_size, partial(read_file, path)


def read_file(path: str) -> bytes:
    """The content of a file."""
    with open(path, "rb") as stream:
        return stream.read()


def readable(path: str | Path) -> str:
    """A path as text that can be written: bytes that are no UTF-8 become `\\xe9`, so that names stay apart."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def parts_of(name: str) -> list[str]:
    """The components of a path that name something; `..` does not, for nothing lies outside of a source."""
    return [part for part in name.split("/") if part not in ("", ".", "..")]


def without_outer_folder(entries: list[Entry]) -> list[Entry]:
    """The entries of an archive, without the folder that all of them share."""
    paths = [parts for name, *_ in entries if (parts := parts_of(name)) and not SKIPPED.fullmatch("/".join(parts[-1:]))]
    paths = [parts for parts in paths if parts[0] != "__MACOSX"]
    if len({parts[0] for parts in paths}) != 1 or any(len(parts) == 1 for parts in paths):
        return entries
    return [("/".join(parts[1:]), *rest) for name, *rest in entries if (parts := parts_of(name))[:1] == paths[0][:1]]


def project_files(entries: list[Entry]) -> list[Entry]:
    """Entries in the order of their paths, the last of equal paths, without what is skipped (see the module)."""
    files = {}
    for name, size, read in entries:
        path = "/".join(parts_of(name)).encode("utf-8", "backslashreplace").decode()
        if path and not SKIPPED.fullmatch(path):
            files[path] = (size, read)
    environments = tuple(path.removesuffix("pyvenv.cfg") for path in files if path.endswith("/pyvenv.cfg"))
    return [(path, *files[path]) for path in sorted(files) if not path.startswith(environments)]


def run_of(entries: list[Entry], k: int, n: int) -> Iterator[Entry]:
    """The k-th of n runs of entries. Files that are not read move no border: they may change while shares are gathered."""
    sizes = [size if is_read(name, size) else 0 for name, size, _ in entries]
    total, before = max(1, sum(sizes)), 0
    for entry, size in zip(entries, sizes, strict=True):
        if min(before * n // total, n - 1) == k:
            yield entry
        before += size


def text_of(member: Member) -> tuple[str | None, str]:
    """(text with `\\n` as line end, "") of a member, or (None, reason)."""
    if member.broken:
        return None, member.broken
    if member.size > MAX_BYTES:
        return None, "larger than 1 MB"
    if VENDORED & set(member.path.split("/")[:-1]):
        return None, "vendored from elsewhere"
    try:
        text = member.data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None, "not UTF-8"
    return (None, "binary") if "\0" in text else (LINE_END.sub("\n", text), "")

"""Files whole or not at all, and the provenance that every result file carries."""

import fcntl
import gzip
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from nl2code.errors import UserError

PROJECT_ROOT = Path(__file__).resolve().parent.parent
GZIP = b"\x1f\x8b"  # first bytes of a gzipped file
LIBRARIES = ("torch", "transformers", "peft", "tokenizers", "numpy", "pandas", "vllm")


@contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path` for binary writing; rename it to `path` once the block ends without error.

    A link stays a link: the file that it points to is replaced. A process killed in between leaves `.<name>-*.partial`.
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)  # mkstemp makes it private
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def replacing_folder(path: str | Path) -> Iterator[Path]:
    """A new folder beside `path` that takes its place once the block ends without error. One process at a time.

    A link stays a link: the folder that it points to is replaced. What a killed process left is removed the next time.
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    new, old = (path.with_name(f".{path.name}.{state}") for state in ("new", "old"))
    if old.exists() and not path.exists():
        os.rename(old, path)  # killed between the two renames below
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    new.mkdir()
    try:
        yield new
        if path.exists():
            os.rename(path, old)
        os.rename(new, path)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def refuse_place(output: Path, read: Iterable[Path]) -> None:
    """Raise UserError where a folder to write lies in one of the folders that are read, or is `/`."""
    place = output.resolve()
    if not place.name:
        raise UserError(f"-o/--output {output} is the root of all folders; choose a folder below it")
    for folder in read:
        if folder.is_dir() and place.is_relative_to(folder.resolve()):
            advice = "choose another folder (in the shells: DATA_DIR)"
            raise UserError(f"-o/--output {output} lies in {folder}, whose files are read; {advice}")


def open_weights_to_readers(folder: Path) -> None:
    """Let others read the weights in and below a folder, as all files beside them; safetensors lets their owner alone."""
    for file in folder.rglob("*.safetensors"):
        file.chmod(0o644)


@contextmanager
def exclusive(lock_file: str | Path, busy: Exception | None, shared: bool = False) -> Iterator[None]:
    """Hold a lock file for the length of the block.

    Args:
        lock_file: made where it is missing, in a folder that exists.
        busy: raised where another process holds the lock; None waits for it.
        shared: others may share the lock; only one that wants it alone is in the way.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    with open(lock_file, "w") as stream:
        try:
            fcntl.flock(stream, kind | (fcntl.LOCK_NB if busy else 0))
        except BlockingIOError:
            raise busy from None
        yield


def utf8(text: str) -> bytes:
    r"""Text as UTF-8. A lone surrogate, as of a path that is no UTF-8, becomes `\udce9`: in JSON, its own escape."""
    return text.encode("utf-8", "backslashreplace")


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text (see `utf8`), whole or not at all."""
    with replacing(path) as stream:
        stream.write(utf8(text))


def write_json(path: str | Path, value: object) -> None:
    """Write one JSON value, indented, keys in their own order."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_jsonl(path: str | Path, rows: Iterable[dict]) -> int:
    """Write one JSON object a line, gzip-compressed where the name ends in .gz; return the number of lines.

    Equal rows give equal bytes: the gzip header holds neither time nor name.
    """
    count = 0
    with replacing(path) as raw:
        compressed = gzip.GzipFile("", "wb", 6, raw, mtime=0) if str(path).endswith(".gz") else None
        for row in rows:
            (compressed or raw).write(utf8(json.dumps(row, ensure_ascii=False)) + b"\n")
            count += 1
        if compressed:
            compressed.close()
    return count


def read_jsonl(path: str | Path) -> Iterator[dict]:
    """The objects of a JSON-lines file, plain or gzipped, without blank lines. Lines end at `\\n` alone.

    Raises:
        OSError, ValueError: unreadable, damaged, or no JSON.
    """
    with open(path, "rb") as stream:
        is_zipped = stream.peek(2)[:2] == GZIP
        lines = gzip.GzipFile(fileobj=stream) if is_zipped else stream
        yield from (json.loads(line) for line in lines if line.strip())


def git_revision(folder: str | Path = PROJECT_ROOT) -> str | None:
    """The checkout's commit, with `+changes` where tracked files differ from it; None outside a git checkout."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def versions() -> dict[str, str]:
    """Versions of Python and of the installed libraries that results depend on."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found

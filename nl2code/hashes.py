"""SHA-256 of files. That of a large file is computed once, until the file changes."""

import hashlib
import os
import re
import tempfile
import time
from contextlib import suppress
from pathlib import Path

LARGE = 1 << 24  # bytes; a smaller file is hashed in some hundredths of a second
RECENT = 10  # seconds; the times of a file that changed since may be too coarse to tell of another change


def sha256_file(path: str | Path) -> str:
    """The SHA-256 of a file's bytes, in hex.

    That of a large file is kept in `~/.cache/cert-nl2code` (below XDG_CACHE_HOME where that is set), under the file's place,
    inode, size and times. Like git's index, this trusts the times; that of the last change, ctime, no program can set.
    """
    with open(path, "rb") as stream:
        facts = _facts(stream.fileno())
        if facts[2] < LARGE or not (cache := _cache()):
            return hashlib.file_digest(stream, "sha256").hexdigest()
        kept = (
            cache / hashlib.sha256(f"{os.path.realpath(path)}\0{facts}".encode("utf-8", "surrogateescape")).hexdigest()
        )
        with suppress(OSError, ValueError):
            if re.fullmatch("[0-9a-f]{64}", known := kept.read_text()):
                return known
        found = hashlib.file_digest(stream, "sha256").hexdigest()
        unchanged = _facts(stream.fileno()) == facts
    if unchanged and facts[-1] < (time.time() - RECENT) * 1e9:
        with suppress(OSError):  # a home that cannot be written to
            cache.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=cache, delete=False) as new:
                new.write(found)
            os.replace(new.name, kept)
    return found


def _cache() -> Path | None:
    """The folder of kept hashes; None for a user without a home, as in some containers."""
    with suppress(RuntimeError):
        return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser(), "cert-nl2code")
    return None


def _facts(file: int) -> tuple[int, ...]:
    """Device, inode, bytes, and times in ns of the last write and the last change, of an open file."""
    found = os.fstat(file)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

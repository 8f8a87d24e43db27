"""Files that survive a kill: a journal of verdicts, and results that are whole or not there at all."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from pandas_numpy_eval.execution import Verdict


def program_key(parts: tuple[str, str], settings: dict) -> str:
    """Identity of a verdict: sha256 over the program and everything else that decides it."""
    return hashlib.sha256(json.dumps([*parts, settings], sort_keys=True).encode()).hexdigest()


class Journal:
    """Verdicts by program key, appended to a file one line each. A torn last line is dropped and run again.

    Raises BlockingIOError where another process has it open.
    """

    def __init__(self, path: Path):
        self.known: dict[str, Verdict] = {}
        self._file = open(path, "a+b")  # noqa: SIM115 (closed in `close`)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise BlockingIOError(f"{path} is in use: wait until the other evaluation of these samples ends") from None
        self._file.seek(0)
        self._file.truncate(self._read(self._file.read()))

    def _read(self, data: bytes) -> int:
        """Take in the lines that are whole; return how many bytes they are."""
        whole = 0
        for line in data.splitlines(keepends=True):
            try:
                key, kind, message = json.loads(line) if line.endswith(b"\n") else None
            except (TypeError, ValueError):
                break
            self.known[key] = Verdict(kind, message)
            whole += len(line)
        return whole

    def add(self, key: str, verdict: Verdict) -> None:
        """Remember a verdict; it is on disk when this returns. Raises OSError on a full disk."""
        self._file.write(json.dumps([key, verdict.kind, verdict.message]).encode() + b"\n")
        self._file.flush()
        self.known[key] = verdict

    def close(self) -> None:
        self._file.close()


def write_whole(path: Path, pieces: Iterable[str | bytes]) -> str:
    """Write a file under a temporary name, rename it, and return the sha256 of its bytes in hex.

    The temporary name is always the same: what a killed process left there, the next one replaces. One writer at a time.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    digest = hashlib.sha256()
    try:
        with open(temporary, "wb") as file:
            for piece in pieces:
                data = piece if isinstance(piece, bytes) else piece.encode()
                digest.update(data)
                file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return digest.hexdigest()

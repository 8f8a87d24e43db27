"""Files that survive a kill: a journal of verdicts, and results that are whole or not there at all."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from pandas_numpy_eval.errors import EvaluationError
from pandas_numpy_eval.execution import Verdict

COMPLETE = "complete"


def program_key(parts: tuple[str, str], settings: dict) -> str:
    """Identity of a verdict: sha256 over the program and everything else that decides it."""
    return hashlib.sha256(json.dumps([*parts, settings], sort_keys=True).encode()).hexdigest()


class Journal:
    """Verdicts by program key, appended to a file one line each. A torn last line is dropped and run again.

    One process has it open at a time; another gets an EvaluationError, and so does a file that holds something else. An
    empty journal leaves no file.
    """

    def __init__(self, path: Path):
        self.path = path
        self.known: dict[str, Verdict] = {}
        self.last: tuple[str, str] | None = None
        while True:
            self._file = open(path, "a+b")  # noqa: SIM115 (closed in `close`)
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._file.close()
                raise EvaluationError(
                    f"{path} is in use: wait until the other evaluation of these samples ends"
                ) from None
            if os.fstat(self._file.fileno()).st_nlink:
                break
            self._file.close()  # another process finished with it between `open` and `flock`
        self._file.seek(0)
        content = self._file.read()
        whole = self._read(content)
        if not whole and (b"\n" in content or not content.startswith(b'["'[: len(content)])):
            self._file.close()
            raise EvaluationError(
                f"{path} is no journal of an evaluation: move it away, or give another prefix with -o"
            )
        self._file.truncate(whole)

    def _read(self, data: bytes) -> int:
        """Take in the lines that are whole; return how many bytes they are."""
        whole = 0
        for line in data.split(b"\n")[:-1]:
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                break
            if not (isinstance(found, list) and len(found) == 3 and all(isinstance(part, str) for part in found)):
                break
            self._remember(found[0], Verdict(*found[1:]))
            whole += len(line) + 1
        return whole

    def _remember(self, key: str, verdict: Verdict) -> None:
        self.known[key] = verdict
        self.last = key, verdict.kind

    def add(self, key: str, verdict: Verdict) -> None:
        """Remember a verdict; a kill of this process cannot lose it any more. Raises OSError on a full disk."""
        self._file.write(json.dumps([key, verdict.kind, verdict.message]).encode() + b"\n")
        self._file.flush()
        self._remember(key, verdict)

    def complete(self, run: str) -> None:
        """Note that every verdict of a run is here; `run` identifies it."""
        self.add(COMPLETE, Verdict(run))

    def delete_after(self, run: str) -> None:
        """Delete the file where that run was the last to use it, not where another one is on its way."""
        if self.last == (COMPLETE, run):
            self.path.unlink(missing_ok=True)

    def close(self) -> None:
        if not self.known:
            self.path.unlink(missing_ok=True)
        self._file.close()


def write_whole(path: Path, pieces: Iterable[str | bytes]) -> str:
    """Write a file under a temporary name, rename it, and return the sha256 of its bytes in hex.

    The temporary name is always the same: the next writer replaces what a killed one left. One writer at a time. A link
    stays a link: the file that it points to is replaced.
    """
    path = Path(os.path.realpath(path))
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

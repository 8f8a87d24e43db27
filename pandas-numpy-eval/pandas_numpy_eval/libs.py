"""Virtual environments that hold the library versions asked for: made once with venv and pip, then kept.

    python = environment("pandas==1.5.3,numpy==1.23.5")       # path of an interpreter

An environment lies in `$CERT_LIBS` or `~/.cache/pandas-numpy-eval/libs`, in a folder named by a hash of the requirements
and of Python's version. It is made where it stays, since its scripts name their own folder, and a file written last says
that it is whole. One that was cut off is made anew.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pandas_numpy_eval.sandbox import Interpreter, describe_interpreter

WHOLE = "complete.json"
_REQUIREMENT = re.compile(
    r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(\[[A-Za-z0-9._,-]+\])?==([0-9][A-Za-z0-9.!+_-]*)"
)
_UNREACHABLE = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ProxyError", "connection broken")


class LibsError(RuntimeError):
    """An environment that was asked for cannot be made."""


def parse_requirements(text: str) -> tuple[str, ...]:
    """Requirements of a comma list, in one order and spelling. Raises LibsError for one without an exact version.

    >>> parse_requirements("pandas==1.5.3, NumPy==1.23.5")
    ('numpy==1.23.5', 'pandas==1.5.3')
    """
    found = {}
    for piece in filter(None, (part.strip() for part in text.split(","))):
        match = _REQUIREMENT.fullmatch(piece)
        if not match:
            raise LibsError(f"--libs: {piece!r} is not NAME==VERSION; environments are kept by exact versions")
        name = re.sub(r"[-_.]+", "-", match[1]).lower()
        if name in found:
            raise LibsError(f"--libs: {name} is there twice")
        found[name] = f"{name}{match[2] or ''}=={match[3]}"
    if not found:
        raise LibsError("--libs is empty; give requirements such as pandas==1.5.3,numpy==1.23.5")
    return tuple(found[name] for name in sorted(found))


def libs_folder() -> Path:
    """Where the environments are kept."""
    return Path(os.environ.get("CERT_LIBS") or "~/.cache/pandas-numpy-eval/libs").expanduser().absolute()


def environment(requirements: str, base: str | None = None) -> str:
    """Path of an interpreter that has the requirements, of the same Python version as `base` (default: this one).

    Made where it is not there yet, which takes a network or a folder of wheels (`PIP_FIND_LINKS`). Wheels alone are
    installed: an old version without one for this Python fails at once rather than after minutes of compiling.
    Raises LibsError, SandboxError (the base does not run), OSError.
    """
    wanted = parse_requirements(requirements)
    interpreter = describe_interpreter(base, [])
    identity = {"python": interpreter.versions["python"], "requirements": wanted}
    name = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
    folder = libs_folder() / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _lock(folder.with_suffix(".lock")) as lock:
        if not _is_whole(folder):
            print(f"making {folder} with {', '.join(wanted)} (minutes)", file=sys.stderr)
            try:
                _make(folder, wanted, interpreter, lock)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            (folder / WHOLE).write_text(json.dumps(identity) + "\n")
    return str(folder / "bin" / "python")


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[int]:
    """Hold a lock file, waiting for whoever has it; the descriptor that holds it."""
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def _is_whole(folder: Path) -> bool:
    """Whether an environment was finished and its base interpreter is still there."""
    return (folder / WHOLE).is_file() and (folder / "bin" / "python").exists()


def _make(folder: Path, requirements: tuple[str, ...], base: Interpreter, lock: int) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    _run([base.path, "-I", "-m", "venv", str(folder)], folder, lock, f"{base.path} cannot make a virtual environment")
    pip = [str(folder / "bin" / "python"), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"]
    failure = f"pip cannot install {', '.join(requirements)} from wheels for Python {base.versions['python']}"
    _run([*pip, "install", "--only-binary", ":all:", *requirements], folder, lock, failure)


def _run(command: list[str], folder: Path, lock: int, failure: str) -> None:
    """Run a step; raise LibsError with the reason in one line, and leave the whole output in a file beside the folder.

    The step inherits the lock: should this process be killed, nobody touches the folder before the step has ended too.
    Readable by all, because a sandbox started as root runs as another user.
    """
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=[lock],
        umask=0o022,
    )
    if done.returncode == 0:
        return
    log = folder.with_suffix(".log")
    log.write_text(done.stdout)
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()] or [f"exit status {done.returncode}"]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    reason = (errors or lines)[-1][:300]
    if any(word in done.stdout for word in _UNREACHABLE):
        reason += "; no package index was reached: connect, or set PIP_FIND_LINKS to a folder of wheels"
    elif "No matching distribution" in reason:
        reason += "; give another version, or another --python"
    raise LibsError(f"--libs: {failure}: {reason} (all of it: {log})")

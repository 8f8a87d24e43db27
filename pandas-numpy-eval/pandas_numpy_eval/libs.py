"""Virtual environments with given library versions: made once with venv and pip, then kept.

    python = environment("pandas==1.5.3,numpy==1.23.5")       # path of an interpreter

An environment lies in `$CERT_LIBS` or `~/.cache/pandas-numpy-eval/libs`, in a folder named by a hash of the requirements
and of Python's version. It is made where it stays, since its scripts name their own folder. A file that is written last
marks it as complete; one that was cut off is made anew.
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
from pathlib import Path

from pandas_numpy_eval import cache_folder
from pandas_numpy_eval.errors import EvaluationError
from pandas_numpy_eval.sandbox import describe_interpreter

COMPLETE = "complete.json"
_REQUIREMENT = re.compile(
    r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(\[[A-Za-z0-9._,-]+\])?==([0-9][A-Za-z0-9.!+_-]*)"
)
_UNREACHABLE = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ProxyError", "connection broken")


def parse_requirements(text: str) -> tuple[str, ...]:
    """Requirements of a comma list, in one order and spelling. Raises EvaluationError for one without exact version.

    >>> parse_requirements("pandas==1.5.3, NumPy==1.23.5")
    ('numpy==1.23.5', 'pandas==1.5.3')
    """
    found = {}
    for piece in filter(None, (part.strip() for part in text.split(","))):
        match = _REQUIREMENT.fullmatch(piece)
        if not match:
            raise EvaluationError(f"--libs: {piece!r} is not NAME==VERSION; environments are kept by exact versions")
        name = re.sub(r"[-_.]+", "-", match[1]).lower()
        if name in found:
            raise EvaluationError(f"--libs: {name} is there twice")
        found[name] = f"{name}{match[2] or ''}=={match[3]}"
    if not found:
        raise EvaluationError("--libs is empty; give requirements such as pandas==1.5.3,numpy==1.23.5")
    return tuple(found[name] for name in sorted(found))


def libs_folder() -> Path:
    """Where the environments are kept; made where it is not there. Raises EvaluationError."""
    folder = Path(os.environ["CERT_LIBS"]) if os.environ.get("CERT_LIBS") else cache_folder("libs")
    try:
        if folder is None:
            raise OSError("there is no home folder")
        folder = Path(os.path.expanduser(folder)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EvaluationError(f"--libs: {error}: set CERT_LIBS to a folder that can be written to") from None
    return folder


def environment(requirements: str, base: str | None = None) -> str:
    """Path of an interpreter that has the requirements, of the same Python version as `base` (default: this one).

    Made where it is not there yet, which takes a network or a folder of wheels (`PIP_FIND_LINKS`). Only wheels are
    installed: an old version without one for this Python fails at once, not after minutes of compiling.
    Raises EvaluationError, OSError.
    """
    wanted = parse_requirements(requirements)
    interpreter = describe_interpreter(base, [])
    version = interpreter.versions["python"]
    identity = {"python": version, "requirements": wanted}
    folder = libs_folder() / hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
    python, complete = folder / "bin" / "python", folder / COMPLETE
    with open(folder.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (complete.is_file() and python.exists()):  # the base of a complete one may be gone
            print(f"making {folder} with {', '.join(wanted)} (minutes)", file=sys.stderr)
            shutil.rmtree(folder, ignore_errors=True)
            making = [interpreter.path, "-I", "-m", "venv", str(folder)]
            pip = [str(python), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet", "install"]
            failure = f"pip cannot install {', '.join(wanted)} from wheels for Python {version}"
            try:
                _run(making, folder, lock.fileno(), f"{interpreter.path} cannot make a virtual environment")
                _run([*pip, "--only-binary", ":all:", *wanted], folder, lock.fileno(), failure)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            complete.write_text(json.dumps(identity) + "\n")
    return str(python)


def _run(command: list[str], folder: Path, lock: int, failure: str) -> None:
    """Run a step; raise EvaluationError with the reason in one line, and keep its output in a file beside the folder.

    The step inherits the lock: should this process be killed, nobody touches the folder before the step has ended too.
    Files are readable by all, because a sandbox started as root runs as another user.
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
    with contextlib.suppress(OSError):
        log.write_text(done.stdout)
    lines = [line.strip() for line in done.stdout.split("\n") if line.strip()] or [f"exit status {done.returncode}"]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    reason = (errors or lines)[-1][:300]
    if any(word in done.stdout for word in _UNREACHABLE):
        reason += "; no package index was reached: connect, or set PIP_FIND_LINKS to a folder of wheels"
    elif "No matching distribution" in reason:
        reason += "; give another version, or another --python"
    raise EvaluationError(f"--libs: {failure}: {reason} (all of it: {log})")

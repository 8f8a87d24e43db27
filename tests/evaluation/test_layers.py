"""Layers that are refused, samples that cannot be confined, and the folders of evaluations that were killed."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest
from other_user import PACKAGE

from pandas_numpy_eval import lockdown, sandbox
from pandas_numpy_eval.execution import Executor, Limits, SandboxError
from pandas_numpy_eval.sandbox import SERVER_FILES, Scratch, describe_interpreter, remove_stale


@pytest.fixture(scope="module")
def interpreter():
    return describe_interpreter(None, [])


def test_landlock_that_cannot_refuse_to_empty_files_is_refused(monkeypatch):
    answers = iter([2])  # the ABI of Linux 5.19 to 6.1
    monkeypatch.setattr(lockdown, "_call", lambda *arguments: next(answers))
    with pytest.raises(OSError, match="landlock needs Linux 6.2 or later"):
        lockdown.restrict_files([], [])


def test_no_layer_on_an_old_kernel_has_advice(interpreter, monkeypatch, tmp_path):
    for name in SERVER_FILES:
        text = (sandbox.HERE / name).read_text()
        (tmp_path / name).write_text(text.replace("    if abi < 3:\n", "    if True:\n"))
    monkeypatch.setattr(sandbox, "HERE", tmp_path)
    monkeypatch.setattr(sandbox, "find_bubblewrap", lambda: [shutil.which("false")])
    advice = r"let users make namespaces \(sysctl user.max_user_namespaces=10000\), or take Linux 6.2 or later"
    old = "landlock: a server does not start: OSError: landlock needs Linux 6.2 or later"
    with pytest.raises(SandboxError, match=rf"{old}\): {advice}, or give --unsafe \(in the shells: UNSAFE=1\)"):
        Executor(interpreter, Limits())


ALONE = ["unshare", "--user", "--map-root-user"]  # as in a rootless container: root, and no other user


@pytest.mark.skipif(
    not shutil.which("unshare") or subprocess.run([*ALONE, "true"], capture_output=True).returncode != 0,
    reason="this machine has no unshare, or lets nobody make user namespaces",
)
def test_root_of_a_namespace_without_other_users():
    """bubblewrap works there as for an ordinary user; with landlock alone the capabilities would stay."""
    command = [sys.executable, "-m", "pandas_numpy_eval.evaluate_functional_correctness", "--check_references"]
    command += ["-d", "CertNumpyDev", "--n_workers", "1"]
    found = [
        subprocess.run([*ALONE, *command, "--sandbox", layer], cwd=PACKAGE, capture_output=True, text=True)
        for layer in ("auto", "landlock")
    ]
    assert "150 of 150 references pass" in found[0].stdout and "bubblewrap" in found[0].stdout, found[0].stderr
    assert found[1].returncode == 1 and "landlock: root can become no other user" in found[1].stderr


@pytest.mark.parametrize("way", [os.truncate, os.open])
def test_the_trial_empties_a_file_outside(tmp_path, monkeypatch, way):
    """Every way on its own; all else is refused."""
    monkeypatch.chdir(tmp_path)
    for name in ("secret", "secret2"):
        (tmp_path / name).write_text("unread")
    space: dict = {}
    exec(sandbox.TRIAL, space)
    space["refused"] = lambda action, *arguments: action is not way or bool(action(*arguments)) or True
    space["trial"]("secret")
    assert (tmp_path / "secret").read_text() == ""


def test_samples_that_cannot_be_confined_have_no_verdict(interpreter, monkeypatch):
    refused = pytest.raises(SandboxError, match=r"could not be confined 3 times \(OverflowError: .*--memory_gb")
    with refused, Executor(interpreter, Limits(memory_gb=1e10), preload=()) as executor:
        dict(executor.run({"a": ("x = 1\n", "")}))
    asked, sound = [], Limits.job

    def job(limits, *program):
        asked.append(program)
        return sound(limits, *program) | ({"memory": 1 << 70} if len(asked) < 3 else {})

    with Executor(interpreter, Limits(), preload=()) as executor:
        monkeypatch.setattr(Limits, "job", job)
        assert dict(executor.run({"a": ("x = 1\n", "")}))["a"].passed and len(asked) == 3
        verdict = dict(executor.run({"a": ("import os; os._exit(70)\n", "")}))["a"]  # as a failed child would
        assert verdict.result == "exit: status 70 before the tests ended"


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_scratch_folders_of_the_living_stay(temporary, monkeypatch):
    """Even where their process has no number here, as in another PID namespace."""
    (temporary / "pandas-numpy-eval.git").mkdir()
    monkeypatch.setattr(os, "getpid", lambda: 2**22 + 1)
    scratch = Scratch()
    remove_stale()
    assert os.path.isdir(scratch.path)
    os.close(scratch._lock)  # as its process would by ending
    remove_stale()
    assert os.listdir(temporary) == ["pandas-numpy-eval.git"]


KILLED_IN_TRIAL = """
import os, signal
from pandas_numpy_eval.execution import Executor, Limits, Server
from pandas_numpy_eval.sandbox import describe_interpreter
Server.give = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
Executor(describe_interpreter(None, []), Limits(), layer="none", unsafe=True)
"""


def test_a_kill_in_the_trial_leaves_nothing_for_good(temporary):
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE), "TMPDIR": str(temporary)}
    done = subprocess.run([sys.executable, "-c", KILLED_IN_TRIAL], env=environment)
    assert done.returncode == -signal.SIGKILL and len(os.listdir(temporary)) == 2
    scratch = Scratch()
    assert os.listdir(temporary) == [os.path.basename(scratch.path)]
    scratch.remove()
    assert not os.listdir(temporary)

"""Environments with library versions of their own: made once, whole or again, and the sandbox works in them."""

import base64
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import pytest
from other_user import NOBODY, PACKAGE, public_home, start_as_nobody

from pandas_numpy_eval.errors import EvaluationError
from pandas_numpy_eval.evaluate_functional_correctness import main
from pandas_numpy_eval.execution import Executor, Limits, SandboxError
from pandas_numpy_eval.libs import environment, parse_requirements
from pandas_numpy_eval.sandbox import describe_interpreter


def make_wheel(folder: Path, name: str, version: str) -> None:
    """A wheel of one module that knows its version."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        record += f"{path},sha256={digest},{len(text)}\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(path, text)


@pytest.fixture(scope="module")
def shelf():
    """A folder of wheels, which everybody may read."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        for version in ("1.0", "2.0"):
            make_wheel(Path(folder), "demo_lib", version)
        yield folder


@pytest.fixture(autouse=True)
def places(shelf, tmp_path_factory, monkeypatch):
    """Wheels come from the shelf alone; environments of all tests of this file go to one folder."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", shelf)
    monkeypatch.setenv("CERT_LIBS", str(tmp_path_factory.getbasetemp() / "libs"))
    return tmp_path_factory.getbasetemp() / "libs"


def run_in(python: str, layer: str) -> dict:
    """What a program that reads the library's version says, in one layer."""
    program = {"x": ("import demo_lib\n", "assert demo_lib.VERSION == '1.0'")}
    with Executor(describe_interpreter(python, ["demo_lib"]), Limits(), 1, ("demo_lib",), layer) as executor:
        return {key: verdict.result for key, verdict in executor.run(program)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; give requirements such as"),
        ("pandas", "'pandas' is not NAME==VERSION"),
        ("numpy>=1", "'numpy>=1' is not NAME==VERSION"),
        ("numpy==1.*", r"'numpy==1\.\*' is not NAME==VERSION"),
        ("./folder", "'./folder' is not NAME==VERSION"),
        ("--pre", "'--pre' is not NAME==VERSION"),
        ("a==1,A==2", "a is there twice"),
    ],
)
def test_requirements_without_an_exact_version_are_refused(text, message):
    with pytest.raises(EvaluationError, match=message):
        parse_requirements(text)


def test_one_environment_for_every_spelling_of_a_list():
    assert parse_requirements("b_x==2, A[e]==1") == parse_requirements("a[e]==1,B.X==2,") == ("a[e]==1", "b-x==2")


@pytest.mark.parametrize("layer", ["bubblewrap", "landlock"])
def test_made_once_and_the_sandbox_works_in_it(places, layer):
    python = environment("demo_lib==1.0")
    made = os.stat(python).st_ctime_ns
    assert environment("demo-lib==1.0") == python and os.stat(python).st_ctime_ns == made
    assert (
        Path(python).parents[2] == places and describe_interpreter(python, ["demo_lib"]).versions["demo_lib"] == "1.0"
    )
    try:
        assert run_in(python, layer) == {"x": "passed"}
    except SandboxError as error:
        pytest.skip(str(error))


def test_base_without_these_libraries_fails_the_same_program():
    """Reading the version can fail, so the test above says something."""
    assert run_in(sys.executable, "auto")["x"].startswith("ModuleNotFoundError")


@pytest.mark.parametrize("statement", ["import otherlib", "import os, otherlib"])
@pytest.mark.parametrize("place", ["prompt", "completion", "canonical_solution"])
def test_another_version_of_a_library_is_noticed(tmp_path, place, statement):
    """Also of one whose distribution has another name (scikit-learn of sklearn), and where only answers import it."""
    import venv

    venv.create(tmp_path / "env", symlinks=True)
    site = next((tmp_path / "env" / "lib").glob("python*/site-packages"))
    line = {"prompt": "", "completion": "", "canonical_solution": "", place: f"{statement}\n"}
    problem = {
        "task_id": "M/0",
        "entry_point": "none",
        "test": "def check():\n    assert x == 1",
        "prompt": line["prompt"],
        "canonical_solution": line["canonical_solution"],
    }
    (tmp_path / "M.jsonl").write_text(json.dumps(problem) + "\n")
    sample = {"task_id": "M/0", "completion": line["completion"] + "x = __import__('otherlib').VERSION"}
    (tmp_path / "s.jsonl").write_text(json.dumps(sample) + "\n")
    python = str(tmp_path / "env" / "bin" / "python")
    for version in (1, 2):
        (site / "otherlib.py").write_text(f"VERSION = {version}\n")
        about = site / "py_other-0.dist-info"
        about.mkdir(exist_ok=True)
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: py-other\nVersion: {version}\n")
        (about / "RECORD").write_text("otherlib.py,,\n")
        assert main([str(tmp_path / "s.jsonl"), "-d", str(tmp_path / "M.jsonl"), "--python", python]) == 0
        metrics = json.loads((tmp_path / "s_metrics.json").read_text())
        assert metrics["versions"]["py-other"] == str(version)
        assert metrics["pass@1"]["value"] == (version == 1)


def test_command_line_and_versions_in_the_metrics(tmp_path, capsys):
    problem = {
        "task_id": "Mini/0",
        "prompt": "import demo_lib\nx = ",
        "entry_point": "none",
        "canonical_solution": ["demo_lib.VERSION"],
        "test": "def check():\n    assert x == '1.0'",
    }
    (tmp_path / "Mini.jsonl").write_text(json.dumps(problem) + "\n")
    (tmp_path / "s.jsonl").write_text(json.dumps({"task_id": "Mini/0", "completion": "'1.0'"}) + "\n")
    arguments = [str(tmp_path / "s.jsonl"), "-d", str(tmp_path / "Mini.jsonl"), "--libs", "demo_lib==1.0"]
    assert main(arguments) == 0
    metrics = json.loads((tmp_path / "s_metrics.json").read_text())
    assert metrics["versions"]["demo_lib"] == "1.0" and metrics["versions"]["pandas"] is None
    assert metrics["pass@1"]["value"] == metrics["ceiling"]["value"] == 1.0
    assert "demo_lib 1.0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("requirements", "python", "message"),
    [
        (
            "demo_lib==3.0",
            None,
            "pip cannot install demo-lib==3.0 from wheels for Python 3.*: No matching distribution",
        ),
        ("demo_lib", None, "'demo_lib' is not NAME==VERSION"),
        ("demo_lib==1.0", "/no/python", "--python /no/python does not run"),
    ],
)
def test_failures_are_one_line_and_leave_no_environment(places, capsys, requirements, python, message):
    more = ["--python", python] if python else []
    assert main(["--check_references", "-d", "Pandas", "--libs", requirements, *more]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len([line for line in errors if line.startswith("error: ")]) == 1 and len(errors) <= 2
    assert re.search(message, errors[-1])
    assert all((folder / "complete.json").exists() for folder in places.iterdir() if folder.is_dir())


def test_unreachable_index_is_named(monkeypatch):
    for name, value in {"NO_INDEX": "0", "FIND_LINKS": "", "INDEX_URL": "http://127.0.0.1:9/", "RETRIES": "1"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    with pytest.raises(EvaluationError, match="no package index was reached: connect, or set PIP_FIND_LINKS") as caught:
        environment("demo_lib==4.0")
    assert "\n" not in str(caught.value)


def test_a_killed_creation_is_made_again(places):
    """Killed at random moments, while another process waits for the same environment."""
    program = "from pandas_numpy_eval.libs import environment; print(environment('demo_lib==2.0'))"
    variables = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    folders = set(places.iterdir()) if places.exists() else set()

    def start() -> subprocess.Popen:
        return subprocess.Popen([sys.executable, "-c", program], env=variables, stdout=subprocess.PIPE, text=True)

    for seconds in (0.6, 1.5):
        creating = start()
        time.sleep(seconds)
        creating.send_signal(signal.SIGKILL)
        creating.communicate()
    new = {path for path in places.iterdir() if path.is_dir()} - folders
    assert new and not any((path / "complete.json").exists() for path in new), "it was not killed on the way"
    both = [start(), start()]
    paths = {process.communicate()[0].strip() for process in both}
    assert [process.returncode for process in both] == [0, 0] and len(paths) == 1
    assert describe_interpreter(paths.pop(), ["demo_lib"]).versions["demo_lib"] == "2.0"


def test_a_base_that_went_away_is_noticed():
    python = Path(environment("demo_lib==1.0"))
    target = os.readlink(python)
    python.unlink()
    python.symlink_to("/no/python")
    assert environment("demo_lib==1.0") == str(python) and os.readlink(python) == target


def test_as_an_ordinary_user(shelf):
    program = """
import sys
from pandas_numpy_eval.execution import Executor, Limits
from pandas_numpy_eval.libs import environment
from pandas_numpy_eval.sandbox import describe_interpreter
with Executor(describe_interpreter(environment("demo_lib==1.0"), ["demo_lib"]), Limits(), 1, ("demo_lib",)) as executor:
    print(executor.layer, dict(executor.run({"x": ("import demo_lib", "assert demo_lib.VERSION == '1.0'")}))["x"].result)
"""
    with public_home() as home:
        libs = Path(home, "libs")
        libs.mkdir()
        os.chown(libs, NOBODY, NOBODY)
        more = {"CERT_LIBS": str(libs), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": shelf, "HOME": str(libs)}
        process = start_as_nobody(home, program, **more)
        output, errors = process.communicate()
        if "ensurepip" in errors:
            pytest.skip("the system's Python cannot make environments")
        assert process.returncode == 0, errors
        assert output.split() in (["bubblewrap", "passed"], ["landlock", "passed"])

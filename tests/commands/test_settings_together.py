"""Settings of the shells that contradict each other, or need a file that was not fetched."""

import hashlib
import sys
from types import SimpleNamespace

import pytest
from test_settings import EVALUATE, GENERATE, TRAIN, corpus

from nl2code.errors import UserError
from pandas_numpy_eval import originals
from scripts import settings
from scripts.settings import Settings

SERVED = {"MODEL_VERSION": "openai:m", "BASE_URL": "http://x/v1"}


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "has_gpu", lambda: False)
    verified = lambda *_, **__: SimpleNamespace(returncode=0)  # noqa: E731
    monkeypatch.setattr(settings, "subprocess", SimpleNamespace(run=verified, DEVNULL=None))
    return {"DATA_DIR": f"{tmp_path}/data", "RESULTS_DIR": f"{tmp_path}/results", "CERT_PYTHON": sys.executable}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"KINDS": "code", "EXERCISES": "5"}, "EXERCISES=5 changes nothing .* add exercises to KINDS=code, or leave"),
        (
            {"PRESET": "paper", "EXERCISES": "5", "PRECISION": "fp32"},
            "EXERCISES=5 .* add exercises to KINDS=code,mined",
        ),
        ({"KINDS": "exercises", "SOURCES": "pandas"}, "SOURCES=pandas changes nothing for exercises alone"),
    ],
)
def test_settings_without_effect_on_the_corpus(folders, given, message):
    with pytest.raises(UserError, match=message):
        Settings(TRAIN, [], {**folders, **given})


def test_a_preset_may_hold_what_the_kinds_asked_for_leave_idle(folders):
    assert Settings(TRAIN, [], {**folders, "KINDS": "code"}).shell["CORPUS_FLAGS"] == ["--kinds", "code"]
    assert Settings(TRAIN, [], {**folders, "EXERCISES": "5"}).shell["CORPUS_FLAGS"] == ["--exercises", "5"]


@pytest.mark.parametrize("given", [{"KINDS": "code,exercises"}, {"EXERCISES": "5"}])
def test_exercises_need_a_template_file(folders, tmp_path, given):
    """A preset's are left out where there is none; its own file is looked for."""
    given = {**folders, "DOMAIN": "Mylib", "SOURCES": str(tmp_path)} | given
    with pytest.raises(
        UserError, match=r"configs/exercises/Mylib.yaml is not there; write it .*exercise_templates: FILE"
    ):
        Settings(TRAIN, [], given)
    preset = tmp_path / "own.yaml"
    preset.write_text(f"corpus:\n  kinds: mined,exercises\n  exercise_templates: {tmp_path}/mine.yaml\n")
    with pytest.raises(UserError, match="mine.yaml is not there"):
        Settings(TRAIN, [], {**given, "PRESET": str(preset)})
    (tmp_path / "mine.yaml").touch()
    for text in (
        preset.read_text(),
        "corpus: {exercise_templates: mine.yaml}\n",
        "corpus:\n  exercise_templates: null\n",
    ):
        preset.write_text(text)
        assert Settings(TRAIN, [], {**given, "PRESET": str(preset)}).shell["PRESET_FILE"] == str(preset)
    for name in ("KINDS", "EXERCISES"):
        given.pop(name, None)
    assert Settings(TRAIN, [], given).value["KINDS"] == "mined,exercises"


def test_exercises_for_a_corpus_of_ones_own(folders, tmp_path):
    corpus(tmp_path / "data/Pandas/data")
    with pytest.raises(UserError, match="EXERCISES=5 needs SOURCES; the corpus in .* is used as it is"):
        Settings(TRAIN, [], {**folders, "EXERCISES": "5"})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"SKETCHES_PER_SAMPLE": "4", "SKETCH_STRATEGY": "each"}, "SKETCHES_PER_SAMPLE=4 .* SKETCH_STRATEGY=each"),
        ({"BACKEND": "vllm", "DEVICE": "cuda"}, "BACKEND=vllm chooses the device itself; leave DEVICE=cuda unset"),
        ({**SERVED, "DTYPE": "float32"}, "DTYPE=float32 changes nothing: MODEL_VERSION=openai:m .* leave DTYPE unset"),
        ({**SERVED, "DEVICE": "cpu"}, "DEVICE=cpu changes nothing"),
        ({**SERVED, "BACKEND": "vllm"}, "BACKEND=vllm changes nothing"),
    ],
)
def test_settings_of_sampling_that_their_program_refuses(folders, given, message):
    with pytest.raises(UserError, match=message):
        Settings(GENERATE, [], {**folders, **given})


def test_a_protocol_may_hold_what_other_settings_leave_idle(folders):
    assert Settings(GENERATE, [], {**folders, **SERVED}).value["DTYPE"] == "auto"
    assert Settings(GENERATE, [], folders).value["SKETCHES_PER_SAMPLE"] == "4"
    greedy = Settings(GENERATE, [], {**folders, "SKETCH_STRATEGY": "greedy"})
    assert greedy.value["SKETCHES_PER_SAMPLE"] == "1"


def test_originals_that_were_not_fetched(folders, tmp_path, monkeypatch):
    monkeypatch.setattr(originals, "FOLDERS", (tmp_path,))
    monkeypatch.setitem(originals.SHA256, "PandasEval", hashlib.sha256(b"x").hexdigest())
    given = {**folders, "PROBLEMS": "PandasEval", "MODEL_VERSION": "base"}
    command = f"fetch it: PYTHONPATH=pandas-numpy-eval {sys.executable} -m pandas_numpy_eval.fetch"
    for script in (GENERATE, EVALUATE):
        with pytest.raises(UserError, match=f"^PROBLEMS=PandasEval does not ship with this project; {command}$"):
            Settings(script, [], given)
    (tmp_path / "PandasEval.jsonl.gz").write_bytes(b"x")
    assert Settings(GENERATE, [], given).value["PROBLEMS"] == "PandasEval"

"""The whole job with a tiny random GPT-Neo: the commands people type, from sources to the table; killed and run again."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    ("run_training_cert.sh", {}),
    ("run_generating_codes.sh", {"MODEL_VERSION": "base"}),
    ("run_generating_codes.sh", {"MODEL_VERSION": "cert"}),
    ("run_evaluating_codes.sh", {}),
)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A package that uses pandas: modules and docstrings, enough for a split into train and valid."""
    folder = tmp_path_factory.mktemp("sources") / "package"
    folder.mkdir()
    for i in range(60):
        (folder / f"module_{i}.py").write_text(
            f'"""Tools, part {i}."""\nimport pandas as pd\n\n\n'
            f"def select_{i}(df, limit={i}):\n"
            f'    """Select the rows above a limit.\n\n    Examples\n    --------\n    Rows above {i}:\n\n'
            f"    >>> df = pd.DataFrame({{'a': [{i}, {i + 1}, {i + 2}]}})\n    >>> df[df['a'] > {i}]\n"
            f'       a\n    1  {i + 1}\n    """\n'
            f"    # keep what is larger\n    rows = df[df['column_{i}'] > limit]\n    return rows\n\n\n"
            f"frame_{i} = pd.DataFrame({{'column_{i}': [{i}, {i * 2}, 3.5]}})\nprint(select_{i}(frame_{i}))\n"
        )
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save_tiny(tmp_path_factory.mktemp("models") / "tiny", context=2048)


def environment(folder, sources, base, **settings):
    ours = {
        **{"CERT_PYTHON": sys.executable, "DATA_DIR": f"{folder}/data", "RESULTS_DIR": f"{folder}/results"},
        **{"BASE_MODEL": str(base), "SOURCES": str(sources), "KINDS": "code,mined", "STEPS": "6", "BLOCK_SIZE": "64"},
        **{"NUM_SAMPLES": "5", "LIMIT": "3", "MAX_TOKENS": "16", "TEMP": "0.8", "TEMP2": "0.8", "WORKERS": "2"},
        **{"DEVICE": "cpu", "CERT_LOCKED": "1", "OMP_NUM_THREADS": "1"},
    }
    return {**os.environ, **ours, **settings}


def start(command, settings):
    return subprocess.Popen(
        ["bash", command],
        cwd=ROOT,
        env=settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process):
    output = process.communicate(timeout=170)[0]
    assert process.returncode == 0, output
    return output


def train(folder, sources, base, **settings):
    return finish(start("run_training_cert.sh", environment(folder, sources, base, TYPE="sketcher", **settings)))


def outcome(folder):
    """What must not depend on kills: trained weights, samples, verdicts, and the metrics without their `run` part."""
    found = {}
    for path in sorted(
        [*folder.rglob("model/*.safetensors"), *folder.rglob("*.samples.jsonl"), *folder.rglob("*_results.jsonl")]
    ):
        found[str(path.relative_to(folder))] = path.read_bytes()
    for path in folder.rglob("*_metrics.json"):
        metrics = json.loads(path.read_text())
        metrics.pop("run")
        metrics["inputs"].pop("sampling_sha256")  # of settings that hold the models' paths
        found[str(path.relative_to(folder))] = json.dumps(metrics).replace(str(folder), "")
    return {
        name: data.replace(str(folder).encode(), b"") if isinstance(data, bytes) else data
        for name, data in found.items()
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, sources, base):
    """The folder of one whole run, how long it took, and its outcome."""
    folder = tmp_path_factory.mktemp("undisturbed")
    started = time.time()
    for command, settings in COMMANDS:
        finish(start(command, environment(folder, sources, base, **settings)))
    return folder, time.time() - started, outcome(folder)


def test_from_sources_to_the_table(undisturbed):
    folder, seconds, _ = undisturbed
    assert seconds < 180
    assert (folder / "data/Pandas/data/quick/train").is_dir()
    assert (folder / "data/Pandas/sketcher_bin/tiny_quick/train.idx").is_file()
    stats = json.loads((folder / "data/Pandas/data/quick/corpus_stats.json").read_text())
    assert stats
    for kind in ("sketcher", "generator"):
        results = json.loads(
            (folder / f"data/Pandas/experiments/{kind}_models/tiny_quick/model/train_results.json").read_text()
        )
        assert results["steps"] == 6 and results["tokens"] > 0
    metrics = {path.parent.name: json.loads(path.read_text()) for path in folder.rglob("*_metrics.json")}
    assert set(metrics) == {"tiny", "Pandas_tiny_quick_cert"}
    for values in metrics.values():
        assert values["n"] == 5 and values["benchmark"]["evaluated"] == 3
        assert 0 <= values["pass@1"]["value"] <= 1 and values["ceiling"]["value"] == 1
        assert sum(values["verdicts"].values()) == 15
    table = subprocess.run(
        [sys.executable, "-m", "scripts.report", str(folder / "results")], cwd=ROOT, capture_output=True, text=True
    ).stdout
    assert "CertPandas" in table and "Pandas_tiny_quick_cert" in table


def test_a_second_run_has_nothing_to_do(undisturbed, sources, base):
    folder, _, before = undisturbed
    started = time.time()
    texts = [finish(start(command, environment(folder, sources, base, **settings))) for command, settings in COMMANDS]
    assert time.time() - started < 60
    assert outcome(folder) == before
    assert all("nothing to do" in text or "up to date" in text for text in texts), texts


def test_switching_back_and_forth_redoes_nothing(undisturbed, sources, base, tmp_path_factory):
    """Other bases, presets and operations have places of their own."""
    folder, _, before = undisturbed
    other = tiny.save_tiny(tmp_path_factory.mktemp("models") / "other", context=2048)
    preset = tmp_path_factory.mktemp("presets") / "mine.yaml"
    preset.write_text((ROOT / "configs/training/quick.yaml").read_text().replace("lora_r: 16", "lora_r: 4"))
    switches = ({"BASE_MODEL": str(other)}, {"PRESET": str(preset)}, {"OPERATION": "names"})
    texts = [train(folder, sources, base, **switch) for switch in switches]
    assert not any("nothing to do" in text for text in texts)
    runs = {path.parent.name for path in folder.glob("data/Pandas/experiments/sketcher_models/*/model")}
    assert runs == {"tiny_quick", "other_quick", "tiny_mine", "tiny_quick_names"}
    for switch in ({}, *switches):
        text = train(folder, sources, base, **switch)
        assert "wrote" not in text and "nothing to do" in text, text
    assert {name: data for name, data in outcome(folder).items() if name in before} == before


def test_a_corpus_of_ones_own_and_a_second_run_without_sources(sources, base, tmp_path):
    """For a library that is not shipped; sources that are gone do not matter. One folder cannot be split by repository."""
    mine = tmp_path / "mine"
    shutil.copytree(sources, mine)
    settings = {"DOMAIN": "Mylib", "STEPS": "2"}
    for file in mine.iterdir():
        file.write_text(file.read_text().replace("pandas", "mylib"))
    paper = {"PRESET": "paper", "PRECISION": "fp32", "BATCH": "2", "KINDS": ""}
    for given in ({"SOURCES": str(mine)}, {"SOURCES": ""}):
        text = train(tmp_path, sources, base, **(settings | paper | given))
        shutil.rmtree(mine, ignore_errors=True)
    assert "nothing to do" in text
    assert (tmp_path / "data/Mylib/sketcher_bin/tiny_paper/valid.idx").is_file()
    own = tmp_path / "own/Other/data"
    for part in ("train", "valid"):
        (own / part).mkdir(parents=True)
        (own / part / "a.jsonl").write_text(json.dumps({"content": "import other\n" + "x = other.f(1)\n" * 300}) + "\n")
    there = {path: path.read_bytes() for path in own.rglob("*.jsonl")}
    train(
        tmp_path,
        sources,
        base,
        **settings | {"DOMAIN": "Other", "DATA_DIR": f"{tmp_path}/own", "SOURCES": "", "KINDS": ""},
    )
    assert {path: path.read_bytes() for path in own.rglob("*.jsonl")} == there
    assert (own.parent / "experiments/sketcher_models/tiny_quick/model").is_dir()


# What is there, for each command, once work of one of its stages has begun.
BEGUN = (
    ("data/Pandas/data/.quick.lock", "data/Pandas/*_bin/*/.lock", "data/Pandas/experiments/*/*/.lock"),
    ("results/*/tiny/*.parts*",),
    ("results/*/*_cert/*.parts*",),
    ("results/*/*/*_journal.jsonl",),
)


def test_killed_at_random_moments_the_outcome_is_the_same(undisturbed, sources, base, tmp_path):
    """SIGKILL to the whole process group, less than a second into the work of every stage; then once more, left alone."""
    rng = random.Random(4)
    for (command, settings), marks in zip(COMMANDS, BEGUN, strict=True):
        ours = environment(tmp_path, sources, base, **settings)
        for mark in marks:
            process = start(command, ours)
            while not list(tmp_path.glob(mark)):
                assert process.poll() is None, process.communicate()[0]
                time.sleep(0.02)
            time.sleep(rng.uniform(0, 0.8))
            os.killpg(process.pid, signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
            process.stdout.close()
        finish(start(command, ours))
    expected, found = undisturbed[2], outcome(tmp_path)
    assert found.keys() == expected.keys()
    for name in expected:
        assert found[name] == expected[name], name

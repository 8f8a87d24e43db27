"""An exported adapter: half the size, the same model, a card with its recipe and scores; refusals."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from training_runs import Child, arguments, make_inputs

from nl2code.models import load_model
from scripts import export_adapter
from scripts.export_adapter import WEIGHTS, main

STATS = {
    "totals": {"mined": {"in": 9, "out": 7, "reasons": {"benchmark X: solution": 1, "copy": 1}, "tokens": {"out": 70}}},
    "decontamination": {"against": [{"file": "X.jsonl"}]},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """The folder of a finished LoRA run of two steps, its base beside it."""
    folder = make_inputs(tmp_path_factory.mktemp("export"))
    flags = arguments(folder, folder / "run", "--lora_r", "4", "--max_steps", "2")
    assert Child(flags, folder / "log").wait() == 0, (folder / "log").read_text()
    return folder / "run"


def test_export(run, tmp_path, capsys):
    corpus, scores = tmp_path / "corpus_stats.json", tmp_path / "scores" / "a_run"
    corpus.write_text(json.dumps(STATS))
    scores.mkdir(parents=True)
    first = {"value": 0.25, "ci95": [0.125, 0.5]}
    metrics = {"benchmark": {"name": "B"}, "n": 5, "pass@1": first, "by_level": {"basic": {"pass@1": first}}}
    metrics["sampling"] = {"settings": {"num_samples": 5, "temperature": 0.2, "temperature2": 0.4}}
    (scores / "x_metrics.json").write_text(json.dumps(metrics))
    flags = [str(run / "model"), "-o", str(tmp_path / "small"), "--base", str(run.parent / "base")]
    assert main([*flags, "--corpus", str(corpus), "--scores", str(tmp_path / "scores")]) == 0
    assert {file.name for file in (tmp_path / "small").iterdir()} == {
        *("README.md", "adapter_config.json", "recipe.json", WEIGHTS)
    }
    big, small = ((folder / WEIGHTS).stat().st_size for folder in (run / "model", tmp_path / "small"))
    assert small < 0.7 * big
    ids = torch.arange(24).view(2, 12)
    with torch.inference_mode():
        one, other, base = (
            load_model(str(name))(input_ids=ids).logits
            for name in (run / "model", tmp_path / "small", run.parent / "base")
        )
    torch.testing.assert_close(other, one, atol=2e-3, rtol=2e-3)
    assert (one - base).abs().max() > 10 * (one - other).abs().max()
    card = (tmp_path / "small" / "README.md").read_text()
    assert "cleaned of the text of X.jsonl" in card
    assert "Apache" not in card and "license:" not in card and "the terms of the base hold" in card
    assert "| mined | 9 | 7 | 70 | 1 |" in card
    assert "| B | a_run | 5 | 0.2/0.4 | 25.0 [12.5, 50.0] | basic 25.0 |" in card
    assert f"={tmp_path / 'small'}` samples from it" in card
    recipe = json.loads((tmp_path / "small" / "recipe.json").read_text())
    record = json.loads((run / "record.json").read_text())
    assert recipe["inputs"] == record["inputs"] and recipe["corpus"]["stats"] == STATS
    assert record["inputs"]["base"] in card and f"held-out loss {record['results']['initial_loss']:.4f} before" in card


def test_the_licence_of_the_default_base(run, tmp_path, monkeypatch):
    monkeypatch.setattr(export_adapter, "DEFAULT_BASE", str(run.parent / "base"))
    assert main([str(run / "model"), "-o", str(tmp_path / "small")]) == 0
    card = (tmp_path / "small/README.md").read_text()
    assert "\nlicense: apache-2.0\n" in card and "- licence: Apache-2.0, as its base; " in card


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"documents": 3}'])
def test_counts_of_something_else(run, tmp_path, capsys, text):
    (tmp_path / "stats.json").write_text(text)
    flags = [str(run / "model"), "-o", str(tmp_path / "x"), "--base", str(run.parent / "base")]
    assert main([*flags, "--corpus", str(tmp_path / "stats.json")]) == 1
    assert f"error: --corpus {tmp_path / 'stats.json'} is no corpus_stats.json of" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_refusals(run, tmp_path, capsys, monkeypatch):
    assert main([str(run.parent / "base"), "-o", str(tmp_path / "x")]) == 1
    assert "is no LoRA adapter of a finished run" in capsys.readouterr().err
    begun = tmp_path / "run"
    shutil.copytree(run / "model", begun / "model")
    record = json.loads((run / "record.json").read_text())
    (begun / "record.json").write_text(json.dumps({key: record[key] for key in ("inputs", "settings", "format")}))
    assert main([str(begun / "model"), "-o", str(tmp_path / "x")]) == 1
    assert "is no LoRA adapter of a finished run" in capsys.readouterr().err
    checkpoint = next(run.glob("checkpoint-*"))
    assert main([str(checkpoint), "-o", str(tmp_path / "x")]) == 1  # whose scores the record does not tell
    assert "is no LoRA adapter of a finished run" in capsys.readouterr().err
    other = make_inputs(tmp_path / "other", dropout=0.5) / "base"
    assert main([str(run / "model"), "-o", str(tmp_path / "x"), "--base", str(other)]) == 1
    assert "was trained on a base with sha256" in capsys.readouterr().err
    monkeypatch.setattr(export_adapter, "LIMIT", 1000)
    assert main([str(run / "model"), "-o", str(tmp_path / "x"), "--base", str(run.parent / "base")]) == 1
    assert "bytes in float16, the limit is 1000; train with a lower lora_r" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_a_run_without_validation_has_no_losses(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    record = json.loads((run / "record.json").read_text())
    results = {key: value for key, value in record["results"].items() if not key.endswith("_loss")}
    (tmp_path / "run/record.json").write_text(json.dumps({**record, "results": results}))
    assert main([str(tmp_path / "run/model"), "-o", str(tmp_path / "small"), "--base", str(run.parent / "base")]) == 0
    card = (tmp_path / "small/README.md").read_text()
    assert "tokens in 2 steps\n" in card and "held-out loss" not in card


def test_a_folder_of_others_is_left_alone(run, tmp_path, capsys):
    (tmp_path / "models").mkdir()
    (tmp_path / "models/base").write_text("mine")
    base = ("--base", str(run.parent / "base"))
    assert main([str(run / "model"), "-o", str(tmp_path / "models"), *base]) == 1
    assert "give a folder that is new" in capsys.readouterr().err
    assert (tmp_path / "models/base").read_text() == "mine"
    for _ in range(2):  # a folder of its own is made again
        assert main([str(run / "model"), "-o", str(tmp_path / "small"), *base]) == 0
    assert (tmp_path / "small" / WEIGHTS).stat().st_mode & 0o044 == 0o044  # others can read it

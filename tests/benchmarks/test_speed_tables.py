"""Benchmarks of training and generation: their ratios, and one run of each way with a tiny model."""

import contextlib
import io
import json
import sys
import types

import pytest
from tiny import save_tiny

from benchmarks import (
    bench_corpus,
    bench_generation,
    bench_sketch,
    bench_startup,
    bench_train,
    generation_contestants,
    train_contestants,
)
from benchmarks.bench_train import WAYS, main, speed_table
from nl2code import hf_trainer


def cells(table: str, row: int) -> list[str]:
    return [cell.strip() for cell in table.splitlines()[row].strip("|").split("|")]


def training_run(way: str, turn: int, rate: float) -> dict:
    run = {"training": "all", "loss_on": "all", "way": way, "round": turn, "tokens_per_second": rate}
    return run | {"flops_per_token": 1e9, "peak_memory_gib": 1.5, "first_step_seconds": 3.0}


def test_training_ratios_are_those_of_one_round():
    rates = {"fp32-before": (100, 200), "bf16": (300, 400), "bf16-bare": (600, 500)}
    runs = [training_run(way, turn, rates[way][turn]) for turn in range(2) for way in rates]
    found = cells(speed_table(runs, peak=1000), 3)
    assert found[2:7] == [
        "bf16",
        "350 (300 to 400)",
        "2.50 (2.00 to 3.00)",
        "0.65 (0.50 to 0.80)",
        "35.0% (30.0% to 40.0%)",
    ]


def test_generation_ratios_are_those_of_one_round():
    rates = {
        ("engine auto", 5): (8, 9),
        ("engine auto", 50): (10, 10),
        ("original", 5): (2, 1),
        ("llama.cpp", 5): (4, 3),
    }
    runs = [
        {"way": way, "n": n, "round": turn, "problems": 2, "samples": 10 * rates[way, n][turn], "seconds": 10}
        | {"tokens": 100, "peak_memory_gib": 1.0}
        for turn in range(2)
        for way, n in rates
    ]
    found = cells(bench_generation.sample_table(runs), 2)
    assert found[3:5] == ["8.50 (8.00 to 9.00)", "6.50 (4.00 to 9.00)"]
    assert found[5:7] == ["2.50 (2.00 to 3.00)", "0.85 (0.80 to 0.90)"]


def run_jobs_here(monkeypatch, bench, contestants, real: str) -> None:
    """Jobs of a benchmark run in this process, but for the first of the kind `real`."""
    kinds, run_job = [], bench.run_job

    def run(job: dict, *more) -> dict:
        kinds.append(job["kind"])
        if job["kind"] == real and kinds.count(real) == 1:
            return run_job(job, *more)
        with monkeypatch.context() as kept, contextlib.redirect_stdout(io.StringIO()) as printed:
            kept.setattr(hf_trainer, "use_chunked_loss", hf_trainer.use_chunked_loss)  # which a job may replace
            assert contestants.main([json.dumps(job)]) == 0
        return json.loads(printed.getvalue().strip().rpartition("\n")[2])

    monkeypatch.setattr(bench, "run_job", run)


@pytest.mark.slow
def test_every_way_trains_and_the_peak_is_found(tmp_path, monkeypatch):
    run_jobs_here(monkeypatch, bench_train, train_contestants, "train")
    monkeypatch.setattr(bench_train, "GEMM_SIZES", (64,))
    ways = [way for way in WAYS if "compiled" not in way]  # compiling takes minutes
    small = ["--model", str(save_tiny(tmp_path / "model")), "--block_size", "32", "--batch", "2", "--steps", "2"]
    output = ["--output", str(tmp_path / "train.json"), "--rounds", "1"]
    assert main([*small, *output, "--train", "all", "--ways", *ways]) == 0
    runs = json.loads((tmp_path / "train.json").read_text())["runs"]
    assert [run["way"] for run in runs] == ways
    assert [run["chunked_loss"] for run in runs] == [way != "fp32-before" for way in ways]
    assert all(len(run["step_seconds"]) == 2 and run["peak_memory_gib"] > 0.1 for run in runs)


@pytest.mark.slow
def test_every_way_draws_its_samples(tmp_path, monkeypatch):
    run_jobs_here(monkeypatch, bench_generation, generation_contestants, "engine")
    output, model = tmp_path / "generation.json", save_tiny(tmp_path / "model", context=2048)
    small = ["--model", str(model), "--problems", "2", "--original_problems", "1", "--rounds", "1", "--n", "2"]
    assert bench_generation.main([*small, "--batch_sizes", "2", "--output", str(output)]) == 0
    found = json.loads(output.read_text())
    assert {run["way"]: run["samples"] for run in found["samples"]} == {
        "engine float32": 4,
        "engine auto": 4,
        "original": 2,
    }


def test_loss_curves_need_shards(capsys):
    assert main(["--losses"]) == 1
    assert "--train_file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--profile", "--ways", "fp32"], "--ways fp32: --train all has fp32-before, bf16, bf16-compiled;"),
        (["--train", "lora", "--ways", "bf16", "fp32"], "--ways fp32: --train lora has fp32-before, bf16,"),
        (["--losses", "--ways", "bf16"], "--ways changes nothing for --losses"),
        (["--losses", "--rounds", "2"], "--rounds changes nothing for --losses"),
        (["--profile", "--steps", "4"], "--steps changes nothing for --profile"),
    ],
)
def test_flags_of_training_that_change_nothing(capsys, flags, told):
    with pytest.raises(SystemExit):
        bench_train.parse_args(flags)
    assert told in capsys.readouterr().err


def test_redbaron_has_as_many_runs_as_ours(monkeypatch):
    runs = {"theirs": 0, "ours": 0}

    class RedBaron:
        def __init__(self, text):
            assert "new syntax" not in text

        def dumps(self):
            runs["theirs"] += 1

    def sketch(text):
        runs["ours"] += 1

    monkeypatch.setitem(sys.modules, "redbaron", types.SimpleNamespace(RedBaron=RedBaron))
    monkeypatch.setattr(bench_sketch, "transform_code_to_sketch", sketch)
    monkeypatch.setattr(bench_sketch, "cpu_seconds", lambda work: work() or 1.0)
    texts = ["x" * 500, "new syntax" * 60, "y" * 700]
    assert bench_sketch.redbaron_time(texts, 2)["times_faster"] == 1 and runs == {"theirs": 6, "ours": 6}


def test_the_folder_of_the_output_is_there_before_measuring(tmp_path, monkeypatch):
    output = tmp_path / "a/b/startup.json"

    def measure(name, command, rounds):
        assert output.parent.is_dir()
        return {"command": name, "cpu_s": 1.0, "wall_s": 2.0}

    monkeypatch.setattr(bench_startup, "measure", measure)
    assert bench_startup.main(["--shells", "-o", str(output)]) == 0 and output.is_file()


def test_a_corpus_that_fails_says_why(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(bench_startup.ROOT)
    assert bench_corpus.main(["--documents", "1", "1", "--near_copies", "7", "--output", str(tmp_path / "x")]) == 1
    assert "--near_copies 7.0 must lie between" in capsys.readouterr().err and not (tmp_path / "x").exists()

"""Benchmarks of training and generation: their ratios, and one run of each way with a tiny model."""

import json

import pytest
from tiny import save_tiny

from benchmarks import bench_generation, bench_train
from benchmarks.bench_train import WAYS, main, speed_table


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


@pytest.mark.slow
def test_every_way_trains_and_the_peak_is_found(tmp_path, monkeypatch):
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
def test_every_way_draws_its_samples(tmp_path):
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

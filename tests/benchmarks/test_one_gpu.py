"""One GPU, one script: packing and joining what it needs, and the variant for CPUs from end to end."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
import torch
from safetensors.torch import load_file
from training_runs import make_inputs

from benchmarks.gpu_measurements import Setup
from benchmarks.one_gpu import measure, plan
from nl2code.hashes import sha256_file
from nl2code.models import load_tokenizer
from scripts.pack_for_gpu import main, pack

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A pack of a tiny Llama, shards and a file in place of a wheel, in parts of 50 KB."""
    folder = tmp_path_factory.mktemp("gpu")
    tokenizer = tiny.tiny_tokenizer()
    tiny.tiny_model(tokenizer, context=1024, architecture="llama").save_pretrained(folder / "llama")
    tokenizer.save_pretrained(folder / "llama")
    make_inputs(folder)
    (folder / "wheels").mkdir()
    (folder / "wheels/one-1-py3-none-any.whl").write_bytes(os.urandom(120_000))
    told = pack(folder / "pack", f"{folder}/llama", f"{folder}/train", folder / "wheels", part_bytes=50_000)
    assert told.startswith(f"wrote {folder}/pack: ")
    return folder


def test_joined_is_what_was_packed(packed, tmp_path, capsys):
    sizes = [part.stat().st_size for part in sorted((packed / "pack").glob("part-*"))]
    assert len(sizes) > 3 and set(sizes[:-1]) == {50_000} and 0 < sizes[-1] <= 50_000
    assert main(["join", str(packed / "pack"), "-o", str(tmp_path / "joined")]) == 0
    joined = tmp_path / "joined"
    for end in (".bin", ".idx", "_features.npy"):
        assert sha256_file(joined / f"shards/train{end}") == sha256_file(packed / f"train{end}")
    name = "wheels/one-1-py3-none-any.whl"
    assert (joined / name).read_bytes() == (packed / name).read_bytes()
    base, found = (load_file(folder / "model.safetensors") for folder in (packed / "llama", joined / "model"))
    assert base.keys() == found.keys()
    assert all(torch.equal(found[key], base[key].to(torch.bfloat16)) for key in base)
    assert load_tokenizer(str(joined / "model")).get_vocab() == load_tokenizer(str(packed / "llama")).get_vocab()
    assert main(["join", str(packed / "pack"), "-o", str(joined)]) == 0
    assert "nothing to do" in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["byte", "cut", "missing"])
def test_a_damaged_part_is_named_in_one_line(packed, tmp_path, capsys, damage):
    for file in (packed / "pack").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    part = tmp_path / "part-001"
    data = bytearray(part.read_bytes())
    data[700] ^= 1
    part.write_bytes(data[:-1] if damage == "cut" else data)
    if damage == "missing":
        part.unlink()
    assert main(["join", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.strip().split("\n")
    assert line.startswith(f"error: part {part} is {'missing' if damage == 'missing' else 'damaged'}")
    assert not (tmp_path / "joined").exists()


def test_other_folders_are_left_alone(packed, tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")
    assert main(["pack", "-o", str(tmp_path), "--model", f"{packed}/llama"]) == 1
    assert "no folder of this program" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_measurements_that_fail_or_hang_are_told():
    def hang(_):
        while True:
            pass

    assert measure(lambda _: 1 / 0, 5, False)["error"] == "ZeroDivisionError: division by zero"
    found = measure(hang, 0.2, False)
    assert found["status"] == "out of time" and found["seconds"] < 5
    assert measure(lambda _: {"status": "wrong", "x": 1}, 5, False)["status"] == "wrong"


@pytest.mark.slow
def test_small_variant_from_a_pack(packed, tmp_path):
    """The wheel is no real one, so the script gets a pack without it."""
    flags = ["-o", f"{tmp_path}/pack", "--model", f"{packed}/llama", "--shards", f"{packed}/train"]
    assert main(["pack", *flags]) == 0
    environment = {**os.environ, "PACK": f"{tmp_path}/pack", "CUDA_VISIBLE_DEVICES": "", "CERT_PYTHON": sys.executable}
    command = ["bash", f"{ROOT}/benchmarks/one_gpu.sh", "--output", f"{tmp_path}/found.json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    names = list(plan(Setup("cpu", "", tmp_path, ladder=(2, 4))))
    assert list(found["measurements"]) == names and len(names) >= 14
    assert {name: row["status"] for name, row in found["measurements"].items()} == dict.fromkeys(names, "ok")
    assert found["size"] == "small" and found["training_data"].startswith(f"{tmp_path}/pack/joined/shards")
    lines = done.stdout.split("\n")
    assert any(line.startswith("small variant on cpu") for line in lines)
    assert all(any(line.startswith(f"{name} ") for line in lines) for name in names)
    rows = found["measurements"]
    assert rows["train_full"]["chunked_loss"] and not rows["train_full_whole_logits"]["chunked_loss"]
    assert rows["sample_protocol"]["samples"] == 12
    shares = [rows["sample_time_split"][part] for part in ("prefill", "decode", "draw", "rows", "host")]
    assert abs(sum(shares) - 1) < 1e-6 and min(shares) > 0

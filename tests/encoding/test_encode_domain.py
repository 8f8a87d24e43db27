"""Encoding: formats, alignment, bad input, restarts. One tiny tokenizer, the real command."""

import gzip
import json
import math
import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from nl2code.indexed_dataset import MMapIndexedDataset
from nl2code.sampling.truncation import first_block
from scripts import encode_domain
from scripts.ast_utils import SEGMENTATION, generator_document, sketcher_document
from scripts.corpus.lines import BadLine, parse_line
from scripts.encoding import shard
from scripts.encoding.shard import DocumentSettings, TokenizerFile, encode_shard, load_fast_tokenizer
from scripts.file_utils import exclusive
from scripts.sketches.continuations import continuation

ROOT = Path(__file__).resolve().parents[2]
CODE = (
    "import numpy as np\n\n\ndef f{0}(a):\n    # add {0}\n    return np.add(a, {0}) + len('x')\n\n\nprint(f{0}({0}))\n"
)
TEXTS = [CODE.format(i) for i in range(12)]


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Path:
    """A folder with a byte-level tokenizer that has an eos token and no bos."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<|end|>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    folder = tmp_path_factory.mktemp("model")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>").save_pretrained(folder)
    return folder


def row(content, **more) -> bytes:
    return json.dumps({"content": content, **more}).encode() + b"\n"


def corpus(folder: Path, **files: bytes) -> Path:
    """A corpus; `train_a` is train/a.jsonl."""
    for name, data in files.items():
        split, _, stem = name.partition("_")
        path = folder / split / f"{stem}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def settings(model: Path, type_: str = "normal", ratio: float = 0.0, limit: int | None = None, operation="constants"):
    """The last two arguments of `encode_shard`."""
    ends = TokenizerFile(str(model / "tokenizer.json"), 0, 0, 300)
    return DocumentSettings(type_, operation, ratio, True, 42, limit), ends


def possible_continuations(text: str, form: str, operation: str = "constants") -> set[str]:
    """Continuation documents of a type that seeds draw from a text."""
    found = [continuation(text, random.Random(seed), first_block, operation) for seed in range(50)]
    return {"".join(piece for piece, _ in getattr(each, f"{form}_pieces")()) for each in found}


def decoded(prefix: Path, model: Path) -> list[str]:
    """Texts of a shard, without the tokens around them."""
    tokenizer = load_fast_tokenizer(str(model / "tokenizer.json"))
    dataset = MMapIndexedDataset(prefix)
    for document in dataset:
        assert document[0] == document[-1] == 0
    return [tokenizer.decode(list(document[1:-1]), skip_special_tokens=False) for document in dataset]


def run(*arguments, **more) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "scripts.encode_domain", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, **more)


def run_here(*arguments) -> int:
    """The command in this process, which has its imports done; the workers are processes all the same."""
    return encode_domain.main([str(argument) for argument in arguments])


def contents(folder: Path) -> dict[str, bytes]:
    """All files, without the git revision, which may change while the tests run."""
    files = {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}
    return {
        name: data.partition(b'"git_revision"')[0] if name.endswith(".json") else data for name, data in files.items()
    }


@pytest.mark.parametrize(
    ("type_", "render"), [("normal", str), ("sketcher", sketcher_document), ("generator", generator_document)]
)
def test_documents_are_the_texts(tmp_path, model, type_, render):
    source = corpus(tmp_path, train_a=b"".join(map(row, TEXTS))) / "train" / "a.jsonl"
    counts = encode_shard(source, tmp_path / "train", *settings(model, type_))
    assert decoded(tmp_path / "train", model) == [render(text) for text in TEXTS]
    assert counts["documents"] == counts["lines"] == counts["whole"] == len(TEXTS)
    assert counts["tokens"] == MMapIndexedDataset(tmp_path / "train").sizes.sum()
    assert {f.name for f in tmp_path.iterdir()} == {
        "train",
        "train.bin",
        "train.idx",
        "train_features.npy",
        "train_targets.npy",
    }


def test_special_tokens_in_code_are_text(tmp_path, model):
    source = corpus(tmp_path, train_a=row("x = '<|end|>'")) / "train" / "a.jsonl"
    encode_shard(source, tmp_path / "train", *settings(model))
    assert 0 not in MMapIndexedDataset(tmp_path / "train")[0][1:-1]
    assert decoded(tmp_path / "train", model) == ["x = '<|end|>'"]


@pytest.mark.parametrize(("type_", "whole"), [("sketcher", sketcher_document), ("generator", generator_document)])
def test_continuations_follow_their_file_and_depend_on_its_text_alone(tmp_path, model, type_, whole):
    folder = corpus(tmp_path, train_a=b"".join(map(row, TEXTS)), train_b=b"".join(map(row, TEXTS[::-1])))
    found = []
    for name in ("a", "b"):
        counts = encode_shard(folder / "train" / f"{name}.jsonl", tmp_path / name, *settings(model, type_, 0.5))
        texts = decoded(tmp_path / name, model)
        assert len(texts) == counts["whole"] + counts["continuations"]
        assert 0 < counts["continuations"] < len(TEXTS)
        found.append(sorted(texts))
    assert found[0] == found[1]
    position = 0
    for source in TEXTS:
        text = decoded(tmp_path / "a", model)[position]
        assert text == whole(source)
        position += 1
        following = decoded(tmp_path / "a", model)[position : position + 1]
        position += bool(following) and following[0] in possible_continuations(source, type_)
    assert position == len(texts)


shard_sizes = shard.token_sizes


def written(prefix: Path, model: Path) -> list[str]:
    """Of each document, the text of its targets."""
    tokenizer, dataset = load_fast_tokenizer(str(model / "tokenizer.json")), MMapIndexedDataset(prefix)
    packed = np.load(f"{prefix}_targets.npy")
    tokens = int(dataset.sizes.sum())
    assert packed.dtype == np.uint8 and len(packed) == -(-tokens // 8)
    masks = np.split(np.unpackbits(packed, count=tokens).astype(bool), np.cumsum(dataset.sizes)[:-1])
    assert not any(mask[0] for mask in masks) and all(mask[-1] for mask in masks)  # bos, eos
    return [tokenizer.decode(list(d[1:-1][m[1:-1]])) for d, m in zip(dataset, masks, strict=True)]


@pytest.mark.parametrize("adds_up", [True, False])
@pytest.mark.parametrize("type_", ["normal", "sketcher", "generator"])
def test_targets_are_what_the_model_writes(tmp_path, model, type_, adds_up, monkeypatch):
    """Whether the bytes of the tokens tell their places, or the tokenizer."""
    if not adds_up:
        monkeypatch.setattr(shard, "token_sizes", lambda file: shard_sizes(file) * 2)
    text = "import numpy as np\n\n\n" + TEXTS[0].partition("\n\n\n")[2].replace("# add 0", "# é € 𝄞")
    source = corpus(tmp_path, train_a=row(text)) / "train" / "a.jsonl"
    encode_shard(source, tmp_path / "train", *settings(model, type_, 0.0 if type_ == "normal" else 1.0))
    documents, found = decoded(tmp_path / "train", model), written(tmp_path / "train", model)
    if type_ == "generator":
        sketched = documents[0].split("\n\n\n")[1:]
        codes = [block.partition(SEGMENTATION)[2] for block in sketched]
        assert found[0] == "\n\n\n".join(["import numpy as np", *codes])
    else:
        assert found[0] == documents[0]
    if type_ != "normal":
        assert documents[1].endswith(found[1]) and 0 < len(found[1]) < 80
        assert ("number" in found[1]) == (type_ == "sketcher")


def test_continuations_alone(tmp_path, model):
    source = corpus(tmp_path, train_a=row(TEXTS[0])) / "train" / "a.jsonl"
    chosen, ends = settings(model, "generator", 10)
    counts = encode_shard(source, tmp_path / "train", replace(chosen, whole_documents=False), ends)
    texts = decoded(tmp_path / "train", model)
    assert set(texts) <= possible_continuations(TEXTS[0], "generator")
    assert len(set(texts)) == len(texts) == counts["continuations"] > 1
    assert counts["whole"] == 1 and counts["continuations"] + counts["no_continuation"] == 10


@pytest.mark.parametrize("operation", ["names", "both"])
def test_the_operation_decides_the_sketches(tmp_path, model, operation):
    source = corpus(tmp_path, train_a=row(TEXTS[0])) / "train" / "a.jsonl"
    encode_shard(source, tmp_path / "train", *settings(model, "generator", 1.0, operation=operation))
    whole, continued = decoded(tmp_path / "train", model)
    assert whole == generator_document(TEXTS[0], operation)
    assert "def func(argument):\n    # add 0\n    return np.add(argument, " in whole
    possible = possible_continuations(TEXTS[0], "generator", operation)
    assert continued in possible
    assert any("np.add(argument, " in text for text in possible)  # known, though the parameter is in the prompt


def test_features_are_aligned_with_documents(tmp_path, model):
    rows = [
        row(TEXTS[0], stars=9, feature={"ut_score": 0.5, "func_score": 0.25}),
        row("def broken(:"),
        row(TEXTS[1], stars=None, feature=None),
        row(TEXTS[2], stars=99.0, feature={"ut_score": 0}),
    ]
    source = corpus(tmp_path, train_a=b"".join(rows)) / "train" / "a.jsonl"
    counts = encode_shard(source, tmp_path / "train", *settings(model, "sketcher", 1.0))
    features = np.load(tmp_path / "train_features.npy")
    assert features.dtype == np.float32
    expected = [[1, 0.5, 0.25], [0, 1, 1], [math.log10(100), 0, 1]]
    assert features.tolist() == [feature for feature in expected for _ in range(2)]  # each file and its continuation
    assert counts["left_out"] == {"does not parse": {"count": 1, "examples": [f"{source}:2"]}}


BAD = {
    b"\n": "blank line",
    b"{\n": "broken JSON",
    b"[" * 100_000 + b"\n": "broken JSON",
    b'{"content": "\xff"}\n': "not UTF-8",
    b"\x00\x01\x80\n": "not UTF-8",
    "{}".encode("utf-16") + b"\n": "not UTF-8",
    b"[1]\n": "no JSON object",
    b"{}\n": "no content",
    b'{"content": 1}\n': "content is no string",
    b'{"content": " \\n"}\n': "empty content",
    b'{"content": "\\ud800"}\n': "lone surrogate",
    b'{"content": "x", "stars": "9"}\n': "stars is no number >= 0",
    b'{"content": "x", "stars": -1e31}\n': "stars is no number >= 0",
    b'{"content": "x", "stars": true}\n': "stars is no number >= 0",
    b'{"content": "x", "feature": []}\n': "feature is no object",
    b'{"content": "x", "feature": {"ut_score": NaN}}\n': "ut_score is no number >= 0",
    b'{"content": "x", "feature": {"func_score": 1e999}}\n': "func_score is no number >= 0",
}


@pytest.mark.parametrize(("line", "reason"), BAD.items())
def test_bad_lines(line, reason):
    with pytest.raises(BadLine) as error:
        parse_line(line)
    assert str(error.value) == reason


@pytest.mark.parametrize("reason", ["broken JSON", "content of more than 10,000,000 characters"])
def test_a_line_of_fifty_megabytes_is_counted_and_the_rest_is_encoded(tmp_path, model, reason):
    line = b"x" * 50_000_000 + b"\n" if reason == "broken JSON" else row("x = 1\n" * 8_000_000)
    source = corpus(tmp_path, train_a=row(TEXTS[0]) + line + row(TEXTS[1])) / "train" / "a.jsonl"
    counts = encode_shard(source, tmp_path / "train", *settings(model))
    assert (counts["lines"], counts["whole"], len(MMapIndexedDataset(tmp_path / "train"))) == (
        3,
        2,
        counts["documents"],
    )
    assert counts["left_out"] == {reason: {"count": 1, "examples": [f"{source}:2"]}}


def test_bad_lines_are_counted_with_their_place_and_the_rest_is_encoded(tmp_path, model):
    lines = [line for bad in BAD for line in (row(TEXTS[0]), bad)]
    source = corpus(tmp_path, train_a=b"".join(lines)) / "train" / "a.jsonl"
    counts = encode_shard(source, tmp_path / "train", *settings(model))
    assert len(MMapIndexedDataset(tmp_path / "train")) == counts["documents"] == len(BAD)
    assert counts["lines"] == 2 * len(BAD)
    assert sum(found["count"] for found in counts["left_out"].values()) == len(BAD)
    for i, reason in enumerate(BAD.values()):
        assert f"{source}:{2 * i + 2}" in counts["left_out"][reason]["examples"]


def test_compressed_input_and_its_damage(tmp_path, model):
    data = b"".join(row(text, note=os.urandom(2000).hex()) for text in TEXTS)
    packed = gzip.compress(data)
    (tmp_path / "a.jsonl.gz").write_bytes(packed)
    (tmp_path / "b.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "c.jsonl.gz").write_bytes(b"junk")
    whole, half, junk = (
        encode_shard(tmp_path / f"{name}.jsonl.gz", tmp_path / name, *settings(model)) for name in ("a", "b", "c")
    )
    assert whole["documents"] == len(TEXTS) and not whole["left_out"]
    assert 0 < half["documents"] < len(TEXTS)
    assert half["left_out"] == {
        "file ends early, damaged compression (EOFError)": {
            "count": 1,
            "examples": [f"{tmp_path / 'b.jsonl.gz'}:{half['documents'] + 1}"],
        }
    }
    assert junk["documents"] == 0 and junk["lines"] == 1
    assert len(MMapIndexedDataset(tmp_path / "c")) == 0


def test_zstandard_input_and_its_damage(tmp_path, model):
    zstandard = pytest.importorskip("zstandard")
    data = b"".join(row(text, note=os.urandom(20_000).hex()) for text in TEXTS)
    packed = zstandard.compress(data[:1000]) + zstandard.compress(data[1000:])  # two frames
    (tmp_path / "a.jsonl.zst").write_bytes(packed)
    (tmp_path / "b.jsonl.zst").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "c.jsonl.zst").write_bytes(b"junk")
    whole, half, junk = (
        encode_shard(tmp_path / f"{name}.jsonl.zst", tmp_path / name, *settings(model)) for name in ("a", "b", "c")
    )
    assert whole["documents"] == len(TEXTS) and not whole["left_out"]
    assert half["documents"] < len(TEXTS)
    assert list(half["left_out"]) == ["file ends early, damaged compression (OSError)"]
    assert junk["documents"] == 0 and junk["lines"] == 1


@pytest.mark.parametrize("data", [b"", b"{\n"])
def test_a_shard_without_documents_is_valid(tmp_path, model, data):
    source = corpus(tmp_path, train_a=data) / "train" / "a.jsonl"
    assert encode_shard(source, tmp_path / "train", *settings(model))["documents"] == 0
    assert len(MMapIndexedDataset(tmp_path / "train")) == 0
    assert np.load(tmp_path / "train_features.npy").shape == (0, 3)


def test_the_command_end_to_end(tmp_path, model, capsys):
    source = corpus(
        tmp_path / "in",
        train_a=b"".join(map(row, TEXTS[:5])) + b"{\n",
        train_b=b"".join(map(row, TEXTS[5:8])),
        train_c=b"".join(map(row, TEXTS[8:10])),
        valid_a=b"".join(map(row, TEXTS[10:])),
    )
    output = tmp_path / "out"
    arguments = ["-i", source, "-o", output, "-model", model, "-type", "generator", "-t", "2", "-d", "Mine"]
    first = run(*arguments)
    assert first.returncode == 0, first.stderr
    assert "1 left out: broken JSON" in first.stdout
    assert len(MMapIndexedDataset(output / "train")) >= 5
    assert {f.stem for f in output.glob("*.idx")} == {"train", "train1", "train2", "valid"}
    assert (output / "model" / "tokenizer.json").is_file()
    stats = json.loads((output / "encode_stats.json").read_text())
    total = stats["total"]
    assert total["lines"] == total["whole"] + sum(total["left_out"].values()) == 13
    assert total["documents"] == total["whole"] + total["continuations"]
    assert stats["shards"][0]["left_out"]["broken JSON"]["examples"] == [f"{source}/train/a.jsonl:6"]
    assert len(stats["shards"][0]["sha256"]) == 64 and stats["versions"]["python"]

    before = contents(output)
    stamps = {f: f.stat().st_mtime_ns for f in output.rglob("*") if f.name != ".lock"}
    started = time.monotonic()
    again = run(*arguments)
    assert "is up to date (4 shards)" in again.stdout
    assert time.monotonic() - started < 5
    assert stamps == {f: f.stat().st_mtime_ns for f in output.rglob("*") if f.name != ".lock"}

    # One file less and another one changed: what is outdated goes, the rest stays.
    (source / "train" / "c.jsonl").unlink()
    (output / ".train-99.partial").mkdir()
    (output / ".train-99.partial" / "train.bin").touch()
    (output / ".train.record.json-99.partial").touch()
    corpus(source, train_b=row(TEXTS[0]))
    assert run_here(*arguments) == 0
    assert "1 of 3 shards to do" in capsys.readouterr().out
    assert {f.stem for f in output.glob("*.idx")} == {"train", "train1", "valid"}
    assert not list(output.glob("*2*")) and not list(output.glob("*.partial"))
    after = contents(output)
    assert after["train.bin"] == before["train.bin"] and after["train1.bin"] != before["train1.bin"]


def test_debug_takes_the_first_hundred_and_a_split_leaves_the_other_alone(tmp_path, model):
    source = corpus(tmp_path / "in", train_a=row(TEXTS[0]) * 150, valid_a=row(TEXTS[1]))
    output = tmp_path / "out"
    arguments = ["-i", source, "-o", output, "-model", model, "-type", "normal", "-t", "1"]
    assert run_here(*arguments, "-split", "valid", "-isdebug") == 0
    assert run_here(*arguments, "-split", "train", "-isdebug", "True") == 0
    assert len(MMapIndexedDataset(output / "train")) == 100
    assert len(MMapIndexedDataset(output / "valid")) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-i", "nowhere"], "no file (.json, .jsonl, .json*.gz, .json*.zst) in nowhere/train"),
        (["-model", "nowhere"], "no model 'nowhere': give"),
        (["-t", "0"], "-t/--threads is 0; give 1 or more"),
        (["--continuation_ratio", "10.5"], "--continuation_ratio is 10.5; give 0 to 10"),
        (["-type", "other"], "invalid choice: 'other'"),
        (["-isdebug", "maybe"], "invalid choice: 'maybe'"),
        (["-type", "normal", "--operation", "names"], "--operation is names, but -type normal makes no sketches"),
        (["nowhere.yaml"], "unrecognized arguments: nowhere.yaml"),
    ],
)
def test_errors_name_value_and_fix(tmp_path, model, capsys, arguments, message):
    source = corpus(tmp_path / "in", train_a=row("x = 1"))
    try:
        code = encode_domain.main(["-i", str(source), "-o", str(tmp_path / "out"), "-model", str(model), *arguments])
    except SystemExit as error:
        code = error.code
    assert code in (1, 2)
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in last


def test_a_second_run_at_the_same_time_is_refused(tmp_path, model, capsys):
    source = corpus(tmp_path / "in", train_a=row("x = 1"))
    (tmp_path / "out").mkdir()
    with exclusive(tmp_path / "out/.lock", RuntimeError("nobody else is here")):
        assert encode_domain.main(["-i", str(source), "-o", str(tmp_path / "out"), "-model", str(model)]) == 1
    assert "another run writes to" in capsys.readouterr().err


def test_the_shell_command(tmp_path, model):
    script = str(ROOT / "scripts" / "run_encode_domain.sh")
    told = subprocess.run(["bash", script, "--help"], capture_output=True, text=True)
    assert told.returncode == 0 and "BASE_MODEL" in told.stdout
    source = corpus(tmp_path / "in", train_a=row("x = 1"))
    environment = {**os.environ, "CERT_PYTHON": sys.executable, "INPUT": str(source), "BASE_MODEL": str(model)}
    environment |= {"TYPE": "normal", "OUTPUT": str(tmp_path / "out"), "THREADS": "1"}
    ran = subprocess.run(["bash", script], env=environment, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert decoded(tmp_path / "out" / "train", model) == ["x = 1"]
    refused = subprocess.run(["bash", script, "-x"], capture_output=True, text=True)
    assert refused.returncode == 2 and "unknown argument -x" in refused.stderr


def test_the_generator_documents_are_what_prompting_looks_like(tmp_path, model):
    source = corpus(tmp_path, train_a=row(TEXTS[3])) / "train" / "a.jsonl"
    encode_shard(source, tmp_path / "train", *settings(model, "generator", 1.0))
    _, continuation = decoded(tmp_path / "train", model)
    sketch, code = continuation.split(SEGMENTATION)
    assert TEXTS[3].startswith(code) and sketch not in code

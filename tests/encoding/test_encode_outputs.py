"""Records, foreign files, links and flags: which outputs are kept, made again or refused, and what is read."""

import gzip
import json
import os
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from test_encode_domain import TEXTS, contents, corpus, decoded, model, row, run, run_here  # noqa: F401 - a fixture
from tokenizers import Tokenizer, normalizers, processors
from transformers import PreTrainedTokenizerFast

from nl2code.hashes import sha256_file
from nl2code.indexed_dataset import MMapIndexedDataset, MMapIndexedDatasetBuilder
from nl2code.models import tokenizer_sha256
from scripts import encode_domain
from scripts.ast_utils import SEGMENTATION, code_to_blocks
from scripts.records import read_record


@pytest.fixture
def source(tmp_path):
    return corpus(tmp_path / "in", train_a=row(TEXTS[0]), train_b=row(TEXTS[1]), valid_a=row(TEXTS[2]))


@pytest.fixture
def arguments(tmp_path, source, model) -> list:  # noqa: F811
    return ["-i", source, "-o", tmp_path / "out", "-model", model, "-type", "generator", "-t", "1"]


def other_tokenizer(model, folder, **ids):  # noqa: F811
    """A copy of a tokenizer, with some tokens under other ids."""
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"].update(ids)
    made = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(tokenizer)), eos_token="<|end|>")
    made.save_pretrained(folder)
    return folder


def test_the_record_of_a_shard(tmp_path, source, model, arguments):  # noqa: F811
    assert run_here(*arguments) == 0
    record = read_record(tmp_path / "out" / "train1.record.json")
    assert record["stage"] == "encoding"
    assert record["inputs"].keys() == {"corpus", "tokenizer", "python"}  # no source file, so a comment changes nothing
    assert record["inputs"]["corpus"] == sha256_file(source / "train" / "b.jsonl")
    assert record["inputs"]["tokenizer"] == tokenizer_sha256(str(model))
    kinds = {"type": "generator", "operation": "constants", "continuation_ratio": 0.5, "whole_documents": True}
    assert record["settings"] == kinds | {"seed": 42, "limit": None}
    assert record["counts"]["documents"] == len(MMapIndexedDataset(tmp_path / "out" / "train1"))
    for suffix in (".bin", ".idx", "_features.npy", "_targets.npy"):
        file = tmp_path / "out" / f"train1{suffix}"
        assert record["outputs"][file.name] == {"bytes": file.stat().st_size, "sha256": sha256_file(file)}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--operation", "names"], "operation: constants -> names"),
        (["-type", "sketcher"], "type: generator -> sketcher"),
        (["--continuation_ratio", "0.25"], "continuation_ratio: 0.5 -> 0.25"),
        (["--seed", "7", "-isdebug"], "seed: 42 -> 7; limit: null -> 100"),
        (["-split", "valid", "--seed", "7"], "seed: 42 -> 7"),
    ],
)
def test_other_settings_are_refused_and_change_nothing(tmp_path, arguments, capsys, flags, message):
    assert run_here(*arguments, "-split", "train") == 0
    before = contents(tmp_path / "out")
    assert run_here(*arguments, *flags) == 1
    error = capsys.readouterr().err
    assert f"{message}; choose another -o (in the shells: DATA_DIR, or PRESET" in error and error.count("\n") == 1
    assert contents(tmp_path / "out") == before


def test_another_tokenizer_is_refused(tmp_path, model, arguments, capsys):  # noqa: F811
    assert run_here(*arguments) == 0
    other = other_tokenizer(model, tmp_path / "other", zzz=400)
    assert run_here(*arguments, "-model", other) == 1
    assert "tokenizer: " in capsys.readouterr().err
    same = shutil.copytree(model, tmp_path / "same")
    assert run_here(*arguments, "-model", same) == 0  # the same files in another place


def test_a_changed_corpus_file_makes_its_own_shard_again(tmp_path, source, arguments, capsys):
    assert run_here(*arguments) == 0
    before = contents(tmp_path / "out")
    corpus(source, train_b=row(TEXTS[3]))
    assert run_here(*arguments) == 0
    assert "1 of 3 shards to do" in capsys.readouterr().out
    changed = {name for name, data in contents(tmp_path / "out").items() if before[name] != data}
    assert {"train1.bin", "train1.record.json", "encode_stats.json"} <= changed
    assert not {name for name in changed if name.startswith(("train.", "valid", "model"))}


def test_only_recorded_shards_are_removed(tmp_path, source, arguments, capsys):
    assert run_here(*arguments) == 0
    (tmp_path / "out" / "notes.txt").write_text("mine")
    (tmp_path / "out" / "trained.bin").write_text("mine")
    (source / "train" / "b.jsonl").unlink()
    assert run_here(*arguments) == 0
    assert not list((tmp_path / "out").glob("train1*"))
    stats = json.loads((tmp_path / "out" / "encode_stats.json").read_text())
    assert [shard["shard"] for shard in stats["shards"]] == ["train", "valid"]
    assert {f.name for f in (tmp_path / "out").glob("*t*")} >= {"notes.txt", "trained.bin"}


@pytest.mark.parametrize("name", ["train.bin", "train7.idx", "valid_features.npy", "train.record.json", "model/x.bin"])
def test_files_of_others_are_refused_and_kept(tmp_path, arguments, capsys, name):
    file = tmp_path / "out" / name
    file.parent.mkdir(parents=True)
    file.write_bytes(b"{}")
    assert run_here(*arguments) == 1
    error = capsys.readouterr().err
    assert str(tmp_path / "out" / name.partition("/")[0]) in error and "choose another -o" in error
    assert [f for f in (tmp_path / "out").rglob("*") if f.is_file()] == [file] and file.read_bytes() == b"{}"


def test_a_removed_tokenizer_comes_back(tmp_path, arguments):
    assert run_here(*arguments) == 0
    before = contents(tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "model")
    assert run_here(*arguments) == 0
    assert contents(tmp_path / "out") == before


def test_default_places_differ_by_type_base_and_operation():
    def place(*flags):
        return encode_domain.parse_args(["-d", "Mine", *flags]).output.relative_to(encode_domain.PROJECT_ROOT)

    assert str(place("-type", "sketcher", "-model", "models/a/")) == "data/Mine/sketcher_bin/a"
    assert str(place("-model", "owner/b")) == "data/Mine/generator_bin/b"
    assert str(place("-model", "b", "--operation", "both")) == "data/Mine/generator_bin/b_both"


def test_flags_of_the_original(tmp_path, source, model):  # noqa: F811
    names = ["--input_names", source, "--output_name", tmp_path / "out", "--model_name", model, "--type_name", "normal"]
    assert run_here("-d", "Mine", *names, "--num_processes", 1, "-split", "dev", "-isdebug", "False") == 0
    assert {f.stem for f in (tmp_path / "out").glob("*.idx")} == {"valid"}
    assert read_record(tmp_path / "out" / "valid.record.json")["settings"]["limit"] is None


def test_a_preset_and_flags_that_win(tmp_path, arguments, capsys):
    preset = tmp_path / "mine.yaml"
    preset.write_text("encoding: {seed: 7, continuation_ratio: 0.0, isdebug: true}\ntraining: {max_steps: 3}\n")
    assert run_here(preset, *arguments, "--seed", "8") == 0
    settings = read_record(tmp_path / "out" / "train.record.json")["settings"]
    assert (settings["seed"], settings["continuation_ratio"], settings["limit"]) == (8, 0.0, 100)
    preset.write_text("encoding: [1]\ntraining: {max_steps: 3}\n")
    assert run_here(preset, *arguments) == 1
    assert "section 'encoding' holds no settings" in capsys.readouterr().err


def test_input_below_folders_and_behind_links(tmp_path, model):  # noqa: F811
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "b" / "deep").mkdir(parents=True)
    (elsewhere / ".hidden").mkdir()
    for number, name in enumerate(["a.json.gz", "b/deep/part.jsonl-0001.gz", "b/part.json.2.gz", ".hidden/x.json.gz"]):
        (elsewhere / name).write_bytes(gzip.compress(row(TEXTS[number])))
    (elsewhere / "b" / "notes.txt").write_text("no corpus file")
    (elsewhere / "b" / "round").symlink_to(elsewhere / "b")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "train").symlink_to(elsewhere)
    (tmp_path / "linked_in").symlink_to(tmp_path / "in")
    disk = tmp_path / "disk"
    (tmp_path / "out").symlink_to(disk)  # which is not there yet
    arguments = ["-i", tmp_path / "linked_in", "-o", tmp_path / "out", "-model", model, "-type", "normal", "-t", "1"]
    for _ in range(2):
        assert run_here(*arguments, "-split", "train") == 0
        assert (tmp_path / "out").is_symlink()
        assert [decoded(disk / f"train{n}", model)[0] for n in ("", 1, 2)] == TEXTS[:3]
        assert not (disk / "train3.idx").exists()
        (elsewhere / "a.json.gz").touch()


def test_a_vocabulary_with_gaps(tmp_path, source, model):  # noqa: F811
    """`len(tokenizer)` is 257 there, the highest id 70,000."""
    vocab = json.loads((model / "tokenizer.json").read_text())["model"]["vocab"]
    gaps = other_tokenizer(model, tmp_path / "gaps", **{letter: 70_000 + vocab[letter] for letter in "()."})
    output = tmp_path / "out"
    assert run_here("-i", source, "-o", output, "-model", gaps, "-type", "normal", "-t", "1") == 0
    dataset = MMapIndexedDataset(output / "train")
    assert dataset.dtype == np.int32 and max(dataset[0]) > 70_000
    assert decoded(output / "train", gaps) == [TEXTS[0]]


def test_an_id_beyond_the_dtype_is_one_line(tmp_path, source, model):  # noqa: F811
    program = "import sys; from scripts import encode_domain; from scripts.encoding import workers\n"
    program += "workers.id_space = lambda tokenizer: 300\nsys.exit(encode_domain.main(sys.argv[1:]))"
    gaps = other_tokenizer(model, tmp_path / "gaps", **{"(": 70_000})
    flags = ["-i", source, "-o", tmp_path / "out", "-model", gaps, "-type", "normal", "-t", "1"]
    done = subprocess.run([sys.executable, "-c", program, *map(str, flags)], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "error: token 70000 does not fit uint16\n"


def test_a_tokenizer_that_normalises(tmp_path, source, model):  # noqa: F811
    """Documents are what the tokenizer makes of the text; nothing is lost but the form."""
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.normalizer = normalizers.NFC()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>").save_pretrained(tmp_path / "nfc")
    code = "name = 'Jose\u0301'  # <|end|>\n"
    corpus(source, train_a=row(code))
    output = tmp_path / "out"
    assert run_here("-i", source, "-o", output, "-model", tmp_path / "nfc", "-type", "normal", "-t", "1") == 0
    assert decoded(output / "train", tmp_path / "nfc") == [unicodedata.normalize("NFC", code)]


def test_truncation_padding_and_templates_of_a_tokenizer_are_not_applied(tmp_path, source, model):  # noqa: F811
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=64)
    template = {"single": "<|end|> $A <|end|>", "special_tokens": [("<|end|>", 0)]}
    tokenizer.post_processor = processors.TemplateProcessing(**template)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>").save_pretrained(tmp_path / "set")
    output = tmp_path / "out"
    assert run_here("-i", source, "-o", output, "-model", tmp_path / "set", "-type", "normal", "-t", "1") == 0
    assert decoded(output / "train", model) == [TEXTS[0]]


def test_a_dangling_link_among_the_corpus_files_is_an_error(tmp_path, source, arguments, capsys):
    (source / "train" / "c.jsonl.gz").symlink_to(tmp_path / "gone")
    assert run_here(*arguments) == 1
    error = capsys.readouterr().err
    assert "c.jsonl.gz" in error and error.count("\n") == 1


def test_output_below_the_corpus_is_refused(source, arguments, capsys):
    """Its records and tokenizer files would be read as corpus files."""
    for folder in (source / "train", source / "train" / "bin"):
        assert run_here(*arguments, "-o", folder) == 1
        assert (
            f"-o/--output {folder} lies in {source}/train, whose files are read; choose another folder"
            in capsys.readouterr().err
        )
    assert run_here(*arguments, "-o", source / "bin") == 0


LINE_ENDS = ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("raw", [False, True], ids=["escaped", "raw"])
def test_line_ends_survive_from_the_corpus_line_to_the_decoded_tokens(tmp_path, model, raw):  # noqa: F811
    """Within comments and triple-quoted strings, every character that str.splitlines() takes for the end of a line."""
    codes = [f"x = f(1)  # b{end}z\ny = '''d{end}{end}e'''\n\n\ndef g():\n    pass\n" for end in LINE_ENDS]
    lines = [json.dumps({"content": code}, ensure_ascii=not raw).encode() + b"\n" for code in codes]
    source = corpus(tmp_path / "in", train_a=b"".join(lines))
    for type_ in ("normal", "sketcher", "generator"):
        output = tmp_path / type_
        flags = ["-i", source, "-o", output, "-model", model, "-type", type_, "-t", "1", "--continuation_ratio", "0"]
        assert run_here(*flags) == 0
        texts = decoded(output / "train", model)
        assert len(texts) == len(codes)
        for code, text in zip(codes, texts, strict=True):
            blocks = code.removesuffix("\n").split("\n\n\n")
            sketches = [blocks[0].replace("f(1)", "f(number)"), "def func():\n    pass"]
            assert [block for _, block in code_to_blocks(code)] == [blocks[0] + "\n\n\n", blocks[1] + "\n"]
            pairs = [sketch + SEGMENTATION + block for sketch, block in zip(sketches, blocks, strict=True)]
            assert (
                text == {"normal": code, "sketcher": "\n\n\n".join(sketches), "generator": "\n\n\n".join(pairs)}[type_]
            )


def test_a_shard_of_another_dtype_is_not_merged(tmp_path):
    builder = MMapIndexedDatasetBuilder(tmp_path / "x.bin", np.uint16)
    builder.add_item([1])
    builder.finalize(tmp_path / "x.idx")
    wide = MMapIndexedDatasetBuilder(tmp_path / "y.bin", np.int32)
    with pytest.raises(ValueError, match="holds uint16, this dataset int32"):
        wide.merge_file_(tmp_path / "x")
    assert os.path.getsize(tmp_path / "y.bin") == 0


def test_a_path_that_is_no_unicode(tmp_path, model):  # noqa: F811
    source = corpus(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")), train_a=row(TEXTS[0]))
    assert run_here("-i", source, "-o", tmp_path / "out", "-model", model, "-type", "normal", "-t", "1") == 0

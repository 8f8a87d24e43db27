"""The tokenizer that is trained on a corpus: any text comes back, common words are short, the same corpus gives the same."""

import gzip
import json
import subprocess
import sys

import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st
from training_runs import ROOT, environment
from transformers import AutoTokenizer

from scripts import train_tokenizer


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    rows = [json.dumps({"content": text * 3}) for text in tiny.TEXT]
    (folder / "a.jsonl").write_text("\n".join([*rows, "{broken", '{"content": ""}']) + "\n")
    with gzip.open(folder / "b.jsonl.gz", "wt") as stream:
        stream.write(json.dumps({"content": "zyzzyva " * 50}) + "\n")
    return folder


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    output = tmp_path_factory.mktemp("models") / "tokenizer"
    command = [sys.executable, "-m", "scripts.train_tokenizer", str(corpus), "-o", str(output), "--vocab_size", "330"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "left out: 1 lines, broken JSON" in done.stdout and "330 tokens" in done.stdout
    return output


def test_it_is_byte_level_bpe(trained):
    tokenizer = AutoTokenizer.from_pretrained(trained)
    assert len(tokenizer) == 330
    assert tokenizer.bos_token_id == tokenizer.eos_token_id == tokenizer.unk_token_id == 0
    assert len(tokenizer(" zyzzyva").input_ids) == 1  # from the compressed file
    assert len(tokenizer("\x00é").input_ids) == 3  # bytes

    @settings(max_examples=60, deadline=None)
    @given(st.text())
    def any_text_comes_back(text):
        text = text.replace("<|endoftext|>", "")
        assert tokenizer.decode(tokenizer(text).input_ids) == text

    any_text_comes_back()


def test_the_same_corpus_gives_the_same_files(corpus, trained, tmp_path, capsys):
    again = ["-o", str(tmp_path / "again"), "--vocab_size", "330"]
    assert train_tokenizer.main([str(corpus / "a.jsonl"), str(corpus / "b.jsonl.gz"), *again]) == 0
    for file in trained.iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes()
    with pytest.raises(SystemExit):
        train_tokenizer.main([str(corpus), *again])
    assert "is there" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "text,code\na,b\n", "\n\n"])
def test_a_corpus_without_documents(tmp_path, capsys, content):
    (tmp_path / "a.jsonl").write_text(content)
    assert train_tokenizer.main([str(tmp_path), "-o", str(tmp_path / "x")]) == 1
    assert f"no document in {tmp_path} (" in capsys.readouterr().err and not (tmp_path / "x").exists()


def test_bad_input_is_named(tmp_path, capsys):
    assert train_tokenizer.main([str(tmp_path), "-o", str(tmp_path / "x")]) == 1
    assert "prepare_corpus" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        train_tokenizer.main([str(tmp_path), "-o", str(tmp_path / "x"), "--vocab_size", "100"])
    assert "at least 257" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()

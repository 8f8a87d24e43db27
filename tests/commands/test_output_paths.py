"""A file where an output folder should be: every program says so in one line, and the file stays."""

import io
import json
import shlex

import pytest
from tiny import TEXT, save_tiny

import eval_cert
import run_cert
from nl2code.errors import exit_status
from pandas_numpy_eval import evaluate_functional_correctness
from scripts import encode_domain, fetch_model, prepare_corpus, train_tokenizer


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A tiny model, code, a corpus, shards, samples."""
    folder = tmp_path_factory.mktemp("made")
    save_tiny(folder / "tiny")
    for name in ("corpus/train", "code"):
        (folder / name).mkdir(parents=True)
    (folder / "code/a.py").write_text("".join(TEXT))
    (folder / "corpus/train/a.jsonl").write_text(json.dumps({"content": "".join(TEXT[:4])}) + "\n")
    flags = f"-type normal -model {folder}/tiny -i {folder}/corpus -o {folder}/shards -t 1"
    assert encode_domain.main(flags.split()) == 0
    (folder / "x.samples.jsonl").write_text('{"task_id": "CertPandas/0", "completion": "x"}\n')
    return folder


@pytest.mark.parametrize("place", ["notes", "notes/x/y"])
@pytest.mark.parametrize(
    ("program", "flags"),
    [
        (encode_domain, "-type normal -model {made}/tiny -i {made}/corpus -t 1 -o {place}"),
        (prepare_corpus, "-d Shop --library pandas --kinds code --sources {made}/code -o {place}"),
        (train_tokenizer, "{made}/corpus --vocab_size 300 -o {place}/tokenizer"),
        (fetch_model, "--source {made}/tiny -o {place}/model"),
        (
            run_cert,
            "--model_name_or_path {made}/tiny --train_file {made}/shards/train --max_steps 1 --block_size 16 "
            "--report_to none --use_cpu true --output_dir {place}",
        ),
        (eval_cert, "-model {made}/tiny -n 1 --limit 1 --max_tokens 1 -o {place}"),
        (eval_cert, "-model {made}/tiny -n 1 --limit 1 --max_tokens 1 --results_dir {place}"),
        (evaluate_functional_correctness, "{made}/x.samples.jsonl -d Pandas -o {place}/x"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_file_in_the_place_of_a_folder(made, tmp_path, capsys, program, flags, place):
    (tmp_path / "notes").write_text("mine")
    assert program.main(shlex.split(flags.format(made=made, place=tmp_path / place))) == 1
    error = [line for line in capsys.readouterr().err.split("\n") if line.startswith("error: ")]
    assert len(error) == 1 and f"{tmp_path}/notes" in error[0] and "Errno" not in error[0], error
    assert any(part in error[0] for part in ("is a file, not a folder", "lies below a file", "it is no folder"))
    assert any(part in error[0] for part in ("give another", "choose another"))
    assert (tmp_path / "notes").read_text() == "mine"


def test_other_errors_of_the_system_keep_their_text(tmp_path, capsys):
    assert exit_status(lambda: tmp_path.mkdir()) == 1 and exit_status(lambda: (tmp_path / "x").read_text()) == 1
    assert [line.partition("] ")[2] for line in capsys.readouterr().err.split("\n")[:2]] == [
        f"File exists: '{tmp_path}'",
        f"No such file or directory: '{tmp_path}/x'",
    ]


def test_a_path_that_the_encoding_of_the_terminal_lacks(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert exit_status(lambda: print("wrote /tmp/ö", flush=True)) == 0
    assert written.getvalue() == b"wrote /tmp/\\xf6\n"

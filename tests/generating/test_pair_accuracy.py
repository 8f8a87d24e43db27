"""Exact match on pairs: what counts as right, where an answer ends, and the way from pairs to the number."""

import json

import pytest
import tiny

import run_cert
from nl2code.sampling import PromptError, Sampler, first_block
from scripts import encode_domain, pair_accuracy, prepare_pairs
from scripts.corpus.pairs import Pair


def groups_of(*rows):
    return pair_accuracy.by_text([Pair(text, code, f"f:{i}") for i, (text, code) in enumerate(rows, 1)], "#")


def test_score_of_hand_made_answers():
    groups = groups_of(("a", "f(1)"), ("b", "  g(\n 2)"), ("A", "f(one)"), ("c", "h"), ("d", "k"))
    answers = [("\nf(one)\n", "eos"), ("g( 2)", "eos"), ("h2", "length"), ("", "prompt too long")]
    found = pair_accuracy.score(groups, answers)
    assert (found["texts"], found["exact_match"]["value"], found["exact_match_squeezed"]["value"]) == (4, 0.25, 0.5)
    assert found["finish"] == {"eos": 2, "length": 1, "prompt too long": 1}
    assert found["misses"]["count"] == 3 and found["misses"]["examples"][1] == {
        **{"place": "f:4", "text": "c", "codes": ["h"], "answer": "h2", "finish": "length"}
    }
    low, high = found["exact_match"]["ci95"]
    assert low == 0 and 0.5 <= high <= 1


def test_an_answer_ends_where_the_model_ends_it():
    """No rule of Python cuts it: the same model, with the boundaries of completions, gives a shorter text."""
    tokenizer = tiny.tiny_tokenizer()
    prompts, settings = (
        [f"# {i} of" for i in range(8)],
        {"top_p": 1.0, "max_new_tokens": 60, "seed": 0, "temperature": 1.0},
    )
    sampler = Sampler(tiny.tiny_model(tokenizer), tokenizer)
    whole = [sampler.sample(prompt, 1, task_id="", boundaries=(), **settings)[0] for prompt in prompts]
    assert {one.finish for one in whole} <= {"eos", "length"} and all(one.text == one.raw.rstrip() for one in whole)
    ends = ("at",)  # frequent in the random model's texts
    cut = [sampler.sample(prompt, 1, task_id="", boundaries=ends, **settings)[0] for prompt in prompts]
    assert [one.text for one in cut] == [first_block(one.raw, ends) for one in whole]
    assert "boundary" in {one.finish for one in cut}


def test_a_prompt_beyond_the_context_is_counted():
    tokenizer = tiny.tiny_tokenizer()
    sampler = Sampler(tiny.tiny_model(tokenizer), tokenizer)
    found = pair_accuracy.answers(sampler, ["# a\n", "# " + "word " * 600, "# b\n"], 20)
    settings = {"temperature": 0, "top_p": 1.0, "max_new_tokens": 20, "seed": 5, "boundaries": ()}
    alone = [sampler.sample(prompt, 1, task_id="", **settings)[0] for prompt in ("# a\n", "# b\n")]
    assert found[1] == ("", "prompt too long")
    assert [found[0], found[2]] == [(one.raw, one.finish) for one in alone]
    with pytest.raises(PromptError, match="no valid text"):  # another fault is none of the length
        pair_accuracy.answers(sampler, ["# a\n", "# \ud800\n"], 20)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(folder of the corpus, model trained on it): twelve pairs, learned by heart."""
    folder = tmp_path_factory.mktemp("pairs")
    with open(folder / "pairs.csv", "w", encoding="utf-8") as stream:
        stream.write("QUESTION,ANSWER\n" + "".join(f'take {w},"SELECT {w}\n#{w};"\n' for w in "abcdefghijkl"))
    assert prepare_pairs.main([str(folder / "pairs.csv"), "-o", str(folder / "data"), "--comment", "--"]) == 0
    base = tiny.save_tiny(folder / "base")
    flags = ["-d", "Sql", "-type", "normal", "-model", str(base), "-i", str(folder / "data"), "-o", str(folder / "bin")]
    assert encode_domain.main(flags) == 0
    flags = f"--model_name_or_path {base} --train_file {folder}/bin/train --output_dir {folder}/run --block_size 64 "
    flags += "--per_device_train_batch_size 4 --learning_rate 5e-3 --max_steps 300 --report_to none --use_cpu true "
    assert run_cert.main((flags + "--eval_strategy no --save_strategy no --loss_on targets").split()) == 0
    return folder / "data", folder / "run/model"


def test_from_pairs_to_accuracy(trained, tmp_path, capsys):
    """A model that has learned its pairs gives them back, over lines that begin like a comment of Python."""
    corpus, model = trained
    output = tmp_path / "seen.json"
    command = ["-model", str(model), "--pairs", str(corpus / "train"), "--comment=--", "-l", "30", "-o", str(output)]
    assert pair_accuracy.main(command) == 0
    result = json.loads(output.read_text())
    assert result["exact_match"]["value"] > 0.8, result["misses"]
    assert (
        result["texts"] == result["pairs"] >= 8
        and result["settings"]["seed"] == 0
        and "torch" in result["run"]["versions"]
    )
    assert {"model", "pairs 0, part-00000.jsonl.gz"} <= set(result["inputs"])
    assert f"exact_match: {result['exact_match']['value']:.4f} [" in capsys.readouterr().out
    before = output.read_bytes()
    assert pair_accuracy.main(command) == 0 and output.read_bytes() == before
    assert "up to date" in capsys.readouterr().err


def test_refusals(trained, tmp_path, capsys):
    corpus, model = trained
    (tmp_path / "mine.json").write_text("{}")
    command = ["-model", str(model), "--pairs", str(corpus / "valid")]
    for flags, words in (
        (["-o", str(tmp_path / "x.json")], "was not made with --comment #; give the --comment of the corpus"),
        (["--comment=--", "-o", str(tmp_path / "mine.json")], "no result of this program"),
    ):
        assert pair_accuracy.main([*command, *flags]) == 1 and words in capsys.readouterr().err
    served = ["-model", "openai:x", "--pairs", str(corpus / "valid"), "-o", str(tmp_path / "y.json")]
    assert pair_accuracy.main(served) == 1 and "behind a server" in capsys.readouterr().err

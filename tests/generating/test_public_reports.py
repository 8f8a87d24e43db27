"""Faults that users of other generation tools reported, tried on this one."""

import json

import pytest
import tiny
import torch

import eval_cert
from nl2code.models import ModelError, load_tokenizer
from nl2code.sampling import Request, Sampler
from nl2code.sampling.nucleus import nucleus_sample
from scripts.generating.names import model_name

SETTINGS = {"temperature": 0.8, "top_p": 0.9, "max_new_tokens": 12, "seed": 7}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save_tiny(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture
def problems(tmp_path):
    lines = [{"task_id": f"T/{i}", "prompt": "df = ", "entry_point": "none", "test": ""} for i in range(3)]
    (tmp_path / "P.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path / "P.jsonl"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("temperature", [0, 0.8])
def test_logits_that_overflow_are_an_error(value, temperature):
    """transformers: "probability tensor contains either inf, nan"; here NaN drew tokens silently."""
    logits = torch.zeros(2, 50)
    logits[1, 3] = value
    with pytest.raises(ModelError, match="float32"):
        nucleus_sample(logits, torch.tensor([[0.5], [0.5]], dtype=torch.float64), temperature, 0.9)


@pytest.mark.parametrize("temperature", [1e-7, 1e-300, 5e-324])
def test_tiny_temperatures_are_greedy(temperature):
    """vllm: a temperature near 0 divides by zero."""
    logits = torch.randn(4, 500, generator=torch.Generator().manual_seed(1))
    u = torch.full((4, 1), 0.99, dtype=torch.float64)
    assert torch.equal(nucleus_sample(logits, u, temperature, 0.9)[:, 0], logits.argmax(-1))


def test_truncation_in_a_tokenizer_file_does_not_cut_prompts(base, tmp_path):
    """bigcode-evaluation-harness: prompts lost their beginning to a tokenizer saved with truncation."""
    tokenizer = load_tokenizer(str(base))
    tokenizer.backend_tokenizer.enable_truncation(4)
    tokenizer.backend_tokenizer.enable_padding(length=40)
    sampler = Sampler(tiny.tiny_model(tokenizer), tokenizer)
    ids, pending = sampler.encode("df = pd.DataFrame({'a': [1, 2, 3]})", 5)
    assert b"".join(sampler.tokens.table[i] for i in ids[1:]) + pending == b"df = pd.DataFrame({'a': [1, 2, 3]})"


def test_one_begin_of_document(base):
    """lm-evaluation-harness: two BOS tokens where the tokenizer adds one itself."""
    from tokenizers.processors import TemplateProcessing

    tokenizer = load_tokenizer(str(base))
    special = [("<|endoftext|>", tokenizer.bos_token_id)]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="<|endoftext|> $A", special_tokens=special)
    sampler = Sampler(tiny.tiny_model(tokenizer), tokenizer)
    assert sampler.encode("df = pd", 5)[0].count(tokenizer.bos_token_id) == 1


def test_logits_wider_than_the_vocabulary(base):
    """vllm: a padded embedding draws ids that the tokenizer lacks; they end the sample."""
    tokenizer = load_tokenizer(str(base))
    model = tiny.tiny_model(tokenizer)
    model.resize_token_embeddings(len(tokenizer) + 600)
    sampler = Sampler(model, tokenizer)
    (samples,) = sampler.sample_many([Request("df = ", "T/0", 0, 40)], **SETTINGS | {"temperature": 2, "top_p": 1})
    assert len(samples) == 40 and {"eos"} <= {sample.finish for sample in samples}


def test_a_list_of_end_tokens(base):
    """transformers: eos_token_id may be a list; each of them ends a sample."""
    tokenizer = load_tokenizer(str(base))
    model = tiny.tiny_model(tokenizer)
    model.generation_config.eos_token_id = [0, 77]
    assert {0, 77} <= Sampler(model, tokenizer).stop_ids


def test_more_processes_than_units(base, problems, tmp_path, monkeypatch):
    """bigcode-evaluation-harness: a process without work crashed, and the others waited for it."""
    monkeypatch.setenv("WORLD_SIZE", "4")
    for rank in "3210":
        monkeypatch.setenv("RANK", rank)
        output = tmp_path / "x.samples.jsonl"
        assert eval_cert.main(f"-model {base} -d {problems} -n 2 -l 3 -o {output}".split()) == 0
    assert output.read_bytes().count(b"\n") == 6 and not list(tmp_path.glob("*.parts*"))


def test_names_of_folders_with_a_slash_at_the_end(base, tmp_path):
    """lm-evaluation-harness: a trailing slash gave an empty model name."""
    assert model_name(f"{base}/") == model_name(str(base)) == "base"
    assert model_name(f"{base}/.") == "base"


@pytest.mark.parametrize("flags", ["--tasks (", "-d missing.jsonl", "-d ."])
def test_what_cannot_be_read_is_one_line(base, tmp_path, capsys, flags):
    """evalplus: tracebacks for a mistyped data set or filter."""
    assert eval_cert.main(f"-model {base} -n 1 -l 3 -o {tmp_path / 'x.samples.jsonl'} {flags}".split()) == 1
    assert capsys.readouterr().err.count("\n") == 1

"""The generation engine: exact draws, determinism, healing, truncation."""

import numpy as np
import pytest
import tiny
import torch

from nl2code.sampling import PromptTooLongError, Sampler, nucleus_sample, sample_completions, uniforms
from nl2code.token_bytes import TokenBytes
from nl2code.truncation import BOUNDARIES, first_block

SETTINGS = {"temperature": 0.8, "top_p": 0.95, "max_new_tokens": 24, "seed": 7, "task_id": "T/0"}
PROMPTS = ["def f(x):\n    return ", "df = ", "# select rows\n", "df[", "x = 1\n\n\n", "    return\t", "é = 'ü' "]


@pytest.fixture(scope="module")
def tokenizer():
    return tiny.tiny_tokenizer()


@pytest.fixture(scope="module")
def sampler(tokenizer):
    return Sampler(tiny.tiny_model(tokenizer), tokenizer)


def reference_nucleus(logits, temperature, top_p):
    """Probabilities of the nucleus of one row, by a full sort."""
    p = np.exp(logits / temperature - np.max(logits / temperature))
    p /= p.sum()
    order = np.argsort(-p, kind="stable")
    keep = order[: int(np.searchsorted(np.cumsum(p[order]), top_p)) + 1]
    result = np.zeros_like(p)
    result[keep] = p[keep] / p[keep].sum()
    return result


@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (1.0, 0.9), (0.5, 0.7), (3.0, 0.999)])
def test_frequencies_match_the_nucleus(temperature, top_p):
    """Chi-square of 40,000 draws against the exact distribution, 200 tokens."""
    logits = torch.randn(200, generator=torch.Generator().manual_seed(3)) * 2
    expected = reference_nucleus(logits.double().numpy(), temperature, top_p)
    u = torch.from_numpy(uniforms(1, "chi", 0, 40_000, 1)[:, 0])
    drawn = nucleus_sample(logits.expand(len(u), -1), u, temperature, top_p).numpy()
    counts = np.bincount(drawn, minlength=200)
    assert counts[expected == 0].sum() == 0
    wanted = expected * len(u)
    common = wanted >= 5
    statistic = ((counts[common] - wanted[common]) ** 2 / wanted[common]).sum()
    freedom = common.sum() - 1
    assert statistic < freedom + 4 * np.sqrt(2 * freedom)


def test_one_certain_token_and_forbidden_tokens():
    logits = torch.tensor([[0.0, 50.0, 0.0], [1.0, -torch.inf, -torch.inf]])
    for u in (0.0, 0.5, 1 - 1e-16):
        drawn = nucleus_sample(logits, torch.full((2,), u, dtype=torch.float64), 1.0, 0.95)
        assert drawn.tolist() == [1, 0]


def test_uniform_streams_are_distinct_and_addressable():
    draws = uniforms(5, "A", 0, 100, 8)
    assert len(np.unique(draws)) == draws.size
    assert np.array_equal(uniforms(5, "A", 40, 20, 8), draws[40:60])
    assert not np.array_equal(uniforms(5, "B", 0, 1, 8), draws[:1])
    assert not np.array_equal(uniforms(6, "A", 0, 1, 8), draws[:1])


def test_batch_size_and_restart_change_nothing(sampler):
    prompt = PROMPTS[0]
    whole = sampler.sample(prompt, 12, **SETTINGS, batch_size=12)
    parts = sampler.sample(prompt, 5, **SETTINGS, batch_size=2) + sampler.sample(
        prompt, 7, **SETTINGS, first=5, batch_size=7
    )
    assert parts == whole
    assert len({sample.raw for sample in whole}) > 6  # distinct draws, not one repeated


def test_greedy_equals_generate(sampler, tokenizer, monkeypatch):
    """Temperature 0 gives the tokens of transformers' own greedy search; healing is left out, as generate has none."""
    ids = [sampler.bos, *tokenizer("rows = df[", add_special_tokens=False).input_ids]
    monkeypatch.setattr(sampler, "encode", lambda prompt, max_new_tokens: (ids, b""))
    sample = sampler.sample("rows = df[", 1, **{**SETTINGS, "temperature": 0})[0]
    with torch.inference_mode():
        batch = torch.tensor([ids])
        output = sampler.model.generate(
            batch, max_new_tokens=24, do_sample=False, attention_mask=torch.ones_like(batch), pad_token_id=0
        )
    expected = output[0, len(ids) :].tolist()[: sample.num_tokens]
    assert sample.raw == b"".join(sampler.tokens.table[i] or b"" for i in expected).decode("utf-8", "replace")
    assert sample.num_tokens > 1


@pytest.mark.parametrize("prompt", PROMPTS)
def test_healing_keeps_the_text(sampler, tokenizer, prompt):
    """Conditioning tokens + pending bytes are the prompt; what is written decodes to prompt + completion, exactly."""
    ids, pending = sampler.tokens.encode_healed(prompt)
    spelled = b"".join(sampler.tokens.table[i] for i in ids)
    assert spelled + pending == prompt.encode()
    assert not spelled.decode().endswith((" ", "\n", "\t"))
    chosen: list[int] = []
    table = sampler.tokens.table
    remaining = pending
    while remaining:  # any path through the allowed tokens spells the pending bytes
        allowed = sampler.tokens.allowed(remaining)
        assert len(allowed)
        token = int(allowed[len(chosen) % len(allowed)])
        assert table[token].startswith(remaining) or remaining.startswith(table[token])
        chosen.append(token)
        remaining = remaining[len(table[token]) :]
    whole = b"".join(table[i] for i in [*ids, *chosen])
    assert whole.startswith(prompt.encode())


@pytest.mark.parametrize("prompt", PROMPTS)
def test_healed_samples_never_repeat_the_white_space(sampler, prompt):
    """The bytes taken back belong to the prompt and not to the completion: raw text starts after them."""
    for sample in sampler.sample(prompt, 4, **SETTINGS):
        assert sample.text == first_block(sample.raw)
        assert sample.finish in ("eos", "boundary", "length")


def test_sentencepiece_tables():
    """Byte fallback and the blank's stand-in, as Llama-style tokenizers store them."""
    from tokenizers import Tokenizer, decoders, models
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"<s>": 0, "</s>": 1, "<0x0A>": 2, "\u2581": 3, "a": 4, "\u2581a": 5, "b": 6}
    backend = Tokenizer(models.BPE(vocabulary, [("\u2581", "a")], byte_fallback=True))
    backend.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")
    tokens = TokenBytes(tokenizer, 8)
    assert tokens.table == [None, None, b"\n", b" ", b"a", b" a", b"b", None]
    assert tokens.allowed(b" ").tolist() == [3, 5]


@pytest.fixture(scope="module")
def fluent(tokenizer):
    """A tiny model that has learnt its few lines by heart, so that it writes boundaries."""
    model = tiny.tiny_model(tokenizer).train()
    batch = torch.tensor([0, *tokenizer("".join(tiny.TEXT)).input_ids])[None]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(100):
        model(input_ids=batch, labels=batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return Sampler(model.eval(), tokenizer)


def test_rows_stop_at_a_boundary(fluent):
    samples = fluent.sample("rows = ", 20, **{**SETTINGS, "max_new_tokens": 60})
    stopped = [sample for sample in samples if sample.finish == "boundary"]
    assert len(stopped) > 5
    for sample in stopped:
        assert any(boundary in sample.raw for boundary in BOUNDARIES)
        assert not any(boundary in sample.text for boundary in BOUNDARIES)
        assert sample.num_tokens < 60
    assert all(sample.num_tokens == 60 for sample in samples if sample.finish == "length")


def test_healing_repairs_a_cut_prompt(fluent):
    """A prompt cut inside what training saw as one token goes on as trained: `rows = ` before `df`."""
    prompt = "".join(tiny.TEXT[:2]) + "# select the rows where a is larger than one\nrows = "
    sample = fluent.sample(prompt, 1, **{**SETTINGS, "temperature": 0})[0]
    assert sample.text == "df[df['a'] > 1]"


def test_a_prompt_that_is_too_long(sampler):
    with pytest.raises(PromptTooLongError, match="context of 512"):
        sampler.sample("x = 1\n" * 200, 1, **SETTINGS)


def test_no_special_tokens_at_all():
    tokenizer = tiny.tiny_tokenizer(special=None)
    model = tiny.tiny_model(tokenizer)
    samples = sample_completions(model, tokenizer, "df = ", 3, **SETTINGS)
    assert len(samples) == 3


def test_first_block_cuts_at_the_earliest_boundary():
    assert first_block("a\nif x:\n  pass\nclass B") == "a"
    assert first_block("a  \n\n") == "a"
    assert first_block("\n    if x:\n        y") == "\n    if x:\n        y"  # an indented if is no boundary
    for boundary in BOUNDARIES:
        assert first_block(f"body{boundary} rest") == "body"

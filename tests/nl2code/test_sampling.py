"""The generation engine: exact draws, determinism, healing, truncation."""

import gc
import weakref
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import tiny
import torch
from transformers import AutoConfig

from nl2code.models import ModelError
from nl2code.sampling import engine, shared_prompt
from nl2code.sampling.branches import Branch, Prompt
from nl2code.sampling.engine import Sampler, context_of
from nl2code.sampling.nucleus import nucleus_sample, uniforms
from nl2code.sampling.packed_linear import PackedLinear, pack_linears
from nl2code.sampling.prompts import PromptError, Request
from nl2code.sampling.token_bytes import TokenBytes
from nl2code.sampling.truncation import BOUNDARIES, first_block, syntax

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
    drawn = nucleus_sample(logits[None], u[None], temperature, top_p)[0].numpy()
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
        drawn = nucleus_sample(logits, torch.full((2, 3), u, dtype=torch.float64), 1.0, 0.95)
        assert drawn.tolist() == [[1, 1, 1], [0, 0, 0]]


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


ARCHITECTURES = ["gpt_neo", "gpt2", "codegen", "llama", "deepseek_v3"]


@pytest.fixture(scope="module", params=ARCHITECTURES)
def any_sampler(request, tokenizer):
    return Sampler(tiny.tiny_model(tokenizer, architecture=request.param), tokenizer)


def many_prompts(count):
    """Prompts of 1 to about 90 tokens, cut from one text at arbitrary places."""
    text = "".join(tiny.TEXT)
    return [text[(7 * i) % 80 : (7 * i) % 80 + 3 + (37 * i) % 240] for i in range(count)]


def test_greedy_equals_generate(any_sampler, tokenizer, monkeypatch):
    """50 prompts side by side at temperature 0: token for token what transformers' own greedy search writes for each.

    Healing and boundaries are left out, as `generate` has neither.
    """

    def encode(prompt, max_new_tokens):
        return [any_sampler.bos, *tokenizer(prompt, add_special_tokens=False).input_ids], b""

    monkeypatch.setattr(any_sampler, "encode", encode)
    requests = [Request(prompt, "T", 0, 1) for prompt in many_prompts(50)]
    settings = {"temperature": 0, "top_p": 1, "max_new_tokens": 24, "seed": 0, "boundaries": ()}
    found = any_sampler.sample_many(requests, **settings, batch_size=9)
    for request, (sample,) in zip(requests, found, strict=True):
        batch = torch.tensor([encode(request.prompt, 24)[0]])
        with torch.inference_mode():
            output = any_sampler.model.generate(
                batch, max_new_tokens=24, do_sample=False, attention_mask=torch.ones_like(batch), pad_token_id=0
            )
        written = output[0, batch.shape[1] :].tolist()
        assert sample.num_tokens == len(written)
        assert sample.raw == b"".join(any_sampler.tokens.table[i] or b"" for i in written).decode("utf-8", "replace")


@pytest.mark.parametrize("batch_size", [1, 7, 200])
def test_neighbours_and_batch_size_change_nothing(any_sampler, batch_size):
    """Prompts of all lengths in one batch write what each writes alone, rows joining and leaving at any time."""
    requests = [Request(prompt, f"T/{i}", 3, 1 + i % 4) for i, prompt in enumerate(many_prompts(12))]
    settings = {"temperature": 1.0, "top_p": 0.95, "max_new_tokens": 24, "seed": 7}
    together = any_sampler.sample_many(requests, **settings, batch_size=batch_size)
    for request, samples in zip(requests, together, strict=True):
        alone = any_sampler.sample(request.prompt, request.count, task_id=request.task_id, first=3, **settings)
        assert samples == alone


@pytest.mark.parametrize("batch_size", [1, 4, 200])
def test_samples_that_agree_are_one_row(any_sampler, monkeypatch, batch_size):
    """What samples have written alike is computed once, and they write what each writes alone.

    With few rows, parts of a prompt's samples wait and go on later from their own keys and values.
    """
    written: dict[int, list[int]] = {}
    push, forward, rows = Branch.push, any_sampler.model.forward, []

    def noted(branch, data):
        for place in branch.places:
            written.setdefault(place, []).append(branch.token)
        push(branch, data)

    def counted(input_ids, **inputs):
        rows.append(len(input_ids) if input_ids.shape[1] == 1 else 0)
        return forward(input_ids=input_ids, **inputs)

    requests = [Request(prompt, f"T/{i}", 0, 12) for i, prompt in enumerate(many_prompts(4)[1:])]
    requests.append(Request(requests[0].prompt, "other draws", 3, 5))
    settings = {"temperature": 0.01, "top_p": 0.95, "max_new_tokens": 40, "seed": 7, "boundaries": ()}
    with monkeypatch.context() as patched:
        patched.setattr(Branch, "push", noted)
        patched.setattr(any_sampler.model, "forward", counted)
        together = any_sampler.sample_many(requests, **settings, batch_size=batch_size)
    prompts = [request.prompt for request in requests for _ in range(request.count)]
    ends = (*any_sampler.stop_ids,)
    shared = {
        (prompts[i], *row[:k]) for i, row in written.items() for k in range(1, len(row)) if row[k - 1] not in ends
    }
    tokens = sum(len(row) - 1 for row in written.values())
    assert sum(rows) == len(shared) < tokens
    assert max(rows) <= batch_size and len({one.raw for group in together for one in group}) > 3
    for request, samples in zip(requests, together, strict=True):
        alone = [
            any_sampler.sample(request.prompt, 1, task_id=request.task_id, first=first, **settings)[0]
            for first in range(request.first, request.first + request.count, 3)
        ]
        assert samples[::3] == alone


def test_the_cache_goes_with_its_samples(any_sampler, monkeypatch):
    """A batch's keys and values, a gigabyte or two, do not wait for the garbage collector."""
    caches = []
    inputs = engine.RowCache.inputs

    def noted(cache, dtype):
        caches.append(weakref.ref(cache))
        return inputs(cache, dtype)

    monkeypatch.setattr(engine.RowCache, "inputs", noted)
    gc.disable()
    try:
        any_sampler.sample("df = ", 3, **SETTINGS)
        assert caches and not any(cache() for cache in caches)
    finally:
        gc.enable()


def test_states_of_a_prompt_are_kept_once(any_sampler, monkeypatch):
    """A row holds them; only samples that may still part need another copy."""
    copies, take, forward = [], engine.RowCache.take, any_sampler.model.forward

    def noted(*args):
        found = take(*args)
        copies.extend(weakref.ref(states) for states in found)
        return found

    def checked(input_ids, **inputs):
        assert input_ids.shape[1] > 1 or not any(states() is not None for states in copies)
        return forward(input_ids=input_ids, **inputs)

    monkeypatch.setattr(engine.RowCache, "take", noted)
    monkeypatch.setattr(any_sampler.model, "forward", checked)
    any_sampler.sample_many(
        [Request(prompt, "T", 0, 1) for prompt in many_prompts(6)],
        **{key: value for key, value in SETTINGS.items() if key != "task_id"},
    )
    assert copies


def test_moving_to_the_left_copies_little_at_once(any_sampler, monkeypatch):
    advance, clone, copied, moves = engine.RowCache.advance, torch.Tensor.clone, [], []

    def noted(tensor, *args, **kwargs):
        copied.append(tensor.numel())
        return clone(tensor, *args, **kwargs)

    def watched(cache):
        end = cache.end
        with monkeypatch.context() as patched:
            patched.setattr(torch.Tensor, "clone", noted)
            advance(cache)
        if cache.end < end:
            moves.append(max(copied) / max(states[:, :, 0].numel() * cache.columns for states in cache.room[0]))

    monkeypatch.setattr(engine.RowCache, "advance", watched)
    any_sampler.sample("df = ", 2, **SETTINGS | {"max_new_tokens": 70}, boundaries=())
    assert moves and max(moves) <= 1


def test_greedy_samples_cost_one_row(sampler, monkeypatch):
    forward, rows = sampler.model.forward, []

    def counted(input_ids, **inputs):
        rows.append(len(input_ids))
        return forward(input_ids=input_ids, **inputs)

    monkeypatch.setattr(sampler.model, "forward", counted)
    samples = sampler.sample("df = ", 50, **SETTINGS | {"temperature": 0})
    assert len(set(samples)) == 1 and set(rows) == {1}


@pytest.mark.parametrize("batch_size", [3, 8, 64])
def test_sharing_prompts_changes_nothing(tokenizer, monkeypatch, batch_size):
    """Rows of several prompts join and leave, so that places of rows and of prompts are given to others."""
    llama = Sampler(tiny.tiny_model(tokenizer, architecture="llama"), tokenizer)
    counts = [1, 9, 2, 5, 1, 1, 4]
    requests = [Request(p, f"T/{i}", 0, n) for i, (p, n) in enumerate(zip(many_prompts(7), counts, strict=True))]
    settings = {"temperature": 0.8, "top_p": 0.95, "max_new_tokens": 40, "seed": 7, "batch_size": batch_size}
    settings["boundaries"] = ("e",)  # so that rows leave at many times
    shared = llama.sample_many(requests, **settings)
    assert llama.model.config._attn_implementation == shared_prompt.NAME
    monkeypatch.setattr(engine, "share_prompts", lambda model: False)
    assert llama.sample_many(requests, **settings) == shared
    assert len({one.num_tokens for group in shared for one in group}) > 5


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_attention_over_two_parts_is_one_softmax(dtype, tolerance):
    """Against the plain formula: 5 rows of 2 prompts, 4 heads that share 2 heads of keys."""
    generator = torch.Generator().manual_seed(1)

    def states(*shape):
        return torch.randn(*shape, generator=generator, dtype=dtype)

    prompts = [(Prompt([0] * n), [states(2, 2, n, 8)]) for n in (7, 3)]
    cache = shared_prompt.SharedCache(1, rows=5, slots=2, prompt_length=7, new_length=9, device=torch.device("cpu"))
    cache.take([SimpleNamespace(keys=states(1, 2, 7, 8), values=states(1, 2, 7, 8))], 0, 7)  # tells the shapes
    own: list[list] = []
    for step, joining in enumerate([[0, 1, 0], [], [1, 0], []]):
        for prompt in joining:
            of, prompt_states = prompts[prompt]
            cache.join(Branch(of, [0], np.zeros((1, 9)), (), b"", prompt_states=prompt_states))
            own.append([prompt])
        query, key, value = states(len(own), 4, 1, 8), states(len(own), 2, 1, 8), states(len(own), 2, 1, 8)
        inputs = cache.inputs(dtype)
        keys, values = cache.update(key, value, 0)
        found, _ = shared_prompt.attention(None, query, keys, values, inputs["attention_mask"], scaling=0.5)
        for row, tokens in enumerate(own):
            tokens.append((key[row], value[row]))
            prompt_keys, prompt_values = prompts[tokens[0]][1][0]
            whole = torch.cat([prompt_keys, *(k for k, _ in tokens[1:])], 1).repeat_interleave(2, 0).double()
            weights = torch.softmax(0.5 * query[row].double() @ whole.mT, -1)  # (4, 1, tokens)
            whole = torch.cat([prompt_values, *(v for _, v in tokens[1:])], 1).repeat_interleave(2, 0).double()
            torch.testing.assert_close(found[row, 0].double(), (weights @ whole)[:, 0], atol=tolerance, rtol=tolerance)
            assert inputs["position_ids"][row] == whole.shape[1] - 1, step
        cache.advance()


def test_first_tokens_have_the_exact_distribution(any_sampler, tokenizer, monkeypatch):
    """20,000 draws of three tokens: chi-square against probabilities that a plain forward pass of each prefix gives."""
    monkeypatch.setattr(any_sampler, "stop_ids", set())
    monkeypatch.setattr(any_sampler.tokens, "table", [bytes([i % 256, i // 256]) for i in range(len(tokenizer))])
    prompt = [any_sampler.bos, 5, 9, 40]
    monkeypatch.setattr(any_sampler, "encode", lambda text, length: (prompt, b""))
    # A temperature at which the nucleus holds a few tokens, so that every triple is drawn often enough.
    temperature, top_p = 1.0, 0.8
    while np.count_nonzero(reference_nucleus(next_logits(any_sampler, prompt), temperature, top_p)) > 5:
        temperature *= 0.8
    settings = {"temperature": temperature, "top_p": top_p, "max_new_tokens": 3, "seed": 11, "batch_size": 500}
    settings["boundaries"] = ()
    counts = Counter()
    pushed = Branch.push

    def push(branch, data):
        pushed(branch, data)
        if branch.finish:  # `table` spells a token by two bytes
            counts[tuple(branch.text[i] + 256 * branch.text[i + 1] for i in (0, 2, 4))] += len(branch.places)

    monkeypatch.setattr(Branch, "push", push)
    any_sampler.sample_many([Request("", "chi", 0, 20_000)], **settings)
    expected = {(): 1.0}
    for _ in range(3):
        longer = {}
        for prefix, p in expected.items():
            nucleus = reference_nucleus(next_logits(any_sampler, [*prompt, *prefix]), temperature, top_p)
            longer.update({(*prefix, int(i)): p * nucleus[i] for i in np.flatnonzero(nucleus)})
        expected = longer
    assert set(counts) <= set(expected) and len(expected) >= 5
    pairs = [(counts[key], 20_000 * p) for key, p in expected.items() if 20_000 * p >= 5]
    statistic = sum((seen - wanted) ** 2 / wanted for seen, wanted in pairs)
    assert statistic < len(pairs) - 1 + 4 * np.sqrt(2 * (len(pairs) - 1))


def next_logits(sampler, ids):
    """Logits after a sequence by a plain forward pass, float64 (V,)."""
    with torch.inference_mode():
        return sampler.model(input_ids=torch.tensor([ids])).logits[0, -1].double().numpy()


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this build of torch has no oneDNN")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_packed_layers_multiply_alike(tokenizer, dtype):
    if dtype == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("this CPU multiplies no bfloat16 in oneDNN")
    model, packed = (tiny.tiny_model(tokenizer, architecture="llama").to(dtype) for _ in range(2))
    pack_linears(packed)
    assert sum(isinstance(module, PackedLinear) for module in packed.modules()) == 2 * 7 + 1
    assert not [module for module in packed.modules() if isinstance(module, torch.nn.Linear)]
    for rows in (1, 7, 64, 200):
        ids = torch.arange(rows * 3).reshape(rows, 3) % len(tokenizer)
        with torch.inference_mode():
            torch.testing.assert_close(packed(input_ids=ids).logits, model(input_ids=ids).logits)
    request = [Request("df = ", "T", 0, 5)]
    settings = {"temperature": 0.5, "top_p": 0.9, "max_new_tokens": 8, "seed": 1}
    assert Sampler(packed, tokenizer).sample_many(request, **settings) == Sampler(model, tokenizer).sample_many(
        request, **settings
    )


SLIDING = [
    *((name, {}, 40) for name in ("mistral", "mixtral", "phi3", "starcoder2")),
    *((name, {}, 512) for name in ("llama", "qwen2", "qwen3", "smollm3")),
    ("qwen2", {"use_sliding_window": True, "max_window_layers": 1}, 40),
    ("qwen2", {"use_sliding_window": True, "max_window_layers": 2}, 512),  # no layer has it
]


@pytest.mark.parametrize(("name", "more", "context"), SLIDING)
def test_prompts_and_completions_lie_within_a_sliding_window(name, more, context):
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    more = more | ({} if name == "llama" else {"sliding_window": 40})
    ends = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    config = AutoConfig.for_model(name, vocab_size=9, **sizes, **ends, max_position_embeddings=512, **more)
    assert context_of(config) == context


@pytest.mark.parametrize(("name", "more"), [("bloom", {}), ("falcon", {"alibi": True})])
def test_attention_that_needs_another_mask_is_refused(name, more):
    with pytest.raises(ModelError, match=f"{name} makes its ALiBi from a 2-D .* use another model"):
        context_of(AutoConfig.for_model(name, **more))
    assert context_of(AutoConfig.for_model("falcon")) == 2048


def test_states_of_other_kinds_are_refused():
    with pytest.raises(ModelError, match="linear_attention"):
        context_of(SimpleNamespace(layer_types=["full_attention", "linear_attention"], model_type="x"))
    window = SimpleNamespace(
        layer_types=["sliding_attention"], model_type="x", sliding_window=64, max_position_embeddings=512
    )
    assert context_of(window) == 64


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


SPECIAL = ("x = '<|endoftext|>' + y\n", "text.split('<|endoftext|>", "# stop at <|endoftext|>", "<|endoftext|>")


@pytest.mark.parametrize("prompt", [*PROMPTS, *SPECIAL])
def test_prompts_have_the_ids_of_training(sampler, tokenizer, tmp_path, prompt):
    """The text of a special token is text, in training and in sampling; the bytes are the prompt's."""
    from scripts.encoding.shard import load_fast_tokenizer

    tokenizer.save_pretrained(tmp_path)
    trained = load_fast_tokenizer(str(tmp_path / "tokenizer.json")).encode(prompt, add_special_tokens=False).ids
    ids, pending = sampler.tokens.encode_healed(prompt)
    assert ids == trained[: len(ids)] and tokenizer.eos_token_id not in ids
    assert b"".join(sampler.tokens.table[i] for i in ids) + pending == prompt.encode()


@pytest.mark.parametrize("form", ["NFC", "NFKC", "Lowercase"])
@pytest.mark.parametrize("prompt", ["# cafe\u0301", "name = 'Jose\u0301 ", "X = 'cafe\u0301'\ny = ", "\u212b\ufb01 = "])
def test_normalising_tokenizers_lose_nothing(form, prompt):
    from tokenizers import normalizers

    tokenizer = tiny.tiny_tokenizer()
    tokenizer.backend_tokenizer.normalizer = getattr(normalizers, form)()
    tokens = TokenBytes(tokenizer, len(tokenizer))
    ids, pending = tokens.encode_healed(prompt)
    spelled = b"".join(tokens.table[i] for i in ids) + pending
    assert spelled.decode() == getattr(normalizers, form)().normalize_str(prompt)
    assert pending


def test_special_tokens_end_a_sample_and_are_never_spelled(tokenizer):
    """Also those that no attribute of the tokenizer names, such as <repo_name>."""
    tokenizer = tiny.tiny_tokenizer()
    tokenizer.backend_tokenizer.add_special_tokens(["<repo_name>"])
    index = tokenizer.convert_tokens_to_ids("<repo_name>")
    sampler = Sampler(tiny.tiny_model(tokenizer), tokenizer)
    assert index in sampler.stop_ids and sampler.tokens.table[index] is None
    assert index not in sampler.tokens.allowed(b"<")


@pytest.mark.parametrize("prompt", ["a\ud800b", "\udcff"])
def test_a_prompt_that_is_no_text(sampler, prompt):
    with pytest.raises(PromptError, match="no valid text"):
        sampler.encode(prompt, 3)


def test_a_tokenizer_of_another_model(tokenizer):
    sampler = Sampler(tiny.tiny_model(tiny.tiny_tokenizer()), tokenizer)
    sampler.tokens.table = sampler.tokens.table[:100]
    with pytest.raises(PromptError, match="vocabulary of 100"):
        sampler.encode("df = pd.DataFrame", 3)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_healed_samples_never_repeat_the_white_space(sampler, prompt, monkeypatch):
    """Tokens spell the bytes taken back, which belong to the prompt, and then the raw text."""
    push, written = Branch.push, {}

    def noted(branch, data):
        for place in branch.places:
            written[place] = written.get(place, b"") + (data or b"")
        push(branch, data)

    monkeypatch.setattr(Branch, "push", noted)
    samples, pending = sampler.sample(prompt, 4, **SETTINGS), sampler.encode(prompt, 24)[1]
    assert pending and len(written) == 4
    for place, sample in enumerate(samples):
        spelled = written[place]
        assert spelled.startswith(pending)
        assert sample.raw == spelled[len(pending) :].decode("utf-8", "replace")
        assert sample.text == first_block(sample.raw)


def test_sentencepiece_tables():
    """Byte fallback and the blank's stand-in, as Llama-style tokenizers store them; in added tokens, too."""
    from tokenizers import AddedToken, Tokenizer, decoders, models
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"<s>": 0, "</s>": 1, "<0x0A>": 2, "\u2581": 3, "a": 4, "\u2581a": 5, "b": 6}
    backend = Tokenizer(models.BPE(vocabulary, [("\u2581", "a")], byte_fallback=True))
    backend.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")
    tokenizer.add_tokens([AddedToken("\u2581" * 4, special=False)])
    tokens = TokenBytes(tokenizer, 9)
    assert tokens.table == [None, None, b"\n", b" ", b"a", b" a", b"b", b"    ", None]
    assert tokens.allowed(b" ").tolist() == [3, 5, 7]


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
    with pytest.raises(PromptError, match="context of 512"):
        sampler.sample("x = 1\n" * 200, 1, **SETTINGS)


def test_no_special_tokens_at_all():
    tokenizer = tiny.tiny_tokenizer(special=None)
    model = tiny.tiny_model(tokenizer)
    samples = Sampler(model, tokenizer).sample("df = ", 3, **SETTINGS)
    assert len(samples) == 3


def test_first_block_cuts_at_the_earliest_boundary():
    assert first_block("a\nif x:\n  pass\nclass B") == "a"
    assert first_block("a  \n\n") == "a"
    assert first_block("\n    if x:\n        y") == "\n    if x:\n        y"  # an indented if is no boundary
    for boundary in BOUNDARIES:
        assert first_block(f"body{boundary} rest") == "body"


@pytest.mark.parametrize(
    ("prompt", "text", "kept"),
    [
        ("x = ", "f(1)\ny = 2\nz", "f(1)"),
        ("x = ", "f(\n    1,\n)\ny = 2", "f(\n    1,\n)"),
        ("# two lines\n", "x = 1\ny = 2\nz = (", "x = 1\ny = 2"),
        ("def f(x):\n    return ", "x + 1\n\nx = f(3)", "x + 1"),
        ("def f(x):\n", "    y = x\n    return y\nf(3) (", "    y = x\n    return y"),
        ("def f(x):\n", "    for a in x:\n        a(\n    return 1", "    for a in x:\n        a(\n    return 1"),
        ("@d\ndef f(x):\n    return ", "'é' + x\nf('ü')", "'é' + x"),
        ("x = ", "((", "(("),
        ("x = ", "1\nclass A:\n    pass", "1"),
        ("x = ", "a\0", "a\0"),
        ("x = 1\n", "a = 1\rb = 2\rc = (", "a = 1\rb = 2"),
        ("x = ", "f(1)\ry = 2\r\rz = 3", "f(1)"),
        ("def f(x):\n    return ", "x\r\n\r\n\r\nz = 1\r\n", "x"),
        ("# \r\rx = ", "1\ny = 2", "1"),
        ("\ufeffdef f(x):\n    return ", "x\nz = 1", "x"),
        ("x = ", "'a\u2028b\x0c'\ny = 2", "'a\u2028b\x0c'"),
    ],
)
def test_syntax_keeps_what_parses_and_belongs_to_the_prompt(prompt, text, kept):
    assert syntax(prompt, text) == kept

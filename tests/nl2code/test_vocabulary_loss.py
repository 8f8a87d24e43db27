"""The chunked loss against the model's own: values and gradients, several architectures, adapters, bfloat16."""

import pytest
import tiny
import torch

from nl2code import vocabulary_loss
from nl2code.vocabulary_loss import use_chunked_loss

TOKENIZER = tiny.tiny_tokenizer()


def batch(rows=3, length=50):
    torch.manual_seed(1)
    ids = torch.randint(0, len(TOKENIZER), (rows, length))
    return {"input_ids": ids, "labels": ids.masked_fill(torch.rand(ids.shape) < 0.2, -100)}


def loss_and_gradients(model, **more):
    model.zero_grad()
    loss = model(**batch(), **more).loss
    loss.backward()
    return loss.item(), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("architecture", ["gpt_neo", "gpt2", "codegen", "llama"])
@pytest.mark.parametrize("num_items", [None, 1000])
def test_loss_and_gradients_equal_the_models_own(architecture, num_items):
    model = tiny.tiny_model(TOKENIZER, architecture=architecture)
    more = {} if num_items is None else {"num_items_in_batch": torch.tensor(num_items)}
    expected, gradients = loss_and_gradients(model, **more)
    assert use_chunked_loss(model)
    found, others = loss_and_gradients(model, **more)
    assert found == pytest.approx(expected, rel=1e-5)
    assert others.keys() == gradients.keys()
    assert all(torch.allclose(others[name], gradients[name], atol=1e-5) for name in gradients)


@pytest.mark.parametrize("chunk", [1, 16, 100])
@pytest.mark.parametrize("bias", [False, True])
def test_chunks_of_any_size_give_the_same_sums(monkeypatch, chunk, bias):
    monkeypatch.setattr(vocabulary_loss, "CHUNK", chunk)
    monkeypatch.setattr(vocabulary_loss, "ROWS", 16)
    model = tiny.tiny_model(TOKENIZER, architecture="codegen").float()  # its output layer has a bias
    head = model.get_output_embeddings()
    head.bias = torch.nn.Parameter(torch.linspace(-1, 1, head.out_features)) if bias else None
    expected, gradients = loss_and_gradients(model)
    assert ("lm_head.bias" in gradients) == bias
    assert use_chunked_loss(model)
    found, others = loss_and_gradients(model)
    assert found == pytest.approx(expected, rel=1e-5)
    assert others.keys() == gradients.keys()
    assert all(torch.allclose(others[name], gradients[name], atol=1e-5) for name in gradients)


def test_no_gradient_is_made_where_none_is_asked_for(monkeypatch):
    monkeypatch.setattr(vocabulary_loss, "_add_gradients", lambda *_: pytest.fail("a gradient was computed"))
    model = tiny.tiny_model(TOKENIZER)
    expected = model(**batch()).loss
    assert use_chunked_loss(model)
    with torch.no_grad():
        loss = model(**batch()).loss
    assert loss == pytest.approx(expected.item(), rel=1e-5) and not loss.requires_grad


def test_gradients_follow_a_factor_of_the_loss_and_a_second_pass_is_refused():
    model = tiny.tiny_model(TOKENIZER)
    assert use_chunked_loss(model)
    _, once = loss_and_gradients(model)
    model.zero_grad()
    loss = model(**batch()).loss
    (loss * 3).backward(retain_graph=True)
    for name, parameter in model.named_parameters():
        assert torch.allclose(parameter.grad, 3 * once[name], atol=1e-5)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_without_labels_there_are_logits():
    model = tiny.tiny_model(TOKENIZER)
    expected = model(input_ids=batch()["input_ids"]).logits
    assert use_chunked_loss(model)
    assert torch.equal(model(input_ids=batch()["input_ids"]).logits, expected)
    assert model(**batch()).logits is None


def test_adapters_are_trained_and_the_output_layer_is_not():
    from peft import LoraConfig, get_peft_model

    model = tiny.tiny_model(TOKENIZER, architecture="llama")
    model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=2, target_modules="all-linear"))
    expected, gradients = loss_and_gradients(model)
    assert use_chunked_loss(model)
    found, others = loss_and_gradients(model)
    assert found == pytest.approx(expected, rel=1e-5)
    assert all("lora" in name for name in others) and others.keys() == gradients.keys()


def test_bfloat16_keeps_four_digits_of_the_loss():
    model = tiny.tiny_model(TOKENIZER, architecture="llama")
    expected, gradients = loss_and_gradients(model)
    assert use_chunked_loss(model)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, others = loss_and_gradients(model)
    assert found == pytest.approx(expected, rel=2e-3)
    for name, gradient in gradients.items():
        assert (others[name] - gradient).norm() <= 0.05 * gradient.norm()
        assert others[name].dtype == torch.float32


@pytest.mark.parametrize(("kind", "more"), [("granite", {"logits_scaling": 8.0}), ("gemma2", {"head_dim": 16})])
def test_a_model_whose_logits_are_more_than_one_linear_layer_is_left_as_it_is(kind, more):
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(
        kind, vocab_size=400, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2
    )
    config.update({"num_key_value_heads": 2, **more})
    model = AutoModelForCausalLM.from_config(config).eval()
    own = model.forward
    assert not use_chunked_loss(model)
    assert model.forward == own and model(**batch()).logits is not None


def test_positions_without_a_label_do_not_reach_the_output_layer(monkeypatch):
    monkeypatch.setattr(vocabulary_loss, "ROWS", 16)
    rows, own = [], vocabulary_loss._SumOfLosses.apply
    monkeypatch.setattr(
        vocabulary_loss._SumOfLosses, "apply", lambda hidden, *a: rows.append(len(hidden)) or own(hidden, *a)
    )
    model = tiny.tiny_model(TOKENIZER)
    assert use_chunked_loss(model)
    inputs = batch()
    model(**inputs)
    assert rows[-1] == -(-int((inputs["labels"][:, 1:] != -100).sum()) // 16) * 16 < 3 * 49
    inputs["labels"][:] = -100
    loss = model(**inputs, num_items_in_batch=torch.tensor(1)).loss
    loss.backward()
    assert loss == 0 and rows[-1] == 0


def test_a_compiled_model_has_the_same_loss():
    model = tiny.tiny_model(TOKENIZER, architecture="llama")
    expected, gradients = loss_and_gradients(model)
    assert use_chunked_loss(model)
    found, others = loss_and_gradients(torch.compile(model, backend="aot_eager"))
    assert found == pytest.approx(expected, rel=1e-5)
    assert all(torch.allclose(others[f"_orig_mod.{name}"], gradients[name], atol=1e-5) for name in gradients)

"""Documents that share a block: with --pack_reset each is seen as if it stood alone; without, it is not."""

import numpy as np
import pytest
import torch
import transformers
from training_runs import arguments, history, make_inputs

import run_cert
from nl2code.errors import UserError
from nl2code.pack_reset import document_mask, require_pack_reset

SMALL = {"vocab_size": 97, "hidden_size": 32, "max_position_embeddings": 64}
MODELS = {
    "gpt_neo": {"num_layers": 2, "num_heads": 2, "attention_types": [[["global", "local"], 1]], "window_size": 4},
    "gpt_neox": {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48},
    "llama": {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48},
    "gpt2": {"n_layer": 2, "n_head": 2},
}


def make_model(name, **more):
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(name, **SMALL, **MODELS[name])
    return transformers.AutoModelForCausalLM.from_config(config, **more).eval()


def block_of(documents):
    ids = torch.cat(documents)[None]
    positions = torch.cat([torch.arange(len(document)) for document in documents])[None]
    return ids, positions


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("name", MODELS)
def test_a_document_is_seen_as_if_alone(name, attention):
    if (name, attention) == ("gpt_neo", "sdpa"):
        attention = "eager"  # all it has
    model = make_model(name, attn_implementation=attention)
    require_pack_reset(model)
    generator = torch.Generator().manual_seed(1)
    documents = [torch.randint(97, (length,), generator=generator) for length in (5, 1, 17, 9)]
    ids, positions = block_of(documents)
    with torch.no_grad():
        alone = torch.cat([model(input_ids=document[None]).logits[0] for document in documents])
        reset = model(input_ids=ids, position_ids=positions, attention_mask=document_mask(positions)).logits[0]
        plain = model(input_ids=ids).logits[0]
    assert torch.allclose(reset, alone, atol=1e-5)
    assert torch.allclose(plain[:5], alone[:5], atol=1e-5)  # the first document has nothing before it
    assert not torch.allclose(plain[6:], alone[6:], atol=1e-3)


def test_the_mask_is_made_on_the_device_of_the_positions():
    assert document_mask(torch.zeros(2, 3, dtype=torch.long, device="meta")).device.type == "meta"


def test_one_document_cannot_change_another():
    """The gradient of a document's loss with regard to another document's embeddings is zero."""
    model = make_model("llama")
    ids, positions = block_of([torch.arange(6), torch.arange(10, 18)])
    embedded = model.get_input_embeddings()(ids).detach().requires_grad_()
    logits = model(inputs_embeds=embedded, position_ids=positions, attention_mask=document_mask(positions)).logits
    logits[0, 6:].sum().backward()
    assert (embedded.grad[0, :6] == 0).all() and (embedded.grad[0, 6:] != 0).any()


def test_an_architecture_that_cannot_is_refused(monkeypatch):
    model = make_model("llama")
    forward = model.forward
    monkeypatch.setattr(model, "forward", lambda input_ids, **ignored: forward(input_ids))
    with pytest.raises(UserError, match=r"--pack_reset: llama .* leave --pack_reset out"):
        require_pack_reset(model)


def test_training_with_reset(tmp_path):
    """It runs, learns, counts tokens as without, and does something."""
    inputs = make_inputs(tmp_path / "inputs")
    few = ("--max_steps", "10", "--logging_steps", "1", "--save_steps", "10")
    for name, extra in (("plain", ()), ("reset", ("--pack_reset", "true"))):
        assert run_cert.main(arguments(inputs, tmp_path / name, *few, *extra)) == 0
    plain, reset = np.array(history(tmp_path / "plain")), np.array(history(tmp_path / "reset"))
    assert (plain[:, 2] == reset[:, 2]).all()
    assert (plain[:, 1] != reset[:, 1]).any()
    assert reset[-1, 1] < reset[0, 1]

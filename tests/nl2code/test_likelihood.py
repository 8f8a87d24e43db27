"""The likelihood of a text is that of its tokens, one after the other, as the model gives them."""

import pytest
import torch
from tiny import tiny_model, tiny_tokenizer

from nl2code.sampling import PromptError, Sampler
from nl2code.sampling.likelihood import mean_nll

CONTEXT = "import pandas as pd\nresult = "


@pytest.mark.parametrize("architecture", ["gpt_neo", "gpt2", "codegen", "llama"])
def test_it_is_the_mean_over_the_tokens_of_the_text(architecture):
    """Oracle: one token at a time, each from the logits after all before it."""
    tokenizer = tiny_tokenizer()
    model = tiny_model(tokenizer, architecture=architecture)
    text = "df[df['a'] > 1].sum()"
    ids = [tokenizer.bos_token_id, *tokenizer(CONTEXT + text, add_special_tokens=False)["input_ids"]]
    read = [len(tokenizer.decode(ids[1 : i + 1])) for i in range(len(ids))]  # characters up to each token
    first = next(i for i, characters in enumerate(read) if characters > len(CONTEXT))
    losses = []
    with torch.no_grad():
        for i in range(first, len(ids)):
            losses.append(-model(torch.tensor([ids[:i]])).logits[0, -1].log_softmax(-1)[ids[i]].item())
    found = mean_nll(Sampler(model, tokenizer), CONTEXT, text)
    assert len(losses) > 5 and found == pytest.approx(sum(losses) / len(losses), rel=1e-4)


def test_a_model_that_knows_nothing():
    tokenizer = tiny_tokenizer()
    model = tiny_model(tokenizer)
    with torch.no_grad():  # equal logits for all tokens
        for parameter in model.parameters():
            parameter.zero_()
    sampler = Sampler(model, tokenizer)
    expected = torch.tensor(float(len(tokenizer))).log().item()
    for context, text in (("", "x"), ("x", "y\n"), (CONTEXT * 3, " é\n")):
        assert mean_nll(sampler, context, text) == pytest.approx(expected, rel=1e-5)


def test_what_does_not_fit_is_refused():
    tokenizer = tiny_tokenizer()
    sampler = Sampler(tiny_model(tokenizer, context=16), tokenizer)
    with pytest.raises(PromptError, match=r"\d+ tokens exceed the context of 16"):
        mean_nll(sampler, CONTEXT, "z = 1\n" * 9)
    bare = Sampler(tiny_model(tokenizer), tiny_tokenizer(special=None))
    with pytest.raises(PromptError, match="no token stands in front of 'x'"):
        mean_nll(bare, "", "x")

"""The vLLM backend against a stand-in of that package: what it asks for, and what it makes of the answers."""

import re
import sys
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace

import pytest
import tiny

from nl2code.sampling.prompts import PromptError, Request
from nl2code.sampling.truncation import BOUNDARIES

SETTINGS = {"temperature": 0.8, "top_p": 0.9, "max_new_tokens": 12, "seed": 7, "batch_size": None}


@dataclass
class Params:
    """Keywords of vLLM 0.10's SamplingParams that we use; others fail."""

    temperature: float
    top_p: float
    max_tokens: int
    seed: int
    stop: list
    stop_token_ids: list
    include_stop_str_in_output: bool
    structured_outputs: object


class Model:
    """Writes text that obeys the constraint: the pending bytes, then a boundary."""

    def __init__(self, model, dtype):
        self.llm_engine = SimpleNamespace(model_config=SimpleNamespace(max_model_len=64))

    def generate(self, prompts, params):
        self.asked = list(zip(prompts, params, strict=True))
        outputs = []
        for _, param in self.asked:
            pending = ""
            if param.structured_outputs:
                pattern = param.structured_outputs.regex
                pending = re.sub(r"\\(.)", r"\1", pattern.removesuffix(r"[\s\S]*"), flags=re.S)
                assert re.fullmatch(pattern, pending + "1\n\nprint(2)")
            text = SimpleNamespace(text=pending + "1\nprint", token_ids=[1, 2, 3], finish_reason="stop")
            outputs.append(SimpleNamespace(outputs=[text]))
        return outputs


@pytest.fixture
def sampler(tmp_path, monkeypatch):
    package, params = ModuleType("vllm"), ModuleType("vllm.sampling_params")
    package.LLM, package.SamplingParams = Model, Params
    params.StructuredOutputsParams = lambda regex: SimpleNamespace(regex=regex)
    monkeypatch.setitem(sys.modules, "vllm", package)
    monkeypatch.setitem(sys.modules, "vllm.sampling_params", params)
    from nl2code.sampling.vllm import VllmSampler

    return VllmSampler(str(tiny.save_tiny(tmp_path / "base")))


@pytest.mark.parametrize("prompt", ["df = ", "x = 'é", "x = '日本", "s = '🙂", "# rows\n", "x = '<|endoftext|>"])
def test_healed_text_is_spelled_and_removed(sampler, prompt):
    """Also where the last character is several tokens: its bytes are constrained as a whole."""
    (samples,) = sampler.sample_many([Request(prompt, "T/0", 3, 2)], **SETTINGS)
    assert [(sample.text, sample.raw, sample.finish) for sample in samples] == [("1", "1\nprint", "boundary")] * 2
    ids, pending = sampler.encode(prompt, 12)
    assert b"".join(sampler.tokens.table[i] or b"" for i in ids) + pending == prompt.encode()
    (asked, one), (_, two) = sampler.llm.asked
    assert asked == {"prompt_token_ids": ids} and one.seed != two.seed
    assert one.stop_token_ids == sorted(sampler.stop_ids)
    assert one.stop == ([] if b"\n" in pending else list(BOUNDARIES))


def test_prompts_are_checked_as_by_the_other_engine(sampler):
    for prompt, told in (("x = 1\n" * 40, "context of 64"), ("a\ud800", "no valid text")):
        with pytest.raises(PromptError, match=told):
            sampler.encode(prompt, 12)
    sampler.bos = None
    with pytest.raises(PromptError, match="empty prompt"):
        sampler.encode("", 12)

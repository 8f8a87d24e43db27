"""The interface of `nl2code.sampling.Sampler` on vLLM, for GPUs (`pip install vllm`; not among the requirements).

Prompts, token healing, stopping rules and truncation are those of the torch engine. The draws are vLLM's own, seeded per
sample, so samples differ from the torch engine's and are as reproducible as vLLM's.
"""

import re

from nl2code.errors import first_line
from nl2code.models import ModelError, base_of, id_space, load_tokenizer, resolve_model
from nl2code.sampling.prompts import Completion, PromptEncoder, Request, sample_seed
from nl2code.sampling.truncation import BOUNDARIES


class VllmSampler(PromptEncoder):
    """A model inside vLLM. Raises ModelError where vLLM is missing or cannot load the model."""

    whole_characters = True  # vLLM constrains text, not bytes

    def __init__(self, name: str, dtype: str = "bfloat16"):
        try:
            from vllm import LLM
        except ImportError as error:
            raise ModelError(f"--backend vllm needs the package ({error}); pip install vllm, or use torch") from error
        path = resolve_model(name)
        if base_of(path):
            raise ModelError(
                f"vLLM takes whole models, {name} is an adapter; merge it once with "
                "`load_model(name).save_pretrained(folder)` and name that folder"
            )
        try:
            self.llm = LLM(model=path, dtype=dtype)
        except (AssertionError, RuntimeError, ValueError) as error:  # no GPU, a full one, an unknown model
            told = f"vLLM cannot load {name}: {first_line(error)}; free its GPU, or use --backend torch"
            raise ModelError(told) from error
        tokenizer = load_tokenizer(name)
        super().__init__(tokenizer, id_space(tokenizer), self.llm.llm_engine.model_config.max_model_len)

    def sample_many(
        self,
        requests: list[Request],
        *,
        temperature: float,
        top_p: float,
        max_new_tokens: int,
        seed: int,
        batch_size: None,
    ) -> list[list[Completion]]:
        """As `Sampler.sample_many`; vLLM chooses its batches itself."""
        from vllm import SamplingParams
        from vllm.sampling_params import StructuredOutputsParams

        prompts, params, healed = [], [], []
        common: dict = {"temperature": temperature, "top_p": top_p, "max_tokens": max_new_tokens}
        common |= {"stop_token_ids": sorted(self.stop_ids), "include_stop_str_in_output": True}
        for request in requests:
            ids, data = self.encode(request.prompt, max_new_tokens)
            pending = data.decode()
            # The text taken back is spelled again: any text that begins with it.
            stop = [] if "\n" in pending else list(BOUNDARIES)  # a boundary must not begin in the prompt
            constraint = StructuredOutputsParams(regex=re.escape(pending) + r"[\s\S]*") if pending else None
            for sample in range(request.first, request.first + request.count):
                prompts.append({"prompt_token_ids": ids})
                healed.append(len(pending))
                common["seed"] = sample_seed(seed, request.task_id, sample)
                params.append(SamplingParams(**common, stop=stop, structured_outputs=constraint))
        outputs = iter(zip(self.llm.generate(prompts, params), healed, strict=True))
        return [[_completion(*next(outputs)) for _ in range(request.count)] for request in requests]


def _completion(output, healed: int) -> Completion:
    found = output.outputs[0]
    return Completion.finished(found.text[healed:], len(found.token_ids), found.finish_reason)

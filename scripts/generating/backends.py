"""The engines that can sample: `--backend torch` (nl2code/sampling/engine.py) and `vllm` (nl2code/sampling/vllm.py); for
models named openai:NAME, a server (nl2code/sampling/endpoint.py)."""

import argparse
import os

from nl2code.sampling.endpoint import EndpointSampler
from scripts.generating.served import DEFAULTS, PREFIX, is_served
from scripts.records import rank_and_world


def open_sampler(name: str, args: argparse.Namespace, stage: int = 0):
    """The engine for one model, on this process's device; `stage` 1 is the generator. Raises UserError."""
    if is_served(name):
        url = (stage and args.base_url2) or args.base_url  # a generator may have a server of its own
        settings = {key: getattr(args, key) for key in DEFAULTS}
        settings["requests_per_minute"] /= rank_and_world()[1]  # all processes ask the same server
        return EndpointSampler(name.removeprefix(PREFIX), url, **settings)
    if args.backend == "vllm":
        from nl2code.sampling.vllm import VllmSampler

        return VllmSampler(name, args.dtype)
    from nl2code.models import load_model, load_tokenizer
    from nl2code.sampling import Sampler
    from nl2code.sampling.packed_linear import pack_linears

    local = os.environ.get("LOCAL_RANK")
    device = f"cuda:{local}" if args.device == "cuda" and local else args.device
    return Sampler(pack_linears(load_model(name, args.dtype, device)), load_tokenizer(name))

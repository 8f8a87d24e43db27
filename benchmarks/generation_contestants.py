"""One contestant of `bench_generation.py`, in a process of its own.

    python -m benchmarks.generation_contestants '{"kind": "engine", "dtype": "auto", "n": 5, ...}'

The job is one JSON object, the answer is the last line of stdout, one JSON object too: samples, tokens (of all samples,
cut-off ones included; those that several share count for each), seconds without loading, and peak memory; with kind
`steps` the times of `step_times`.
Kind `llama.cpp` needs llama-cpp-python, which is not among the requirements.
"""

import json
import sys
import time

import torch

from benchmarks.train_contestants import peak_memory
from nl2code.models import load_model, load_tokenizer
from nl2code.sampling import Request, Sampler
from nl2code.sampling.dtype import choose_dtype
from nl2code.sampling.packed_linear import PackedLinear, pack_linears
from nl2code.sampling.truncation import first_block

STEP_TEMPERATURE = 1.0  # of the steps that are timed: rows that agree would be computed as one
CALL = 50  # sequences that one call of the original's pipeline returns
TOP_P, NEW_TOKENS = 0.9, 100


def engine(job: dict) -> dict:
    """All samples of all prompts by the engine, with packed weights."""
    dtype = choose_dtype(job["dtype"], job["device"])
    sampler = Sampler(pack_linears(load_model(job["model"], dtype, job["device"])), load_tokenizer(job["model"]))
    requests = [Request(prompt, f"task/{number}", 0, job["n"]) for number, prompt in enumerate(job["prompts"])]
    settings = {"temperature": job["temperature"], "top_p": TOP_P, "seed": 0}
    sampler.sample(job["prompts"][0], 1, task_id="warm-up", max_new_tokens=4, **settings)
    started = time.perf_counter()
    found = [one for group in sampler.sample_many(requests, max_new_tokens=NEW_TOKENS, **settings) for one in group]
    seconds = time.perf_counter() - started
    tokens = sum(one.num_tokens for one in found)
    return {"samples": len(found), "tokens": tokens, "seconds": seconds, "dtype": dtype}


def original(job: dict) -> dict:
    """The original's procedure: one prompt at a time, up to 50 sequences a call, 100 tokens each, cut afterwards.

    A call goes on until all of its sequences have ended; tokens are counted to the end of each sequence.
    """
    model, tokenizer = load_model(job["model"], job["dtype"], job["device"]), load_tokenizer(job["model"])
    options = {"do_sample": True, "temperature": job["temperature"], "top_p": TOP_P, "max_new_tokens": NEW_TOKENS}
    options["pad_token_id"] = tokenizer.pad_token_id
    texts, tokens, started = [], 0, time.perf_counter()
    for prompt in job["prompts"]:
        inputs = tokenizer(prompt, return_tensors="pt").to(model.device)
        for first in range(0, job["n"], CALL):
            found = model.generate(**inputs, num_return_sequences=min(CALL, job["n"] - first), **options)
            new = found[:, inputs["input_ids"].shape[1] :]  # (n, T)
            tokens += int((new != tokenizer.pad_token_id).sum())
            texts += [first_block(text) for text in tokenizer.batch_decode(new, skip_special_tokens=True)]
    return {"samples": len(texts), "tokens": tokens, "seconds": time.perf_counter() - started, "dtype": job["dtype"]}


def llama(job: dict) -> dict:
    """All samples of all prompts by llama.cpp."""
    from benchmarks.llama_contestant import run

    return run(job, torch.get_num_threads(), TOP_P, NEW_TOKENS)


def steps(job: dict) -> dict:
    """The times of `step_times` for each batch size."""
    dtype = choose_dtype(job["dtype"], job["device"])
    model, tokenizer = load_model(job["model"], dtype, job["device"]), load_tokenizer(job["model"])
    sampler = Sampler(pack_linears(load_model(job["model"], dtype, job["device"])), tokenizer)
    sizes = job["batch_sizes"]
    return {"steps": [step_times(sampler, model, job["prompts"][0], size, 3) for size in sizes]}


def step_times(sampler: Sampler, plain, prompt: str, batch_size: int, rounds: int) -> dict:
    """Seconds of one decoding step and of its matrix multiplications alone, the engine's and `plain`'s, in turns."""
    stops, sampler.stop_ids = sampler.stop_ids, set()  # every row runs to its end
    settings = {"temperature": STEP_TEMPERATURE, "top_p": TOP_P, "seed": 0, "batch_size": batch_size, "task_id": "step"}
    settings["boundaries"] = ()
    kinds = (torch.nn.Linear, PackedLinear)
    layers = {
        way: [module for module in model.modules() if isinstance(module, kinds)]
        for way, model in (("packed", sampler.model), ("linear", plain))
    }
    weight = plain.get_output_embeddings().weight
    widths = {layer.in_features for layer in layers["linear"]}
    inputs = {width: torch.randn(batch_size, width, dtype=weight.dtype, device=weight.device) for width in widths}

    def decode(steps: int) -> float:
        started = time.perf_counter()
        sampler.sample(prompt, batch_size, max_new_tokens=steps, **settings)
        return time.perf_counter() - started

    @torch.inference_mode()
    def multiply(way: str, steps: int) -> float:
        started = time.perf_counter()
        for _ in range(steps):
            for layer in layers[way]:
                layer(inputs[layer.in_features])
        if weight.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started

    decode(4), multiply("packed", 4), multiply("linear", 4)
    found = {"step": [], "packed": [], "linear": []}
    for _ in range(rounds):
        found["step"].append((decode(NEW_TOKENS // 2 + 4) - decode(4)) / (NEW_TOKENS // 2))
        for way in layers:
            found[way].append(multiply(way, 20) / 20)
    sampler.stop_ids = stops
    return {"batch_size": batch_size, **found}


def main(argv: list[str] | None = None) -> int:
    job = json.loads((sys.argv[1:] if argv is None else argv)[0])
    found = {"engine": engine, "original": original, "llama.cpp": llama, "steps": steps}[job["kind"]](job)
    print(json.dumps({**found, "peak_memory_gib": peak_memory(), "threads": torch.get_num_threads()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How many samples a second the engine draws, beside the original's procedure, in turns (A B A B ...).

    PYTHONPATH=pandas-numpy-eval python -m benchmarks.bench_generation --model smollm2-135m --rounds 2

The original's procedure: transformers' text-generation pipeline, 50 sequences a call, 100 new tokens each, cut
afterwards. Both draw the same number of samples of the same problems. The second table is one decoding step of the
engine, sampling included, against the matrix multiplications in it, run alone on inputs of the same shapes: as the
engine does them (packed weights, see nl2code/sampling/packed_linear.py) and as torch.nn.Linear does. Prints Markdown and
writes benchmarks/results/generation.json.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import torch

from nl2code.models import load_model, load_tokenizer
from nl2code.sampling import Request, Sampler
from nl2code.sampling.packed_linear import PackedLinear, pack_linears
from nl2code.sampling.truncation import first_block
from pandas_numpy_eval.data import read_problems, resolve_problem_file
from scripts.file_utils import git_revision, versions, write_json

RESULT = Path(__file__).resolve().parent / "results" / "generation.json"
CALL = 50  # sequences that one call of the pipeline returns
TOP_P, NEW_TOKENS = 0.9, 100


def ours(sampler: Sampler, problems: list[dict], n: int, temperature: float) -> list[str]:
    requests = [Request(problem["prompt"], problem["task_id"], 0, n) for problem in problems]
    settings = {"temperature": temperature, "top_p": TOP_P, "max_new_tokens": NEW_TOKENS, "seed": 0}
    return [sample.text for samples in sampler.sample_many(requests, **settings) for sample in samples]


def original(pipeline, problems: list[dict], n: int, temperature: float) -> list[str]:
    texts = []
    for problem in problems:
        for first in range(0, n, CALL):
            found = pipeline(
                problem["prompt"],
                num_return_sequences=min(CALL, n - first),
                do_sample=True,
                temperature=temperature,
                top_p=TOP_P,
                max_new_tokens=NEW_TOKENS,
                return_full_text=False,
            )
            texts += [first_block(answer["generated_text"]) for answer in found]
    return texts


def compare(sampler: Sampler, pipeline, problems: list[dict], args: argparse.Namespace) -> list[dict]:
    """One row for every n: samples per second of both ways, round by round."""
    rows = []
    for n in args.n:
        chosen = problems[: max(1, args.samples // n)]
        count = n * len(chosen)
        speeds: dict[str, list[float]] = {"ours": [], "original": []}
        for turn in range(args.rounds):
            for way, draw in (("original", original), ("ours", ours)):
                engine = pipeline if way == "original" else sampler
                started = time.perf_counter()
                assert len(draw(engine, chosen, n, args.temperature)) == count
                speeds[way].append(count / (time.perf_counter() - started))
                print(f"n={n}, round {turn + 1}: {way} {speeds[way][-1]:.2f} samples/s", file=sys.stderr)
        ratios = [mine / theirs for mine, theirs in zip(speeds["ours"], speeds["original"], strict=True)]
        rows.append({"n": n, "problems": len(chosen), **speeds, "ratio": ratios})
    return rows


def step_times(sampler: Sampler, plain, prompt: str, batch_size: int, rounds: int, temperature: float) -> dict:
    """Seconds of one decoding step and of its matrix multiplications alone, the engine's and `plain`'s, in turns."""
    stops, sampler.stop_ids = sampler.stop_ids, set()  # every row runs to its end
    settings = {"temperature": temperature, "top_p": TOP_P, "seed": 0, "batch_size": batch_size, "task_id": "step"}
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


def spread(values: list[float], form: str = ".2f") -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def tables(rows: list[dict], steps: list[dict]) -> str:
    lines = ["| n | problems | ours, samples/s | original, samples/s | ratio |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        cells = (spread(row[key]) for key in ("ours", "original", "ratio"))
        lines.append(f"| {row['n']} | {row['problems']} | {' | '.join(cells)} |")
    lines += ["", "| batch | one step, ms | multiplications, ms | ratio | by torch.nn.Linear, ms | ratio |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for row in steps:
        cells = [spread([1000 * seconds for seconds in row["step"]], ".0f")]
        for way in ("packed", "linear"):
            cells.append(spread([1000 * seconds for seconds in row[way]], ".0f"))
            cells.append(spread([step / own for step, own in zip(row["step"], row[way], strict=True)]))
        lines.append(f"| {row['batch_size']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--model", default="smollm2-135m", help="folder, name under models/, or hub id (default smollm2-135m)")
    add("-d", "--domain", default="Pandas", help="problems (default Pandas)")
    add("--n", type=int, nargs="+", default=[50, 200], help="samples per problem (default 50 200)")
    add("--samples", type=int, default=200, help="samples of one round, over as many problems (default 200)")
    add("--rounds", type=int, default=2, help="turns of each way (default 2)")
    add("--batch_sizes", type=int, nargs="+", default=[50], help="batch sizes of the step (default 50)")
    add("--temperature", type=float, default=0.2, help="of the samples (default 0.2)")
    add("--device", default="cpu", help="torch device (default cpu)")
    add("--dtype", default="float32", help="of the weights (default float32)")
    add("--steps_only", action="store_true", help="leave the first table out")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    from transformers import TextGenerationPipeline

    args = parse_args(argv)
    problems = list(read_problems(resolve_problem_file(args.domain)).values())
    model, tokenizer = load_model(args.model, args.dtype, args.device), load_tokenizer(args.model)
    sampler = Sampler(pack_linears(load_model(args.model, args.dtype, args.device)), tokenizer)
    steps = [step_times(sampler, model, problems[0]["prompt"], b, 3, args.temperature) for b in args.batch_sizes]
    pipeline = TextGenerationPipeline(model=model, tokenizer=tokenizer, device=args.device)
    rows = [] if args.steps_only else compare(sampler, pipeline, problems, args)
    print(tables(rows, steps))
    facts = {"threads": torch.get_num_threads(), "versions": versions(), "git_revision": git_revision()}
    write_json(RESULT, {"arguments": vars(args), "samples": rows, "steps": steps, **facts})
    return 0


if __name__ == "__main__":
    sys.exit(main())

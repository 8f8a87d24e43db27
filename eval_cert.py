"""Sample completions of benchmark problems from one model.

    python eval_cert.py -model smollm2-135m -d Pandas -n 10 -t 0.2 -o results/Pandas/smollm2-135m/n10.samples.jsonl
    python eval_cert.py -model smollm2-135m -n 200 -t 0.2,0.4,0.6,0.8 -o results/Pandas/smollm2-135m/n200_t{t}.samples.jsonl
    torchrun --nproc_per_node 8 eval_cert.py --device cuda ...

The model is a folder, a name under models/, a LoRA adapter or a hub id. Run again after a kill, it goes on where it was.
"""

import argparse
import sys
from functools import partial

from nl2code.models import ModelError, weights_sha256
from scripts.generating.units import (
    Chunk,
    SettingsError,
    add_arguments,
    finish,
    open_run,
    open_sampler,
    pairs,
    run_units,
    sampling_settings,
    temperatures,
)


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-model", "--model_name_or_path", required=True, help="folder, name under models/, or hub id")
    parser.add_argument("-t", "--temperature", type=temperatures, default=[0.2], help="0 is greedy; 0.2,0.4 does both")
    add_arguments(parser)
    return parser.parse_args(argv)


def complete(sampler, settings: dict, chunks: list[Chunk]) -> list[list[dict]]:
    """Samples of one unit (see `run_units`)."""
    from nl2code.sampling import Request

    requests = [
        Request(chunk.problem["prompt"], chunk.problem["task_id"], chunk.first, chunk.count) for chunk in chunks
    ]
    found = sampler.sample_many(requests, **settings)
    return [[{"raw": sample.raw, "finish": sample.finish} for sample in samples] for samples in found]


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    name = args.model_name_or_path
    try:
        about = {"model": name, "model_sha256": weights_sha256(name)}
        heats = [heat for heat, _ in pairs(args.temperature, [0.0], args.output)]
        runs = [open_run(args, {"t": heat}, **about, temperature=heat) for heat in heats]
        if args.dry_run:
            print("\n".join(run.plan() for run in runs))
            return 0
        there = [run.is_finished() for run in runs]
        if not all(there):
            sampler = open_sampler(name, args)
            for problem in runs[0].problems:
                sampler.encode(problem["prompt"], args.max_tokens)  # a prompt that is too long is known before any work
            for heat, run in zip(heats, runs, strict=True):
                run_units(run, partial(complete, sampler, sampling_settings(args, heat)))
        print("\n".join(finish(run, args.truncate, was) for run, was in zip(runs, there, strict=True)))
    except (ModelError, SettingsError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Sample completions in two stages: the sketcher writes sketches, the generator completes with one of them as prompt.

    python eval_cert_unified.py -sketcher PATH -generator PATH -d Pandas -n 10 -t 0.2 -t2 0.2 \\
        -o results/Pandas/cert/n10.samples.jsonl
    python eval_cert_unified.py ... -t 0.2,0.4,0.6 -t2 0.2 -o results/Pandas/cert/n200_t{t}_t2{t2}.samples.jsonl

The strategies are told in scripts/generating/two_stages.py. Run again after a kill, it goes on where it was.
"""

import argparse
import re
import sys

from nl2code.models import ModelError, weights_sha256
from scripts.generating.units import (
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
from scripts.sketches.sketch import OPERATIONS


def strategy(text: str) -> str:
    if not re.fullmatch(r"popular|each|top-[1-9]\d{0,3}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is none of popular, each, top-2, top-3, ...")
    return text


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("-sketcher", "--sketcher_path", required=True, help="folder, name under models/, or hub id")
    add("-generator", "--generator_path", required=True, help="folder, name under models/, or hub id")
    add("-t", "--temperature", type=temperatures, default=[0.2], help="of the sketcher; 0 is greedy; 0.2,0.4 does both")
    add("-t2", "--temperature2", type=temperatures, default=[0.2], help="of the generator, alike")
    add("--sketch_strategy", type=strategy, default="popular", help="popular (the paper's), each, top-2, top-3, ...")
    add("--greedy_sketch", action="store_true", help="one sketch a problem, written greedily")
    add("--operation", choices=OPERATIONS, default="constants", help="what the models' sketches replace (see encoding)")
    add_arguments(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    names = {"sketcher": args.sketcher_path, "generator": args.generator_path}
    try:
        about = dict(names) | {f"{stage}_sha256": weights_sha256(name) for stage, name in names.items()}
        about |= {"sketch_strategy": args.sketch_strategy, "greedy_sketch": args.greedy_sketch}
        about["operation"] = args.operation
        heats = pairs(args.temperature, args.temperature2, args.output)
        runs = [open_run(args, {"t": t, "t2": t2}, **about, temperature=t, temperature2=t2) for t, t2 in heats]
        if args.dry_run:
            print("\n".join(run.plan() for run in runs))
            return 0
        there = [run.is_finished() for run in runs]
        if not all(there):
            from scripts.generating.two_stages import TwoStages

            sketcher, generator = (open_sampler(name, args) for name in names.values())
            for problem in runs[0].problems:
                # The generator's prompt holds a sketch of up to max_tokens beside the problem's own.
                sketcher.encode(problem["prompt"], args.max_tokens)
                generator.encode(problem["prompt"], 2 * args.max_tokens)
            for (t, t2), run in zip(heats, runs, strict=True):
                settings = sampling_settings(args, t), sampling_settings(args, t2)
                stages = TwoStages(
                    sketcher, generator, *settings, args.sketch_strategy, args.greedy_sketch, args.operation
                )
                run_units(run, stages.complete)
        print("\n".join(finish(run, args.truncate, was) for run, was in zip(runs, there, strict=True)))
    except (ModelError, SettingsError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

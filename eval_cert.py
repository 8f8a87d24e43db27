"""Sample completions of benchmark problems from one model.

    python eval_cert.py -model smollm2-135m -d Pandas -n 10 -t 0.2 -o results/Pandas/smollm2-135m/n10.samples.jsonl

The model is a folder, a name under models/, a LoRA adapter or a hub id. Run again after a kill, it goes on where it was.
"""

import argparse
import sys

from nl2code.models import ModelError, load_model, load_tokenizer, weights_sha256
from scripts.generation import SettingsError, add_arguments, open_run, run_chunks, temperature


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-model", "--model_name_or_path", required=True, help="folder, name under models/, or hub id")
    parser.add_argument("-t", "--temperature", type=temperature, default=0.2, help="0 is greedy")
    add_arguments(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        run = open_run(
            args,
            model=args.model_name_or_path,
            model_sha256=weights_sha256(args.model_name_or_path),
            temperature=args.temperature,
        )
        if run.is_finished():
            print(f"{run.output} is there, nothing to do")
            return 0
        from nl2code.sampling import Sampler

        name = args.model_name_or_path
        sampler = Sampler(load_model(name, args.dtype, args.device), load_tokenizer(name))
        for problem in run.problems:
            sampler.encode(problem["prompt"], args.max_tokens)  # a prompt that is too long is known before any work

        def complete(problem: dict, first: int, count: int) -> list[dict]:
            samples = sampler.sample(
                problem["prompt"],
                count,
                temperature=args.temperature,
                top_p=args.top_p,
                max_new_tokens=args.max_tokens,
                seed=args.seed,
                task_id=problem["task_id"],
                first=first,
                batch_size=args.batch_size,
            )
            return [{"completion": s.text, "raw": s.raw, "finish": s.finish} for s in samples]

        run_chunks(run, complete)
    except (ModelError, SettingsError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"wrote {run.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

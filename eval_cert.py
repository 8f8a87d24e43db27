"""Sample completions of benchmark problems from one model.

    python eval_cert.py -model smollm2-135m -d Pandas -n 10 -t 0.2
    python eval_cert.py configs/generating/paper.yaml -model smollm2-135m -o results/Pandas/base/n200_t{t}.samples.jsonl
    torchrun --nproc_per_node 8 eval_cert.py -model smollm2-135m --device cuda ...

Killed and run again, the same command resumes after the last finished unit.
"""

import sys
from functools import partial

from nl2code.errors import exit_status
from nl2code.sampling.prompts import Request
from scripts.generating.options import parse_args, sample_files
from scripts.generating.units import Chunk, generate


def complete(sampler, settings: dict, chunks: list[Chunk]) -> list[list[dict]]:
    """Samples of one unit (see `SampleFile.draw`)."""
    requests = [Request(c.problem["prompt"], c.problem["task_id"], c.first, c.count) for c in chunks]
    found = sampler.sample_many(requests, **settings)
    return [[sample.fields() for sample in samples] for samples in found]


def work(argv: list[str] | None) -> None:
    args = parse_args(argv, __doc__, two_stages=False)
    files = sample_files(args, {"model": args.model_name_or_path})
    generate(args, [args.model_name_or_path], files, lambda *stage: partial(complete, *stage))


def main(argv: list[str] | None = None) -> int:
    return exit_status(lambda: work(argv))


if __name__ == "__main__":
    sys.exit(main())

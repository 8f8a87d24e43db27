"""Sample completions in two stages: the sketcher writes sketches, the generator completes with one of them as prompt.

    python eval_cert_unified.py -sketcher PATH -generator PATH -d Pandas -n 10 -t 0.2 -t2 0.2
    python eval_cert_unified.py configs/generating/paper.yaml -sketcher PATH -generator PATH --sketch_strategy each

Killed and run again, the same command resumes after the last finished unit. scripts/generating/two_stages.py explains the
strategies.
"""

import sys

from nl2code.errors import exit_status
from scripts.generating.options import parse_args, sample_files
from scripts.generating.two_stages import TwoStages
from scripts.generating.units import generate


def work(argv: list[str] | None) -> None:
    args = parse_args(argv, __doc__, two_stages=True)
    models = {"sketcher": args.sketcher_path, "generator": args.generator_path}
    files = sample_files(args, models)
    operation = files[0].record.settings["operation"]
    how = args.sketch_strategy, operation, args.sketches_per_sample
    generate(args, list(models.values()), files, lambda *stages: TwoStages(*stages, *how).complete)


def main(argv: list[str] | None = None) -> int:
    return exit_status(lambda: work(argv))


if __name__ == "__main__":
    sys.exit(main())

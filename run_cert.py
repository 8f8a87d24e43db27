"""Continual pre-training of a base model on encoded code, sketches or generator documents (paper, section 3).

    python run_cert.py configs/training/quick.yaml --model_name_or_path smollm2-135m \\
        --train_file data/Pandas/sketcher_bin/smollm2-135m_quick/train --output_dir RUN \\
        --validation_file data/Pandas/sketcher_bin/smollm2-135m_quick/valid
    torchrun --nproc_per_node 8 run_cert.py configs/training/paper.yaml ...

A file of settings (.yaml or .json; of a preset, its section training) comes first; flags after it win. The finished model
is `<output_dir>/model`, and `<output_dir>/record.json` says what made it. The same command resumes a killed run from its
newest complete checkpoint, with the same final weights; a finished run is left as it is. `--do_eval` alone evaluates the
model on the validation shards and trains nothing.
"""

import sys
from itertools import pairwise

from nl2code.errors import exit_status
from scripts.presets import typed_flags, with_preset
from scripts.training.finished import finished_model, known_help


def flags_of(argv: list[str]) -> list[str]:
    """The flags of a preset file, then those after it; a typed `--eval_strategy no` also drops the file's --eval_steps."""
    flags, typed = with_preset(argv, "training"), typed_flags(argv)
    if "--eval_strategy=no" in typed or ("--eval_strategy", "no") in pairwise(typed):
        of_file = flags[: len(flags) - len(typed)]
        if "--eval_steps" in of_file:
            place = of_file.index("--eval_steps")
            return of_file[:place] + of_file[place + 2 :] + typed
    return flags


def work(argv: list[str]) -> None:
    if {"-h", "--help"} & {*argv} and (text := known_help()):
        print(text)
        return
    flags = flags_of(argv)
    if model := finished_model(flags):
        print(f"{model} is up to date, nothing to do")
        return
    from scripts.training.run import train

    train(flags, __doc__)


def main(argv: list[str] | None = None) -> int:
    return exit_status(lambda: work(sys.argv[1:] if argv is None else argv))


if __name__ == "__main__":
    sys.exit(main())

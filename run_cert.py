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

from nl2code.errors import UserError, exit_status
from scripts.presets import typed_flags, with_preset
from scripts.training.finished import finished_model, known_help, values_of

OF_VALIDATION = ("max_eval_tokens", "per_device_eval_batch_size")


def flags_of(argv: list[str]) -> list[str]:
    """The flags of a preset file, then those after it; a typed `--eval_strategy no` also drops the file's --eval_steps.

    Raises:
        UserError: a typed flag needs --validation_file. A preset's is one of many that a run may leave unused.
    """
    flags, typed = with_preset(argv, "training"), typed_flags(argv)
    given = values_of(typed, "eval_strategy", *OF_VALIDATION)
    for name in OF_VALIDATION:
        if given[name] and not values_of(flags, "validation_file")["validation_file"]:
            raise UserError(f"--{name} {given[name]} changes nothing without --validation_file; leave it out")
    if given["eval_strategy"] == "no":
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

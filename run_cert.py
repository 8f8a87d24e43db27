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

from nl2code.errors import exit_status
from scripts.presets import with_preset
from scripts.training.finished import finished_model, known_help


def work(argv: list[str]) -> None:
    if {"-h", "--help"} & {*argv} and (text := known_help()):
        print(text)
        return
    flags = with_preset(argv, "training")
    if model := finished_model(flags):
        print(f"{model} is up to date, nothing to do")
        return
    from scripts.training.run import train

    train(flags)


def main(argv: list[str] | None = None) -> int:
    return exit_status(lambda: work(sys.argv[1:] if argv is None else argv))


if __name__ == "__main__":
    sys.exit(main())

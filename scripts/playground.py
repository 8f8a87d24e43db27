"""Try a sketcher and a generator on single prompts: sketches, code, and the sandbox's verdict.

    python -m scripts.playground -d Pandas                            # a page on http://127.0.0.1:7860
    python -m scripts.playground --cli --task CertPandas/0            # one problem, in the terminal
    echo "import pandas as pd" | python -m scripts.playground --cli   # or a prompt of your own

The page needs requirements-demo.txt. Without -sketcher and -generator: the newest pair that was trained for the domain, else
the pair that ships under models/, else the base model for both stages. With a problem its test decides; other programs are
run in the sandbox, and what they print, their last value, or their exception is shown. The page is for this machine alone;
nothing is sent anywhere.
"""

import argparse
import sys
from dataclasses import fields
from pathlib import Path

from nl2code.errors import UserError, exit_status
from nl2code.sampling.dtype import DTYPES, HELP, choose_dtype
from pandas_numpy_eval.data import resolve_problem_file
from pandas_numpy_eval.errors import EvaluationError
from scripts.generating.options import device, number, strategy
from scripts.generating.playground import (
    Models,
    Playground,
    Wish,
    as_text,
    find_models,
    known_problems,
    problem_of,
    refuse_empty,
)
from scripts.generating.strategies import HELP as SKETCHES
from scripts.presets import HelpFormatter, typed_names
from scripts.shell.checks import DEFAULT_BASE


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter, allow_abbrev=False)
    add = parser.add_argument
    add("-d", "--domain", default="Pandas", help="domain of the trained models")
    add("--problems", help="benchmark or .jsonl file to choose problems from (default: the domain's)")
    add("-sketcher", "--sketcher_path", help="folder, name under models/, adapter or hub id (default: see above)")
    add("-generator", "--generator_path", help="likewise")
    add("-base", "--base_model", default=DEFAULT_BASE, help="stands in for both where there are none")
    add("--data_dir", default="data", help="folder of trained models")
    add("--device", type=device, default="cpu", help="torch device")
    add("--dtype", choices=DTYPES, default="float32", help=HELP)
    add("-n", "--num_samples", dest="n", type=number(int, 1, 50), default=Wish.n, help="samples")
    temperature = number(float, 0, 2)
    add("-t", "--temperature", type=temperature, default=Wish.temperature, help="of the sketcher; 0 is greedy")
    add("-t2", "--temperature2", type=temperature, default=Wish.temperature2, help="of the generator")
    add("-p", "--top_p", type=number(float, 1e-6, 1), default=Wish.top_p, help="probability mass of nucleus sampling")
    add("-l", "--max_tokens", type=number(int, 1, 512), default=Wish.max_tokens, help="maximum number of new tokens")
    add("--sketch_strategy", dest="strategy", type=strategy, default=Wish.strategy, help=SKETCHES)
    add("--seed", type=number(int, 0, 2**31 - 1), default=Wish.seed, help="random seed")
    add("--cli", action="store_true", help="one prompt in the terminal; needs no extra package")
    add("--task", help="with --cli: task_id of a problem, such as CertPandas/0")
    add("--prompt", help="with --cli: file with the prompt, - for standard input (default: -)")
    add("--port", type=number(int, 1, 65535), help="of the page (default: the first free one from 7860)")
    args = parser.parse_args(argv)
    if (args.task or args.prompt) and not args.cli:
        parser.error("--task and --prompt are for --cli; add it, or choose on the page")
    if args.port and args.cli:
        parser.error("--port is for the page; leave it or --cli out")
    if args.task and args.prompt:
        parser.error("--task and --prompt are two prompts; leave one out")
    if bool(args.sketcher_path) != bool(args.generator_path):
        parser.error("-sketcher and -generator belong together; give both or none")
    if args.sketcher_path and {"base_model", "data_dir"} & typed_names(parser, args, argv):
        parser.error("-base and --data_dir change nothing beside -sketcher and -generator; leave them out")
    return args


def read_prompt(place: str) -> str:
    """A prompt from a file or standard input; the line feed that ends its last line is no part of it."""
    try:
        text = sys.stdin.read() if place == "-" else Path(place).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"prompt {place} is no UTF-8 text ({error.reason}); correct it") from error
    return text.removesuffix("\n")


def work(argv: list[str] | None) -> None:
    """Everything that the user can mend is refused before the models are loaded."""
    args = parse(argv)
    wish = Wish(**{field.name: getattr(args, field.name) for field in fields(Wish)})
    if args.problems:
        resolve_problem_file(args.problems)
    models = find_models(args.domain, args.data_dir, args.base_model)
    if args.sketcher_path:
        models = Models(args.sketcher_path, args.generator_path, f"{args.sketcher_path} and {args.generator_path}")
    if not args.cli:
        from scripts.reporting.playground_app import quiet_gradio, serve

        quiet_gradio()
    elif args.task:
        prompt = problem_of(known_problems(args.problems or args.domain), args.task)["prompt"]
    else:
        refuse_empty(prompt := read_prompt(args.prompt or "-"))
    print(f"models: {models.note}", file=sys.stderr)
    playground = Playground(models, args.problems or args.domain, args.device, choose_dtype(args.dtype, args.device))
    if not args.cli:
        serve(playground, wish, args.port)
        return
    print(as_text(playground.run(prompt, wish, args.task or "")))


def main(argv: list[str] | None = None) -> int:
    return exit_status(lambda: work(argv), also=(EvaluationError,))


if __name__ == "__main__":
    sys.exit(main())

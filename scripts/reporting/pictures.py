"""Draw README's pictures of committed files: the two stages on a real example, and the scores of the shipped models.

    python -m scripts.reporting.pictures                            # docs/pictures/*.svg
    python -m scripts.reporting.pictures --task CertPandasDev/7    # draws that problem's samples anew, then the pictures

The example is docs/pictures/two-stages.json, the scores are the `*_metrics.json` under docs/results. Equal files give equal
bytes. `--task` needs the base model and a sandbox; it writes what the two models drew, and changes nothing else.
"""

import argparse
import json
import sys
from pathlib import Path

from nl2code.errors import UserError, exit_status
from nl2code.sampling.dtype import DTYPES, HELP, choose_dtype
from pandas_numpy_eval.errors import EvaluationError
from scripts.file_utils import PROJECT_ROOT, write_json, write_text
from scripts.generating.options import number
from scripts.presets import HelpFormatter, typed_names
from scripts.reporting.scores_picture import scores_of, scores_picture
from scripts.reporting.two_stages_picture import two_stages_picture

EXAMPLE = "two-stages.json"


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter, allow_abbrev=False)
    add, docs = parser.add_argument, PROJECT_ROOT / "docs"
    add("--pictures", type=Path, default=docs / "pictures", help=f"folder of the pictures and of {EXAMPLE}")
    add("--results", type=Path, default=docs / "results", help="folder of the metrics")
    add("--task", help="development problem that becomes the example (default: the example stays)")
    add("-d", "--problems", default="PandasDev", help="with --task: benchmark or .jsonl file that has it")
    add("-sketcher", default="sketcher-pandas", help="with --task: folder, name under models/, adapter or hub id")
    add("-generator", default="generator-pandas", help="likewise")
    add("-n", "--num_samples", type=number(int, 1, 50), default=10, help="with --task: samples")
    add("--dtype", choices=DTYPES, default="float32", help=f"with --task: {HELP}")
    args = parser.parse_args(argv)
    if not args.task and typed_names(parser, args, argv) - {"pictures", "results"}:
        parser.error("-d, -sketcher, -generator, -n and --dtype are for --task; add it, or leave them out")
    return args


def draw_example(args: argparse.Namespace) -> dict:
    """The sketches and the most frequent answer of both stages for a problem, with its verdict. Raises UserError."""
    from scripts.generating.playground import PASSED, Models, Playground, Wish, known_problems, problem_of

    prompt = problem_of(known_problems(args.problems), args.task)["prompt"]  # an error before the models are loaded
    dtype = choose_dtype(args.dtype, "cpu")
    playground = Playground(Models(args.sketcher, args.generator, ""), args.problems, dtype=dtype)
    wish = Wish(n=args.num_samples)
    result = playground.run(prompt, wish, args.task)
    answers = [answer for answer in result.answers if answer.case == 1 and answer.sketch]
    if not answers:
        raise UserError(f"{args.task}: no answer of both stages; choose another problem with --task")
    answer = answers[0]
    return {
        "task_id": args.task,
        "benchmark": args.problems,
        "models": [args.sketcher, args.generator],
        "settings": f"{wish}, {dtype}",
        "samples": wish.n,
        "prompt": prompt,
        "sketches": [list(pair) for pair in result.sketches],
        "sketch": answer.sketch,
        "code": answer.code,
        "count": answer.count,
        "passed": answer.verdict == PASSED,
    }


def work(argv: list[str] | None) -> None:
    args = parse(argv)
    place = args.pictures / EXAMPLE
    if args.task:
        args.pictures.mkdir(parents=True, exist_ok=True)
        write_json(place, draw_example(args))
    if not place.is_file():
        raise UserError(f"no {place}; make it with --task CertPandasDev/7")
    example = json.loads(place.read_text(encoding="utf-8"))
    pictures = {"two-stages.svg": two_stages_picture(example), "scores.svg": scores_picture(scores_of(args.results))}
    for name, picture in pictures.items():
        write_text(args.pictures / name, picture)
        print(f"wrote {args.pictures / name}")


def main(argv: list[str] | None = None) -> int:
    return exit_status(lambda: work(argv), also=(EvaluationError,))


if __name__ == "__main__":
    sys.exit(main())

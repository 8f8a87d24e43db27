"""Sample completions in two stages: the sketcher writes sketches, the generator completes with the best one as prompt.

    python eval_cert_unified.py -sketcher PATH -generator PATH -d Pandas -n 10 -t 0.2 -t2 0.2 \\
        -o results/Pandas/cert/n10.samples.jsonl

Per chunk of samples the most common sketch is chosen (paper, section 3.3); a sketch without placeholders is an answer
already, and the sketcher's samples stand. Run again after a kill, it goes on where it was.
"""

import argparse
import sys
from collections import Counter

from nl2code.models import ModelError, load_model, load_tokenizer, weights_sha256
from scripts.ast_utils import SEGMENTATION, has_placeholder
from scripts.generation import SettingsError, add_arguments, open_run, run_chunks, temperature

BOTH_STAGES, SKETCHER_ALONE = 1, 2


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-sketcher", "--sketcher_path", required=True, help="folder, name under models/, or hub id")
    parser.add_argument("-generator", "--generator_path", required=True, help="folder, name under models/, or hub id")
    parser.add_argument("-t", "--temperature", type=temperature, default=0.2, help="of the sketcher; 0 is greedy")
    parser.add_argument("-t2", "--temperature2", type=temperature, default=0.2, help="of the generator; 0 is greedy")
    add_arguments(parser)
    return parser.parse_args(argv)


def most_common_sketch(sketches: list[str]) -> str:
    """The sketch written most often; the first written wins a tie, an empty one only where all are empty.

    >>> most_common_sketch(["", "", "f(number)", "g(string)", "g(string)"])
    'g(string)'
    """
    counts = Counter(filter(None, sketches))
    return counts.most_common(1)[0][0] if counts else ""


class TwoStages:
    """Sketcher and generator with the run's sampling parameters."""

    def __init__(self, sketcher, generator, args: argparse.Namespace):
        self.sketcher, self.generator, self.args = sketcher, generator, args

    def complete(self, problem: dict, first: int, count: int) -> list[dict]:
        """Rows of samples first .. first + count - 1 of a problem (see `run_chunks`)."""
        drafts = self._sample(self.sketcher, problem["prompt"], problem, "sketch", self.args.temperature, first, count)
        sketch = most_common_sketch([draft.text for draft in drafts])
        own = [{"completion": d.text, "raw": d.raw, "sketch": d.text, "case": SKETCHER_ALONE} for d in drafts]
        if not has_placeholder(sketch):
            return own
        prompt = sketch + SEGMENTATION + problem["prompt"]
        codes = self._sample(self.generator, prompt, problem, "code", self.args.temperature2, first, count)
        return [
            {"completion": code.text, "raw": code.raw, "sketch": sketch, "case": BOTH_STAGES} if code.text else draft
            for code, draft in zip(codes, own, strict=True)
        ]

    def _sample(self, sampler, prompt: str, problem: dict, stage: str, heat: float, first: int, count: int):
        return sampler.sample(
            prompt,
            count,
            temperature=heat,
            top_p=self.args.top_p,
            max_new_tokens=self.args.max_tokens,
            seed=self.args.seed,
            task_id=f"{problem['task_id']}#{stage}",
            first=first,
            batch_size=self.args.batch_size,
        )


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        run = open_run(
            args,
            sketcher=args.sketcher_path,
            sketcher_sha256=weights_sha256(args.sketcher_path),
            generator=args.generator_path,
            generator_sha256=weights_sha256(args.generator_path),
            temperature=args.temperature,
            temperature2=args.temperature2,
        )
        if run.is_finished():
            print(f"{run.output} is there, nothing to do")
            return 0
        from nl2code.sampling import Sampler

        samplers = [
            Sampler(load_model(name, args.dtype, args.device), load_tokenizer(name))
            for name in (args.sketcher_path, args.generator_path)
        ]
        for problem in run.problems:
            # The generator's prompt holds a sketch of up to max_tokens beside the problem's own.
            samplers[0].encode(problem["prompt"], args.max_tokens)
            samplers[1].encode(problem["prompt"], 2 * args.max_tokens)
        run_chunks(run, TwoStages(*samplers, args).complete)
    except (ModelError, SettingsError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"wrote {run.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What both generation programs share: their flags, resumable units of work, and the sample files they write.

A run writes `<output>` (`X.samples.jsonl`), beside it `X.meta.json` with everything that decides the samples. Until all
is there, finished units, one (task, chunk) each, lie in `X.parts/`; a killed run skips those.
"""

import argparse
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from pandas_numpy_eval.data import benchmark_info, read_problems, resolve_problem_file
from scripts.file_utils import git_revision, versions, write_json, write_jsonl


class SettingsError(Exception):
    """A run that cannot start; the message is one line."""


def _number(kind: type, low: float, high: float, low_open: bool = False) -> Callable[[str], float]:
    """An argparse type: a number in [low, high], or (low, high]; errors name the value and the range."""

    def parse(text: str):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not (low < value <= high if low_open else low <= value <= high):
            left = "(" if low_open else "["
            raise argparse.ArgumentTypeError(f"{text!r} is no {kind.__name__} in {left}{low}, {high}]")
        return value

    return parse


temperature = _number(float, 0, 2)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags that both programs take."""
    parser.add_argument("-d", "--domain", default="Pandas", help="problems: Pandas, Numpy, HumanEval or a file")
    parser.add_argument("-n", "--num_samples", type=_number(int, 1, 100_000), default=200, help="samples per problem")
    parser.add_argument("-p", "--top_p", type=_number(float, 0, 1, low_open=True), default=0.95, help="nucleus mass")
    parser.add_argument("-l", "--max_tokens", type=_number(int, 1, 4096), default=100, help="new tokens at most")
    parser.add_argument("-b", "--batch_size", type=_number(int, 1, 4096), default=50, help="rows decoded together")
    parser.add_argument(
        "-c", "--chunk_size", type=_number(int, 1, 100_000), default=50, help="samples per unit of work"
    )
    parser.add_argument("--seed", type=_number(int, 0, 2**63), default=42, help="random seed")
    parser.add_argument("--limit", type=_number(int, 1, 100_000), help="only the first so many problems")
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "float16"), default="float32", help="of the weights")
    parser.add_argument("--device", default="cpu", help="torch device")
    parser.add_argument("-o", "--output", type=Path, required=True, help="file to write, ending in .samples.jsonl")


@dataclass(frozen=True)
class Run:
    """Problems and files of one generation run.

    Attributes:
        problems: benchmark lines, in file order.
        output: the sample file.
        settings: everything that decides the samples, JSON types only.
    """

    problems: list[dict]
    output: Path
    settings: dict

    @property
    def meta(self) -> Path:
        return Path(str(self.output).removesuffix(".samples.jsonl") + ".meta.json")

    @property
    def parts(self) -> Path:
        return Path(str(self.output).removesuffix(".samples.jsonl") + ".parts")

    def is_finished(self) -> bool:
        """Whether the sample file is there, made with the same settings.

        Raises:
            SettingsError: there are samples of other settings, finished or in parts.
        """
        for record in (self.meta, self.parts / "settings.json"):
            if record.is_file():
                known = json.loads(record.read_text())
                changed = sorted(k for k in {*known, *self.settings} - {"run"} if known.get(k) != self.settings.get(k))
                if changed:
                    raise SettingsError(
                        f"{record} tells of samples made with other {', '.join(changed)}; "
                        f"move it away or choose another -o/--output than {self.output}"
                    )
        return self.meta.is_file() and self.output.is_file()


def open_run(args: argparse.Namespace, **settings) -> Run:
    """Read the problems and describe the run.

    Args:
        args: parsed flags of `add_arguments`.
        **settings: what decides the samples besides those flags (models by hash, temperatures, strategy).

    Raises:
        SettingsError: unknown domain, broken problem file, or an output name that does not fit.
    """
    if not args.output.name.endswith(".samples.jsonl"):
        raise SettingsError(f"--output {args.output} must end in .samples.jsonl")
    try:
        file = resolve_problem_file(args.domain)
        problems = list(read_problems(file).values())[: args.limit]
    except (OSError, ValueError, KeyError) as error:
        raise SettingsError(f"problems {args.domain!r}: {error}") from error
    common = ("num_samples", "top_p", "max_tokens", "batch_size", "chunk_size", "seed", "limit", "dtype")
    described = {"benchmark": benchmark_info(file), **{key: getattr(args, key) for key in common}, **settings}
    return Run(problems, args.output, json.loads(json.dumps(described)))


def run_chunks(run: Run, complete: Callable[[dict, int, int], list[dict]]) -> None:
    """Fill a run: call `complete(problem, first, count)` for each missing unit, then merge all into the sample file.

    `complete` returns the rows of samples first .. first + count - 1 of a problem, without task_id and sample_id.
    """
    started = time.time()
    run.parts.mkdir(parents=True, exist_ok=True)
    write_json(run.parts / "settings.json", run.settings)
    n, size = run.settings["num_samples"], run.settings["chunk_size"]
    units = [
        (run.parts / f"{index:05d}.{first:06d}.jsonl", problem, first, min(size, n - first))
        for index, problem in enumerate(run.problems)
        for first in range(0, n, size)
    ]
    with tqdm(total=len(run.problems) * n, unit="sample", desc=run.output.parent.name) as bar:
        for part, problem, first, count in units:
            if not part.is_file():
                rows = complete(problem, first, count)
                assert len(rows) == count, (problem["task_id"], len(rows), count)
                ids = ({"task_id": problem["task_id"], "sample_id": first + i} for i in range(count))
                write_jsonl(part, ({**head, **row} for head, row in zip(ids, rows, strict=True)))
            bar.update(count)
    write_jsonl(run.output, (json.loads(line) for part, *_ in units for line in part.read_text().splitlines()))
    seconds = round(time.time() - started, 1)
    write_json(
        run.meta, {**run.settings, "run": {"seconds": seconds, "git_revision": git_revision(), "versions": versions()}}
    )
    shutil.rmtree(run.parts)

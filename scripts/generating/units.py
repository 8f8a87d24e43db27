"""What both generation programs share: their flags, resumable units of work, and the sample files they write.

A run writes `<output>` (`X.samples.jsonl`), beside it `X.meta.json` with everything that decides the samples. Until all
is there, finished units lie in `X.parts/`; a killed run skips those. A unit is a fixed group of samples that share
batches, so that a restart, and the number of processes, leave every batch as it was. Under `torchrun` each process
takes its share of the units; the one that ends last puts the file together.
"""

import argparse
import json
import os
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from nl2code.sampling.truncation import first_block, syntax
from pandas_numpy_eval.data import benchmark_info, read_problems, resolve_problem_file
from scripts.file_utils import exclusive, git_revision, versions, write_json, write_jsonl

COMMON = (
    "num_samples",
    "top_p",
    "max_tokens",
    "batch_size",
    "chunk_size",
    "unit_size",
    "seed",
    "limit",
    "tasks",
    "dtype",
)


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


def temperatures(text: str) -> list[float]:
    """An argparse type: temperatures in [0, 2], one or several with commas between.

    >>> temperatures("0.2,0.4")
    [0.2, 0.4]
    """
    return [_number(float, 0, 2)(part) for part in text.split(",")]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags that both programs take."""
    add = parser.add_argument
    add("-d", "--domain", default="Pandas", help="problems: Pandas, Numpy, HumanEval, ... or a file")
    add("-n", "--num_samples", type=_number(int, 1, 100_000), default=200, help="samples per problem")
    add("-p", "--top_p", type=_number(float, 0, 1, low_open=True), default=0.95, help="nucleus mass")
    add("-l", "--max_tokens", type=_number(int, 1, 4096), default=100, help="new tokens at most")
    add("-b", "--batch_size", type=_number(int, 1, 4096), default=64, help="rows decoded together")
    add(
        "-c", "--chunk_size", type=_number(int, 1, 100_000), default=50, help="samples of a problem that share a sketch"
    )
    add("-u", "--unit_size", type=_number(int, 1, 1_000_000), default=500, help="samples kept, or repeated, at a kill")
    add("--seed", type=_number(int, 0, 2**63), default=42, help="random seed")
    add("--limit", type=_number(int, 1, 100_000), help="only the first so many problems")
    add("--tasks", help="only problems whose task_id matches this regular expression (whole)")
    add(
        "--truncate",
        choices=("first_block", "syntax"),
        default="first_block",
        help="where a completion ends: the paper's rule; with syntax also a second file, X_syntax.samples.jsonl, of the "
        "same raw samples cut to what parses and belongs to the prompt",
    )
    add("--dtype", choices=("float32", "bfloat16", "float16"), default="float32", help="of the weights")
    add("--device", default="cpu", help="torch device; cuda takes the one of the process under torchrun")
    add("--backend", choices=("torch", "vllm"), default="torch", help="engine that samples (vllm: needs that package)")
    add("--dry_run", action="store_true", help="say what would be done, and stop")
    add(
        "-o",
        "--output",
        required=True,
        help="file to write, ending in .samples.jsonl; {t} and {t2} in it become the temperatures",
    )


@dataclass(frozen=True)
class Chunk:
    """Samples first .. first + count - 1 of a problem."""

    problem: dict
    first: int
    count: int


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

    def units(self) -> list[tuple[Path, list[Chunk]]]:
        """The file of every unit and its chunks: consecutive ones, until they hold `unit_size` samples."""
        n, size = self.settings["num_samples"], self.settings["chunk_size"]
        groups: list[list[Chunk]] = []
        room = 0
        for problem in self.problems:
            for first in range(0, n, size):
                if room <= 0:
                    groups.append([])
                    room = self.settings["unit_size"]
                groups[-1].append(Chunk(problem, first, min(size, n - first)))
                room -= groups[-1][-1].count
        return [(self.parts / f"{index:06d}.jsonl", group) for index, group in enumerate(groups)]

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

    def plan(self) -> str:
        """What there is to do, in one line."""
        units = self.units()
        done = sum(part.is_file() for part, _ in units)
        if self.is_finished():
            return f"{self.output} is there, nothing to do"
        total = len(self.problems) * self.settings["num_samples"]
        return f"{self.output}: {total} samples of {len(self.problems)} problems in {len(units)} units, {done} done"


def open_run(args: argparse.Namespace, heats: dict[str, float], **settings) -> Run:
    """Read the problems and describe the run.

    Args:
        args: parsed flags of `add_arguments`.
        heats: temperatures by their name in `args.output`, t and t2.
        **settings: what decides the samples besides those flags (models by hash, temperatures, strategy).

    Raises:
        SettingsError: unknown domain, broken problem file, no such task, or an output name that does not fit.
    """
    output = Path(re.sub(r"\{(t2?)\}", lambda name: f"{heats.get(name[1], 0):g}", args.output))
    if not output.name.endswith(".samples.jsonl"):
        raise SettingsError(f"--output {args.output} must end in .samples.jsonl")
    try:
        file = resolve_problem_file(args.domain)
        problems = list(read_problems(file).values())[: args.limit]
        if args.tasks:
            problems = [problem for problem in problems if re.fullmatch(args.tasks, problem["task_id"])]
    except (OSError, ValueError, KeyError, re.error) as error:
        raise SettingsError(f"problems {args.domain!r}: {error}") from error
    if not problems:
        raise SettingsError(f"--tasks {args.tasks!r} matches no task_id of {args.domain}; try --tasks '.*/[0-9]'")
    described = {"benchmark": benchmark_info(file), **{key: getattr(args, key) for key in COMMON}, **settings}
    return Run(problems, output, json.loads(json.dumps(described)))


def pairs(first: list[float], second: list[float], template: str) -> list[tuple[float, float]]:
    """Temperatures of the two stages, setting by setting; one of a kind goes with all of the other.

    Raises:
        SettingsError: lists of different lengths, or a file name that would be the same for several settings.
    """
    length = max(len(first), len(second))
    if {len(first), len(second)} - {1, length}:
        raise SettingsError(f"-t has {len(first)} temperatures and -t2 {len(second)}; give as many, or one of either")
    found = [(first[min(i, len(first) - 1)], second[min(i, len(second) - 1)]) for i in range(length)]
    wanted = [name for name, values in (("{t}", first), ("{t2}", second)) if len(values) > 1 and name not in template]
    if wanted:
        raise SettingsError(f"several temperatures need {' and '.join(wanted)} in the name of --output {template}")
    return found


def open_sampler(name: str, args: argparse.Namespace):
    """The engine for one model, on this process's device. Raises ModelError, and what the engine raises."""
    if args.backend == "vllm":
        from nl2code.sampling.vllm import VllmSampler

        return VllmSampler(name, args.dtype)
    from nl2code.models import load_model, load_tokenizer
    from nl2code.sampling import Sampler
    from nl2code.sampling.packed_linear import pack_linears

    local = os.environ.get("LOCAL_RANK")
    device = f"cuda:{local}" if args.device == "cuda" and local else args.device
    return Sampler(pack_linears(load_model(name, args.dtype, device)), load_tokenizer(name))


def sampling_settings(args: argparse.Namespace, heat: float) -> dict:
    """What `Sampler.sample_many` takes besides the requests."""
    settings = {"top_p": args.top_p, "max_new_tokens": args.max_tokens, "seed": args.seed}
    return {"temperature": heat, **settings, "batch_size": args.batch_size}


def run_units(run: Run, complete: Callable[[list[Chunk]], list[list[dict]]]) -> None:
    """Do this process's share of a run, and put the sample file together if no other share is missing.

    `complete(chunks)` returns for each chunk its samples in order, without task_id and sample_id; they must hold
    `raw`. `completion` is made here.
    """
    if run.is_finished():
        return
    started = time.time()
    write_json(run.parts / "settings.json", run.settings)
    heats = {key: run.settings[key] for key in ("temperature", "temperature2") if key in run.settings}
    units = run.units()
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    share = units[rank::world]
    total = sum(chunk.count for _, chunks in share for chunk in chunks)
    with tqdm(total=total, unit="sample", desc=run.output.parent.name, disable=rank > 0) as bar:
        for part, chunks in share:
            count = sum(chunk.count for chunk in chunks)
            if part.is_file():
                bar.initial += count  # not this run's speed
            else:
                rows = [
                    {
                        "task_id": chunk.problem["task_id"],
                        "sample_id": chunk.first + i,
                        "completion": first_block(sample["raw"]),
                        **sample,
                        **heats,
                    }
                    for chunk, samples in zip(chunks, complete(chunks), strict=True)
                    for i, sample in enumerate(samples)
                ]
                assert len(rows) == count, (part, len(rows), count)
                write_jsonl(part, rows)
            bar.update(count)
    with suppress(SettingsError), exclusive(f"{run.parts}.lock", SettingsError("another process does it")):
        if not run.is_finished() and all(part.is_file() for part, _ in units):
            _put_together(run, units, time.time() - started)


def _put_together(run: Run, units: list[tuple[Path, list[Chunk]]], seconds: float) -> None:
    write_jsonl(run.output, (json.loads(line) for part, _ in units for line in part.read_text().splitlines()))
    about = {"seconds": round(seconds, 1), "git_revision": git_revision(), "versions": versions()}
    write_json(run.meta, {**run.settings, "run": about})
    shutil.rmtree(run.parts)
    Path(f"{run.parts}.lock").unlink()


def finish(run: Run, truncate: str, was_there: bool) -> str:
    """Make the second sample file where `syntax` asks for one; return what there is, in a line."""
    if not run.is_finished():
        return f"this process's share of {run.output} is done; the one that ends last puts the file together"
    line = f"{run.output} is there, nothing to do" if was_there else f"wrote {run.output}"
    return f"{line}; cut by syntax: {_recut(run)}" if truncate == "syntax" else line


def _recut(run: Run) -> Path:
    """The finished samples once more, cut by `syntax`; what exists is kept."""
    stem = str(run.output).removesuffix(".samples.jsonl") + "_syntax"
    output, meta = Path(f"{stem}.samples.jsonl"), Path(f"{stem}.meta.json")
    if not (output.is_file() and meta.is_file()):
        prompts = {problem["task_id"]: problem["prompt"] for problem in run.problems}
        rows = (json.loads(line) for line in run.output.read_text().splitlines())
        write_jsonl(output, ({**row, "completion": syntax(prompts[row["task_id"]], row["raw"])} for row in rows))
        write_json(meta, {**json.loads(run.meta.read_text()), "truncate": "syntax"})
    return output

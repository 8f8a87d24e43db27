"""Generation in resumable units of work, from problems to a sample file.

A run writes `X.samples.jsonl` and beside it the record `X.meta.json` (see scripts/records.py). Until both are written,
finished units lie in `X.parts/` with the description of the run; the same command resumes after them. A unit is a fixed
group of samples that share batches, so restarts and the number of processes leave every batch as it is. Under `torchrun`
each process does its share of the units; the process that sees all of them finished merges them.
"""

import argparse
import math
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from nl2code.errors import UserError
from nl2code.hashes import sha256_file
from nl2code.sampling.truncation import first_block, syntax
from scripts.file_utils import exclusive, read_jsonl, write_jsonl
from scripts.generating.backends import open_sampler
from scripts.generating.names import ENDING, beside
from scripts.records import Record, rank_and_world
from scripts.sketches.documents import SEGMENTATION

FORMAT = 5


@dataclass(frozen=True)
class Chunk:
    """Samples first .. first + count - 1 of a problem."""

    problem: dict
    first: int
    count: int


@dataclass(frozen=True)
class SampleFile:
    """A sample file that is asked for.

    Attributes:
        record: everything that decides the samples; its file is `X.meta.json`.
        benchmark: name, sha256, problems (count) and file, as the record tells them.
    """

    problems: list[dict]  # benchmark lines, in file order
    output: Path
    record: Record
    benchmark: dict
    chunk_size: int  # samples of a problem that are drawn in one unit

    @property
    def parts(self) -> Path:
        return beside(self.output, ".parts")

    @property
    def lock(self) -> Path:
        """Held by the process that merges the units."""
        return Path(f"{self.parts}.lock")

    @property
    def temperatures(self) -> dict[str, float]:
        """Of each stage, in order."""
        return {key: value for key, value in self.record.settings.items() if key.startswith("temperature")}

    @property
    def begun(self) -> Record:
        """The description of the run, beside its units."""
        return replace(self.record, file=self.parts / "record.json")

    def units(self) -> list[tuple[Path, list[Chunk]]]:
        """The file of every unit and its chunks: consecutive ones, in like shares of about `unit_size` samples."""
        n, unit_size = (self.record.settings[key] for key in ("num_samples", "unit_size"))
        total, done = n * len(self.problems), 0
        groups: list[list[Chunk]] = [[] for _ in range(math.ceil(total / unit_size))]
        for problem in self.problems:
            for first in range(0, n, self.chunk_size):
                chunk = Chunk(problem, first, min(self.chunk_size, n - first))
                groups[done * len(groups) // total].append(chunk)
                done += chunk.count
        return [(self.parts / f"{index:06d}.jsonl", group) for index, group in enumerate(filter(None, groups))]

    def is_finished(self) -> bool:
        """Whether the sample file is there, made from the same inputs with the same settings.

        Raises:
            UserError: samples of other settings or inputs, finished or in parts, or of unknown origin are there.
        """
        advice = f"move it away or choose another -o (in the shells: RESULTS_DIR) than {self.output}"
        for place, record in ((self.record.file, self.record), (self.parts, self.begun)):
            changed = record.changed_settings() + record.changed_inputs()
            if changed:
                raise UserError(f"{place} was made with other settings: {'; '.join(changed)}; {advice}")
        if self.record.is_finished():
            return True
        if not self.begun.known() and any(self.parts.glob("*.jsonl")):
            raise UserError(f"{self.parts} holds samples without {self.begun.file.name}, of unknown settings; {advice}")
        unknown = self.output.exists() or (self.record.file.exists() and not self.record.known())
        if unknown and not self.begun.known():
            raise UserError(f"{self.output} is there, but not as {self.record.file.name} records it; {advice}")
        return False

    def plan(self) -> str:
        """What there is to do, in one line."""
        if self.is_finished():
            return f"{self.output} is up to date, nothing to do"
        units = self.units()
        done = sum(part.is_file() for part, _ in units)
        total = len(self.problems) * self.record.settings["num_samples"]
        return f"{self.output}: {total} samples of {len(self.problems)} problems in {len(units)} units, {done} done"

    def draw(self, complete: Callable[[list[Chunk]], list[list[dict]]], served: Callable[[], list] = list) -> None:
        """Do this process's share, and merge all units where no other share is missing.

        `complete(chunks)` returns for each chunk its samples in order, without task_id and sample_id; they must hold
        `raw`. `completion` is made here. `served()` tells which servers answered so far, for the record.
        """
        started = time.time()
        if self.is_finished():  # by another process
            return
        self.begun.begin()
        rank, world = rank_and_world()
        share = self.units()[rank::world]
        total = sum(chunk.count for _, chunks in share for chunk in chunks)
        with tqdm(total=total, unit="sample", desc=self.output.parent.name, disable=rank > 0) as bar:
            for part, chunks in share:
                if self.is_finished():
                    break  # its units are gone
                count = sum(chunk.count for chunk in chunks)
                if part.is_file():
                    bar.initial += count  # not this run's speed
                else:
                    pairs = zip(chunks, complete(chunks), strict=True)
                    rows = [self._row(chunk, i, s) for chunk, samples in pairs for i, s in enumerate(samples)]
                    assert len(rows) == count, (part, len(rows), count)
                    if servers := served():
                        write_jsonl(part.with_suffix(".servers"), servers)
                    write_jsonl(part, rows)
                bar.update(count)
        self.merge(time.time() - started)

    def _row(self, chunk: Chunk, i: int, sample: dict) -> dict:
        row = {"task_id": chunk.problem["task_id"], "sample_id": chunk.first + i}
        return row | {"completion": first_block(sample["raw"])} | sample | self.temperatures

    def merge(self, seconds: float = 0) -> None:
        """Write the sample file where all units are there, and remove the parts of a finished one."""
        with exclusive(self.lock, None):
            units = [part for part, _ in self.units()]
            if not self.is_finished() and all(part.is_file() for part in units):
                write_jsonl(self.output, (row for part in units for row in read_jsonl(part)))
                run = {"seconds": round(seconds, 1)}
                told = [row for file in sorted(self.parts.glob("*.servers")) for row in read_jsonl(file)]
                if servers := [row for i, row in enumerate(told) if row not in told[:i]]:
                    run["servers"] = servers
                self.record.finish([self.output], run, benchmark=self.benchmark)
            if self.is_finished():
                shutil.rmtree(self.parts, ignore_errors=True)
                self.lock.unlink(missing_ok=True)

    def recut(self) -> Path:
        """The finished samples once more, cut by `syntax`; made again where they changed.

        Raises:
            UserError: a file of that name is of another origin.
        """
        output, file = beside(self.output, "_syntax" + ENDING), beside(self.output, "_syntax.meta.json")
        inputs = self.record.inputs | {"samples": sha256_file(self.output)}
        record = replace(self.record, file=file, inputs=inputs, settings=self.record.settings | {"truncate": "syntax"})
        if not record.is_finished():
            is_cut = "samples" in (record.known() or {}).get("inputs", {})
            if not is_cut and (output.exists() or file.exists()):
                raise UserError(f"{output} was not made by --truncate syntax of this version; move it away")
            record.begin()  # the name is ours from now on
            prompts = {problem["task_id"]: problem["prompt"] for problem in self.problems}
            rows = read_jsonl(self.output)
            write_jsonl(output, (row | {"completion": syntax(prompts[row["task_id"]], row["raw"])} for row in rows))
            record.finish([output], benchmark=self.benchmark)
        return output


@contextmanager
def enough_memory(args: argparse.Namespace) -> Iterator[None]:
    """Turn torch's error for want of memory, on a GPU or a CPU, into a UserError."""
    try:
        yield
    except RuntimeError as error:
        if not re.search("out of memory|can't allocate memory", str(error)):
            raise
        if args.batch_size is None:
            advice = "use --dtype bfloat16, or --backend torch (in the shells: DTYPE, BACKEND)"
            raise UserError(f"no memory on the GPU for --backend {args.backend}; {advice}") from error
        advice = "lower -b/--batch_size (in the shells: batch_size, in a copy of PROTOCOL's file)"
        raise UserError(f"no memory on {args.device} for {args.batch_size} rows; {advice}") from error


def generate(args: argparse.Namespace, models: list[str], files: list[SampleFile], stages: Callable) -> None:
    """Make the sample files that are not there yet, and print a line for each.

    Args:
        args: of `scripts.generating.options.parse_args`.
        models: one name, or those of sketcher and generator.
        files: of `scripts.generating.options.sample_files`.
        stages: called with the samplers and the settings of each (`Sampler.sample_many`'s); returns `complete` of
            `SampleFile.draw`.
    """
    if args.dry_run:
        print("\n".join(file.plan() for file in files))
        return
    finished = [file.is_finished() for file in files]
    if not all(finished):
        rank, world = rank_and_world()
        if rank == 0 and world > (units := len(files[0].units())):
            advice = "so some have nothing to do; a lower --unit_size gives more"
            print(f"note: {world} processes share {units} units, {advice}")
        samplers = [open_sampler(name, args, stage) for stage, name in enumerate(models)]
        for problem in files[0].problems:
            # Errors in a prompt are found before any work; the generator's also holds a sketch of up to max_tokens.
            samplers[0].encode(problem["prompt"], args.max_tokens)
            samplers[-1].encode(SEGMENTATION * (len(models) - 1) + problem["prompt"], len(models) * args.max_tokens)
    for file, there in zip(files, finished, strict=True):
        if there:
            if file.parts.exists() or file.lock.exists():  # else nothing is written, as the folder may be read-only
                file.merge()
        else:
            common = {"top_p": args.top_p, "max_new_tokens": args.max_tokens, "seed": args.seed}
            common["batch_size"] = args.batch_size
            complete = stages(*samplers, *(common | {"temperature": value} for value in file.temperatures.values()))
            with enough_memory(args):
                file.draw(complete, lambda: [row for sampler in samplers for row in getattr(sampler, "served", [])])
        if not file.is_finished():
            print(f"this process's share of {file.output} is done; the last process to end merges all shares")
            continue
        line = f"{file.output} is up to date, nothing to do" if there else f"wrote {file.output}"
        print(f"{line}; cut by syntax: {file.recut()}" if args.truncate == "syntax" else line)

"""Encode a domain's corpus for training: sketches (paper, section 3), tokens, `.bin/.idx` shards and features.

    python -m scripts.encode_domain -d Pandas -type sketcher -model smollm2-135m
    python -m scripts.encode_domain configs/training/paper.yaml -type generator -model smollm2-135m -t 8

Reads the corpus files below `<input>/{train,valid}/` (.jsonl or .json, plain or as .gz or .zst) and writes one shard per
file, in the order of their paths: train, train1, train2, ... Beside the shards lie their records, `model/` (the
tokenizer) and `encode_stats.json`. For sketcher and generator, each file also gives --continuation_ratio documents on
average in the shape of a prompt and its completion.

The same command, run again, encodes only shards that are unfinished or whose corpus file changed. Other settings or
another tokenizer need another -o/--output.

With `--executor slurm --nodes N` or `--executor ray --nodes N` the shards are shared out to N tasks
(scripts/encoding/launchers.py). Any other launcher starts N processes with `--rank R --world_size N`, R = 0 to
N - 1; process R encodes shards R, R + N, ... The same command without these two flags, run after them, encodes what a
lost process has left and writes `model/` and the statistics.
"""

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from nl2code.errors import UserError, exit_status
from nl2code.models import load_tokenizer, resolve_tokenizer
from scripts.encoding.launchers import LAUNCHERS
from scripts.encoding.plan import SPLITS, Shard, plan, remove_stale
from scripts.encoding.shard import GENERATOR, NORMAL, TYPES, DocumentSettings
from scripts.encoding.workers import run_shards, save_for_workers
from scripts.file_utils import PROJECT_ROOT, exclusive, git_revision, replacing_folder, versions, write_json
from scripts.multiprocessing_utils import add_ranks, wrong_rank
from scripts.presets import HelpFormatter, with_preset
from scripts.records import read_record
from scripts.sketches.sketch import CONSTANTS, OPERATIONS

STATS = "encode_stats.json"

DEBUG_FILES = 100
MOST_CONTINUATIONS = 10


def parse_args(argv: list[str]) -> argparse.Namespace:
    usage = "%(prog)s [PRESET.yaml] -model MODEL [flags]"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter, usage=usage)
    add = parser.add_argument
    add("-d", "--domain", default="Pandas", help="name of the domain; sets the default folders")
    add("-type", "--type", "--type_name", choices=TYPES, default=GENERATOR, help="kind of documents")
    add("-i", "--input", "--input_names", type=Path, help="corpus with train/ and valid/ (default: data/DOMAIN/data)")
    where = "folder to write (default: data/DOMAIN/TYPE_bin/<last part of MODEL>, with _OPERATION unless constants)"
    add("-o", "--output", "--output_name", type=Path, help=where)
    model = "base model, of which only the tokenizer is read: folder, name under models/, or hub id"
    add("-model", "--model", "--model_name", required=True, help=model)
    add("-t", "--threads", "--num_processes", type=int, default=os.cpu_count() or 1, help="worker processes")
    splits = {"choices": (*SPLITS, "all"), "type": lambda text: "valid" if text == "dev" else text}
    add("-split", "--split", "--split_name", **splits, default="all", help="part to encode; dev is valid")
    debug = {"nargs": "?", "type": str.lower, "choices": ("true", "false"), "const": "true", "default": "false"}
    add("-isdebug", "--isdebug", "--is_debug", **debug, help=f"encode only the first {DEBUG_FILES} files of each shard")
    ratio = f"continuation documents per file, on average, 0 to {MOST_CONTINUATIONS}; not for type normal"
    add("--continuation_ratio", type=float, default=0.5, help=ratio)
    boolean = {"type": str.lower, "choices": ("true", "false")}
    whole = "whether each file also gives its whole document; false trains on continuations alone; not for type normal"
    add("--whole_documents", **boolean, default="true", help=whole)
    operation = "what sketches replace: constants, user-defined names, or both; not for type normal"
    add("--operation", choices=OPERATIONS, default=CONSTANTS, help=operation)
    seed = "decides how many continuation documents each file gives, and where they are cut"
    add("--seed", type=int, default=42, help=seed)
    add("--executor", choices=("local", *LAUNCHERS), default="local", help="where shards are encoded")
    add("--nodes", type=int, default=1, help="number of Slurm or Ray tasks, -t processes each")
    add_ranks(parser, "encode only this part of the shards")
    args = parser.parse_args(argv)
    if args.nodes < 1:
        parser.error(f"--nodes is {args.nodes}; give 1 or more")
    if args.executor == "local" and args.nodes > 1:
        parser.error(f"--nodes is {args.nodes} with --executor local; use slurm or ray, or -t for processes")
    if problem := wrong_rank(args.rank, args.world_size):
        parser.error(problem)
    if args.executor != "local" and args.rank is not None:
        parser.error(f"--rank is for one share; leave it out with --executor {args.executor}, which makes the shares")
    if args.threads < 1:
        parser.error(f"-t/--threads is {args.threads}; give 1 or more")
    if not 0 <= args.continuation_ratio <= MOST_CONTINUATIONS:
        parser.error(f"--continuation_ratio is {args.continuation_ratio}; give 0 to {MOST_CONTINUATIONS}")
    if args.type != NORMAL and args.whole_documents == "false" and not args.continuation_ratio:
        parser.error("--whole_documents false and --continuation_ratio 0 leave no document; raise the ratio")
    if args.type == NORMAL and args.operation != CONSTANTS:
        parser.error(f"--operation is {args.operation}, but -type normal makes no sketches; leave it out")
    base = os.path.basename(os.path.abspath(args.model)) + ("" if args.operation == CONSTANTS else f"_{args.operation}")
    args.input = args.input or PROJECT_ROOT / "data" / args.domain / "data"
    args.output = args.output or PROJECT_ROOT / "data" / args.domain / f"{args.type}_bin" / base
    return args


def shard_rows(shards: list[Shard]) -> list[dict]:
    """The counts of each shard, from its record."""
    found = [(shard, read_record(shard.record.file)["counts"]) for shard in shards]
    return [{"shard": s.prefix.name, "sha256": s.record.inputs["corpus"], **counts} for s, counts in found]


def stats_are_those_of(file: Path, shards: list[Shard]) -> bool:
    """Whether the statistics are there and hold the counts of these shards, all of which are done."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return json.loads(file.read_text(encoding="utf-8"))["shards"] == shard_rows(shards)
    return False


def write_stats(args: argparse.Namespace, settings: DocumentSettings, shards: list[Shard]) -> dict:
    """Gather the shards' counts into `encode_stats.json`; return its totals."""
    rows, total, left_out = shard_rows(shards), Counter(), Counter()
    for row in rows:
        total.update({key: value for key, value in row.items() if isinstance(value, int)})
        left_out.update({reason: found["count"] for reason, found in row["left_out"].items()})
    stats = {
        "domain": args.domain,
        "split": args.split,
        "model": args.model,
        "tokenizer_sha256": shards[0].record.inputs["tokenizer"],
        **asdict(settings),
        "total": {**total, "left_out": dict(sorted(left_out.items()))},
        "shards": rows,
        "versions": versions(),
        "git_revision": git_revision(),
    }
    write_json(args.output / STATS, stats)
    return stats["total"]


def encode_missing(args: argparse.Namespace, settings: DocumentSettings, shards: list[Shard]) -> None:
    """Encode the shards that are not done."""
    missing = [shard for shard in shards if not shard.is_done()]
    share = f"share {args.rank} of {args.world_size}: " if args.rank is not None else ""
    print(f"encode: {share}{len(missing)} of {len(shards)} shards to do", flush=True)
    if missing:
        with tempfile.TemporaryDirectory(prefix="encode-") as folder:
            tokenizer = save_for_workers(load_tokenizer(args.model), args.model, folder)
            run_shards(missing, settings, tokenizer, args.threads)


def launch(args: argparse.Namespace) -> None:
    """Run this command for each share on Slurm or Ray, with absolute paths."""
    source = resolve_tokenizer(args.model)
    values = {"model": os.path.abspath(source) if os.path.isdir(source) else source}
    values |= {"input": args.input.absolute(), "output": args.output.absolute()}
    names = ("domain", "type", "threads", "split", "isdebug", "continuation_ratio", "whole_documents", "operation")
    values |= {name: getattr(args, name) for name in (*names, "seed")}
    flags = [str(part) for name, value in values.items() for part in (f"--{name}", value)]
    command = [sys.executable, "-m", "scripts.encode_domain", *flags]
    LAUNCHERS[args.executor](command, args.output, args.nodes, args.threads)


def encode(args: argparse.Namespace) -> None:
    """Do what is missing of a run."""
    ratio = 0.0 if args.type == NORMAL else args.continuation_ratio
    limit = DEBUG_FILES if args.isdebug == "true" else None
    whole = args.type == NORMAL or args.whole_documents == "true"
    settings = DocumentSettings(args.type, args.operation, ratio, whole, args.seed, limit)
    shards = plan(args, settings)
    Path(os.path.realpath(args.output)).mkdir(parents=True, exist_ok=True)  # where a link points
    lock, model = args.output / ".lock", args.output / "model"
    busy = UserError(f"another run writes to {args.output}; wait for it or choose another -o/--output")
    if args.rank is not None:
        with exclusive(lock, busy, shared=True), exclusive(f"{lock}.{args.rank}", busy):
            encode_missing(args, settings, shards[args.rank :: args.world_size])
        return
    with exclusive(lock, busy):
        stale = remove_stale(args.output, shards, args.split)
        missing = [shard for shard in shards if not shard.is_done()]
    if not (stale or missing) and model.is_dir() and stats_are_those_of(args.output / STATS, shards):
        print(f"encode: {args.output} is up to date ({len(shards)} shards)")
        return
    if missing and args.executor != "local":
        launch(args)
        if lost := ", ".join(shard.prefix.name for shard in shards if not shard.is_done()):
            raise UserError(
                f"all tasks ended, but {lost} is missing; make sure that all nodes see {args.output}, then run again"
            )
    with exclusive(lock, busy):
        encode_missing(args, settings, shards)
        if not model.is_dir():
            with replacing_folder(model) as folder:
                load_tokenizer(args.model).save_pretrained(folder)
        total = write_stats(args, settings, shards)
    left_out = "".join(f"; {count} left out: {reason}" for reason, count in total["left_out"].items())
    print(f"encode: wrote {args.output}: {total['documents']} documents, {total['tokens']} tokens{left_out}")


def main(argv: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if argv is None else argv
    return exit_status(lambda: encode(parse_args(with_preset(arguments, "encoding"))))


if __name__ == "__main__":
    sys.exit(main())

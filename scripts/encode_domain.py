"""Encode a domain's corpus for training: sketches (paper, section 3), tokens, `.bin/.idx` shards and features.

    python -m scripts.encode_domain -d Pandas -type sketcher -model smollm2-135m
    python -m scripts.encode_domain -i my/corpus -o my/generator_bin -type generator -model models/my-base -t 8

Reads `<input>/{train,valid}/*.jsonl[.gz|.zst]` (or .json), one output shard per input file in the order of names:
train, train1, train2, ... Beside the shards lie `model/` (the tokenizer) and `encode_stats.json`. For sketcher and
generator, a share of the files (--continuation_ratio) gives a second document in the shape of a prompt and its
completion.

With `--executor slurm --nodes N` the shards are shared out to the tasks of a Slurm job array (scripts/encoding/slurm.py),
with `--executor ray --nodes N` to tasks on a Ray cluster (scripts/encoding/ray_tasks.py).
Another launcher starts `--rank R --world_size N` for R = 0 .. N - 1, each share encodes shards R, R + N, ...; the same
command without these two then gathers the statistics, and encodes what a lost share has left.

Run again, the same command redoes only shards whose input, settings, tokenizer or sketch code changed; a killed run
goes on with the shards that it had not finished.
"""

import argparse
import gc
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from nl2code.models import ModelError
from scripts.encoding.plan import SPLITS, EncodeError, Shard, discard_outdated, plan, tokenizer_source
from scripts.encoding.ray_tasks import run_tasks
from scripts.encoding.shard import GENERATOR, NORMAL, TYPES, Settings, encode_shard
from scripts.encoding.slurm import run_array
from scripts.file_utils import PROJECT_ROOT, exclusive, git_revision, sha256_file, versions, write_json
from scripts.multiprocessing_utils import worker_pool
from scripts.sketches.sketch import CONSTANTS, OPERATIONS

DEBUG_DOCUMENTS = 100


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-d", "--domain", default="Pandas", help="name of the domain, any; decides the default folders")
    parser.add_argument("-type", "--type", choices=TYPES, default=GENERATOR, help="what the documents are")
    parser.add_argument("-i", "--input", type=Path, help="corpus with train/ and valid/ (default: data/DOMAIN/data)")
    parser.add_argument("-o", "--output", type=Path, help="folder to write (default: data/DOMAIN/TYPE_bin)")
    parser.add_argument("-model", "--model", required=True, help="base model: folder, name under models/, or hub id")
    parser.add_argument("-t", "--threads", type=int, default=os.cpu_count() or 1, help="worker processes")
    parser.add_argument("-split", "--split", choices=(*SPLITS, "all"), default="all", help="which part to encode")
    parser.add_argument("-isdebug", "--isdebug", action="store_true", help="only the first 100 files of each shard")
    parser.add_argument(
        "--continuation_ratio",
        type=float,
        default=0.5,
        help="share of the files that are encoded as prompt and completion as well (not for type normal)",
    )
    parser.add_argument(
        "--operation",
        choices=OPERATIONS,
        default=CONSTANTS,
        help="what sketches replace: constants, user-defined names, or both (not for type normal)",
    )
    parser.add_argument("--seed", type=int, default=42, help="of that choice; it depends on a file's text alone")
    parser.add_argument(
        "--executor", choices=("local", "slurm", "ray"), default="local", help="where the shards are encoded"
    )
    parser.add_argument("--nodes", type=int, default=1, help="tasks of Slurm or Ray, -t processes each")
    parser.add_argument("--rank", type=int, help="encode only this share of the shards, 0 to --world_size - 1")
    parser.add_argument("--world_size", type=int, default=1, help="number of shares")
    args = parser.parse_args(argv)
    if args.nodes < 1:
        parser.error(f"--nodes is {args.nodes}; give 1 or more")
    if args.executor == "local" and args.nodes > 1:
        parser.error(f"--nodes is {args.nodes} with --executor local; use slurm or ray, or -t for processes")
    if args.world_size < 1 or not 0 <= (args.rank or 0) < args.world_size:
        parser.error(f"--rank is {args.rank} of --world_size {args.world_size}; give 0 to --world_size - 1")
    if args.executor != "local" and args.rank is not None:
        parser.error(f"--rank is for one share; leave it out with --executor {args.executor}, which makes the shares")
    if args.rank is None and args.world_size > 1:
        parser.error(f"--world_size is {args.world_size} without --rank; give each share its --rank")
    if args.threads < 1:
        parser.error(f"-t/--threads is {args.threads}; give 1 or more")
    if not 0 <= args.continuation_ratio <= 1:
        parser.error(f"--continuation_ratio is {args.continuation_ratio}; give 0 to 1")
    if args.type == NORMAL:  # these decide nothing then
        args.continuation_ratio, args.operation = 0, CONSTANTS
    args.input = args.input or PROJECT_ROOT / "data" / args.domain / "data"
    args.output = args.output or PROJECT_ROOT / "data" / args.domain / f"{args.type}_bin"
    return args


def save_tokenizer(source: str, output: Path) -> dict:
    """Save the tokenizer as `<output>/model`, whole or not at all; return the fields of `Settings` that it decides."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except (OSError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise EncodeError(f"no tokenizer for model {source!r} ({reason}); copy its files into the folder") from error
    if not tokenizer.is_fast:
        raise EncodeError(f"model {source!r} has no fast tokenizer (tokenizer.json); convert it first")
    if tokenizer.eos_token_id is None:
        raise EncodeError(f"the tokenizer of {source!r} has no eos token to end documents; set eos_token in its config")
    staging = Path(tempfile.mkdtemp(prefix=".model-", dir=output))
    try:
        tokenizer.save_pretrained(staging)
        staging.chmod(0o755)
        shutil.rmtree(output / "model", ignore_errors=True)
        os.replace(staging, output / "model")
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    bos = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
    tokenizer_file = str((output / "model" / "tokenizer.json").absolute())
    vocab_size = len(tokenizer)
    return {"tokenizer_file": tokenizer_file, "bos": bos, "eos": tokenizer.eos_token_id, "vocab_size": vocab_size}


def start_worker(threads: int) -> None:
    """Let the tokenizer of this process use so many threads, and the garbage collector rest: syntax trees need none."""
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if threads > 1 else "false"
    os.environ["RAYON_NUM_THREADS"] = str(threads)
    gc.set_threshold(1_000_000)  # traversing trees in vain takes a tenth of the time of parsing


def run_shards(shards: list[Shard], settings: Settings, threads: int) -> None:
    """Encode shards in worker processes, mark each as done.

    Raises:
        EncodeError: a worker died.
    """
    workers = min(threads, len(shards))
    with worker_pool(workers, start_worker, (max(1, threads // workers),)) as pool:
        futures = {pool.submit(encode_shard, shard.source, shard.prefix, settings): shard for shard in shards}
        try:
            for future in as_completed(futures):
                shard, counts = futures[future], future.result()
                shard.mark_done(counts)
                left_out = sum(reason["count"] for reason in counts["left_out"].values())
                print(
                    f"encode: {shard.prefix.name}: {counts['documents']} documents, {counts['tokens']} tokens, "
                    f"{left_out} of {counts['lines']} lines left out",
                    flush=True,
                )
        except BrokenProcessPool as error:
            open_shards = ", ".join(str(s.source) for f, s in futures.items() if not s.is_done())
            raise EncodeError(
                f"a worker process died (killed, or out of memory) with {open_shards} not finished; run the same "
                f"command again, finished shards are kept; if it dies again, lower -t/--threads (now {threads})"
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def write_stats(args: argparse.Namespace, shards: list[Shard], tokenizer_hash: str) -> dict:
    """Gather the shards' counts into `encode_stats.json`; return its totals."""
    rows, total, left_out = [], Counter(), Counter()
    for shard in shards:
        done = json.loads(shard.done_file.read_text())
        counts = done["counts"]
        rows.append({"shard": shard.prefix.name, "sha256": sha256_file(shard.source), **counts})
        total.update({key: value for key, value in counts.items() if isinstance(value, int)})
        left_out.update({reason: found["count"] for reason, found in counts["left_out"].items()})
    stats = {
        "domain": args.domain,
        "type": args.type,
        "split": args.split,
        "model": args.model,
        "tokenizer_sha256": tokenizer_hash,
        "operation": args.operation,
        "continuation_ratio": args.continuation_ratio,
        "seed": args.seed,
        "isdebug": args.isdebug,
        "total": {**total, "left_out": dict(sorted(left_out.items()))},
        "shards": rows,
        "versions": versions(),
        "git_revision": git_revision(),
    }
    write_json(args.output / "encode_stats.json", stats)
    return stats["total"]


def settings_of(args: argparse.Namespace, saved: dict) -> Settings:
    """What decides the documents, with what `save_tokenizer` says."""
    limit = DEBUG_DOCUMENTS if args.isdebug else None
    return Settings(args.type, args.continuation_ratio, args.seed, limit, args.operation, **saved)


def encode_share(args: argparse.Namespace, shards: list[Shard], source: str) -> None:
    """Encode what is missing of one share; the others may be at work beside it, so nothing else is touched."""
    missing = [shard for shard in shards if not shard.is_done()]
    print(f"encode: share {args.rank} of {args.world_size}: {len(missing)} of {len(shards)} shards to do", flush=True)
    if missing:
        with tempfile.TemporaryDirectory(prefix=f".share-{args.rank}-", dir=args.output) as folder:
            run_shards(missing, settings_of(args, save_tokenizer(source, Path(folder))), args.threads)


def share_arguments(args: argparse.Namespace, source: str) -> list[str]:
    """The arguments that make the same run, for a share of it."""
    model = str(Path(source).absolute()) if Path(source).is_dir() else source
    values = {
        "-d": args.domain,
        "-type": args.type,
        "-i": args.input.absolute(),
        "-o": args.output.absolute(),
        "-model": model,
        "-t": args.threads,
        "-split": args.split,
        "--continuation_ratio": args.continuation_ratio,
        "--operation": args.operation,
        "--seed": args.seed,
    }
    return [str(part) for pair in values.items() for part in pair] + ["-isdebug"] * args.isdebug


def encode(args: argparse.Namespace) -> None:
    """Do what is missing of a run."""
    source, tokenizer_hash = tokenizer_source(args.model)
    shards = plan(args, tokenizer_hash)
    args.output.mkdir(parents=True, exist_ok=True)
    busy = EncodeError(f"another run writes to {args.output}; wait for it or choose another -o/--output")
    if args.rank is not None:
        with exclusive(args.output / ".lock", busy, shared=True), exclusive(args.output / f".lock.{args.rank}", busy):
            encode_share(args, shards[args.rank :: args.world_size], source)
        return
    if args.executor != "local" and not all(shard.is_done() for shard in shards):
        with exclusive(args.output / ".lock", busy):
            discard_outdated(args.output, shards, args.split)
        if args.executor == "slurm":
            run_array(share_arguments(args, source), args.output, args.nodes, args.threads)
        else:
            run_tasks(share_arguments(args, source), args.nodes, args.threads)
        lost = [shard.prefix.name for shard in shards if not shard.is_done()]
        if lost:
            raise EncodeError(
                f"the tasks left {', '.join(lost)}; do all nodes see {args.output}? Run the command again"
            )
    with exclusive(args.output / ".lock", busy):
        discard_outdated(args.output, shards, args.split)
        missing = [shard for shard in shards if not shard.is_done()]
        stats_there = (args.output / "encode_stats.json").is_file() and (args.output / "model").is_dir()
        if not missing and stats_there:
            print(f"encode: {args.output} is up to date ({len(shards)} shards)")
            return
        if len(missing) < len(shards):
            print(f"encode: {len(shards) - len(missing)} of {len(shards)} shards are up to date")
        saved = save_tokenizer(source, args.output)
        if missing:
            run_shards(missing, settings_of(args, saved), args.threads)
        total = write_stats(args, shards, tokenizer_hash)
    print(f"encode: wrote {args.output}: {total['documents']} documents, {total['tokens']} tokens", end="")
    print("".join(f"; {count} left out: {reason}" for reason, count in total["left_out"].items()))


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        encode(args)
    except (EncodeError, ModelError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Encode a domain's corpus for training: sketches (paper, section 3), tokens, `.bin/.idx` shards and features.

    python -m scripts.encode_domain -d Pandas -type sketcher -model smollm2-135m
    python -m scripts.encode_domain -i my/corpus -o my/generator_bin -type generator -model models/my-base -t 8

Reads `<input>/{train,valid}/*.jsonl[.gz|.zst]` (or .json), one output shard per input file in the order of names:
train, train1, train2, ... Beside the shards lie `model/` (the tokenizer) and `encode_stats.json`. For sketcher and
generator, a share of the files (--continuation_ratio) gives a second document in the shape of a prompt and its
completion.

Run again, the same command redoes only shards whose input, settings, tokenizer or sketch code changed; a killed run
goes on with the shards that it had not finished.
"""

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from nl2code.models import MODELS_DIR, ModelError, resolve_model
from scripts.encode_shard import GENERATOR, NORMAL, TYPES, Settings, encode_shard
from scripts.file_utils import PROJECT_ROOT, exclusive, git_revision, sha256_file, versions, write_json
from scripts.multiprocessing_utils import worker_pool

SPLITS = ("train", "valid")
DEBUG_DOCUMENTS = 100
ENDINGS = tuple(kind + packed for kind in (".jsonl", ".json") for packed in ("", ".gz", ".zst"))
CODE = [f"scripts/{name}.py" for name in ("ast_utils", "placeholders", "python_lexer", "encode_shard")]
CODE += ["nl2code/truncation.py", "nl2code/indexed_dataset.py"]
SHARD_FILES = (".bin", "_features.npy", ".idx")
DONE = "_done.json"


class EncodeError(Exception):
    """A run that cannot start or go on; the message is one line with the fix."""


@dataclass(frozen=True)
class Shard:
    """One input file and where its documents go."""

    source: Path
    prefix: Path
    fingerprint: str

    @property
    def done_file(self) -> Path:
        return Path(f"{self.prefix}{DONE}")

    def is_done(self) -> bool:
        """Whether this very input is encoded with these very settings."""
        try:
            done = json.loads(self.done_file.read_text())
            sizes = {suffix: os.path.getsize(f"{self.prefix}{suffix}") for suffix in SHARD_FILES}
            return done["fingerprint"] == self.fingerprint and done["bytes"] == sizes
        except (OSError, ValueError, KeyError):
            return False

    def mark_done(self, counts: dict) -> None:
        """Record the counts, the shard's last file."""
        sizes = {suffix: os.path.getsize(f"{self.prefix}{suffix}") for suffix in SHARD_FILES}
        write_json(self.done_file, {"fingerprint": self.fingerprint, "bytes": sizes, "counts": counts})


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
    parser.add_argument("--seed", type=int, default=42, help="of that choice; it depends on a file's text alone")
    args = parser.parse_args(argv)
    if args.threads < 1:
        parser.error(f"-t/--threads is {args.threads}; give 1 or more")
    if not 0 <= args.continuation_ratio <= 1:
        parser.error(f"--continuation_ratio is {args.continuation_ratio}; give 0 to 1")
    args.input = args.input or PROJECT_ROOT / "data" / args.domain / "data"
    args.output = args.output or PROJECT_ROOT / "data" / args.domain / f"{args.type}_bin"
    return args


def tokenizer_source(name: str) -> tuple[str, str]:
    """(path or hub id, hash of the tokenizer's files) of a base model; encoding needs no weights."""
    for folder in (Path(name), MODELS_DIR / name):
        if (folder / "tokenizer.json").is_file():
            break
    else:
        folder = Path(resolve_model(name))
        if not folder.is_dir():
            return name, f"hub:{name}"
    names = {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt"}
    names |= {"added_tokens.json", "tokenizer.model"}
    digest = hashlib.sha256()
    for file in sorted(folder / n for n in names):
        if file.is_file():
            digest.update(f"{file.name} {sha256_file(file)}\n".encode())
    return str(folder), digest.hexdigest()


def find_inputs(folder: Path, split: str) -> list[Path]:
    """Corpus files of a split, by name."""
    files = [f for f in (folder / split).glob("*") if f.name.endswith(ENDINGS) and not f.name.startswith(".")]
    return sorted(file for file in files if file.is_file())


def plan(args: argparse.Namespace, tokenizer_hash: str) -> list[Shard]:
    """All shards of the run.

    Raises:
        EncodeError: no input.
    """
    wanted = SPLITS if args.split == "all" else (args.split,)
    found = {split: find_inputs(args.input, split) for split in wanted}
    if not any(found.values()):
        folders = " or ".join(str(args.input / split) for split in wanted)
        raise EncodeError(f"no {'/'.join(ENDINGS)} file in {folders}; make a corpus first (scripts.prepare_corpus)")
    for split in (split for split in wanted if not found[split]):
        print(f"encode: note: no file in {args.input / split}, nothing to encode for {split}")
    decisive = {
        "type": args.type,
        "continuation_ratio": 0 if args.type == NORMAL else args.continuation_ratio,
        "seed": args.seed,
        "isdebug": args.isdebug,
        "tokenizer": tokenizer_hash,
        "code": [sha256_file(PROJECT_ROOT / file) for file in CODE],
        "python": sys.version_info[:2],  # decides what parses
    }
    shards = []
    for split in wanted:
        for index, source in enumerate(found[split]):
            facts = json.dumps({"input": sha256_file(source), **decisive}, sort_keys=True)
            prefix = args.output / f"{split}{index or ''}"
            shards.append(Shard(source, prefix, hashlib.sha256(facts.encode()).hexdigest()))
    return shards


def discard_outdated(output: Path, shards: list[Shard], split: str) -> None:
    """Remove what a killed run left half-written, and shards (of this split) that the present input does not give."""
    for leftover in output.glob(".*.partial"):
        leftover.unlink(missing_ok=True)
    current = {shard.prefix.name for shard in shards if shard.is_done()}
    for index in output.glob("*.idx"):
        name = index.stem
        if name.rstrip("0123456789") in (SPLITS if split == "all" else (split,)) and name not in current:
            for suffix in (DONE, ".idx", *SHARD_FILES):
                (output / f"{name}{suffix}").unlink(missing_ok=True)


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


def limit_threads(threads: int) -> None:
    """Let the tokenizer of this process use so many threads."""
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if threads > 1 else "false"
    os.environ["RAYON_NUM_THREADS"] = str(threads)


def run_shards(shards: list[Shard], settings: Settings, threads: int) -> None:
    """Encode shards in worker processes, mark each as done.

    Raises:
        EncodeError: a worker died.
    """
    workers = min(threads, len(shards))
    with worker_pool(workers, limit_threads, (max(1, threads // workers),)) as pool:
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
        "continuation_ratio": 0 if args.type == NORMAL else args.continuation_ratio,
        "seed": args.seed,
        "isdebug": args.isdebug,
        "total": {**total, "left_out": dict(sorted(left_out.items()))},
        "shards": rows,
        "versions": versions(),
        "git_revision": git_revision(),
    }
    write_json(args.output / "encode_stats.json", stats)
    return stats["total"]


def encode(args: argparse.Namespace) -> None:
    """Do what is missing of a run."""
    source, tokenizer_hash = tokenizer_source(args.model)
    shards = plan(args, tokenizer_hash)
    args.output.mkdir(parents=True, exist_ok=True)
    busy = f"another run writes to {args.output}; wait for it or choose another -o/--output"
    with exclusive(args.output / ".lock", EncodeError(busy)):
        discard_outdated(args.output, shards, args.split)
        missing = [shard for shard in shards if not shard.is_done()]
        stats_there = (args.output / "encode_stats.json").is_file() and (args.output / "model").is_dir()
        if not missing and stats_there:
            print(f"encode: {args.output} is up to date ({len(shards)} shards)")
            return
        if len(missing) < len(shards):
            print(f"encode: {len(shards) - len(missing)} of {len(shards)} shards are up to date")
        ratio = 0.0 if args.type == NORMAL else args.continuation_ratio
        limit = DEBUG_DOCUMENTS if args.isdebug else None
        settings = Settings(args.type, ratio, args.seed, limit, **save_tokenizer(source, args.output))
        if missing:
            run_shards(missing, settings, args.threads)
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

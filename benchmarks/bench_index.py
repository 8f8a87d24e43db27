"""CPU time and peak memory of indexing training data: packing, joining shards, an epoch, reading random blocks.

    python -m benchmarks.bench_index --documents 10000000 --rounds 3

Synthetic documents of lognormal length, about 4,200 tokens on average; their `.bin` files are sparse, so that the index
is of full size and the disk is not. Each round is a process of its own: CPU seconds, and its peak memory above that of
the imports and of the sizes themselves. Prints medians and writes benchmarks/results/index.json.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

RESULT = Path(__file__).resolve().parent / "results" / "index.json"
BLOCK_SIZE = 1024
SHARDS = 10
READS = 20_000


def document_sizes(count: int, seed: int = 0) -> np.ndarray:
    """int32 (count,)."""
    return np.random.default_rng(seed).lognormal(7.5, 1.3, count).clip(1, 10_000_000).astype(np.int32)


def write_shards(folder: Path, sizes: np.ndarray) -> None:
    """An index of full size for each shard, over a file of zeros that takes no room."""
    from nl2code.indexed_dataset import CODES, HEADER, MAGIC, VERSION, data_file_path, index_file_path

    for number, part in enumerate(np.array_split(sizes, SHARDS)):
        prefix = folder / f"train{number or ''}"
        ends = np.cumsum(part, dtype="<i8") * 2
        with open(index_file_path(prefix), "wb") as stream:
            stream.write(HEADER.pack(MAGIC, VERSION, CODES[np.dtype("<u2")], len(part)))
            part.tofile(stream)
            np.concatenate([[0], ends[:-1]]).astype("<i8").tofile(stream)
        with open(data_file_path(prefix), "wb") as stream:
            stream.truncate(int(ends[-1]))
        np.save(f"{prefix}_features.npy", np.tile(np.float32([2, 0.5, 1]), (len(part), 1)))


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_packing(documents: int) -> dict[str, float]:
    """`pack` alone, in a process without torch."""
    from nl2code.dynamic_block_dataset import pack

    pack(document_sizes(1000), BLOCK_SIZE)
    sizes = np.concatenate([document_sizes(-(-documents // 100), seed) for seed in range(100)])[:documents]
    before, started = peak_megabytes(), time.process_time()
    blocks = pack(sizes, BLOCK_SIZE)
    seconds = time.process_time() - started
    fill = int(sizes.sum(dtype=np.int64)) / (len(blocks) * BLOCK_SIZE)
    return {
        "packing_seconds": seconds,
        "packing_peak_mb": peak_megabytes(),
        "packing_mb_above": peak_megabytes() - before,
        "blocks": len(blocks),
        "fill": fill,
    }


def measure_dataset(folder: Path, seed: int) -> dict[str, float]:
    """Shards joined to one dataset, an epoch of it resampled, shuffled and packed, and random blocks of it read twice:
    from pages that were never in memory, then from pages that are."""
    from nl2code.code_dataset import CodeBlockDataset, find_shards
    from nl2code.indexed_dataset import MMapIndexedDataset

    before, started = peak_megabytes(), time.process_time()
    np.concatenate([MMapIndexedDataset(shard).sizes for shard in find_shards(folder / "train")])
    joined = time.process_time()
    dataset = CodeBlockDataset(folder / "train", BLOCK_SIZE, pad_token_id=0, resampling_weights="0.7_0.5_1.0")
    built = time.process_time()
    megabytes = peak_megabytes() - before
    picks = np.random.default_rng(seed).integers(0, len(dataset), READS).tolist()
    reads = []
    for _ in ("first", "again"):
        read_started = time.process_time()
        for index in picks:
            dataset[0, index]
        reads.append((time.process_time() - read_started) / READS * 1e6)
    return {
        "joining_seconds": joined - started,
        "epoch_seconds": built - joined,
        "epoch_peak_mb": peak_megabytes(),
        "epoch_mb_above": megabytes,
        "read_microseconds": reads[0],
        "read_again_microseconds": reads[1],
    }


def in_own_process(*arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.bench_index", *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=10_000_000, help="number of documents (default: 10000000)")
    parser.add_argument("--rounds", type=int, default=3, help="processes per measurement (default: 3)")
    parser.add_argument("--output", type=Path, default=RESULT, help="file of results")
    parser.add_argument("--measure", choices=["packing", "dataset"], help=argparse.SUPPRESS)  # in a child
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.measure:
        packing = args.measure == "packing"
        found = measure_packing(args.documents) if packing else measure_dataset(args.folder, args.seed)
        print(json.dumps(found))
        return 0

    from scripts.file_utils import git_revision, versions, write_json

    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        write_shards(Path(folder), document_sizes(args.documents))
        os.sync()  # or the first round runs beside the writing back
        for seed in range(args.rounds):  # other blocks each time, so that they are new to the system's cache
            packing = in_own_process("--measure", "packing", "--documents", str(args.documents))
            rounds.append(packing | in_own_process("--measure", "dataset", "--folder", folder, "--seed", str(seed)))
    medians = {name: statistics.median(row[name] for row in rounds) for name in rounds[0]}
    print(f"{args.documents} documents, {medians['blocks']:.0f} blocks of {BLOCK_SIZE}, {medians['fill']:.4f} full")
    print(
        f"packing        {medians['packing_seconds']:.2f} s CPU, {medians['packing_mb_above']:.0f} MB above the sizes"
    )
    print(f"joining shards {medians['joining_seconds']:.2f} s CPU, {SHARDS} shards")
    print(f"whole epoch    {medians['epoch_seconds']:.2f} s CPU, {medians['epoch_mb_above']:.0f} MB with everything")
    print(
        f"random block   {medians['read_microseconds']:.1f} us CPU, {medians['read_again_microseconds']:.1f} when read again"
    )
    write_json(args.output, {"rounds": rounds, "versions": versions(), "git_revision": git_revision()})
    print(f"wrote {args.output}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

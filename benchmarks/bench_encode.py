"""Speed of encoding a shard, compared with the tokenizer alone on the same documents.

    python -m benchmarks.bench_encode --model models/smollm2-135m --package pandas --package numpy --rounds 5

The tokenizer alone is one `encode_batch` call after another over texts that are in memory: the contents as they are
(`tokenizer`), which is what type normal encodes. Encoding reads a gzip shard, makes the documents, tokenizes and writes
the `.bin`, `.idx` and features; type generator makes sketches as well and has about twice the text to tokenize, so its
speed is stated in two ways: against the tokenizer on the contents, and against the tokenizer on the documents that it
makes (`tokenizer, generator documents`). CPU time of this process and one tokenizer thread, the contestants taking turns
(A B A B ...). Writes benchmarks/results/encode.json.
"""

import argparse
import statistics
import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.bench_sketch import compare, load_files, summary
from scripts.encoding import shard as shards
from scripts.encoding.workers import start_worker
from scripts.file_utils import git_revision, versions, write_json, write_jsonl

RESULT = Path(__file__).resolve().parent / "results" / "encode.json"
RATIO = 0.5  # of continuations, the default of scripts.encode_domain


def settings_for(type_: str) -> shards.DocumentSettings:
    """The defaults of the command."""
    return shards.DocumentSettings(type_, "constants", 0.0 if type_ == shards.NORMAL else RATIO, True, 42, None)


def tokenize(tokenizer, texts: list[str], batch: int = 256) -> None:
    """The tokenizer alone."""
    for start in range(0, len(texts), batch):
        for encoding in tokenizer.encode_batch(texts[start : start + batch], add_special_tokens=False):
            encoding.ids  # noqa: B018 - a list is made on this access


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="folder with a tokenizer.json")
    parser.add_argument("--package", action="append", help="installed package to read (default: pandas and numpy)")
    millions = "characters of source text to read, in millions (default: 3)"
    parser.add_argument("--megabytes", type=float, default=3.0, help=millions)
    parser.add_argument("--rounds", type=int, default=5, help="measured runs of each contestant (default: 5)")
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    start_worker(1)
    file = args.model / "tokenizer.json"
    if not file.is_file():
        print(f"error: no file {file}; give the folder of a base model", file=sys.stderr)
        return 1
    tokenizer = shards.load_fast_tokenizer(str(file))
    ends = shards.TokenizerFile(str(file), 0, 0, tokenizer.get_vocab_size())
    packages = args.package or ["pandas", "numpy"]
    texts = load_files(packages, int(args.megabytes * 1e6))
    with tempfile.TemporaryDirectory() as folder:
        shard = Path(folder, "train.jsonl.gz")
        write_jsonl(shard, ({"content": text} for text in texts))
        settings = {type_: settings_for(type_) for type_ in shards.TYPES}
        found = shards.documents(shard, settings[shards.GENERATOR], shards.Counts(str(shard)))
        made = ["".join(text for text, _ in pieces) for pieces, _ in found]
        contestants: dict[str, Callable[[], object]] = {
            "tokenizer": lambda: tokenize(tokenizer, texts),
            "tokenizer, generator documents": lambda: tokenize(tokenizer, made),
        }
        for type_ in settings:
            contestants[type_] = partial(shards.encode_shard, shard, Path(folder, type_), settings[type_], ends)
        times = compare(contestants, args.rounds)
    size = sum(map(len, texts)) / 1e6
    made_size = sum(map(len, made)) / 1e6
    print(f"{len(texts)} files, {size:.2f} million characters, {args.rounds} rounds")
    print(f"generator documents: {made_size:.2f} million characters")
    speeds = {}
    for name, seconds in times.items():
        speeds[name] = summary(times["tokenizer"], seconds)
        low, middle, high = (speeds[name][key] for key in ("lowest", "median", "highest"))
        rate = size / statistics.median(seconds)
        print(f"{name:31} {rate:6.3f} M characters/s   {middle:.3f} x tokenizer ({low:.3f} to {high:.3f})")
    same_text = summary(times["tokenizer, generator documents"], times[shards.GENERATOR])
    print(f"generator beside the tokenizer on its own documents: {same_text['median']:.3f} x")
    facts = {"packages": packages, "files": len(texts), "characters": int(size * 1e6), "rounds": args.rounds}
    facts |= {"model": args.model.name, "generator_characters": int(made_size * 1e6), "continuation_ratio": RATIO}
    facts |= {"cpu_seconds": times, "speeds": speeds, "generator_same_text": same_text}
    write_json(RESULT, {**facts, "versions": versions(), "git_revision": git_revision()})
    print(f"wrote {RESULT}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

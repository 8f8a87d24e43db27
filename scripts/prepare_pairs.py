"""Make a corpus of pairs of a description and its code: {train,valid}/*.jsonl.gz, pairs_stats.json, pairs_record.json.

    python -m scripts.prepare_pairs pairs.csv -o data/Sql/data --comment --
    DOMAIN=Sql TYPE=normal bash run_training_cert.sh
    python -m scripts.pair_accuracy -model data/Sql/experiments/normal_models/smollm2-135m_quick/model \\
        --pairs data/Sql/data/valid --comment -- -o results/sql_pairs.json

Files: .csv or JSON lines with `text` and `code`, or `QUESTION` and `ANSWER` (scripts/corpus/pairs.py). The code may be in
any language. A document is the text as comment lines, then the code. All pairs of a text lie on one side of train and
valid, which a hash of the text decides; the order is a shuffle by the seed. Left out and counted, with file and line:
rows that are no pair, copies, and pairs that hold text of a benchmark (scripts/decontaminate.py).

The folder is written whole or not at all. A finished corpus is kept, and made again where a file changed.
"""

import argparse
import sys
from pathlib import Path

from nl2code.errors import UserError, exit_status
from nl2code.hashes import sha256_file
from scripts.corpus.lines import files_of
from scripts.corpus.output import making, refuse_foreign_files, write_parts
from scripts.corpus.pairs import Pair, parse_with_comment, read_pairs, squeezed, summary
from scripts.corpus.split import hashed, lowest_hashes
from scripts.decontaminate import files_to_clean_of, fingerprints_from
from scripts.file_utils import refuse_place, write_json
from scripts.generating.options import number
from scripts.presets import HelpFormatter
from scripts.records import Record

FORMAT = 4  # raise it where equal inputs and settings give another corpus
STATS, RECORD = "pairs_stats.json", "pairs_record.json"


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter, allow_abbrev=False)
    add = parser.add_argument
    add("files", nargs="+", type=Path, metavar="FILE", help="pairs: .csv or .jsonl (.gz, .zst), or a folder of .jsonl")
    add("-o", "--output", type=Path, required=True, help="folder to write; training looks in data/<Domain>/data")
    add("--valid_share", type=number(float, 0, 0.5), default=0.1, help="share of the texts held out, 0 to 0.5")
    add("--seed", type=int, default=42, help="seed of the order")
    more = "more problem files (.jsonl, .jsonl.gz) to clean of (default: none)"
    add("--benchmarks", type=Path, nargs="+", default=[], help=more)
    return parse_with_comment(parser, argv)


def split(pairs: list[Pair], seed: int, valid_share: float) -> dict[str, list[Pair]]:
    """Pairs of train and valid, shuffled; a text with all its codes is on one side."""
    texts = sorted({pair.key for pair in pairs}, key=hashed)
    held_out = set(lowest_hashes([(text,) for text in texts], valid_share)) if valid_share else set()
    sides: dict[str, list[Pair]] = {"train": [], "valid": []}
    for pair in sorted(pairs, key=lambda pair: hashed(seed, pair.key, pair.code)):
        sides["valid" if (pair.key,) in held_out else "train"].append(pair)
    return sides


def work(argv: list[str] | None) -> None:
    args = parse_args(argv)
    refuse_place(args.output, args.files)
    files, clean_of = files_of(args.files), files_to_clean_of([], args.benchmarks)
    if not files:
        places = ", ".join(map(str, args.files))
        raise UserError(f"no .jsonl file (.gz, .zst) in {places}; name .csv files themselves, such as FOLDER/*.csv")
    inputs = {f"pairs {i}, {file.name}": sha256_file(file) for i, file in enumerate(files)}
    inputs |= {f"benchmark {i}, {Path(file).name}": sha256_file(file) for i, file in enumerate(sum(clean_of, ()))}
    settings = {name: getattr(args, name) for name in ("comment", "valid_share", "seed")}
    record = Record(args.output / RECORD, "pairs", FORMAT, inputs, settings)
    if record.is_finished():
        print(f"pairs: {args.output} is up to date")
        return
    record.refuse_other_settings("choose another -o, or delete that folder")
    refuse_foreign_files(args.output, RECORD)
    fingerprints, seen = fingerprints_from(*clean_of), set()

    def why_not(pair: Pair) -> str:
        if reason := fingerprints.why_not(pair.document("#")):  # a comment sign that is a word would part lines
            return reason
        known = len(seen)
        seen.add((pair.key, squeezed(pair.code)))
        return "copy of an earlier pair" if len(seen) == known else ""

    pairs, account = read_pairs(files, why_not)
    print(summary(account))
    sides = split(pairs, args.seed, args.valid_share)
    texts = {part: len({pair.key for pair in found}) for part, found in sides.items()}
    rows = {part: [_row(pair, args.comment) for pair in found] for part, found in sides.items()}
    with making(args.output) as folder:
        written = write_parts(folder, rows)
        write_json(folder / STATS, {"files": account, "texts": texts, "output": written})
        shards = [folder / shard["file"] for part in written.values() for shard in part["shards"]]
        Record(folder / RECORD, "pairs", FORMAT, inputs, settings).finish([*shards, folder / STATS])
    told = [f"{part} {len(found)} pairs of {texts[part]} texts" for part, found in sides.items()]
    print(f"pairs: wrote {args.output}, {', '.join(told)}")


def _row(pair: Pair, comment: str) -> dict:
    """One corpus line."""
    return {"content": pair.document(comment), "path": pair.place, "text": pair.text, "code": pair.code}


def main(argv: list[str] | None = None) -> int:
    return exit_status(lambda: work(argv))


if __name__ == "__main__":
    sys.exit(main())

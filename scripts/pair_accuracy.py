"""Exact-match accuracy of a model on held-out pairs of a description and its code.

    python -m scripts.pair_accuracy -model MODEL --pairs data/Sql/data/valid --comment -- -o results/sql_pairs.json

The model completes the text, written as comment lines as in training, greedily, until it ends the document or has written
--max_tokens. An answer is right where it equals a code of that text, white space at both ends aside; `squeezed` takes every
run of white space for one blank, so that line breaks and indentation do not count. A text counts once, however many codes it
has. The result is one JSON file with its record; the same command does nothing where that file is finished.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from nl2code.errors import UserError, exit_status
from nl2code.hashes import sha256_file
from nl2code.sampling.dtype import DTYPES, HELP, choose_dtype
from nl2code.sampling.prompts import BATCH_SIZE, PromptTooLong, Request
from pandas_numpy_eval.scoring import mean_with_interval
from scripts.corpus.lines import files_of
from scripts.corpus.pairs import Pair, parse_with_comment, read_pairs, squeezed, summary
from scripts.generating.backends import open_sampler
from scripts.generating.options import device, model_inputs, number
from scripts.generating.served import is_served
from scripts.presets import HelpFormatter
from scripts.records import Record, read_record

FORMAT = 3  # raise it where equal inputs and settings give another result
SETTINGS = ("comment", "limit", "max_tokens", "dtype", "batch_size")
MISSES = 20  # examples that are kept


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter, allow_abbrev=False)
    add, size = parser.add_argument, number(int, 1, 4096)
    model = "folder, name under models/, LoRA adapter, or hub id"
    add("-model", "--model_name_or_path", required=True, help=f"model: {model}")
    pairs = "held-out pairs: .csv or .jsonl (.gz, .zst), or a folder such as data/<Domain>/data/valid"
    add("--pairs", type=Path, nargs="+", required=True, help=pairs)
    add("--limit", type=number(int, 0, 10**7), default=0, help="only the first LIMIT texts; 0: all")
    add("-l", "--max_tokens", type=size, default=200, help="maximum number of new tokens")
    add("--dtype", choices=DTYPES, default="float32", help=HELP)
    add("--device", type=device, default="cpu", help="torch device")
    add("-b", "--batch_size", type=size, default=BATCH_SIZE, help="rows decoded together")
    add("-o", "--output", type=Path, required=True, help="JSON file of the result")
    parser.set_defaults(backend="torch")
    args = parse_with_comment(parser, argv)
    args.dtype = choose_dtype(args.dtype, args.device)
    return args


def answers(sampler, prompts: list[str], max_tokens: int, batch_size: int = BATCH_SIZE) -> list[tuple[str, str]]:
    """(text, how it ended) of the greedy completion of each prompt; one beyond the context has no text."""
    found, requests = {}, []
    for prompt in prompts:
        try:
            sampler.encode(prompt, max_tokens)
            requests.append(Request(prompt, "", 0, 1))
        except PromptTooLong:
            found[prompt] = ("", "prompt too long")
    greedy = {"temperature": 0, "top_p": 1.0, "max_new_tokens": max_tokens, "seed": 0, "batch_size": batch_size}
    groups = sampler.sample_many(requests, **greedy, boundaries=()) if requests else []
    found |= {request.prompt: (one.raw, one.finish) for request, (one,) in zip(requests, groups, strict=True)}
    return [found[prompt] for prompt in prompts]


def score(groups: list[list[Pair]], found: list[tuple[str, str]]) -> dict:
    """Accuracy over texts, from the pairs of each one, and its answer with how that ended."""
    exact, close, misses = [], [], []
    for group, (answer, finish) in zip(groups, found, strict=True):
        codes = [pair.code for pair in group]
        exact.append(float(answer.strip() in [code.strip() for code in codes]))
        close.append(float(squeezed(answer) in map(squeezed, codes)))
        if not exact[-1]:
            first = group[0]
            miss = {"place": first.place, "text": first.text, "codes": codes, "answer": answer, "finish": finish}
            misses.append(miss)
    return {
        "texts": len(groups),
        "exact_match": mean_with_interval(np.array(exact)),
        "exact_match_squeezed": mean_with_interval(np.array(close)),
        "finish": dict(Counter(finish for _, finish in found).most_common()),
        "misses": {"count": len(misses), "examples": misses[:MISSES]},
    }


def by_text(pairs: list[Pair], comment: str, limit: int = 0) -> list[list[Pair]]:
    """The pairs of each of the first `limit` texts (0: of all). Raises UserError: their corpus has another comment."""
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        if pair.content not in (None, pair.document(comment)):
            raise UserError(f"{pair.place} was not made with --comment {comment}; give the --comment of the corpus")
        groups.setdefault(pair.key, []).append(pair)
    return list(groups.values())[: limit or None]


def work(argv: list[str] | None) -> None:
    args = parse_args(argv)
    name, files = args.model_name_or_path, files_of(args.pairs)
    if is_served(name):
        raise UserError(f"{name} is behind a server, which tells no end of a document; give a folder or hub id")
    inputs = {f"pairs {i}, {file.name}": sha256_file(file) for i, file in enumerate(files)}
    settings = {key: getattr(args, key) for key in SETTINGS} | {"temperature": 0, "seed": 0}
    record = Record(args.output, "pair accuracy", FORMAT, model_inputs("model", name) | inputs, settings)
    if not record.is_finished_result():
        pairs, account = read_pairs(files, lambda pair: "")
        print(summary(account), file=sys.stderr)
        groups = by_text(pairs, args.comment, args.limit)
        prompts = [group[0].prompt(args.comment) for group in groups]
        found = answers(open_sampler(name, args), prompts, args.max_tokens, args.batch_size)
        record.finish([], model=name, files=account, pairs=sum(map(len, groups)), **score(groups, found))
    result = read_record(args.output)
    for kind in ("exact_match", "exact_match_squeezed"):
        low, high = result[kind]["ci95"]
        print(f"{kind}: {result[kind]['value']:.4f} [{low:.4f}, {high:.4f}] of {result['texts']} texts")
    print("ends of the answers:", ", ".join(f"{count} {finish}" for finish, count in result["finish"].items()))


def main(argv: list[str] | None = None) -> int:
    return exit_status(lambda: work(argv))


if __name__ == "__main__":
    sys.exit(main())

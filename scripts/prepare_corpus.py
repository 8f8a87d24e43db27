"""Make the training corpus of a library: {train,valid}/*.jsonl.gz, corpus_stats.json and record.json.

    python -m scripts.prepare_corpus                     # Pandas, from the sources in scripts/sources.json
    python -m scripts.prepare_corpus configs/training/paper.yaml -d Numpy
    python -m scripts.prepare_corpus -d Mylib --sources ~/code/mylib,~/code/apps,notes.ipynb

Kinds of documents: `code`, Python files that import the library (PyCodeGPT's quality filters); `mined`, short commented
snippets from docstrings, user guides, notebooks (scripts/mine_docs.py) and pairs of a description and its code
(scripts/corpus/dataset_rows.py), their `repo_name` ends in "(docs)"; `functions`, short documented functions that use the
library (scripts/corpus/functions.py), which are also part of the `code` documents; `exercises`, programs made from a
template file and run in the sandbox (scripts/corpus/exercises.py). `--sources usage` takes packages that use the
library; --min_calls drops files that hardly call it, --max_share limits what one repository gives. Nothing is
extracted, and nothing is executed except exercises and, with --run_snippets, mined snippets, in the sandbox. Left out
are documents that hold benchmark text (scripts/decontaminate.py), exact copies (white space aside), with --near_copies
nearly equal documents too, and files whose licence is not permissive; a source given by path that states no licence is
kept, with the licence `unknown`.

Train and valid are split by a hash of (repository, file): all documents of a file are on one side; with --split_by
repository all of a repository. Where that leaves one side empty, the next finer unit is used, which is printed and recorded.
The order is a shuffle by the seed.

With `--rank R --world_size N`, R = 0 to N - 1, N processes gather the shares of the sources (scripts/corpus/shares.py)
and write no corpus; the same command without these two flags, run after them, makes it, and gathers what is missing.

A finished corpus is kept. It is made again where a source, a benchmark or Python's version changed; other settings need
another -o. A folder of corpus files without a record is your own corpus: without --sources it is used as it is. So is the
corpus of a domain that has no default sources, once it was made from --sources.
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections import Counter
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

from nl2code.errors import UserError, exit_status
from nl2code.hashes import sha256_file
from nl2code.models import tokenizer_sha256
from scripts.corpus.dataset_rows import PREFIX, resolve_dataset
from scripts.corpus.documents import HarvestOptions
from scripts.corpus.exercise_templates import load
from scripts.corpus.exercises import NAME, drop_without_templates, harvest_exercises, templates_of
from scripts.corpus.idle import refuse_idle, refuse_with_own_corpus
from scripts.corpus.ledger import count_tokens
from scripts.corpus.output import RECORD, STATS, locked, own_corpus, read_stats, refuse_foreign_files, write_parts
from scripts.corpus.run_snippets import without_failing
from scripts.corpus.shares import Share, gather_all, place_of, read_all, remove_others, shares_of
from scripts.corpus.sources import Source, resolve
from scripts.corpus.spill import Document
from scripts.corpus.split import UNITS, limit, limit_repositories, split, without_copies, without_near_copies
from scripts.corpus.stats import statistics, summary, why_empty
from scripts.decontaminate import files_to_clean_of, fingerprints_from
from scripts.fetch import DEFAULT_GROUP, downloads_folder, expand, fetch_all, load_sources
from scripts.file_utils import PROJECT_ROOT, refuse_place, replacing_folder, versions, write_json
from scripts.multiprocessing_utils import add_ranks, wrong_rank
from scripts.presets import parse_with_preset
from scripts.records import ANOTHER_PLACE, Record, outputs_are_there, read_record
from scripts.shell.checks import need_templates

FORMAT = 5  # raise it where equal inputs and settings give another corpus
LIBRARIES = {"Pandas": "pandas", "Numpy": "numpy"}
KINDS = ("code", "mined", "functions", NAME)
RANGES = {  # of numbers: lowest, highest, what to do
    "valid_share": (0, 0.5, "must lie between 0 and 0.5"),
    "max_documents": (1, 1e12, "must be at least 1; leave it out for no limit"),
    "dataset_rows": (1, 1e12, "must be at least 1; leave it out to read all"),
    "workers": (1, 4096, "must be at least 1"),
    "exercises": (1, 1e6, "must lie between 1 and 1000000"),
    "min_calls": (0, 100, "must lie between 0 and 100; 0 keeps all"),
    "max_share": (0.01, 1, "must lie between 0.01 and 1; 1 keeps all"),
}


def settings_of(args: argparse.Namespace, library: str) -> dict:
    """What the corpus depends on besides its inputs; checks every value. Raises UserError."""
    if not all(part.isidentifier() for part in library.split(".")):
        raise UserError(f"--library {library!r} is not an import name; give one such as pandas or sklearn.linear_model")
    kinds = [kind for kind in KINDS if kind in args.kinds.split(",")]
    if not kinds or set(args.kinds.split(",")) - set(KINDS):
        raise UserError(f"--kinds {args.kinds!r} must be a comma list of {', '.join(KINDS)}")
    for name, (lowest, highest, advice) in RANGES.items():
        value = getattr(args, name)
        if value is not None and not lowest <= value <= highest:
            raise UserError(f"--{name} {value} {advice}")
    if problem := wrong_rank(args.rank, args.world_size):
        raise UserError(problem)
    if args.near_copies and not 0.8 <= args.near_copies <= 1:
        raise UserError(f"--near_copies {args.near_copies} must lie between 0.8 and 1, or be 0 to keep all")
    names = ("seed", "valid_share", "max_documents", "any_licence", "near_copies", "split_by", "run_snippets")
    settings = {name: getattr(args, name) for name in (*names, "dataset_rows")}
    settings |= {
        name: value for name, off in (("min_calls", 0), ("max_share", 1)) if (value := getattr(args, name)) != off
    }
    settings |= {NAME: args.exercises} if NAME in kinds else {}
    return {"domain": args.domain, "library": library, "kinds": kinds, **settings}


def sources_of(args: argparse.Namespace) -> list[Source]:
    """The sources asked for, or those that sources.json lists for the domain. Raises UserError."""
    is_path = args.sources and os.path.exists(os.path.expanduser(args.sources))  # whose name may hold a comma
    if args.kinds == NAME:
        return []
    parts = (args.sources or DEFAULT_GROUP).split(",")
    names = [args.sources] if is_path else expand([part.strip() for part in parts if part.strip()], args.domain)
    sources = [
        resolve_dataset(name) if name.startswith(PREFIX) else resolve(name, downloads_folder())
        for name in dict.fromkeys(names)
    ]
    if not sources:
        raise UserError(f"--sources {args.sources!r} names no source; give names, folders or archives")
    repeated = [name for name, count in Counter(source.name for source in sources).items() if count > 1]
    if repeated:
        raise UserError(f"two sources are named {repeated[0]!r}; leave one out, or rename the folder or file of one")
    return sources


def options_of(args: argparse.Namespace, settings: dict) -> HarvestOptions:
    """What becomes a document. Clean of: the shipped fingerprints, the project's own problems, and files given.

    Raises:
        UserError: a benchmark file or the tokenizer cannot be read.
    """
    files = files_to_clean_of(args.fingerprints, args.benchmarks)
    kept = settings["library"], tuple(settings["kinds"]), args.any_licence
    counts = args.tokenizer, args.dataset_rows, args.min_calls
    options = HarvestOptions(*kept, *files, *counts, near_copies=args.near_copies > 0)
    fingerprints_from(*files)
    count_tokens("", args.tokenizer)
    return options


def inputs_of(sources: list[Source], options: HarvestOptions, templates: Path | None, runs: bool) -> dict[str, str]:
    """Name -> what identifies it, of all that is read; Python's version decides what parses."""
    inputs = {"python": "{}.{}".format(*sys.version_info)}
    inputs["order of sources"] = ", ".join(source.name for source in sources)  # the first of equal documents is kept
    for source in sources:
        inputs |= {f"source {source.name}": source.sha256, f"licence of {source.name}": source.licence}
    for number, file in enumerate(options.benchmark_files):
        inputs[f"benchmark {number}, {Path(file).name}"] = sha256_file(file)
    if options.tokenizer:
        inputs["tokenizer"] = tokenizer_sha256(options.tokenizer)
    if templates:
        inputs["exercise templates"] = sha256_file(templates)
    return inputs | (versions() if runs or templates else {})  # they decide what runs


def prepare(args: argparse.Namespace) -> str:
    """Make the corpus unless it is there; return the line that says so."""
    output = args.output or PROJECT_ROOT / "data" / args.domain / "data"
    record, known = output / RECORD, read_record(output / RECORD)
    own = own_corpus(output)
    if own and args.sources:
        advice = f"leave --sources (in the shells: SOURCES) out to use it, or {ANOTHER_PLACE}"
        raise UserError(f"{output} holds a corpus of your own ({own}); {advice}")
    if own:
        refuse_with_own_corpus(args, output)
        return f"corpus: {output} has no {RECORD}, so it is your own corpus and used as it is: {own}"
    has_sources = args.sources or args.kinds == NAME or any(args.domain in entry["domains"] for entry in load_sources())
    library = args.library or LIBRARIES.get(args.domain) or (known or {}).get("settings", {}).get("library")
    if not has_sources and not known:
        allowed = ", ".join(LIBRARIES)
        raise UserError(f"unknown domain {args.domain!r}: use {allowed}, or give --sources for a library of your own")
    drop_without_templates(args)
    settings = settings_of(args, library or args.domain.lower())
    refuse_idle(args, settings["kinds"])
    advice = f"{ANOTHER_PLACE}, or delete that folder"
    if not has_sources:
        Record(record, "corpus", FORMAT, known["inputs"], settings).refuse_other_settings(advice)
        if not outputs_are_there(record):
            raise UserError(f"{output} lacks files of its corpus; give --sources again to make it")
        if known.get("format") != FORMAT:
            print(f"corpus: note: {output} was made by an earlier version; with --sources it is made again")
        return f"corpus: {output} is kept as it is (no --sources given), {summary(read_stats(output))}"
    sources, options = sources_of(args), options_of(args, settings)
    refuse_place(output, [source.path for source in sources if source.dataset])
    if templates := templates_of(args) if NAME in options.kinds else None:
        need_templates(templates)
    inputs = inputs_of(sources, options, templates, args.run_snippets)
    asked = Record(record, "corpus", FORMAT, inputs, settings)
    if asked.is_finished():
        return f"corpus: {output} is up to date, {summary(read_stats(output))}"
    asked.refuse_other_settings(advice)
    if templates:
        load(templates)  # what is wrong in it is told before the sources are read
    with locked(output, args.rank) as parts:
        refuse_foreign_files(Path(os.path.realpath(output)))
        fetch_all([source.name for source in sources if source.listed])
        place = place_of(parts, options, inputs, FORMAT)
        place.mkdir(parents=True, exist_ok=True)
        shares = shares_of(sources, place)
        if args.rank is not None:
            mine = shares[args.rank :: args.world_size]
            gather_all(mine, options, args.workers)
            return f"corpus: rank {args.rank} of {args.world_size} has gathered {len(mine)} of {len(shares)} shares"
        if changed := asked.changed_inputs():
            print(f"corpus: {output} is stale ({'; '.join(changed)}) and made again")
        remove_others(place)
        with replacing_folder(output) as folder:
            made = make(args, replace(asked, file=folder / RECORD), shares, options, place / f"{NAME}.texts")
            shutil.rmtree(parts)
    return f"corpus: wrote {output}, {made}"


def make(args: argparse.Namespace, record: Record, shares: list[Share], options: HarvestOptions, programs: Path) -> str:
    """Write the corpus into the record's folder; return a summary. `programs`: file for the texts of exercises."""
    started, folder = time.monotonic(), record.file.parent
    gather_all(shares, options, args.workers)
    sources = read_all(shares)
    harvests = [*sources]
    if NAME in options.kinds:
        made = args.exercises, args.seed, options, args.workers, programs
        harvests.append(harvest_exercises(templates_of(args), *made))
    without_copies(harvests)
    if args.near_copies:
        without_near_copies(harvests, args.near_copies)
    if args.run_snippets:
        without_failing(harvests, "mined", options.library, args.workers)
    if args.max_share < 1:
        limit_repositories(sources, args.seed, args.max_share)
    if args.max_documents is not None:
        limit(harvests, args.seed, args.max_documents)
    if not any(found.documents for found in harvests):
        raise UserError(f"no document uses {options.library!r} in these sources: {why_empty(harvests)}")
    parts, unit = split(harvests, args.seed, args.valid_share, args.split_by)
    settings = {**record.settings, "tokenizer": args.tokenizer, "split": unit}
    stats = statistics(settings, harvests, options.benchmark_files)
    stats["output"] = write_parts(folder, parts, attrgetter("characters"), Document.row)
    write_json(folder / STATS, stats)
    shards = [folder / shard["file"] for part in stats["output"].values() for shard in part["shards"]]
    record.finish([*shards, folder / STATS], {"seconds": round(time.monotonic() - started, 1)}, split_by=unit)
    coarser = UNITS[UNITS.index(unit) - 1]
    note = "" if unit == args.split_by else f"; all documents are in one {coarser}: split by {unit}"
    if args.valid_share and not parts["valid"]:
        note = "; there is one document: it is trained on, valid is empty"
    return summary(stats) + note


def build_parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(usage="%(prog)s [PRESET.yaml] [flags]", description=__doc__, formatter_class=form)
    add = parser.add_argument
    switch = {"nargs": "?", "const": True, "default": False, "type": json.loads, "choices": (True, False)}
    switch["metavar"] = "true|false"
    add("-d", "--domain", default="Pandas", help="Pandas, Numpy, or a name for a library of your own (default: Pandas)")
    add("--library", help="import name of the library (default: the domain's; of your own: the domain in lower case)")
    add(
        "--sources",
        default="",
        help="comma list of names or groups (default, usage) of scripts/sources.json, folders, archives (.tar.gz, .zip, "
        ".whl), .py and .ipynb files, installed:NAME (a package of site-packages), dataset:FILE or dataset:OWNER/NAME "
        "(rows of code, or of text and code) (default: the domain's sources in the group default)",
    )
    add("-o", "--output", type=Path, help="folder to write (default: data/<Domain>/data)")
    add("--kinds", default="code,mined", help=f"comma list of {', '.join(KINDS)} (default: code,mined)")
    add("--exercises", type=int, default=3000, help="number of programs of the kind exercises (default: 3000)")
    templates = "template file of the exercises (default: configs/exercises/<Domain>.yaml)"
    add("--exercise_templates", type=Path, metavar="FILE", help=templates)
    calls = "calls of the library per 100 lines that a code document needs; above 0, generated files are left out too"
    add("--min_calls", type=float, default=0.0, help=f"{calls} (default: 0, keep all)")
    share = "largest share of the characters that one repository gives; a random choice of its documents is kept"
    add("--max_share", type=float, default=1.0, help=f"{share} (default: 1, keep all)")
    add("--fingerprints", type=Path, nargs="+", help="fingerprint files to clean of (default: scripts/fingerprints/)")
    more = "more problem files (.jsonl, .jsonl.gz) to clean of (default: none)"
    add("--benchmarks", type=Path, nargs="+", default=[], help=more)
    held_out = "share of files held out for validation, 0 to 0.5 (default: 0.05)"
    add("--valid_share", type=float, default=0.05, help=held_out)
    add("--split_by", choices=UNITS[:2], default="file", help="unit that lies on one side of the split (default: file)")
    near = "Jaccard similarity of token 5-grams from which a document is a near copy, 0.8 to 1 (default: 0, keep all)"
    add("--near_copies", type=float, default=0.0, help=near)
    runs = "run mined snippets in the sandbox, keep those without an error (default: false)"
    add("--run_snippets", **switch, help=runs)
    add("--dataset_rows", type=int, help="maximum number of rows to read of each dataset: source (default: all)")
    add("--tokenizer", default="", help="model whose tokenizer counts tokens in the statistics (default: no count)")
    add("--seed", type=int, default=42, help="seed of the order and of --max_documents (default: 42)")
    add("--max_documents", type=int, help="maximum number of documents, chosen at random (default: all)")
    add("--any_licence", **switch, help="keep documents whose licence is not known to be permissive (default: false)")
    cpus = len(os.sched_getaffinity(0))
    add("--workers", type=int, default=cpus, help="number of processes (default: CPUs available)")
    add_ranks(parser, "gather only this part of the shares of the sources")
    return parser


def main(argv: list[str] | None = None) -> int:
    def work() -> None:
        print(prepare(parse_with_preset(build_parser(), sys.argv[1:] if argv is None else argv, "corpus")))

    return exit_status(work)


if __name__ == "__main__":
    sys.exit(main())

"""Make the training corpus of a library: data/<Domain>/data/{train,valid}/*.jsonl.gz and corpus_stats.json.

    python -m scripts.prepare_corpus                     # Pandas, from the sources in scripts/sources.json
    python -m scripts.prepare_corpus -d Mylib --sources ~/code/mylib,~/code/apps,notes.ipynb

Two kinds of documents: `code`, Python files that import the library (PyCodeGPT's quality filters); `mined`, short
commented snippets from docstrings, user guides, notebooks (scripts/mine_docs.py) and pairs of a description and its code
(scripts/corpus/dataset_rows.py); their `repo_name` ends in "(docs)". Nothing is extracted, and nothing is executed but, with
--run_snippets, the mined snippets, in the sandbox. Documents that hold benchmark text are left out
(scripts/decontaminate.py), as are exact copies (white space aside), with --near_copies nearly equal ones as well
(scripts/corpus/near_copies.py), and files whose licence is not permissive; a source given by path that states no licence
is the user's own choice, recorded as `unknown`.

Train and valid are split by a hash of (repository, file), so that all documents of a file are on one side; with
--split_by repository all of a repository, for corpora in which no few of them hold nearly everything. The order is a
shuffle by the seed. A finished corpus is kept until a setting, a source, a benchmark or this code changes.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from hashlib import sha256
from pathlib import Path

from scripts.corpus.dataset_rows import PREFIX, resolve_dataset
from scripts.corpus.documents import Harvest, harvest
from scripts.corpus.output import STATS, CorpusError, is_up_to_date, staging, write_parts
from scripts.corpus.run_snippets import RunError, without_failing
from scripts.corpus.sources import Source, SourceError, resolve
from scripts.corpus.split import limit, split, without_copies, without_near_copies
from scripts.corpus.stats import statistics, summary, why_empty
from scripts.decontaminate import DecontaminationError, read_problems
from scripts.fetch import FetchError, downloads_folder, fetch_all, load_sources
from scripts.file_utils import PROJECT_ROOT, git_revision, sha256_file, versions, write_json
from scripts.multiprocessing_utils import worker_pool

LIBRARIES = {"Pandas": "pandas", "Numpy": "numpy"}
KINDS = ("code", "mined")
CODE = (  # a change of any of these makes a corpus stale
    "prepare_corpus",
    "corpus_datasets",
    "corpus_documents",
    "corpus_output",
    "corpus_sources",
    "corpus_split",
    "corpus_stats",
    "mine_docs",
    "near_copies",
    "run_snippets",
    "doc_sections",
    "snippets",
    "decontaminate",
)


SOURCES_HELP = (
    "comma list of names from scripts/sources.json, folders, archives (.tar.gz, .zip, .whl), .py and .ipynb files, "
    "installed:NAME (a package of site-packages), dataset:FILE or dataset:OWNER/NAME (rows of code, or of text and code; "
    "default: the domain's own list)"
)


def settings_of(args: argparse.Namespace) -> dict:
    """What the corpus depends on besides its sources; checks every value. Raises CorpusError."""
    library = args.library or LIBRARIES.get(args.domain) or (args.domain.lower() if args.sources else "")
    if not library:
        allowed = ", ".join(LIBRARIES)
        raise CorpusError(f"unknown domain {args.domain!r}: use {allowed}, or give --sources for a library of your own")
    if not all(part.isidentifier() for part in library.split(".")):
        raise CorpusError(
            f"--library {library!r} is not an import name; give one such as pandas or sklearn.linear_model"
        )
    kinds = tuple(kind for kind in KINDS if kind in args.kinds.split(","))
    if not kinds or set(args.kinds.split(",")) - set(KINDS):
        raise CorpusError(f"--kinds {args.kinds!r} must be a comma list of {', '.join(KINDS)}")
    if not 0 <= args.valid_share <= 0.5:
        raise CorpusError(f"--valid_share {args.valid_share} must lie between 0 and 0.5")
    if args.max_documents is not None and args.max_documents < 1:
        raise CorpusError(f"--max_documents {args.max_documents} must be at least 1; leave it out for no limit")
    if args.near_copies and not 0.8 <= args.near_copies <= 1:
        raise CorpusError(f"--near_copies {args.near_copies} must lie between 0.8 and 1, or be 0 to keep all")
    if args.dataset_rows is not None and args.dataset_rows < 1:
        raise CorpusError(f"--dataset_rows {args.dataset_rows} must be at least 1; leave it out to read all")
    if args.workers < 1:
        raise CorpusError(f"--workers {args.workers} must be at least 1")
    return {
        "domain": args.domain,
        "library": library,
        "kinds": list(kinds),
        "seed": args.seed,
        "valid_share": args.valid_share,
        "max_documents": args.max_documents,
        "any_licence": args.any_licence,
        "near_copies": args.near_copies,
        "split_by": args.split_by,
        "run_snippets": args.run_snippets,
        "dataset_rows": args.dataset_rows,
        "tokenizer": args.tokenizer,
    }


def sources_of(args: argparse.Namespace) -> list[Source]:
    """The sources asked for, or those that sources.json lists for the domain."""
    names = [entry["name"] for entry in load_sources() if args.domain in entry["domains"]]
    if args.sources:
        names = [name.strip() for name in args.sources.split(",") if name.strip()]
    if not names:
        raise CorpusError(f"no sources for domain {args.domain!r}: give --sources")
    sources = [
        resolve_dataset(name) if name.startswith(PREFIX) else resolve(name, downloads_folder())
        for name in dict.fromkeys(names)
    ]
    repeated = [name for name, count in Counter(source.name for source in sources).items() if count > 1]
    if repeated:
        raise CorpusError(f"two sources are named {repeated[0]!r}; rename one or give the folder that holds both")
    return sources


def benchmark_files(args: argparse.Namespace) -> tuple[list[Path], list[Path]]:
    """(fingerprint files, problem files) to clean of: the shipped ones, the project's own problems, and those given."""
    fingerprints = args.fingerprints or sorted(Path(__file__).with_name("fingerprints").glob("*.json*"))
    own = PROJECT_ROOT / "pandas-numpy-eval" / "pandas_numpy_eval" / "data"
    problems = [*sorted([*own.glob("*.jsonl"), *own.glob("*.jsonl.gz")]), *(args.benchmarks or [])]
    for path in [*fingerprints, *problems]:
        if not path.is_file():
            raise CorpusError(f"no file {path}; give an existing fingerprint or problem file")
    for path in args.benchmarks or []:
        read_problems(path)
    return fingerprints, problems


def tokenizer_file(model: str) -> str:
    """The `tokenizer.json` of a base model. Raises CorpusError."""
    from nl2code.models import MODELS_DIR

    for folder in (Path(model), MODELS_DIR / model):
        if (folder / "tokenizer.json").is_file():
            return str((folder / "tokenizer.json").absolute())
    from huggingface_hub import hf_hub_download

    try:
        return hf_hub_download(model, "tokenizer.json")
    except Exception as error:  # of the network, of the hub, of the id
        raise CorpusError(f"--tokenizer {model}: no folder with tokenizer.json, and no hub id in reach") from error


def fingerprint(settings: dict, sources: list[Source], benchmarks: list[Path]) -> str:
    """One hash for all that decides about the corpus' bytes."""
    parts = [
        settings,
        [[source.name, source.licence, source.sha256] for source in sources],
        sorted(sha256_file(path) for path in benchmarks),
        [sha256_file(Path(__file__).with_name(f"{name}.py")) for name in CODE],
        versions() if settings["run_snippets"] else {},  # they decide what runs
    ]
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def harvest_all(
    sources: list[Source], settings: dict, files: tuple[list[Path], list[Path]], tokenizer: str, workers: int
) -> Iterator[Harvest]:
    """Harvest every source, several at a time, and yield the results in the order of the sources."""
    paths = tuple(tuple(map(str, group)) for group in files)
    options = (settings["library"], tuple(settings["kinds"]), settings["any_licence"], *paths)
    options += (tokenizer, settings["dataset_rows"])
    workers = min(workers, len(sources))
    if workers == 1:
        yield from (harvest(source, *options) for source in sources)
        return
    with worker_pool(workers) as pool:
        # The largest first, so that none is left to run alone at the end.
        order = sorted(sources, key=lambda source: -(source.path.stat().st_size if source.path.is_file() else 1 << 40))
        jobs: dict[str, Future] = {source.name: pool.submit(harvest, source, *options) for source in order}
        yield from (jobs[source.name].result() for source in sources)


def prepare(args: argparse.Namespace) -> str:
    """Make the corpus unless it is there; return the line that says so."""
    settings, sources, files = settings_of(args), sources_of(args), benchmark_files(args)
    output = args.output or PROJECT_ROOT / "data" / args.domain / "data"
    mark = fingerprint(settings, sources, [*files[0], *files[1]])
    stats = is_up_to_date(output, mark)
    if stats:
        return f"corpus: {output} is up to date, {summary(stats)}"
    started = time.monotonic()
    tokenizer = tokenizer_file(args.tokenizer) if args.tokenizer else ""
    fetch_all([source.name for source in sources if source.listed])
    with staging(output) as folder:
        harvests = list(harvest_all(sources, settings, files, tokenizer, args.workers))
        without_copies(harvests)
        if settings["near_copies"]:
            without_near_copies(harvests, settings["near_copies"])
        if settings["run_snippets"]:
            without_failing(harvests, "mined", settings["library"], args.workers)
        if settings["max_documents"] is not None:
            limit(harvests, settings["seed"], settings["max_documents"])
        stats = statistics(settings, harvests, files, mark, tokenizer)
        if not any(found.documents for found in harvests):
            raise CorpusError(f"no document uses {settings['library']!r} in these sources: {why_empty(harvests)}")
        parts = split(harvests, settings["seed"], settings["valid_share"], settings["split_by"])
        if settings["valid_share"] and settings["split_by"] == "repository" and not parts["valid"]:
            raise CorpusError("--split_by repository needs documents of two repositories; use --split_by file")
        stats["output"] = write_parts(folder, parts)
        stats.update(git_revision=git_revision(), versions=versions(), seconds=round(time.monotonic() - started, 1))
        write_json(folder / STATS, stats)
    return f"corpus: wrote {output}, {summary(stats)}"


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("-d", "--domain", default="Pandas", help="Pandas, Numpy, or a name for a library of your own (default: Pandas)")
    add("--library", help="import name of the library (default: the domain's; of your own: the domain in lower case)")
    add("--sources", default="", help=SOURCES_HELP)
    add("-o", "--output", type=Path, help="folder to write (default: data/<Domain>/data)")
    add("--kinds", default=",".join(KINDS), help="comma list of code, mined (default: both)")
    add("--fingerprints", type=Path, nargs="+", help="fingerprint files to clean of (default: scripts/fingerprints/)")
    add("--benchmarks", type=Path, nargs="+", help="more problem files (.jsonl, .jsonl.gz) to clean of")
    add("--valid_share", type=float, default=0.05, help="share of files held out for validation (default: 0.05)")
    add("--split_by", choices=("file", "repository"), default="file", help="what lies on one side (default: file)")
    add(
        "--near_copies",
        type=float,
        default=0.0,
        help="leave out documents of which an earlier one has this Jaccard similarity of token 5-grams, such as 0.85 "
        "(default: 0, only exact copies)",
    )
    add("--run_snippets", action="store_true", help="run mined snippets in the sandbox, keep those without an error")
    add("--dataset_rows", type=int, help="rows to read of each dataset: source (default: all)")
    add("--tokenizer", default="", help="count tokens in the statistics with this model's tokenizer (folder or hub id)")
    add("--seed", type=int, default=42, help="seed of the order and of --max_documents (default: 42)")
    add("--max_documents", type=int, help="keep a random choice of at most so many documents (default: all)")
    add("--any_licence", action="store_true", help="keep documents whose licence is not known to be permissive")
    add("--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes (default: the CPUs there are)")
    return parser


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    try:
        print(prepare(args))
    except (CorpusError, SourceError, FetchError, DecontaminationError, RunError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except BrokenProcessPool:
        print("error: a worker was killed, perhaps for want of memory; run again, or with --workers 1", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: cannot write the corpus: {error}; free space or choose another -o", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

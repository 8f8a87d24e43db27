"""Make the training corpus of a library: data/<Domain>/data/{train,valid}/*.jsonl.gz and corpus_stats.json.

    python -m scripts.prepare_corpus                     # Pandas, from the sources in scripts/sources.json
    python -m scripts.prepare_corpus -d Mylib --sources ~/code/mylib,~/code/apps,notes.ipynb

Two kinds of documents: `code`, Python files that import the library (PyCodeGPT's quality filters); `mined`, short
commented snippets from docstrings, user guides and notebooks (scripts/mine_docs.py; their `repo_name` ends in "(docs)",
their `path` in #L and a line). Nothing is executed or extracted. Documents that hold benchmark text are left out
(scripts/decontaminate.py), as are exact copies (white space aside) and files whose licence is not permissive; a source
given by path that states no licence is the user's own choice, recorded as `unknown`.

Train and valid are split by a hash of (repository, file), so that all documents of a file are on one side; by whole
repositories is no choice while a few of them hold nearly everything. The order is a shuffle by the seed. A finished
corpus is kept until a setting, a source, a benchmark or this code changes.
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from scripts.corpus_documents import Harvest, harvest
from scripts.corpus_sources import Source, SourceError, resolve
from scripts.corpus_split import limit, split, without_copies
from scripts.corpus_stats import statistics, summary, why_empty
from scripts.decontaminate import DecontaminationError, read_problems
from scripts.fetch import FetchError, downloads_folder, fetch_all, load_sources
from scripts.file_utils import PROJECT_ROOT, exclusive, git_revision, sha256_file, versions, write_json, write_jsonl
from scripts.multiprocessing_utils import worker_pool

LIBRARIES = {"Pandas": "pandas", "Numpy": "numpy"}
KINDS = ("code", "mined")
SHARD_DOCUMENTS = 5000
STATS = "corpus_stats.json"
CODE = (  # a change of any of these makes a corpus stale
    "prepare_corpus",
    "corpus_documents",
    "corpus_sources",
    "corpus_split",
    "corpus_stats",
    "mine_docs",
    "doc_sections",
    "snippets",
    "decontaminate",
)


SOURCES_HELP = (
    "comma list of names from scripts/sources.json, folders, archives (.tar.gz, .zip, .whl), .py and .ipynb files "
    "(default: the domain's own list)"
)


class CorpusError(Exception):
    """A setting or a result that is no good; the message is one line with the fix."""


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
    }


def sources_of(args: argparse.Namespace) -> list[Source]:
    """The sources asked for, or those that sources.json lists for the domain."""
    names = [entry["name"] for entry in load_sources() if args.domain in entry["domains"]]
    if args.sources:
        names = [name.strip() for name in args.sources.split(",") if name.strip()]
    if not names:
        raise CorpusError(f"no sources for domain {args.domain!r}: give --sources")
    sources = [resolve(name, downloads_folder()) for name in dict.fromkeys(names)]
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


def fingerprint(settings: dict, sources: list[Source], benchmarks: list[Path]) -> str:
    """One hash for all that decides about the corpus' bytes."""
    parts = [
        settings,
        [[source.name, source.licence, source.sha256] for source in sources],
        sorted(sha256_file(path) for path in benchmarks),
        [sha256_file(Path(__file__).with_name(f"{name}.py")) for name in CODE],
    ]
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def is_up_to_date(output: Path, mark: str) -> dict | None:
    """The statistics of a finished corpus with this fingerprint whose shards are all there, else None."""
    try:
        stats = json.loads((output / STATS).read_text(encoding="utf-8"))
        shards = [shard for part in stats["output"].values() for shard in part["shards"]]
        there = all((output / shard["file"]).stat().st_size == shard["bytes"] for shard in shards)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return stats if there and stats.get("fingerprint") == mark else None


def harvest_all(
    sources: list[Source], settings: dict, files: tuple[list[Path], list[Path]], workers: int
) -> Iterator[Harvest]:
    """Harvest every source, several at a time, and yield the results in the order of the sources."""
    paths = tuple(tuple(map(str, group)) for group in files)
    options = (settings["library"], tuple(settings["kinds"]), settings["any_licence"], *paths)
    workers = min(workers, len(sources))
    if workers == 1:
        yield from (harvest(source, *options) for source in sources)
        return
    with worker_pool(workers) as pool:
        # The largest first, so that none is left to run alone at the end.
        order = sorted(sources, key=lambda source: -(source.path.stat().st_size if source.path.is_file() else 1 << 40))
        jobs: dict[str, Future] = {source.name: pool.submit(harvest, source, *options) for source in order}
        yield from (jobs[source.name].result() for source in sources)


def write_parts(folder: Path, parts: dict[str, list[dict]]) -> dict:
    """Write the shards; return for each part its documents, characters and shards."""
    written = {}
    for part, rows in parts.items():
        shards = []
        for start in range(0, max(len(rows), 1), SHARD_DOCUMENTS):
            name = f"{part}/part-{start // SHARD_DOCUMENTS:05d}.jsonl.gz"
            count = write_jsonl(folder / name, rows[start : start + SHARD_DOCUMENTS])
            path = folder / name
            shards.append({"file": name, "documents": count, "bytes": path.stat().st_size, "sha256": sha256_file(path)})
        characters = sum(len(row["content"]) for row in rows)
        written[part] = {"documents": len(rows), "characters": characters, "shards": shards}
    return written


@contextmanager
def staging(output: Path) -> Iterator[Path]:
    """A folder beside `output` that takes its place once the block ends without error; one process at a time."""
    output.parent.mkdir(parents=True, exist_ok=True)
    new, old = (output.parent / f".{output.name}.{state}" for state in ("new", "old"))
    busy = f"another process is making {output}; wait for it or choose another -o"
    with exclusive(output.parent / f".{output.name}.lock", CorpusError(busy)):
        if old.exists() and not output.exists():
            os.rename(old, output)  # killed between the two renames below
        for leftover in (new, old):
            shutil.rmtree(leftover, ignore_errors=True)
        foreign = set(os.listdir(output)) - {"train", "valid", STATS} if output.exists() else set()
        if foreign or (output.exists() and os.listdir(output) and not (output / STATS).exists()):
            raise CorpusError(
                f"{output} holds files that this command did not make; move them away or choose another -o"
            )
        new.mkdir()
        try:
            yield new
            if output.exists():
                os.rename(output, old)
            os.rename(new, output)
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(new, ignore_errors=True)


def prepare(args: argparse.Namespace) -> str:
    """Make the corpus unless it is there; return the line that says so."""
    settings, sources, files = settings_of(args), sources_of(args), benchmark_files(args)
    output = args.output or PROJECT_ROOT / "data" / args.domain / "data"
    mark = fingerprint(settings, sources, [*files[0], *files[1]])
    stats = is_up_to_date(output, mark)
    if stats:
        return f"corpus: {output} is up to date, {summary(stats)}"
    started = time.monotonic()
    fetch_all([source.name for source in sources if source.version])
    with staging(output) as folder:
        harvests = list(harvest_all(sources, settings, files, args.workers))
        without_copies(harvests)
        if settings["max_documents"] is not None:
            limit(harvests, settings["seed"], settings["max_documents"])
        stats = statistics(settings, harvests, files, mark)
        if not any(found.documents for found in harvests):
            raise CorpusError(f"no document uses {settings['library']!r} in these sources: {why_empty(harvests)}")
        stats["output"] = write_parts(folder, split(harvests, settings["seed"], settings["valid_share"]))
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
    add("--seed", type=int, default=42, help="seed of the order and of --max_documents (default: 42)")
    add("--max_documents", type=int, help="keep a random choice of at most so many documents (default: all)")
    add("--any_licence", action="store_true", help="keep documents whose licence is not known to be permissive")
    add("--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes (default: the CPUs there are)")
    return parser


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    try:
        print(prepare(args))
    except (CorpusError, SourceError, FetchError, DecontaminationError) as error:
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

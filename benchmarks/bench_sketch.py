"""Speed of sketching, compared with `ast.parse` (and RedBaron, if installed) on the same real files.

    python -m benchmarks.bench_sketch --package pandas --package numpy --megabytes 3 --rounds 5

CPU time of this process, the contestants taking turns (A B A B ...), so that a busy machine hits both alike. Prints the
ratios with their spread and writes benchmarks/results/sketch.json.
"""

import argparse
import ast
import importlib.util
import random
import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

from scripts.ast_utils import generator_document, transform_code_to_sketch
from scripts.file_utils import git_revision, versions, write_json

RESULT = Path(__file__).resolve().parent / "results" / "sketch.json"


def load_files(packages: list[str], limit: int, seed: int = 0) -> list[str]:
    """Texts of files that parse, drawn from installed packages, of `limit` characters together."""
    paths = []
    for package in packages:
        spec = importlib.util.find_spec(package)
        if spec is None:
            raise SystemExit(f"error: package {package!r} is not installed; install it or give another --package")
        paths += sorted(Path(spec.submodule_search_locations[0]).rglob("*.py"))
    random.Random(seed).shuffle(paths)
    texts, size = [], 0
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
            ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        texts.append(text)
        size += len(text)
        if size >= limit:
            break
    return texts


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of this process for one call, its threads included."""
    started = time.process_time()
    work()
    return time.process_time() - started


def best_seconds(work: Callable[[], object]) -> float:
    """The least CPU time of three calls."""
    return min(cpu_seconds(work) for _ in range(3))


def each(work: Callable[[str], object], texts: list[str]) -> None:
    """One pass over the texts."""
    for text in texts:
        work(text)


def compare(contestants: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """CPU seconds per contestant and round, in turns, after one round that does not count."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds + 1):
        for name, work in contestants.items():
            seconds = cpu_seconds(work)
            if turn:
                times[name].append(seconds)
    return times


def summary(times: list[float], reference: list[float]) -> dict[str, float]:
    """Ratios to the reference of the same round: median, lowest, highest."""
    ratios = [mine / other for mine, other in zip(times, reference, strict=True)]
    return {"median": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios)}


def redbaron_time(texts: list[str], limit: int) -> dict | None:
    """CPU time of RedBaron's parse and dump beside ours, on the first short files that it can read; None without it."""
    try:
        import redbaron
    except ImportError:
        return None
    theirs = ours = 0.0
    done = 0
    for text in sorted(texts, key=len):
        if len(text) < 500:
            continue
        try:
            theirs += best_seconds(lambda text=text: redbaron.RedBaron(text).dumps())
        except Exception:  # it raises many kinds on syntax newer than itself
            continue
        ours += best_seconds(partial(transform_code_to_sketch, text))
        done += 1
        if done == limit:
            break
    return {"files": done, "redbaron_seconds": theirs, "sketch_seconds": ours, "times_faster": theirs / ours}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", action="append", help="installed package to read (default: pandas and numpy)")
    millions = "characters of source text to read, in millions (default: 3)"
    parser.add_argument("--megabytes", type=float, default=3.0, help=millions)
    parser.add_argument("--rounds", type=int, default=5, help="measured runs of each contestant (default: 5)")
    files = "number of files for RedBaron, if installed (default: 20)"
    parser.add_argument("--redbaron_files", type=int, default=20, help=files)
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    packages = args.package or ["pandas", "numpy"]
    texts = load_files(packages, int(args.megabytes * 1e6))
    works = {"ast.parse": ast.parse, "sketch": transform_code_to_sketch, "generator_document": generator_document}
    times = compare({name: partial(each, work, texts) for name, work in works.items()}, args.rounds)
    size = sum(map(len, texts)) / 1e6
    print(f"{len(texts)} files, {size:.2f} million characters, {args.rounds} rounds")
    ratios = {}
    for name, seconds in times.items():
        ratios[name] = summary(seconds, times["ast.parse"])
        low, middle, high = (ratios[name][key] for key in ("lowest", "median", "highest"))
        speed = size / statistics.median(seconds)
        print(f"{name:20} {speed:7.2f} M characters/s   {middle:.3f} x ast.parse ({low:.3f} to {high:.3f})")
    redbaron = redbaron_time(texts, args.redbaron_files)
    if redbaron:
        print(f"RedBaron takes {redbaron['times_faster']:.0f} times as long ({redbaron['files']} files)")
    facts = {"packages": packages, "files": len(texts), "characters": int(size * 1e6), "rounds": args.rounds}
    provenance = {"versions": versions(), "git_revision": git_revision()}
    write_json(RESULT, {**facts, "cpu_seconds": times, "ratios": ratios, "redbaron": redbaron, **provenance})
    print(f"wrote {RESULT}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

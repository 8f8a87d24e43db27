"""CPU time and peak memory of making a corpus, at two sizes: memory must not grow with the text.

    python -m benchmarks.bench_corpus --documents 200 800

Synthetic modules of about 20,000 characters that use pandas, no two alike. Each corpus is made in a process of its own,
with one worker. Prints CPU seconds, documents per CPU second and the peak memory above that of the imports, and writes
benchmarks/results/corpus.json.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RESULT = Path(__file__).resolve().parent / "results" / "corpus.json"
FUNCTIONS = 110  # of a module


def module_text(number: int) -> str:
    """A module of functions with names and numbers of its own."""
    rng = random.Random(number)
    parts = ["import pandas as pd\n"]
    for index in range(FUNCTIONS):
        name, column = (f"{word}_{rng.randrange(10**6)}" for word in ("step", "column"))
        body = f"    table = df[df['{column}'] > {rng.random():.6f}]\n    return table.rolling({index + 2}).mean()\n"
        parts.append(f"\n\ndef {name}(df: pd.DataFrame):\n    # the rows of {column} above a limit, smoothed\n{body}")
    return "".join(parts)


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(source: str, near_copies: float) -> dict[str, float]:
    """Make the corpus of one folder in this process."""
    from scripts.prepare_corpus import main as prepare

    with tempfile.TemporaryDirectory() as folder:
        before, started = peak_megabytes(), time.process_time()
        flags = ["--sources", source, "-o", f"{folder}/out", "--kinds", "code", "--workers", "1"]
        if prepare([*flags, "--near_copies", str(near_copies)]):
            raise SystemExit("the corpus was not made")
        seconds = time.process_time() - started
        stats = json.loads(Path(folder, "out/corpus_stats.json").read_text())
    made = stats["totals"]["code"]
    megabytes = {"peak_mb": peak_megabytes(), "mb_above": peak_megabytes() - before}
    return {"documents": made["out"], "characters": made["characters"], "cpu_seconds": seconds, **megabytes}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, nargs=2, default=[200, 800], help="two sizes (default: 200 800)")
    parser.add_argument("--near_copies", type=float, default=0.85, help="as of the corpus; 0 for none (default: 0.85)")
    parser.add_argument("--output", type=Path, default=RESULT, help="file of results (default: %(default)s)")
    parser.add_argument("--measure", help=argparse.SUPPRESS)  # in a child: the folder
    args = parser.parse_args(argv)
    if args.measure:
        print(json.dumps(measure(args.measure, args.near_copies)))
        return 0

    from scripts.file_utils import git_revision, versions, write_json

    rows = []
    for count in args.documents:
        with tempfile.TemporaryDirectory() as folder:
            for number in range(count):
                Path(folder, f"module_{number}.py").write_text(module_text(number))
            command = [sys.executable, "-m", "benchmarks.bench_corpus", "--measure", folder]
            command += ["--near_copies", str(args.near_copies)]
            done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.stderr.write(done.stderr)
            return 1
        row = json.loads(done.stdout.rstrip().rpartition("\n")[2])
        rows.append(row)
        print(
            f"{row['documents']} documents, {row['characters'] / 1e6:.1f} M characters: {row['cpu_seconds']:.1f} s CPU, "
            f"{row['documents'] / row['cpu_seconds']:.1f} documents/s, {row['mb_above']:.1f} MB above the imports"
        )
    write_json(args.output, {"sizes": rows, "versions": versions(), "git_revision": git_revision()})
    print(f"wrote {args.output}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

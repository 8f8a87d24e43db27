"""Start-up time of every command: its help, and the three shells with nothing left to do.

    taskset -c 1 python -m benchmarks.bench_startup --rounds 5
    DOMAIN=Numpy python -m benchmarks.bench_startup --shells     # after the three commands have run with these settings

A table of medians: CPU seconds of the command and its children (what the machine's other work does not change), wall
seconds, and whether the help loads torch. Writes benchmarks/results/startup.json.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULT = Path(__file__).resolve().parent / "results" / "startup.json"
COMMANDS = ["run_cert", "eval_cert", "eval_cert_unified", "nl2code.indexed_dataset", "pandas_numpy_eval.fetch"]
COMMANDS += ["pandas_numpy_eval.evaluate_functional_correctness"]
COMMANDS += sorted(
    f"scripts.{file.stem}" for file in (ROOT / "scripts").glob("*.py") if "def main(" in file.read_text()
)
SHELLS = ("run_training_cert.sh", "run_generating_codes.sh", "run_evaluating_codes.sh")


def environment() -> dict[str, str]:
    """Ours, with the two packages of this checkout on the path."""
    return {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'pandas-numpy-eval'}"}


def seconds(command: list[str]) -> tuple[float, float]:
    """CPU and wall seconds of one run; CPU counts children too.

    Raises:
        subprocess.CalledProcessError: the command failed.
    """
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=environment(), check=True, capture_output=True, stdin=subprocess.DEVNULL)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def loads_torch(module: str) -> bool:
    """Whether `python -m module --help` imports torch."""
    command = [sys.executable, "-X", "importtime", "-m", module, "--help"]
    told = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True).stderr
    return any(line.endswith(" torch") for line in told.split("\n"))


def measure(name: str, command: list[str], rounds: int) -> dict:
    """One row of the table."""
    cpu, wall = zip(*(seconds(command) for _ in range(rounds)), strict=True)
    return {"command": name, "cpu_s": round(statistics.median(cpu), 2), "wall_s": round(statistics.median(wall), 2)}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each command (default: 5)")
    parser.add_argument("--shells", action="store_true", help="the three shells with nothing to do, not the helps")
    parser.add_argument("-o", "--output", type=Path, default=RESULT, help=f"JSON file (default: {RESULT})")
    args = parser.parse_args(argv)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in SHELLS if args.shells else COMMANDS:
        command = ["bash", name] if args.shells else [sys.executable, "-m", name, "--help"]
        rows.append(measure(name, command, args.rounds))
        if not args.shells:
            rows[-1]["torch"] = loads_torch(name)
        numbers = "  ".join(f"{key} {value}" for key, value in rows[-1].items() if key != "command")
        print(f"{name:<50}{numbers}", flush=True)
    print(f"together: {sum(row['cpu_s'] for row in rows):.2f} s CPU, {sum(row['wall_s'] for row in rows):.2f} s wall")
    args.output.write_text(json.dumps({"rounds": args.rounds, "rows": rows}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

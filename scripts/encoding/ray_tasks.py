"""Spread the encoding of a corpus over a Ray cluster: a share of the shards for each task (`pip install ray`).

A task is the same command with --rank and --world_size, as in scripts/encoding/slurm.py. The cluster is the one that
RAY_ADDRESS names or this machine belongs to; without one, Ray starts here alone.
"""

import subprocess
import sys

from scripts.encoding.plan import EncodeError
from scripts.file_utils import PROJECT_ROOT


def run_tasks(arguments: list[str], nodes: int, threads: int) -> None:
    """Run the shares as `nodes` Ray tasks of `threads` CPUs each, and wait for all of them.

    Args:
        arguments: of `scripts.encode_domain`, for one share but its rank; the project and the paths in them lie on a file
            system that all nodes share.

    Raises:
        EncodeError: Ray is missing, no node is large enough, or a task failed; one line with the fix.
    """
    try:
        import ray
    except ImportError:
        raise EncodeError("--executor ray needs Ray: pip install ray, or use --executor local") from None
    command = [sys.executable, "-m", "scripts.encode_domain", *arguments, "--world_size", str(nodes)]
    try:
        ray.init(log_to_driver=False, logging_level="error")
    except (ConnectionError, RuntimeError) as error:
        raise EncodeError(f"Ray does not start or connect ({_last_line(error)}); look at RAY_ADDRESS") from error
    try:
        largest = max(node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"])
        if largest < threads:
            raise EncodeError(f"-t/--threads is {threads}, but no Ray node has more than {largest:g} CPUs; lower it")
        share = ray.remote(num_cpus=threads, max_retries=0, scheduling_strategy="SPREAD")(subprocess.run)
        options = {"cwd": str(PROJECT_ROOT), "capture_output": True, "text": True}
        tasks = [share.remote([*command, "--rank", str(rank)], **options) for rank in range(nodes)]
        problems = [problem for rank, task in enumerate(tasks) if (problem := _problem(ray, rank, task))]
    finally:
        ray.shutdown()
    if problems:
        raise EncodeError(f"{'; '.join(problems)}; run the same command again, finished shards are kept")


def _problem(ray, rank: int, task) -> str | None:
    """What went wrong in a task, None where nothing did."""
    try:
        done = ray.get(task)
    except ray.exceptions.RayError as error:
        return f"share {rank} was lost ({_last_line(error)})"
    return f"share {rank} ended with {done.returncode} ({_last_line(done.stderr)})" if done.returncode else None


def _last_line(message: object) -> str:
    """What a traceback or a program's errors end with."""
    return (str(message).strip() or "no message").splitlines()[-1].removeprefix("error: ")

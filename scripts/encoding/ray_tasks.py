"""Share the shards out to tasks on a Ray cluster (`pip install ray`), each the same command with --rank and --world_size.

The cluster is the one that RAY_ADDRESS names or this machine belongs to; without one, Ray starts on this machine alone.
"""

import subprocess

from nl2code.errors import UserError
from scripts.file_utils import PROJECT_ROOT


def run_tasks(command: list[str], nodes: int, threads: int) -> None:
    """Run the shares as `nodes` Ray tasks of `threads` CPUs each, and wait for all of them.

    Args:
        command: of one share, without --rank and --world_size; its paths lie on a file system that all nodes share.

    Raises:
        UserError: Ray is missing, no node is large enough, or a task failed.
    """
    try:
        import ray
    except ImportError:
        raise UserError("--executor ray needs Ray: pip install ray, or use --executor local") from None
    try:
        ray.init(log_to_driver=False, logging_level="error")
    except (ConnectionError, RuntimeError) as error:
        raise UserError(f"Ray does not start or connect ({_last_line(error)}); look at RAY_ADDRESS") from error
    problems = []
    try:
        largest = max(node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"])
        if largest < threads:
            raise UserError(f"-t/--threads is {threads}, but no Ray node has more than {largest:g} CPUs; lower it")
        share = ray.remote(num_cpus=threads, max_retries=0, scheduling_strategy="SPREAD")(subprocess.run)
        shares = [[*command, "--world_size", str(nodes), "--rank", str(rank)] for rank in range(nodes)]
        tasks = [share.remote(call, cwd=str(PROJECT_ROOT), capture_output=True, text=True) for call in shares]
        for rank, task in enumerate(tasks):
            try:
                done = ray.get(task)
            except ray.exceptions.RayError as error:
                problems.append(f"share {rank} was lost ({_last_line(error)})")
            else:
                if done.returncode:
                    problems.append(f"share {rank} ended with {done.returncode} ({_last_line(done.stderr)})")
    finally:
        ray.shutdown()
    if problems:
        raise UserError(f"{'; '.join(problems)}; run the same command again, finished shards are kept")


def _last_line(message: object) -> str:
    """The last line of a traceback or of a program's errors."""
    return (str(message).strip() or "no message").split("\n")[-1].removeprefix("error: ")

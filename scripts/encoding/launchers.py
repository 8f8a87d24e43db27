"""Share the shards of a run out to a cluster: a Slurm job array, or tasks on a Ray cluster (`pip install ray`).

Each task is the same command with --rank and --world_size. A shard is the unit of work: a task that dies loses its
unfinished shards, which the next run of the command encodes. Command, project and paths lie on a file system that all
nodes share.
"""

import shlex
import subprocess
from pathlib import Path

from nl2code.errors import UserError
from scripts.file_utils import PROJECT_ROOT, write_text

SCRIPT = """\
#!/bin/bash
#SBATCH --job-name=encode
#SBATCH --array=0-{last}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task={threads}
#SBATCH --output={logs}/%a.log
cd {root}
exec {command} --rank "$SLURM_ARRAY_TASK_ID" --world_size {nodes}
"""


def run_on_slurm(command: list[str], output: Path, nodes: int, threads: int) -> None:
    """Submit `nodes` shares as a job array, each with `threads` CPUs, and wait for all of them.

    Partition, account and time limit are sbatch's own: set SBATCH_PARTITION, SBATCH_ACCOUNT, SBATCH_TIMELIMIT. The script
    and the logs lie in `output/slurm/`.

    Raises:
        UserError: the job could not be submitted, or a task failed.
    """
    folder = output.absolute() / "slurm"
    script, logs, root = folder / "encode.sbatch", str(folder).replace("%", "%%"), shlex.quote(str(PROJECT_ROOT))
    facts = {"last": nodes - 1, "nodes": nodes, "threads": threads, "logs": logs, "root": root}
    write_text(script, SCRIPT.format(**facts, command=shlex.join(command)))
    try:
        status = subprocess.run(["sbatch", "--wait", str(script)]).returncode
    except FileNotFoundError:
        raise UserError("no sbatch on PATH; run on a Slurm login node, or with --executor local") from None
    if status:
        raise UserError(f"sbatch ended with {status}; see {folder}/*.log; run the command again for unfinished shards")


def run_on_ray(command: list[str], output: Path, nodes: int, threads: int) -> None:
    """Run `nodes` shares as Ray tasks, each with `threads` CPUs, and wait for all of them.

    The cluster is the one that RAY_ADDRESS names or this machine belongs to; without one, Ray starts on this machine.

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
        raise UserError(f"Ray does not start or connect ({_last_line(error)}); check RAY_ADDRESS") from error
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


LAUNCHERS = {"slurm": run_on_slurm, "ray": run_on_ray}

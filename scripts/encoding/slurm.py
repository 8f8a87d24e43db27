"""Spread the encoding of a corpus over Slurm nodes: one job array, a share of the shards for each task.

A task is the same command with --rank and --world_size, so any other launcher that knows these two (torchrun, a
loop over ssh) can start the shares as well. Shards are the unit of work and of resuming, on one machine as on many; a
task that dies costs its unfinished shards, which the next run of the same command encodes.
"""

import shlex
import subprocess
import sys
from pathlib import Path

from scripts.encoding.plan import EncodeError
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


def run_array(arguments: list[str], output: Path, nodes: int, threads: int) -> None:
    """Submit the shares as a job array and wait for all of them.

    Partition, account and time limit are sbatch's own: set them by SBATCH_PARTITION, SBATCH_ACCOUNT, SBATCH_TIMELIMIT.

    Args:
        arguments: of `scripts.encode_domain`, for one share but its rank.
        output: folder on a file system that all nodes share; the script and logs lie in its `slurm/`.

    Raises:
        EncodeError: the job could not be submitted, or a task failed.
    """
    folder = output.absolute() / "slurm"
    folder.mkdir(parents=True, exist_ok=True)
    command = shlex.join([sys.executable, "-m", "scripts.encode_domain", *arguments])
    root, logs = shlex.quote(str(PROJECT_ROOT)), str(folder).replace("%", "%%")
    script = folder / "encode.sbatch"
    write_text(
        script, SCRIPT.format(last=nodes - 1, threads=threads, logs=logs, root=root, command=command, nodes=nodes)
    )
    try:
        done = subprocess.run(["sbatch", "--wait", str(script)])
    except FileNotFoundError:
        raise EncodeError("no sbatch on PATH; run on a Slurm login node, or with --executor local") from None
    if done.returncode:
        raise EncodeError(
            f"sbatch ended with {done.returncode}; see {folder}/*.log and run the same command again, "
            "finished shards are kept"
        )

"""Share the shards out to a Slurm job array: each task is the same command with --rank and --world_size.

A shard is the unit of work: a task that dies loses its unfinished shards, which the next run of the command encodes.
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


def run_array(command: list[str], output: Path, nodes: int, threads: int) -> None:
    """Submit the shares as a job array and wait for all of them.

    Partition, account and time limit are sbatch's own: set them by SBATCH_PARTITION, SBATCH_ACCOUNT, SBATCH_TIMELIMIT.

    Args:
        command: of one share, without --rank and --world_size.
        output: folder on a file system that all nodes share; the script and logs lie in its `slurm/`.

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

"""Which checkpoints of a run are whole."""

import json
import shutil
from pathlib import Path

from transformers.utils import logging

logger = logging.get_logger(__name__)


class CheckpointError(RuntimeError):
    """A checkpoint could not be written."""


def is_whole(checkpoint: Path) -> bool:
    """True once `trainer_state.json`, which the Trainer writes last, parses."""
    try:
        json.loads((checkpoint / "trainer_state.json").read_text())
    except (OSError, ValueError):
        return False
    return True


def newest_checkpoint(run_dir: Path) -> str | None:
    """The newest whole checkpoint of a run, None where there is none; half-written ones are removed with a warning."""
    found = sorted(run_dir.glob("checkpoint-*"), key=lambda folder: int(folder.name.rpartition("-")[2]))
    for folder in reversed(found):
        if is_whole(folder):
            return str(folder)
        logger.warning(f"{folder} is half-written; removed, going on from the one before")
        shutil.rmtree(folder)
    return None

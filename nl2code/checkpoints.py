"""The checkpoints of a run: folders `checkpoint-<step>`. Other names, such as checkpoint-best, are left alone."""

import json
import logging
import re
import shutil
from pathlib import Path

logger = logging.getLogger(__name__)


def checkpoints(run_dir: Path) -> list[Path]:
    """The checkpoint folders of a run, whole or not, in the order of their steps."""
    ours = re.compile(r"checkpoint-(0|[1-9]\d*)", re.ASCII)
    found = [folder for folder in run_dir.glob("checkpoint-*") if folder.is_dir() and ours.fullmatch(folder.name)]
    return sorted(found, key=lambda folder: int(folder.name[11:]))


def is_whole(checkpoint: Path) -> bool:
    """True once `trainer_state.json`, which the Trainer writes last, is complete."""
    try:
        json.loads((checkpoint / "trainer_state.json").read_text())
    except (OSError, ValueError):
        return False
    return True


def is_weights_only(checkpoint: Path) -> bool:
    """Whether a checkpoint has weights in one place, but not all of optimizer, scheduler and random state to resume from."""
    has = lambda *names: any(any(checkpoint.glob(name)) for name in names)  # noqa: E731
    of_others = has("optimizer.bin", "optimizer_*", "global_step*")  # of FSDP and DeepSpeed
    can_resume = has("rng_state*.pth") and (of_others or (has("optimizer.pt") and has("scheduler.pt")))
    return has("*.safetensors") and not can_resume


def newest_checkpoint(run_dir: Path) -> str | None:
    """The newest checkpoint to resume from, None without one; incomplete ones are removed with a warning."""
    for folder in reversed(checkpoints(run_dir)):
        if not is_whole(folder):
            logger.warning(f"{folder} is incomplete: removed; the checkpoint before it is used")
            shutil.rmtree(folder)
        elif is_weights_only(folder):
            logger.warning(f"{folder} lacks optimizer, scheduler or random state: training cannot resume from it")
        else:
            return str(folder)
    return None


def remove_old(run_dir: Path, limit: int | None, protected: list[Path]) -> None:
    """Remove all but the newest `limit` checkpoints of a run; None or 0 keeps all, `protected` ones stay anyway."""
    kept = {folder.resolve() for folder in protected}
    for folder in checkpoints(run_dir)[: -limit if limit and limit > 0 else 0]:
        if folder.resolve() not in kept:
            shutil.rmtree(folder, ignore_errors=True)

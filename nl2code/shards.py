"""The shards of a dataset: `train`, `train1`, `train2`, ..."""

import re
from pathlib import Path

from nl2code.errors import UserError

SHARD_FILES = (".bin", "_features.npy", "_targets.npy", ".idx")  # in the order of writing


def find_shards(prefix: str | Path) -> list[str]:
    """Prefixes of the shards of a dataset, in order.

    Raises:
        UserError: there is no shard, or a number is missing between two shards.
    """
    prefix = Path(prefix)
    pattern = re.compile(re.escape(prefix.name) + r"([1-9][0-9]*)?\.idx")  # `train01` is none
    numbers = sorted(
        int(match[1] or 0)
        for file in prefix.parent.glob(f"{prefix.name}*.idx")
        if (match := pattern.fullmatch(file.name))
    )
    if not numbers:
        raise UserError(f"no {prefix}.idx; encode the corpus first (scripts/run_encode_domain.sh)")
    missing = sorted(set(range(numbers[-1] + 1)) - set(numbers))
    if missing:
        raise UserError(f"shard {prefix}{missing[0] or ''} is missing below {prefix}{numbers[-1]}; encode again")
    return [f"{prefix}{number or ''}" for number in numbers]

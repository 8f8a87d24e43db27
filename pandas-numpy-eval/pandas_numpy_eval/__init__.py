"""Python problems for pandas and NumPy, a sandbox that runs their tests, and pass@k."""

import os
from pathlib import Path


def cache_folder(name: str) -> Path | None:
    """`~/.cache/pandas-numpy-eval/NAME`, whether it exists or not; None for a user without a home folder."""
    home = os.path.expanduser("~")
    return None if home == "~" else Path(home, ".cache", "pandas-numpy-eval", name)

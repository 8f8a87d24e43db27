"""Python problems for pandas and NumPy, a sandbox that runs their tests, and pass@k.

The names below are loaded when first used: `from pandas_numpy_eval import read_problems, evaluate`.
"""

import os
from importlib import import_module
from pathlib import Path

OWN = ("Pandas", "Numpy", "PandasDev", "NumpyDev")  # our benchmarks; the name of a file is Cert and this
_HOMES = {"read_problems": "data", "stream_jsonl": "data", "write_jsonl": "data", "program_of": "data"}
_HOMES |= {"estimate_pass_at_k": "scoring", "evaluate": "api"}
__all__ = ["benchmark_name", "cache_folder", *_HOMES]  # noqa: PLE0604


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def benchmark_name(name: str) -> str:
    """The name of a benchmark that folders and records have: ours are called by their file as well.

    >>> benchmark_name("CertPandas"), benchmark_name("Pandas"), benchmark_name("mine.jsonl")
    ('Pandas', 'Pandas', 'mine.jsonl')
    """
    short = name.removeprefix("Cert")
    return short if short in OWN else name


def cache_folder(name: str) -> Path | None:
    """`~/.cache/pandas-numpy-eval/NAME`, whether it exists or not; None for a user without a home folder."""
    home = os.path.expanduser("~")
    return None if home == "~" else Path(home, ".cache", "pandas-numpy-eval", name)

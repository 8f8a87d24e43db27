"""What is known of the original benchmarks, PandasEval and NumpyEval, which do not ship: places, hashes, broken tests.

It needs the standard library alone, so that settings can be checked before there is an environment.

Tasks are listed by the sha256 of the compressed file, so that a changed file of the same name has no known defects.
Which canonical solutions fail depends on the library versions, so it is not listed: the evaluation runs them.
"""

import hashlib
from pathlib import Path

from pandas_numpy_eval import cache_folder

DATA = Path(__file__).parent / "data"
FOLDERS = tuple(folder for folder in (DATA, cache_folder("data")) if folder)  # of the originals, in order of preference
URL = "https://raw.githubusercontent.com/microsoft/PyCodeGPT/HEAD/cert/pandas-numpy-eval/data"
SHA256 = {
    "PandasEval": "c3e75b503e922b2592a7934b1837aaae26bd2f72c424c020f4720983d7928ef6",
    "NumpyEval": "828b9c65a60108c27e03f8e22ca2dab85877e6689f1de7aee7e580485c065623",
}
BROKEN_TEST = "no completion can pass: the test is a syntax error, or calls check without the argument that it needs"
_DEFECTS = {SHA256["PandasEval"]: {f"PandasEval/{number}": BROKEN_TEST for number in (29, 36, 90)}}


def find_original(name: str) -> Path | None:
    """Where the original PandasEval or NumpyEval was fetched to; None where there is none, or another file."""
    for path in (folder / f"{name}.jsonl.gz" for folder in FOLDERS):
        if path.is_file() and file_sha256(path) == SHA256[name]:
            return path
    return None


def file_sha256(path: str | Path) -> str:
    """sha256 of a file's bytes, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def known_defects(sha256: str) -> dict[str, str]:
    """Known defects of a problem file, by task_id."""
    return _DEFECTS.get(sha256, {})

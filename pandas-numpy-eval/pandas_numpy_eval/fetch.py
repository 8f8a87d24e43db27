"""Put the original PandasEval and NumpyEval in place, which do not ship with this package.

    python -m pandas_numpy_eval.fetch                              # from the original repository
    python -m pandas_numpy_eval.fetch ~/Downloads                  # a folder that holds one or both
    python -m pandas_numpy_eval.fetch ~/Downloads/file.jsonl.gz    # a file; its hash says which it is
    python -m pandas_numpy_eval.fetch https://example.org/mirror   # a folder or a .jsonl.gz on the web

Then `-d PandasEval` and `-d NumpyEval` choose them. A file counts only with the sha256 of the original.
"""

import argparse
import hashlib
import http.client
import os
import sys
import tempfile
import urllib.request
from pathlib import Path

from pandas_numpy_eval import data, originals
from pandas_numpy_eval.errors import EvaluationError, exit_status
from pandas_numpy_eval.journal import write_whole

TIMEOUT_SECONDS = 60
MAX_BYTES = 10 << 20


def read_source(source: str, names: list[str]) -> dict[str, bytes]:
    """Contents of the problem files that a source has, by path or URL. Raises EvaluationError, OSError.

    `names`: the files to ask a web folder for.
    """
    if source.startswith(("http://", "https://")):
        urls = [source] if source.endswith(".jsonl.gz") else [f"{source.rstrip('/')}/{name}.jsonl.gz" for name in names]
        return {url: _download(url) for url in urls}
    path = Path(os.path.expanduser(source))
    paths = [file for name in names if (file := path / f"{name}.jsonl.gz").is_file()] if path.is_dir() else [path]
    if not paths:
        wanted = " and no ".join(f"{name}.jsonl.gz" for name in names)
        advice = "give the folder or the file, or no source for the original repository"
        raise EvaluationError(f"no {wanted} in {path}; {advice}")
    return {str(file): file.read_bytes() for file in paths}


def _download(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
            content = answer.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES:,} bytes, so it is not one of the originals")
    except (OSError, ValueError, http.client.HTTPException) as error:
        advice = "connect, or give a local file or folder: python -m pandas_numpy_eval.fetch FILE"
        raise EvaluationError(f"{url}: {error}; {advice}") from None
    return content


def identify(content: bytes, where: str) -> str:
    """Name of the benchmark that a file's bytes are. Raises EvaluationError, OSError."""
    sha256 = hashlib.sha256(content).hexdigest()
    name = next((name for name, wanted in originals.SHA256.items() if wanted == sha256), None)
    if name is None:
        wanted = ", ".join(f"{name} {value[:12]}..." for name, value in originals.SHA256.items())
        raise EvaluationError(f"{where} has sha256 {sha256[:12]}..., not an original's ({wanted}); give another source")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{name}.jsonl.gz")
        path.write_bytes(content)
        lacking = [task for task, problem in data.read_problems(path).items() if not data.solutions_of(problem)]
    if lacking:
        raise EvaluationError(f"{where}: no canonical_solution: {', '.join(lacking[:5])}")
    return name


def place(name: str, content: bytes) -> Path:
    """Write a problem file to the first folder that can be written to; return its path. Raises EvaluationError."""
    for folder in originals.FOLDERS:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(folder / f"{name}.jsonl.gz", [content])
            return folder / f"{name}.jsonl.gz"
        except OSError as error:
            reason = error
    raise EvaluationError(
        f"{name} cannot be put in place ({reason}): choose the downloaded file itself, -d FILE.jsonl.gz"
    )


def fetch(source: str | None = None) -> dict[str, Path]:
    """Put files in place and return them by name; without a source, those that are not there yet.

    Nothing is written unless everything that the source has is right. Raises EvaluationError, OSError.
    """
    found = {name: path for name in originals.SHA256 if (path := originals.find_original(name))}
    names = [name for name in originals.SHA256 if source is not None or name not in found]
    contents = read_source(source or originals.URL, names) if names else {}
    named = {identify(content, where): content for where, content in contents.items()}
    return {**found, **{name: place(name, content) for name, content in named.items()}}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m pandas_numpy_eval.fetch",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("source", nargs="?", help="file, folder or URL (default: the original repository)")
    args = parser.parse_args(argv)

    def work() -> None:
        places = fetch(args.source)
        for name in originals.SHA256:
            print(f"{name}: {places[name]} (-d {name})" if name in places else f"{name}: not there yet")

    return exit_status(work)


if __name__ == "__main__":
    sys.exit(main())

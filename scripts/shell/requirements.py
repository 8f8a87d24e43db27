"""Refuse an environment whose packages are missing or of the wrong version.

python -m scripts.shell.requirements requirements.txt     # in the Python that is to be used
"""

import importlib.metadata
import os
import shlex
import sys
from pathlib import Path

from nl2code.errors import UserError, exit_status


def unmet(file: Path) -> list[str]:
    """Requirements of a file (and of those it includes) that this Python does not meet, each with what it has."""
    from packaging.requirements import Requirement

    found = []
    for line in file.read_text(encoding="utf-8").split("\n"):
        text = line.partition("#")[0].strip()
        if text.startswith("-r "):
            found += unmet(file.parent / text[3:].strip())
        elif text:
            requirement = Requirement(text)
            try:
                version = importlib.metadata.version(requirement.name)
            except importlib.metadata.PackageNotFoundError:
                version = None
            if version is None or not requirement.specifier.contains(version, prereleases=True):
                found.append(f"{requirement} ({f'found {version}' if version else 'missing'})")
    return found


def main(argv: list[str] | None = None) -> int:
    (file,) = sys.argv[1:] if argv is None else argv

    def work() -> None:
        if sys.version_info < (3, 11):  # noqa: UP036 - this runs in any Python
            raise UserError(f"{sys.executable} is Python {sys.version.split()[0]}; 3.11 or newer is needed")
        try:
            missing = unmet(Path(file))
        except ImportError:
            missing = ["packaging (missing)"]
        if missing:
            leave = "unset CERT_PYTHON" if os.environ.get("CERT_PYTHON") else "leave the environment"
            advice = f"run {shlex.quote(sys.executable)} -m pip install -r {file}, or {leave} to get a .venv"
            raise UserError(f"{sys.executable} does not have what {file} asks for: {', '.join(missing)}; {advice}")

    return exit_status(work)


if __name__ == "__main__":
    sys.exit(main())

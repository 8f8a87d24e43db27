"""One contract of all stages: what an output was made from, whether it is finished, whether a killed run may go on.

A record is a JSON file in or beside a stage's output:

    stage     corpus, encoding, training or generation
    format    raised by hand where a stage's output changes for equal inputs and settings
    inputs    {name: sha256} of everything that is read, side files (features, tokenizer) too
    settings  by value, nested ones too
    outputs   {path from the record's folder: {"bytes": int, "sha256": hex}}; absent until the stage is finished
    run       what may differ between two equal runs: seconds, versions, git revision

Settings that changed are refused, because what they made is somebody's work. Inputs or a format that changed make an
output stale: the stage decides whether it makes it again.
"""

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nl2code.errors import UserError
from nl2code.hashes import sha256_file
from scripts.file_utils import git_revision, versions, write_json

ABSENT = "(none)"
# Advice of the stages whose place follows from -o, or in the shells from DATA_DIR, DOMAIN and the preset's name.
ANOTHER_PLACE = "choose another -o (in the shells: DATA_DIR, or PRESET with a copy of the preset's file)"


@dataclass(frozen=True)
class Record:
    """What a stage is asked to make, beside what its record file says was made.

    Attributes:
        file: of the record.
        stage: name of the stage.
        format: number of the stage's output format.
        inputs: name -> sha256 in hex.
        settings: JSON types only, once written and read back (tuples become lists).
    """

    file: Path
    stage: str
    format: int
    inputs: dict[str, str]
    settings: dict

    @property
    def asked(self) -> dict:
        """The description as JSON would give it back."""
        fields = {"stage": self.stage, "format": self.format, "inputs": self.inputs, "settings": self.settings}
        return json.loads(json.dumps(fields))

    def known(self) -> dict | None:
        """What the record file says; None where there is none, or none of this contract."""
        return read_record(self.file)

    def changed_settings(self) -> list[str]:
        """Settings that differ from the recorded ones, as `name: recorded -> asked`; none without a record."""
        known = self.known()
        return [] if known is None else changes(known["settings"], self.asked["settings"])

    def changed_inputs(self) -> list[str]:
        """The same of the inputs and the format."""
        known, asked = self.known(), self.asked
        if known is None:
            return []
        found = changes(known["inputs"], asked["inputs"])
        return found + changes({"format": known["format"]}, {"format": asked["format"]})

    def refuse_other_settings(self, advice: str) -> None:
        """Raise UserError where the record tells of other settings; `advice` is what the user can do."""
        changed = self.changed_settings()
        if changed:
            raise UserError(f"{self.file.parent} was made with other settings: {'; '.join(changed)}; {advice}")

    def matches(self) -> bool:
        """Whether the record tells of the same stage, format, inputs and settings, finished or not."""
        known = self.known()
        return known is not None and {key: known.get(key) for key in self.asked} == self.asked

    def is_finished(self) -> bool:
        """Whether the recorded output is what is asked for, and every file of it is there with its size."""
        return self.matches() and outputs_are_there(self.file)

    def is_finished_result(self) -> bool:
        """The same of a result that is this one file (-o of a command), with a line on stderr where nothing is left to do.

        Raises:
            UserError: the file is something else, or was made with other settings.
        """
        if self.file.exists() and not self.known():
            raise UserError(f"{self.file} is there, but no result of this program; move it away or choose another -o")
        self.refuse_other_settings("choose another -o")
        if finished := self.is_finished():
            print(f"{self.file} is up to date, nothing to do", file=sys.stderr)
        return finished

    def begin(self) -> None:
        """Write the description without outputs: from now on the place belongs to these settings."""
        write_json(self.file, self.asked)

    def finish(self, outputs: Iterable[Path], run: dict | None = None, **facts) -> None:
        """Write the whole record, the last file of a stage.

        Args:
            outputs: files below the record's folder.
            run: what varies between equal runs; git revision and versions are added.
            facts: further keys, such as counts.
        """
        sizes = {
            os.path.relpath(path, self.file.parent): {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
            for path in map(Path, outputs)
        }
        about = {**(run or {}), "git_revision": git_revision(), "versions": versions()}
        write_json(self.file, {**self.asked, **facts, "outputs": sizes, "run": about})


def read_record(file: Path) -> dict | None:
    """The content of a record file; None where it is missing, unreadable or no record."""
    try:
        known = json.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(known, dict) or not all(isinstance(known.get(key), dict) for key in ("inputs", "settings")):
        return None
    return known


def outputs_are_there(file: Path) -> bool:
    """Whether a record is finished and every output has the recorded size."""
    known = read_record(file)
    try:
        sizes = {name: facts["bytes"] for name, facts in known["outputs"].items()}
        return all((Path(file).parent / name).stat().st_size == size for name, size in sizes.items())
    except (KeyError, TypeError, AttributeError, OSError):
        return False


def changes(recorded: dict, asked: dict) -> list[str]:
    """Leaves that differ, as `name: recorded -> asked`, nested names joined by dots.

    >>> changes({"lr": 1, "kwargs": {"min": 0.1}}, {"lr": 1, "kwargs": {"min": 0.2}, "seed": 3})
    ['kwargs.min: 0.1 -> 0.2', 'seed: (none) -> 3']
    """
    before, after = dict(_leaves(recorded)), dict(_leaves(asked))
    names = [*before, *(name for name in after if name not in before)]
    pairs = [(name, before.get(name, ABSENT), after.get(name, ABSENT)) for name in names]
    return [f"{name}: {_shown(old)} -> {_shown(new)}" for name, old, new in pairs if old != new]


def _leaves(value: dict, prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            yield from _leaves(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", inner


def _shown(value: object) -> str:
    """A value for a message; of a digest the beginning."""
    if not isinstance(value, str):
        return json.dumps(value)
    return value[:12] if re.fullmatch("[0-9a-f]{40,}", value) else value


def rank_and_world() -> tuple[int, int]:
    """(rank, number of processes) of this process, as torchrun and Slurm's launchers set them; (0, 1) alone."""
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))

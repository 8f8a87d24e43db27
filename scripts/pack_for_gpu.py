"""A folder with all that a GPU machine without a network needs: model, token shards, wheels; in parts of at most 48 MB.

    python -m scripts.pack_for_gpu pack -o pack --model smollm2-135m --shards SHARDS/train --wheels wheels
    python -m scripts.pack_for_gpu join pack -o pack/joined    # there; benchmarks/one_gpu.sh does it by itself

The folder holds `part-000`, `part-001`, ... (a .zip, cut) and `manifest.json` with the size and SHA-256 of each part and
of the whole. `join` checks every part, then the whole, and unpacks `model/` (bfloat16 safetensors and tokenizer),
`shards/` and `wheels/`.
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from nl2code.errors import UserError, exit_status
from nl2code.hashes import sha256_file
from nl2code.shards import SHARD_FILES, find_shards
from scripts.file_utils import replacing_folder, write_json
from scripts.shell.checks import DEFAULT_BASE

PART_BYTES = 48_000_000
MANIFEST = "manifest.json"


class PartWriter:
    """A file to write to that is cut into parts; keeps the hashes of each and of the whole."""

    def __init__(self, folder: Path, part_bytes: int):
        self.folder, self.part_bytes = folder, part_bytes
        self.parts: list[Path] = []
        self.room = 0
        self.whole = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.whole.update(data)
        left = memoryview(data)
        while left:
            if not self.room:
                self.parts.append(self.folder / f"part-{len(self.parts):03d}")
                self.room = self.part_bytes
            with open(self.parts[-1], "ab") as stream:
                written = stream.write(left[: self.room])
            self.room -= written
            left = left[written:]
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""


def save_model(name: str, folder: Path) -> None:
    """Write a model in bfloat16 (an adapter merged into its base), and its tokenizer. Raises ModelError."""
    import torch

    from nl2code.models import load_tokenizer
    from scripts.training.starting_model import starting_model

    starting_model(name).to(torch.bfloat16).save_pretrained(folder)
    load_tokenizer(name).save_pretrained(folder)


def shard_files(prefix: str) -> dict[str, Path]:
    """The files of all shards of a prefix, by their names in the pack: `shards/train.bin`, ... Raises UserError."""
    shards = enumerate(find_shards(prefix))
    places = {f"train{number or ''}{end}": f"{shard}{end}" for number, shard in shards for end in SHARD_FILES}
    return {f"shards/{name}": Path(file) for name, file in places.items() if Path(file).is_file()}


def pack(output: Path, model: str, shards: str | None, wheels: Path | None, part_bytes: int = PART_BYTES) -> str:
    """Write the folder anew; return the line that says so. Raises UserError."""
    found = sorted(wheels.glob("*.whl")) if wheels else []
    if wheels and not found:
        raise UserError(f"no *.whl in {wheels}; fill it with `pip wheel`, or leave --wheels out")
    if output.exists() and not (output / MANIFEST).is_file():
        raise UserError(f"{output} is there, but no folder of this program; move it away or choose another -o")
    contents = {f"wheels/{file.name}": file for file in found} | (shard_files(shards) if shards else {})
    with replacing_folder(output) as folder, tempfile.TemporaryDirectory() as temporary:
        save_model(model, Path(temporary))
        contents |= {f"model/{file.name}": file for file in sorted(Path(temporary).iterdir())}
        writer = PartWriter(folder, part_bytes)
        with zipfile.ZipFile(writer, "w", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False) as archive:
            for name, file in contents.items():
                archive.write(file, name)
        parts = {part.name: {"bytes": part.stat().st_size, "sha256": sha256_file(part)} for part in writer.parts}
        write_json(folder / MANIFEST, {"sha256": writer.whole.hexdigest(), "parts": parts})
    size = sum(part["bytes"] for part in parts.values())
    return f"wrote {output}: {len(contents)} files, {size / 1e6:.0f} MB in {len(parts)} parts"


def join(folder: Path, output: Path) -> str:
    """Check and unpack a folder of `pack`; return the line that says so.

    Raises:
        UserError: a part is missing or damaged, or the parts do not belong together.
    """
    try:
        text = (folder / MANIFEST).read_text(encoding="utf-8")
        whole, parts = json.loads(text)["sha256"], json.loads(text)["parts"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{folder} has no readable {MANIFEST} ({error}); copy it from the packed folder") from error
    if (output / MANIFEST).is_file() and (output / MANIFEST).read_text(encoding="utf-8") == text:
        return f"{output} is up to date, nothing to do"
    for name, facts in parts.items():
        part = folder / name
        if not part.is_file():
            raise UserError(f"part {part} is missing, one of {len(parts)}; copy it here")
        if (found := sha256_file(part)) != facts["sha256"]:
            raise UserError(
                f"part {part} is damaged: {part.stat().st_size} bytes with SHA-256 {found[:12]}, {MANIFEST} has "
                f"{facts['bytes']} bytes with {facts['sha256'][:12]}; copy it again"
            )
    with replacing_folder(output) as new:
        archive = new / "whole.zip"
        with open(archive, "wb") as target:
            for name in parts:
                with open(folder / name, "rb") as source:
                    shutil.copyfileobj(source, target, 1 << 20)
        if sha256_file(archive) != whole:
            raise UserError(f"the parts in {folder} are whole, but {MANIFEST} has another hash of all; pack them again")
        with zipfile.ZipFile(archive) as stream:
            stream.extractall(new)
        archive.unlink()
        (new / MANIFEST).write_text(text, encoding="utf-8")
    return f"joined {len(parts)} parts to {output}"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack", help="write the folder")
    add = packing.add_argument
    add("-o", "--output", type=Path, default=Path("pack"), help="folder to write (default: pack)")
    add("--model", default=DEFAULT_BASE, help=f"folder, name under models/, or hub id (default: {DEFAULT_BASE})")
    add("--shards", help="prefix of token shards (default: none; the benchmark then trains on random tokens)")
    add("--wheels", type=Path, help="folder of Python wheels that the machine lacks (default: none)")
    joining = commands.add_parser("join", help="check the parts of a folder and unpack them")
    joining.add_argument("folder", type=Path, help="folder that `pack` wrote")
    joining.add_argument("-o", "--output", type=Path, help="folder to unpack to (default: FOLDER/joined)")
    args = parser.parse_args(argv)
    if args.command == "join":
        return exit_status(lambda: print(join(args.folder, args.output or args.folder / "joined")))
    return exit_status(lambda: print(pack(args.output, args.model, args.shards, args.wheels)))


if __name__ == "__main__":
    sys.exit(main())

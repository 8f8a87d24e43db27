"""Look for archives that the corpus crashes or hangs on: one tree in every form, mutated in one byte or one field.

    python -m benchmarks.fuzz_archives --count 1000 --seed 1

Each case is a pure function of the seed and its number, which a failure prints. An archive must end in documents or in
one line of UserError, within SECONDS. Of a compressed tar the tar inside is mutated as well, so that damage gets past
the checksum of the compression; of a tar header the checksum is set right again.
"""

import argparse
import bz2
import gzip
import io
import lzma
import random
import struct
import sys
import tarfile
import tempfile
import traceback
import zipfile
from collections import Counter
from pathlib import Path

from benchmarks.time_limit import OutOfTime, time_limit
from nl2code.errors import UserError
from scripts.corpus.documents import HarvestOptions, harvest
from scripts.corpus.sources import resolve

SECONDS = 10
CODE = "import pandas as pd\n\n\ndef load{n}(path):\n    frame = pd.read_csv(path)\n    return frame.dropna()\n"
DOC = "Count them:\n\n```python\nimport pandas as pd\npd.DataFrame({{'a': [{n}]}}).isna().sum()\n```\n"
METADATA = "Metadata-Version: 2.1\nName: mylib\nVersion: 1.0\nClassifier: License :: OSI Approved :: MIT License\n\nx\n"
TREE = {
    "LICENSE": "Permission is hereby granted, free of charge, to any person obtaining a copy\n",
    **{f"mylib/{name}.py": CODE.format(n=n) for n, name in enumerate(("__init__", "alpha", "beta"))},
    "mylib/_vendor/old.py": CODE.format(n=8),
    "docs/guide.md": "<!-- SPDX-License-Identifier: ISC -->\n" + DOC.format(n=7),
    "docs/é ü.md": DOC.format(n=6),
    "data/table.csv": "1,2\n",
}
COMPRESSIONS = {".tar": bytes, ".tar.gz": gzip.compress, ".tar.bz2": bz2.compress, ".tar.xz": lzma.compress}
TAR_FIELDS = {"name": (0, 100), "mode": (100, 8), "size": (124, 12), "mtime": (136, 12), "type": (156, 1)}
TAR_FIELDS |= {"link": (157, 100), "magic": (257, 8), "prefix": (345, 155)}
ZIP_FIELDS = {b"PK\3\4": 30, b"PK\1\2": 46, b"PK\5\6": 22}  # signature -> bytes of the fixed part


def pack(tree: dict[str, str], form: str) -> bytes:
    """A tree of texts as an archive.

    Args:
        form: a suffix of COMPRESSIONS, `.zip` or `.whl`; in front of it `flat` (no folder around the tree, the default),
            `top` (one folder around it), `dot` (paths begin with `./`) or `backslash` (a zip made on Windows).
    """
    layout, _, suffix = form.rpartition("/")
    prefix = {"top": "mylib-1.0/", "dot": "./"}.get(layout, "")
    stream = io.BytesIO()
    if suffix in COMPRESSIONS:
        with tarfile.open(fileobj=stream, mode="w") as archive:
            if layout == "dot":
                root = tarfile.TarInfo("./")
                root.type = tarfile.DIRTYPE
                archive.addfile(root)
            for path, text in tree.items():
                info = tarfile.TarInfo(prefix + path)
                info.size = len(text.encode())
                archive.addfile(info, io.BytesIO(text.encode()))
        return COMPRESSIONS[suffix](stream.getvalue())
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in tree.items():
            archive.writestr((prefix + path).replace("/", "\\") if layout == "backslash" else prefix + path, text)
    return stream.getvalue()


FORMS = [*COMPRESSIONS, "top/.tar.gz", "dot/.tar.gz", ".zip", "top/.zip", "backslash/.zip", ".whl"]


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """The data with one byte changed, one cut out, a piece doubled, or the end missing."""
    at = rng.randrange(len(data))
    change = rng.choice(("byte", "byte", "byte", "cut", "double", "end"))
    if change == "byte":
        return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
    if change == "cut":
        return data[:at] + data[at + 1 :]
    return data[:at] if change == "end" else data[:at] + data[max(0, at - rng.randrange(1, 600)) :]


def mutate_tar(data: bytes, rng: random.Random) -> bytes:
    """A tar with one field of one header changed, its checksum set right."""
    starts = [at for at in range(0, len(data) - 512, 512) if data[at + 257 : at + 262] == b"ustar"]
    start = rng.choice(starts)
    header = bytearray(data[start : start + 512])
    offset, size = TAR_FIELDS[rng.choice(list(TAR_FIELDS))]
    values = (rng.randbytes(size), b"\xff" * size, b"\0" * size, b"\x80" + b"\0" * (size - 2) + b"\x01", b"7" * size)
    values += (b"../../x.py", b"/etc/x.py", b"a\nb.py", b"\xe9.py", b"-1", b"1", b"2", b"5")
    values += (b"L", b"K", b"x", b"g", b"S")
    value = rng.choice(values)[:size]
    header[offset : offset + len(value)] = value
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return data[:start] + bytes(header) + data[start + 512 :]


def mutate_zip(data: bytes, rng: random.Random) -> bytes:
    """A zip with one 16-bit or 32-bit field of one header changed."""
    signature = rng.choice(list(ZIP_FIELDS))
    starts, at = [], data.find(signature)
    while at >= 0:
        starts.append(at)
        at = data.find(signature, at + 1)
    kind = rng.choice("HI")
    at = rng.choice(starts) + rng.randrange(4, ZIP_FIELDS[signature] - struct.calcsize(kind) + 1, 2)
    values = (0, 1, 8, 12, 14, 99, 0xFFFF, rng.randrange(1 << 16), *([0xFFFFFFFF, 1 << 31] if kind == "I" else []))
    value = rng.choice(values)
    return data[:at] + struct.pack(f"<{kind}", value) + data[at + struct.calcsize(kind) :]


def make_case(seed: int, number: int) -> tuple[str, bytes]:
    """(file name, archive) of one case."""
    rng = random.Random(f"{seed} {number}")
    form = rng.choice(FORMS)
    suffix = form.rpartition("/")[2]
    tree = dict(TREE)
    if suffix == ".whl" or rng.random() < 0.3:
        tree["mylib-1.0.dist-info/METADATA" if suffix == ".whl" else "PKG-INFO"] = METADATA
    if rng.random() < 0.2:  # one line of one text
        path = rng.choice(list(tree))
        lines = tree[path].split("\n")
        at = rng.randrange(len(lines))
        pool = ("", "\x00", "\ud7ff", "License: \u2028", "(" * 500, "SPDX-License-Identifier: ((MIT OR", "\r")
        lines[at] = rng.choice((*pool, "x" * 2000, lines[at][::-1]))
        tree[path] = "\n".join(lines)
        return f"case{suffix}", pack(tree, form)
    data = pack(tree, form)
    if suffix in (".zip", ".whl"):
        return f"case{suffix}", rng.choice((mutate_bytes, mutate_zip))(data, rng)
    if rng.random() < 0.6:
        tar = pack(tree, f"{form.removesuffix(suffix)}.tar")
        return f"case{suffix}", COMPRESSIONS[suffix](rng.choice((mutate_bytes, mutate_tar))(tar, rng))
    return f"case{suffix}", mutate_bytes(data, rng)


def check(seed: int, number: int, folder: Path) -> tuple[str, str]:
    """(outcome, details): `documents`, `refused` in one line, or `FAILED`."""
    name, data = make_case(seed, number)
    path = folder / name
    path.write_bytes(data)
    try:
        with time_limit(SECONDS):
            options = HarvestOptions("pandas", ("code", "mined"), True, (), ())
            found = harvest(resolve(str(path), folder), options, folder / "texts")
        return "documents", str(len(found.documents))
    except UserError as error:
        message = str(error)
        return ("refused" if "\n" not in message and name in message else "FAILED"), message
    except (Exception, OutOfTime):
        return "FAILED", traceback.format_exc()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="number of archives (default: 1000)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the cases (default: 1)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case (default: 0)")
    args = parser.parse_args(argv)
    outcomes: Counter = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(args.first, args.first + args.count):
            outcome, details = check(args.seed, number, Path(folder))
            outcomes[outcome] += 1
            if outcome == "FAILED":
                print(f"seed {args.seed}, case {number}:\n{details}")
    print(f"fuzz_archives: seed {args.seed}, {args.count} archives: {dict(sorted(outcomes.items()))}")
    return 1 if outcomes["FAILED"] else 0


if __name__ == "__main__":
    sys.exit(main())

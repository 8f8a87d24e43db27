"""The sketches of real files beside those made on RedBaron's syntax tree, as the released code makes them.

    python -m benchmarks.compare_redbaron --files 1500
    python -m benchmarks.compare_redbaron --package sklearn --files 100000 --max_bytes 1000000      # all, hours

RedBaron (pip install redbaron setuptools) reads about nineteen of twenty such files, slowly. Where it reads one, its sketch
and ours are the same bytes, but for what RedBaron does by itself:

- `white space`: it moves blank lines and comments at the end of bodies, and joins words to a literal beside them
  (`'a'if` becomes `stringif`); without white space the two are equal. Files that RedBaron writes out unchanged, with no
  word beside a literal, are compared byte for byte.
- `rb`: it reads `rb''` as a name and a string. Such a file is compared with `br''` in its place, which both leave alone.

Prints the counts, names every other difference, and ends with 1 where there is one. Writes
benchmarks/results/redbaron.json.
"""

import argparse
import ast
import importlib.util
import random
import re
import sys
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tqdm import tqdm

from scripts.ast_utils import sketch_spans, transform_code_to_sketch
from scripts.file_utils import git_revision, versions, write_json
from scripts.sketches.lexer import tokens
from scripts.sketches.sketch import replace_spans

RESULT = Path(__file__).resolve().parent / "results" / "redbaron.json"
PACKAGES = ("pandas", "numpy", "sklearn", "transformers")
WORDS = {
    "int": "number",
    "float": "float",
    "float_exponant": "floatexponant",
    "complex": "complex",
    "raw_string": "rawstring",
    "binary_string": "binarystring",
    "unicode_string": "unicodestring",
    "interpolated_string": "interstring",
    "interpolated_raw_string": "interrawstring",
}
SAME, WHITE_SPACE, RB, UNREAD, OTHER = "same", "white space", "rb", "not read by RedBaron", "other"


def redbaron_sketch(tree) -> str:
    """The mapping of the released code, done on a tree of RedBaron's."""
    for kind, word in WORDS.items():
        for node in tree.find_all(kind):
            node.value = word
    for node in tree.find_all("string"):
        if "'''" not in node.value and '"""' not in node.value:
            node.value = "string"
    for kind, word in (("def", "func"), ("class", "AnClass")):
        for node in tree.find_all(kind):
            node.name = word
    return tree.dumps()


def rb_prefixes(code: str) -> list[tuple[int, int, str]]:
    """Where `rb` begins a string, and `br`."""
    raw_bytes = [start for kind, start, _ in tokens(code) if kind == "raw_bytes"]
    return [(start, start + 2, "br") for start in raw_bytes if code[start] in "rR"]


def compare(code: str) -> str:
    """How the two sketches of a text compare: one of the words above."""
    import redbaron

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = redbaron.RedBaron(code)
            unchanged = tree.dumps() == code
            expected = redbaron_sketch(tree)
        except Exception:  # it raises many kinds
            return UNREAD
    sketch = transform_code_to_sketch(code)
    if sketch == expected:
        return SAME
    written_br = replace_spans(code, rb_prefixes(code))
    if written_br != code:
        return RB if compare(written_br) in (SAME, WHITE_SPACE) else OTHER
    touching = any(
        re.search(r"\w", code[max(start - 1, 0) : start] + code[end : end + 1]) for start, end, _ in sketch_spans(code)
    )
    same_words = "".join(sketch.split()) == "".join(expected.split())
    return WHITE_SPACE if same_words and (touching or not unchanged) else OTHER


def python_files(package: str) -> list[Path]:
    """Source files of an installed package, by name; none where it is not installed."""
    spec = importlib.util.find_spec(package)
    return sorted(Path(spec.submodule_search_locations[0]).rglob("*.py")) if spec else []


def readable(path: Path) -> str | None:
    """The text of a file that parses, white space and line ends as they are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            text = path.read_bytes().decode()
            ast.parse(text)
            return text
        except (UnicodeDecodeError, SyntaxError, ValueError):
            return None


def compare_file(path: Path) -> str | None:
    """`compare` of a file; None where it does not parse."""
    code = readable(path)
    return None if code is None else compare(code)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    packages = f"installed package to read (default: {', '.join(PACKAGES)})"
    parser.add_argument("--package", action="append", help=packages)
    parser.add_argument("--files", type=int, default=100, help="random files, of all packages together (default 100)")
    parser.add_argument("--max_bytes", type=int, default=20_000, help="leave larger files out (default 20000)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random choice of files (default 0)")
    args = parser.parse_args(argv)
    if importlib.util.find_spec("redbaron") is None:
        print("error: RedBaron is not installed: pip install redbaron setuptools", file=sys.stderr)
        return 1
    missing = [package for package in args.package or () if not python_files(package)]
    if missing:
        print(f"error: {', '.join(missing)}: not installed; install them or leave them out", file=sys.stderr)
        return 1
    found = [file for package in args.package or PACKAGES for file in python_files(package)]
    found = [file for file in found if 200 < file.stat().st_size <= args.max_bytes]
    files = random.Random(args.seed).sample(found, min(args.files, len(found)))
    counts: Counter = Counter()
    others = []
    with ProcessPoolExecutor(args.workers) as pool:
        for file, kind in zip(files, tqdm(pool.map(compare_file, files), total=len(files)), strict=True):
            if kind:
                counts[kind] += 1
            if kind == OTHER:
                others.append(str(file))
                print(f"differs: {file}", flush=True)
    print(f"{len(files)} files: " + ", ".join(f"{count} {kind}" for kind, count in counts.most_common()))
    facts = {"packages": args.package or PACKAGES, "files": len(files), "max_bytes": args.max_bytes, "seed": args.seed}
    facts |= {"counts": counts, "others": others, "versions": versions(), "git_revision": git_revision()}
    write_json(RESULT, facts)
    print(f"wrote {RESULT}")
    return min(len(others), 1)


if __name__ == "__main__":
    raise SystemExit(main())

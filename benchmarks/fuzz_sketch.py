"""Look for text that the sketcher crashes on, hangs on, or changes where it must not: mutated real files, random bytes.

    python -m benchmarks.fuzz_sketch --minutes 10 --seed 1

Each case is a pure function of the seed and its number, which a failure prints with the text. Checked on every case:
no exception; time in proportion to the length; every byte outside the replaced spans is kept; the two ways of
lexing agree; where the text parses, sketching is idempotent and blocks join to the text. Every 500th
case is about a megabyte long.
"""

import argparse
import random
import time
import traceback
import warnings

from benchmarks.bench_sketch import load_files
from nl2code.parsing import parse_module
from scripts.ast_utils import OPERATIONS, code_to_blocks, sketch_spans, transform_code_to_sketch
from scripts.sketches.continuations import cut_points
from scripts.sketches.lexer import literals, tokens
from scripts.sketches.placeholders import LITERALS, has_placeholder

PIECES = ["'", '"', "'''", '"""', "f'", 'rb"', "{", "}", "{{", "(", ")", "[", "]", "\\", "\\\n", "\r", "\r\n", "\n"]
PIECES += ["\t", "#", ":", ":=", "=", "\0", "\x0c", "\ufeff", "é", "ﬁ", "\ud800", "😀", "def ", "class "]
PIECES += ["lambda x: ", "0x", "1e", "1_", "j", "...", "global x\n", "nonlocal x\n", "import x\n"]
PIECES += ["match x:\n case y:\n  pass\n", "async ", "await ", "for x in y: ", "except E as x:\n", "with a as b:\n"]
PIECES += ["print 'a'", "u''", "!r", "@", "->", "*", "**", "~", "`"]
LONG = 1_000_000
SECONDS, SECONDS_PER_MEGABYTE = 2.0, 60.0  # far above what a case takes, far below what quadratic time would take


def case_text(rng: random.Random, texts: list[str], long: bool) -> str:
    """A text to try: pieces of real files, cut, doubled, spliced; or noise."""
    if rng.random() < 0.25:
        kind = rng.randrange(3)
        size = rng.randrange(1, 400)
        if kind == 0:
            text = rng.randbytes(size).decode("latin-1")
        elif kind == 1:
            text = rng.randbytes(size).decode("utf-8", "surrogateescape")
        else:
            text = "".join(rng.choice(PIECES) for _ in range(size))
    else:
        text = rng.choice(texts)
        start = rng.randrange(len(text))
        text = text[start if rng.random() < 0.5 else 0 :][: rng.randrange(1, 8_000)]
    for _ in range(rng.choice([0, 1, 1, 2, 5, 20])):
        at = rng.randrange(len(text) + 1)
        end = min(len(text), at + rng.choice([0, 1, 3, 30]))
        text = text[:at] + rng.choice([*PIECES, text[at:end] * 2, "".join(rng.choices(PIECES, k=3))]) + text[end:]
    return (text * (LONG // max(1, len(text)) + 1))[:LONG] if long else text


def check_lexer(text: str) -> None:
    """The two ways of reading a text agree. Raises AssertionError."""
    complete = [token for token in tokens(text) if token[0] not in ("newline", "op", "name")]
    assert complete == list(literals(text)), "literals differ from tokens"


def check(text: str) -> None:
    """All properties of one text. Raises AssertionError or whatever the sketcher raises."""
    try:
        parse_module(text)
        parses = True
    except SyntaxError:
        parses = False
    check_lexer(text)
    for operation in OPERATIONS:
        for table in LITERALS:
            sketch = transform_code_to_sketch(text, operation, table)
            copied = read = 0
            for start, end, word in sketch_spans(text, operation, table):
                assert copied <= start < end, "spans overlap"
                gap = text[copied:start]
                assert sketch[read : read + len(gap)] == gap, "text between spans changed"
                read += len(gap)
                read += sketch[read] == " " and word[0] != " "
                assert sketch.startswith(word, read), "another word"
                read += len(word)
                read += sketch[read : read + 1] == " " and text[end : end + 1] != " "
                copied = end
            assert sketch[read:] == text[copied:], "text behind the last span changed"
            if parses or operation == "names":
                assert transform_code_to_sketch(sketch, operation, table) == sketch, f"{operation} not idempotent"
    has_placeholder(text), has_placeholder(text, "both"), cut_points(text)
    for operation in OPERATIONS if parses else ():
        blocks = code_to_blocks(text, operation)
        assert "".join(code for _, code in blocks) == text, "blocks lose text"
        assert "".join(sketch for sketch, _ in blocks) == transform_code_to_sketch(text, operation), "blocks' sketches"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="running time in minutes (default: 10)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all cases (default: 0)")
    first = "number of the first case, to repeat a failed one (default: 0)"
    parser.add_argument("--first", type=int, default=0, help=first)
    parser.add_argument("--package", action="append", help="installed package to mutate (default: pandas and numpy)")
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    texts = list(filter(None, load_files(args.package or ["pandas", "numpy"], 3_000_000)))
    deadline = time.monotonic() + 60 * args.minutes
    number, failures, slowest, parsed_characters = args.first, 0, 0.0, 0
    while time.monotonic() < deadline:
        long = number % 500 == 499
        text = case_text(random.Random(f"{args.seed} {number}"), texts, long)
        started = time.process_time()
        try:
            check(text)
        except Exception:
            failures += 1
            print(f"case {number} failed: {text[:500]!r}\n{traceback.format_exc(limit=-3)}", flush=True)
        seconds = time.process_time() - started
        if seconds > SECONDS + SECONDS_PER_MEGABYTE * len(text) / 1e6:
            failures += 1
            print(f"case {number} took {seconds:.1f} s for {len(text)} characters: {text[:500]!r}", flush=True)
        slowest = max(slowest, seconds / max(len(text), 1000))
        parsed_characters += len(text)
        number += 1
    print(
        f"{number - args.first} cases, {parsed_characters / 1e6:.1f} M characters, {failures} failures, "
        f"slowest {slowest * 1e6:.1f} s CPU per million characters"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Look for damaged notebooks that mining crashes on, hangs on, or drops without a reason.

    python -m benchmarks.fuzz_notebooks --cases 1000 --seed 1

Each case is a notebook in which one byte, one line or one field of the JSON was changed: a pure function of the seed
and the case's number, which a failure prints with the notebook. Checked on every case, for snippets and for the
notebook as a script: no exception; a few seconds at most; a document or a counted reason; documents parse as Python
and hold no carriage return; snippets import the library.
"""

import argparse
import json
import random
import time
import traceback
from collections import Counter

from benchmarks.time_limit import OutOfTime, time_limit
from nl2code.parsing import try_parse
from scripts.corpus.docs.notebooks import notebook_cells, notebook_code
from scripts.corpus.docs.snippets import imports_library
from scripts.mine_docs import mine

SECONDS = 5  # far above what a case takes
MARKDOWN = ["# Title\n", "\n", "Sum the numbers of the *first* column with `sum`:"]
CODES = [
    "%matplotlib inline\nimport pandas as pd\ndf = pd.DataFrame({'a': [1, 2]})\n",
    "files = !ls *.csv\ntext = '''\n!ls\n%time\n'''\nrest = (df.a\n% 2)\ndf.head?\nprint(rest.sum(), text)  # noqa\n",
    "%%bash\nfor f in *.csv; do wc -l $f; done\n",
    "%%time\nif len(df):\n    !ls\n    total = f'{df.a.sum():.2f}'\n",
    ">>> s = pd.Series([1])\n>>> s + 1\n0    2\n",
    "def add(x):\n    '''Add.\n\n    >>> add(1)\n    '''\n    return x + 1\n\nadd(df.a); df.b = df.a\n",
]
PIECES = ["%", "%%", "!", "?", "\n", "\r", "\r\n", "\u2028", "\x85", "\0", "\ud800", "\t", " " * 40_000, "'", '"""']
PIECES += ["(", "f'{", "\\", "#", "# type: ", ">>> ", "In [1]: ", "%%R\n", "if x:\n", "@savefig ", "\ufeff", "```"]
PIECES += ["---", ":a:"]
VALUES = [None, True, 0, -1.5, "", "x", "%%R", "R", [], {}, [None], ["a", None], [[]], {"a": 1}]
VALUES += ["a\r\nb", "\0", "\ud800"]


def base_notebook(rng: random.Random) -> dict:
    """A valid notebook."""
    cells: list[dict] = [{"cell_type": "markdown", "metadata": {}, "source": list(MARKDOWN)}]
    for code in [CODES[0], *rng.sample(CODES[1:], 3)]:
        source = code if rng.random() < 0.5 else code.splitlines(keepends=True)
        cells.append({"cell_type": "code", "metadata": {}, "execution_count": 1, "outputs": [], "source": source})
    cells.append({"cell_type": "raw", "metadata": {}, "source": "x"})
    kernel = {"kernelspec": {"name": "python3", "language": "python"}, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


def fields_of(value: object) -> list[tuple[dict | list, str | int]]:
    """Every place inside nested dicts and lists, as (container, key)."""
    if not isinstance(value, (dict, list)):
        return []
    keys = list(value) if isinstance(value, dict) else range(len(value))
    return [place for key in keys for place in [(value, key), *fields_of(value[key])]]


def case_bytes(rng: random.Random) -> bytes:
    """The file of one case."""
    book = base_notebook(rng)
    kind = rng.choice(("byte", "line", "field"))
    if kind == "field":
        container, key = rng.choice(fields_of(book))
        change = rng.randrange(3)
        if change == 0:
            del container[key]
        elif change == 1 or not isinstance(container[key], str):
            container[key] = rng.choice(VALUES)
        else:
            at = rng.randrange(len(container[key]) + 1)
            container[key] = container[key][:at] + rng.choice(PIECES) + container[key][at:]
    data = json.dumps(book, indent=1, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    if kind == "byte":
        at = rng.randrange(len(data))
        data = data[:at] + rng.choice([b"", rng.randbytes(1), rng.randbytes(1) + data[at : at + 1]]) + data[at + 1 :]
    elif kind == "line":
        lines = data.split(b"\n")
        at = rng.randrange(len(lines))
        lines[at : at + 1] = rng.choice([[], lines[at : at + 1] * 2, [rng.choice(lines)], lines[at : at + 2][::-1]])
        data = b"\n".join(lines)
    return data


def check(data: bytes) -> Counter:
    """All properties of one file; what became of it. Raises AssertionError or whatever mining raises."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Counter({"not UTF-8": 1})
    snippets, reasons = mine("a.ipynb", text, "pandas")
    script, left_out = notebook_code(text)
    assert script is not None or left_out, "no script and no reason"
    has_code = any(kind == "code" for kind, _ in notebook_cells(text)[0] or [])
    assert snippets or reasons or not has_code, "no snippet and no reason"
    for document in [script or "", *(snippet.content for snippet in snippets)]:
        assert try_parse(document) is not None, f"does not parse: {document[:300]!r}"
        assert "\r" not in document, f"a carriage return: {document[:300]!r}"
    assert all(imports_library(try_parse(snippet.content), "pandas") for snippet in snippets), "no import"
    return reasons + Counter({"snippet": len(snippets), "script": script is not None})


def fuzz(cases: range, seed: int) -> tuple[int, Counter]:
    """(number of failures, which are printed; what became of the others)."""
    failures, outcomes = 0, Counter()
    for number in cases:
        data = case_bytes(random.Random(f"{seed} {number}"))
        try:
            with time_limit(SECONDS):
                outcomes += check(data)
        except (Exception, OutOfTime):
            failures += 1
            print(f"case {number} failed: {data[:2000]!r}\n{traceback.format_exc(limit=-3)}", flush=True)
    return failures, outcomes


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1000, help="number of notebooks (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all cases (default: 0)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case, to repeat one (default: 0)")
    args = parser.parse_args(argv)
    started = time.process_time()
    failures, outcomes = fuzz(range(args.first, args.first + args.cases), args.seed)
    print(f"{args.cases} notebooks, {failures} failures, {time.process_time() - started:.1f} s CPU")
    for outcome, count in outcomes.most_common():
        print(f"{count:6d}  {outcome}")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())

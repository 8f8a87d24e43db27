"""Names that code reads before it binds them: rules one by one, and functions against Python's own symbol tables."""

import ast
import random
import symtable
import sys
import warnings
from pathlib import Path

import numpy
import pandas
import pytest

from nl2code.parsing import try_parse
from scripts.corpus.scopes import BUILTINS, Names, free_names

RULES = {  # code: what it lacks
    "import os.path\ndef f(a, *b):\n    return [c for c in a] + d\nfor e in range(3): pass\nf(e, os, g)": "d g",
    "match {}:\n    case {'a': b, **c}: print(b, c)\n    case [*d] | P(q=d): d": "P",
    "a = a": "a",
    "a += 1": "a",
    "a: b = a": "a b",
    "for i in a: b = i; b, i": "a",
    "for i in i: pass": "i",
    "del a": "a",
    "print(a)\na = 1": "a",
    "with a as b: b": "a",
    "try: a\nexcept B as c: c": "B a",
    "[a for a in a if b for b in c]; a": "a b c",
    "[(d := a) for a in b]; d": "b",
    "(a := a)": "a",
    "f = lambda a, b=b: (a, b, c)\nc = 1": "b",
    "@f\ndef f(a: b, c=d) -> e: return a, c, g, f\ng = 1": "b d e f",
    "f()\ndef f(): pass": "f",
    "class A(A):\n    x = 1\n    y = x\n    def f(self, z=x): return x, z, A": "A x",
    "def f():\n    def g(): return a, b\n    a = 1\n    global c\n    c = 1": "b c",
    "def f(): return [x for x in a], x": "a x",
    "async def f():\n    async for a in b: await a": "b",
}
SINCE_3_12 = {"def f[T, *U](x: T, y: U) -> T: return x\ntype A[V] = list[V, A]": ""}


@pytest.mark.parametrize(
    ("code", "free"), [*RULES.items(), *(SINCE_3_12.items() if sys.version_info >= (3, 12) else ())]
)
def test_rules(code, free):
    assert free_names(ast.parse(code)) == set(free.split())


def test_names_at_top_level():
    names = Names(ast.parse("import a.b, c as d\nclass E: x = 1\ndef f(y): z = g\n[i for i in h]").body)
    assert (names.bound, names.missing, names.free()) == ({"a", "d", "E", "f"}, {"h"}, {"g", "h"})


def names_of_python(code: str, name: str) -> set[str]:
    """What a function takes from its module, by the symbol tables of its code."""
    module = symtable.symtable(code, "", "exec")
    found, pending = set(), module.get_children()
    while pending:
        table = pending.pop()
        pending += table.get_children()
        found |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
    read = {symbol.get_name() for symbol in module.get_symbols() if symbol.is_referenced()}
    return found - {name, "__class__"} | read


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="annotations have symbol tables of their own")
def test_functions_of_real_files_lack_what_python_says():
    paths = [path for package in (numpy, pandas) for path in sorted(Path(package.__file__).parent.rglob("*.py"))]
    count = 0
    for path in random.Random(0).sample(paths, 250):
        text = path.read_text(encoding="utf-8", errors="replace")
        for node in try_parse(text).body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                code = ast.unparse(node)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    assert Names([node]).free() == names_of_python(code, node.name), (path, node.name)
                count += 1
    assert count > 500


def test_names_of_installed_modules_are_all_there():
    """Their top level runs: what it reads and nobody has bound is a builtin."""
    for package in (numpy, pandas):
        for path in sorted(Path(package.__file__).parent.glob("*.py")):
            text = path.read_text(encoding="utf-8")
            if "import annotations" not in text and "import *" not in text:
                assert not Names(try_parse(text).body).missing - BUILTINS, path


@pytest.mark.parametrize(
    "code", ["x" + ".f()" * 900, "a" + " + a" * 900, "lambda: " * 150 + "a", "a = b = a\n" * 50_000]
)
def test_deep_and_long_code(code):
    assert free_names(try_parse(code)) <= {"x", "a"}

"""The operations `names` and `both`: rules one by one, scopes against Python's own symbol tables, properties."""

import ast
import random
import symtable
import sys
import tokenize
import warnings
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_ast_utils import python_files, readable, stream

from scripts.ast_utils import code_to_blocks, sketch_spans, transform_code_to_sketch
from scripts.sketches.placeholders import has_placeholder
from scripts.sketches.user_names import NAME_WORDS, NameTokens, _Reader

RULES = {
    # bound here, in any way
    "x = y = 1\nx": "variable = variable = 1\nvariable",
    "x, (y, *z) = a\nx.b[y] = z": "variable, (variable, *variable) = a\nvariable.b[variable] = variable",
    "for i in r: i\nelse: i": "for variable in r: variable\nelse: variable",
    "with f() as x, g() as (y, z): x": "with f() as variable, g() as (variable, variable): variable",
    "try: pass\nexcept (A) as e: e\nexcept B: pass": "try: pass\nexcept (A) as variable: variable\nexcept B: pass",
    "if (n := 1): n; del n": "if (variable := 1): variable; del variable",
    "x: int\nx += 1": "variable: int\nvariable += 1",
    "match a:\n case {'k': v, **r}: v, r": "match a:\n case {'k': variable, **variable}: variable, variable",
    "match a:\n case [b, *c] | P(q=b) as d: c": "match a:\n"
    " case [variable, *variable] | P(q=variable) as variable: variable",
    "match a:\n case _: pass\n case k.v: k": "match a:\n case _: pass\n case k.v: k",
    "async def f(): pass\nf()": "async def func(): pass\nfunc()",
    "@d(f)\nclass A(B, m=A): pass\nA.x": "@d(f)\nclass AnClass(B, m=AnClass): pass\nAnClass.x",
    "def f(a, /, b=c, *d, e, **g): return a, b, d, e, g": "def func(argument, /, argument=c, *argument, argument, "
    "**argument): return argument, argument, argument, argument, argument",
    "lambda a, *b, c=d: a": "lambda argument, *argument, c=d: argument".replace("c=d", "argument=d"),
    # kept: imported, builtin, unknown, attributes, self, dunder names
    "import a.b as c, d.e\nfrom f import g as h\nc = h(d)": "import a.b as c, d.e\nfrom f import g as h\nc = h(d)",
    "try: import x\nexcept E: x = None\nx": "try: import x\nexcept E: x = None\nx",
    "from m import *\nprint(len(q), q)": "from m import *\nprint(len(q), q)",
    "df.x = df['x'].x": "df.x = df['x'].x",
    "class A:\n def __init__(self): self.a = _\n def b(cls): return __file__": "class AnClass:\n def __init__(self): "
    "self.a = _\n def func(cls): return __file__",
    "import np\ndef f(np): return np\nnp": "import np\ndef func(argument): return argument\nnp",
    "def f():\n import np\n return np\nnp = 1": "def func():\n import np\n return np\nvariable = 1",
    "id = 1\nid": "variable = 1\nvariable",
    # the first of function, class, argument, variable
    "def f(): pass\nf = g(f)": "def func(): pass\nfunc = g(func)",
    "def f(a): a = a": "def func(argument): argument = argument",
    # scopes
    "x = 1\nclass A:\n x = x\n def f(): return x": "variable = 1\nclass AnClass:\n variable = variable\n"
    " def func(): return variable",
    "class A:\n x = 1\n def f(): return x": "class AnClass:\n variable = 1\n def func(): return x",
    "class A:\n x = 1\n y = [x for _ in x]": "class AnClass:\n variable = 1\n variable = [x for _ in variable]",
    "def f():\n global x\n x = 1\nx": "def func():\n global variable\n variable = 1\nvariable",
    "def f():\n x = 1\n def g():\n  nonlocal x, x\n  x = 2": "def func():\n variable = 1\n def func():\n"
    "  nonlocal variable, variable\n  variable = 2",
    "def f():\n x = 1\n def g():\n  global x\n  def h(): return x": "def func():\n variable = 1\n def func():\n"
    "  global x\n  def func(): return x",
    "[a for a in b if a]; a": "[variable for variable in b if variable]; a",
    "[[c := a for a in b] for b in c]": "[[variable := variable for variable in variable] for variable in variable]",
    "def f(a=a): a": "def func(argument=a): argument",
    "def f(a: a) -> a: a": "def func(argument: a) -> a: argument",
    "global x\nx = 1\nx": "global variable\nvariable = 1\nvariable",
    # keywords of calls
    "def f(a, *, b, **c): pass\nf(a=1, b=2, c=3, d=4)": "def func(argument, *, argument, **argument): pass\n"
    "func(argument=1, argument=2, c=3, d=4)",
    "def f(a, /): pass\nf(a=1)\nx.f(a=1)": "def func(argument, /): pass\nfunc(a=1)\nx.f(a=1)",
    "def f(a): pass\ndef f(b): pass\nf(a=1, b=2, c=3)": "def func(argument): pass\ndef func(argument): pass\n"
    "func(argument=1, argument=2, c=3)",
    "if x:\n def f(a): pass\nelse:\n class f:\n  def __init__(self, b): pass\nf(a=1); f(b=1)": "if x:\n"
    " def func(argument): pass\nelse:\n class func:\n  def __init__(self, argument): pass\n"
    "func(argument=1); func(argument=1)",
    "class A:\n def __init__(self, a): pass\nA(a=1, self=2)": "class AnClass:\n def __init__(self, argument): pass\n"
    "AnClass(argument=1, self=2)",
    "a = 1\nprint(sep=a)\nnp.sum(axis=a)": "variable = 1\nprint(sep=variable)\nnp.sum(axis=variable)",
    "def g(a): pass\ndef f(g): g(a=1)": "def func(argument): pass\ndef func(argument): argument(a=1)",
    # places: bytes, tabs, line ends, continuations
    "\ufeffé = 'ü'; ñ = é\r\n\tñ".replace("\t", ""): "\ufeffvariable = 'ü'; variable = variable\r\nvariable",
    "x = 1\r\x0cy = x\\\n.z": "variable = 1\r\x0cvariable = variable\\\n.z",
    "ﬁ = 1\nfi": "variable = 1\nvariable",  # one name to Python, which normalises them
    "def \\\n f(x): # x\n  return 'x'": "def \\\n func(argument): # x\n  return 'x'",
    "x = 1\nf'{x}' + y": "variable = 1\nf'{x}' + y",
    "f'{(lambda q: q)(x := 1)}' + x": "f'{(lambda q: q)(x := 1)}' + variable",
    # without a tree
    "def f(x:\n x = 1": "def f(x:\n x = 1",
    "print 'x'; x = 1": "print 'x'; x = 1",
    "": "",
}
SINCE_3_12 = {
    "def f[T, *U, **P](a: T) -> U: a, P": "def func[variable, *variable, **variable](argument: variable) -> variable: "
    "argument, variable",
    "type X[T] = list[T]\nX, T": "type variable[variable] = list[variable]\nvariable, T",
    "class A[T: int](B[T]):\n def m(self, a: T): return T": "class AnClass[variable: int](B[variable]):\n"
    " def func(self, argument: variable): return variable",
}


def for_this_python(table):
    """Python 3.12 brought type parameters."""
    return table.items() if sys.version_info >= (3, 12) else ()


@pytest.mark.parametrize(("code", "sketch"), [*RULES.items(), *for_this_python(SINCE_3_12)])
def test_rules(code, sketch):
    assert transform_code_to_sketch(code, "names") == sketch
    assert transform_code_to_sketch(sketch, "names") == sketch


def test_both_is_names_and_constants():
    code = "def __len__(n=1):\n    return n + 0x1F + x  # n 1\nclass f: pass\ndef f(): f'{n}'\n"
    sketch = "def func(argument=number):\n    return argument + {} + x  # n 1\n"
    sketch += "class AnClass: pass\ndef func(): interstring\n"
    assert transform_code_to_sketch(code, "both") == sketch.format("0x1F")
    assert transform_code_to_sketch(code, "both", "strict") == sketch.format("number")
    for broken in ("def f(x): return 1 +", "print x, 1"):
        assert transform_code_to_sketch(broken, "both") == transform_code_to_sketch(broken)


def test_names_of_other_blocks_are_known():
    code = "x = f(1)\n\n\ndef g(a):\n    return x + a\n"
    assert code_to_blocks(code, "names") == [
        ("variable = f(1)\n\n\n", "x = f(1)\n\n\n"),
        ("def func(argument):\n    return variable + argument\n", "def g(a):\n    return x + a\n"),
    ]


@pytest.mark.parametrize(
    "sketch", ["variable = f(x)", "return argument", "def func(): pass", "x = AnClass()", "x + 1.5", "f(a,\nvariable)"]
)
def test_has_placeholder_knows_the_words_of_names(sketch):
    assert has_placeholder(sketch, "names") == ("1.5" not in sketch)
    assert has_placeholder(transform_code_to_sketch(sketch, "both"), "both")
    assert has_placeholder("variable = argument") is False
    assert not has_placeholder("x.variable = f(argument=1)  # func", "names")
    assert not has_placeholder("f(  # first\n    argument=x,\n    variable=y,\n)", "names")


def check(code: str) -> None:
    """All properties on a text that parses."""
    for operation in ("names", "both"):
        spans = list(sketch_spans(code, operation))
        sketch = transform_code_to_sketch(code, operation)
        assert transform_code_to_sketch(sketch, operation) == sketch
        restored, copied = "", 0
        for start, end, _ in spans:
            assert copied <= start < end
            restored, copied = restored + code[copied:start] + code[start:end], end
        assert restored + code[copied:] == code
        blocks = code_to_blocks(code, operation)
        assert "".join(text for _, text in blocks) == code and "".join(part for part, _ in blocks) == sketch
    for start, end, word in sketch_spans(code, "names"):
        assert code[start:end].isidentifier() and word in NAME_WORDS
    names = transform_code_to_sketch(code, "names")
    pieces, copied = [], 0
    for start, end, word in sketch_spans(code, "names"):  # no name touches a word, so no space is ever put in
        pieces += [code[copied:start], word]
        copied = end
    assert names == "".join(pieces) + code[copied:]
    if "\r" in code or "\x0c" in code or not code.isascii():
        return  # the tokenize module counts lines and columns of these in its own way
    replaced = {start: word for start, _, word in sketch_spans(code, "names")}
    expected = [replaced.get(at, word) if kind == tokenize.NAME else word for kind, at, word in stream(code)]
    assert [word for _, _, word in stream(names)] == expected


def status(table: symtable.SymbolTable, symbol: symtable.Symbol) -> str:
    """Where Python says that a name read in a scope is bound."""
    bound = symbol.is_assigned() or symbol.is_imported() or symbol.is_parameter()
    if table.get_type() == "module" or not symbol.is_global():
        return "local" if bound else "global"
    return "global"


def listed_twice(code: str) -> set[str]:
    """Names that Python lists in the module as well: declared global, or walrus targets."""
    nodes = list(ast.walk(ast.parse(code)))
    walrus = {node.target.id for node in nodes if isinstance(node, ast.NamedExpr)}
    return walrus | {name for node in nodes if isinstance(node, ast.Global) for name in node.names}


def python_scopes(code: str) -> Counter:
    """For each scope, what its names are; names that Python mangles or makes up left out.

    Names bound in a function around are left out, because Python lists them in the scopes between as well.
    """
    twice = listed_twice(code)
    found, pending = Counter(), [symtable.symtable(code, "", "exec")]
    while pending:
        table = pending.pop()
        pending += table.get_children()
        symbols = [s for s in table.get_symbols() if not s.get_name().startswith((".", "_"))]
        if table.get_type() == "module":
            symbols = [s for s in symbols if s.get_name() not in twice]
        found[frozenset((s.get_name(), status(table, s)) for s in symbols if not s.is_free())] += 1
    return found


def our_scopes(code: str) -> Counter:
    reader = _Reader(NameTokens(code))
    reader.read(ast.parse(code).body)
    twice = listed_twice(code)
    found: dict[int, set] = {id(scope): set() for scope in reader.scopes}
    names = [(name, scope) for _, name, scope in reader.uses]
    names += [(name, scope) for scope in reader.scopes for name in scope.ways if name != "*"]
    for name, scope in names:
        owner = scope.owner(name)
        if name.startswith("_") or (scope.parent is None and name in twice):
            continue
        if owner is scope:
            where = "local"
        elif owner is None or owner.parent is None:
            where = "global"
        else:
            continue
        found[id(scope)].add((name, where))
    return Counter(map(frozenset, found.values()))


def compare_scopes(code: str) -> bool:
    """Whether the file could be compared: names in f-strings are not ours, later Pythons defer annotations."""
    tree = ast.parse(code)
    if "from __future__ import annotations" in code or any(isinstance(n, ast.JoinedStr) for n in ast.walk(tree)):
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert our_scopes(code) == python_scopes(code)
    return True


needs_old_symbol_tables = pytest.mark.skipif(
    sys.version_info >= (3, 13), reason="annotations have symbol tables of their own"
)


@needs_old_symbol_tables
@pytest.mark.parametrize("code", [code for code in RULES if "f'" not in code and "nonlocal x, x" not in code])
def test_scopes_of_the_rules_are_those_of_python(code):
    try:
        compile(code, "", "exec")
    except SyntaxError:
        pytest.skip("no program")
    compare_scopes(code.removeprefix("\ufeff"))


@pytest.mark.parametrize("package", ["pandas", "numpy"])
def test_real_files(package):
    small = [path for path in python_files(package) if path.stat().st_size < 25_000]
    codes = [code for path in random.Random(1).sample(small, 60) if (code := readable(path)) is not None]
    assert len(codes) > 50
    for code in codes:
        check(code.removeprefix("\ufeff"))


@needs_old_symbol_tables
def test_scopes_of_real_files_are_those_of_python():
    paths = random.Random(2).sample(python_files("numpy") + python_files("pandas"), 300)
    assert sum(compare_scopes(code) for path in paths if (code := readable(path)) is not None) > 50


NAMES = st.sampled_from(["a", "b", "c", "func", "AnClass", "argument", "variable", "self", "len", "np", "é"])
EXPRESSIONS = st.recursive(
    NAMES | st.sampled_from(["1", "'a'", "f'{a}'"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(" + ".join),
        st.tuples(inner, NAMES).map("({0[0]}).{0[1]}".format),
        st.tuples(NAMES, NAMES, inner).map("{0[0]}({0[1]}={0[2]})".format),
        st.tuples(NAMES, inner).map("(lambda {0[0]}: {0[1]})".format),
        st.tuples(inner, NAMES, inner).map("[{0[0]} for {0[1]} in {0[2]}]".format),
        st.tuples(NAMES, inner).map("({0[0]} := {0[1]})".format),
    ),
    max_leaves=4,
)


def indented(body: list[str]) -> str:
    return "".join(f"    {line}\n" for text in body for line in text.splitlines())


def compound(inner):
    bodies = st.lists(inner, min_size=1, max_size=3).map(indented)
    return st.one_of(
        st.tuples(NAMES, NAMES, EXPRESSIONS, bodies).map("def {0[0]}({0[1]}={0[2]}):\n{0[3]}".format),
        st.tuples(NAMES, EXPRESSIONS, bodies).map("class {0[0]}({0[1]}):\n{0[2]}".format),
        st.tuples(NAMES, EXPRESSIONS, bodies).map("for {0[0]} in {0[1]}:\n{0[2]}".format),
        st.tuples(NAMES, bodies).map("try: pass\nexcept E as {0[0]}:\n{0[1]}".format),
        st.tuples(EXPRESSIONS, NAMES, bodies).map("match {0[0]}:\n  case [*{0[1]}]:\n{0[2]}".format),
    )


SIMPLE = st.one_of(
    st.tuples(NAMES, EXPRESSIONS).map("{0[0]} = {0[1]}\n".format),
    EXPRESSIONS.map("{}\n".format),
    NAMES.map("import {}\n".format),
    NAMES.map("global {}\n".format),
    NAMES.map("nonlocal {}\n".format),
)
PROGRAMS = st.lists(st.recursive(SIMPLE, compound, max_leaves=5), min_size=1, max_size=4).map("".join)


@settings(max_examples=400, deadline=None)
@given(PROGRAMS)
def test_made_up_programs(code):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            symtable.symtable(code, "", "exec")
    except SyntaxError:
        return  # it parses and is no program: a parameter that is nonlocal as well has no scope to speak of
    check(code)


@needs_old_symbol_tables
@settings(max_examples=300, deadline=None)
@given(PROGRAMS)
def test_scopes_of_made_up_programs_are_those_of_python(code):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            symtable.symtable(code, "", "exec")
    except SyntaxError:
        return  # such as a parameter that is global as well
    compare_scopes(code)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_handled(code):
    sketch = transform_code_to_sketch(code, "names")
    assert transform_code_to_sketch(sketch, "names") == sketch
    transform_code_to_sketch(code, "both")


def test_deep_and_long_texts():
    same = "def f(a): f(a=1)\n" * 20_000
    for code in (
        "x = 1\n" + "-" * 50_000 + "x",
        "x = " + "x + " * 900 + "x",
        "é = 1; " * 20_000,
        "x = 1\n" * 50_000,
        same,
    ):
        transform_code_to_sketch(code, "both")

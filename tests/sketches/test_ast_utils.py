"""Sketches: the placeholder table, properties on made-up and real files, RedBaron as an independent oracle."""

import ast
import contextlib
import doctest
import io
import random
import re
import time
import tokenize
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.compare_redbaron import OTHER, SAME, WHITE_SPACE, compare_file, python_files, readable
from benchmarks.fuzz_sketch import check_lexer
from nl2code.sampling.truncation import first_block
from scripts import ast_utils
from scripts.ast_utils import (
    BLOCK_JOINER,
    SEGMENTATION,
    code_to_blocks,
    generator_document,
    has_placeholder,
    sketch_spans,
    sketcher_document,
    transform_code_to_sketch,
)
from scripts.sketches import continuations, documents, lexer, placeholders, sketch, user_names
from scripts.sketches.continuations import continuation, cut_points

COMPAT = {
    "1 + 0 - 1_000": "number + number - number",
    "-1": "-number",
    "1.0 .5 1. 1_0.5": "float float float float",
    "1e5 1.5E-3 .5e+3 1.e1": "floatexponant floatexponant floatexponant floatexponant",
    "1j .5J 1.j": "complex complex complex",
    "'a' \"b\" '' '\\''": "string string string string",
    "f(x, 'a')": "f(x, string)",
    "{'k': x}; x['k']": "{string: x}; x[string]",
    "'''doc 'x' 1'''": "'''doc 'x' 1'''",
    '"""doc"""': '"""doc"""',
    "r'a' R\"b\" r'''c'''": "rawstring rawstring rawstring",
    "b'a' B'''b'''": "binarystring binarystring",
    "u'a' U'''b'''": "unicodestring unicodestring",
    "f'a{b}' F'''{c}'''": "interstring interstring",
    "rf'a' fR'b' Rf'''c'''": "interrawstring interrawstring interrawstring",
    "('a'  # one\n 'b')": "(string  # one\n string)",
    "'a''b'": "string string",
    "x='a'if y else'b'": "x=string if y else string",
    "1if x else 2": "number if x else number",
    "print'a'": "print string",
    "def f(x=1): pass": "def func(x=number): pass",
    "async def  f[T](x): pass": "async def  func[T](x): pass",
    "def \\\n f(): pass": "def \\\n func(): pass",
    "class A(B): pass": "class AnClass(B): pass",
    "class Ünïcode: x1 = y2": "class AnClass: x1 = y2",
    "defx = classy.def_ + a.f(g)": "defx = classy.def_ + a.f(g)",
    "# 'a' 1 def f\nx": "# 'a' 1 def f\nx",
    "x1, _2, é3, a.b4": "x1, _2, é3, a.b4",
    "x[...,1]; x[..., .5]": "x[...,number]; x[..., float]",
    "1..real; 1 .real": "float.real; number .real",
    "\ufeff1\x0c\n2": "\ufeffnumber\x0c\nnumber",
    "x = 'a\\\nb'\r\ny = 1\r": "x = string\r\ny = number\r",
    # left as they are, by accident of the released code
    "0x1F 0o17 0b01 0777 00 10L 1e5j": "0x1F 0o17 0b01 0777 00 10L 1e5j",
    "br'a' Rb'b' ur'c'": "br'a' Rb'b' ur'c'",
    '\'x """ y\'': '\'x """ y\'',
    # PEP 701: fields hold anything
    "f'{x['a']}' + 1": "interstring + number",
    "f'{x!r:>{w}}{{}}{y:%H:%M}'": "interstring",
    "f'{\n x # it's\n}' + 1": "interstring + number",
    "f'{f'{f'{1}'}'}'": "interstring",
    'f\'\\N{DASH}\\{6}{d["a":2]:"^5}\'': "interstring",
    "rf'\\'{x}' + 1": "interrawstring + number",
    "f'''{'}'}' {x:{'#'}}''' + 1": "interstring + number",
    # newer statements
    "match x:\n case {'a': 1}: pass": "match x:\n case {string: number}: pass",
    "try: pass\nexcept* E: x = (y := 1)": "try: pass\nexcept* E: x = (y := number)",
    "type X[T] = list[1]": "type X[T] = list[number]",
    # Python 2
    "print 'a' % 1, `2` <> 3": "print string % number, `number` <> number",
    "exec 'x'; raise E, 'y'": "exec string; raise E, string",
    # truncated: what is open stays
    "x = 'abc": "x = 'abc",
    "x = 'abc\ny = 1": "x = 'abc\ny = number",
    "x = 1, '''abc 1": "x = number, '''abc 1",
    "f'{x' + 1": "interstring + number",
    "f(1, f'{x": "f(number, f'{x",
    "'a\\": "'a\\",
    "": "",
}
STRICT = {
    "0x1F 0o17 0b01 0777 00 10L 1e5j": "number number number number number number complex",
    "br'a' Rb'b' ur'c'": "binarystring binarystring unicodestring",
    '\'x """ y\'': "string",
    "0x1for x": "number or x",
    "'''doc'''": "'''doc'''",
}


@pytest.mark.parametrize(("code", "sketch"), COMPAT.items())
def test_compat_table(code, sketch):
    assert transform_code_to_sketch(code) == sketch


@pytest.mark.parametrize(("code", "sketch"), STRICT.items())
def test_strict_table(code, sketch):
    assert transform_code_to_sketch(code, literals="strict") == sketch


@pytest.mark.parametrize("module", [ast_utils, continuations, documents, lexer, placeholders, sketch, user_names])
def test_examples_in_docstrings(module):
    found = doctest.testmod(module)
    assert found.attempted and not found.failed


@pytest.mark.parametrize(
    ("keyword", "allowed"), [("operation", "constants, names, both"), ("literals", "compat, strict")]
)
def test_unknown_options_name_the_allowed_ones(keyword, allowed):
    with pytest.raises(ValueError, match=f"'bad' is unknown; use one of {allowed}"):
        transform_code_to_sketch("x", **{keyword: "bad"})


PLACEHOLDERS = (
    """
x = float|df[string]|df.head(number)|def func(x):|async def func():|class AnClass:|return number|f(x, axis=number)
string.join(x)|np.full(n, float)|df.fillna(float)|{string: float}|x[number:]|if x > float:|-number|[float, float]
f(x)[string][number]|string % x|interstring|x == string|(number, float)|float.is_integer()|np.arange(float, number)
lambda x: float|f(dtype=string)|df[string].astype(float)|return string|print(string)|number if x else y|x: string
string, x|for x in string: pass|x.replace(string, float)|f(float)|not float|number)|floatexponant|complex + x|rawstring
""".replace("\n", "|")
    .strip("|")
    .split("|")
)
NO_PLACEHOLDERS = (
    """
x.astype(float)|df.to_string()|np.float|df.string|f(string=x)|f(string  = x)|astype({'''a''': float})|
isinstance(x, (int, float))|df.dtype == float|type(x) == float|type(x) is not float|x is float|x: float|self.x: float
def f(x: float) -> float: pass|def f(*, a: complex): pass|map(float, xs)|np.zeros(n, float)|np.array(x, dtype=float)
x.sum(), dtype=float)|for number in xs: print(number)|import string|import string as s|from string import Template
string.ascii_letters|lambda number: number|number = f(x)|with open(p) as string: string.read()|from a import number
# number|'''number'''|float(x)|[int, float]|x: Optional[float] = None
if x.dtype != float: pass|df.select_dtypes(include=[float])|df.apply(float)|float.fromhex(x)|global number
[number for number in xs]|def f(number): return number|def f(a, *, string=None): return string|number += f(x)
f(x, float=y)|func(x)|AnClass()|dict[str, float]|except E as string: raise string|f(**string_)|x.number.string|
'number|f('float''')""".replace("\n", "|")
    .strip("|")
    .split("|")
)


def on_lines(sketch: str) -> str:
    """The sketch with new lines behind commas and opening brackets, and comments in between."""
    return re.sub(r"[(\[{]|, ", r"\g<0>  # number\n\n", sketch)


@pytest.mark.parametrize("sketch", [*PLACEHOLDERS, *map(on_lines, PLACEHOLDERS)])
def test_has_placeholder(sketch):
    assert has_placeholder(sketch)


WITHOUT = [*filter(None, NO_PLACEHOLDERS), "x: a | float = y", "f(float | None)", "{int, float}"]


@pytest.mark.parametrize("sketch", [*WITHOUT, *map(on_lines, WITHOUT)])
def test_has_no_placeholder(sketch):
    assert not has_placeholder(sketch)


def reassembles(code: str, literals: str = "compat") -> bool:
    """Whether the sketch is the code but for the spans: every byte outside is there, and the spans rebuild the code."""
    sketch = transform_code_to_sketch(code, literals=literals)
    read = copied = 0
    rebuilt = ""
    for start, end, word in sketch_spans(code, literals=literals):
        assert copied <= start < end
        gap = code[copied:start]
        assert sketch[read : read + len(gap)] == gap
        read += len(gap)
        for part in (" " * (sketch[read] == " "), word):
            assert sketch.startswith(part, read)
            read += len(part)
        inserted = sketch[read : read + 1] == " " and code[end : end + 1] != " "
        read += inserted
        rebuilt += gap + code[start:end]
        copied = end
    assert sketch[read:] == code[copied:]
    return rebuilt + code[copied:] == code


FRAGMENTS = ["'", '"', "'''", '"""', "\\", "\n", "\r", "\r\n", " ", "#", "{", "}", "{{", ":", "!r", "(", ")", "[", "]"]
FRAGMENTS += [
    "f",
    "rb",
    "Fr",
    "u",
    "t",
    "x",
    "é",
    "\ufeff",
    "\x0c",
    "def ",
    "class ",
    "1",
    "0x",
    "e5",
    "j",
    ".",
    "_",
    "=",
]


@settings(max_examples=1500, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join) | st.text(max_size=60))
def test_any_text_changes_in_its_spans_only(code):
    assert reassembles(code)
    assert reassembles(code, "strict")
    check_lexer(code)
    assert isinstance(has_placeholder(code), bool)
    with contextlib.suppress(SyntaxError):
        assert "".join(text for _, text in code_to_blocks(code)) == code


KINDS = [
    ["1", "0", "1_000", "98765432109876543210"],
    ["1.0", ".5", "7."],
    ["1e5", "1.5E-3", ".1e+9"],
    ["1j", ".5J"],
    ["'a'", '"b c"', "''", "'\\''", "'#'", '"def f"', "'\\\n'"],
    ["r'a'", 'R"""b"""'],
    ["b'a'", "B''"],
    ["u'a'", "U''"],
    ["f'a'", "F'{x}'", "f'''{x[1]:>{w}}'''", "f''", "f'{{'"],
    ["rf'a'", "fR'{x}'"],
]
TEMPLATES = [
    "x={}+{}\n",
    "f({},k={})  # 'c' 1\n",
    "y = {} if z else {}\n",
    "def f(a={}):\n    '''doc'''\n    return [{}]\n\n\n",
    "class A:\n    x: {} = {}\n",
    "if x=={}:y={}\n",
    "z=x[{}:]and not {}\n",
    "@f({})\ndef g(): return {}\n# end\n",
]
LITERAL = st.sampled_from(KINDS).flatmap(st.sampled_from)
STATEMENT = st.tuples(st.sampled_from(TEMPLATES), LITERAL, LITERAL).map(lambda drawn: drawn[0].format(*drawn[1:]))


@settings(max_examples=300, deadline=None)
@given(st.lists(STATEMENT, min_size=1, max_size=6), st.sampled_from(["compat", "strict"]))
def test_made_up_programs(statements, literals):
    code = "".join(statements)
    ast.parse(code)
    sketch = transform_code_to_sketch(code, literals=literals)
    assert sketch == "".join(transform_code_to_sketch(s, literals=literals) for s in statements)
    check_file(code)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(KINDS), st.sampled_from(TEMPLATES), LITERAL, st.data())
def test_a_literal_of_the_same_kind_gives_the_same_sketch(kind, template, other, data):
    one, two = (template.format(data.draw(st.sampled_from(kind)), other) for _ in range(2))
    assert transform_code_to_sketch(one) == transform_code_to_sketch(two)


STARTS, ENDS = (
    {number for number, name in tokenize.tok_name.items() if name.endswith(f"STRING_{edge}")}
    for edge in ("START", "END")
)


def stream(code: str) -> list[tuple[int, int, str]]:
    """Tokens as (type, position, text); an f-string is one token, as before Python 3.12."""
    starts = [0]
    for line in code.splitlines(keepends=True) if code.isascii() else io.StringIO(code):
        starts.append(starts[-1] + len(line))
    found: list[tuple[int, int, str]] = []
    depth = 0
    for kind, text, (row, column), *_ in tokenize.generate_tokens(io.StringIO(code).readline):
        depth -= kind in ENDS
        if not depth and kind not in ENDS:
            found.append((tokenize.STRING if kind in STARTS else kind, starts[row - 1] + column, text))
        depth += kind in STARTS
    return found


def check_file(code: str) -> None:
    """All properties on a file that parses."""
    assert reassembles(code)
    check_lexer(code)
    assert cut_points(code, 2000) == [cut for cut in cut_points(code) if cut <= 2000]
    sketch = transform_code_to_sketch(code)
    assert transform_code_to_sketch(sketch) == sketch
    blocks = code_to_blocks(code)
    assert "".join(text for _, text in blocks) == code
    assert "".join(sketch_ for sketch_, _ in blocks) == sketch
    strict = transform_code_to_sketch(code, literals="strict")
    assert transform_code_to_sketch(strict, literals="strict") == strict
    if "\r" in code or "\x0c" in code or not code.isascii():
        return  # the tokenize module counts lines and columns of these in its own way
    before, after = stream(code), stream(sketch)
    for literals, text in (("compat", sketch), ("strict", strict)):
        replaced = {start: word for start, _, word in sketch_spans(code, literals=literals)}
        after = after if text == sketch else stream(text)
        assert [word for _, _, word in after] == [replaced.get(start, word) for _, start, word in before]
    for kind, _, word in after:
        assert kind != tokenize.NUMBER
        assert kind != tokenize.STRING or word.startswith(("'''", '"""'))


@pytest.mark.parametrize("package", ["pandas", "numpy"])
def test_real_files(package):
    small = [path for path in python_files(package) if path.stat().st_size < 25_000]
    codes = [code for path in random.Random(0).sample(small, 120) if (code := readable(path)) is not None]
    assert len(codes) > 100
    for code in codes:
        check_file(code)


@pytest.mark.slow
@pytest.mark.parametrize(("package", "step"), [("pandas", 5), ("numpy", 3), ("transformers", 25)])
def test_many_real_files(package, step):
    """Every so manieth file, large ones included; with step 1, all of them (five minutes)."""
    for path in python_files(package)[::step]:
        code = readable(path)
        if code is not None:
            check_file(code)


UNITS = [
    "f'{",
    "f'''{",
    "f'{f\"{",
    "'",
    '"""',
    "'\\\n",
    "f'{\n",
    "f'\n",
    "((([",
    "x = 'a' + 1\n",
    "\\",
    "#",
    "1_",
    "1e",
    "0x",
]
UNITS += [
    "f'''{'''",
    "f\"{'''",
    "def ",
    "# a\n",
    "\n",
    "x: float, (",
    "{{",
    "f'{a:{",
    "é",
    "f'{x!r:>{w}}' ",
    "'a' string ",
]


@pytest.mark.parametrize("unit", UNITS)
def test_a_megabyte_of_anything_takes_linear_time(unit):
    text = unit * (1_000_000 // len(unit))
    started = time.process_time()
    transform_code_to_sketch(text)
    has_placeholder("x." + text[:100_000])
    cut_points(text[:100_000])
    assert time.process_time() - started < 12


def test_blocks_are_cut_around_definitions_and_at_two_blank_lines():
    pieces = [
        "#!/usr/bin/env python\n'''Doc.'''\nimport os\n\n\n",
        "X = 1\n\nY = '''\n\n\n\n'''\n",
        "# about f\n# more\n@deco(1)\n\n@other\ndef f(x=1):\n    return x\n\n\n    # still f\n",
        "# floats\n\n",
        "# g\nclass G: pass\n",
        "z = 3  # c\n\n\n\n",
        "# two\n\nif __name__ == '__main__':\n    f(1)\n\n\n",
    ]
    assert [code for _, code in code_to_blocks("".join(pieces))] == pieces


@pytest.mark.parametrize("decorator", ["@d\n", "@(  # of d\n    d\n)\n", "@\\\nd\n@(\nd)\n", "@(\na\n@b)\n"])
def test_a_block_begins_at_the_first_decorator(decorator):
    blocks = ["x = 1\n", f"# f\n{decorator}def f(): pass\n", "y = 2\n"]
    assert [code for _, code in code_to_blocks("".join(blocks))] == blocks


@pytest.mark.parametrize(
    "code", ["def f(:\n", "print 'a'", "x = 1\0", "(" * 5000, "x = '\ud800'\n", "-" * 100_000 + "1"]
)
def test_code_that_does_not_parse_is_a_syntax_error(code):
    with pytest.raises(SyntaxError):
        code_to_blocks(code)
    assert isinstance(transform_code_to_sketch(code), str)


@pytest.mark.parametrize(
    ("block", "has_sketch"),
    [
        ("import a\nfrom b import c", False),
        ("'Doc.'\nimport a", False),
        ("if __name__ == '__main__':\n    f(1)", False),
        ("# 1", False),
        ("x = y", False),
        ("df = important(1)  # import", True),
        ("x = '__main__'", True),
        ("import a\nx = 1", True),
        ("if name == '__main__':\n    f(1)", True),
    ],
)
def test_blocks_have_sketches_unless_these_add_nothing(block, has_sketch):
    document = generator_document("a = 1\n\n\n" + block + "\n")
    first, *rest = document.split(BLOCK_JOINER)
    assert first == "a = number" + SEGMENTATION + "a = 1"
    expected = transform_code_to_sketch(block) + SEGMENTATION + block if has_sketch else block
    assert rest == [expected]
    assert sketcher_document(block) == (transform_code_to_sketch(block) if has_sketch else block)


CONTINUED = """import numpy as np
# make it
x = np.zeros(3)


def f(a):
    '''Doc.'''
    # add
    return a + 1
print(2)
"""


def test_cut_points_are_where_prompts_end():
    parts = ["import numpy as np\n# make it\n", "x = ", "np.zeros(3)\n\n\ndef f(a):\n    '''Doc.'''\n", "    # add\n"]
    parts.append("    return ")
    assert [CONTINUED[:cut] for cut in cut_points(CONTINUED)] == ["".join(parts[: i + 1]) for i in (0, 1, 3, 4)]
    inside = "x = [\n    # one\n    1,\n]\ny = '''\n# text\nz = 1\n'''\nf(a = 1)\n"
    assert [inside[:cut][-4:] for cut in cut_points(inside)] == ["x = ", "y = "]


def test_continuation_documents_have_the_shape_of_prompts():
    seen = set()
    for seed in range(60):
        prompt, sketch, rest = found = continuation(CONTINUED, random.Random(seed), first_block)
        assert CONTINUED.startswith(prompt + rest)
        assert transform_code_to_sketch(rest) == sketch
        assert found.sketcher_pieces() == [(prompt, False), (sketch, True)]
        assert found.generator_pieces() == [(sketch + SEGMENTATION + prompt, False), (rest, True)]
        seen.add((prompt, rest))
    assert len(seen) == 2
    assert continuation(CONTINUED, random.Random(1)) == continuation(CONTINUED, random.Random(1))


def test_a_continuation_ends_with_the_statement_that_its_prompt_leaves_open():
    code = "import numpy as np\na = np.ones(3)\n# é\nx = f(a,\n  'é')\ny = a + 2\n"
    found = {continuation(code, random.Random(seed)) for seed in range(60)}
    assert {(each.prompt[-4:], each.rest) for each in found} == {
        ("# é\n", "x = f(a,\n  'é')\ny = a + 2"),
        ("\nx = "[-4:], "f(a,\n  'é')"),
        ("\ny = "[-4:], "a + 2"),
    }


def test_the_rest_of_a_continuation_uses_a_name_of_its_prompt():
    code = "import numpy as np\n# one\nnp.a.x(np.ones(len(str())))\nx = [1]\n"
    assert continuation(code, random.Random(0)) is None
    found = {continuation(code + "# two\nnp.sum(x)\n", random.Random(seed)) for seed in range(20)}
    assert {each.rest for each in found if each} == {"np.sum(x)"}


def test_continuation_documents_of_long_files_keep_imports_and_the_nearest_blocks():
    blocks = "".join(f"def f{i}(a):\n    return a + {i}\n\n\n" for i in range(400))
    code = "import numpy as np\n\n\n" + blocks
    for seed in range(20):
        prompt, _, rest = continuation(code, random.Random(seed), first_block)
        text = prompt + rest
        assert len(text) < 2_500
        assert text.startswith("import numpy as np\n")
        assert text.partition("\n\ndef f")[2] and text.rpartition("def f")[2] in code


@pytest.mark.parametrize("code", ["", "f()\n", "x = " + "a + " * 1000 + "1\n"])
def test_no_continuation_without_a_place_to_cut(code):
    assert continuation(code, random.Random(0), first_block) is None


def test_redbaron_agrees():
    """Byte for byte, but where RedBaron itself is wrong; `benchmarks.compare_redbaron` does it on as many files as asked."""
    pytest.importorskip("redbaron")
    files = [f for package in ("numpy", "hypothesis") for f in python_files(package) if 200 < f.stat().st_size < 4_000]
    kinds = Counter(compare_file(path) for path in random.Random(0).sample(files, 40))
    assert kinds[OTHER] == 0
    assert kinds[SAME] >= 15 and kinds[SAME] + kinds[WHITE_SPACE] >= 20


@pytest.mark.parametrize("marks", [0, 1, 2, 3])
def test_byte_order_marks_move_no_cut(marks):
    code = "x = 1\ny = x + éé\n"
    plain = {continuation(code, random.Random(seed)) for seed in range(20)}
    for seed in range(20):
        assert continuation("\ufeff" * marks + code, random.Random(seed)) in plain
    assert continuation("\ufeff" * marks + "x = éé\n", random.Random(0)) is None  # no name of the prompt in the rest
    assert documents.generator_document("\ufeff" * marks + code) == documents.generator_document(code)

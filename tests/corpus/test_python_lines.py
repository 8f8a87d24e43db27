"""What the lexer cuts from the code of notebooks and guides: IPython's lines, comments for tools, blanks at line ends."""

import ast
import random
import time

import pytest

from benchmarks.bench_sketch import load_files
from nl2code.parsing import try_parse
from scripts.corpus.docs.python_lines import python_only

CUT = [  # code, what is left, lines left out
    ("x = 1", "x = 1", 0),
    ("%time f()\nx = 1\n!ls\n!!ls\n%matplotlib inline", "x = 1", 4),
    ("?f\n??f\nf?\ndf.head??\na.b[0]?\nx = 1", "x = 1", 5),
    ("%timeit?\nx = 1", "x = 1", 1),
    ("f? # why\nx = 1  # why?", "x = 1  # why?", 1),
    ("# What is the largest\n# float?\nx = 1", "# What is the largest\n# float?\nx = 1", 0),
    (",f a b\n;f a b\n/f a b\nx = 1", "x = 1", 3),
    ("files = !ls *.csv\nt = %timeit -o f()\na, b = !ls\nx.y[0] = !!ls\nz=%time 1\nx = 1", "x = 1", 5),
    ("files = !echo \"it's\"\n!echo '''\n!echo f'{'\n%sql it's (\nx = '}'", "x = '}'", 4),
    ("!pip install a \\\n  b\nfiles = !ls \\\n  -l\nx = 1", "x = 1", 2),
    ("pip install a\nconda install -y b\npip3 uninstall c\npip = install\nx = 1", "pip = install\nx = 1", 3),
    ("cat = f(1)\nls = 2\npip.install(cat)", "cat = f(1)\nls = 2\npip.install(cat)", 0),
    ("rest = (\n    a\n    % 5\n)\nx = a \\\n% 5\ny = [a\n!= 1]", None, 0),
    ("rest = (\n    a\n    % 5\n)\n%time f()", "rest = (\n    a\n    % 5\n)", 1),
    ("s = '''\n!ls\n%time\n,a\nf?\n@savefig x\n'''\nt = 'a\\\n%b'", None, 0),
    ("f'''{x\n%a\n}'''", None, 0),
    ("if a:\n    !ls", "if a:\n    pass", 1),
    ("if a:\n    %time f()\n    x = 1\nfor b in c:\n    x\n    files = !ls\n", None, 2),
    ("if a: # why\n\n    # because\n    files = !ls\nelse:\n    %time f()", None, 2),
    ("d = {b\n%a}\n%b", "d = {b\n%a}", 1),
    ("%savefig\n@savefig plot.png width=4in\ndf.plot();\n@okwarning\n@suppress\nx = 1", "df.plot();\nx = 1", 4),
    ("@doctested\n@a.savefig\ndef f(): pass", "@doctested\n@a.savefig\ndef f(): pass", 0),
    ("@verbatim\ndef f(): pass\n@doctest.setter\ndef x(): pass", None, 0),
    ("f(1)  # doctest: +SKIP\n\ng()  #noqa\nh() # type: ignore[x]\n", "f(1)\n\ng()\nh()", 0),
    ("f(1)  # unsigned  # doctest: +SKIP\n# xdoctest: +SKIP\nx", "f(1)  # unsigned\n\nx", 0),
    ("a = ['# type: int', '# noqa']  # noqa: E501\nb = '''\n# doctest: x\n'''", None, 0),
    ("x = '# type: int'", "x = '# type: int'", 0),
    ("x = 1   \n\ny = '''a  \n  '''  \t\n# z  ", "x = 1\n\ny = '''a  \n  '''\n# z", 0),
    ("x = '\t'\n\ty", "x = '\t'\n\ty", 0),
    ("# a\u2028!ls\nx = 1  # b\x85%c", "# a\u2028!ls\nx = 1  # b\x85%c", 0),
    ("x = 'it\n%a\n", "x = 'it\n%a", 0),  # no Python, left to the parser
    ("\ufeffx = 1", "x = 1", 0),
    ("%time\n\ufeffx = 1", "x = 1", 1),
    ("", "", 0),
    ("%", "", 1),
    ("%%\\", "", 1),
    ("x = (((\n%a", "x = (((\n%a", 0),
    (")\n%a", ")", 1),
    ("x = 1 \\\n\n", "x = 1", 0),  # the backslash continues the line with an empty one
    ("x = 1 \\\n\\\n  \n", "x = 1", 0),
    ("x = 1 \\\n\n%time f()\n", "x = 1", 1),
    ("x = 1  # C:\\\n", "x = 1  # C:\\", 0),
    ("x = 1 \\", "x = 1 \\", 0),
]


@pytest.mark.parametrize(("code", "left", "count"), CUT)
def test_lines_that_are_cut(code, left, count):
    found, left_out = python_only(code)
    assert left_out == count
    if left is not None:
        assert found == left
    else:
        assert try_parse(found) is not None
        assert count or found == code.replace("  # noqa: E501", "")


@pytest.mark.parametrize("code", [code for code, _, _ in CUT if try_parse(code) is not None])
def test_python_keeps_its_meaning(code):
    """What parses already loses comments and blanks at most, and a second pass changes nothing."""
    found = python_only(code)[0]
    assert ast.dump(try_parse(found)) == ast.dump(try_parse(code))
    assert python_only(found) == (found, 0)


def test_real_files_keep_their_meaning():
    texts = [text for text in load_files(["pandas"], 1_500_000) if try_parse(text)]
    for text in random.Random(1).sample(texts, 40):
        found, left_out = python_only("%time f()\n" + text)
        assert left_out == 1 and ast.dump(try_parse(found)) == ast.dump(try_parse(text))


@pytest.mark.parametrize(
    "unit",
    [
        "\n",
        " ",
        "\t",
        " \n",
        "%a\n",
        "x = !ls\n",
        "f'{\n",
        "#",
        "# ",
        "# type:",
        "=",
        "= ",
        "@",
        "x?\n",
        "(",
        "a = 'b' \\\n",
    ]
    + ["if x:\n    !ls\n", "'", '"""', "%a\\\n", "\\", "pip ", "x = 'y'\n%a\n", "f'{x'\n%a\n", "f'{#'\n", ";", "\x0c"],
)
@pytest.mark.parametrize("around", ["{}", "x = '{}'\n%a", "%a {}", "x = 1 # {}\n%a"])
def test_time_is_linear(unit, around):
    """A megabyte of anything takes a second or so; quadratic time would take hours."""
    text = around.format(unit * (400_000 // len(unit)))
    started = time.process_time()
    python_only(text)
    assert time.process_time() - started < 5

"""Notebooks: cells of all kinds, what is left out and counted, damage, and what users of other tools reported."""

import json
import textwrap
import time
from collections import Counter

import pytest

from benchmarks.fuzz_notebooks import fuzz
from scripts.corpus.docs.notebooks import notebook_cells, notebook_code
from scripts.mine_docs import mine

IPYTHON = "line of IPython syntax"
START = "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2]})"


def notebook(*cells, **more) -> str:
    """A notebook of code cells; a dict is a cell of its own."""
    made = [cell if isinstance(cell, dict) else {"cell_type": "code", "source": cell} for cell in cells]
    return json.dumps({"cells": made, "nbformat": 4, **more})


def script(*cells, **more) -> tuple[str, Counter]:
    return notebook_code(notebook(*cells, **more))


def contents(path: str, text: str) -> list[str]:
    return [snippet.content for snippet in mine(path, textwrap.dedent(text), "pandas")[0]]


@pytest.mark.parametrize(
    "first",
    ["%%bash", "%%R", "%%html", "%%!", "%%writefile a.py", "%%sql", "%%cython -a", "%%javascript", "%% bash"]
    + ["\n\n%%R", "# a comment\n\n%%R -i df", "%%time\n%%R", "%%capture out\n# and\n%%bash -s"]
    + ["%sql", "%md", "%md # Title", "%scala", "%r", "%sh", "%fs ls"],  # Databricks
)
def test_cells_of_another_language_are_left_out(first):
    """Also where their text parses as Python."""
    text = f"{first}\nweights = c(0.1, 0.9)"
    assert script(START, text) == (START + "\n\n\n", Counter({"cell of another language": 1}))
    snippets, reasons = mine("a.ipynb", notebook(START, text, "df.sum()"), "pandas")
    assert reasons == {"cell of another language": 1}
    assert [snippet.content for snippet in snippets] == [START + "\ndf.sum()\n"]


@pytest.mark.parametrize(
    "first",
    ["%%time", "%%timeit -n 3", "%%capture out", "%%prun", "%%python3", "%%time\n%%capture", "%R x", "%sql select 1"]
    + ["# a\n%%time", "%matplotlib inline", "%load_ext sql", "%run a.py", "%r_magic", "%mdx"],
)
def test_cells_under_magics_of_python_are_read(first):
    text, left_out = script(f"{first}\n{START}")
    assert text.endswith(START + "\n") and set(left_out) == {IPYTHON}


@pytest.mark.parametrize(
    ("metadata", "is_python"),
    [
        ({"kernelspec": {"name": "ir", "language": "R"}, "language_info": {"name": "R"}}, False),
        ({"kernelspec": {"name": "ir", "display_name": "R"}}, False),
        ({"language_info": {"name": "julia"}}, False),
        ({"kernelspec": {"name": "julia", "language": "julia"}, "language_info": {"name": "python"}}, False),
        ({"kernelspec": {"name": "python3", "language": "python"}, "language_info": {"name": "python"}}, True),
        ({"kernelspec": {"name": "conda-env-r-base", "display_name": "mine"}}, True),
        ({"kernelspec": {"language": "Python"}}, True),
        ({"kernelspec": {"name": "julia-1.6", "display_name": "Julia 1.6"}}, False),
        ({"kernelspec": {"name": "xcpp17"}}, False),
        ({"kernelspec": {"name": "bash"}}, False),
        ({"kernelspec": {"name": "spark-3-python"}}, True),
        ({"language_info": {"name": "ipython"}}, True),
        ({"language_info": {"name": "pyspark"}}, True),
        ({"kernelspec": None, "language_info": ["R"]}, True),
        (None, True),
        ([], True),
    ],
)
def test_the_kernel_decides_on_the_language(metadata, is_python):
    text, left_out = script(START, metadata=metadata)
    assert (text, left_out) == ((START + "\n", {}) if is_python else ("\n", {"cell of another language": 1}))


@pytest.mark.parametrize(
    ("cell", "is_python"),
    [
        ({"metadata": {"kernel": "R"}}, False),
        ({"metadata": {"kernel": "Python3"}}, True),
        ({"metadata": {"vscode": {"languageId": "javascript"}}}, False),
        ({"metadata": {"vscode": {"languageId": "python"}}}, True),
        ({"metadata": {"vscode": "R", "kernel": 3}}, True),
    ],
)
def test_a_cell_may_state_its_language(cell, is_python):
    text, left_out = script({"cell_type": "code", "source": START, **cell})
    assert (START in text) == is_python and bool(left_out) != is_python


@pytest.mark.parametrize(
    "cell",
    [
        {"cell_type": "markdown"},
        {"cell_type": "code", "source": None},
        {"cell_type": "code", "source": ["x = 1\n", None]},
        {"cell_type": "code", "source": {"x": 1}},
        {"cell_type": "code", "source": 3},
        {"cell_type": "code", "source": "x = '\0'"},
        {"cell_type": "markdown", "source": "\0"},
        {"cell_type": "markdown", "source": "a \ud800"},
        {"cell_type": "new", "source": "x = 1"},
        {"source": "x = 1"},
        None,
        [],
        "x = 1",
    ],
)
def test_one_bad_cell_is_counted_and_the_others_are_read(cell):
    book = json.loads(notebook(START, "df.sum()"))
    book["cells"].insert(1, cell)
    text = json.dumps(book)
    assert notebook_code(text) == (START + "\n\n\n\ndf.sum()\n", {"cell that cannot be read": 1})
    snippets, reasons = mine("a.ipynb", text, "pandas")
    assert len(snippets) == 1 and reasons == {"cell that cannot be read": 1}


def test_a_cell_that_does_not_parse_is_left_out_with_its_lines():
    text, left_out = script(START, "%time f()\nprint 1", "!ls\ndf.sum()")
    assert text == START + "\n\n\n\ndf.sum()\n"
    assert left_out == {"cell that does not parse": 1, IPYTHON: 1}
    snippets, reasons = mine("a.ipynb", notebook(START, "print 1", "df.sum()"), "pandas")
    assert len(snippets) == 1 and reasons == {"example that does not parse": 1}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("as_list", [False, True])
def test_line_ends_inside_the_json(end, as_list):
    code, prose = START.replace("\n", end), f"Sum it{end}up, all of it."
    cells = [("markdown", prose), ("code", code), ("code", f"!ls{end}df.sum()")]
    made = [
        {"cell_type": kind, "source": source.splitlines(keepends=True) if as_list else source} for kind, source in cells
    ]
    text, left_out = script(*made)
    assert text == f"# Sum it\n# up, all of it.\n\n{START}\n\ndf.sum()\n" and left_out == {IPYTHON: 1}
    assert contents("a.ipynb", notebook(*made)) == [
        "import pandas as pd\n# Sum it up, all of it.\ndf = pd.DataFrame({'a': [1, 2]})\ndf.sum()\n"
    ]


@pytest.mark.parametrize("mark", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_only_line_feeds_and_carriage_returns_end_lines(mark):
    """Whatever else Unicode calls a line end stays inside its comment, its string, its Markdown."""
    code = f"{START}\n# note{mark}df = None\nt = 'a{mark}!ls'\ndf.sum()"
    text, left_out = script({"cell_type": "markdown", "source": f"Sum{mark}df = 1"}, code)
    assert not left_out and f"# note{mark}df = None\nt = 'a{mark}!ls'" in text and f"# Sum{mark}df = 1\n" in text
    fenced = f"# Title\n\n```python\n{code}\n```\n"
    for path, source in [("a.md", fenced), ("a.ipynb", notebook(code))]:
        (snippet,), reasons = mine(path, source, "pandas")
        assert not reasons and f"# note{mark}df = None\nt = 'a{mark}!ls'\n" in snippet.content


def test_notebooks_of_version_3():
    code = {"cell_type": "code", "language": "python"}
    cells = [{"cell_type": "heading", "level": 2, "source": ["Sums"]}, {"cell_type": "heading"}, code]
    cells += [{**code, "input": START.splitlines(keepends=True)}, {**code, "input": "x", "language": "julia"}, 3]
    cells += [{**code, "input": "df.sum()"}]
    book = json.dumps({"nbformat": 3, "worksheets": [{"cells": cells[:5]}, {"cells": cells[5:]}]})
    text, left_out = notebook_code(book)
    assert text.split() == f"# # Sums {START} df.sum()".split()
    assert left_out == {"cell that cannot be read": 3, "cell of another language": 1}
    assert contents("a.ipynb", book) == [START + "\ndf.sum()\n"]


def test_a_list_of_lines_without_line_ends():
    assert script({"cell_type": "code", "source": START.split("\n")}) == script(START)
    assert script({"cell_type": "code", "source": ["x = ", "1\n", "y = 2"]})[0] == "x = 1\ny = 2\n"


@pytest.mark.parametrize("line", ["===", "-----  "])
def test_underlined_titles_are_no_prose(line):
    book = notebook({"cell_type": "markdown", "source": f"Sum of numbers\n{line}\n"}, START, "df.sum()")
    guide = f"Sum of numbers\n{line}\n\n```python\n{START}\ndf.sum()\n```\n"
    assert contents("a.ipynb", book) == contents("a.md", guide) == [START + "\ndf.sum()\n"]


@pytest.mark.parametrize("fence", ["```", "  ~~~~"])
def test_code_in_markdown_cells_is_no_prose(fence):
    """Neither are its comments headings; a block that nothing closes ends with its cell."""
    block = f"{fence}python\n# Install it\n\npip install pandas\n"
    for source in (f"Sum the numbers:\n{block}\n# Now\n{fence}\n", f"Sum the numbers:\n\n{block}"):
        book = notebook(START, {"cell_type": "markdown", "source": source}, "df.sum()")
        assert contents("a.ipynb", book) == [f"{START}\n\n# Sum the numbers\ndf.sum()\n"]


def test_byte_order_marks():
    assert notebook_code("\ufeff" + notebook(START)) == notebook_code(notebook("\ufeff" + START)) == (START + "\n", {})
    assert script("\ufeff%%R\nx")[1] == {"cell of another language": 1}


def test_a_backslash_at_the_end_of_a_cell():
    assert script(START + " \\\n\n", "df.sum() \\\n  \n", "# C:\\\n") == (START + "\n\ndf.sum()\n\n# C:\\\n", {})


def test_strings_with_prompts_are_no_doctests():
    cell = START + "\ndef total(x):\n    '''Sum.\n\n    >>> total(df)\n    '''\n    return x.sum()\ntotal(df)"
    assert script(cell) == (cell + "\n", {})
    assert contents("a.md", f"```python\n{cell}\n```\n") == [cell + "\n"]


def test_blanks_inside_strings_stay():
    cell = START + "\ntext = '''a  \n   \n\tb\tc\n'''\ndf.sum()   "
    assert script(cell)[0] == cell.rstrip() + "\n"


# What users of other tools reported: a title, cells, the script.
REPORTS = [
    ("nbQA: indented magics meant to be indented", ["if True:\n    %time f()\nx = 1"], "if True:\n    pass\nx = 1"),
    ("nbQA: magic in a loop", ["for a in b:\n    !wc $a\n    c(a)"], "for a in b:\n    pass\n    c(a)"),
    (
        "jupytext: escape help, not comments that ask",
        ["# the largest\n# float?\nfloat?\nx"],
        "# the largest\n# float?\nx",
    ),
    (
        "jupytext: %%configure has a body of JSON",
        ['%%configure -f\n{"executorMemory": "3072M", "n": 10}', "x"],
        "\n\nx",
    ),
    ("jupytext: a variable named like a shell command", ["cat = f(a='b')\nls = cat"], "cat = f(a='b')\nls = cat"),
    ("nbautoexport: the body under %%time is code", ["%%time\nx = 1\nprint(x)"], "x = 1\nprint(x)"),
    (
        "nbdev: comments of exported cells",
        ["#export\n# TODO: write\ndef f(x): pass"],
        "#export\n# TODO: write\ndef f(x): pass",
    ),
    ("execnb: trailing semicolons", ["df.plot();\n%time f();"], "df.plot();"),
    ("IPython: prompts of a pasted session", [">>> x = 1\n>>> for a in x:\n...     a\n1"], "x = 1\nfor a in x:\n    a"),
    ("nbconvert: a cell that is indented as a whole", ["  x = 1\n  y = 2"], "x = 1\ny = 2"),
]


@pytest.mark.parametrize(("cells", "wanted"), [pytest.param(*rest, id=title) for title, *rest in REPORTS])
def test_reports_on_notebooks(cells, wanted):
    assert script(*cells)[0] == wanted + "\n"


FENCES = [
    "python {.line-numbers}",
    "{.python}",
    "{ .python .numberLines}",
    "{python}",
    "{python, echo=FALSE}",
    "python,x",
]
FENCES += [
    "python{1,3}",
    'py hl_lines="1"',
    "{code-block} python",
    "{code} python\n:linenos:",
    "{testcode}",
    "Python\t",
]


@pytest.mark.parametrize("info", FENCES)
def test_the_language_of_a_fence(info):
    text = "# A\n\n```{}\ns = pd.Series([1])\ns + 1\n```\n"
    assert contents("a.md", text.format(info)) == ["import pandas as pd\ns = pd.Series([1])\ns + 1\n"]
    others = ("r", "{r, python=TRUE}", "{code-cell} R", "{code-block} bash", "{note}", "pythonx", "text python", "{.r}")
    assert not any(contents("a.md", text.format(other)) for other in others)


GUIDES = [
    ("CommonMark: tildes allow backticks", "a.md", "~~~python `x`\ns = pd.Series([1])\ns + 1\n~~~\n"),
    (
        "docutils: options of several lines",
        "a.rst",
        ".. code-block:: python\n   :emphasize-lines: 1,\n     2\n\n   s = pd.Series([1])\n   s + 1\n",
    ),
    (
        "MyST: options of a code cell, in YAML",
        "a.md",
        "```{code-cell} ipython3\n---\ntags: [hide]\nname: x\n---\ns = pd.Series([1])\ns + 1\n```\n",
    ),
    ("MyST: options with colons", "a.md", "```{code-cell}\n:tags: hide\n\ns = pd.Series([1])\ns + 1\n```\n"),
    ("MyST: a fence of colons", "a.md", ":::{code-cell} python\n:tags: x\ns = pd.Series([1])\n!ls\ns + 1\n:::\n"),
    (
        "MyST: a longer fence around a shorter one",
        "a.md",
        "````python\ns = pd.Series([1])\nt = '''\n```\n'''\ns + 1\n````\n",
    ),
    (
        "blackdoc: prompts in a code block",
        "a.rst",
        ".. code-block:: python\n\n   >>> s = pd.Series([1])\n   >>> s + 1\n",
    ),
    (
        "blackdoc: prompts without a blank",
        "a.rst",
        ">>> s = pd.Series([1])\n>>>\n>>> for a in s:\n...     a\n...\n>>> s + 1\n",
    ),
    ("xdoctest: tabs in doctests", "a.py", '"""Sum.\n\n\t>>> s = pd.Series(["a\tb"])\n\t>>> s + 1\n"""\n'),
    ("Cython: quotes in comments", "a.pyx", "cdef int x # it's\n'''\n>>> s = pd.Series([1])\n>>> s + 1\n''' # '''\n"),
]


@pytest.mark.parametrize(("path", "text"), [pytest.param(*rest, id=title) for title, *rest in GUIDES])
def test_reports_on_guides(path, text):
    (snippet,), _ = mine(path, text, "pandas")
    assert snippet.content.startswith("import pandas as pd\n") and snippet.content.endswith("\ns + 1\n")
    assert "'''\n```\n'''" not in text or "'''\n```\n'''" in snippet.content
    assert "a\tb" not in text or "a\tb" in snippet.content
    assert "for a in s" not in text or "\nfor a in s:\n    a\n" in snippet.content


def test_tabs_inside_literals_stay():
    for fence, indent in (("```python\n{}\n```\n", ""), (".. code-block:: python\n\n{}\n", "\t")):
        code = "s = pd.Series(['a\tb'])\nif True:\n\ts + 1"
        text = fence.format("\n".join(indent + line for line in code.split("\n")))
        (content,) = contents("a.md" if "`" in fence else "a.rst", text)
        assert "'a\tb'" in content and "s + 1" in content


def two_sections(earlier: str, later: str) -> str:
    """A guide whose second section may borrow from its first."""
    return f"# A\n\n```python\nimport pandas as pd\n{earlier}\n```\n\n# B\n\n```python\n{later}\n```\n"


@pytest.mark.parametrize(
    ("earlier", "later", "wanted"),
    [
        ("da = pd.Series([1])\nda.name = 'x'", "top = da.nlargest(2)\npd.concat([top, da])", "da = pd.Series([1])"),
        (
            "import polars as pd2\nimport numpy as np\nnp = pd.Series([1])",
            "x = np.sum()\npd.isna(x)",
            "np = pd.Series([1])",
        ),
        ("def io(): return pd.Series([1])\npd.isna(1)", "x = io()\npd.isna(x)", "def io(): return pd.Series([1])"),
        ("re = pd.Series([1])\nimport re\npd.isna(1)", "re.sub('a', '', 'b')\npd.isna(1)", "import re"),
        ("import dask.array as da\npd.isna(1)", "x = da.ones(3)\npd.isna(x)", "import dask.array as da"),
    ],
)
def test_names_like_aliases_mean_what_the_guide_says(earlier, later, wanted):
    content = contents("a.md", two_sections(earlier, later))[-1]
    assert wanted in content.split("\n") and content.endswith(later + "\n")
    known = {"da": "import dask", "np": "import numpy", "io": "import io", "re": "re = "}
    assert not any(
        line in content for name, line in known.items() if f"{name} = pd" in wanted or f"def {name}" in wanted
    )


@pytest.mark.parametrize(
    ("earlier", "later", "borrowed"),
    [  # what a snippet reads before it binds it
        (
            "df = pd.DataFrame({'a': [1]})\ndf.sum()",
            "df = df.sort_values('a')\npd.isna(df)",
            "df = pd.DataFrame({'a': [1]})",
        ),
        ("s = pd.Series([1])\ns.sum()", "s += 1\npd.isna(s)", "s = pd.Series([1])"),
        ("s = pd.Series([1])\ns.sum()", "def f(s): return s\npd.isna(f(s))", "s = pd.Series([1])"),
        ("s = pd.Series([1])\ns.sum()", "y = [s for s in s]\npd.isna(y)", "s = pd.Series([1])"),
        # the last of several definitions, up to the one that needs it
        (
            "data = [1, 2]\none = pd.Series(data)\ndata = [3]\ntwo = pd.Series(data)",
            "n = one.sum()\npd.isna(n)",
            "data = [1, 2]\none = pd.Series(data)",
        ),
        (
            "data = [1, 2]\ndata = pd.Series(data)\ndata = data + 1",
            "data.sum()\npd.isna(data)",
            "data = [1, 2]\ndata = pd.Series(data)\ndata = data + 1",
        ),
        # functions need what they read when they are called
        (
            "def f(): return g()\ng = abs\ndef g(): return pd.Series([1])\npd.isna(1)",
            "x = f()\npd.isna(x)",
            "def f(): return g()\ndef g(): return pd.Series([1])",
        ),
    ],
)
def test_a_snippet_borrows_what_it_needs(earlier, later, borrowed):
    assert contents("a.md", two_sections(earlier, later))[-1] == f"import pandas as pd\n{borrowed}\n{later}\n"
    snippets, reasons = mine("a.md", f"```python\nimport pandas as pd\n{later}\n```\n", "pandas")
    assert not snippets and reasons == {"uses undefined names": 1}


def test_a_name_bound_by_a_loop_is_no_alias_and_cannot_be_borrowed():
    text = "# A\n\n```python\nfor sp in pd.Series([1]):\n    print(sp)\nx = 1\n```\n\n"
    text += "# B\n\n```python\npd.isna(sp)\nx = 2\n```\n"
    snippets, reasons = mine("a.md", text, "pandas")
    assert len(snippets) == 1 and reasons == {"uses undefined names": 1}


@pytest.mark.parametrize(
    "earlier", ["def f(x, io=1):\n    import numpy as np\n    np = 3", "class A:\n    np = 1", "y = [np for np in 'a']"]
)
def test_names_inside_functions_and_comprehensions_bind_nothing(earlier):
    text = f"# A\n\n```python\nimport pandas as pd\n{earlier}\npd.isna(1)\n```\n\n"
    text += "# B\n\n```python\npd.isna(np.nan)\npd.isna(io)\n```\n"
    assert contents("a.md", text)[-1] == (
        "import pandas as pd\nimport numpy as np\nimport io\npd.isna(np.nan)\npd.isna(io)\n"
    )


def test_a_backslash_in_front_of_an_empty_line_continues_nothing():
    text = "# A\n\n```python\nx = pd.Series([1]) \\\n\npd.isna(x)\n```\n\n# B\n\n```python\nx.sum()\nx.mean()\n```\n"
    start = "import pandas as pd\nx = pd.Series([1])\n"
    assert contents("a.md", text) == [start + "pd.isna(x)\n", start + "x.sum()\nx.mean()\n"]


def test_statements_that_share_a_line_stay_together():
    text = "```python\nimport pandas as pd; s = pd.Series([1])\ns.sum(); t = (\n    s + 1)\n```\n"
    assert contents("a.md", text) == ["import pandas as pd; s = pd.Series([1])\ns.sum(); t = (\n    s + 1)\n"]


@pytest.mark.parametrize(
    "unit",
    [" ", "\t", "`", ":", "``` ", "[", "[a](", "*a ", ":a:", "`a<", "{a", "In [1]: ", ">>> (", "|", "# ", "f(", "... "]
    + [
        "\n",
        "\n\n",
        ".. a::\n",
        "a::\n\n",
        "```\n",
        "'''",
        '"""',
        "x\n===\n",
        "%a\n",
        "> ",
        "_",
        "a. A",
        "- a\n",
        "~~~ ",
        "a = 1; ",
        "import a; ",
    ],
)
def test_mining_takes_linear_time(unit):
    """100,000 characters of anything take about a second; quadratic time would take minutes."""
    text = unit * (100_000 // len(unit))
    cases = [(f"a.{kind}", text + end) for kind in ("rst", "md", "pyx") for end in ("", "`", "x\n")]
    fence = "Count the rows:\n\n```python\nimport pandas as pd\ntext = '{}'\nprint(pd.Series([text]))\n```\n"
    cases += [("a.md", fence.format(text)), ("a.ipynb", notebook(text, {"cell_type": "markdown", "source": text}))]
    cases += [("a.md", f"{text} and so on\n\n```python\ns = pd.Series([1])\ns + 1\n```\n")]
    cases += [("a.py", f'"""{text}\n>>> s = pd.Series([1])\n>>> s + 1\n"""\n'.replace('""""""', '""'))]
    for path, source in cases:
        started = time.process_time()
        mine(path, source, "pandas")
        assert time.process_time() - started < 15, (path, source[:80])


def test_a_long_guide_takes_linear_time():
    """Each section needs the one before it: no more is looked up than a snippet may borrow."""
    sections = (f"# S{n}\n\n```python\nx{n} = x{n - 1} + 1\npd.isna(x{n})\n```\n" for n in range(1, 3000))
    started = time.process_time()
    _, reasons = mine("a.md", "\n".join(sections), "pandas")
    assert reasons["needs too much of earlier sections"] > 2900
    assert time.process_time() - started < 10


def test_damaged_notebooks_end_in_documents_or_counted_reasons(capsys):
    failures, outcomes = fuzz(range(150), seed=5)
    assert not failures, capsys.readouterr().out
    assert outcomes["script"] > 50 and outcomes["notebook that cannot be read"] and outcomes["cell that cannot be read"]


def test_no_notebook():
    assert notebook_code("{") == (None, {"notebook that cannot be read": 1})
    assert notebook_cells(notebook()) == ([], {})

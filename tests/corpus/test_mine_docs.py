"""Mining documentation: what comes out of docstrings, guides and notebooks, and that every snippet stands alone."""

import ast
import json
import os
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import numpy
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nl2code.parsing import try_parse
from scripts.corpus.docs.notebooks import notebook_cells
from scripts.corpus.docs.sections import code_of
from scripts.corpus.docs.snippets import KNOWN_IMPORTS, comment_of, imports_library
from scripts.corpus.scopes import free_names
from scripts.mine_docs import READERS, main, mine

PARTS = ("line of IPython syntax", "example that does not parse", "notebook that cannot be read")  # no whole sections
ROOT = Path(__file__).resolve().parents[2]


def sections_of(path: str, text: str) -> list:
    """The sections of a file that hold an example."""
    reader = READERS.get(Path(path).suffix, lambda _: ())
    return [section for section in reader(text) if section.examples]


def mined(path: str, text: str, library: str = "pandas") -> list[str]:
    """The contents of the snippets of a file."""
    return [snippet.content for snippet in mine(path, textwrap.dedent(text), library)[0]]


def test_a_docstring_becomes_imports_data_comment_code():
    source = '''
    def total(self):
        """
        Return the sum of the values.

        Parameters
        ----------
        axis : int
            Which one.

        Examples
        --------
        >>> s = pd.Series([1, np.nan])
        >>> s
        0    1.0
        1    NaN
        dtype: float64
        >>> s.total()
        1.0

        Missing values are kept with :meth:`~Series.keep`. Use ``skipna`` to decide:

        >>> s.total(
        ...     skipna=False
        ... )  # doctest: +SKIP
        nan
        """
    '''
    assert mined("a.py", source) == [
        textwrap.dedent(
            """\
            import pandas as pd
            import numpy as np
            s = pd.Series([1, np.nan])

            # Return the sum of the values.
            s.total()

            # Use skipna to decide
            s.total(
                skipna=False
            )
            """
        )
    ]


def test_the_summary_waits_for_code_that_does_something():
    source = '''
    class A:
        """a.take(n)

        Take some of them away.

        >>> s = pd.Series([1])

        >>> s.take([0])
        """
    '''
    assert mined("a.py", source) == [
        "import pandas as pd\ns = pd.Series([1])\n\n# Take some of them away.\ns.take([0])\n"
    ]


def test_strings_outside_docstrings_and_cython_count():
    text = '_doc = """Add one.\n\n>>> s = pd.Series([1])\n>>> s + 1\n"""\n'
    expected = ["import pandas as pd\ns = pd.Series([1])\n\n# Add one.\ns + 1\n"]
    assert mined("a.py", text) == expected
    assert mined("a.pyx", "cdef int x\n" + text) == expected


def test_guides_are_cut_at_titles_and_borrow_what_they_lack():
    guide = """
    Basics
    ======

    Make a frame like this:

    .. ipython:: python
       :okwarning:

       df = pd.DataFrame({"a": [1, 2]})
       df

    Sums
    ----

    Not this sentence. Sum a column with ``sum``::

        >>> df["a"].sum()
        3

    .. note::

       Text in a note.

       .. code-block:: python

          df["a"].mean()
          %timeit df

    .. code-block:: bash

       rm -rf things
    """
    first, second = mine("guide.rst", textwrap.dedent(guide), "pandas")
    assert second == Counter({"fewer than 2 statements": 1, "line of IPython syntax": 1})
    assert [snippet.content for snippet in first] == [
        'import pandas as pd\ndf = pd.DataFrame({"a": [1, 2]})\n\n# Sum a column with sum\ndf["a"].sum()\n\n'
        '# Text in a note.\ndf["a"].mean()\n'
    ]


def test_an_ipython_session_gives_its_inputs():
    session = """
    In [1]: s = pd.Series([1])

    In [2]: for i in s:
       ...:     print(i)
       ...:
    1

    Out[2]: nothing
    """
    code = code_of(textwrap.dedent(session).splitlines())
    assert code == "s = pd.Series([1])\nfor i in s:\n    print(i)\n"


def test_markdown_fences():
    text = """
    # Title

    Count them [here](http://x).

    ```python
    s = pd.Series([1])
    s.count()
    ```

    ```bash
    ls
    ```

    ## Next

    ```pycon
    >>> pd.isna(1)
    False
    >>> pd.isna(None)
    True
    ```
    """
    assert mined("a.md", text) == [
        "import pandas as pd\ns = pd.Series([1])\n\n# Count them here.\ns.count()\n",
        "import pandas as pd\npd.isna(1)\npd.isna(None)\n",
    ]


def test_notebooks():
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "\n", "Sort the rows."]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "import pandas as pd\n", "s = pd.Series([2, 1])"]},
        {"cell_type": "code", "source": "s.sort_values()"},
        {"cell_type": "raw", "source": "x"},
    ]
    text = json.dumps({"cells": cells, "nbformat": 4})
    assert mined("a.ipynb", text) == ["import pandas as pd\n# Sort the rows.\ns = pd.Series([2, 1])\ns.sort_values()\n"]
    for broken in ("", "{", "[]", "3", '"cells"', '{"cells": 3}', '{"cells": {"a": 1}}', '{"worksheets": [{}]}'):
        assert notebook_cells(broken) == (None, Counter({"notebook that cannot be read": 1}))
        assert mine("a.ipynb", broken, "pandas") == ([], Counter({"notebook that cannot be read": 1}))


def test_imports_of_the_future_come_first():
    examples = ("import pandas as pd", "from __future__ import division\npd.isna(1 / np.pi)\nx = 1")
    (content,) = mined("a.md", "\n".join(f"```python\n{code}\n```\n" for code in examples))
    assert content.startswith("from __future__ import division\nimport numpy as np\nimport pandas as pd\n")


def test_reasons_are_counted():
    text = '''
    def a():
        """>>> s = pd.Series([1])"""
    def b():
        """
        >>> x = 1
        >>> x + 1
        """
    def c():
        """
        >>> pd.Series(undefined_thing)
        >>> pd.isna(1)
        """
    def d():
        """
        >>> print pd.isna(1)
        """
    '''
    snippets, reasons = mine("a.py", textwrap.dedent(text), "pandas")
    assert snippets == []
    assert reasons == {
        "fewer than 2 statements": 1,
        "does not use the library": 1,
        "uses undefined names": 1,
        "no code that parses": 1,
    }


@pytest.mark.parametrize(
    ("prose", "comment"),
    [
        ("Both work. Use :func:`pandas.isna <pd>` on ``x``:", "# Use pandas.isna on x"),
        ("See `the docs <http://x>`_ for **all** of it.", "# See the docs for all of it."),
        ("With {py:meth}`DataArray.sum` we add up", "# With DataArray.sum we add up"),
        ("- an item of a list", "# an item of a list"),
        ("Examples", ""),
        ("", ""),
        ("=== ===", ""),
        ("word " * 200, ""),
    ],
)
def test_comments(prose, comment):
    assert comment_of(prose) == comment


def test_long_comments_are_wrapped():
    comment = comment_of("many words make a long line " * 8)
    assert max(map(len, comment.split("\n"))) <= 100
    assert all(line.startswith("# ") for line in comment.split("\n"))


def test_imports_of_the_library():
    assert imports_library(try_parse("if 1:\n    from pandas.io import x"), "pandas")
    assert imports_library(try_parse("from sklearn import linear_model"), "sklearn.linear_model")
    assert not imports_library(try_parse("import pandas_flavor\nfrom . import pandas\nfrom .pandas import x"), "pandas")
    assert all(try_parse(line) for line in KNOWN_IMPORTS.values())


@pytest.mark.parametrize(("package", "least"), [(pandas, 1000), (numpy, 500)])
def test_snippets_of_the_installed_libraries_stand_alone(package, least):
    """On real documentation: every snippet parses, imports the library, lacks no name, holds no prompt or output."""
    library = package.__name__
    snippets, total = [], 0
    for path in sorted(Path(package.__file__).parent.rglob("*.py")):
        if "tests" not in path.parts:
            text = path.read_text(encoding="utf-8")
            found, reasons = mine(path.name, text, library)
            assert len(found) + reasons.total() == len(sections_of(path.name, text))
            snippets += found
            total += len(found) + reasons.total()
    assert least <= len(snippets) <= total
    commented = 0
    for snippet in snippets:
        compile(snippet.content, "", "exec")
        tree = ast.parse(snippet.content)
        assert imports_library(tree, library)
        assert not free_names(tree)
        assert not any(line.startswith((">>>", "...")) for line in snippet.content.splitlines())
        assert snippet.content.startswith(("import", "from"))
        commented += "\n# " in snippet.content
    assert commented > 0.9 * len(snippets)


PIECES = st.sampled_from(
    [
        ">>> x = pd.Series([1])",
        "... y",
        ">>> (",
        "    1",
        "",
        "Title",
        "-----",
        ".. ipython:: python",
        "    a = 1",
        "::",
        "```python",
        "```",
        "# head",
        "In [1]: pd.isna(1)",
        "   ...: 2",
        "text here and there::",
        '"""',
        "\t>>> 1",
        ">>> x = 1 \\",
        "x.sum() \\",
        "%time x",
        "if x:",
        "    !ls",
        "x?",
        "pd = x; da = pd",
        "\u2028",
        "\r",
        "\\",
        ">>> from __future__ import division",
        ">>> import pandas as pd",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=35), st.sampled_from(["a.py", "a.pyx", "a.rst", "a.md", "a.ipynb", "a.txt"]))
def test_any_mixture_is_accounted_for(pieces, path):
    text = "\n".join(pieces)
    snippets, reasons = mine(path, text, "pandas")
    parts = sum(reasons[part] for part in PARTS)
    assert len(snippets) + reasons.total() - parts == len(sections_of(path, text))
    for snippet in snippets:
        compile(snippet.content, "", "exec")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_the_command(tmp_path, encoding):
    text = "```python\ns = pd.Series(['é'])\ns + 1\n```\n"
    (tmp_path / "guide.md").write_text(f"Add one.\n\n{text}", encoding=encoding)
    command = [sys.executable, "-m", "scripts.mine_docs", tmp_path / "guide.md"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    result = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, env=environment)
    assert "import pandas as pd\ns = pd.Series(['é'])\n\n# Add one.\ns + 1\n" in result.stdout.decode()


def test_a_file_that_cannot_be_read_is_one_line(tmp_path, capsys):
    (tmp_path / "a.md").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "a.md", tmp_path / "none.md", tmp_path):
        assert main([str(path)]) == 1
        error = capsys.readouterr().err
        assert error.startswith(f"error: cannot read {path}") and error.count("\n") == 1

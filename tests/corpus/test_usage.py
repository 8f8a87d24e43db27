"""Corpora of code that uses a library: the group of sources, calls per 100 lines, the share of a repository, functions."""

import pytest
from test_prepare_corpus import rows_of, stats_of

from nl2code.errors import UserError
from nl2code.parsing import try_parse
from scripts.corpus.documents import Harvest
from scripts.corpus.functions import MAX_LINES, mine_functions
from scripts.corpus.ledger import Ledger
from scripts.corpus.sources import Source
from scripts.corpus.spill import Document
from scripts.corpus.split import limit_repositories
from scripts.corpus.usage import library_calls, why_not_usage
from scripts.fetch import load_sources
from scripts.prepare_corpus import build_parser, main, sources_of

MODULE = '''"""Tables."""
from __future__ import annotations

import os, numpy as np
from collections import Counter

import pandas as pd
from shop.tools import fix

from . import other


@np.vectorize
def scale(df, by=2):
    # multiply all columns
    return pd.DataFrame(df) * by, np.array(by), os.sep


def tail(df):
    """The last row of a DataFrame."""
    return df.iloc[-1]


def undocumented(df):
    return pd.concat([df])


def helped(df):
    """Needs a relative import."""
    return other.clean(pd.concat([df]))


def fixed(df):
    """Needs its own package."""
    return fix(pd.concat([df]))


def plain(x):
    """Knows no table."""
    return Counter(x)


def later(df: pd.DataFrame):
    """To do."""
    raise NotImplementedError


def test_tail():
    """A test."""
    assert tail(pd.DataFrame([1])) is not None


class Shop:
    def method(self):
        """Not at the top level."""
        return pd.Series()
'''


def test_functions_stand_alone_below_their_imports():
    found, left_out = mine_functions(MODULE, "pandas", "src/shop/tables.py")
    assert [(part.content.split("\n\n\n")[0], part.line) for part in found] == [
        ("import pandas as pd\nimport os\nimport numpy as np", 13),
        ("import pandas as pd", 19),
    ]
    assert found[0].content.endswith(
        "\n\n\n@np.vectorize\ndef scale(df, by=2):\n    # multiply all columns\n"
        "    return pd.DataFrame(df) * by, np.array(by), os.sep\n"
    )
    assert left_out == {
        "neither docstring nor comment": 1,
        "uses other names of its package": 2,
        "does not use the library": 1,
        "no body": 1,
        "test": 1,
    }


@pytest.mark.parametrize(
    ("head", "code", "imports"),
    [
        ("from numpy import array, sum", "array(sum(x))", "from numpy import array\nfrom numpy import sum"),
        ("import numpy as np\ndef round(x):\n    pass", "round(np.abs(x))", None),  # not the builtin
        (
            "import numpy as np\nimport scipy.stats\nimport scipy.linalg\nimport scipy.fft",
            "scipy.stats.zmap(np.abs(x), scipy.fft)",
            "import numpy as np\nimport scipy.stats\nimport scipy.fft",
        ),
        ("import numpy.f, numpy.ff\nimport numpy.fft as h", "numpy.ff.g(h)", "import numpy.ff\nimport numpy.fft as h"),
        ("import numpy.a, numpy.b", "numpy.abs(x)", "import numpy.a"),
        ("import numpy\nimport numpy as np\nimport scipy as np", "numpy.abs(np)", "import numpy\nimport scipy as np"),
    ],
)
def test_the_imports_that_a_function_needs(head, code, imports):
    found, left_out = mine_functions(f"{head}\n\n\ndef f(x):\n    # numbers\n    return {code}\n", "numpy")
    if imports is None:
        assert not found and left_out["uses other names of its package"] == 1
    else:
        assert [one.content.partition("\n\n\n")[0] for one in found] == [imports]


@pytest.mark.parametrize(
    "code",
    [
        "def f(x, scale=scale):\n    # numbers\n    return np.abs(x) * scale",
        "def f(x, g=f):\n    # numbers\n    return g(np.abs(x))",
        "def f(x):\n    # sums\n    global N\n    N += np.sum(x)",
        "def f(x):\n    # in order\n    y = np.sort(x)[idx]\n    return [idx for idx in y]",
        "def f(x):\n    # in order\n    return (lambda idx: idx)(np.sort(x)), idx",
    ],
)
def test_functions_that_need_other_names_of_their_module(code):
    found, left_out = mine_functions(f"import numpy as np\nscale = N = idx = 1\n\n\n{code}\n", "numpy")
    assert not found and left_out == {"uses other names of its package": 1}


def test_functions_that_need_no_other_names():
    code = "@(  # of numpy\n    np.vectorize\n)\n"
    code += "def f(x):\n    # again\n    y = [x for x in np.sort(x)]\n    return f(y[-1])\n"
    (found,), _ = mine_functions(f"import numpy as np\nx = y = 1\n\n\n{code}", "numpy")
    assert found.content == f"import numpy as np\n\n\n{code}" and found.line == 5
    compile(found.content, "", "exec")


def test_a_function_brings_the_imports_of_what_it_names():
    """All submodules of a package for each function would be quadratic: megabytes of a small file."""
    many = range(200)
    text = "".join(f"import numpy.part_{n}\n" for n in many)
    text += "".join(f"\n\ndef f{n}(x):\n    # part\n    return numpy.part_{n}.g(x)\n" for n in many)
    found, _ = mine_functions(text, "numpy")
    assert len(found) == 200 and sum(len(one.content) for one in found) == len(text)


@pytest.mark.parametrize(("lines", "count"), [(MAX_LINES - 1, 1), (MAX_LINES, 0)])
def test_a_function_of_too_many_lines(lines, count):
    """One line is the import's."""
    body = "".join(f"    x = np.abs({n})\n" for n in range(lines - 2))
    found, left_out = mine_functions(f"import numpy as np\ndef f():\n    # absolute\n{body}", "numpy")
    assert len(found) == count and sum(left_out.values()) == 1 - count


def test_functions_of_a_file_that_imports_the_library_elsewhere_or_does_not_parse():
    inside = "def f():\n    # numbers\n    import numpy as np\n    return np.abs(1)\n"
    for text in (
        inside,
        "import numpy as np\ndef f(:\n",
        "def f(x):\n    # x\n    return x\n",
        "from numpy import *\n" + inside,
    ):
        assert mine_functions(text, "numpy")[0] == []


def test_calls_of_the_library_are_those_of_its_names():
    text = "import numpy as np\nfrom numpy.linalg import norm\nimport math\nnorm(np.fft.fft(x)), math.pi(), x.sum(), np.pi\n"
    assert library_calls(try_parse(text), "numpy") == 2


@pytest.mark.parametrize(
    ("head", "min_calls", "reason"),
    [
        ("", 0, ""),
        ("", 10, ""),
        ("", 11, "fewer than 11 calls of the library per 100 lines"),
        ("# Automatically generated by a tool. DO NOT EDIT\n", 1, "generated file"),
        ("# Automatically generated by a tool. DO NOT EDIT\n", 0, ""),
    ],
)
def test_files_that_hardly_call_the_library_are_no_usage(head, min_calls, reason):
    text = head + "import numpy as np\n" + "\n".join(["x = 1", "", *["y = 2"] * 7, "np.abs(1)"])
    assert why_not_usage(text, "numpy", min_calls) == reason


def harvests_of(**sizes: list[int]) -> list[Harvest]:
    """A harvest per repository, of documents of so many characters."""
    made = []
    for name, lengths in sizes.items():
        found = [Document("code", name, str(n), "MIT", size, 0, b"", "", 0, 0) for n, size in enumerate(lengths)]
        made.append(Harvest(Source(name, None, "MIT", ""), kinds={"code": Ledger(seen=len(found))}, documents=found))
    return made


def characters(harvests: list[Harvest]) -> list[int]:
    return [sum(one.characters for one in found.documents) for found in harvests]


def test_a_repository_gives_at_most_its_share():
    made = harvests_of(large=[10] * 500, big=[10] * 100, a=[100], b=[100], c=[100, 50])
    limit_repositories(made, 42, 0.3)
    assert characters(made) == [260, 260, 100, 100, 150]  # the cap is 0.3 * 350 / (1 - 2 * 0.3) = 262.5
    assert made[0].kinds["code"].rejected == {"over --max_share": 474}
    chosen = [one.path for one in made[0].documents]
    other = harvests_of(large=[10] * 500, big=[10] * 100, a=[100], b=[100], c=[100, 50])
    limit_repositories(other, 7, 0.3)
    assert chosen != [one.path for one in other[0].documents] != [str(n) for n in range(26)]


def test_equal_repositories_keep_all_and_too_few_are_refused():
    made = harvests_of(a=[50], b=[50], c=[50])
    limit_repositories(made, 42, 0.34)
    assert characters(made) == [50, 50, 50]
    with pytest.raises(UserError, match=r"--max_share 0.3 is too low for 3 repositories .* above 0.333, or give more"):
        limit_repositories(made, 42, 0.3)


def test_one_repository_is_told_a_value_that_can_be_typed(tmp_path, capsys):
    (tmp_path / "a.py").write_text(MODULE)
    flags = ["--sources", str(tmp_path / "a.py"), "-o", str(tmp_path / "out"), "--workers", "1", "--kinds", "functions"]
    assert main([*flags, "--max_share", "0.5"]) == 1
    assert "--max_share 0.5 needs two repositories with documents; give more sources, or 1" in capsys.readouterr().err
    assert main([*flags, "--max_share", "1"]) == 0


def test_documents_of_a_repository_and_of_its_documentation_count_together():
    made = harvests_of(a=[50, 50], b=[60], c=[60])
    made[0].documents[1].repo_name = "a (docs)"
    limit_repositories(made, 42, 0.4)
    assert characters(made) == [50, 60, 60]


def test_the_group_usage_is_asked_for_by_name():
    groups = {entry["name"]: entry["group"] for entry in load_sources()}
    for domain in ("Pandas", "Numpy"):
        by_default = [source.name for source in sources_of(build_parser().parse_args(["-d", domain]))]
        usage = [source.name for source in sources_of(build_parser().parse_args(["-d", domain, "--sources", "usage"]))]
        both = build_parser().parse_args(["-d", domain, "--sources", "usage, pandas"])
        assert {groups[name] for name in by_default} == {"default"} and domain.lower() in by_default
        assert {groups[name] for name in usage} == {"usage"} and len(usage) > 10
        assert [source.name for source in sources_of(both)] == [*usage, "pandas"]


def test_the_command_makes_functions_and_counts_what_it_leaves_out(tmp_path):
    for name in "abc":
        (tmp_path / name / "shop").mkdir(parents=True)
        (tmp_path / name / "shop/tables.py").write_text(MODULE.replace("last row", f"last row {name}"))
        (tmp_path / name / "shop/one.py").write_text("import pandas as pd\n" + "x = 1\n" * 200 + "pd.isna(1)\n")
    sources = ",".join(str(tmp_path / name) for name in "abc")
    flags = ["--sources", sources, "--kinds", "functions,code", "--workers", "1", "-o", str(tmp_path / "out")]
    assert main([*flags, "--min_calls", "1", "--max_share", "0.5"]) == 0
    stats = stats_of(tmp_path / "out")
    assert stats["min_calls"] == 1 and stats["max_share"] == 0.5 and stats["kinds"] == ["code", "functions"]
    code, functions = stats["totals"]["code"], stats["totals"]["functions"]
    assert code["out"] == 3 and code["reasons"]["fewer than 1 calls of the library per 100 lines"] == 3
    assert functions["in"] == 24 and functions["out"] == 4 and functions["reasons"]["copy of another document"] == 2
    paths = {row["path"] for row in rows_of(tmp_path / "out")}
    assert paths == {"shop/tables.py", "shop/tables.py#L13", "shop/tables.py#L19"}


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        (("--min_calls", "-1"), "--min_calls -1.0 must lie between 0 and 100"),
        (("--max_share", "0"), "--max_share 0.0 must lie between 0.01 and 1"),
        (("--kinds", "code,function"), "must be a comma list of code, mined, functions"),
    ],
)
def test_bad_values_name_the_flag(tmp_path, capsys, flags, part):
    (tmp_path / "a.py").write_text(MODULE)
    assert main(["--sources", str(tmp_path / "a.py"), "-o", str(tmp_path / "out"), *flags]) != 0
    assert part in capsys.readouterr().err and not (tmp_path / "out").exists()

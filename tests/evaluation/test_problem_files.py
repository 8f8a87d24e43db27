"""Problem files: what is refused, by name or path, and the program that judges a completion."""

import gzip
import json

import pytest
from mini_benchmark import PROBLEMS, problem, write_lines

from pandas_numpy_eval import OWN, data


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON"),
        ("[]", "not an object"),
        ('{"task_id": "a"}', "not a text: prompt, entry_point, test"),
        (json.dumps(problem(0)) + "\n" + json.dumps(problem(0)), ":2: task_id 'Mini/0' is there twice"),
        ("", "no problems in it"),
    ],
)
def test_malformed_problem_files(tmp_path, line, message):
    path = write_lines(tmp_path / "p.jsonl", [line])
    with pytest.raises(data.ProblemFileError, match=message):
        data.read_problems(path)


def test_problem_files_by_name_and_gzipped(tmp_path):
    assert data.resolve_problem_file("Pandas").name == "CertPandas.jsonl"
    path = tmp_path / "Mini.jsonl.gz"
    with gzip.open(path, "wt") as file:
        file.write("".join(json.dumps(row) + "\n" for row in PROBLEMS))
    assert list(data.read_problems(data.resolve_problem_file(path))) == [f"Mini/{i}" for i in range(4)]
    info = data.benchmark_info(path)
    assert info["name"] == "Mini" and info["problems"] == 4 and len(info["sha256"]) == 64


@pytest.mark.parametrize("name", OWN)
def test_our_benchmarks_are_called_by_their_file_as_well(name):
    assert data.resolve_problem_file(f"Cert{name}") == data.resolve_problem_file(name)
    assert data.read_problems(f"Cert{name}").keys() == data.read_problems(name).keys()


def test_program_is_the_sum_of_its_parts():
    script, function = PROBLEMS[3], PROBLEMS[0]
    assert "".join(data.program_parts(script, "2")) == "x = 1\ny = 2\ndef check():\n    assert y == 2\ncheck()"
    assert data.program_parts(function, "x")[1].endswith("\ncheck(f0)")
    assert data.solutions_of({"canonical_solution": "x"}) == ["x"] and data.solutions_of({}) == []

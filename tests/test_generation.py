"""The two generation programs: sample files, restarts, the two stages."""

import argparse
import json
from dataclasses import dataclass

import pytest
import tiny

import eval_cert
import eval_cert_unified
from nl2code.sampling import Completion
from scripts.ast_utils import SEGMENTATION

TASKS = [
    {"task_id": "T/0", "prompt": "def f(x):\n    return ", "entry_point": "f", "canonical_solution": ["x"]},
    {"task_id": "T/1", "prompt": "df = ", "entry_point": "none", "canonical_solution": ["1"]},
    {"task_id": "T/2", "prompt": "# rows\n", "entry_point": "none", "canonical_solution": ["rows = 1"]},
]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save_tiny(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return tiny.save_tiny(tmp_path_factory.mktemp("models") / "other", seed=1)


@pytest.fixture
def problems(tmp_path):
    path = tmp_path / "Tiny.jsonl"
    path.write_text("".join(json.dumps({**task, "test": "def check(f=0):\n    assert f"}) + "\n" for task in TASKS))
    return path


def single(base, problems, output, *extra):
    arguments = ["-model", base, "-d", problems, "-n", 6, "-c", 4, "-l", 12, "-t", 0.8, "-o", output, *extra]
    return eval_cert.main([str(argument) for argument in arguments])


def two_stages(base, other, problems, output, *extra):
    arguments = [
        "-sketcher",
        base,
        "-generator",
        other,
        "-d",
        problems,
        "-n",
        6,
        "-c",
        4,
        "-l",
        12,
        "-o",
        output,
        *extra,
    ]
    return eval_cert_unified.main([str(argument) for argument in arguments])


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_samples_in_order_with_everything_recorded(base, problems, tmp_path):
    output = tmp_path / "out/x.samples.jsonl"
    assert single(base, problems, output) == 0
    rows = rows_of(output)
    assert [(row["task_id"], row["sample_id"]) for row in rows] == [(f"T/{t}", i) for t in range(3) for i in range(6)]
    assert all(row["raw"].startswith(row["completion"]) for row in rows)
    meta = json.loads((tmp_path / "out/x.meta.json").read_text())
    assert meta["benchmark"]["name"] == "Tiny" and len(meta["benchmark"]["sha256"]) == 64
    expected = {"temperature": 0.8, "top_p": 0.95, "num_samples": 6, "max_tokens": 12, "seed": 42}
    assert expected.items() <= meta.items()
    assert len(meta["model_sha256"]) == 64 and meta["run"]["versions"]["torch"]
    assert not (tmp_path / "out/x.parts").exists()


def test_nothing_to_do_and_other_settings(base, problems, tmp_path, capsys):
    output = tmp_path / "x.samples.jsonl"
    assert single(base, problems, output) == 0
    before = output.read_bytes()
    assert single(base, problems, output) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert single(base, problems, output, "--seed", 43) == 1
    assert "other seed" in capsys.readouterr().err
    assert output.read_bytes() == before


@pytest.mark.parametrize("program", ["single", "two_stages"])
def test_an_interrupted_run_ends_with_the_same_bytes(base, other, problems, tmp_path, monkeypatch, program):
    """Interrupted before every unit in turn, then finished: the bytes of the undisturbed run."""
    run = (
        (lambda out: single(base, problems, out))
        if program == "single"
        else (lambda out: two_stages(base, other, problems, out, "-t", 0.8, "-t2", 0.8))
    )
    assert run(tmp_path / "whole.samples.jsonl") == 0
    module = eval_cert if program == "single" else eval_cert_unified
    original = module.run_chunks

    def interrupted_after(units):
        def run_chunks(run, complete):
            left = [units]

            def complete_some(*arguments):
                if not left[0]:
                    raise KeyboardInterrupt
                left[0] -= 1
                return complete(*arguments)

            original(run, complete_some)

        return run_chunks

    output = tmp_path / "cut.samples.jsonl"
    for _ in range(3):
        monkeypatch.setattr(module, "run_chunks", interrupted_after(2))
        try:
            run(output)
        except KeyboardInterrupt:
            assert not output.exists()
    monkeypatch.setattr(module, "run_chunks", original)
    assert run(output) == 0
    assert output.read_bytes() == (tmp_path / "whole.samples.jsonl").read_bytes()


def test_batch_size_leaves_the_samples_alone(base, problems, tmp_path):
    """Chunk and batch decide when work is written, not what."""
    texts = []
    for name, size in (("a", 1), ("b", 6)):
        assert single(base, problems, tmp_path / f"{name}.samples.jsonl", "-b", size, "--limit", 2) == 0
        texts.append((tmp_path / f"{name}.samples.jsonl").read_bytes())
    assert texts[0] == texts[1] and texts[0].count(b"\n") == 12


@pytest.mark.parametrize(
    ("flag", "value", "message"),
    [
        ("-t", "abc", "'abc' is no float"),
        ("-n", "0", "'0' is no int"),
        ("-p", "0", "(0, 1]"),
        ("--limit", "-1", "'-1'"),
    ],
)
def test_bad_flags(base, problems, tmp_path, capsys, flag, value, message):
    with pytest.raises(SystemExit) as stopped:
        single(base, problems, tmp_path / "x.samples.jsonl", flag, value)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"problems": "Pandaz"}, "Pandas"),
        ({"base": "no-such-model"}, "(3) a hub id"),
        ({"output": "x.txt"}, ".samples.jsonl"),
    ],
)
def test_runs_that_cannot_start(base, problems, tmp_path, capsys, change, message):
    parts = {"base": base, "problems": problems, "output": tmp_path / "x.samples.jsonl"} | change
    assert single(parts["base"], parts["problems"], parts["output"]) == 1
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ") and message in error and "\n" not in error


def test_a_prompt_beyond_the_context_stops_before_work(base, tmp_path, capsys):
    path = tmp_path / "Long.jsonl"
    task = {**TASKS[0], "task_id": "L/0", "prompt": "x = 1\n" * 300, "test": "def check(f):\n    pass"}
    path.write_text(json.dumps(task) + "\n")
    assert single(base, path, tmp_path / "x.samples.jsonl") == 1
    assert "context of 512" in capsys.readouterr().err
    assert not (tmp_path / "x.parts").exists()


@dataclass
class Script:
    """A stand-in for `Sampler`: writes given texts and remembers what it was asked."""

    texts: list[str]
    asked: list = None

    def sample(self, prompt, n, **settings):
        self.asked = [*(self.asked or []), (prompt, n, settings)]
        return [Completion(text, text + "\nraw", 1, "eos") for text in (self.texts * n)[:n]]


ARGS = argparse.Namespace(temperature=0.3, temperature2=0.7, top_p=0.9, max_tokens=50, seed=1, batch_size=8)
PROBLEM = {"task_id": "T/9", "prompt": "df = "}


def test_the_most_common_sketch_leads_the_generator():
    sketcher = Script(["a[number]", "b[string]", "a[number]", ""])
    generator = Script(["a[1]", "a[2]"])
    rows = eval_cert_unified.TwoStages(sketcher, generator, ARGS).complete(PROBLEM, 8, 4)
    assert generator.asked[0][0] == "a[number]" + SEGMENTATION + "df = "
    assert [row["completion"] for row in rows] == ["a[1]", "a[2]", "a[1]", "a[2]"]
    assert {row["sketch"] for row in rows} == {"a[number]"} and {row["case"] for row in rows} == {1}
    assert sketcher.asked[0][2]["temperature"] == 0.3 and generator.asked[0][2]["temperature"] == 0.7
    assert sketcher.asked[0][2]["first"] == generator.asked[0][2]["first"] == 8
    assert sketcher.asked[0][2]["task_id"] != generator.asked[0][2]["task_id"]  # other draws in each stage


def test_a_sketch_without_placeholder_is_the_answer():
    sketcher, generator = Script(["df.astype(float)", "df.astype(float)", "df.head(number)"]), Script(["unused"])
    rows = eval_cert_unified.TwoStages(sketcher, generator, ARGS).complete(PROBLEM, 0, 3)
    assert generator.asked is None
    assert [row["completion"] for row in rows] == sketcher.texts
    assert {row["case"] for row in rows} == {2}


def test_the_sketchers_answer_stands_where_the_generator_writes_nothing():
    rows = eval_cert_unified.TwoStages(Script(["a[number]", "x"]), Script(["", "a[1]"]), ARGS).complete(PROBLEM, 0, 4)
    assert [(row["completion"], row["case"]) for row in rows] == [("a[number]", 2), ("a[1]", 1)] * 2


def test_two_stages_end_to_end(base, other, problems, tmp_path):
    output = tmp_path / "x.samples.jsonl"
    assert two_stages(base, other, problems, output) == 0
    rows = rows_of(output)
    assert len(rows) == 18 and all({"sketch", "case", "completion", "raw"} <= row.keys() for row in rows)
    meta = json.loads((tmp_path / "x.meta.json").read_text())
    assert meta["sketcher_sha256"] != meta["generator_sha256"]
    assert {"temperature": 0.2, "temperature2": 0.2}.items() <= meta.items()

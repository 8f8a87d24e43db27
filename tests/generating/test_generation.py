"""The two generation programs: sample files, restarts, the two stages."""

import json
import shutil
import sys
from collections import Counter
from dataclasses import dataclass, field
from importlib.util import find_spec

import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

import eval_cert
import eval_cert_unified
from nl2code.sampling import Completion
from scripts.ast_utils import SEGMENTATION
from scripts.generating.two_stages import TwoStages, choose_sketches
from scripts.generating.units import Chunk

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
    module = eval_cert if program == "single" else eval_cert_unified
    original = module.run_units

    def run(output):
        if program == "single":
            return single(base, problems, output, "-u", 4)
        return two_stages(base, other, problems, output, "-u", 4, "-t", 0.8, "-t2", 0.8)

    def run_two_units(run, complete):
        left = [2]

        def complete_some(chunks):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            return complete(chunks)

        return original(run, complete_some)

    assert run(tmp_path / "whole.samples.jsonl") == 0
    output = tmp_path / "cut.samples.jsonl"
    monkeypatch.setattr(module, "run_units", run_two_units)
    interruptions = 0
    while not output.exists():
        try:
            run(output)
        except KeyboardInterrupt:
            interruptions += 1
            assert not output.exists()
    assert interruptions == 1  # 18 samples in chunks of 4 and 2, units of 4 or more: 3 units
    assert output.read_bytes() == (tmp_path / "whole.samples.jsonl").read_bytes()


def test_processes_share_the_units(base, problems, tmp_path, monkeypatch):
    """Two processes, as torchrun starts them, write what one writes; the one that ends last puts it together."""
    assert single(base, problems, tmp_path / "one.samples.jsonl", "-u", 4) == 0
    output = tmp_path / "two.samples.jsonl"
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in ("1", "0"):
        assert not output.exists()
        monkeypatch.setenv("RANK", rank)
        assert single(base, problems, output, "-u", 4) == 0
    assert output.read_bytes() == (tmp_path / "one.samples.jsonl").read_bytes()
    assert not list(tmp_path.glob("two.parts*"))


def test_a_full_disk_loses_no_finished_unit(base, problems, tmp_path, monkeypatch, capsys):
    from scripts.generating import units as generation

    assert single(base, problems, tmp_path / "whole.samples.jsonl", "-u", 4) == 0
    written = []

    def write_jsonl(path, rows):
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        written.append(path)
        return original(path, rows)

    original = generation.write_jsonl
    output = tmp_path / "x.samples.jsonl"
    monkeypatch.setattr(generation, "write_jsonl", write_jsonl)
    assert single(base, problems, output, "-u", 4) == 1
    assert "No space left" in capsys.readouterr().err
    assert sorted((tmp_path / "x.parts").glob("*.jsonl")) == sorted(written)
    monkeypatch.setattr(generation, "write_jsonl", original)
    assert single(base, problems, output, "-u", 4) == 0
    assert output.read_bytes() == (tmp_path / "whole.samples.jsonl").read_bytes()


def test_one_run_sweeps_temperatures(base, other, problems, tmp_path, capsys):
    assert single(base, problems, tmp_path / "t{t}.samples.jsonl", "-t", "0.2,1") == 0
    assert {path.name for path in tmp_path.glob("t*.samples.jsonl")} == {"t0.2.samples.jsonl", "t1.samples.jsonl"}
    assert json.loads((tmp_path / "t1.meta.json").read_text())["temperature"] == 1
    assert single(base, problems, tmp_path / "same.samples.jsonl", "-t", "0.2,1") == 1
    assert "{t}" in capsys.readouterr().err
    name = tmp_path / "u{t}_{t2}.samples.jsonl"
    assert two_stages(base, other, problems, name, "-t", "0.2,0.6", "-t2", "0.8", "--limit", 1) == 0
    assert {path.name for path in tmp_path.glob("u*.samples.jsonl")} == {
        "u0.2_0.8.samples.jsonl",
        "u0.6_0.8.samples.jsonl",
    }
    assert two_stages(base, other, problems, name, "-t", "0.2,0.6", "-t2", "0.8,0.1,0.2") == 1
    assert "as many" in capsys.readouterr().err


def test_dry_run_and_tasks(base, problems, tmp_path, capsys):
    output = tmp_path / "x.samples.jsonl"
    assert single(base, problems, output, "--dry_run", "--tasks", "T/[02]") == 0
    assert "12 samples of 2 problems in 1 units, 0 done" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == [problems]
    assert single(base, problems, output, "--tasks", "T/[02]") == 0
    assert {row["task_id"] for row in rows_of(output)} == {"T/0", "T/2"}
    assert single(base, problems, tmp_path / "y.samples.jsonl", "--tasks", "nothing") == 1
    assert "'nothing' matches no task_id" in capsys.readouterr().err


def test_syntax_truncation_is_a_second_file_of_the_same_raw_samples(base, problems, tmp_path):
    assert single(base, problems, tmp_path / "x.samples.jsonl") == 0
    assert single(base, problems, tmp_path / "x.samples.jsonl", "--truncate", "syntax") == 0
    first, second = rows_of(tmp_path / "x.samples.jsonl"), rows_of(tmp_path / "x_syntax.samples.jsonl")
    assert [row["raw"] for row in first] == [row["raw"] for row in second]
    assert all(a["completion"].startswith(b["completion"]) for a, b in zip(first, second, strict=True))
    assert json.loads((tmp_path / "x_syntax.meta.json").read_text())["truncate"] == "syntax"


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
        ("-t", "0.2,-1", "'-1' is no float in [0, 2]"),
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


@pytest.mark.parametrize("kept", [3, 2000])
def test_half_a_model_stops_before_work(base, problems, tmp_path, capsys, kept):
    shutil.copytree(base, tmp_path / "half")
    weights = tmp_path / "half/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept])
    assert single(tmp_path / "half", problems, tmp_path / "x.samples.jsonl") == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: the weights of model") and "fetch them again" in error
    assert not (tmp_path / "x.parts").exists()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (['{"task_id": "A", "prompt": "x = "}'], "not a text: entry_point, test"),
        (['{"task_id": "A", "prompt": "", "entry_point": "none", "test": ""}'] * 2, "'A' is there twice"),
    ],
)
def test_a_broken_problem_file_stops_before_work(base, tmp_path, capsys, lines, message):
    path = tmp_path / "P.jsonl"
    path.write_text("\n".join(lines) + "\n")
    assert single(base, path, tmp_path / "x.samples.jsonl") == 1
    error = capsys.readouterr().err.strip()
    assert message in error and error.startswith("error: ") and "\n" not in error


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
    asked: list = field(default_factory=list)

    def sample_many(self, requests, **settings):
        self.asked += [(request, settings) for request in requests]
        return [
            [Completion(text, text + "\nraw", 1, "eos") for text in (self.texts * request.count)[: request.count]]
            for request in requests
        ]


PROBLEM = {"task_id": "T/9", "prompt": "df = "}


def two(sketcher, generator, first, count, **options):
    """Rows of one chunk."""
    stages = TwoStages(sketcher, generator, {"temperature": 0.3}, {"temperature": 0.7}, **options)
    return stages.complete([Chunk(PROBLEM, first, count)])[0]


def texts_of(rows):
    return [row["raw"].removesuffix("\nraw") for row in rows]


def test_the_most_common_sketch_leads_the_generator():
    sketcher = Script(["a[number]", "b[string]", "a[number]", ""])
    generator = Script(["a[1]", "a[2]"])
    rows = two(sketcher, generator, 8, 4)
    (sketch_request, sketch_settings), (request, settings) = sketcher.asked[0], generator.asked[0]
    assert request.prompt == "a[number]" + SEGMENTATION + "df = "
    assert texts_of(rows) == ["a[1]", "a[2]", "a[1]", "a[2]"]
    assert {row["sketch"] for row in rows} == {"a[number]"} and {row["case"] for row in rows} == {1}
    assert sketch_settings["temperature"] == 0.3 and settings["temperature"] == 0.7
    assert (sketch_request.first, request.first, request.count) == (8, 8, 4)
    assert sketch_request.task_id != request.task_id  # other draws in each stage


def test_each_sketch_leads_its_own_sample():
    sketcher = Script(["a[number]", "b[string]", "b[string]", "plain"])
    generator = Script(["code"])
    rows = two(sketcher, generator, 0, 4, strategy="each")
    asked = [(request.prompt.split(SEGMENTATION)[0], request.first, request.count) for request, _ in generator.asked]
    assert asked == [("a[number]", 0, 1), ("b[string]", 1, 2)]
    assert texts_of(rows) == ["code", "code", "code", "plain"] and [row["case"] for row in rows] == [1, 1, 1, 2]
    assert [row["sketch"] for row in rows] == sketcher.texts


@given(st.lists(st.sampled_from(["", "a", "b", "c", "d"]), min_size=1, max_size=60), st.integers(1, 6))
def test_shares_are_proportional(sketches, m):
    """top-m: every share is its exact proportion, rounded up or down; together they are all samples."""
    chosen = choose_sketches(sketches, f"top-{m}")
    counts = Counter(filter(None, sketches)) or Counter(sketches)
    top = dict(counts.most_common(m))
    assert len(chosen) == len(sketches) and set(chosen) <= set(top)
    for sketch, count in top.items():
        assert abs(chosen.count(sketch) - len(sketches) * count / sum(top.values())) < 1
    assert choose_sketches(sketches, "popular") == choose_sketches(sketches, "top-1")


def test_a_greedy_sketch_leads_all_samples():
    sketcher, generator = Script(["a[number]"]), Script(["a[1]", ""])
    rows = two(sketcher, generator, 0, 2, greedy_sketch=True)
    assert [(request.count, settings["temperature"]) for request, settings in sketcher.asked] == [(1, 0)]
    assert texts_of(rows) == ["a[1]", "a[number]"] and [row["case"] for row in rows] == [1, 2]


def test_a_greedy_sketch_that_is_an_answer_gives_way_to_samples():
    sketcher, generator = Script(["df.head()", "df.tail()"]), Script(["unused"])
    rows = two(sketcher, generator, 0, 2, greedy_sketch=True)
    assert [settings["temperature"] for _, settings in sketcher.asked] == [0, 0.3] and not generator.asked
    assert texts_of(rows) == ["df.head()", "df.tail()"]


def test_a_sketch_without_placeholder_is_the_answer():
    sketcher, generator = Script(["df.astype(float)", "df.astype(float)", "df.head(number)"]), Script(["unused"])
    rows = two(sketcher, generator, 0, 3)
    assert not generator.asked
    assert texts_of(rows) == sketcher.texts
    assert {row["case"] for row in rows} == {2}


def test_the_sketchers_answer_stands_where_the_generator_writes_nothing():
    rows = two(Script(["a[number]", "x"]), Script(["", "a[1]"]), 0, 4)
    assert list(zip(texts_of(rows), [row["case"] for row in rows], strict=True)) == [("a[number]", 2), ("a[1]", 1)] * 2


def test_two_stages_end_to_end(base, other, problems, tmp_path):
    output = tmp_path / "x.samples.jsonl"
    assert two_stages(base, other, problems, output) == 0
    rows = rows_of(output)
    assert len(rows) == 18 and all({"sketch", "case", "completion", "raw"} <= row.keys() for row in rows)
    meta = json.loads((tmp_path / "x.meta.json").read_text())
    assert meta["sketcher_sha256"] != meta["generator_sha256"]
    assert {"temperature": 0.2, "temperature2": 0.2}.items() <= meta.items()


def test_vllm_is_named_where_it_is_missing(base, problems, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "vllm", None)
    assert single(base, problems, tmp_path / "x.samples.jsonl", "--backend", "vllm") == 1
    error = capsys.readouterr().err
    assert "pip install vllm" in error and error.count("\n") == 1


@pytest.mark.skipif(not find_spec("vllm"), reason="vllm is not installed")
def test_vllm_completes_prompts(base, problems, tmp_path):
    assert single(base, problems, tmp_path / "x.samples.jsonl", "--backend", "vllm") == 0
    assert len(rows_of(tmp_path / "x.samples.jsonl")) == 18

"""The two generation programs: sample files, restarts, the two stages."""

import json
import shutil
import sys
import threading
import time
from importlib.util import find_spec
from types import SimpleNamespace

import pytest
import tiny

import eval_cert
import eval_cert_unified
from nl2code.errors import UserError
from scripts.file_utils import exclusive, write_jsonl
from scripts.generating.options import parse_args, sample_files
from scripts.generating.units import SampleFile
from scripts.records import Record

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


def write_problems(folder):
    path = folder / "Tiny.jsonl"
    path.write_text("".join(json.dumps({**task, "test": "def check(f=0):\n    assert f"}) + "\n" for task in TASKS))
    return path


@pytest.fixture
def problems(tmp_path):
    return write_problems(tmp_path)


def single(base, problems, output, *extra):
    arguments = ["-model", base, "-d", problems, "-n", 6, "-l", 12, "-t", 0.8, "-o", output, *extra]
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
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


def test_samples_in_order_with_everything_recorded(base, problems, tmp_path):
    output = tmp_path / "out/x.samples.jsonl"
    assert single(base, problems, output) == 0
    rows = rows_of(output)
    assert [(row["task_id"], row["sample_id"]) for row in rows] == [(f"T/{t}", i) for t in range(3) for i in range(6)]
    assert all(row["raw"].startswith(row["completion"]) for row in rows)
    meta = json.loads((tmp_path / "out/x.meta.json").read_text())
    assert meta["benchmark"]["name"] == "Tiny" and len(meta["benchmark"]["sha256"]) == 64
    expected = {"temperature": 0.8, "top_p": 0.9, "num_samples": 6, "max_tokens": 12, "seed": 42, "limit": None}
    assert (expected | {"backend": "torch", "dtype": "float32", "tasks": None}).items() <= meta["settings"].items()
    assert meta["stage"] == "generation" and meta["outputs"]["x.samples.jsonl"]["bytes"] == output.stat().st_size
    assert len(meta["inputs"]["model"]) == 64 and meta["run"]["versions"]["torch"]
    assert meta["inputs"]["benchmark"] == meta["benchmark"]["sha256"]
    assert not (tmp_path / "out/x.parts").exists()


def test_nothing_to_do_and_other_settings(base, problems, tmp_path, capsys):
    output = tmp_path / "x.samples.jsonl"
    assert single(base, problems, output) == 0
    before = output.read_bytes()
    assert single(base, problems, output) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert single(base, problems, output, "--seed", 43) == 1
    assert "seed: 42 -> 43" in capsys.readouterr().err
    assert output.read_bytes() == before


@pytest.mark.parametrize("program", ["single", "two_stages"])
def test_an_interrupted_run_ends_with_the_same_bytes(base, other, problems, tmp_path, monkeypatch, program):
    """Interrupted before every unit in turn, then finished: the bytes of the undisturbed run."""
    original = SampleFile.draw

    def run(output):
        if program == "single":
            return single(base, problems, output, "-u", 4)
        return two_stages(base, other, problems, output, "-u", 4, "-t", 0.8, "-t2", 0.8)

    def draw_two_units(file, complete, served):
        left = [2]

        def complete_some(chunks):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            return complete(chunks)

        return original(file, complete_some, served)

    assert run(tmp_path / "whole.samples.jsonl") == 0
    output = tmp_path / "cut.samples.jsonl"
    monkeypatch.setattr(SampleFile, "draw", draw_two_units)
    interruptions = 0
    while not output.exists():
        if run(output) == 130:
            interruptions += 1
            assert not output.exists()
    assert interruptions == 2  # 18 samples in chunks of 4 and 2: 5 units
    assert output.read_bytes() == (tmp_path / "whole.samples.jsonl").read_bytes()


def test_processes_share_the_units(base, problems, tmp_path, monkeypatch, capsys):
    """Two processes, as torchrun starts them, write what one writes; the one that ends last puts it together."""
    assert single(base, problems, tmp_path / "one.samples.jsonl", "-u", 4) == 0
    output = tmp_path / "two.samples.jsonl"
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in ("1", "0"):
        assert not output.exists()
        monkeypatch.setenv("RANK", rank)
        assert single(base, problems, output, "-u", 4) == 0
    assert "some have nothing to do" not in capsys.readouterr().out
    assert single(base, problems, tmp_path / "three.samples.jsonl", "-u", 400) == 0
    assert "2 processes share 1 units, so some have nothing to do; a lower --unit_size" in capsys.readouterr().out
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


@pytest.mark.parametrize(
    "told", ["CUDA out of memory. Tried to allocate 2 GiB", "DefaultCPUAllocator: can't allocate memory: you tried"]
)
def test_a_want_of_memory_is_one_line(base, problems, tmp_path, capsys, monkeypatch, told):
    from nl2code.sampling import Sampler

    def sample_many(*args, **settings):
        raise RuntimeError(told)

    monkeypatch.setattr(Sampler, "sample_many", sample_many)
    assert single(base, problems, tmp_path / "x.samples.jsonl", "-b", "7") == 1
    error = capsys.readouterr().err
    assert "error: no memory on cpu for 7 rows; lower -b/--batch_size" in error


def test_a_want_of_memory_in_vllm(base, problems, tmp_path, capsys, monkeypatch):
    """It chooses batches and device itself."""

    def sample_many(*args, **settings):
        raise RuntimeError("CUDA out of memory.")

    stand_in = SimpleNamespace(encode=lambda *_: None, sample_many=sample_many)
    monkeypatch.setattr("scripts.generating.units.open_sampler", lambda *_: stand_in)
    assert single(base, problems, tmp_path / "x.samples.jsonl", "--backend", "vllm") == 1
    assert "no memory on the GPU for --backend vllm; use --dtype bfloat16, or" in capsys.readouterr().err


def test_one_run_sweeps_temperatures(base, other, problems, tmp_path, capsys):
    assert single(base, problems, tmp_path / "t{t}.samples.jsonl", "-t", "0.2,1") == 0
    assert {path.name for path in tmp_path.glob("t*.samples.jsonl")} == {"t0.2.samples.jsonl", "t1.samples.jsonl"}
    assert json.loads((tmp_path / "t1.meta.json").read_text())["settings"]["temperature"] == 1
    assert single(base, problems, tmp_path / "same.samples.jsonl", "-t", "0.2,1") == 1
    assert "{t}" in capsys.readouterr().err
    name = tmp_path / "u{t}_{t2}.samples.jsonl"
    assert two_stages(base, other, problems, name, "-t", "0.2,0.6", "-t2", "0.8", "--limit", 1) == 0
    assert {path.name for path in tmp_path.glob("u*.samples.jsonl")} == {
        "u0.2_0.8.samples.jsonl",
        "u0.6_0.8.samples.jsonl",
    }
    assert two_stages(base, other, problems, name, "-t", "0.2,0.6", "-t2", "0.8,0.1,0.2") == 1
    assert "equally many" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("count", "n", "chunk", "unit"), [(201, 5, 5, 512), (201, 200, 50, 512), (8, 600, 600, 512), (1, 3, 2, 9)]
)
def test_units_are_of_like_sizes(tmp_path, count, n, chunk, unit):
    record = Record(tmp_path / "x.meta.json", "generation", 1, {}, {"num_samples": n, "unit_size": unit})
    problems = [{"task_id": str(i)} for i in range(count)]
    units = [chunks for _, chunks in SampleFile(problems, tmp_path / "x.samples.jsonl", record, {}, chunk).units()]
    sizes = [sum(chunk.count for chunk in chunks) for chunks in units]
    assert sum(sizes) == n * count and max(sizes) - min(sizes) <= chunk and max(sizes) < unit + chunk
    assert [c.problem["task_id"] for chunks in units for c in chunks if c.first == 0] == [
        p["task_id"] for p in problems
    ]


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
    assert json.loads((tmp_path / "x_syntax.meta.json").read_text())["settings"]["truncate"] == "syntax"


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
        ("-t", "abc", "'abc' is not a number from 0 to 2"),
        ("-t", "0.2,-1", "'-1' is not a number from 0 to 2"),
        ("-n", "0", "'0' is not a whole number from 1 to 100000"),
        ("-p", "0", "from 1e-06 to 1"),
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


def test_two_stages_end_to_end(base, other, problems, tmp_path):
    output = tmp_path / "x.samples.jsonl"
    assert two_stages(base, other, problems, output) == 0
    rows = rows_of(output)
    assert len(rows) == 18 and all({"sketch", "case", "completion", "raw"} <= row.keys() for row in rows)
    meta = json.loads((tmp_path / "x.meta.json").read_text())
    assert meta["inputs"]["sketcher"] != meta["inputs"]["generator"]
    assert {"temperature": 0.2, "temperature2": 0.2, "operation": "constants", "chunk_size": 4}.items() <= meta[
        "settings"
    ].items()


def test_vllm_is_named_where_it_is_missing(base, problems, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "vllm", None)
    assert single(base, problems, tmp_path / "x.samples.jsonl", "--backend", "vllm") == 1
    error = capsys.readouterr().err
    assert "pip install vllm" in error and error.count("\n") == 1


def test_what_vllm_cannot_load_is_one_line(base, problems, tmp_path, capsys, monkeypatch):
    def no_gpu(**_):
        raise RuntimeError("Engine core initialization failed.\nSee above.")

    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(LLM=no_gpu))
    assert single(base, problems, tmp_path / "x.samples.jsonl", "--backend", "vllm") == 1
    told = f"error: vLLM cannot load {base}: Engine core initialization failed.; free its GPU, or use --backend torch"
    assert told in capsys.readouterr().err


@pytest.mark.skipif(not find_spec("vllm"), reason="vllm is not installed")
def test_vllm_completes_prompts(base, problems, tmp_path):
    assert single(base, problems, tmp_path / "x.samples.jsonl", "--backend", "vllm") == 0
    assert len(rows_of(tmp_path / "x.samples.jsonl")) == 18


def test_other_inputs_are_refused(base, other, problems, tmp_path, capsys):
    """Samples are hours of work: a changed model, tokenizer, configuration or benchmark is named, nothing is replaced."""
    model = tmp_path / "model"
    shutil.copytree(base, model)
    output = tmp_path / "x.samples.jsonl"
    assert single(model, problems, output) == 0
    before = output.read_bytes()
    changes = {
        "model": lambda: shutil.copy(other / "model.safetensors", model),
        "model_config": lambda: (model / "config.json").write_text((base / "config.json").read_text() + "\n"),
        "model_generation_config": lambda: (model / "generation_config.json").write_text("{}"),
        "model_tokenizer": lambda: (model / "tokenizer_config.json").write_text("{} "),
        "model_tokenizer ": lambda: (model / "chat_template.jinja").write_text("{{ messages }}"),
        "benchmark": lambda: problems.write_text(problems.read_text() + "\n"),
    }
    kept = problems.read_text()
    for name, change in changes.items():
        change()
        assert single(model, problems, output) == 1
        assert f" {name.strip()}: " in capsys.readouterr().err
        shutil.rmtree(model)
        shutil.copytree(base, model)
        problems.write_text(kept)
    assert single(model, problems, output) == 0 and output.read_bytes() == before


@pytest.fixture(scope="module")
def finished(base, tmp_path_factory):
    """The samples of a finished run of `problems`."""
    folder = tmp_path_factory.mktemp("finished")
    assert single(base, write_problems(folder), folder / "x.samples.jsonl") == 0
    return folder / "x.samples.jsonl"


@pytest.mark.parametrize(
    ("flag", "value", "told"),
    [
        ("-n", 5, "num_samples: 6 -> 5"),
        ("-t", 0.7, "temperature: 0.8 -> 0.7"),
        ("-p", 0.8, "top_p: 0.9 -> 0.8"),
        ("-l", 11, "max_tokens: 12 -> 11"),
        ("--limit", 2, "limit: null -> 2"),
        ("--tasks", "T/1", "tasks: null -> T/1"),
        ("--dtype", "bfloat16", "dtype: float32 -> bfloat16"),
        ("-b", 3, "batch_size: 128 -> 3"),
        ("-u", 7, "unit_size: 512 -> 7"),
        ("--backend", "vllm", "backend: torch -> vllm"),
    ],
)
def test_every_setting_is_recorded(base, problems, finished, tmp_path, capsys, flag, value, told):
    """A changed setting is refused both of a finished run and of one that was only begun."""
    begun = tmp_path / "x.samples.jsonl"
    (file,) = files_of(["-model", base, "-d", problems, "-n", 6, "-l", 12, "-t", 0.8, "-o", begun])
    file.begun.begin()
    for output in (begun, finished):
        assert single(base, problems, output, flag, value) == 1
        assert told in capsys.readouterr().err
    assert single(base, problems, finished) == 0 and "up to date" in capsys.readouterr().out


def files_of(arguments, two_stages=False):
    args = parse_args([str(argument) for argument in arguments], "", two_stages)
    names = (
        {"sketcher": "sketcher_path", "generator": "generator_path"} if two_stages else {"model": "model_name_or_path"}
    )
    return sample_files(args, {stage: getattr(args, name) for stage, name in names.items()})


def test_files_of_others_are_left_alone(base, problems, tmp_path, capsys):
    """Samples without a record of ours, records of earlier versions, samples edited since."""
    output, meta = tmp_path / "x.samples.jsonl", tmp_path / "x.meta.json"
    output.write_text("mine\n")
    assert single(base, problems, output) == 1
    meta.write_text('{"temperature": 0.8}')
    assert single(base, problems, output) == 1
    output.unlink()
    assert single(base, problems, output) == 1
    assert capsys.readouterr().err.count("move it away") == 3 and meta.read_text() == '{"temperature": 0.8}'
    meta.unlink()
    assert single(base, problems, output) == 0
    output.write_text("edited\n")
    assert single(base, problems, output) == 1 and output.read_text() == "edited\n"
    output.unlink()
    assert single(base, problems, output) == 0  # samples that are gone are drawn again


@pytest.mark.parametrize("character", "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\ufeff")
def test_any_character_can_be_sampled(problems, tmp_path, capsys, character):
    """Lines of a sample file end at a line feed alone: the run ends, and its samples are read back as drawn."""
    raw = f"    text = 'a{character}b'\n    return text\n\ndef g():"
    arguments = ["-model", "owner/model", "-d", problems, "-n", 2, "-o", tmp_path / "x.samples.jsonl"]
    (file,) = files_of(arguments)
    file.draw(lambda chunks: [[{"raw": raw, "finish": "eos"} for _ in range(chunk.count)] for chunk in chunks])
    assert file.is_finished() and [row["raw"] for row in rows_of(file.output)] == [raw] * 6
    assert [row["raw"] for row in rows_of(file.recut())] == [raw] * 6


def test_a_cut_file_follows_its_source(base, problems, tmp_path, capsys):
    output, cut = tmp_path / "x.samples.jsonl", tmp_path / "x_syntax.samples.jsonl"
    assert single(base, problems, output, "--truncate", "syntax") == 0
    first = cut.read_bytes()
    record = json.loads((tmp_path / "x_syntax.meta.json").read_text())
    assert (
        record["inputs"]["samples"]
        == json.loads((tmp_path / "x.meta.json").read_text())["outputs"][output.name]["sha256"]
    )
    for file in (output, tmp_path / "x.meta.json"):
        file.unlink()
    assert single(base, problems, output, "--seed", 7, "--truncate", "syntax") == 0
    assert [row["raw"] for row in rows_of(cut)] == [row["raw"] for row in rows_of(output)] and cut.read_bytes() != first
    (tmp_path / "x_syntax.meta.json").unlink()
    before = cut.read_bytes()
    assert single(base, problems, output, "--seed", 7, "--truncate", "syntax") == 1
    assert "move it away" in capsys.readouterr().err and cut.read_bytes() == before


def test_processes_that_end_together_merge_once(base, problems, tmp_path, monkeypatch):
    """Both see all units done and wait for the lock: one merges, the other finds it done."""
    assert single(base, problems, tmp_path / "one.samples.jsonl", "-u", 4) == 0
    output = tmp_path / "two.samples.jsonl"
    monkeypatch.setenv("WORLD_SIZE", "2")
    arguments = ["-model", base, "-d", problems, "-n", 6, "-l", 12, "-t", 0.8, "-u", 4, "-o", output]
    (file,) = files_of(arguments)
    with exclusive(f"{file.parts}.lock", None):  # the other process looks before this one's last unit is there
        ends = []
        for rank in ("0", "1"):
            monkeypatch.setenv("RANK", rank)
            thread = threading.Thread(target=lambda: ends.append(single(base, problems, output, "-u", 4)))
            thread.start()
            while len(list(file.parts.glob("*.jsonl"))) < {"0": 2, "1": 3}[rank]:
                time.sleep(0.05)
        assert not output.exists()
    thread.join(60)
    for _ in range(100):
        if len(ends) == 2:
            break
        time.sleep(0.1)
    assert ends == [0, 0] and output.read_bytes() == (tmp_path / "one.samples.jsonl").read_bytes()
    assert not list(tmp_path.glob("two.parts*"))


def test_units_left_by_a_kill_after_the_merge_are_removed(base, problems, tmp_path):
    output = tmp_path / "x.samples.jsonl"
    assert single(base, problems, output) == 0
    (tmp_path / "x.parts").mkdir()
    assert single(base, problems, output) == 0 and not (tmp_path / "x.parts").exists()


def test_a_finished_run_may_lie_in_a_folder_that_cannot_be_written(base, problems, tmp_path, capsys, monkeypatch):
    output = tmp_path / "x.samples.jsonl"
    assert single(base, problems, output) == 0

    def exclusive(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("scripts.generating.units.exclusive", exclusive)
    assert single(base, problems, output) == 0 and "is up to date" in capsys.readouterr().out


def test_units_of_other_or_unknown_settings_are_refused(base, problems, tmp_path, capsys):
    """The folder of the units is to be moved away as a whole: without their record alone, two runs would be mixed."""
    output = tmp_path / "x.samples.jsonl"
    (file,) = files_of(["-model", base, "-d", problems, "-n", 6, "-l", 12, "-t", 0.8, "-o", output])
    file.begun.begin()
    write_jsonl(file.parts / "000000.jsonl", [])
    for told in ("was made with other settings: seed: 42 -> 43", "holds samples without record.json"):
        assert single(base, problems, output, "--seed", 43) == 1
        assert f"error: {file.parts} {told}" in (error := capsys.readouterr().err) and "move it away" in error
        file.begun.file.unlink(missing_ok=True)
    shutil.rmtree(file.parts)
    assert single(base, problems, output, "--seed", 43) == 0


def test_models_of_a_hub_are_told_apart_by_their_whole_names(problems, tmp_path):
    """Digests are shown by their first 12 characters, and names in full."""
    mono, multi = (
        files_of(["-model", f"owner/code-350M-{kind}", "-d", problems, "-o", tmp_path / "x.samples.jsonl"])[0]
        for kind in ("mono", "multi")
    )
    mono.begun.begin()
    problems.write_text(problems.read_text() + "\n")
    (other,) = files_of(["-model", "owner/code-350M-mono", "-d", problems, "-o", tmp_path / "x.samples.jsonl"])
    with pytest.raises(
        UserError, match="model: hub:owner/code-350M-mono -> hub:owner/code-350M-multi; model_tokenizer"
    ):
        multi.is_finished()
    with pytest.raises(UserError, match="benchmark: [0-9a-f]{12} -> [0-9a-f]{12}; move"):
        other.is_finished()


def test_a_process_ends_where_another_one_has_finished(problems, tmp_path):
    """It draws no unit again whose file the other one has merged and removed."""
    (file,) = files_of(["-model", "owner/model", "-d", problems, "-n", 2, "-u", 2, "-o", tmp_path / "x.samples.jsonl"])
    drawn = []

    def complete(chunks):
        drawn.extend(chunks)
        return [[{"raw": "x", "finish": "eos"} for _ in range(chunk.count)] for chunk in chunks]

    def slow(chunks):
        file.draw(complete)
        return complete(chunks)

    file.draw(slow)
    assert len(drawn) == 3 + 1 and file.is_finished()
    file.draw(complete)
    assert len(drawn) == 4 and not file.parts.exists()


def test_a_run_of_that_name_is_not_replaced_by_a_cut_file(base, problems, tmp_path, capsys):
    taken = tmp_path / "y_syntax.samples.jsonl"
    assert single(base, problems, taken, "--seed", 5) == 0
    before = taken.read_bytes()
    assert single(base, problems, tmp_path / "y.samples.jsonl", "--seed", 6, "--truncate", "syntax") == 1
    assert f"{taken} was not made by --truncate syntax" in capsys.readouterr().err and taken.read_bytes() == before
    assert single(base, problems, taken, "--seed", 5) == 0

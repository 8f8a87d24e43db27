"""Flags, presets and default places of the generation programs."""

import json
from pathlib import Path

import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

import eval_cert
import eval_cert_unified
from nl2code.errors import UserError
from nl2code.sampling import dtype
from scripts.generating.names import file_name, model_name, run_name
from scripts.generating.options import DEFAULTS, parse_args, sample_files
from scripts.generating.strategies import HELP, PATTERN, STRATEGIES
from scripts.settings import ROWS

CONFIGS = Path(__file__).resolve().parents[2] / "configs/generating"
PAPER = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]


def files_of(*arguments):
    args = parse_args(["-model", "owner/a", *map(str, arguments)], "", two_stages=False)
    return sample_files(args, {"model": args.model_name_or_path})


def two_files_of(sketcher, generator, *arguments):
    args = parse_args(["-sketcher", str(sketcher), "-generator", str(generator), *map(str, arguments)], "", True)
    return sample_files(args, {"sketcher": args.sketcher_path, "generator": args.generator_path})


def trained(tmp_path, domain, kind, operation, run="tiny"):
    """A trained model as run_cert.py leaves it."""
    folder = tmp_path / f"data/{domain}/experiments/{kind}_models/{run}/model"
    tiny.save_tiny(folder)
    (folder / "train_results.json").write_text(json.dumps({"encoding": {"type": kind, "operation": operation}}))
    return folder


def test_presets():
    paper = parse_args([str(CONFIGS / "paper.yaml"), "-sketcher", "a/b", "-generator", "a/c"], "", True)
    assert (paper.temperature, paper.temperature2) == (PAPER, PAPER)
    assert (paper.num_samples, paper.top_p, paper.max_tokens, paper.limit) == (200, 0.9, 100, None)
    assert (paper.sketch_strategy, paper.truncate, paper.chunk_size) == ("popular", "first_block", None)
    quick = parse_args([str(CONFIGS / "quick.yaml"), "-model", "a/b", "-t", "0.4", "--limit", "7"], "", False)
    assert (quick.num_samples, quick.limit, quick.temperature, quick.top_p) == (5, 7, [0.4], 0.9)
    one, two = sample_files(paper, {"sketcher": "a/b", "generator": "a/c"})[:2]
    assert one.record.settings["chunk_size"] == 200  # the sketch is chosen among all samples
    assert (two.record.settings["temperature"], two.record.settings["temperature2"]) == (0.2, 0.2)


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.yaml")), ids=lambda file: file.stem)
@pytest.mark.parametrize(("two_stages", "models"), [(True, "-sketcher a/b -generator a/c"), (False, "-model a/b")])
def test_every_protocol_is_for_two_stages_and_for_one(file, two_stages, models):
    args = parse_args([str(file), *models.split()], "", two_stages)
    sketches = [0.6] if file.stem == "quick" and two_stages else args.temperature
    code = PAPER if file.stem == "paper" else [0.2]  # of a single model, too: their scores are compared
    assert (args.temperature, args.temperature2 if two_stages else code) == (sketches, code)
    assert args.num_samples == (200 if file.stem == "paper" else 5)


def test_a_preset_may_name_the_model(tmp_path):
    (tmp_path / "x.yaml").write_text("sampling: {model_name_or_path: a/b, num_samples: 2}")
    args = parse_args([str(tmp_path / "x.yaml"), "-t", "0.4"], "", two_stages=False)
    assert (args.model_name_or_path, args.num_samples, args.typed) == ("a/b", 2, {"temperature"})


def test_default_places():
    (file,) = files_of("-n", 10, "--limit", 20)
    assert str(file.output) == "results/Pandas/owner_a/n10_t0.2_p0.9_l100_s42_first20.samples.jsonl"
    (file,) = files_of("-d", "Numpy", "--results_dir", "r", "-mv", "CERT", "-t", "1.0", "--limit", 0)
    assert str(file.output) == "r/Numpy/owner_a_CERT/n200_t1_p0.9_l100_s42.samples.jsonl"
    (file,) = two_files_of(
        "a/s", "a/g", "--sketch_strategy", "top-3", "--operation", "both", "-t2", 0, "--dtype", "float16"
    )
    assert str(file.output) == "results/Pandas/a_s+a_g/n200_t0.2_t20_top-3_p0.9_l100_s42_both_float16.samples.jsonl"
    named, by_file = (files_of("-d", name)[0] for name in ("Numpy", "CertNumpy"))
    assert named.output == by_file.output and named.benchmark == by_file.benchmark
    assert [file.output.name[:9] for file in files_of("-t", "0.2,0.4", "-o", "out/")] == ["n200_t0.2", "n200_t0.4"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("smollm2-135m", "smollm2-135m"),
        ("models/smollm2-135m", "smollm2-135m"),
        ("data/Pandas/experiments/normal_models/a_quick/model", "Pandas_a_quick_normal"),
        ("/x/data/My/experiments/generator_models/a/checkpoint-40/", "My_a_generator_checkpoint-40"),
    ],
)
def test_names_of_models(path, name, monkeypatch):
    monkeypatch.chdir(CONFIGS.parents[1])
    assert model_name(path).removeprefix("models_") == name


def test_models_called_model_have_different_names(tmp_path):
    folders = [tmp_path / part for part in ("a/mine/model", "b/mine/model", "b/mine/checkpoint-5", "mine", "yours")]
    for folder in folders:
        folder.mkdir(parents=True)
    names = [model_name(str(folder)) for folder in folders]
    assert (
        len(set(names)) == 5 and all(name.startswith("mine_") for name in names[:3]) and names[3:] == ["mine", "yours"]
    )


def test_two_domains_do_not_share_a_folder():
    places = {
        run_name([f"data/{domain}/experiments/{kind}_models/{run}/model" for kind in ("sketcher", "generator")])
        for domain in ("Pandas", "Numpy")
        for run in ("a", "b")
    }
    assert places == {"Pandas_a_cert", "Pandas_b_cert", "Numpy_a_cert", "Numpy_b_cert"}
    mixed = ["data/Pandas/experiments/sketcher_models/a/model", "data/Numpy/experiments/generator_models/a/model"]
    assert run_name(mixed) == "Pandas_a_sketcher+Numpy_a_generator"


SETTINGS = st.fixed_dictionaries(
    {
        "num_samples": st.integers(1, 300),
        "temperature": st.floats(0, 2).map(lambda value: float(f"{value:.9g}")),
        "temperature2": st.sampled_from([0.2, 0.4, 1.0]),
        "sketch_strategy": st.sampled_from(["popular", "each", "greedy", "top-2", "top-12"]),
        "top_p": st.sampled_from([0.9, 0.95, 1.0]),
        "max_tokens": st.integers(1, 300),
        "seed": st.integers(0, 300),
        "limit": st.none() | st.integers(1, 300),
        "tasks": st.none() | st.sampled_from(["a/.*", "b"]),
        "operation": st.sampled_from(["constants", "names", "both"]),
        "backend": st.sampled_from(["torch", "vllm"]),
        "dtype": st.sampled_from(["float32", "bfloat16"]),
        "batch_size": st.sampled_from([128, 1, None]),
        "chunk_size": st.sampled_from([50, 7]),
        "sketches_per_sample": st.sampled_from([None, 4]),
        "unit_size": st.sampled_from([512, 5]),
    }
)


@given(
    SETTINGS, SETTINGS, st.sets(st.sampled_from(["num_samples", "limit", "seed", "tasks", "unit_size", "temperature"]))
)
def test_no_two_settings_share_a_name(one, two, kept):
    two = two | {key: one[key] for key in one if key not in kept}
    names = [file_name(settings, DEFAULTS | {"chunk_size": 50}) for settings in (one, two)]
    same = one == two
    assert (names[0] == names[1]) == same


def test_arguments_of_the_original_work(tmp_path):
    original = [
        "-t",
        "1.0",
        "-t2",
        "0.4",
        "-p",
        "0.9",
        "-l",
        "50",
        "-n",
        "1",
        "-d",
        "Numpy",
        "-mv",
        "CERT",
        "-gpu",
        "0",
    ]
    args = parse_args(["-model", "a/s", "-model2", "a/g", *original], "", two_stages=True)
    assert (args.sketcher_path, args.generator_path, args.device) == ("a/s", "a/g", "cuda:0")
    assert (args.temperature, args.temperature2, args.max_tokens, args.num_samples) == ([1.0], [0.4], 50, 1)
    long = "--model_name_or_path a/b --num_completions 3 --max_new_tokens 9 --model_version PYCODEGPT --gpu_device -1"
    args = parse_args(long.split(), "", two_stages=False)
    assert (args.model_name_or_path, args.num_samples, args.max_tokens, args.device) == ("a/b", 3, 9, "cpu")
    assert "owner_a_PYCODEGPT" in str(files_of("-mv", "PYCODEGPT")[0].output)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--backend", "vllm", "-b", "3"], "--batch_size"),
        (["--backend", "vllm", "--device", "cuda"], "--device"),
        (["-o", "x.samples.jsonl", "-mv", "CERT"], "--model_version"),
        (["-o", "x.samples.jsonl", "--results_dir", "r"], "--results_dir"),
        (["--max_tok", "3"], "--max_tok"),
        (["-c", "3"], "-c"),
        (["--device", "mps"], "'mps' lacks float64, which sampling needs; use cpu"),
    ],
)
def test_flags_that_would_change_nothing_are_refused(capsys, flags, told):
    with pytest.raises(SystemExit) as stopped:
        parse_args(["-model", "a/b", *flags], "", two_stages=False)
    assert stopped.value.code == 2 and told in capsys.readouterr().err


@pytest.mark.parametrize("strategy", ["each", "greedy"])
def test_strategies_with_one_sketch_for_each_sample_take_no_more(tmp_path, capsys, strategy):
    command = ["-sketcher", "a/b", "-generator", "a/c", "--sketch_strategy", strategy]
    with pytest.raises(SystemExit):
        parse_args([*command, "--sketches_per_sample", "4"], "", two_stages=True)
    assert "--sketches_per_sample 4 does not go with --sketch_strategy" in capsys.readouterr().err
    (tmp_path / "x.yaml").write_text("two_stages: {sketches_per_sample: 4}")  # a preset serves all strategies
    assert parse_args([str(tmp_path / "x.yaml"), *command], "", two_stages=True).sketches_per_sample == 1


def test_sketches_for_each_sample_are_a_setting_where_they_are_several(tmp_path):
    models = {stage: trained(tmp_path, "Pandas", stage, "constants") for stage in ("sketcher", "generator")}
    command = ["-sketcher", str(models["sketcher"]), "-generator", str(models["generator"]), "-o", str(tmp_path)]
    for flags, told in (([], None), (["--sketches_per_sample", "1"], None), (["--sketches_per_sample", "4"], 4)):
        args = parse_args([*command, *flags], "", two_stages=True)
        (file,) = sample_files(args, {stage: str(model) for stage, model in models.items()})
        assert file.record.settings.get("sketches_per_sample") == told
        assert ("_k4" in file.output.name) == (told == 4)


@pytest.mark.parametrize("flags", [["--sketch_strategy", "each"], ["--sketch_strategy", "greedy"], ["--greedy_sketch"]])
def test_chunks_that_no_strategy_needs_are_refused(tmp_path, capsys, flags):
    """A preset's are not: it serves all strategies."""
    command = ["-sketcher", "a/b", "-generator", "a/c", *flags]
    with pytest.raises(SystemExit):
        parse_args([*command, "-c", "3"], "", two_stages=True)
    assert f"--chunk_size changes nothing for --sketch_strategy {flags[-1].strip('-')[:6]}" in capsys.readouterr().err
    (tmp_path / "x.yaml").write_text("two_stages: {chunk_size: 3}")
    assert parse_args([str(tmp_path / "x.yaml"), *command], "", two_stages=True).chunk_size == 3


def test_the_models_tell_their_operation(tmp_path, capsys):
    both = [trained(tmp_path, "Pandas", kind, "both") for kind in ("sketcher", "generator")]
    (file,) = two_files_of(*both)
    assert file.record.settings["operation"] == "both"
    assert str(file.output.parent) == "results/Pandas/Pandas_tiny_cert" and "_both" in file.output.name
    (file,) = two_files_of(*both, "--operation", "both")
    names = trained(tmp_path, "Numpy", "generator", "names")
    capsys.readouterr()
    for models, flags, told in (
        (both, ["--operation", "names"], "trained with both"),
        ((both[0], names), [], "sketcher: both, generator: names"),
        ((both[1], both[0]), [], "trained as generator"),
        ((both[0], both[0]), [], "trained as sketcher"),
    ):
        arguments = ["-sketcher", models[0], "-generator", models[1], *flags]
        assert eval_cert_unified.main([*map(str, arguments), "--dry_run"]) == 1
        error = capsys.readouterr().err
        assert told in error and error.count("\n") == 1
    (file,) = two_files_of("a/b", "a/c")
    assert file.record.settings["operation"] == "constants"


@pytest.mark.parametrize("operation", ["names", "both"])
def test_other_operations_end_to_end(tmp_path, operation, monkeypatch):
    monkeypatch.chdir(tmp_path)
    models = [trained(tmp_path, "Pandas", kind, operation) for kind in ("sketcher", "generator")]
    arguments = ["-sketcher", models[0], "-generator", models[1], "-n", 3, "-l", 8, "--limit", 2, "-t", 1]
    assert eval_cert_unified.main(list(map(str, arguments))) == 0
    (meta,) = (tmp_path / "results/Pandas/Pandas_tiny_cert").glob("*.meta.json")
    assert json.loads(meta.read_text())["settings"]["operation"] == operation and f"_{operation}" in meta.name


def test_a_broken_preset_is_one_line(tmp_path, capsys):
    (tmp_path / "x.yaml").write_text("sampling: [1")
    assert eval_cert.main([str(tmp_path / "x.yaml"), "-model", "a/b"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("flags", "device", "expected"),
    [("fpu avx2 amx_bf16 amx_tile", "cpu", "bfloat16"), ("avx512_bf16", "cpu", "bfloat16")]
    + [("fpu avx2 bf16_but_not_so", "cpu", "float32"), (None, "cpu", "float32"), ("avx2", "cuda:0", "bfloat16")],
)
def test_auto_is_bfloat16_where_there_are_units_for_it(monkeypatch, tmp_path, flags, device, expected):
    cpuinfo = tmp_path / "cpuinfo"
    if flags is not None:
        cpuinfo.write_text(f"processor : 0\nflags : {flags}\n")
    monkeypatch.setattr(dtype, "CPUINFO", cpuinfo)
    args = parse_args(["-model", "x", "--dtype", "auto", "--device", device], "", False)
    assert args.dtype == expected


@pytest.mark.parametrize(("device", "rows"), [("cpu", 128), ("cuda", 512), ("cuda:1", 512)])
def test_a_gpu_decodes_more_rows_together(device, rows):
    assert parse_args(["-model", "x", "--device", device], "", False).batch_size == rows
    assert parse_args(["-model", "x", "--device", device, "-b", "7"], "", False).batch_size == 7


@pytest.mark.parametrize(("device", "rows"), [("cpu", ""), ("cuda", "_b512")])
def test_samples_of_a_gpu_have_a_place_of_their_own(device, rows):
    """Else those of a CPU with the same dtype would be in the way."""
    flags = ("--device", device, "--dtype", "bfloat16")
    (file,) = files_of(*flags)
    assert file.output.name == f"n200_t0.2_p0.9_l100_s42_bfloat16{rows}.samples.jsonl"
    (file,) = two_files_of("a/s", "a/g", *flags, "--sketches_per_sample", 4)
    assert file.output.name == f"n200_t0.2_t20.2_p0.9_l100_s42_bfloat16{rows}_k4.samples.jsonl"
    (file,) = files_of(*flags, "-b", 7, "-u", 9)
    assert file.output.name == "n200_t0.2_p0.9_l100_s42_bfloat16_b7_u9.samples.jsonl"


def test_an_exported_adapter_tells_its_operation(tmp_path, capsys):
    """Its recipe does; of a checkpoint it is the record of the run."""
    models = [trained(tmp_path, "Pandas", kind, "both") for kind in ("sketcher", "generator")]
    for folder, place in zip(models, (models[0] / "recipe.json", models[1].parent / "record.json"), strict=True):
        results = json.loads((folder / "train_results.json").read_text())
        (folder / "train_results.json").unlink()
        place.write_text(json.dumps({"results": results}))
    (file,) = two_files_of(*models)
    assert file.record.settings["operation"] == "both"
    assert eval_cert_unified.main(["-sketcher", str(models[1]), "-generator", str(models[0]), "--dry_run"]) == 1
    assert "trained as generator" in capsys.readouterr().err


def test_one_pair_of_temperatures_twice():
    with pytest.raises(UserError, match="same temperatures twice in -t and -t2; leave one out"):
        two_files_of("a/b", "a/c", "-t", "0.2,0.2")
    with pytest.raises(UserError, match="same temperatures twice in -t; leave one out"):
        files_of("-t", "0.2,0.2")


def test_the_strategies_are_those_of_the_shells(capsys):
    (row,) = (row for row in ROWS if row[0] == "SKETCH_STRATEGY")
    assert row[3] == f"like {PATTERN} one of {', '.join(STRATEGIES)}" and " ".join(row[5].split()) == HELP
    with pytest.raises(SystemExit):
        parse_args(["-sketcher", "a/b", "-generator", "a/c", "--sketch_strategy", "top-0"], "", two_stages=True)
    assert "'top-0' is none of popular, each, greedy, top-1, top-2, ..." in capsys.readouterr().err


def test_tasks_that_are_no_regular_expression():
    with pytest.raises(UserError, match=r"--tasks '\(' is no regular expression"):
        two_files_of("a/b", "a/c", "--tasks", "(")


def test_tasks_beyond_the_limit():
    told = "--tasks 'CertPandas/3' matches none of the first 2 problems of Pandas; raise --limit to 4 or more"
    with pytest.raises(UserError, match=told):
        files_of("--limit", 2, "--tasks", "CertPandas/3")
    (file,) = files_of("--limit", 4, "--tasks", "CertPandas/3")
    assert [problem["task_id"] for problem in file.problems] == ["CertPandas/3"]

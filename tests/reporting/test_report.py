"""The report shows what metrics files say, and nothing else."""

import hashlib
import json

import pytest
from result_trees import write_problems, write_run, write_tree

from scripts import report
from scripts.reporting.gather import COLUMNS, GROUPS


def write_metrics(folder, model, value, **more):
    path = folder / "Pandas" / model / "n10_metrics.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    metrics = {
        "benchmark": {"name": "CertPandas", "sha256": "0" * 64, "evaluated": 20, "problems": 40},
        "n": 10,
        "pass@1": {"value": value, "ci95": [value / 2, value * 2]},
        "ceiling": {"value": 1.0},
        "sandbox": {"layer": "bubblewrap"},
        "sampling": {"temperature": 0.2},
        **{key: None for key in ("versions", "git_revision", "verdicts", "limits")},
        **more,
    }
    path.write_text(json.dumps(metrics))


def test_rows_of_base_and_cert_stand_together(tmp_path, capsys):
    write_metrics(tmp_path, "base", 0.1)
    sampling = {"temperature": 0.2, "temperature2": 0.4, "generator": "g"}
    write_metrics(tmp_path, "base_cert", 0.125, sampling=sampling, **{"pass@10": {"value": 0.5, "ci95": [0, 1]}})
    row = {"task_id": "a", "case": 2, "passed": True, "sketch": "x", "completion": "x"}
    (tmp_path / "Pandas/base_cert/n10_results.jsonl").write_text(json.dumps(row))
    assert report.main([str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(lines[1].split()) == "CertPandas base 1 0.2 20 10 10.00 [5.0, 20.0] - - 100.0 bubblewrap"
    two_stages = "CertPandas base_cert 2 0.2/0.4 20 10 12.50 [6.2, 25.0] 50.00 - 100.0 bubblewrap"
    assert " ".join(lines[2].split()) == two_stages
    page = (tmp_path / "report.html").read_text()
    assert "12.50" in page and "base_cert" in page
    assert page.count("&quot;cases&quot;") == 1 and "&quot;passed&quot;: 1" in page


def test_levels_have_columns_where_a_benchmark_has_them(tmp_path, capsys):
    found = {"basic": 0.2, "intermediate": 0.0625, "hard": 0.0}
    of_level = {level: {"problems": 5, "pass@1": {"value": v, "ci95": [v, v]}} for level, v in found.items()}
    write_metrics(tmp_path, "base", 0.1, by_level={"hard": of_level["hard"]})
    write_metrics(tmp_path, "tuned", 0.1, by_level=of_level)
    write_metrics(tmp_path, "without", 0.1)
    assert report.main([str(tmp_path)]) == 0
    table = [line.split() for line in capsys.readouterr().out.splitlines()[:4]]
    assert [line[-3:] for line in table] == [
        ["basic", "intermediate", "hard"],
        ["-", "-", "0.00"],
        ["20.00", "6.25", "0.00"],
        ["-", "-", "-"],
    ]
    page = (tmp_path / "report.html").read_text()
    places = [page.index(f'<th scope="row">{level}</th>') for level in found]
    assert places == sorted(places) and "&quot;by_level&quot;" in page


def test_levels_with_the_name_of_a_column(tmp_path, capsys):
    score = {"problems": 5, "pass@1": {"value": 0.25, "ci95": [0, 1]}}
    write_metrics(tmp_path, "base", 0.1, by_level={"n": score, "self": score, "run": score})
    assert report.main([str(tmp_path)]) == 0
    head, row = capsys.readouterr().out.split("\n")[:2]
    assert head.split("sandbox")[1].split() == ["n", "(level)", "self", "run", "(level)"]
    assert row.split()[1:6] == ["base", "1", "0.2", "20", "10"] and row.split()[-3:] == ["25.00"] * 3


def test_a_run_in_the_working_folder_has_its_name(tmp_path, capsys, monkeypatch):
    write_metrics(tmp_path, "base", 0.1)
    monkeypatch.chdir(tmp_path / "Pandas/base")
    assert report.main(["."]) == 0
    assert capsys.readouterr().out.split("\n")[1].split()[:2] == ["CertPandas", "base"]


def test_sweeps_tell_the_best_temperature_and_the_fixed_one_for_every_k(tmp_path, capsys):
    for temperature, score, ten in ((0.2, 0.1, 0.5), (0.4, 0.3, 0.6), (0.6, 0.2, 0.7)):
        more = {"pass@10": {"value": ten, "ci95": [0, 1]}}
        write_metrics(tmp_path / f"run{temperature}", "base", score, sampling={"temperature": temperature}, **more)
    write_metrics(tmp_path / "cut", "base", 0.4, sampling={"temperature": 0.4, "truncate": "syntax"})
    write_metrics(tmp_path / "seed", "base", 0.9, sampling={"temperature": 0.4, "seed": 1})  # another experiment
    assert report.main([str(tmp_path)]) == 0
    out = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "benchmark run temperatures n best pass@1 (T) pass@1 at 0.2 best pass@10 (T) pass@10 at 0.2" in lines
    told = "CertPandas base 3 10 30.00 (0.4) 10.00 70.00 (0.6) 50.00"
    assert told in lines and lines.count(told) == 1
    assert sum("base +syntax" in line for line in lines) == 1
    assert "30.00 (0.4)" in (tmp_path / "report.html").read_text()


def test_two_stages_are_fixed_at_both_temperatures(tmp_path, capsys):
    """Settings as a record tells them; at the fixed temperature both stages are."""
    for t, t2, score in ((0.2, 0.4, 0.3), (0.2, 0.2, 0.1)):
        sampling = {"settings": {"temperature": t, "temperature2": t2}, "inputs": {}}
        write_metrics(tmp_path / f"{t2}", "x_cert", score, sampling=sampling)
    assert report.main([str(tmp_path)]) == 0
    out = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "CertPandas x_cert 2 10 30.00 (0.2/0.4) 10.00" in out


def test_unreadable_metrics_are_named_and_the_rest_shown(tmp_path, capsys):
    write_metrics(tmp_path, "base", 0.1)
    write_metrics(tmp_path, "<b>", 0.2)
    (tmp_path / "Pandas/base/cut_metrics.json").write_text('{"n": 1')
    assert report.main([str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert "cut_metrics.json: left out" in captured.err and captured.out.count("CertPandas") == 2
    assert "<b>" not in (tmp_path / "report.html").read_text()
    assert report.main([str(tmp_path)]) == 0
    assert "cut_metrics.json: left out" in capsys.readouterr().err  # said each time


EDITS = {
    "no ci95": lambda metrics: metrics["pass@2"].pop("ci95"),
    "no passed": lambda metrics: metrics["tasks"]["a/0"].pop("passed"),
    "no samples": lambda metrics: metrics["tasks"].update({"a/0": {"n": 0, "passed": 0}}),
    "verdicts": lambda metrics: metrics.update(verdicts=["x"]),
    "no verdicts": lambda metrics: metrics.update(verdicts={"passed": 0}),
    "name": lambda metrics: metrics["benchmark"].update(name=["x"]),
    "n": lambda metrics: metrics.update(n="2"),
    "level": lambda metrics: metrics["by_level"]["basic"].pop("pass@1"),
    "versions": lambda metrics: metrics.update(versions=3),
}


@pytest.mark.parametrize("edit", EDITS)
def test_metrics_that_someone_edited_are_named_and_the_rest_shown(tmp_path, capsys, edit):
    results = write_tree(tmp_path / "results", write_problems(tmp_path / "P.jsonl"))
    file = results / "P/base/t0.2_metrics.json"
    metrics = json.loads(file.read_text())
    EDITS[edit](metrics)
    file.write_text(json.dumps(metrics))
    assert report.main([str(results)]) == 0
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and captured.err.startswith(f"warning: {file}: left out, ")
    (benchmark,) = json.loads((results / "report.json").read_text())["benchmarks"]
    assert len(benchmark["runs"]) == 3 and not (results / report.RECORD).exists()


@pytest.mark.parametrize("about", [{}, {"metrics": {}}, {"metrics": {"a": {"value": 1}}}])
def test_results_of_the_stages_that_someone_edited_are_named(tmp_path, capsys, about):
    write_metrics(tmp_path, "base", 0.1)
    (tmp_path / "st.json").write_text(json.dumps({"stage": "stages", "groups": {"all": about}}))
    assert report.main([str(tmp_path)]) == 0
    assert f"warning: {tmp_path}/st.json: left out, " in capsys.readouterr().err
    assert "Metrics of the stages" not in (tmp_path / "report.md").read_text()


def test_cases_that_cannot_be_told_are_named_and_the_run_shown(tmp_path, capsys):
    benchmark = {"name": "P", "file": "gone.jsonl", "sha256": "0"}
    sampling = {"settings": {"operation": "both"}, "inputs": {}, "benchmark": benchmark}
    write_metrics(tmp_path, "base", 0.1, sampling=sampling)
    results = tmp_path / "Pandas/base/n10_results.jsonl"
    sample = {"task_id": "a", "case": 1, "passed": True, "sketch": "variable", "completion": "x"}
    results.write_text(json.dumps(sample) + "\n")
    assert report.main([str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert "CertPandas" in captured.out and f"cases left out, {results}: gone.jsonl is gone or changed" in captured.err


def test_no_metrics_at_all(tmp_path, capsys):
    assert report.main([str(tmp_path)]) == 1
    assert "run_evaluating_codes.sh" in capsys.readouterr().err


def test_files_are_listed_without_what_a_run_leaves_on_its_way(tmp_path):
    for name in ("a/model/x.safetensors", "a/checkpoint-5/y.pt", "a/.z", "b.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("123")
    listed = [line.split()[1].removeprefix(f"{tmp_path}/") for line in report.list_files([tmp_path])]
    assert listed == ["a/model/x.safetensors", "b.txt"]


@pytest.mark.parametrize(
    ("about", "labels"),
    [
        (
            lambda temperature, value: {"sampling": {"temperature": temperature}, "versions": {"pandas": value}},
            ["base (pandas=3)", "base (pandas=1)"],
        ),
        (  # a model that was trained again in the same place
            lambda temperature, value: {
                "sampling": {"settings": {"temperature": temperature}, "inputs": {"model": value * 64}}
            },
            ["base (model=333333333333)", "base (model=111111111111)"],
        ),
    ],
)
def test_other_libraries_and_other_models_are_another_sweep(tmp_path, capsys, about, labels):
    for name, temperature, score, value in (("a", 0.2, 0.1, "3"), ("b", 0.8, 0.2, "3"), ("c", 0.8, 0.3, "1")):
        write_metrics(tmp_path / name, "base", score, **about(temperature, value))
    assert report.main([str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "20.00 (0.8)" in out and "30.00 (0.8)" not in out
    (benchmark,) = json.loads((tmp_path / "report.json").read_text())["benchmarks"]
    assert [one["label"] for one in benchmark["series"]] == labels


def test_runs_that_differ_in_their_place_alone_are_kept_apart(tmp_path, capsys):
    """Without settings; and two sweeps, of which one has a temperature more."""
    for name, value in (("gpt", 0.6), ("llama", 0.2), ("other", 0.1)):
        tasks = {"a": {"n": 10, "passed": int(10 * value)}}
        write_metrics(tmp_path / name, "base" if name == "other" else "out", value, sampling=None, tasks=tasks)
    assert report.main([str(tmp_path)]) == 0
    (benchmark,) = json.loads((tmp_path / "report.json").read_text())["benchmarks"]
    labels = {f"out/n10 (file={name}/Pandas/out/n10_metrics.json)" for name in ("gpt", "llama")} | {"base/n10"}
    assert {one["label"] for one in benchmark["series"]} == labels and len(benchmark["series"]) == 3
    assert len(benchmark["differences"]) == 3
    folder = tmp_path / "sweeps"
    for name, temperature, score in (("new", 0.4, 0.3), ("old", 0.2, 0.1), ("old", 0.4, 0.2)):
        write_metrics(folder / name, "base", score, sampling={"temperature": temperature})
        file = folder / name / "Pandas/base/n10_metrics.json"
        file.rename(file.with_name(f"{temperature}_metrics.json"))
    capsys.readouterr()
    assert report.main([str(folder)]) == 0
    (benchmark,) = json.loads((folder / "report.json").read_text())["benchmarks"]
    assert [len(one["runs"]) for one in benchmark["series"]] == [2, 1]
    assert "20.00 (0.4)" in capsys.readouterr().out  # of the old sweep, which the new run is no part of


def differences_of(folder, runs):
    """(first, second, T of both) of each difference between runs: name, place and temperatures of each."""
    for name, place, temperatures in runs:
        sampling = dict(zip(("temperature", "temperature2"), temperatures, strict=False))
        write_metrics(folder / place, name, 0.1, sampling=sampling, tasks={"a": {"n": 10, "passed": 1}})
    assert report.main([str(folder)]) == 0
    (benchmark,) = json.loads((folder / "report.json").read_text())["benchmarks"]
    return {(one["first"], one["second"], " - ".join(one["T"])) for one in benchmark["differences"]}


def test_runs_are_compared_where_the_temperature_of_their_code_is_equal(tmp_path):
    """The last stage's: sketches may be drawn at another one."""
    found = {"one": (0.2,), "same": (0.2, 0.2), "low": (0.2, 0.8), "higher": (0.6, 0.2)}
    assert differences_of(tmp_path, [(name, "x", temperatures) for name, temperatures in found.items()]) == {
        ("same", "one", "0.2/0.2 - 0.2"),
        ("higher", "one", "0.6/0.2 - 0.2"),
        ("higher", "same", "0.6/0.2 - 0.2/0.2"),
    }


def test_runs_of_equal_temperatures_of_all_stages_are_compared_first(tmp_path):
    two = [("two", str(first), (first, 0.2)) for first in (0.2, 0.6)]
    assert differences_of(tmp_path / "a", [("one", "x", (0.2,)), *two]) == {("two", "one", "0.2/0.2 - 0.2")}
    more = [("other", str(first), (first, 0.2)) for first in (0.6, 0.8)]
    assert differences_of(tmp_path / "b", [*two, *more]) == {("other", "two", "0.6/0.2 - 0.6/0.2")}


def test_runs_of_more_sketches_than_samples_are_marked(tmp_path, capsys):
    for name, votes in (("one", {}), ("four", {"sketches_per_sample": 4})):
        sampling = {"settings": {"temperature": 0.6, "temperature2": 0.2, "sketch_strategy": "popular", **votes}}
        write_metrics(tmp_path / name, "x_cert", 0.1, sampling=sampling)
    assert report.main([str(tmp_path)]) == 0
    names = [line[: line.index(" 2 ")].split()[1:] for line in capsys.readouterr().out.splitlines()[1:3]]
    assert sorted(names) == [["x_cert"], ["x_cert", "+k4"]]


@pytest.mark.parametrize("name", sorted(COLUMNS))
def test_a_run_with_the_name_of_a_column(tmp_path, name):
    problems = write_problems(tmp_path / "P.jsonl")
    write_run(tmp_path / "results", "base", 0.2, problems)
    (tmp_path / "results/P/base").rename(tmp_path / "results/P" / name)
    write_run(tmp_path / "results", "x_cert", 0.2, problems)
    assert report.main([str(tmp_path / "results")]) == 0
    (benchmark,) = json.loads((tmp_path / "results/report.json").read_text())["benchmarks"]
    assert {one["label"] for one in benchmark["series"]} == {f"{name} (run)", "x_cert"}
    lines = (tmp_path / "results/report.md").read_text().split("\n")
    for title in GROUPS.values():
        assert f"| {title} | problems | {name} (run) | x\\_cert |" in lines
    assert f"| problem | level | category | API calls | {name} (run) | x\\_cert |" in lines


def test_what_was_left_out_is_told(tmp_path, capsys):
    write_metrics(tmp_path, "base", 0.1, missing=["a", "b"], skipped={"bad_line": 3, "outside_limit": 9})
    (tmp_path / "link.json").symlink_to(tmp_path / "nowhere")  # as editors leave them
    assert report.main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.split("\n")[1].split()[4] == "18"  # problems
    page = (tmp_path / "report.html").read_text()
    assert "bad_line 3, tasks without samples 2" in page and "but for what a run left out" in page
    (benchmark,) = json.loads((tmp_path / "report.json").read_text())["benchmarks"]
    assert benchmark["runs"][0]["left_out"] == {"bad_line": 3, "tasks without samples": 2}


def test_metrics_without_pass_at_1_are_told(tmp_path, capsys):
    write_metrics(tmp_path, "base", 0.1)
    file = next(tmp_path.rglob("*_metrics.json"))
    file.write_text(file.read_text().replace("pass@1", "pass@10"))
    write_metrics(tmp_path, "other", 0.1)
    assert report.main([str(tmp_path)]) == 0
    assert "it has no pass@1, add 1 to --k" in "".join(capsys.readouterr())


@pytest.mark.parametrize("changed", ["n10_results.jsonl", "n10.samples.jsonl"])
def test_scores_of_samples_or_results_that_changed_are_left_out(tmp_path, capsys, changed):
    folder = tmp_path / "Pandas/base"
    text = json.dumps({"task_id": "a", "passed": True, "completion": "x"}) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    about = {"inputs": {"samples_sha256": digest}, "results_sha256": digest, "run": {"samples": "n10.samples.jsonl"}}
    write_metrics(tmp_path, "base", 0.1, **about)
    write_metrics(tmp_path, "other", 0.2, **about)  # its samples and results are gone
    for name in ("n10_results.jsonl", "n10.samples.jsonl"):
        (folder / name).write_text(text)
    assert report.main([str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert captured.out.count("CertPandas") == 2 and not captured.err
    (folder / changed).write_text(text + "\n")
    assert report.main([str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert captured.out.count("CertPandas") == 1
    assert f"n10_metrics.json: left out, ValueError: {folder / changed} changed since" in captured.err
    assert captured.err.endswith("evaluate its samples again\n")


def test_files_that_are_nested_too_deeply_are_passed_over(tmp_path, capsys):
    write_metrics(tmp_path, "base", 0.1)
    for name in ("deep_metrics.json", "deep.json"):
        (tmp_path / name).write_text("[" * 100_000)
    assert report.main([str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert "deep_metrics.json: left out" in captured.err and captured.out.count("CertPandas") == 1

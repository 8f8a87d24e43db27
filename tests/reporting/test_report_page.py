"""The report's numbers are those computed by hand, its text is escaped, and equal results give equal bytes."""

import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from result_trees import HOSTILE, PROMPT, write_problems, write_run, write_tree

from scripts import report
from scripts.reporting.charts import outcome_chart, temperature_chart
from scripts.reporting.markdown import cell, fence

ROOT = Path(__file__).resolve().parents[2]
VOID = {"meta", "link", "br", "img", "use", "path", "rect"}


class Page(HTMLParser):
    """Tables by title (rows of cells), all text, ids, links and scripts of a page; every element is closed."""

    def __init__(self, text: str):
        super().__init__()
        self.tables, self.text, self.ids, self.links, self.tags = {}, "", [], [], Counter()
        self.open, self.rows = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        about = dict(attributes)
        self.tags[tag] += 1
        self.ids += [about["id"]] if "id" in about else []
        self.links += [about["href"]] if tag == "a" else []
        self.open += [] if tag in VOID else [tag]
        if about.get("role") == "region":
            self.rows = self.tables.setdefault(about["aria-label"].removeprefix("Table: "), [])
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.ids += [value for key, value in attributes if key == "id"]

    def handle_endtag(self, tag):
        assert tag in VOID or self.open.pop() == tag, tag

    def handle_data(self, data):
        self.text += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write_tree(folder / "results", write_problems(folder / "P.jsonl"))
    stages = {"all": {"problems": 4, "metrics": {"pass@1 syntax, base": {"value": 0.5, "ci95": [0.25, 0.75], "n": 4}}}}
    (folder / "results/stages.json").write_text(json.dumps({"stage": "stages", "groups": stages}))
    assert report.main([str(folder / "results")]) == 0
    return folder / "results"


@pytest.fixture(scope="module")
def page(results) -> Page:
    return Page((results / "report.html").read_text())


def column(rows: list[list[str]], name: str) -> list[str]:
    return [row[rows[0].index(name)] for row in rows[1:]]


def value(text: str) -> str:
    return text.partition(" [")[0]


def test_scores_and_differences(results, page):
    data = json.loads((results / "report.json").read_text())["benchmarks"][0]
    runs = {(run["name"], run["temperatures"][0]): run["scores"] for run in data["runs"]}
    ones = {("base", 0.2): 3 / 8, ("base", 0.8): 2 / 8, ("x_cert", 0.2): 5 / 8, ("x_cert", 0.8): 4 / 8}
    assert {key: scores["1"]["value"] for key, scores in runs.items()} == ones
    twos = [2 / 4, 2 / 4, 3 / 4, 3 / 4]
    assert [scores["2"]["value"] for _, scores in sorted(runs.items())] == twos
    assert sorted(map(value, column(page.tables["Every run"], "pass@1"))) == ["25.00", "37.50", "50.00", "62.50"]
    found = {(one["k"], *one["T"]): one["value"] for one in data["differences"]}
    assert found == {("1", "0.2/0.2", "0.2"): 2 / 8, ("2", "0.2/0.2", "0.2"): 1 / 4} | {
        ("1", "0.8/0.8", "0.8"): 2 / 8,
        ("2", "0.8/0.8", "0.8"): 1 / 4,
    }
    assert all(one["first"] == "x_cert" and one["second"] == "base" for one in data["differences"])
    low, high = next(one["ci95"] for one in data["differences"] if one["T"][1] == "0.2" and one["k"] == "1")
    assert (low, high) == (0, 0.5)  # the problems differ by 0, 0.5, 0.5, 0
    assert [value(text) for text in column(page.tables["At equal temperatures of the code"], "pass@1")] == [
        "+25.00",
        "+25.00",
    ]
    best = next(rows for title, rows in page.tables.items() if title.startswith("Best temperature"))
    assert column(best, "best pass@1 (T)") == ["37.50 (0.2)", "62.50 (0.2/0.2)"]


def test_kinds_of_problems_and_failures(page):
    levels = page.tables["By level"]
    assert [[row[0], row[1], *map(value, row[2:])] for row in levels[1:]] == [
        ["basic", "2", "75.00", "100.00"],
        ["hard", "2", "0.00", "25.00"],
    ]
    calls = page.tables["By API calls"]
    assert [[row[0], row[1], *map(value, row[2:])] for row in calls[1:]] == [
        ["1", "3", "50.00", "83.33"],
        ["2", "1", "0.00", "0.00"],
    ]
    assert column(page.tables["By category"], "category") == [f"kind {i}" for i in range(4)]
    assert page.tables["Samples"] == [["run", "passed", "NameError"], ["base", "3", "5"], ["x_cert", "5", "3"]]
    solved = page.tables["Samples that pass, by problem"]
    assert column(solved, "x_cert") == ["2 of 2", "2 of 2", "1 of 2", "0 of 2"]
    assert column(solved, "level") == ["basic", "basic", "hard", "hard"]


def test_cases_sketches_and_examples(results, page):
    rows = page.tables["Passed, of all samples"]
    # At 0.2: a/0 twice and the failed samples are case 1, a/1 is case 2, a/2 passed against its sketch.
    rows = [row for row in rows if row[0] == "x_cert"]
    assert rows[0][1] == "0.2/0.2" and rows[0][4:] == ["2 of 5", "2 of 2", "1 of 1"]
    # Placeholders: a/0, a/2 and a/3, whose solutions have some. The sketches of a/0 and a/1 are those of their solutions.
    assert [value(cell) for cell in rows[0][2:4]] == ["100.00", "50.00"]
    runs = json.loads((results / "report.json").read_text())["benchmarks"][0]["runs"]
    examples = next(run["examples"] for run in runs if run.get("examples"))
    told = {case: [(row["task_id"], row["passed"]) for row in found] for case, found in examples.items()}
    assert told == {"1": [("a/0", True), ("a/2", False), ("a/3", False)], "2": [("a/1", True)], "3": [("a/2", True)]}
    assert page.text.count("failed: NameError: " + HOSTILE) == 2
    assert "x_cert, case 3 (the generator leaves a wrong sketch): 1 of 1" in page.text


def test_stage_metrics_and_metadata(results, page):
    assert ["pass@1 syntax, base", "0.500 [0.250, 0.750]", "4"] in page.tables["values"]
    runs = page.tables["Runs"]
    assert column(runs, "seed") == ["42"] * 4 and column(runs, "pandas") == ["3.1.1"] * 4
    assert sum(text.startswith("sketcher ") and ", generator " in text for text in column(runs, "models")) == 2
    assert set(column(runs, "git revision")) == {"f" * 12}


def test_no_text_of_a_result_is_markup(results, page):
    text = (results / "report.html").read_text()
    assert page.tags["script"] == 0 and HOSTILE in page.text and "<script" not in text
    assert not re.search(r'(?:src|href)="(?!#|data:,")', text.replace("xlink:href", "")), "the page needs other files"
    markdown = (results / "report.md").read_text()
    outside = re.sub(r"(?ms)^(`{3,})python\n.*?^\1$", "", markdown)
    assert "`" not in outside.replace("\\`", "") and not re.search(r"(?<!\\)<", outside)
    assert cell("a|b\n# <i> &lt;") == "a\\|b \\# \\<i\\> \\&lt;"
    assert fence("````").startswith("`````python\n````\n")


def test_structure(page):
    assert len(page.ids) == len(set(page.ids))
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    assert page.tags["h1"] == page.tags["main"] == page.tags["title"] == 1


def test_charts_are_files_too(results):
    names = {path.name for path in (results / "report_charts").iterdir()}
    stems = ("P_pass_at_1", "P_pass_at_2", "P_problems", "P_outcomes")
    assert names == {f"{stem}.{ending}" for stem in stems for ending in ("svg", "png")}
    for stem in stems:
        ElementTree.parse(results / f"report_charts/{stem}.svg")
        assert f"](report_charts/{stem}.svg)" in (results / "report.md").read_text()
    markdown = (results / "report.md").read_text()
    assert "base: 37.5 at 0.2, 25.0 at 0.8; x\\_cert: 62.5 at 0.2, 50.0 at 0.8." in markdown
    assert "x\\_cert: 2 always, 1 sometimes, 1 never." in markdown


def test_equal_results_give_equal_bytes(results, tmp_path):
    """In another folder and another process, with other hashes of texts."""
    shutil.copytree(results, tmp_path / "other")
    for name in ("report.html", "report.md", "report.json"):
        (tmp_path / "other" / name).unlink()
    shutil.rmtree(tmp_path / "other/report_charts")
    command = [sys.executable, "-m", "scripts.report", str(tmp_path / "other")]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "7"}, check=True, capture_output=True)
    files = [path.relative_to(results) for path in results.rglob("*") if path.is_file()]
    assert len([path for path in files if "report" in str(path)]) == 12
    for path in files:
        assert (results / path).read_bytes() == (tmp_path / "other" / path).read_bytes(), path


def test_a_report_that_is_up_to_date_is_only_printed(results, tmp_path, capsys):
    """Until a file of results, the file of problems, or a file of the report changes."""
    problems = write_problems(tmp_path / "P.jsonl")
    write_tree(tmp_path / "results", problems)
    page, metrics = tmp_path / "results/report.html", tmp_path / "results/P/base/t0.2_metrics.json"

    def times() -> tuple[int, str]:
        assert report.main([str(tmp_path / "results")]) == 0
        return page.stat().st_mtime_ns, capsys.readouterr().out

    first, told = times()
    assert times() == (first, told) and "P: differences" in told and "P: sketches and cases" in told
    metrics.write_text(metrics.read_text().replace("0.375", "0.25"))
    second, other = times()
    assert second > first and other != told
    page.unlink()
    third, _ = times()
    assert third > second
    problems.unlink()
    fourth, _ = times()
    assert fourth > third


def test_the_terminal_tells_differences_and_stages(results, capsys):
    """The tables of the page, and what their intervals say."""
    assert report.main([str(results)]) == 0
    told = capsys.readouterr().out
    page = Page((results / "report.html").read_text())
    table = page.tables["At equal temperatures of the code"]
    assert column(table, "pass@1 is") == ["not told apart", "not told apart"] and table[1][4] in told
    for title, value in (
        ("sketch has a placeholder", "100.00 [100.0, 100.0]"),
        ("sketch is a reference's", "50.00 [0.0, 100.0]"),
    ):
        two = [row for row in page.tables["Passed, of all samples"] if row[0] in ("run", "x_cert")]
        assert column(two, title) == [value] * 2 and title in told and value in told
    one = [row for row in page.tables["Passed, of all samples"] if row[0] == "base"]
    assert [row[2:] for row in one] == [
        ["-", "50.00 [0.0, 100.0]", "-", "-", "-"]
    ] * 2  # the first of two equal counts: right


def test_long_tables_stay_in_the_report(results, capsys, monkeypatch):
    monkeypatch.setattr(report, "LONGEST", 1)
    (results / report.RECORD).unlink()
    assert report.main([str(results)]) == 0
    assert capsys.readouterr().out.count(" rows, see the report") == 2
    (results / report.RECORD).unlink()


def test_charts_of_earlier_reports_are_removed(tmp_path):
    problems = write_problems(tmp_path / "P.jsonl")
    for temperature in (0.2, 0.8):
        write_run(tmp_path / "results", "base", temperature, problems)
    assert report.main([str(tmp_path / "results")]) == 0
    assert (tmp_path / "results/report_charts/P_pass_at_1.svg").is_file()
    for path in (tmp_path / "results/P/base").glob("t0.8*"):
        path.unlink()
    assert report.main([str(tmp_path / "results")]) == 0
    assert not (tmp_path / "results/report_charts/P_pass_at_1.svg").exists()


def test_missing_pieces_leave_their_sections_out(tmp_path):
    """No levels and no second stage; then no problem file either."""
    problems = write_problems(tmp_path / "P.jsonl", level=None, category="")
    write_tree(tmp_path / "results", problems, levels=False, cases=False)
    assert report.main([str(tmp_path / "results")]) == 0
    page = Page((tmp_path / "results/report.html").read_text())
    assert "By level" not in page.tables and "By category" not in page.tables
    assert page.tables["Samples that pass, by problem"][0] == ["problem", "API calls", "base", "x_cert"]
    assert "Sketches and cases" not in page.text and "Metrics of the stages" not in page.text
    assert "By API calls" in page.tables
    problems.unlink()
    assert report.main([str(tmp_path / "results")]) == 0
    page = Page((tmp_path / "results/report.html").read_text())
    assert "Kinds of problems" not in page.text and len(page.tables["Every run"]) == 5


def test_examples_of_unknown_problems(tmp_path):
    """Without the problem file the prompts are not known, and sketches cannot be compared with references."""
    problems = write_problems(tmp_path / "P.jsonl")
    write_tree(tmp_path / "results", problems)
    problems.write_text("")
    assert report.main([str(tmp_path / "results")]) == 0
    page = Page((tmp_path / "results/report.html").read_text())
    assert column(page.tables["Passed, of all samples"], "sketch is a reference's") == ["-"] * 4
    assert page.text.count("not known") == 5


def test_runs_of_one_name_are_told_apart(tmp_path):
    problems = write_problems(tmp_path / "P.jsonl")
    write_run(tmp_path / "results", "base", 0.2, problems)
    file = tmp_path / "results/P/base/t0.2_metrics.json"
    metrics = json.loads(file.read_text())
    metrics["sampling"]["settings"]["seed"] = 43
    file.with_name("other_metrics.json").write_text(json.dumps(metrics))
    assert report.main([str(tmp_path / "results")]) == 0
    page = Page((tmp_path / "results/report.html").read_text())
    assert sorted(column(page.tables["Samples"], "run")) == ["base (seed=42)", "base (seed=43)"]


def test_numbers_of_problems_that_differ_are_all_told(tmp_path):
    """Of a run on the first problems, and one on all."""
    problems = write_problems(tmp_path / "P.jsonl")
    for run in ("base", "x_cert"):
        write_run(tmp_path / "results", run, 0.2, problems)
    file = tmp_path / "results/P/base/t0.2_metrics.json"
    metrics = json.loads(file.read_text())
    metrics["by_level"]["basic"]["problems"] = 1
    file.write_text(json.dumps(metrics))
    assert report.main([str(tmp_path / "results")]) == 0
    table = Page((tmp_path / "results/report.html").read_text()).tables["By level"]
    assert column(table, "problems") == ["1 / 2", "2"]


def test_whole_programs(tmp_path):
    """As evalplus writes them: `solution` in place of `completion`."""
    write_tree(tmp_path / "results", write_problems(tmp_path / "P.jsonl"))
    file = tmp_path / "results/P/base/t0.2_results.jsonl"
    rows = [json.loads(line) for line in file.read_text().split("\n") if line]
    for row in rows:
        row["solution"] = (PROMPT if row["passed"] else "") + row.pop("completion")
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert report.main([str(tmp_path / "results")]) == 0
    runs = json.loads((tmp_path / "results/report.json").read_text())["benchmarks"][0]["runs"]
    found = next(run for run in runs if run["name"] == "base" and run["temperatures"] == [0.2])
    assert found["sketches"]["reference"]["value"] == 1  # of the problems with a program that begins with the prompt


def test_lone_surrogates(tmp_path):
    """Half of an emoji, where a server has cut an answer."""
    write_tree(tmp_path / "results", write_problems(tmp_path / "P.jsonl"))
    for file in (tmp_path / "results").rglob("*_results.jsonl"):
        file.write_text(file.read_text().replace(json.dumps(HOSTILE)[1:-1], "\\ud83d"))
    assert report.main([str(tmp_path / "results")]) == 0
    text = (tmp_path / "results/report.json").read_text()
    assert "\\ud83d" in text and "\ud83d" in json.dumps(json.loads(text), ensure_ascii=False)


def test_levels_that_are_numbers(tmp_path):
    problems = write_problems(tmp_path / "P.jsonl")
    rows = [json.loads(line) for line in problems.read_text().split("\n") if line]
    problems.write_text("".join(json.dumps(row | {"level": int(row["level"] == "hard")}) + "\n" for row in rows))
    write_tree(tmp_path / "results", problems, levels=False)
    assert report.main([str(tmp_path / "results")]) == 0
    by_level = Page((tmp_path / "results/report.html").read_text()).tables["By level"]
    assert {cell for row in by_level for cell in row} >= {"0", "1"}


def test_an_exception_with_the_name_of_a_column(tmp_path):
    write_tree(tmp_path / "results", write_problems(tmp_path / "P.jsonl"))
    for file in (tmp_path / "results").rglob("*_metrics.json"):
        file.write_text(file.read_text().replace("NameError", "run"))
    assert report.main([str(tmp_path / "results")]) == 0
    table = Page((tmp_path / "results/report.html").read_text()).tables["Samples"]
    assert column(table, "run") == ["base", "x_cert"] and "run (exception)" in table[0]


def test_an_exception_with_an_underscore_is_in_the_legend():
    assert ">_Stop</text>" in outcome_chart("x", {"base": {"passed": 40.0, "_Stop": 60.0}}).svg


def test_an_interval_beside_its_value_is_drawn():
    assert "_run: 10.0 at 0.2." in temperature_chart("x", "pass@1", {"_run": [(0.2, 10.0, 20.0, 30.0)]}).text


def test_sample_files_without_settings_are_runs_of_their_own(tmp_path):
    problems = write_problems(tmp_path / "P.jsonl")
    for temperature in (0.2, 0.8):
        write_run(tmp_path / "results", "base", temperature, problems)
    for file in (tmp_path / "results").rglob("*_metrics.json"):
        file.write_text(json.dumps({k: v for k, v in json.loads(file.read_text()).items() if k != "sampling"}))
    assert report.main([str(tmp_path / "results")]) == 0
    tables = Page((tmp_path / "results/report.html").read_text()).tables
    assert column(tables["Every run"], "run") == ["base/t0.2", "base/t0.8"]
    assert len(tables["At equal temperatures of the code"]) == 2

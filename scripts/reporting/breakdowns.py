"""Sections that look into a run: single problems, failures, kinds of problems, the three cases."""

from collections import Counter

import numpy as np

from pandas_numpy_eval.scoring import in_order
from scripts.reporting.blocks import Section, Table, filled, percent
from scripts.reporting.cases import MEANINGS
from scripts.reporting.charts import outcome_chart, solved_chart
from scripts.reporting.gather import GROUPS
from scripts.reporting.tables import FIXED

SKETCHES = {"placeholder": "sketch has a placeholder", "reference": "sketch is a reference's"}
KINDS = 5  # of failures in the chart; the others are one


def problems(benchmark: dict, shown: dict[str, dict], prefix: str) -> Section:
    runs = {label: run for label, run in shown.items() if run["tasks"]}
    if not runs:
        return Section("Problems")
    level_of = {task: about["level"] or "all problems" for task, about in benchmark["problems"].items()}
    spans = {level: [task for task in level_of if level_of[task] == level] for level in in_order(level_of.values())}
    order = [task for tasks in spans.values() for task in tasks]
    shares = {label: {task: c / n for task, (c, n) in run["tasks"].items()} for label, run in runs.items()}
    mean = {task: np.mean([found[task] for found in shares.values() if task in found]) for task in order}
    sorted_order = [task for tasks in spans.values() for task in sorted(tasks, key=lambda task: -mean[task])]
    strips = {label: [found.get(task, np.nan) for task in sorted_order] for label, found in shares.items()}
    chart = solved_chart(f"{prefix}_problems", strips, {level: len(tasks) for level, tasks in spans.items()})
    note = "Each cell is a problem; those that most samples pass stand first in their level. " + _at(shown)
    rows = []
    for task in order:
        about = {GROUPS[key]: value for key, value in benchmark["problems"][task].items() if value is not None}
        passed = {label: "{} of {}".format(*run["tasks"][task]) for label, run in runs.items() if task in run["tasks"]}
        rows.append({"problem": task, **about, **passed})
    return Section("Problems", note, [chart], [Table("Samples that pass, by problem", filled(rows), folded=True)])


def _at(shown: dict[str, dict]) -> str:
    """The temperatures of the runs that a section is about."""
    if all(set(run["temperatures"]) == {FIXED} for run in shown.values()):
        return f"All runs at temperature {FIXED}."
    return "One temperature of each run: " + "; ".join(f"{label} at {run['T']}" for label, run in shown.items()) + "."


def outcomes(shown: dict[str, dict], prefix: str) -> Section:
    runs = {
        label: Counter({_column(kind): count for kind, count in run["verdicts"].items()})
        for label, run in shown.items()
        if run["verdicts"]
    }
    if not runs:
        return Section("Failures")
    kinds = [kind for kind, _ in sum(runs.values(), Counter()).most_common() if kind != "passed"]
    several = len(kinds) > KINDS
    apart = kinds[: KINDS - 1] if several else kinds
    shares = {}
    for label, counts in runs.items():
        share = {kind: 100 * counts[kind] / counts.total() for kind in ("passed", *apart)}
        shares[label] = share | ({"others": 100 - sum(share.values())} if several else {})
    rows = [{"run": label, **{kind: counts[kind] for kind in ("passed", *kinds)}} for label, counts in runs.items()]
    note = f"What happened to the samples; exceptions by their names. {_at(shown)}"
    return Section("Failures", note, [outcome_chart(f"{prefix}_outcomes", shares)], [Table("Samples", filled(rows))])


def _column(kind: str) -> str:
    """The column of a kind of failure; marked where an exception has the name of a column of ours."""
    return f"{kind} (exception)" if kind in ("run", "others") else kind


def groups(shown: dict[str, dict]) -> Section:
    tables = []
    for key, name in GROUPS.items():
        rows: dict[str, dict] = {}
        for label, run in shown.items():
            for group, found in run["by"].get(key, {}).items():
                if "pass@1" in found:
                    row = rows.setdefault(group, {name: group, "problems": []})
                    row["problems"].append(found["problems"])
                    row[label] = percent(found["pass@1"])
        if rows:
            ordered = [rows[group] for group in in_order(sorted(rows))]
            for row in ordered:
                row["problems"] = " / ".join(
                    str(count) for count in dict.fromkeys(row["problems"])
                )  # of the runs, if unequal
            tables.append(Table(f"By {name}", filled(ordered)))
    note = f"pass@1 in per cent with its 95 % interval. API calls: those of the first canonical solution. {_at(shown)}"
    return Section("Kinds of problems", note, tables=tables)


def cases(benchmark: dict, shown: dict[str, dict]) -> Section:
    rows, examples = [], {}
    has_two_stages = any(run["cases"] for run in benchmark["runs"])
    for run in (run for run in benchmark["runs"] if has_two_stages and run.get("sketches")):
        row = {"run": run["name"], "T": run["T"]}
        for key, title in SKETCHES.items():
            is_told = run["cases"] or key == "reference"  # code is to have no placeholder
            mean = run["sketches"][key] if is_told else None
            row[title] = percent(mean) if mean else "-"
        rows.append(row | {f"case {k}": f"{v['passed']} of {v['samples']}" for k, v in run["cases"].items()})
    for label, run in shown.items():
        for case, samples in run.get("examples", {}).items():
            title = f"{label}, case {case} ({MEANINGS[case]}): {len(samples)} of {run['cases'][case]['samples']}"
            examples[title] = samples
    note = "Samples of two stages that passed, by case: " + "; ".join(f"{k}, {text}" for k, text in MEANINGS.items())
    note += (
        ". In per cent, of the problems' most frequent sketches: those with a placeholder, where the canonical solution has "
        "one, and those that are exactly the sketch of a canonical solution. A run of one stage has those of its code."
    )
    tables = [Table("Passed, of all samples", filled(rows))] if rows else []
    return Section("Sketches and cases", note, tables=tables, examples=examples, printed=True)

"""What a page shows of the data of `scripts/reporting/gather.py`: sections of tables, charts and examples, all as texts."""

import json

from scripts.reporting.blocks import Section, Table, direction, filled, percent
from scripts.reporting.breakdowns import cases, groups, outcomes, problems
from scripts.reporting.charts import temperature_chart
from scripts.reporting.tables import settings_of, stage_rows


def sections(benchmark: dict, sweeps: list[dict], prefix: str) -> list[Section]:
    """The sections of a benchmark; those without content are left out. `prefix` begins the names of its charts."""
    shown = {series["label"]: benchmark["runs"][series["shown"]] for series in benchmark["series"]}
    found = [
        _scores(benchmark, sweeps, prefix),
        _differences(benchmark),
        problems(benchmark, shown, prefix),
        outcomes(shown, prefix),
        groups(shown),
        cases(benchmark, shown),
        _about(benchmark),
    ]
    return [one for one in found if one.tables or one.charts or one.texts]


def stage_sections(stages: list[dict]) -> list[Section]:
    """A section for each result of `scripts.stage_metrics`."""
    note = "Means over problems, in brackets the 95 % interval; nll: nats per token, less is better. "
    note += "All texts are greedy."
    return [Section(one["file"], note, tables=[Table("", stage_rows(one["groups"]))]) for one in stages]


def _scores(benchmark: dict, sweeps: list[dict], prefix: str) -> Section:
    runs = benchmark["runs"]
    rows = [
        {
            "run": run["name"],
            **{key: run[key] for key in ("stages", "T", "problems", "n")},
            **{f"pass@{k}": percent(score) for k, score in run["scores"].items()},
            "ceiling": f"{100 * run['ceiling']:.1f}",
            "sandbox": run["sandbox"],
            **({"left out": ", ".join(f"{k} {v}" for k, v in run["left_out"].items())} if run["left_out"] else {}),
        }
        for run in runs
    ]
    charts = []
    for k in sorted({k for run in runs for k in run["scores"]}, key=int):
        lines = {}
        for series in benchmark["series"]:
            known = [runs[i] for i in series["runs"] if runs[i]["temperatures"] and k in runs[i]["scores"]]
            # Two stages: one line where both temperatures are equal, else a line for each of the first stage.
            equal = all(len(set(run["temperatures"])) == 1 for run in known)
            for run in known:
                label = series["label"] + ("" if equal else f", sketches at {run['temperatures'][0]:g}")
                score = run["scores"][k]
                point = (run["temperatures"][-1], *(100 * x for x in (score["value"], *score["ci95"])))
                lines.setdefault(label, []).append(point)
        if any(len(points) > 1 for points in lines.values()):
            charts.append(temperature_chart(f"{prefix}_pass_at_{k}", f"pass@{k}", lines))
    name = benchmark["name"]
    best = [{k: v for k, v in row.items() if k != "benchmark"} for row in sweeps if row["benchmark"] == name]
    tables = [Table("Every run", filled(rows))]
    if best:
        title = "Best temperature of each run, chosen on the problems that are scored: that favours it over single runs"
        tables.append(Table(title, filled(best)))
    note = "pass@k in per cent, in brackets the 95 % interval (bootstrap over problems). Every sample was executed"
    note += ", but for what a run left out; " if any(run["left_out"] for run in runs) else "; "
    note += "the ceiling is the share of problems of which a canonical solution passes under the same libraries."
    return Section("Scores", note, charts, tables)


def _differences(benchmark: dict) -> Section:
    rows: dict[tuple, dict] = {}
    for one in benchmark["differences"]:
        key = (one["first"], one["second"], *one["T"])
        row = {"run": one["first"], "minus": one["second"], "T": " and ".join(dict.fromkeys(one["T"]))}
        row["problems"] = one["problems"]
        rows.setdefault(key, row)[f"pass@{one['k']}"] = percent(one, "+")
        if one["k"] == "1":
            rows[key]["pass@1 is"] = direction(one)
    note = "Differences in percentage points, paired by problem, in brackets the 95 % interval (bootstrap over "
    note += "problems): an interval without 0 is a difference that the choice of problems alone does not explain."
    tables = [Table("At equal temperatures of the code", filled(list(rows.values())))] if rows else []
    return Section("Differences", note, tables=tables, printed=True)


def _about(benchmark: dict) -> Section:
    rows, texts = [], {}
    for run in benchmark["runs"]:
        about = run["about"]
        sampling = about.get("sampling") or {}
        settings = settings_of(about)
        inputs = {k: v for k, v in (sampling.get("inputs") or {}).items() if k in ("model", "sketcher", "generator")}
        versions = about.get("versions") or {}
        row = {"run": run["name"], "T": run["T"]}
        row |= {key: settings[key] for key in ("seed", "top_p", "max_tokens") if settings.get(key) is not None}
        row |= {library: versions[library] for library in sorted(versions)}
        row["git revision"] = str(about.get("git_revision") or "-")[:12]
        models = ", ".join(f"{stage} {str(digest)[:12]}" for stage, digest in inputs.items())
        rows.append(row | ({"models": models} if models else {}))
        texts[run["file"]] = json.dumps(about, indent=1)
    note = f"sha256 of the problems: {', '.join(benchmark['sha256'])}. Models are told by the first digits of their sha256."
    return Section("How it was measured", note, tables=[Table("Runs", filled(rows))], texts=texts)

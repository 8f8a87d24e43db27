"""The shipped adapters: small, whole, of the default base; cards that say what is in them; what their scores rest on."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from pandas_numpy_eval.data import read_problems
from pandas_numpy_eval.scoring import mean_with_interval
from scripts import report
from scripts.export_adapter import score_rows
from scripts.generating.playground import PASSED, judge
from scripts.reporting.cases import case_of, markdown

ROOT = Path(__file__).resolve().parents[2]
MODELS, RESULTS = ROOT / "models", ROOT / "docs" / "results"
NAMES = [f"{stage}-{domain}" for domain in ("pandas", "numpy") for stage in ("sketcher", "generator")]


@pytest.fixture(params=NAMES)
def folder(request) -> Path:
    return MODELS / request.param


def test_adapters(folder):
    assert {file.name for file in folder.iterdir()} == {
        *("README.md", "recipe.json", "adapter_config.json", "adapter_model.safetensors")
    }
    assert (folder / "adapter_model.safetensors").stat().st_size <= 12_000_000
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "smollm2-135m" and config["peft_type"] == "LORA"
    with safe_open(folder / "adapter_model.safetensors", "pt") as tensors:
        names = list(tensors.keys())
        assert {tensors.get_slice(name).get_dtype() for name in names} == {"F16"}
        assert len(names) == 30 * 7 * 2  # layers, linear layers, A and B
        assert tensors.get_tensor(next(name for name in names if "lora_B" in name)).abs().max() > 0  # trained


def test_cards(folder):
    stage, domain = folder.name.split("-")
    card, recipe = (folder / "README.md").read_text(), json.loads((folder / "recipe.json").read_text())
    assert recipe["results"]["encoding"]["type"] == stage
    assert recipe["inputs"]["base"] in card and str(recipe["results"]["tokens"]) in card
    assert recipe["results"]["final_loss"] < recipe["results"]["initial_loss"]
    stats = recipe["corpus"]["stats"]
    assert stats["domain"].lower() == domain
    for kind in stats["totals"].values():
        assert kind["in"] == kind["out"] + sum(kind["reasons"].values())
    clean_of = {entry["file"] for entry in stats["decontamination"]["against"]}
    own = {f"Cert{name}{split}.jsonl" for name in ("Pandas", "Numpy") for split in ("", "Dev")}
    assert clean_of == own | {"pandas_numpy_eval_original.json"}
    assert card.endswith("\n" + "\n".join(["| --- " * 6 + "|", *score_rows(RESULTS / domain.capitalize())]) + "\n")
    assert "+generator" in card and " +top-1 +k4 | 5 | 0.6/0.2 | " in card


@pytest.mark.parametrize("domain", ["Pandas", "Numpy"])
def test_stages(domain):
    """On the development split: the sketcher sketches, and the generator runs on at least half of the samples."""
    metrics = json.loads((RESULTS / "stages" / f"{domain}Dev.json").read_text())["groups"]["all"]["metrics"]
    assert metrics["draft has placeholder"]["value"] >= 0.6
    assert 1 - metrics["draft stands (case 2)"]["value"] >= 0.5
    assert metrics["copies placeholders, generator+draft"]["value"] < 0.1


def test_readme_tells_what_the_generators_solve_with_the_right_sketch():
    files = [RESULTS / "stages" / f"{domain}Dev.json" for domain in ("Pandas", "Numpy")]
    found = [json.loads(file.read_text())["groups"]["all"]["metrics"] for file in files]
    values = [f"{100 * metrics['pass@1 first_block, generator+reference']['value']:.0f}" for metrics in found]
    page = " ".join((ROOT / "README.md").read_text().split())
    assert f"solve {' and '.join(values)} % of the development problems" in page


def test_stages_of_the_quick_preset():
    """What 80 steps of each stage give in a fresh clone: it sketches, and the generator runs and follows."""
    metrics = json.loads((RESULTS / "stages/PandasDev_quick.json").read_text())["groups"]["all"]["metrics"]
    assert metrics["draft has placeholder"]["value"] >= 0.6
    assert 1 - metrics["draft stands (case 2)"]["value"] >= 0.5
    assert metrics["follows sketch, generator+draft"]["value"] >= 0.5


def kind_of(run: str) -> str:
    """`normal`, `cert` or `base`, by the name of a run."""
    return "normal" if run.endswith("_normal") else "cert" if run.endswith("_cert") or "+" in run else "base"


def shown(score: dict) -> str:
    return "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * x for x in (score["value"], *score["ci95"])))


def difference(one: dict, other: dict) -> dict:
    """Mean and interval of pass@1 of one run minus that of another, from their metrics, paired by problem."""
    shares = [[of["tasks"][task]["passed"] / of["tasks"][task]["n"] for task in one["tasks"]] for of in (one, other)]
    return mean_with_interval(np.subtract(*shares))


@pytest.fixture(scope="module")
def reported(tmp_path_factory) -> list[dict]:
    """What the report says of the committed metrics: those of the shipped models, then those of Dorvex."""
    found = []
    for number, folder in enumerate((RESULTS, ROOT / "examples/private_library/measured")):
        copy = tmp_path_factory.mktemp("results") / str(number)
        shutil.copytree(folder, copy)
        assert report.main([str(copy)]) == 0
        found += json.loads((copy / "report.json").read_text())["benchmarks"]
    return found


def test_readme_shows_the_committed_metrics(reported):
    """Its first table, and the differences between CERT and its base; that of Dorvex is on a page of its own."""
    page, own = ((ROOT / name).read_text() for name in ("README.md", "docs/private-library.md"))
    gains = {}
    for benchmark in reported:
        cells = {kind_of(run["name"]): shown(run["scores"]["1"]) for run in benchmark["runs"]}
        assert [*cells] == ["base", "normal", "cert"]  # in the order of the report's tables
        pairs = {(kind_of(pair["first"]), kind_of(pair["second"])): shown(pair) for pair in benchmark["differences"]}
        (problems,) = {run["problems"] for run in benchmark["runs"]}
        row = [str(problems), *(cells[kind] for kind in ("base", "normal", "cert")), pairs["cert", "normal"]]
        name = benchmark["name"].removesuffix(".jsonl")
        assert re.search(rf"(?m)^\| \[?{name}\b[^|]*\| {re.escape(' | '.join(row))} \|$", page), row
        gains[name] = pairs["cert", "base"]
    assert sorted(gains) == ["CertNumpy", "CertPandas", "Dorvex"]
    told = f"above its base by {gains['CertPandas']} points on pandas and by {gains['CertNumpy']} on NumPy."
    assert told in " ".join(page.split()) and f"{gains['Dorvex']} points above its base" in " ".join(own.split())


def test_readme_shows_the_scores_with_fewer_sketches():
    """Those of `popular/`, where the sketches of the samples alone vote, minus the normal models', paired by problem."""
    told = {"scores": [], "differences": []}
    for domain in ("Pandas", "Numpy"):
        popular = json.loads((RESULTS / f"popular/Cert{domain}.json").read_text())
        (file,) = (RESULTS / domain).glob("*_normal/*_metrics.json")
        paired = difference(popular, json.loads(file.read_text()))
        settings = popular["sampling"]["settings"]
        assert (settings["sketch_strategy"], settings["num_samples"]) == ("popular", 5)
        assert "sketches_per_sample" not in settings
        for key, score in (("scores", popular["pass@1"]), ("differences", paired)):
            told[key].append(shown(score))
    page = " ".join((ROOT / "README.md").read_text().split())
    assert "CERT is at {} and {}, minus plain {} and {} points".format(*told["scores"], *told["differences"]) in page


def test_readme_tells_what_a_quickstart_trains():
    base, cert = (json.loads((RESULTS / f"quickstart/{name}.json").read_text()) for name in ("base", "cert"))
    assert [*base["tasks"]] == [*cert["tasks"]] and len(base["tasks"]) == 201
    told = f"at {shown(cert['pass@1'])} per cent, {shown(difference(cert, base))} points above its base "
    told += f"({100 * base['pass@1']['value']:.1f} here"
    assert told in " ".join((ROOT / "README.md").read_text().split())


def test_readme_shows_the_committed_cases():
    """The table is that of cases.json, which belongs to the committed metrics; its examples pass and are of their cases."""
    table, page = json.loads((RESULTS / "cases.json").read_text()), (ROOT / "README.md").read_text()
    assert markdown(table) in page
    (file,) = (RESULTS / "Pandas" / table["run"]).glob("*_metrics.json")
    metrics = json.loads(file.read_text())
    assert table["results_sha256"] == metrics["results_sha256"]
    totals = [sum(count[key] for count in table["counts"].values()) for key in ("samples", "passed")]
    assert totals == [metrics["samples"]["rows"], metrics["verdicts"]["passed"]]
    problems = read_problems("Pandas")
    for case, example in table["examples"].items():
        assert case_of(example | {"case": 2 if case == "2" else 1, "passed": True}) == int(case)
        code, problem = example["completion"], problems[example["task_id"]]
        assert judge({code: problem["prompt"] + code}, problem)[0][code][0] == PASSED


def test_readme_tells_the_committed_protocol():
    page = (ROOT / "README.md").read_text()
    section = " ".join(page[page.index("## Results") :].partition("\n## ")[0].split())
    for file in RESULTS.glob("*/*/*_metrics.json"):
        metrics = json.loads(file.read_text())
        told = metrics["sampling"]["settings"]
        parts = [f"{metrics['benchmark']['evaluated']} problems", f"{told['num_samples']} samples"]
        parts += [f"top_p {told['top_p']:g}", f"{told['max_tokens']} new tokens"]
        parts += [f"samples per problem, temperature {told.get('temperature2', told['temperature']):g}"]
        if "temperature2" in told:
            sketches = told["num_samples"] * told["sketches_per_sample"]
            parts += [f"{sketches} sketches of temperature {told['temperature']:g} vote"]
        assert [part for part in parts if part not in section] == [], file

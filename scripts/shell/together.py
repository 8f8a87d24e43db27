"""Checks of the shells' settings that look at several of them, or at what was fetched. Standard library only."""

import shlex
from collections.abc import Container
from pathlib import Path

from nl2code.errors import UserError
from scripts.shell.checks import ROOT, need_templates, templates_file
from scripts.shell.preset_lines import preset_values


def refuse_idle(given: dict[str, str], kinds: str) -> None:
    """Refuse what the user set for documents that the corpus does not have.

    Args:
        given: name -> value, what the user set.
        kinds: KINDS in force.

    Raises:
        UserError: naming the setting and the fix.
    """
    if "EXERCISES" in given and "exercises" not in kinds.split(","):
        advice = f"add exercises to KINDS={kinds}, or leave it unset"
        raise UserError(f"EXERCISES={given['EXERCISES']} changes nothing without exercises; {advice}")
    if "SOURCES" in given and set(kinds.split(",")) == {"exercises"}:
        advice = f"add another kind to KINDS={kinds}, or leave it unset"
        raise UserError(f"SOURCES={given['SOURCES']} changes nothing for exercises alone; {advice}")


def need_exercises(value: dict[str, str], given: dict[str, str], preset: str) -> None:
    """Refuse exercises that the user asks for and that have no template file; a preset's are left out there.

    Args:
        value: the settings in force.
        given: name -> value, what the user set.
        preset: its file.

    Raises:
        UserError: naming the file and the fix.
    """
    if "SOURCES" in given and {"KINDS", "EXERCISES"} & given.keys() and "exercises" in value["KINDS"].split(","):
        text = Path(preset).read_text(encoding="utf-8", errors="replace")
        named = preset_values(text).get("corpus:--exercise_templates", "null")
        if named not in ("null", "~"):
            need_templates(templates_file(value["DOMAIN"], named))
        elif "exercise_templates" not in text:  # else it stands there in a form that only the program reads
            need_templates(templates_file(value["DOMAIN"], None))


def refuse_single(environment: dict[str, str]) -> None:
    """Refuse what the quickstart sets itself, for each of its libraries and models. Raises UserError."""
    for name in ("DOMAIN", "MODEL_VERSION", "TYPE"):
        if environment.get(name):
            advice = "set DOMAINS, or run the three commands" if name == "DOMAIN" else "run the three commands"
            raise UserError(f"{name}={environment[name]} is no setting of run_quickstart.sh; {advice}")


def refuse_sampling(value: dict[str, str], given: dict[str, str], one_sketch: Container[str]) -> None:
    """Refuse settings of sampling that do not go together, before any model is trained.

    Args:
        value: the settings in force.
        given: name -> value, what the user set.
        one_sketch: strategies that take one sketch for each sample.

    Raises:
        UserError: naming the settings and the fix.
    """
    strategy, version, several = value["SKETCH_STRATEGY"], value["MODEL_VERSION"], given.get("SKETCHES_PER_SAMPLE", "1")
    if strategy in one_sketch and int(several) > 1:
        advice = f"SKETCH_STRATEGY={strategy}, which takes one sketch for each sample; leave one unset"
        raise UserError(f"SKETCHES_PER_SAMPLE={several} does not go with {advice}")
    if version.startswith("openai:"):
        for name in (name for name in ("BACKEND", "DTYPE", "DEVICE") if name in given):
            advice = f"MODEL_VERSION={version} is sampled by its server, which chooses its own; leave {name} unset"
            raise UserError(f"{name}={given[name]} changes nothing: {advice}")
    elif value["BACKEND"] == "vllm" and value["DEVICE"]:
        raise UserError(f"BACKEND=vllm chooses the device itself; leave DEVICE={value['DEVICE']} unset")


def refuse_unfetched(value: dict[str, str], environment: dict[str, str]) -> None:
    """Refuse PROBLEMS that do not ship and were not fetched.

    Where no environment is there yet, nothing is refused: the command makes it, and its programs then say the same.

    Raises:
        UserError: with the command to type.
    """
    if value.get("PROBLEMS") not in ("PandasEval", "NumpyEval"):
        return
    from pandas_numpy_eval.originals import find_original

    own = environment.get("VIRTUAL_ENV")
    python = environment.get("CERT_PYTHON") or (f"{own}/bin/python" if own else ".venv/bin/python")
    is_there = own or environment.get("CERT_PYTHON") or (ROOT / ".venv/.installed").is_file()
    if is_there and find_original(value["PROBLEMS"]) is None:
        command = f"PYTHONPATH=pandas-numpy-eval {shlex.quote(python)} -m pandas_numpy_eval.fetch"
        raise UserError(f"PROBLEMS={value['PROBLEMS']} does not ship with this project; fetch it: {command}")

"""Checks of the shells' settings that look at several of them, or at what was fetched. Standard library only."""

import shlex

from nl2code.errors import UserError
from scripts.shell.checks import ROOT


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


def refuse_single(environment: dict[str, str]) -> None:
    """Refuse what the quickstart sets itself, for each of its libraries and models. Raises UserError."""
    for name in ("DOMAIN", "MODEL_VERSION", "TYPE"):
        if environment.get(name):
            advice = "set DOMAINS, or run the three commands" if name == "DOMAIN" else "run the three commands"
            raise UserError(f"{name}={environment[name]} is no setting of run_quickstart.sh; {advice}")


def refuse_unpaired(first: str, second: str) -> None:
    """Raise UserError where the temperatures of the two stages, comma lists, make no pairs, or one pair twice."""
    one, two = first.split(","), second.split(",")
    if len(one) != len(two) and 1 not in (len(one), len(two)):
        raise UserError(f"TEMP={first} and TEMP2={second} differ in length; give equally many, or a single one")
    length = max(len(one), len(two))
    if len({(float(one[k % len(one)] or 0), float(two[k % len(two)] or 0)) for k in range(length)}) < length:
        raise UserError(f"TEMP={first} and TEMP2={second} ask for the same temperatures twice; leave one out")


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

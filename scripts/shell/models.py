"""Which models the two stages are: named by the user, trained here, or shipped with the project under models/."""

from collections.abc import Container
from pathlib import Path

from nl2code.errors import UserError
from scripts.shell.checks import ROOT


def model_folders(value: dict[str, str], given: Container[str], runs: dict[str, str]) -> dict[str, str]:
    """Type -> folder of its model: SKETCHER or GENERATOR, else the one trained here, else the shipped one.

    Args:
        value: the settings in force.
        given: names of those that the user set; PRESET or RUN_NAME ask for a training run.
        runs: type -> folder of its training run.

    Raises:
        UserError: MODEL_VERSION=shipped, and there is none.
    """
    found, only = {}, value["MODEL_VERSION"] == "shipped"
    for of, run in runs.items():
        shipped, trained = f"models/{of}-{value['DOMAIN'].lower()}", f"{run}/model"
        fits = value["BASE_MODEL"] == "smollm2-135m" and value["OPERATION"] == "constants" and (ROOT / shipped).is_dir()
        if only and not fits:
            raise UserError(
                f"MODEL_VERSION=shipped: no {shipped} for BASE_MODEL={value['BASE_MODEL']} and "
                f"OPERATION={value['OPERATION']}; use MODEL_VERSION=cert"
            )
        asked = "PRESET" in given or "RUN_NAME" in given or Path(trained).is_dir()
        found[of] = value.get(of.upper()) or (shipped if only or (fits and not asked) else trained)
    return found

"""Which models the two stages are: named by the user, trained here, or shipped with the project under models/."""

from collections.abc import Container
from pathlib import Path

from nl2code.errors import UserError
from scripts.shell.checks import DEFAULT_BASE, ROOT


def model_folders(
    value: dict[str, str], given: Container[str], runs: dict[str, str], notes: list[str]
) -> dict[str, str]:
    """Type -> folder of its model: SKETCHER or GENERATOR, else the one trained here, else the shipped one.

    Those that SKETCHER and GENERATOR leave open are all trained here, or all shipped: where only one was trained, the
    shipped ones are taken.

    Args:
        value: the settings in force.
        given: names of those that the user set; PRESET or RUN_NAME ask for a training run.
        runs: type -> folder of its training run.
        notes: gets a line where a model that was trained here is not taken.

    Raises:
        UserError: MODEL_VERSION=shipped, and there is none.
    """
    only = value["MODEL_VERSION"] == "shipped"
    same = value["BASE_MODEL"] == DEFAULT_BASE and value["OPERATION"] == "constants"
    shipped = {of: f"models/{of}-{value['DOMAIN'].lower()}" for of in runs}
    trained = {of: f"{run}/model" for of, run in runs.items()}
    unfit = [folder for folder in shipped.values() if not (same and (ROOT / folder).is_dir())]
    if only and unfit:
        raise UserError(
            f"MODEL_VERSION=shipped: no {unfit[0]} for BASE_MODEL={value['BASE_MODEL']} and "
            f"OPERATION={value['OPERATION']}; use MODEL_VERSION=cert"
        )
    named = {of: value[of.upper()] for of in runs if value.get(of.upper())}
    open_ = [of for of in runs if of not in named]
    there = [of for of in open_ if Path(trained[of]).is_dir()]
    asked = "PRESET" in given or "RUN_NAME" in given or there == open_
    takes_shipped = only or not (asked or {*unfit} & {shipped[of] for of in open_})
    if takes_shipped and there and not only:
        (missing,) = set(open_) - {*there}
        advice = (
            f"bash run_training_cert.sh trains the {missing}; {there[0].upper()}={trained[there[0]]} takes this one"
        )
        notes.append(f"only the {there[0]} was trained here, so both shipped models are taken; {advice}")
    return {of: named.get(of) or (shipped if takes_shipped else trained)[of] for of in runs}

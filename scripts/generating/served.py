"""Models behind a server: `openai:NAME` in place of a folder (nl2code/sampling/endpoint.py). Their flags and settings.

python eval_cert.py -model openai:NAME --base_url http://localhost:8000/v1 -d Pandas
"""

import argparse
from collections.abc import Callable

from nl2code.sampling.endpoint import KINDS

PREFIX = "openai:"
DEFAULTS = {"endpoint": "auto", "concurrency": 8, "requests_per_minute": 0, "samples_per_request": 1}
UNIT = 50  # samples per unit where all models are served: a kill should lose few that were paid for


def is_served(name: str) -> bool:
    return name.startswith(PREFIX)


def add_flags(add: Callable, number: Callable, two_stages: bool) -> None:
    """Flags of served models; `number` is `scripts.generating.options.number`."""
    add("--base_url", help="server of models openai:NAME, such as http://localhost:8000/v1; key: OPENAI_API_KEY")
    if two_stages:
        add("--base_url2", help="server of the generator (default: --base_url)")
    add("--endpoint", choices=KINDS, help="what the server offers (default: auto, completions and else chat)")
    add("--concurrency", type=number(int, 1, 1024), help="requests at a time (default: 8)")
    most = "most requests in a minute, of all processes; 0: any (default: 0)"
    add("--requests_per_minute", type=number(int, 0, 10**6), help=most)
    several = "samples of one request and one seed; more are cheaper where prompts are paid for (default: 1)"
    add("--samples_per_request", type=number(int, 1, 128), help=several)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace, models: list[str]) -> None:
    """Set defaults; refuse flags that would change nothing, and a served model without a server."""
    served = [is_served(name) for name in models]
    own = [name for name in ("base_url", "base_url2", *DEFAULTS) if getattr(args, name, None) is not None]
    if own and not any(served):
        parser.error(f"--{own[0]} is for models behind a server, such as -model {PREFIX}NAME; leave it out")
    if PREFIX in models:
        parser.error(f"{PREFIX} lacks the model's name; give {PREFIX}NAME as the server knows it")
    if all(served):
        for name in ("backend", "dtype", "device", "gpu_device", "batch_size"):
            if name in args.typed:
                parser.error(f"--{name} is for models of this machine, the server chooses its own; leave it out")
            setattr(args, name, None)  # of the preset file
    two = getattr(args, "base_url2", None)
    if two and not served[-1]:
        parser.error(f"--base_url2 is for a generator behind a server, {models[-1]} is none; leave it out")
    if two and args.base_url and not served[0]:
        parser.error(
            f"--base_url changes nothing beside --base_url2, {models[0]} is not behind a server; leave one out"
        )
    if any(served) and not args.base_url and not (two and not served[0]):
        parser.error(f"{PREFIX}NAME needs --base_url (in the shells: BASE_URL), such as http://localhost:8000/v1")
    for name, value in DEFAULTS.items():
        if any(served) and getattr(args, name) is None:
            setattr(args, name, value)


def settings(args: argparse.Namespace, models: dict[str, str]) -> dict:
    """What a record holds of served models: names, and what decides their samples; nothing where there are none.

    The address is no setting, because a server may move while a run is resumed; the record's `run` holds it.
    """
    names = {stage: name.removeprefix(PREFIX) for stage, name in models.items() if is_served(name)}
    kept = ("endpoint", "samples_per_request")
    return {"served": names, **{name: getattr(args, name) for name in kept}} if names else {}

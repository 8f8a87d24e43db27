"""Where samples go by default: `<results>/<benchmark>/<run>/<settings>.samples.jsonl`, a place for each setting.

Standard library only, the shells read it too.
"""

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from nl2code.errors import UserError

ENDING = ".samples.jsonl"
_TRAINED = re.compile(r"([^/]+)/experiments/([^/]+)_models/([^/]+)/([^/]+)/?$")
_VAGUE = re.compile(r"/|models?|checkpoint-\d+|final|output|[0-9a-f]{40}")  # folder names that tell nothing of a model
# What a file name tells, as setting:prefix.
_SHOWN = "num_samples:n temperature:t temperature2:t2 sketch_strategy: top_p:p max_tokens:l seed:s limit:first "
_SHOWN += (
    "operation: backend: dtype: endpoint: samples_per_request:r chunk_size:c batch_size:b unit_size:u tasks:tasks "
)
_SHOWN += "sketches_per_sample:k"


def model_name(path: str) -> str:
    """Name of a model in results: by domain, run and type where we trained it, else by its folder.

    >>> model_name("data/Pandas/experiments/sketcher_models/smollm2-135m_quick/model")
    'Pandas_smollm2-135m_quick_sketcher'
    >>> model_name("Daoguang/PyCodeGPT")
    'Daoguang_PyCodeGPT'
    >>> model_name("openai:qwen/coder:7b")
    'openai_qwen_coder_7b'
    """
    if path.startswith("openai:"):
        return re.sub(r"[^\w.+-]", "_", path)
    folder = os.path.abspath(path)
    if trained := _TRAINED.search(folder):
        domain, kind, run, leaf = trained.groups()
        return f"{domain}_{run}_{kind}" + ("" if leaf == "model" else f"_{leaf}")
    if not os.path.isdir(folder):
        return path.strip("./").replace("/", "_")
    name = next((part for part in reversed(Path(folder).parts) if not _VAGUE.fullmatch(part)), "model")
    return name if name == Path(folder).name else f"{name}_{_digest(folder)}"


def run_name(paths: list[str]) -> str:
    """Name of the run of one model, or of a sketcher and a generator: `_cert` where both belong to one training run.

    >>> trained = "data/Numpy/experiments/{}_models/tiny/model"
    >>> run_name([trained.format("sketcher"), trained.format("generator")])
    'Numpy_tiny_cert'
    """
    names = [model_name(path) for path in paths]
    stems = {name.removesuffix(f"_{stage}") for name, stage in zip(names, ("sketcher", "generator"), strict=False)}
    if len(names) == 2 and len(stems) == 1 and stems.isdisjoint(names):
        return f"{stems.pop()}_cert"
    return "+".join(names)


def file_name(settings: dict, defaults: dict) -> str:
    """Name of a sample file: what most runs differ in, then every other setting that is not its default.

    Args:
        settings: of a record (see `scripts.generating.units`).
        defaults: values that are left out.
    """
    parts = []
    for key, prefix in (pair.split(":") for pair in _SHOWN.split()):
        value = settings.get(key)
        if value is not None and value != defaults.get(key):
            text = f"{value:.12g}" if isinstance(value, float) else _digest(value) if key == "tasks" else value
            parts.append(f"{prefix}{text}")
    return "_".join(parts) + ENDING


def temperature_pairs(first: list, second: Sequence = (None,), names: Sequence[str] = ("-t", "-t2")) -> list[tuple]:
    """Temperatures of the two stages, paired in order; a single one is paired with all of the other stage.

    Args:
        second: (None,) where there is one stage.
        names: of the two settings, for errors.

    Raises:
        UserError: lists of different lengths, or one pair twice.
    """
    told, length = " and ".join(names[: 1 + (second != (None,))]), max(len(first), len(second))
    if not {len(first), len(second)} <= {1, length}:
        raise UserError(f"{told} differ in length, {len(first)} and {len(second)}; give equally many, or a single one")
    pairs = [(first[i % len(first)], second[i % len(second)]) for i in range(length)]
    if len(set(pairs)) < length:
        raise UserError(f"the same temperatures twice in {told}; leave one out")
    return pairs


def beside(output: Path, ending: str) -> Path:
    """`X` + ending, for a sample file `X.samples.jsonl`."""
    return Path(str(output).removesuffix(ENDING) + ending)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]

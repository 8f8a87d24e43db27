"""Running one template of an exercise by itself, for the tests of the shipped template files."""

import random
import warnings

from scripts.corpus.exercise_objects import Scene
from scripts.corpus.exercise_programs import Writer


def made(writer: Writer, key: str, seed: int) -> dict:
    """What a program of one template leaves in its variables, an expression's value as `made`; a warning is an error."""
    writer.rng = random.Random(seed)
    scene = Scene(writer.rng, writer.file)
    item = writer.item(scene, key)
    code = item.code if item.template["changes"] else f"made = {item.code}"
    names: dict = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec("\n".join([*writer.imports(item), *writer.objects(scene, item), code]), names)
    return names

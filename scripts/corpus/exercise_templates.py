"""Template files of exercises: read, checked, and completed with what follows from them."""

import ast
import re
from pathlib import Path

import yaml

from nl2code.errors import UserError
from nl2code.parsing import try_parse
from scripts.corpus.exercise_objects import SLOT, choices

KEYS = {"head", "objects", "fields", "slots", "parameters", "results", "exercises"}
OBJECT_KEYS = {"names", "members", "code"}


def load(path: Path) -> dict:
    """A template file (docs/exercises.md); its templates get what `completed` finds.

    Raises:
        UserError: it cannot be read, names a slot that it does not define, or a description lacks what the code needs.
    """
    try:
        file = yaml.safe_load(path.read_text(encoding="utf-8"))
        missing = KEYS - file.keys()
    except (OSError, UnicodeError, yaml.YAMLError, AttributeError) as error:
        raise UserError(f"{path} is no template file: {' '.join(str(error).split())}") from error
    if missing:
        raise UserError(f"{path} lacks {', '.join(sorted(missing))}; see docs/exercises.md")
    need_mappings(path, {key: file[key] for key in KEYS - {"head"}})
    need_mappings(path, {**file["objects"], **file["exercises"]})
    for key, one in file["objects"].items():
        if lacking := OBJECT_KEYS - one.keys():
            raise UserError(f"{path}: the object {key} lacks {', '.join(sorted(lacking))}; see docs/exercises.md")
    need_mappings(path, {f"members of {key}": one["members"] for key, one in file["objects"].items()})
    members = [spec for one in file["objects"].values() for spec in one["members"].values()]
    for spec in [*members, *file["slots"].values()]:
        kind = re.fullmatch(r"(\w+) field(?: for \w+)?", str(spec))
        if kind and kind[1] not in file["fields"]:
            raise UserError(
                f"{path}: {spec!r} names a kind of field that is not in fields: {', '.join(file['fields'])}"
            )
    for key, template in file["exercises"].items():
        try:
            template |= completed(file, template)
        except ValueError as error:
            raise UserError(f"{path}: {key}: {error}") from error
    return file


def need_mappings(path: Path, values: dict) -> None:
    """Raise UserError where a value is none: an unfinished line, for one."""
    for key, value in values.items():
        if not isinstance(value, dict):
            raise UserError(f"{path}: {key} has no keys below it; see docs/exercises.md")


def completed(file: dict, template: dict) -> dict:
    """`codes` and `wordings` as lists, `objects` used, and whether it `changes` one, gives the `same` kind, needs its `own`
    members.

    Raises:
        ValueError: what is wrong.
    """
    for kind in ("noun", "do", "ask"):
        if kind in template and not (template[kind] and isinstance(template[kind], str | list)):
            raise ValueError(f"{kind}: {template[kind]!r} is no description; give a text, a list of texts, or no line")
    if not isinstance(template.get("slots", {}), dict):
        raise ValueError("slots has no keys below it; leave the line out, or define a slot")
    objects, codes = file["objects"], template.get("code")
    codes = codes if isinstance(codes, list) else [codes]
    if not codes or not all(isinstance(code, str) and code.strip() for code in codes):
        raise ValueError("no code; give a text, or a list of texts")
    used = [slots(code) for code in codes]
    members = {name for one in objects.values() for name in one["members"]}
    definitions = {**file["slots"], **template.get("slots", {})}
    known = {*members, *objects, *definitions}
    needed = set.intersection(*map(set, used)) - objects.keys()
    wordings = [(kind, text) for kind in ("noun", "do", "ask") for text in choices(template.get(kind, []))]
    if not wordings or not all(isinstance(text, str) and text.strip() for _, text in wordings):
        raise ValueError("no description; give noun, do or ask, each a text or a list of texts")
    if unknown := set().union(*used) - known:
        raise ValueError(f"the code uses <{min(unknown)}>, which is not defined")
    for _, text in wordings:
        said = set(slots(re.sub(r"\[[^\]]*\]", "", text)))
        if lacking := needed - said:
            raise ValueError(f"{text!r} does not say <{min(lacking)}>, which the code needs")
        if unknown := set(slots(text)) - known - file.get("words", {}).keys():
            raise ValueError(f"{text!r} names <{min(unknown)}>, which is not defined")
    if template.get("gives", "any") not in file["results"]:
        raise ValueError(f"gives {template.get('gives', 'any')!r}, for which there are no names in results")
    plain = try_parse(SLOT.sub("x", codes[0]))
    here = [name for name in used[0] if name in objects]
    if plain is None or not plain.body:
        raise ValueError(f"the code is no Python: {codes[0]}")
    changes = template.get("changes", len(plain.body) > 1 or not isinstance(plain.body[0], ast.Expr))
    refers_to = [re.findall(r"\w+", str(definitions[name])) for name in needed & definitions.keys()]
    depends = needed.union(*refers_to)
    own = bool(depends & members) or "missing" in template or "repeat" in template
    same = "gives" in template and here[:1] == [template["gives"]]
    return {"codes": codes, "wordings": wordings, "objects": here, "changes": changes, "same": same, "own": own}


def slots(text: str) -> list[str]:
    """Names of the slots in a text, each once, in their order."""
    return list(dict.fromkeys(name for name, _ in SLOT.findall(text)))

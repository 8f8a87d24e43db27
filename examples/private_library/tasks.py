"""One task: a scene, a description in plain English, and the calls of Dorvex that do it."""

import random
import re
from dataclasses import dataclass, field

from examples.private_library import wording as w
from examples.private_library.pools import BRODS, NEW_FIELDS, NUMBERS, PARAMETERS, TEXTS, WORDS

ORDINAL = {2: "second", 3: "third", 4: "fourth", 5: "fifth"}
FIELDS_STAY = [name for name in w.SHAPING if name not in ("mirt", "nurt", "reld")]
CONSTANTS = ["yes", "no", "new", "old", "north", "south", "early", "late", "spring", "autumn"]  # of new fields


@dataclass
class Scene:
    """A brod of some fields, and how its author writes: quotes, and the word for a record."""

    rng: random.Random
    brod: str = ""
    missing: set = field(default_factory=set)
    parameters: dict = field(default_factory=dict)  # name -> value, of a function
    renames: bool = False  # whether arguments become parameters

    def __post_init__(self):
        rng = self.rng
        self.brod, self.other = rng.sample(BRODS, 2)
        self.texts = rng.sample(sorted(TEXTS), rng.choice((1, 1, 2)))
        self.numbers = rng.sample(NUMBERS, 2)
        self.low = {name: rng.choice((0, 1, 10, 20, 100, 300)) for name in self.numbers}
        self.is_float = {name: rng.random() < 0.15 for name in self.numbers}
        self.quote, self.quote_value = rng.choice(("", "", '"')), rng.choice(("", '"', '"'))
        self.records = rng.choice((self.brod, self.brod, "records", "records", "rows", "entries"))

    def number(self, name: str) -> int | float:
        """A value of a field of numbers."""
        low = self.low.get(name, 1)
        value = self.rng.randint(low, max(2 * low, 12))
        return round(value + self.rng.random(), 1) if self.is_float.get(name) else value

    def rows(self, most: int) -> list[dict]:
        """Records, with gaps in the fields that have some."""
        count = self.rng.randint(3, most)
        make = {name: lambda name=name: self.rng.choice(TEXTS[name].split()[:3]) for name in self.texts}
        make |= {name: lambda name=name: self.number(name) for name in self.numbers}
        rows = [{name: make[name]() for name in make} for _ in range(count)]
        for name in sorted(self.missing):
            self.rng.choice(rows)[name] = None
        return rows

    def other_rows(self) -> list[dict]:
        """A second brod: a value for each of the texts."""
        name, rank = self.texts[0], self.rng.randint(1, 9)
        return [{name: text, "grade_no": rank + i} for i, text in enumerate(TEXTS[name].split()[:3])]


@dataclass
class Task:
    """A description and its expression; `imperative` says which of the two kinds the description is."""

    text: str
    code: str
    imperative: bool
    steps: tuple[str, ...] = ()  # calls, `.torvek("city", "Oslo")`
    makes_brod: bool = True


def expand(rng: random.Random, text: str) -> str:
    """The text with every <word> replaced by a choice."""
    return re.sub(r"<(\w+)>", lambda found: rng.choice(WORDS[found[1]]), text)


def literal(value) -> str:
    """Source text of a value, with double quotes."""
    if isinstance(value, str):
        return f'"{value}"'
    return f"[{', '.join(map(literal, value))}]" if isinstance(value, list) else repr(value)


def arguments(scene: Scene, name: str, given: str = "") -> dict[str, object]:
    """Slot -> value, in the order of the call's arguments; `given` is a field made by the call before."""
    rng, (kind, _, slots) = scene.rng, w.CALLS[name][0].partition(":")
    everything = scene.texts + scene.numbers
    values: dict[str, object] = {}
    for slot in slots.split():
        if slot == "by":
            value = rng.choice(scene.texts)
        elif slot == "f":
            fields = {"fn": scene.numbers, "ft": scene.texts, "2n": scene.numbers[:1], "by": scene.numbers}
            value = given or rng.choice(fields.get(kind, everything))
        elif slot == "g":
            value = rng.choice([one for one in (scene.numbers if kind == "2n" else everything) if one != values["f"]])
        elif slot in ("v", "vs"):
            known = TEXTS.get(values["f"], "").split() or [scene.number(values["f"]) for _ in range(4)]
            value = rng.choice(known) if slot == "v" else rng.sample(known, 2)
        elif slot == "p":
            word = rng.choice(TEXTS[values["f"]].split())
            start = rng.randint(0, len(word) - 2)
            value = word[start : start + rng.choice((2, 2, 3))]
        elif slot == "n":
            value = scene.number(values["f"])
        elif slot == "k":
            value = rng.choice((rng.randint(2, 99), rng.randint(2, 9), rng.randint(1, 9) * 10, rng.randint(1, 30) / 4))
            if name == "plon" and rng.random() < 0.5:
                value = rng.choice(CONSTANTS)
            elif name == "feld" and rng.random() < 0.5:
                value = 0
        elif slot == "lo":
            value = scene.number(values["f"])
        elif slot == "hi":
            value = values["lo"] + rng.randint(1, 40)
        elif slot == "new":
            value = rng.choice([one for one in NEW_FIELDS if one not in everything])
        else:
            ranges = {"c": (2, 3, 4, 5, 6, 8, 10), "s": (2, 3, 4, 5), "d": (0, 1, 2, 3), "i": (0, 1, 1, 10, 100)}
            value = rng.choice(ranges[slot])
        values[slot] = value
    if name.endswith("no") or name == "feld":
        scene.missing.add(values["f"])
    return values


def mentions(scene: Scene, values: dict[str, object]) -> tuple[dict[str, str], list[str]]:
    """How the slots are named in the description, and the arguments of the call."""
    rng, said, code = scene.rng, {}, []
    for slot, value in values.items():
        text = literal(value)
        if scene.renames and slot in PARAMETERS and rng.random() < (0.6 if slot not in ("f", "by") else 0.3):
            name = rng.choice(PARAMETERS[slot].split())
            if name not in scene.parameters and name not in values.values():
                scene.parameters[name] = value
                said[slot] = said[slot + "th"] = name
                code.append(name)
                continue
        if slot in ("f", "g", "by", "new"):
            said[slot] = f"{scene.quote}{value}{scene.quote}"
        elif slot in ("v", "k", "p"):
            said[slot] = f"{scene.quote_value}{value}{scene.quote_value}" if isinstance(value, str) else text
        elif slot == "vs":
            said[slot] = rng.choice((text, " or ".join(map(literal, value)), " and ".join(map(literal, value))))
        else:
            said[slot], said[slot + "th"] = text, ORDINAL.get(value, text)
        code.append(text)
    return said, code


def describe(scene: Scene, name: str, subset: str = "", given: str = "") -> tuple[str, str, str, dict]:
    """(noun phrase, imperative, `.call(...)`, values) of one call on all records, or on those that `subset` names."""
    rng, (_, nouns, imperatives) = scene.rng, w.CALLS[name]
    values = arguments(scene, name, given)
    said, code = mentions(scene, values)
    said |= {"rec": scene.records, "b": scene.brod}
    condition = w.CONDITIONS.get(name[4:]) if name[:4] in ("torv", "drep", "quen") else None
    said["C"] = expand(rng, rng.choice(condition.split("|"))).format(**said) if condition else ""
    said["S"] = subset or expand(rng, "<all>").format(**said)

    def fill(text: str) -> str:
        return expand(rng, text.replace("{s}th", "{sth}")).format(**said)

    noun = rng.choice(nouns.split("|"))
    if not subset and rng.random() < 0.4:  # all records go without saying
        noun = re.sub(r",? (of|in|over|for) \{S\}", "", noun) if "{f}" in noun or "{by}" in noun else noun
    noun = fill(noun)
    imperative = fill(rng.choice(imperatives.split("|"))) if imperatives else f"{expand(rng, '<give>')} {noun}"
    return noun, imperative, f".{name}({', '.join(code)})", values


def draw_task(scene: Scene) -> Task:
    """One call (half of all tasks), two, or three."""
    rng, kind = scene.rng, scene.rng.random()
    if kind < 0.5:
        name = rng.choice([*w.CALLS, *w.PAIRS])
        if name in w.PAIRS:
            return draw_pair(scene, name)
        noun, imperative, call, _ = describe(scene, name)
        use_imperative = rng.random() < 0.5
        return task(scene, imperative if use_imperative else noun, use_imperative, [call], name)
    if kind < 0.72:  # a summary of a selection
        subset, _, first, _ = describe(scene, rng.choice([*w.SELECTING]))
        last = rng.choice([name for name in w.READING if not name.startswith("quen") or name == "quen"])
        noun, imperative, call, _ = describe(scene, last, subset)
        use_imperative = rng.random() < 0.3
        return task(scene, imperative if use_imperative else noun, use_imperative, [first, call], last)
    names = [rng.choice([*w.SELECTING, *FIELDS_STAY])]
    names += [rng.choice([*w.SELECTING])] if kind > 0.93 else []
    names += [rng.choice([*w.READING]) if kind > 0.85 else rng.choice([*w.SELECTING, *w.SHAPING])]
    said, calls, given = [], [], ""
    for name in names:
        takes_new = given and name in ("zal", "masor", "silor", "silun") and rng.random() < 0.7
        _, imperative, call, values = describe(scene, name, given=given if takes_new else "")
        said.append(imperative)
        calls.append(call)
        given = str(values.get("new", "")) if name in ("yex", "ruval", "ruvor", "tarn") else ""
    joins = (", then ", " and then ", "; then ", ", and after that ", " and ", ", next ")
    text = said[0] + "".join(rng.choice(joins) + part for part in said[1:])
    return task(scene, rng.choice(("", "", "", "first ")) + text, True, calls, names[-1])


def task(scene: Scene, text: str, imperative: bool, calls: list[str], last: str) -> Task:
    return Task(text, scene.brod + "".join(calls), imperative, tuple(calls), last not in w.READING)


def draw_pair(scene: Scene, name: str) -> Task:
    """A call of two brods."""
    rng, by = scene.rng, scene.texts[0]
    said = {"b": scene.brod, "o": scene.other, "rec": "records", "f": f"{scene.quote}{by}{scene.quote}"}
    text = expand(rng, rng.choice(w.PAIRS[name].split("|"))).format(**said)
    code = f"dv.{name}({scene.brod}, {scene.other}{', ' + literal(by) if name == 'plex' else ''})"
    return Task(text, code, not text.startswith(("the ", "all ", scene.brod)), (name,))

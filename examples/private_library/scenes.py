"""A scene: the brod that a program is about, its fields and values, and how its author writes them down."""

import random
import re
from dataclasses import dataclass, field

from examples.private_library.pools import (
    BRODS,
    GENERIC_BRODS,
    NEW_FIELDS,
    NUMBER_WORDS,
    NUMBERS,
    PARAMETERS,
    TEXTS,
    UNCOUNTABLE,
    WORDS,
)

ORDINALS = {2: "second", 3: "third", 4: "fourth", 5: "fifth"}
NUMERALS = {2: "2nd", 3: "3rd", 4: "4th", 5: "5th"}
TIMES = {2: ("double", "doubled"), 3: ("triple", "tripled"), 0.5: ("halve", "halved")}
CONSTANTS = ["yes", "no", "new", "old", "north", "south", "early", "late", "spring", "autumn", True, False, 0, 1]
DEFAULTS = ["unknown", "none", "missing", "other", "n/a", "nobody", "?"]
RANGES = {"c": (2, 3, 4, 5, 6, 8, 10), "s": (2, 3, 4, 5), "d": (0, 1, 2, 3), "i": (0, 1, 1, 10, 100)}
FIXED = {"c1": 1, "s2": 2, "d0": 0}


def singular(name: str) -> str:
    return {"entries": "entry", "data": "record", "table": "row", "brod": "record"}.get(name, name.removesuffix("s"))


def plural(name: str) -> str:
    """The values of a field in everyday words.

    >>> [plural(name) for name in ("city", "price", "sales", "status", "salt")]
    ['cities', 'prices', 'sales', 'status values', 'salt values']
    """
    if name == "status" or name in UNCOUNTABLE:
        return f"{name} values"
    return re.sub("(?<=[^aeo])y$", "ie", name).removesuffix("s") + ("es" if name.endswith(("ss", "ch", "x")) else "s")


def expand(rng: random.Random, text: str) -> str:
    """The text with every <word> replaced by a choice."""
    while "<" in text and re.search(r"<\w+>", text):
        text = re.sub(r"<(\w+)>", lambda found: rng.choice(WORDS[found[1]]), text)
    return text


def literal(value) -> str:
    """Source text of a value, with double quotes."""
    if isinstance(value, str):
        return f'"{value}"'
    return f"[{', '.join(map(literal, value))}]" if isinstance(value, list) else repr(value)


@dataclass
class Scene:
    """A brod of some fields, and how its author writes: quotes, and the word for a record."""

    rng: random.Random
    brod: str = ""
    missing: set = field(default_factory=set)  # fields with gaps
    whole: set = field(default_factory=set)  # fields that must not have any
    parameters: dict = field(default_factory=dict)  # name -> value, of a function
    renames: bool = False  # whether arguments become parameters

    def __post_init__(self):
        rng = self.rng
        self.brod, self.other = rng.sample(BRODS, 2)
        self.records = rng.choice((self.brod, self.brod, "records", "rows", "entries"))
        if rng.random() < 0.12:
            self.brod = rng.choice(GENERIC_BRODS)
            self.records = rng.choice(("records", "rows", "entries"))
        self.texts = rng.sample(sorted(TEXTS), rng.choice((1, 1, 2)))
        self.numbers = rng.sample(NUMBERS, 2)
        self.low = {name: rng.choice((0, 1, 10, 20, 100, 300)) for name in self.numbers}
        self.is_float = {name: rng.random() < 0.15 for name in self.numbers}
        self.quote, self.quote_value = (
            rng.choice(("", "", "", '"', '"', "'", "`")),
            rng.choice(("", '"', '"', '"', "'")),
        )
        self.tick, self.tick_parameter = rng.choice(("", "", "`")), rng.choice(("", "`"))
        self.added = rng.choice([name for name in NUMBERS if name not in self.numbers])  # a field of the other brod

    @property
    def one(self) -> str:
        """The word for a single record."""
        return singular(self.records)

    def number(self, name: str) -> int | float:
        """A value of a field of numbers."""
        low = self.low.get(name, 1)
        value = self.rng.randint(low, max(2 * low, 12))
        return round(value + self.rng.random(), 1) if self.is_float.get(name) else value

    def rows(self, most: int, fewest: int = 3) -> list[dict]:
        """Records, with gaps in the fields that have some."""
        count = self.rng.randint(fewest, most)
        make = {name: lambda name=name: self.rng.choice(TEXTS[name][:3]) for name in self.texts}
        make |= {name: lambda name=name: self.number(name) for name in self.numbers}
        rows = [{name: make[name]() for name in make} for _ in range(count)]
        for name in sorted(self.missing):
            self.rng.choice(rows)[name] = None
        return rows

    def other_rows(self, code: str) -> list[dict]:
        """The second brod of some code: more records for `knit`, a value for each of the texts for `plex`."""
        if "dv.plex(" not in code:
            return self.rows(2, fewest=1)
        name, rank = self.texts[0], self.rng.randint(1, 9)
        return [{name: text, self.added: rank + i} for i, text in enumerate(TEXTS[name][:3])]


def arguments(scene: Scene, name: str, form: str, given: str = "") -> dict[str, object]:
    """Slot -> value, in the order of the call's arguments; `given` is a field made by the call before."""
    rng, (kind, _, slots) = scene.rng, form.partition(":")
    everything = scene.texts + scene.numbers
    values: dict[str, object] = {}
    for slot in slots.split():
        if slot == "by":
            value = rng.choice(scene.texts)
        elif slot == "f":
            fields = {"fn": scene.numbers, "ft": scene.texts, "2n": scene.numbers[:1], "by": scene.numbers}
            fields["fv"] = everything + scene.texts  # people ask for equal texts more often than for equal numbers
            value = given or rng.choice(fields.get(kind, everything))
        elif slot == "g":
            value = rng.choice([one for one in (scene.numbers if kind == "2n" else everything) if one != values["f"]])
        elif slot in ("v", "vs"):
            known = TEXTS.get(values["f"]) or list({scene.number(values["f"]): 0 for _ in range(9)})
            value = rng.choice(known) if slot == "v" else rng.sample(known, min(rng.choice((2, 2, 3)), len(known)))
        elif slot == "p":
            word = rng.choice(rng.choice(TEXTS[values["f"]]).split())
            start = rng.randint(0, max(0, len(word) - 2))
            value = word[start : start + rng.choice((2, 2, 3))]
        elif slot in ("n", "lo"):
            value = scene.number(values["f"])
        elif slot == "hi":
            value = values["lo"] + rng.randint(1, 40)
        elif slot in ("k", "less"):
            value = rng.choice((rng.randint(2, 99), rng.randint(2, 9), rng.randint(1, 9) * 10, rng.randint(1, 30) / 4))
            if name == "plon" and rng.random() < 0.5:
                value = rng.choice(CONSTANTS)
            elif name == "feld" and rng.random() < 0.5:
                value = 0
        elif slot == "new":
            value = rng.choice([one for one in NEW_FIELDS if one not in everything])
        else:
            value = (
                FIXED[slot] if slot in FIXED else rng.choice(RANGES.get(slot) or {"k2": [*TIMES], "kt": DEFAULTS}[slot])
            )
        values[slot] = value
    if name.endswith("no") or name == "feld":
        scene.missing |= {values["f"]} - scene.whole
    return values


def in_words(scene: Scene, slot: str, value) -> str:
    """A number, as a word now and then."""
    often = {"c": 0.25, "s": 0.25, "d": 0.15, "i": 0.1}.get(slot, 0.05)
    if type(value) is int and 0 <= value < len(NUMBER_WORDS) and scene.rng.random() < often:
        return NUMBER_WORDS[value]
    return literal(value)


def mentions(scene: Scene, values: dict[str, object]) -> tuple[dict[str, str], list[str]]:
    """How the slots are named in the description, and the arguments of the call."""
    rng, code = scene.rng, []
    said = {"rec": scene.records, "one": scene.one, "b": f"{scene.tick}{scene.brod}{scene.tick}"}
    for slot, value in values.items():
        text = literal(value)
        sign = "-" if slot == "less" else ""
        kind = "k" if slot == "less" else slot
        if scene.renames and kind in PARAMETERS and rng.random() < (0.3 if slot in ("f", "by") else 0.6):
            name = rng.choice(PARAMETERS[kind].split())
            if name not in scene.parameters and name not in values.values():
                scene.parameters[name] = value
                said[slot] = f"{scene.tick_parameter}{name}{scene.tick_parameter}"
                said["sth"] = f"{name}-th"
                said[slot + "s"] = f"values of {said[slot]}"
                code.append(sign + name)
                continue
        if slot in ("f", "g", "by", "new"):
            said[slot] = f"{scene.quote}{value}{scene.quote}"
            said[slot + "s"] = f"{said[slot]} values" if scene.quote else plural(str(value))
        elif slot == "vs":
            pieces = [
                f"{scene.quote_value}{one}{scene.quote_value}" if isinstance(one, str) else str(one) for one in value
            ]
            word = rng.choice((" or ", " and ", " or "))
            said[slot] = rng.choice((text, ", ".join(pieces[:-1]) + word + pieces[-1]))
        elif isinstance(value, str):
            said[slot] = f"{scene.quote_value}{value}{scene.quote_value}"
        elif slot == "k2":
            said["k2"], said["k2ed"] = TIMES[value]
        else:
            said[slot] = in_words(scene, slot, value)
            said["sth"] = rng.choice((ORDINALS, ORDINALS, NUMERALS)).get(value, text)
        code.append(sign + text)
    return said, code


def grammar(text: str, names: list[str]) -> str:
    """Articles and verbs that fit the field: "a rooms", "rooms is", "a age".

    >>> grammar("with a rooms of 3, whose rooms is 3, with a age of 3", ["rooms", "age"])
    'with rooms of 3, whose rooms are 3, with an age of 3'
    """
    for name in names:
        if name.endswith("s") and not name.endswith(("ss", "us")):
            text = re.sub(rf"\b(?:an?|A) (missing |known |empty )?{name}\b", rf"\1{name}", text)
            text = re.sub(
                rf"\b{name} (is|has|contains|exceeds|equals|lies|says|reaches|occurs|includes|falls|goes)\b",
                _plural,
                text,
            )
    text = re.sub(r"\b((?:every|each|a) \w+ (?:that|which) )(\w+)\b", _singular, text)
    text = re.sub(rf"(?<=[<>=*+-] )({'|'.join(NUMBER_WORDS)})\b", lambda found: str(NUMBER_WORDS.index(found[0])), text)
    text = re.sub(r"\b(1|one) (decimal|place|digit)( place)?s\b", r"\1 \2\3", text)
    return re.sub(r"\b([Aa]) (?=[\"'`]?[aeio])", r"\1n ", text)


def _singular(found: re.Match) -> str:
    """ "every trip that have" -> "every trip that has"."""
    verbs = {"are": "is", "have": "has", "do": "does", "has": "has", "is": "is", "reach": "reaches"}
    return found[1] + verbs.get(found[2], f"{found[2]}s")


def _plural(found: re.Match) -> str:
    """ "rooms is" -> "rooms are"."""
    verbs = {"is": "are", "has": "have", "reaches": "reach", "goes": "go"}
    return found[0].removesuffix(found[1]) + verbs.get(found[1], found[1].removesuffix("s"))

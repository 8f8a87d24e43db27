"""One scene of an exercise: the values of its slots and the objects they make (docs/exercises.md).

A slot is drawn when it is first asked for, by its definition in the template file.
"""

import random
import re
from dataclasses import dataclass, field
from datetime import date, timedelta

from nl2code.errors import UserError

SLOT = re.compile(r"<(\w+)(?:\.(\w+))?>")
RANGE = re.compile(r"(-?[\d.]+?|\d{4}-\d\d-\d\d)\.\.(-?[\d.]+|\d{4}-\d\d-\d\d)")
ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth"}
CALLED = 0.2  # share of descriptions' objects that are said by another word than their variable
MISSES = 10_000  # draws of a value that is there already, before a list of different ones is given up
LINE = 100  # characters from which the columns of a table are written one a line


def choices(text: str | list) -> list:
    """The alternatives `a | b | c` of a text; a list is one already.

    >>> choices("the sum | the total")
    ['the sum', 'the total']
    """
    return text if isinstance(text, list) else [part.strip() for part in str(text).split(" | ")]


@dataclass
class Column:
    """A named list of values; a slot that holds one stands for the name."""

    name: str
    values: list
    kind: str


def flat(value) -> list:
    """The numbers or texts in a column or in nested lists, without gaps."""
    value = value.values if isinstance(value, Column) else value
    return [leaf for part in value for leaf in flat(part)] if isinstance(value, list) else [value] * (value is not None)


def text_of(value) -> str:
    """A column's name, or a text."""
    return value.name if isinstance(value, Column) else value


def literal(value) -> str:
    """Source text of a value; texts in double quotes."""
    if isinstance(value, Column):
        return literal(value.name)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"[{', '.join(map(literal, value))}]" if isinstance(value, list) else repr(value)


def enumeration(parts: list[str]) -> str:
    """Texts in a row: "a, b and c"."""
    return ", ".join(parts[:-1]) + f" and {parts[-1]}" if len(parts) > 1 else parts[0]


@dataclass
class Scene:
    """The slots of one program: name -> value. `file` is the template file, `given` slots that a function gets."""

    rng: random.Random
    file: dict
    slots: dict = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)  # slot -> name of the parameter
    definitions: dict = field(default_factory=dict)  # slots of the template at hand
    names: dict[str, str] = field(default_factory=dict)  # object -> name of its variable
    repeat: bool = False  # whether a row of every table occurs twice

    def __post_init__(self):
        self.quote = self.rng.choice(("", "", "", '"', "'", "`"))  # around names of columns in descriptions
        self.quote_text = self.rng.choice(("", '"', '"', "'"))  # around other texts
        self.members = {name: spec for one in self.file["objects"].values() for name, spec in one["members"].items()}

    def next_item(self, template: dict) -> None:
        """Keep the objects and forget all other slots; columns of one kind change places."""
        self.slots = {name: value for name, value in self.slots.items() if name in self.members}
        fixed = {word for name in self.slots for word in re.findall(r"(?:for|of) (\w+)", str(self.members[name]))}
        for spec in dict.fromkeys(spec for spec in self.members.values() if isinstance(spec, str)):
            same = [name for name in self.slots if self.members[name] == spec and name not in fixed]
            values = self.rng.sample([self.slots[name] for name in same], len(same))
            self.slots |= dict(zip(same, values, strict=True))
        self.definitions, self.repeat = template.get("slots", {}), self.repeat or template.get("repeat", False)
        for name in choices(template["missing"]) if "missing" in template else ():
            values = self.get(name).values
            values[self.rng.randrange(len(values))] = None

    def get(self, name: str):
        """The value of a slot. Raises UserError where the file does not define it."""
        if name not in self.slots:
            defined = {**self.file["slots"], **self.members, **self.definitions}
            if name not in defined:
                raise UserError(f"a definition names {name}, which is not defined; see docs/exercises.md")
            self.slots[name] = self.draw(defined[name])
        return self.slots[name]

    def name_of(self, kind: str) -> str:
        """The variable that holds an object."""
        if kind not in self.names:
            taken = set(self.names.values()) | set(self.given.values())
            names = [self.code(name) for name in choices(self.file["objects"][kind]["names"])]
            self.names[kind] = self.rng.choice([name for name in names if name not in taken])
        return self.names[kind]

    def draw(self, spec):
        """A value by its definition."""
        rng = self.rng
        if isinstance(spec, dict):
            size = self.draw(spec["size"])
            size = size if isinstance(size, int) else self.get(size)
            values, misses = [], 0
            while len(values) < size:
                value = self.draw(spec["list"])
                if not spec.get("unique") or value not in values:
                    values.append(value)
                elif (misses := misses + 1) > MISSES:
                    few = f"{spec['list']!r} gives {len(values)} different values, {size} are asked for"
                    raise UserError(f"{few}; lower size, or widen the definition")
            return sorted(values) if spec.get("sorted") else values
        if isinstance(spec, list):
            chosen = rng.choice(spec)
            return self.draw(chosen) if isinstance(chosen, dict) else chosen
        if not isinstance(spec, str):
            return spec
        if found := RANGE.fullmatch(spec):
            return self.between(*found.groups())
        if found := re.fullmatch(r"(\w+) field(?: for (\w+))?", spec):
            return self.column(*found.groups())
        if found := re.fullmatch(r"more of (\w+)", spec):
            values = self.file["fields"][self.get(found[1]).kind][self.get(found[1]).name]
            return [self.draw(values) for _ in range(2)]
        if found := re.fullmatch(r"(value|threshold|some|piece|first|year) of (\w+)", spec):
            return self.part(found[1], flat(self.get(found[2])))
        if found := re.fullmatch(r"above (\w+) by (\S+)", spec):
            return round(self.get(found[1]) + self.draw(found[2]), 2)
        taken = {text_of(one) for one in self.slots.values() if isinstance(one, str | Column)}
        free = [one for one in choices(spec) if one not in taken]
        return rng.choice(free or choices(spec))

    def between(self, low: str, high: str):
        """A number or a date (as text) of a range; as many decimals as the bounds have."""
        if "-" in low[1:]:
            start = date.fromisoformat(low)
            return str(start + timedelta(self.rng.randint(0, (date.fromisoformat(high) - start).days)))
        if "." in low:
            return round(self.rng.uniform(float(low), float(high)), len(low.partition(".")[2])) + 0.0  # no -0.0
        return self.rng.randint(int(low), int(high))

    def column(self, kind: str, other: str | None) -> Column:
        """A column of as many values as the scene has rows, or as another column has different values."""
        taken = {one.name for one in self.slots.values() if isinstance(one, Column)}
        name = self.rng.choice([name for name in self.file["fields"][kind] if name not in taken])
        size = len(set(self.get(other).values)) if other else self.get("rows")
        spec = self.file["fields"][kind][name]
        spec = self.rng.sample(pool := choices(spec), min(3, len(pool))) if " | " in str(spec) else spec
        return Column(name, [self.draw(spec) for _ in range(size)], kind)

    def part(self, how: str, values: list):
        """One of the values, a number among them, some of them, or a piece of a text."""
        rng, distinct = self.rng, sorted(set(values))
        if how == "some":
            return rng.sample(distinct, min(2, len(distinct)))
        if how == "first":
            return rng.choice(distinct)[0]
        if how == "year":
            return int(rng.choice(distinct)[:4])
        if how == "piece":
            text = rng.choice(distinct)
            start = rng.randint(0, max(len(text) - 3, 0))
            return text[start : start + rng.choice((2, 3))]
        if how == "threshold" and len(distinct) > 1 and not isinstance(distinct[0], str):
            index = rng.randrange(len(distinct) - 1)
            low, high = distinct[index : index + 2]
            if isinstance(low, float):
                return round(rng.uniform(low, high), 1)
            even = [value for value in range(low, high) if value % 5 == 0]
            return rng.choice(even) if even and rng.random() < 0.6 else rng.randint(low, high - 1)
        return rng.choice(values)

    def code(self, text: str) -> str:
        """A code template with its slots filled in."""

        def fill(found: re.Match) -> str:
            name, form = found.groups()
            if name in self.file["objects"]:
                return self.name_of(name)
            value = self.get(name)
            if form == "bare":
                return re.sub(r"\W+", "_", text_of(value)) if isinstance(value, Column | str) else literal(value)
            if form == "values":
                return self.values(value)
            if form == "unique":
                return literal(list(dict.fromkeys(flat(value))))
            return self.given.get(name) or literal(value)

        return SLOT.sub(fill, text)

    def say(self, text: str, objects: dict[str, str] | None = None) -> str:
        """A description with its optional parts, words and slots filled in; `objects` are other words for objects."""
        rng, words = self.rng, self.file.get("words", {})

        def fill(found: re.Match) -> str:
            name, form = found.groups()
            if name in words:
                return SLOT.sub(fill, rng.choice(choices(words[name])))
            if name in self.file["objects"]:
                called = self.file["objects"][name].get("called") if rng.random() < CALLED else None
                return (objects or {}).get(name) or (rng.choice(choices(called)) if called else self.name_of(name))
            value = self.get(name)
            if name in self.given:
                return self.given[name]
            if form == "th":
                return ORDINALS.get(value, f"{value}th")
            if isinstance(value, Column) or form == "name":
                return f"{self.quote}{text_of(value)}{self.quote}"
            if isinstance(value, str):
                return f"{self.quote_text}{value}{self.quote_text}" if form != "bare" else value
            if isinstance(value, list) and rng.random() < 0.6 and not isinstance(value[0], list):
                quotes = [self.quote_text if isinstance(one, str) else "" for one in value]
                return enumeration([f"{quote}{one}{quote}" for one, quote in zip(value, quotes, strict=True)])
            return literal(value)

        chosen = re.sub(r"\[([^\]]*)\]", lambda found: found[1] if rng.random() < 0.5 else "", text)
        return SLOT.sub(fill, chosen)

    def columns_known(self, kind: str) -> str:
        """The columns of an object that are drawn and are no parameters, in words: "columns a and b"."""
        names = [name for name in choices(self.file["objects"][kind].get("columns", [])) if name in self.slots]
        shown = [self.say(f"<{name}>") for name in names if name not in self.given]
        return f"column{'s' * (len(shown) > 1)} {enumeration(shown)}" if shown else ""

    def values(self, column: Column) -> str:
        """Source text of a column's values, as its kind makes them."""
        wrap = self.file.get("wrap", {}).get(column.kind, "<values>")
        return wrap.replace("<values>", literal(column.values + column.values[:1] * self.repeat))

    def make(self, kind: str) -> str:
        """The statement that makes an object; of a table's columns those that are drawn, and perhaps one more."""
        one = self.file["objects"][kind]
        head = f"{self.name_of(kind)} = "
        if "columns" not in one:
            return head + self.code(self.rng.choice(choices(one["code"])))
        columns = [name for name in choices(one["columns"]) if name in self.slots]
        for name in self.rng.sample(choices(one["extra"]), 2 if len(columns) < 2 else 1) if "extra" in one else ():
            columns += [name] if name not in columns else []
        order = self.rng.sample(columns, len(columns))
        parts = [f"{literal(self.get(name))}: {self.values(self.get(name))}" for name in order]
        code = self.rng.choice(choices(one["code"]))
        text = head + self.code(code.replace("<columns>", "{" + ", ".join(parts) + "}"))
        if len(text) > LINE:
            rows = "".join(f"    {part},\n" for part in parts)
            text = head + self.code(code.replace("<columns>", "{\n" + rows + "}"))
        return text

"""One task: a description in plain English, and the calls of Dorvex that do it."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from examples.private_library import wording as w
from examples.private_library import wording_frames as frames
from examples.private_library.scenes import Scene, arguments, expand, grammar, in_words, literal, mentions
from examples.private_library.wording_conditions import ADJECTIVES, COMPARED, OPPOSITE, PLACES

FIELDS_STAY = [name for name in w.SHAPING if name not in ("mirt", "nurt", "reld")]
SELECTING, SHAPING, READING = [*w.SELECTING], [*w.SHAPING], [*w.READING]
COUNTS = ["quenek", "quenor", "quenun"]
# calls that occur less often as a part of a longer task are drawn more often alone
SINGLE = [*w.CALLS, *SHAPING, *COUNTS, *COUNTS, "mirt", "nurt", *[*w.PAIRS] * 3]
SUMMARIES = [name for name in READING if name not in COUNTS]
ROOTS = ("torv", "drep", "quen")


class Phrase(NamedTuple):
    """One call, described in three ways."""

    noun: str
    order: str
    line: str
    call: str  # `.torvek("city", "Oslo")`
    values: dict  # slot -> value
    condition: str  # "whose city is Oslo"
    front: str  # a noun phrase that leaves room for {S} elsewhere, or ""


@dataclass
class Task:
    """A description and its expression."""

    text: str
    kind: str  # of description: noun, order or line
    start: str  # `trips` or `dv.knit(trips, tours)`
    steps: list[str]  # calls
    names: list[str]  # of the calls
    values: dict = field(default_factory=dict)  # arguments of the last call

    @property
    def code(self) -> str:
        return self.start + "".join(self.steps)

    @property
    def makes_brod(self) -> bool:
        return self.names[-1] not in w.READING


def pick(scene: Scene, phrases: str) -> str:
    return scene.rng.choice(phrases.split("|"))


def entry_of(scene: Scene, name: str, given: str) -> tuple[tuple, dict, bool]:
    """(entry of the tables, slot -> value, whether it is the opposite condition)."""
    entry = w.CALLS[name]
    if name in w.VARIANTS and not given and scene.rng.random() < 0.3:
        entry = w.VARIANTS[name]
    values = arguments(scene, name, entry[0], given)
    opposite = entry[1:] == OPPOSITE.get(name[:4])
    if opposite and name in ("drepor", "drepun"):  # "at most 5" says nothing about missing values
        if values["f"] in scene.missing:
            return w.CALLS[name], values, False
        scene.whole.add(values["f"])
    return entry, values, opposite


def describe(scene: Scene, name: str, subset: str = "", given: str = "", later: bool = False) -> Phrase:
    """One call on all records, or on those that `subset` names; `later`: the sentence has named them already."""
    rng = scene.rng
    entry, values, opposite = entry_of(scene, name, given)
    ending = name[4:] if name[:4] in ROOTS else ""
    more = ADJECTIVES.get(str(values.get("f")))
    compared = more and not (opposite or given or scene.renames) and (name in w.SUPERLATIVE or ending in COMPARED)
    compared = compared and not set(more[4].split()) & {*scene.numbers} and rng.random() < 0.4
    said, code = mentions(scene, values)
    if compared:
        said |= dict(zip(("more", "less", "most", "least"), more, strict=False))
        entry = w.SUPERLATIVE.get(name, entry)
    third = [one for one in scene.texts + scene.numbers if one not in values.values()]
    if name == "mirt" and "g" in values and third and rng.random() < 0.25:  # three fields
        said["f"] += f", {scene.quote}{third[0]}{scene.quote}"
        code.insert(1, literal(third[0]))

    def fill(text: str) -> str:
        text = expand(rng, text.replace("{s}th", "{sth}")).format(**said)
        return grammar(text, [str(values[slot]) for slot in ("f", "g") if slot in values and not scene.quote])

    noun, order, line = (pick(scene, phrases) for phrases in entry[1:])
    if ending:
        phrases = dict(zip("CHI", COMPARED[ending], strict=True)) if compared else {}
        for place in "HCNI":  # {N} may hold {H}
            if place in "CH" or f"{{{place}}}" in noun + order + line:
                said[place] = fill(pick(scene, phrases.get(place, PLACES[place][ending])))
    everything = fill("<all>").replace(f"{scene.records} of {said['b']}", scene.records)
    said["S"] = subset or everything.replace(f"{scene.records} in {said['b']}", scene.records)
    front = without_records(noun)
    front = fill(front) if front != noun and "{S}" not in front else ""
    if later or not subset:  # all records go without saying
        noun, order, line = (without_records(text) if rng.random() < 0.4 else text for text in (noun, order, line))
    if later and rng.random() < 0.35:
        order = re.sub(r"\bthe \{rec\}(?= (by|from|to|on|in)\b|,|$)", "them", order)
    noun, order, line = fill(noun), fill(order), fill(line)
    if name in w.READING and rng.random() < 0.15:
        order = f"{expand(rng, '<give>')} {noun}"
    if name in w.TAILS and rng.random() < 0.08:
        tail = pick(scene, w.TAILS[name])
        noun, order = (text if tail in text else f"{text}, {tail}" for text in (noun, order))
    return Phrase(noun, order, line, f".{name}({', '.join(code)})", values, said.get("C", ""), front)


def without_records(text: str) -> str:
    """A template about a field without " of {S}"; the same where the records have to be named."""
    if not ("{f}" in text or "{fs}" in text or "{by}" in text) or re.search(r"(\{one\}|number) of \{S\}", text):
        return text
    return re.sub(r",? (of|in|over|for|among) \{S\}", "", text)


def draw_subset(scene: Scene) -> tuple[str, list[str]]:
    """(noun phrase, calls) of a selection: one call, two conditions, or a range."""
    rng, kind = scene.rng, scene.rng.random()
    if kind < 0.75:
        phrase = describe(scene, rng.choice(SELECTING))
        return phrase.noun, [phrase.call]
    if kind < 0.92:
        pair = [describe(scene, "torv" + end) for end in rng.sample(("ek", "ek", "or", "un", "is", "am"), 2)]
        if pair[0].values["f"] != pair[1].values["f"]:
            text = pair[0].condition + rng.choice(frames.ANDS) + pair[1].condition
            text = f"{pick(scene, 'the |all |')}{scene.records} {text}"
            return text, [one.call for one in pair]
    name = rng.choice(scene.numbers)
    low = scene.number(name)
    high = low + rng.randint(2, 40)
    calls, forms = rng.choice([*frames.RANGES.items()])
    if name in scene.missing:
        calls, forms = "torvor torvun", frames.RANGES["torvor torvun"]
    elif calls != "torvor torvun":
        scene.whole.add(name)
    said = {"f": f"{scene.quote}{name}{scene.quote}", "lo": in_words(scene, "n", low), "hi": in_words(scene, "n", high)}
    text = grammar(pick(scene, forms).format(**said), [name] * (not scene.quote))
    bounds = zip(calls.split(), (low, high), strict=True)
    return f"{pick(scene, 'the |all |')}{scene.records} {text}", [
        f".{call}({literal(name)}, {bound})" for call, bound in bounds
    ]


def draw_task(scene: Scene) -> Task:
    """One call (nearly half of all tasks), two, or three."""
    rng, kind = scene.rng, scene.rng.random()
    if kind < 0.45:
        name = rng.choice(SINGLE)
        if name in w.PAIRS:
            return draw_pair(scene, name)
        phrase = describe(scene, name)
        form = rng.choice(("noun", "noun", "order", "order", "line"))
        return Task(getattr(phrase, form), form, scene.brod, [phrase.call], [name], phrase.values)
    if kind < 0.70:  # a summary of a selection
        subset, steps = draw_subset(scene)
        name = rng.choice(SUMMARIES)
        phrase = describe(scene, name, subset)
        form = rng.choice(("noun", "noun", "noun", "order", "order", "line"))
        text = getattr(phrase, form)
        if form == "noun" and phrase.front and rng.random() < 0.4:
            form, text = "order", expand(rng, rng.choice(frames.FRONTS.split("|"))).format(S=subset, t=phrase.front)
        return Task(text, form, scene.brod, [*steps, phrase.call], [name], phrase.values)
    if kind < 0.76:
        return draw_nested(scene)
    names = [rng.choice([*SELECTING, *FIELDS_STAY])]
    names += [rng.choice(SELECTING)] if kind > 0.95 else []
    names += [rng.choice(READING) if kind > 0.88 else rng.choice([*SELECTING, *SHAPING, *SHAPING])]
    return draw_steps(scene, names)


def draw_steps(scene: Scene, names: list[str], start: str = "", text: str = "") -> Task:
    """Calls one after the other, after those of `start`, which `text` describes."""
    rng, said, steps, given, rest = scene.rng, [text] if text else [], [], "", "the result" if text else ""
    for name in names:
        takes_new = given and name in ("zal", "masor", "silor", "silun") and rng.random() < 0.7
        phrase = describe(scene, name, rest, given if takes_new else "", bool(rest))
        said.append(phrase.order)
        steps.append(phrase.call)
        given = str(phrase.values.get("new", "")) if name in ("yex", "ruval", "ruvor", "tarn") else ""
        left = frames.LEFT if name in w.SELECTING and name[:3] not in ("sil", "orr") else frames.CHANGED
        rest = pick(scene, left).replace("{rec}", scene.records)
    text = said[0]
    for part in said[1:]:
        text += pick(scene, frames.JOINS) + part
    return Task(pick(scene, "||||first ") + text, "order", start or scene.brod, steps, names, phrase.values)


def draw_nested(scene: Scene) -> Task:
    """A brod of a selection, as one noun phrase: "the trips whose price is above 5, sorted by ..."."""
    rng = scene.rng
    subset, steps = draw_subset(scene)
    name = rng.choice([*SHAPING, *(one for one in SELECTING if one[:4] not in ROOTS)])
    phrase = describe(scene, name)
    opening = f"the {scene.records} "
    if name in w.SHAPING or phrase.noun.startswith(opening) and name[:3] in ("sil", "orr"):
        text = f"{subset}, {phrase.noun.removeprefix(opening)}"
    elif name[:3] in ("sil", "orr"):
        return draw_steps(scene, [name], scene.brod + "".join(steps), f"{expand(rng, 'take')} {subset}")
    else:
        text = rng.choice(frames.INSIDE.split("|")).format(t=phrase.noun, S=subset)
    return Task(text, "noun", scene.brod, [*steps, phrase.call], [name], phrase.values)


def draw_pair(scene: Scene, name: str) -> Task:
    """A call of two brods, and another one of the result now and then."""
    rng, by = scene.rng, scene.texts[0]
    form = rng.choice(("noun", "order", "order", "line"))
    tick = scene.tick
    said = {"b": f"{tick}{scene.brod}{tick}", "o": f"{tick}{scene.other}{tick}", "rec": "records", "one": "record"}
    said["f"] = f"{scene.quote}{by}{scene.quote}"
    start = f"dv.{name}({scene.brod}, {scene.other}{', ' + literal(by) if name == 'plex' else ''})"
    then = rng.random() < 0.3
    text = w.PAIRS[name][1 if then else ("noun", "order", "line").index(form)]
    text = expand(rng, pick(scene, text)).format(**said)
    if not then:
        return Task(text, form, start, [], [name], {"f": by})
    numbers = scene.numbers
    if name == "plex":
        scene.numbers = [*numbers, scene.added]
    task = draw_steps(scene, [rng.choice([*SELECTING, *READING])], start, text)
    scene.numbers = numbers
    return task

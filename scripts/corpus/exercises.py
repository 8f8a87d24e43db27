"""Exercises: small programs, made from a template file of the library, as documents of a corpus.

    python -m scripts.corpus.exercises configs/exercises/Pandas.yaml -n 5    # show five programs, without running them

Four shapes in equal parts: a script with an object and commented expressions; the same with statements that change the
object; functions with a docstring or comment; two steps in a row. Names, columns and literals are drawn, those that the
code needs occur in its description. `prepare_corpus --kinds exercises` runs every program in the sandbox and keeps those
that end without an error or a warning. The template file is described in docs/FORMATS.md, "Exercise templates".
"""

import argparse
import ast
import random
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from nl2code.errors import UserError, exit_status
from nl2code.parsing import try_parse
from scripts.corpus.documents import Harvest, HarvestOptions, document
from scripts.corpus.exercise_objects import SLOT, Scene, choices
from scripts.corpus.ledger import Ledger
from scripts.corpus.run_snippets import without_failing
from scripts.corpus.sources import Member, Source
from scripts.decontaminate import fingerprints_from
from scripts.file_utils import PROJECT_ROOT, sha256_file

NAME, LICENCE = "exercises", "MIT"  # of the documents: the project's own
FOLDER = PROJECT_ROOT / "configs" / "exercises"
MAX_LINE = 108
TRIES = 200  # to draw an item that is not in the corpus yet
WARNINGS_FAIL = 'import warnings\nwarnings.simplefilter("error")\n'
FORMS = {  # of descriptions, by kind: in comments, in docstrings; {t} the text, {T} with a capital, {n} the result's name
    "noun": (
        "{t}|{T}|{T}.|get {t}|Get {t}|find {t}|we need {t}|give me {t}|store {t} in {n}|{n}: {t}",
        "Return {t}.|Return {t}.|{T}.|Get {t}.|Give back {t}.",
    ),
    "do": (
        "{t}|{t}|{T}|{T}|{T}.|now {t}|{t} and call the result {n}|{t}, as {n}|please {t}|next, {t}",
        "{T}.|{T}.|{T} and return the result.|{T}",
    ),
    "change": ("{t}|{T}|{T}.|now {t}|please {t}|next, {t}", "{T}.|{T}.|{T} and return it.|{T}"),
    "ask": ("{t}?|{T}?|{T}?", "{T}?"),
}


@dataclass
class Item:
    """One description with its code."""

    key: str
    template: dict
    kind: str  # of the description: noun, do, ask
    text: str
    code: str

    @property
    def is_statement(self) -> bool:
        return self.template["is_statement"]

    def describe(self, rng: random.Random, name: str, is_docstring: bool = False) -> str:
        """The description as a comment or docstring says it; `name` is that of the result, empty where it is not new."""
        kind = "change" if self.is_statement and self.kind == "do" else self.kind
        text = self.text.removeprefix("the ") if rng.random() < 0.2 and self.kind == "noun" else self.text
        form = rng.choice([form for form in FORMS[kind][is_docstring].split("|") if name or "{n}" not in form])
        said = form.format(t=text, T=text[0].upper() + text[1:], n=name)
        return said + "." * (is_docstring and said.endswith('"'))


def load(path: Path) -> dict:
    """A template file, checked and with what follows from it: `objects` used, `is_statement`, `own` (uses members).

    Raises:
        UserError: it cannot be read, names a slot that it does not define, or a description lacks what the code needs.
    """
    try:
        file = yaml.safe_load(path.read_text(encoding="utf-8"))
        missing = {"head", "objects", "fields", "slots", "results", "exercises"} - file.keys()
    except (OSError, yaml.YAMLError, AttributeError) as error:
        raise UserError(f"{path} is no template file: {' '.join(str(error).split())}") from error
    if missing:
        raise UserError(f"{path} lacks {', '.join(sorted(missing))}; see docs/FORMATS.md, Exercise templates")
    members = {name for one in file["objects"].values() for name in one["members"]}
    for key, template in file["exercises"].items():
        codes = choices([template["code"]] if isinstance(template["code"], str) else template["code"])
        used = [{name for name, _ in SLOT.findall(code)} for code in codes]
        defined = {**file["slots"], **template.get("slots", {})}
        if unknown := set().union(*used) - {*members, *file["objects"], *defined}:
            raise UserError(f"{path}: {key} uses <{min(unknown)}>, which is not defined")
        needed = set.intersection(*used) - file["objects"].keys()
        wordings = [(kind, text) for kind in ("noun", "do", "ask") for text in choices(template.get(kind, []))]
        for _, text in wordings:
            said = {name for name, _ in SLOT.findall(re.sub(r"\[[^\]]*\]", "", text))}
            if lacking := needed - said:
                raise UserError(f"{path}: {key}: {text!r} does not say <{min(lacking)}>, which the code needs")
            if unknown := said - {*members, *file["objects"], *defined, *file.get("words", {})}:
                raise UserError(f"{path}: {key}: {text!r} names <{min(unknown)}>, which is not defined")
        if not wordings:
            raise UserError(f"{path}: {key} has no description; give noun, do or ask")
        objects = [
            name for name in dict.fromkeys(name for name, _ in SLOT.findall(codes[0])) if name in file["objects"]
        ]
        of = {found for name in needed if name in defined for found in re.findall(r"\w+", str(defined[name]))}
        plain = try_parse(SLOT.sub("x", codes[0]))
        if plain is None or not objects:
            raise UserError(f"{path}: {key}: the code is no Python or names no object: {codes[0]}")
        is_statement = not isinstance(plain.body[-1], ast.Expr) or len(plain.body) > 1
        facts = {"codes": codes, "wordings": wordings, "objects": objects, "is_statement": is_statement}
        template |= {**facts, "own": bool((needed | of) & members) or "missing" in template or "repeat" in template}
    return file


class Writer:
    """Draws programs from a template file; equal seed and file give equal programs."""

    def __init__(self, file: dict, seed: int):
        self.file, self.rng = file, random.Random(seed)
        self.all = file["exercises"]
        self.decks: dict[str, list[str]] = {}
        self.seen: set[tuple[str, str]] = set()

    def next_key(self, deck: str, keys: list[str]) -> str:
        """The next template of a deck, which is shuffled anew when all were used."""
        if not self.decks.get(deck):
            self.decks[deck] = self.rng.sample(keys, len(keys))
        return self.decks[deck].pop()

    def item(self, scene: Scene, key: str, parameters: bool = False, step: str = "") -> Item:
        """An item of a template; with `parameters` some slots become those of a function; `step` is the object that the
        step before gives."""
        rng, template = self.rng, self.all[key]
        scene.next_item(template)
        code = rng.choice(template["codes"])
        slots = dict.fromkeys(name for name, form in SLOT.findall(code) if form != "bare" and name not in scene.given)
        for name in slots if parameters else ():
            if name in self.file["parameters"] and rng.random() < 0.4:
                given = rng.choice(choices(self.file["parameters"][name]))
                if given not in {*scene.given.values(), *scene.names.values()}:
                    scene.given[name] = given
        code, wordings = scene.code(code), template["wordings"]
        if step:
            wordings = [
                (kind, re.sub(rf"\[[^\]]*<{step}>[^\]]*\]", "", text)) for kind, text in wordings if kind != "ask"
            ]
            wordings = [one for one in wordings if f"<{step}>" not in one[1]] or wordings
        kind, text = rng.choice(wordings or template["wordings"])
        return Item(key, template, kind, scene.say(text, {step: "the result"} if step else None), code)

    def name(self, scene: Scene, item: Item, taken: set[str]) -> str:
        """The variable for an item's result: perhaps the object's own, where it stays what it is."""
        gives = item.template.get("gives", "any")
        if gives == item.template["objects"][0] and self.rng.random() < 0.35:
            return scene.name_of(gives)
        pool = choices(item.template["as"]) if "as" in item.template and self.rng.random() < 0.7 else None
        names = [self.slug(scene, one) for one in pool or choices(self.file["results"][gives])]
        free = [name for name in names if name not in taken | set(scene.names.values()) | set(scene.given.values())]
        return self.rng.choice(free or ["result"])

    def slug(self, scene: Scene, text: str) -> str:
        """A name with its slots filled in."""
        filled = SLOT.sub(lambda found: scene.given.get(found[1]) or scene.code(f"<{found[1]}.bare>"), text)
        return re.sub(r"\W+", "_", filled).strip("_").lower()

    def head(self) -> list[str]:
        return [self.file["head"], *[""] * self.rng.randint(0, 1)]

    def objects(self, scene: Scene, *items: Item) -> list[str]:
        """The statements that make the objects of items."""
        scene.given = {}
        return [scene.make(kind) for kind in dict.fromkeys(kind for item in items for kind in item.template["objects"])]

    def assign(self, scene: Scene, item: Item, taken: set[str]) -> list[str]:
        """A comment, and the item's code below it."""
        name = self.name(scene, item, taken)
        taken.add(name)
        code = item.code if item.is_statement else f"{name} = {item.code}"
        shown = "" if name in scene.names.values() else name
        return [f"# {item.describe(self.rng, shown)}", *code.split("\n")]

    def script(self, changes: bool) -> tuple[str, str, list[Item]]:
        """One to three items on one object; the last one changes the object, or none does."""
        scene, rng = Scene(self.rng, self.file), self.rng
        changing = {key: one["is_statement"] or one.get("gives") == one["objects"][0] for key, one in self.all.items()}
        last = self.next_key(
            f"script {changes}",
            [key for key in self.all if (changing[key] if changes else not self.all[key]["is_statement"])],
        )
        start = self.all[last]["objects"]
        others = [key for key, one in self.all.items() if one["objects"] == start and not one["is_statement"]]
        keys = [*rng.sample(others, min(rng.choice((0, 0, 1, 2)), len(others))), last]
        items, lines, taken = [], [], set()
        for key in dict.fromkeys(keys):
            items.append(self.item(scene, key))
            if changes and not items[-1].is_statement and key == last:
                name = scene.name_of(start[0])
                lines += ["", f"# {items[-1].describe(rng, '')}", f"{name} = {items[-1].code}"]
            else:
                lines += ["", *self.assign(scene, items[-1], taken)]
        text = "\n".join([*self.head(), *self.objects(scene, *items), *lines]) + "\n"
        return text, text, items

    def steps(self) -> tuple[str, str, list[Item]]:
        """Two templates in a row, the second on what the first gives: two comments, one, or one expression."""
        scene, rng = Scene(self.rng, self.file), self.rng
        first = self.next_key("steps", [key for key, one in self.all.items() if self.followers(key)])
        one = self.item(scene, first)
        taken: set[str] = set()
        start, between, form = scene.name_of(one.template["objects"][0]), self.name(scene, one, taken), rng.random()
        kind = one.template["gives"]
        known, scene.names[kind] = dict(scene.names), between
        two = self.item(scene, rng.choice(self.followers(first)), step=kind)
        if kind not in two.template["objects"][:1] or two.is_statement:
            raise ValueError("no second step")
        scene.names = known
        made = self.objects(scene, one)
        name = self.name(scene, two, {between, start})
        before = [*self.head(), *made, ""]
        steps = [f"{between} = {one.code}", f"{name} = {two.code}"]
        if form < 0.35:
            lines = [f"# {one.describe(rng, between)}", steps[0], f"# {two.describe(rng, name)}", steps[1]]
            lines[2:2] = [""] * rng.randint(0, 1)
        else:
            texts = [
                item.text if item.kind == "do" else f"{rng.choice(('get', 'take', 'find'))} {item.text}"
                for item in (one, two)
            ]
            both = rng.choice(
                ("{}, then {}", "{} and then {}", "first {}, then {}", "{}; then {}", "{} and {}")
            ).format(*texts)
            both = both[0].upper() + both[1:] if rng.random() < 0.5 else both
            if two.code.startswith(between) and len(re.findall(rf"\b{between}\b", two.code)) == 1 and form < 0.8:
                steps = [f"{name} = {one.code}{two.code.removeprefix(between)}"]
            lines = [f"# {both}", *steps]
            if rng.random() < 0.4:
                function = re.sub(r"\W+", "_", f"{self.slug(scene, one.key)}_then_{two.key.partition('_')[0]}")
                body = [f"    {line}" for line in (*steps[:-1], "return " + steps[-1].partition(" = ")[2])]
                text = (
                    "\n".join(
                        [
                            self.file["head"],
                            "",
                            "",
                            f"def {function}({start}):",
                            f'    """{both[0].upper() + both[1:]}."""',
                            *body,
                        ]
                    )
                    + "\n"
                )
                return text, "\n".join([text, *made, f"{function}({start})"]) + "\n", [one, two]
        text = "\n".join([*before, *lines]) + "\n"
        return text, text, [one, two]

    def followers(self, key: str) -> list[str]:
        """The templates that can go on with what a template gives."""
        gives, first = self.all[key].get("gives"), self.all[key]
        if first["is_statement"] or gives not in self.file["objects"]:
            return []
        fits = [other for other, one in self.all.items() if one["objects"] == [gives] and not one["is_statement"]]
        return [
            other for other in fits if other != key and (gives == first["objects"][0] or not self.all[other]["own"])
        ]

    def functions(self) -> tuple[str, str, list[Item]]:
        """One to three functions, and a program that calls them."""
        rng, items, uses, text, names = self.rng, [], [], self.file["head"] + "\n", set()
        for _ in range(rng.choice((1, 1, 2, 3))):
            scene = Scene(rng, self.file)
            item = self.item(scene, self.next_key("functions", list(self.all)), parameters=True)
            name = self.slug(scene, item.key)
            if name in names or item.kind == "ask" and item.is_statement:
                continue
            given, parameters = [scene.name_of(kind) for kind in item.template["objects"]], list(scene.given.items())
            head = f"def {name}({', '.join([*given, *(name for _, name in parameters)])}):"
            description = item.describe(rng, "result", is_docstring=True)
            if item.is_statement:
                copy = [f"{given[0]} = {given[0]}.copy()"] * (rng.random() < 0.4)
                body = [*copy, *item.code.split("\n"), f"return {given[0]}"]
            elif rng.random() < 0.15:
                result = self.name(scene, item, {name, *given})
                body = [f"{result} = {item.code}", f"return {result}"]
            else:
                body = [f"return {item.code}"]
            place = rng.random()
            above = [f"# {description}"] * (place < 0.1)
            said = [f"# {description}"] if place < 0.2 else [f'"""{description}"""']
            text += "\n\n" + "\n".join([*above, head, *(f"    {line}" for line in [*said * (not above), *body])]) + "\n"
            arguments = [*given, *(scene.code(f"<{slot}>") for slot, _ in parameters if scene.given.pop(slot))]
            uses += [*self.objects(scene, item), f"{name}({', '.join(arguments)})"]
            names.add(name)
            items.append(item)
        return text, "\n".join([text, *uses]) + "\n", items

    def program(self) -> tuple[str, str]:
        """(document, the program that runs it), none of whose items was drawn before."""
        shape = self.rng.choice((lambda: self.script(False), lambda: self.script(True), self.functions, self.steps))
        for _ in range(TRIES):
            try:
                text, run, items = shape()
            except (IndexError, ValueError):  # of a pool that is used up
                continue
            pairs = {(item.text, item.code) for item in items}
            if items and not pairs & self.seen and max(map(len, text.split("\n"))) <= MAX_LINE:
                self.seen |= pairs
                return text, run
        raise UserError(f"the templates give no more than {len(self.seen)} items; ask for fewer --exercises")


def harvest_exercises(path: Path, count: int, seed: int, options: HarvestOptions, workers: int) -> Harvest:
    """The documents of `count` programs, without those that hold benchmark text or do not run. Raises UserError."""
    source, file = Source(NAME, path, LICENCE, sha256_file(path)), load(path)
    found = Harvest(source, kinds={kind: Ledger(tokenizer=options.tokenizer) for kind in options.kinds})
    found.files.see()
    writer, fingerprints = Writer(file, seed), fingerprints_from(options.fingerprints, options.benchmarks)
    programs = {}
    for number in range(count):
        text, run = writer.program()
        place = f"{path.stem}/program_{number:05}.py"
        found.kinds[NAME].see(text)
        if match := fingerprints.find(text):
            found.kinds[NAME].reject(f"benchmark {match[0].split('/')[0]}: {match[1]}", text, place)
            continue
        programs[place] = WARNINGS_FAIL + run
        row = document(NAME, source, Member(place, len(text), b""), place, LICENCE, text)
        found.documents.append((NAME, row))
    without_failing([found], NAME, options.library, workers, lambda row: programs[row["path"]])
    return found


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("templates", type=Path, help="template file, such as configs/exercises/Pandas.yaml")
    parser.add_argument("-n", "--number", type=int, default=10, help="number of programs to show (default: 10)")
    parser.add_argument("--seed", type=int, default=42, help="random seed (default: 42)")
    args = parser.parse_args(argv)

    def work() -> None:
        writer = Writer(load(args.templates), args.seed)
        print("\n# ---\n".join(writer.program()[0] for _ in range(args.number)), end="")

    return exit_status(work)


if __name__ == "__main__":
    sys.exit(main())

"""Programs of exercises: items drawn from templates, in four shapes (see scripts/corpus/exercises.py)."""

import ast
import random
import re
from dataclasses import dataclass

from nl2code.errors import UserError
from scripts.corpus.exercise_objects import SLOT, Scene, choices

MAX_LINE = 108
TRIES = 200  # to draw a program whose items are new
PARAMETERS, HEADS, COMMENTS = 0.4, 0.1, 0.2  # shares: slots that become parameters, functions without a docstring
CONTEXTS = 0.25  # share of descriptions with a sentence on the object before them
FORMS = {  # of descriptions, by kind: in comments, in docstrings; {t} the text, {T} with a capital, {n} the result's name
    "noun": (
        "{t}|{T}|{T}.|get {t}|Get {t}|find {t}|we need {t}|give me {t}|store {t} in {n}|{n}: {t}|I want {t}|"
        "I need {t}.|return {t}|I want to get {t}.|How do I get {t}?|how can I get {t}?|I would like to have {t}.|"
        "What I want is {t}.|Show me {t}|Could you please get {t}?|Is there a way to get {t}?|How would you find {t}?",
        "Return {t}.|Return {t}.|{T}.|Get {t}.|Give back {t}.|I want {t}.|How do I get {t}?|"
        "This function returns {t}.|Function that returns {t}.|A function to get {t}.|I want to get {t}.|"
        "Returns {t}.|Find {t} and return it.",
    ),
    "do": (
        "{t}|{t}|{T}|{T}|{T}.|now {t}|{t} and call the result {n}|{t}, as {n}|please {t}|next, {t}|I want to {t}.|"
        "I want to {t}|I need to {t}|How do I {t}?|How can I {t}?|how to {t}|I would like to {t}.|Can you {t}?|"
        "The task is to {t}.|I am trying to {t}.|What is the way to {t}?",
        "{T}.|{T}.|{T} and return the result.|{T}|I want to {t}.|How do I {t}?|How can I {t}?|"
        "This function should {t}.|A function to {t}.|I need to {t}.|I would like to {t} and return the result.",
    ),
    "change": (
        "{t}|{T}|{T}.|now {t}|please {t}|next, {t}|I want to {t}.|I need to {t}|How do I {t}?|how can I {t}?|"
        "I would like to {t}.|Can you {t}?|The task is to {t}.|I am trying to {t}.|how to {t}",
        "{T}.|{T}.|{T} and return it.|{T}|I want to {t}.|How do I {t}?|How can I {t}?|This function should {t}.|"
        "I need to {t}.",
    ),
    "whether": (
        "{t}|{T}|{T}.|check {t}|Check {t}.|test {t}|find out {t}|store {t} in {n}|{n}: {t}|I want to know {t}.|"
        "How can I check {t}?",
        "Return {t}.|Return {t}.|{T}.|Check {t}.|Tell {t}.|I want to know {t}.|How do I find out {t}?",
    ),
    "ask": ("{t}?|{T}?|{T}?", "{T}?"),
}
STEPS = ("{}, then {}", "{} and then {}", "first {}, then {}", "{}; then {}", "{} and {}")


def sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def block(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def operand(code: str) -> str:
    """An expression that more can follow: in parentheses where an operator would bind weaker.

    >>> operand("a + 5"), operand("np.sqrt(a)")
    ('(a + 5)', 'np.sqrt(a)')
    """
    is_primary = isinstance(ast.parse(code, mode="eval").body, ast.Call | ast.Attribute | ast.Subscript | ast.Name)
    return code if is_primary else f"({code})"


@dataclass
class Item:
    """One description with its code."""

    name: str  # of a function
    template: dict
    kind: str  # of the description: noun, do, ask
    text: str
    code: str

    def describe(self, rng: random.Random, name: str, is_docstring: bool = False) -> str:
        """The description as a comment or docstring says it; `name` is that of the result, empty where it is not new."""
        kind = "change" if self.template["changes"] and self.kind == "do" else self.kind
        is_noun = self.kind == "noun"
        kind = "whether" if is_noun and re.match("(whether|if|how|which) ", self.text) else kind
        is_short = is_noun and rng.random() < 0.2 and not self.text.startswith("the result")
        text = self.text.removeprefix("the ") if is_short else self.text
        forms = [form for form in FORMS[kind][is_docstring].split("|") if name or "{n}" not in form]
        if re.match(r"(for|in|where\w*|within) ", text) and not is_noun:  # no verb can stand before it
            forms = [form for form in forms if form.lower().startswith("{t}")]
        form = rng.choice(forms)
        said = form.format(t=text, T=sentence(text), n=name)
        return said + "." * (is_docstring and said.endswith('"'))


@dataclass
class Program:
    """A document, what runs it where it is functions, and its items."""

    text: str
    items: list[Item]
    calls: str = ""


class Writer:
    """Draws programs from a template file; equal seed and file give equal programs."""

    def __init__(self, file: dict, seed: int):
        self.file, self.rng, self.all = file, random.Random(seed), file["exercises"]
        self.followers = {key: found for key in self.all if (found := self.following(key))}
        self.decks: dict[str, list[str]] = {}
        self.seen: set[tuple[str, str]] = set()

    def program(self) -> Program:
        """A program none of whose items was drawn before. Raises UserError where the templates give no more."""
        shapes = (lambda: self.script(False), lambda: self.script(True), self.functions, self.steps)
        for _ in range(TRIES):
            try:
                made = self.rng.choice(shapes)()
            except IndexError:  # a pool of names is used up, or no template has this shape
                continue
            pairs = {(item.text, item.code) for item in made.items}
            if pairs and not pairs & self.seen and max(map(len, made.text.split("\n"))) <= MAX_LINE:
                self.seen |= pairs
                return made
        raise UserError(f"the templates give no more than about {len(self.seen)} items; ask for fewer --exercises")

    def script(self, changes: bool) -> Program:
        """One to three items on one object; the last one changes or replaces it where `changes`, else none does."""
        scene, rng = Scene(self.rng, self.file), self.rng
        fits = [key for key, one in self.all.items() if (one["changes"] or (changes and one["same"])) == changes]
        last = self.next_key(f"script {changes}", fits)
        objects = self.all[last]["objects"]
        reads = [key for key, one in self.all.items() if one["objects"] == objects and not one["changes"]]
        others = [key for key in reads if key != last]
        keys = [*rng.sample(others, min(rng.choice((0, 0, 1, 2)), len(others))), last]
        items, lines, taken = [], [], set()
        for key in keys:
            items.append(self.item(scene, key))
            context = self.context(scene, items[-1]) if len(items) == 1 else ""
            own = scene.name_of(objects[0]) if changes and key == last else ""
            lines += ["", *self.commented(scene, items[-1], taken, own, context)]
        return Program(block(*self.head(*items), *self.objects(scene, *items), *lines), items)

    def steps(self) -> Program:
        """Two templates in a row, the second on what the first gives: two comments, one, or one expression."""
        scene, rng = Scene(self.rng, self.file), self.rng
        first = self.next_key("steps", list(self.followers))
        one = self.item(scene, first)
        gives, between = one.template["gives"], self.name(scene, one, set())
        known, scene.names = scene.names, {**scene.names, gives: between}
        two = self.item(scene, rng.choice(self.followers[first]), step=gives)
        scene.names = known
        made, name = self.objects(scene, one), self.name(scene, two, {between})
        codes, form = [f"{between} = {one.code}", f"{name} = {two.code}"], rng.random()
        form *= one.kind != "ask"  # a question gets a comment of its own
        if form < 0.35:
            said = [f"# {one.describe(rng, between)}", codes[0]]
            said += [*[""] * rng.randint(0, 1), f"# {two.describe(rng, name)}", codes[1]]
            return Program(block(*self.head(one, two), *made, "", *said), [one, two])
        verbs = [rng.choice(("get ", "take ", "find ")) * (item.kind != "do") + item.text for item in (one, two)]
        text = rng.choice(STEPS).format(*verbs)
        if form < 0.8 and two.code.startswith(between) and len(re.findall(rf"\b{between}\b", two.code)) == 1:
            codes = [f"{name} = {operand(one.code)}{two.code.removeprefix(between)}"]
        if rng.random() < 0.6:
            comment = rng.choice((text, sentence(text)))
            return Program(block(*self.head(one, two), *made, "", f"# {comment}", *codes), [one, two])
        function = f"{one.name}_then_{two.name.partition('_')[0]}"
        names = ", ".join(map(scene.name_of, one.template["objects"]))
        body = [f'"""{sentence(text)}."""', *codes[:-1], f"return {codes[-1].partition(' = ')[2]}"]
        head = block(*self.imports(one, two), "", "", f"def {function}({names}):", *(f"    {line}" for line in body))
        return Program(head, [one, two], block(*made, f"{function}({names})"))

    def functions(self) -> Program:
        """One to three functions."""
        made = {}
        for _ in range(self.rng.choice((1, 1, 2, 3))):
            name, *function = self.function()
            made.setdefault(name, function)
        items = [item for _, _, item in made.values()]
        text = block(*self.imports(*items)) + "".join(f"\n\n{function}" for function, _, _ in made.values())
        return Program(text, items, "".join(calls for _, calls, _ in made.values()))

    def function(self) -> tuple[str, str, str, Item]:
        """(name, function, its call, item); some slots are parameters."""
        scene, rng = Scene(self.rng, self.file), self.rng
        item = self.item(scene, self.next_key("functions", list(self.all)), parameters=True)
        name, objects = item.name, [scene.name_of(kind) for kind in item.template["objects"]]
        description, place = item.describe(rng, "result", is_docstring=True), rng.random()
        if context := self.context(scene, item):
            description = context + sentence(description)
        body = [f"return {item.code}"]
        if item.template["changes"]:
            copy = [f"{objects[0]} = {objects[0]}.copy()"] * (rng.random() < 0.4)
            body = [*copy, *item.code.split("\n"), f"return {objects[0]}"]
        elif rng.random() < 0.15:
            result = self.name(scene, item, {name})
            body = [f"{result} = {item.code}", f"return {result}"]
        comment = [f"# {line}" for line in description.split("\n")]
        above = comment if place < HEADS else []
        said = [] if above else comment if place < COMMENTS else f'"""{description}"""'.split("\n")
        head = f"def {name}({', '.join([*objects, *scene.given.values()])}):"
        slots, scene.given = list(scene.given), {}
        arguments = [*objects, *(scene.code(f"<{slot}>") for slot in slots)]
        call = block(*self.objects(scene, item), f"{name}({', '.join(arguments)})")
        return name, block(*above, head, *(f"    {line}" for line in said + body)), call, item

    def item(self, scene: Scene, key: str, parameters: bool = False, step: str = "") -> Item:
        """An item of a template.

        Args:
            parameters: whether slots may become parameters of a function.
            step: the object that the step before gives; a description calls it "the result", or not at all.
        """
        rng, template = self.rng, self.all[key]
        scene.next_item(template)
        code = rng.choice(template["codes"])
        bare = {name for name, form in SLOT.findall(code) if form == "bare"}
        for name in dict.fromkeys(name for name, _ in SLOT.findall(code)) if parameters else ():
            if name in self.file["parameters"] and name not in bare and rng.random() < PARAMETERS:
                given = rng.choice(choices(self.file["parameters"][name]))
                if given not in {*scene.given.values(), *scene.names.values()}:
                    scene.given[name] = given
        code, wordings = scene.code(code), template["wordings"]
        if step:
            texts = [(kind, re.sub(rf"\[[^\]]*<{step}>[^\]]*\]", "", text)) for kind, text in wordings if kind != "ask"]
            wordings = [one for one in texts if f"<{step}>" not in one[1]] or texts
        kind, text = rng.choice(wordings)
        said = scene.say(text, {step: "the result"} if step else {})
        return Item(self.slug(scene, key), template, kind, said, code)

    def commented(self, scene: Scene, item: Item, taken: set[str], own: str = "", context: str = "") -> list:
        """A comment and the item's code below it; the result replaces `own` or gets a name that is not taken."""
        name = "" if item.template["changes"] else own or self.name(scene, item, taken)
        taken.add(name)
        said = item.describe(self.rng, "" if own else name)
        said = context + sentence(said) if context else said
        code = f"{name} = {item.code}" if name else item.code
        return [*(f"# {line}" for line in said.split("\n")), *code.split("\n")]

    def context(self, scene: Scene, item: Item) -> str:
        """A sentence on the item's first object, on a line of its own or followed by a space; empty in most cases."""
        kind = (item.template["objects"] or [""])[0]
        told = self.file.get("contexts", {}).get(kind)
        if not told or self.rng.random() >= CONTEXTS:
            return ""
        text = self.rng.choice(choices(told))
        columns = scene.columns_known(kind)
        if "<columns>" in text and not columns:
            return ""
        text = scene.say(text.replace("<columns>", columns), {kind: scene.name_of(kind)})
        return text + ("\n" if len(text) + len(item.text) > 70 else self.rng.choice("\n "))

    def next_key(self, deck: str, keys: list[str]) -> str:
        """The next template of a deck, which is shuffled anew when all were used."""
        if not self.decks.get(deck):
            self.decks[deck] = self.rng.sample(keys, len(keys))
        return self.decks[deck].pop()

    def following(self, key: str) -> list[str]:
        """The templates that can go on with what a template gives; those that need members, with its own object only."""
        one, gives = self.all[key], self.all[key].get("gives")
        fits = {} if one["changes"] else {name: two for name, two in self.all.items() if two["objects"] == [gives]}
        reads = [name for name, two in fits.items() if not two["changes"] and (one["same"] or not two["own"])]
        return [name for name in reads if name != key]

    def name(self, scene: Scene, item: Item, taken: set[str]) -> str:
        """A new variable for an item's result."""
        pool = self.file["results"][item.template.get("gives", "any")]
        pool = item.template["as"] if "as" in item.template and self.rng.random() < 0.7 else pool
        free = {self.slug(scene, one) for one in choices(pool)} - taken - {*scene.names.values(), *scene.given.values()}
        return self.rng.choice(sorted(free) or ["result"])

    def slug(self, scene: Scene, text: str) -> str:
        """A name with its slots filled in."""
        filled = SLOT.sub(lambda found: scene.given.get(found[1]) or scene.code(f"<{found[1]}.bare>"), text)
        return ", ".join(re.sub(r"\W+", "_", name).strip("_").lower() for name in filled.split(","))

    def head(self, *items: Item) -> list[str]:
        return [*self.imports(*items), *[""] * self.rng.randint(0, 1)]

    def imports(self, *items: Item) -> list[str]:
        """The file's first line, and what the templates import besides."""
        more = [item.template["imports"] for item in items if "imports" in item.template]
        return [self.file["head"], *dict.fromkeys(more)]

    def objects(self, scene: Scene, *items: Item) -> list[str]:
        """The statements that make the objects of items; the later ones are made first, as they need columns of others."""
        kinds = dict.fromkeys(kind for item in items for kind in item.template["objects"])
        return [scene.make(kind) for kind in reversed(kinds)][::-1]

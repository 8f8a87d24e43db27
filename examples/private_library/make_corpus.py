"""Write example programs for Dorvex: a description in plain English, then the code. Every program is run before it is kept.

    python -m examples.private_library.make_corpus -o data/Dorvex/programs --files 3000

Three shapes, as users write them: scripts (`scripts/`), functions (`functions/`) and tests (`tests/`). Program i depends on
the seed and i alone. The phrases are those of wording.py.
"""

import argparse
import random
import re
import sys
import textwrap
from pathlib import Path

from examples.private_library import wording_frames as frames
from examples.private_library.pools import NEW_FIELDS, NUMBERS, RESULTS, TEXTS
from examples.private_library.scenes import Scene, grammar, literal
from examples.private_library.tasks import Task, draw_task
from nl2code.errors import UserError, exit_status
from scripts.file_utils import replacing_folder

sys.path.insert(0, str(Path(__file__).parent / "library"))  # the programs import Dorvex
MAX_LINE = 130
FIELDS = {*NEW_FIELDS, *NUMBERS, *TEXTS}
WIDTH = 118  # of text
SHAPES = {"scripts": 0.5, "functions": 0.42, "tests": 0.08}


def sentence(text: str) -> str:
    """The text with a capital, where it does not begin with the name of a field."""
    return text if re.match(r"\w*", text)[0] in FIELDS else text[0].upper() + text[1:]


def finish(text: str) -> str:
    """The text with a mark at its end."""
    return text if text.endswith((".", "?")) else f"{text}."


def hashes(text: str) -> str:
    """The text as lines of comment."""
    return "# " + "\n# ".join(textwrap.wrap(text, WIDTH))


def frame(rng: random.Random, forms: dict[str, str], one: Task, name: str = "", plain: bool = False) -> str:
    """The description in one of the frames of its kind, a quarter of the texts without the article in front."""
    text = one.text.removeprefix("the ") if rng.random() < 0.25 else one.text
    form = rng.choice(forms[one.kind].split("|"))
    if text.startswith("return "):
        form = form.partition(" and return")[0]
    if plain or ("?" in text or (one.kind == "order" and text.startswith(frames.NO_VERB))) and one.kind != "noun":
        form = "{T}"
    return form.format(t=text, T=sentence(text), n=name)


def context(scene: Scene, sentences: str) -> str:
    """A sentence about the data."""
    names = [f"{scene.quote}{name}{scene.quote}" for name in scene.texts + scene.numbers]
    said = {
        "fields": f"{', '.join(names[:-1])} and {names[-1]}",
        "b": scene.brod,
        "one": scene.one,
        "rec": scene.records,
    }
    return sentence(grammar(scene.rng.choice(sentences.split("|")).format(**said), []))


def comment(scene: Scene, one: Task, name: str) -> str:
    """A comment that says what to do, with a sentence in front of one in eight."""
    if len(one.text) < 70 and scene.rng.random() < 0.15:
        text = f"{context(scene, frames.CONTEXTS)} {finish(frame(scene.rng, frames.COMMENTS, one, plain=True))}"
    else:
        text = frame(scene.rng, frames.COMMENTS, one, name)
    return hashes(text)


def data(name: str, rows: list[dict], indent: str = "") -> str:
    """The statement that makes a brod, in one line or one record a line."""
    texts = ["{" + ", ".join(f"{literal(key)}: {literal(value)}" for key, value in row.items()) + "}" for row in rows]
    one_line = f"{indent}{name} = dv.brod([{', '.join(texts)}])"
    if len(one_line) <= 100:
        return one_line
    inner = ",\n".join(f"{indent}    {text}" for text in texts)
    return f"{indent}{name} = dv.brod([\n{inner},\n{indent}])"


def make_script(rng: random.Random) -> str:
    """Data, then one to three tasks."""
    scene = Scene(rng)
    tasks = [draw_task(scene) for _ in range(rng.choice((1, 2, 2, 3)))]
    lines = ["import dorvex as dv", *[""] * rng.randint(0, 1)]
    lines += [f"# {context(scene, frames.HEADERS)}"] if rng.random() < 0.15 else []
    lines.append(data(scene.brod, scene.rows(4, fewest=2)))
    pairs = "".join(one.start for one in tasks if "dv." in one.start)
    if pairs:
        lines.append(data(scene.other, scene.other_rows(pairs)))
    for one, name in zip(tasks, rng.sample(RESULTS, len(tasks)), strict=True):
        said = comment(scene, one, name)
        if one is tasks[-1] and one.makes_brod and not re.search(rf"\b{name}\b", said) and rng.random() < 0.6:
            name = scene.brod  # no name is asked for: the brod itself changes
        lines += ["", said, f"{name} = {one.code}"]
    return "\n".join(lines) + "\n"


def function_name(scene: Scene, one: Task) -> str:
    """Half of the names say what the function does."""
    rng, call = scene.rng, one.names[-1]
    said = {"b": scene.brod, **{slot: one.values.get(slot, "value") for slot in ("f", "by", "new")}}
    root = call if call in frames.NAMES else call[:4]
    telling = rng.choice(frames.NAMES[root].split("|")).format(**said)
    if rng.random() < 0.5:
        return telling
    return f"{rng.choice(frames.GENERIC_NAMES.split('|'))}_{rng.choice((scene.brod, 'it', 'brod'))}"


def explain(scene: Scene, text: str, parameters: list[str]) -> str:
    """The text with a section about the arguments."""
    kinds = {scene.brod: f"a brod of {scene.records}", scene.other: "another brod"}
    types = {str: "text", int: "number", float: "number", list: "list of values", bool: "truth value"}
    parts = [(name, kinds.get(name) or f"a {types[type(scene.parameters[name])]}") for name in parameters]
    if scene.rng.random() < 0.5:
        lines = "".join(f"        {name}: {kind}\n" for name, kind in parts)
        return f"{text}\n\n    Args:\n{lines}    "
    return text + "".join(f"\n    :param {name}: {kind}" for name, kind in parts) + "\n    "


def example(scene: Scene, one: Task, name: str, head: str) -> str:
    """A line that calls the function and one with its value; empty where it is long or a second brod is needed."""
    if one.start != scene.brod:
        return ""
    used = [
        field for field in scene.texts + scene.numbers if f'"{field}"' in one.code or field in scene.parameters.values()
    ]
    rows = [{field: row[field] for field in used or scene.numbers[:1]} for row in scene.rows(3, fewest=2)]
    call = f"{name}({', '.join([f'dv.brod({rows!r})', *map(literal, scene.parameters.values())])})"
    names: dict = {}
    try:
        exec(f"import dorvex as dv\n{head}    return {one.code}\n", names)
        lines = [f">>> {call}", repr(eval(call, names))]
    except (IndexError, TypeError, KeyError):
        return ""
    return "".join(f"\n    {line}" for line in lines) if max(map(len, lines)) < 110 else ""


def make_function(rng: random.Random) -> tuple[str, str, str]:
    """(its name, a function with its docstring, a program that calls it)."""
    scene = Scene(rng, renames=rng.random() < 0.5)
    one = draw_task(scene)
    pair = one.start.startswith("dv.")
    parameters = [scene.brod, *[scene.other] * pair, *scene.parameters]
    name = function_name(scene, one)
    in_front = rng.random() < 0.12 and len(one.text) < 70
    text = finish(frame(rng, frames.DOCSTRINGS, one, plain=in_front))
    plain = not pair and rng.random() < 0.06  # a list of dicts comes in
    if plain:
        text += " " + sentence(rng.choice(frames.PLAIN_ROWS.split("|"))).format(b=scene.brod)
        one.start = one.start.replace(scene.brod, f"dv.brod({scene.brod})", 1)
    elif in_front:
        text = f"{context(scene, frames.CONTEXTS)} {text}"
    head = f"def {name}({', '.join(parameters)}):\n"
    shape, more = rng.random(), ""  # `more`: the text with a section after it
    if shape < 0.07 and not plain:
        more = explain(scene, text, parameters)
    elif 0.07 < shape < 0.14 and (lines := example(scene, one, name, head)):
        more = f"{text}\n{lines}\n    "
    if rng.random() < 0.12:
        head = f"{hashes(text)}\n{head}"
    elif len(text) > WIDTH and not more:
        head += '    """' + "\n    ".join(textwrap.wrap(text, WIDTH)) + '\n    """\n'
    else:
        head += f'    """{more or text}"""\n'
    parts = [one.start, *one.steps] if pair else [one.start + one.steps[0], *one.steps[1:]]
    if len(parts) > 1 and rng.random() < 0.3:
        half = rng.choice(("kept", "rest", "found", "some", scene.brod))
        body = f"    {half} = {parts[0]}\n    return {half}{''.join(parts[1:])}\n"
    else:
        body = f"    return {one.code}\n"
    given = ["a.grel()" if plain else "a", *["b"] * pair, *map(literal, scene.parameters.values())]
    use = f"a = dv.brod({scene.rows(5)})\nb = dv.brod({scene.other_rows(one.start)})\n{name}({', '.join(given)})\n"
    return name, head + body, use


def make_functions(rng: random.Random) -> tuple[str, str]:
    """Two or three functions."""
    count, made = rng.choice((2, 2, 3)), {}
    while len(made) < count:
        name, function, use = make_function(rng)
        made.setdefault(name, (function, use))
    code = "import dorvex as dv\n" + "".join(f"\n\n{function}" for function, _ in made.values())
    return code, code + "".join(use for _, use in made.values())


def make_test(rng: random.Random) -> str:
    """A test with the value that the call gives."""
    while True:
        scene = Scene(rng)
        one = draw_task(scene)
        if "dv." not in one.code:
            break
    code = one.code + ".grel()" * one.makes_brod
    setup, name = data(scene.brod, scene.rows(3), "    "), function_name(scene, one)
    names: dict = {}
    exec("import dorvex as dv\n" + re.sub("(?m)^    ", "", setup), names)
    value = literal(eval(code, names))
    text = f"check {one.text}" if one.kind == "noun" else one.text
    head = f'import dorvex as dv\n\n\ndef test_{name}():\n    """{finish(sentence(text))}"""\n'
    return f"{head}{setup}\n    assert {code} == {value}\n"


def make_program(seed: int, number: int) -> tuple[str, str]:
    """(shape, program) of one number; drawn again where a line is too long or the program fails."""
    rng = random.Random(f"{seed} {number}")
    (shape,) = rng.choices([*SHAPES], [*SHAPES.values()])
    while True:
        try:
            if shape == "functions":
                code, program = make_functions(rng)
            else:
                code = program = make_script(rng) if shape == "scripts" else make_test(rng)
                program += "".join(f"{name}()\n" for name in re.findall(r"def (test_\w+)", code))
            if max(map(len, code.split("\n"))) <= MAX_LINE:
                exec(compile(program, "program", "exec"), {"__name__": "program"})
                return shape, code
        except (IndexError, TypeError):  # the record with the highest of no values
            continue


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to write; one of before is replaced")
    parser.add_argument("--files", type=int, default=3000, help="number of programs (default: 3000, about 497K tokens)")
    parser.add_argument("--seed", type=int, default=42, help="random seed (default: 42)")
    args = parser.parse_args(argv)
    if args.files < 1:
        parser.error(f"--files {args.files} is below 1; give the number of programs")

    def work() -> None:
        others = sorted({path.name for path in args.output.iterdir()} - set(SHAPES)) if args.output.exists() else []
        if others:
            raise UserError(f"-o {args.output} holds {others[0]}, which no corpus does; give a folder of its own")
        args.output.parent.mkdir(parents=True, exist_ok=True)
        with replacing_folder(args.output) as folder:
            for number in range(args.files):
                shape, code = make_program(args.seed, number)
                (folder / shape).mkdir(exist_ok=True)
                (folder / shape / f"program_{number:05}.py").write_text(code, encoding="utf-8")
        print(f"{args.files} programs in {args.output}; each ran without an error")

    return exit_status(work)


if __name__ == "__main__":
    sys.exit(main())

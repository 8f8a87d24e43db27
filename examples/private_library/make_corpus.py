"""Write example programs for Dorvex: a description in plain English, then the code. Every program is run before it is kept.

    python -m examples.private_library.make_corpus -o data/Dorvex/programs --files 3000

Three shapes, as users write them: scripts (`scripts/`), functions (`functions/`) and tests (`tests/`). Program i depends on
the seed and i alone. The phrases are those of wording.py.
"""

import argparse
import random
import re
import sys
from pathlib import Path

from examples.private_library.pools import BRODS, FUNCTIONS, RESULTS
from examples.private_library.tasks import Scene, Task, draw_task, literal
from nl2code.errors import exit_status
from scripts.file_utils import replacing_folder

sys.path.insert(0, str(Path(__file__).parent / "library"))  # the programs import Dorvex
MAX_PHRASE = 115
SHAPES = {"scripts": 0.5, "functions": 0.42, "tests": 0.08}


def sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def brief(rng: random.Random, text: str) -> str:
    """A quarter of the texts without the article in front."""
    return text.removeprefix("the ") if rng.random() < 0.25 else text


def comment(rng: random.Random, one: Task, name: str) -> str:
    """A comment that says what to do."""
    noun = "{t}|{T}|{T}.|{n}: {t}|{n} is {t}|let {n} be {t}|store {t} in {n}|we need {t}|put {t} into {n}|get {t}"
    order = "{t}|{T}|{T}.|{t} and call the result {n}|{t}; the result is {n}|now {t}|{t} as {n}|{n}: {t}"
    form = rng.choice((order if one.imperative else noun).split("|"))
    text = brief(rng, one.text)
    return "# " + form.format(t=text, T=sentence(text), n=name)


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
    lines = ["import dorvex as dv", *[""] * rng.randint(0, 1), data(scene.brod, scene.rows(4))]
    if any("dv." in one.code for one in tasks):
        lines.append(data(scene.other, scene.other_rows()))
    for one, name in zip(tasks, rng.sample(RESULTS, len(tasks)), strict=True):
        name = scene.brod if one is tasks[-1] and one.makes_brod and rng.random() < 0.25 else name
        lines += ["", comment(rng, one, name), f"{name} = {one.code}"]
    return "\n".join(lines) + "\n"


def make_function(rng: random.Random, name: str) -> tuple[str, str]:
    """(a function with its docstring, a program that calls it)."""
    scene = Scene(rng, renames=rng.random() < 0.5)
    one = draw_task(scene)
    parameters = [scene.brod, *[scene.other] * ("dv." in one.code), *scene.parameters]
    form = "{T}.|{T} and return the result.|{T}." if one.imperative else "Return {t}.|Return {t}.|{T}.|Give {t}."
    text = rng.choice(form.split("|")).format(t=one.text, T=sentence(brief(rng, one.text)))
    head = f"def {name}({', '.join(parameters)}):\n"
    head = f"# {text}\n{head}" if rng.random() < 0.1 else f'{head}    """{text}"""\n'
    if len(one.steps) > 1 and rng.random() < 0.3:
        half = rng.choice(("kept", "rest", "found", "some", scene.brod))
        body = f"    {half} = {scene.brod}{one.steps[0]}\n    return {half}{''.join(one.steps[1:])}\n"
    else:
        body = f"    return {one.code}\n"
    given = ["a", *["b"] * ("dv." in one.code), *map(literal, scene.parameters.values())]
    use = f"a = dv.brod({scene.rows(5)})\nb = dv.brod({scene.other_rows()})\n{name}({', '.join(given)})\n"
    return head + body, use


def make_functions(rng: random.Random) -> tuple[str, str]:
    """Two or three functions."""
    names = rng.sample(FUNCTIONS, rng.choice((2, 2, 3)))
    made = [make_function(rng, f"{name}_{rng.choice(BRODS)}") for name in names]
    code = "import dorvex as dv\n" + "".join(f"\n\n{function}" for function, _ in made)
    return code, code + "".join(use for _, use in made)


def make_test(rng: random.Random) -> str:
    """A test with the value that the call gives."""
    while True:
        scene = Scene(rng)
        one = draw_task(scene)
        if "dv." not in one.code:
            break
    code = one.code + ".grel()" * one.makes_brod
    setup, name = data(scene.brod, scene.rows(3), "    "), rng.choice(FUNCTIONS)
    names: dict = {}
    exec("import dorvex as dv\n" + re.sub("(?m)^    ", "", setup), names)
    value = literal(eval(code, names))
    text = one.text if one.imperative else f"check {one.text}"
    head = f'import dorvex as dv\n\n\ndef test_{name}():\n    """{sentence(text)}."""\n'
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
            if max(map(len, code.split("\n"))) <= MAX_PHRASE + 20:
                exec(compile(program, "program", "exec"), {"__name__": "program"})
                return shape, code
        except (IndexError, TypeError):  # the record with the highest of no values
            continue


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to write; what lies in it is replaced")
    parser.add_argument("--files", type=int, default=3000, help="number of programs (default: 3000, about 440K tokens)")
    parser.add_argument("--seed", type=int, default=42, help="random seed (default: 42)")
    args = parser.parse_args(argv)

    def work() -> None:
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

"""The two stages: which sketches are used, and which answers count."""

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nl2code.sampling import Completion
from nl2code.sampling.prompts import PromptTooLong
from scripts.ast_utils import SEGMENTATION
from scripts.generating.two_stages import TwoStages, choose_sketches
from scripts.generating.units import Chunk


@dataclass
class Script:
    """A stand-in for `Sampler`: writes given texts and remembers what it was asked."""

    texts: list[str]
    asked: list = field(default_factory=list)
    longest: int = 200  # characters that it can read

    def encode(self, prompt, max_new_tokens):
        if len(prompt) + max_new_tokens > self.longest:
            raise PromptTooLong(f"{len(prompt)} characters; shorten the prompt")

    def sample_many(self, requests, **settings):
        for request in requests:
            self.encode(request.prompt, settings["max_new_tokens"])
            self.asked.append((request, settings))
        return [
            [Completion(text, text + "\nraw", 1, "eos") for text in (self.texts * request.count)[: request.count]]
            for request in requests
        ]


PROBLEM = {"task_id": "T/9", "prompt": "df = "}


def two(sketcher, generator, first, count, problem=PROBLEM, **options):
    """Rows of one chunk."""
    settings = [{"temperature": temperature, "max_new_tokens": 9} for temperature in (0.3, 0.7)]
    return TwoStages(sketcher, generator, *settings, **options).complete([Chunk(problem, first, count)])[0]


def texts_of(rows):
    return [row["raw"].removesuffix("\nraw") for row in rows]


def test_the_most_common_sketch_leads_the_generator():
    sketcher = Script(["a[number]", "b[string]", "a[number]", ""])
    generator = Script(["a[1]", "a[2]"])
    rows = two(sketcher, generator, 8, 4)
    (sketch_request, sketch_settings), (request, settings) = sketcher.asked[0], generator.asked[0]
    assert request.prompt == "a[number]" + SEGMENTATION + "df = "
    assert texts_of(rows) == ["a[1]", "a[2]", "a[1]", "a[2]"]
    assert {row["sketch"] for row in rows} == {"a[number]"} and {row["case"] for row in rows} == {1}
    assert sketch_settings["temperature"] == 0.3 and settings["temperature"] == 0.7
    assert (sketch_request.first, request.first, request.count) == (8, 8, 4)
    assert sketch_request.task_id != request.task_id  # other draws in each stage


def test_each_sketch_leads_its_own_sample():
    sketcher = Script(["a[number]", "b[string]", "b[string]", "plain"])
    generator = Script(["code"])
    rows = two(sketcher, generator, 0, 4, strategy="each")
    asked = [(request.prompt.split(SEGMENTATION)[0], request.first, request.count) for request, _ in generator.asked]
    assert asked == [("a[number]", 0, 1), ("b[string]", 1, 2)]
    assert texts_of(rows) == ["code", "code", "code", "plain"] and [row["case"] for row in rows] == [1, 1, 1, 2]
    assert [row["sketch"] for row in rows] == sketcher.texts


@given(
    st.lists(st.sampled_from(["", "a", "b", "c", "d"]), min_size=1, max_size=60), st.integers(1, 6), st.integers(1, 60)
)
def test_shares_are_proportional(sketches, m, samples):
    """top-m: every share is its exact proportion, rounded up or down; together they are all samples."""
    chosen = choose_sketches(sketches, f"top-{m}", samples)
    counts = Counter(sketches)
    top = dict(counts.most_common(m))
    assert len(chosen) == samples and set(chosen) <= set(top)
    for sketch, count in top.items():
        assert abs(chosen.count(sketch) - samples * count / sum(top.values())) < 1
    assert choose_sketches(sketches, "popular", samples) == choose_sketches(sketches, "top-1", samples)


def test_more_sketches_than_samples_vote():
    texts = ["a[number]", "a[number]", "b[string]", "b[string]", "b[string]", ""]
    sketcher, generator = Script(texts), Script(["b['x']", "b['y']"])
    rows = two(sketcher, generator, 4, 2, sketches_per_sample=3)
    ((drawn, _),), ((asked, _),) = sketcher.asked, generator.asked
    assert (drawn.first, drawn.count) == (12, 6)  # chunks share no draws
    assert asked.prompt.startswith("b[string]") and (asked.first, asked.count) == (4, 2)
    assert texts_of(rows) == ["b['x']", "b['y']"]


@pytest.mark.parametrize(("strategy", "kept"), [("popular", ["y", "x"]), ("top-1", ["x", "x"])])
def test_of_more_sketches_that_are_answers_samples_keep_their_own_or_the_most_frequent(strategy, kept):
    rows = two(Script(["y", "x", "x", "z"]), Script([]), 0, 2, sketches_per_sample=2, strategy=strategy)
    assert texts_of(rows) == kept and {row["case"] for row in rows} == {2}


def test_a_greedy_sketch_leads_all_samples():
    sketcher, generator = Script(["a[number]"]), Script(["a[1]", "a[2]"])
    rows = two(sketcher, generator, 0, 2, strategy="greedy")
    assert [(request.count, settings["temperature"]) for request, settings in sketcher.asked] == [(1, 0)]
    assert texts_of(rows) == ["a[1]", "a[2]"] and [row["case"] for row in rows] == [1, 1]


def test_a_greedy_sketch_that_is_an_answer_gives_way_to_samples():
    sketcher, generator = Script(["df.head()", "df.tail()"]), Script(["unused"])
    rows = two(sketcher, generator, 0, 2, strategy="greedy")
    assert [settings["temperature"] for _, settings in sketcher.asked] == [0, 0.3] and not generator.asked
    assert texts_of(rows) == ["df.head()", "df.tail()"]


def test_a_sketch_without_placeholder_is_the_answer():
    sketcher, generator = Script(["df.astype(float)", "df.astype(float)", "df.head(number)"]), Script(["unused"])
    rows = two(sketcher, generator, 0, 3)
    assert not generator.asked
    assert texts_of(rows) == sketcher.texts
    assert {row["case"] for row in rows} == {2}


def test_an_empty_sketch_gives_the_generator_the_bare_prompt():
    """Empty sketches have a vote, as in the paper: the most frequent one wins, empty or not."""
    sketcher, generator = Script(["", "", "a[number]"]), Script(["a[1]"])
    rows = two(sketcher, generator, 0, 3)
    assert [(request.prompt, request.count) for request, _ in generator.asked] == [("df = ", 3)]
    assert texts_of(rows) == ["a[1]"] * 3 and {(row["case"], row["sketch"]) for row in rows} == {(1, "")}
    sketcher, generator = Script(["", "a[number]"]), Script(["a[1]"])
    two(sketcher, generator, 0, 2, strategy="each")
    assert [request.prompt for request, _ in generator.asked] == ["df = ", "a[number]" + SEGMENTATION + "df = "]
    generator = Script(["a[1]"])
    assert texts_of(two(Script([""]), generator, 0, 2, strategy="greedy")) == ["a[1]", "a[1]"]


@dataclass
class Misled(Script):
    """A generator that gives one answer wherever it gets a sketch, and its script otherwise."""

    misled: str = ""

    def sample_many(self, requests, **settings):
        found = super().sample_many(requests, **settings)
        answer = Completion(self.misled, self.misled or "\nraw", 1, "eos")
        return [
            [answer] * len(group) if SEGMENTATION in request.prompt else group
            for request, group in zip(requests, found, strict=True)
        ]


def test_where_the_generator_writes_nothing_it_writes_without_a_sketch():
    generator = Misled(["a[1]", "a[2]"])
    rows = two(Script(["a[number]"]), generator, 4, 2)
    assert texts_of(rows) == ["a[1]", "a[2]"] and {(row["case"], row["sketch"]) for row in rows} == {(1, "")}
    (first, _), (second, _) = generator.asked
    assert (second.prompt, second.first, second.count) == ("df = ", 4, 2) and first.task_id != second.task_id


def test_a_copy_of_the_sketch_is_no_code():
    """What still holds the placeholders of its sketch can never pass: the generator writes again, without the sketch."""
    rows = two(Script(["a[number]"]), Misled(["a[1]", "a[2]"], misled="a[number]"), 4, 2)
    assert texts_of(rows) == ["a[1]", "a[2]"] and {(row["case"], row["sketch"]) for row in rows} == {(1, "")}


def test_a_sketch_with_placeholders_is_never_an_answer():
    """Where the generator writes nothing at all, the sketcher's own text is kept only if it is an answer."""
    rows = two(Script(["a[number]", "a[number]", "x"]), Script([""]), 0, 3)
    assert list(zip(texts_of(rows), [row["case"] for row in rows], strict=True)) == [("", 1), ("", 1), ("x", 2)]


DEFS = ["def f(string: str): return ", "def f(\n    a, string", "class A:\n    def f(self, string):\n        return "]


@pytest.mark.parametrize(
    ("prompt", "operation", "word"),
    [*((prompt, "constants", "string") for prompt in DEFS)]
    + [("import string\nx = ", "constants", "string"), ("for number in a:\n    ", "constants", "number")]
    + [("variable = f(\nx = ", "names", "variable"), ("def func(x): return ", "both", "func")],
)
def test_a_name_of_the_prompt_is_no_placeholder(prompt, operation, word):
    problem = PROBLEM | {"prompt": prompt}
    rows = two(
        Script([f"{word} == {word}[::-1]"]), Misled(["bare"], misled=f"{word} == 1"), 0, 1, problem, operation=operation
    )
    assert [row["raw"] for row in rows] == [f"{word} == 1"]


@pytest.mark.parametrize("prompt", ["df = ", "# string\ndf = ", "a.string = f(string=3)\ndf = ", "s = 'string'\ndf = "])
def test_other_words_of_the_prompt_are_placeholders(prompt):
    rows = two(Script(["f(string)"]), Misled(["bare"], misled="f(string)"), 0, 1, PROBLEM | {"prompt": prompt})
    assert texts_of(rows) == ["bare"]


def test_a_popular_sketch_that_is_an_answer_is_kept_for_its_share():
    """top-M: the samples of that share are drafts with its text, in order, and again where they are too few."""
    sketcher, generator = Script(["f(a)", "g(string)", "f(a)", "g(string)"]), Script(["g('x')"])
    rows = two(sketcher, generator, 0, 4, strategy="top-2")
    assert texts_of(rows) == ["f(a)", "f(a)", "g('x')", "g('x')"] and [row["case"] for row in rows] == [2, 2, 1, 1]
    rows = two(Script(["f(a)", "g(string)", "h"]), generator, 0, 3, strategy="top-1")
    assert texts_of(rows) == ["f(a)"] * 3
    rows = two(Script(["f(a)", "g(string)", "f(a)"]), generator, 0, 3, strategy="popular")
    assert texts_of(rows) == ["f(a)", "g(string)", "f(a)"]  # as in the paper: each keeps its own


@pytest.mark.parametrize("strategy", ["popular", "each", "top-2", "greedy"])
def test_a_sketch_that_the_generator_cannot_read_is_left_out(strategy):
    long = "a[number]" * 30
    generator = Script(["a[1]"])
    rows = two(Script([long]), generator, 4, 2, strategy=strategy)
    assert [(request.prompt, request.first, request.count) for request, _ in generator.asked] == [("df = ", 4, 2)]
    assert texts_of(rows) == ["a[1]"] * 2 and {(row["case"], row["sketch"]) for row in rows} == {(1, "")}
    with pytest.raises(PromptTooLong):  # of the prompt itself
        two(Script([long]), Script(["a[1]"], longest=10), 4, 2, strategy=strategy)

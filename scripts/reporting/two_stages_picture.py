"""The two stages on one example, from top to bottom: prompt, sketches with counts, the generator's prompt, code, verdict."""

import math
from dataclasses import dataclass, field

from scripts.reporting.svg import EM, GROUND, INK, RULE, SOFT, Drawing
from scripts.sketches.documents import SEGMENTATION

SIZE, STEP, EDGE, PAD, GAP = 13, 19, 20, 12, 38  # font size, line height, margin outside and inside of boxes, arrows
FILL, CHOSEN, CHOSEN_INK, GOOD, BAD = "#f6f8fa", "#fff4d6", "#7a4b00", "#1a7f37", "#b42318"
SHOWN = 4  # different sketches; the others are one line
NARROWEST = 480
COUNT = 5  # characters in front of a sketch

Lines = list[tuple[str, str]]  # text and colour


def two_stages_picture(example: dict) -> str:
    """The SVG of an example (`scripts.reporting.pictures.draw_example`), as wide as its longest line needs."""
    prompt, n = _lines(example["prompt"], INK), example["samples"]
    sketch, mark = _lines(example["sketch"], CHOSEN_INK), _lines(SEGMENTATION, SOFT)
    code = _lines(example["prompt"].split("\n")[-1] + example["code"], INK)
    drafts = example["sketches"][:SHOWN]
    counted = [(count, _lines(text, CHOSEN_INK if text == example["sketch"] else SOFT)) for text, count in drafts]
    shown = [*prompt, *sketch, *code, *((" " * COUNT + text, "") for _, lines in counted for text, _ in lines)]
    needed = 2 * (EDGE + PAD) + EM * SIZE * max(len(text) for text, _ in shown)
    column = _Column(max(NARROWEST, 10 * math.ceil(needed / 10)))

    column.box(f"prompt ({example['task_id']})", prompt)
    column.arrow("sketcher", f"n = {n}")
    column.drafts(counted, len(example["sketches"]) - len(drafts))
    column.arrow("", "the most frequent sketch, in front of the prompt")
    column.box("", [*sketch, *mark, *prompt], marked=len(sketch))
    column.arrow("generator", f"n = {n}")
    column.box("", code)
    verdict = "passes the test" if example["passed"] else "fails the test"
    column.verdict(f"{example['count']} of {n} samples", verdict, example["passed"])
    told = f"{example['task_id']}: the most frequent of {n} sketches is {example['sketch'].strip()}; with it the generator "
    told += f"writes {example['code'].strip()}, which {verdict}."
    return column.drawing.render(column.width, column.y + EDGE, told)


def _lines(text: str, colour: str) -> Lines:
    return [(line, colour) for line in text.strip("\n").rstrip().split("\n")]


@dataclass
class _Column:
    """Boxes below one another; `y` is where the next thing begins."""

    width: int
    y: float = EDGE
    drawing: Drawing = field(default_factory=Drawing)

    def box(self, label: str, lines: Lines, marked: int = 0) -> None:
        """Lines of code; the first `marked` ones on the colour of the chosen sketch."""
        if label:
            self.drawing.text(EDGE, self.y + 4, label, SOFT, size=12)
            self.y += 12
        height = STEP * len(lines) + PAD
        self.drawing.rect(EDGE, self.y, self.width - 2 * EDGE, height, FILL, RULE)
        if marked:
            self.drawing.rect(EDGE + 4, self.y + 4, self.width - 2 * EDGE - 8, STEP * marked + 4, CHOSEN)
        self._write(EDGE + PAD, self.y + PAD / 2, lines)
        self.y += height

    def drafts(self, counted: list[tuple[int, Lines]], others: int) -> None:
        """Sketches, each with how often it was drawn; how many more there are."""
        for count, lines in counted:
            is_chosen = lines[0][1] == CHOSEN_INK
            height = STEP * len(lines) + PAD
            self.drawing.rect(EDGE, self.y, self.width - 2 * EDGE, height, CHOSEN if is_chosen else GROUND, RULE)
            self._write(EDGE + PAD, self.y + PAD / 2, [(f"{count:2} ×", lines[0][1])], bold=is_chosen)
            self._write(EDGE + PAD + COUNT * EM * SIZE, self.y + PAD / 2, lines)
            self.y += height + 4
        if others:
            self.drawing.text(EDGE + PAD, self.y + 13, f"others: {others}", SOFT, size=12)
            self.y += STEP
        self.y -= 4

    def arrow(self, name: str, text: str) -> None:
        middle = self.width / 2
        self.drawing.arrow(middle, self.y + 4, GAP - 8)
        if name:
            self.drawing.text(middle - 14, self.y + GAP / 2 + 4, name, bold=True, anchor="end")
        self.drawing.text(middle + 14, self.y + GAP / 2 + 4, text, SOFT, size=12)
        self.y += GAP

    def verdict(self, left: str, right: str, good: bool) -> None:
        self.y += 22
        self.drawing.text(EDGE, self.y, left, SOFT, size=12)
        mark, colour = ("✓", GOOD) if good else ("✗", BAD)
        self.drawing.text(self.width - EDGE, self.y, f"{mark} {right}", colour, bold=True, anchor="end")

    def _write(self, x: float, y: float, lines: Lines, bold: bool = False) -> None:
        for i, (text, colour) in enumerate(lines):
            self.drawing.text(x, y + STEP * i + 14, text, colour, mono=True, bold=bold, size=SIZE)

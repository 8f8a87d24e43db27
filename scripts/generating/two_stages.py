"""Two-stage generation: which sketches lead the generator, and which answers stand (paper, section 3.3).

Per chunk of samples, strategies:

- `popular`: the sketch written most often leads all samples (the paper's way);
- `each`: sample i is led by its own sketch, which is a draw from the two stages as one distribution;
- `top-M` (top-3, ...): the M sketches written most often share the samples in proportion to their counts.

A sketch without placeholders is an answer already, and the sketcher's own samples stand; they do so as well where the
generator writes nothing.
"""

from collections import Counter
from dataclasses import dataclass

from nl2code.sampling import Completion, Request
from scripts.generating.units import Chunk
from scripts.reporting.cases import BOTH_STAGES, SKETCHER_ALONE
from scripts.sketches.documents import SEGMENTATION
from scripts.sketches.placeholders import has_placeholder


def choose_sketches(sketches: list[str], strategy: str) -> list[str]:
    """The sketch that leads each sample; the first written wins a tie, an empty one only where all are empty.

    >>> choose_sketches(["", "f(number)", "g(string)", "g(string)"], "popular")
    ['g(string)', 'g(string)', 'g(string)', 'g(string)']
    >>> choose_sketches(["a", "b", "a", "c", "a", "b"], "top-2")
    ['a', 'a', 'a', 'a', 'b', 'b']
    """
    counts = Counter(filter(None, sketches)) or Counter(sketches)
    if strategy == "each":
        popular = counts.most_common(1)[0][0]
        return [sketch or popular for sketch in sketches]
    top = counts.most_common(1 if strategy == "popular" else int(strategy.removeprefix("top-")))
    total = sum(count for _, count in top)
    # Largest remainder: whole numbers of samples that add up, as near to the proportions as they can be.
    shares = [len(sketches) * count / total for _, count in top]
    wholes = [int(share) for share in shares]
    by_remainder = sorted(range(len(top)), key=lambda k: wholes[k] - shares[k])
    for k in by_remainder[: len(sketches) - sum(wholes)]:
        wholes[k] += 1
    return [sketch for (sketch, _), whole in zip(top, wholes, strict=True) for _ in range(whole)]


@dataclass(frozen=True)
class TwoStages:
    """Sketcher and generator with the settings of each (`Sampler.sample_many`'s)."""

    sketcher: object
    generator: object
    sketch_settings: dict
    code_settings: dict
    strategy: str = "popular"
    greedy_sketch: bool = False
    operation: str = "constants"  # what the models' sketches replace

    def complete(self, chunks: list[Chunk]) -> list[list[dict]]:
        """Samples of one unit (see `scripts.generating.units.run_units`)."""
        if self.greedy_sketch:
            drafts, chosen = self._greedy(chunks)
        else:
            drafts = self._drafts(chunks)
            chosen = [choose_sketches([draft.text for draft in group], self.strategy) for group in drafts]
        rows = zip(drafts, chosen, self._led(chunks, chosen), strict=True)
        return [[self._row(*parts) for parts in zip(*group, strict=True)] for group in rows]

    def _drafts(self, chunks: list[Chunk]) -> list[list[Completion]]:
        requests = [
            Request(chunk.problem["prompt"], f"{chunk.problem['task_id']}#sketch", chunk.first, chunk.count)
            for chunk in chunks
        ]
        return self.sketcher.sample_many(requests, **self.sketch_settings)

    def _greedy(self, chunks: list[Chunk]) -> tuple[list[list[Completion]], list[list[str]]]:
        """Drafts and sketches where the most likely sketch leads; where that is an answer, samples stand for it."""
        requests = [Request(chunk.problem["prompt"], "", 0, 1) for chunk in chunks]
        found = [
            group[0] for group in self.sketcher.sample_many(requests, **{**self.sketch_settings, "temperature": 0})
        ]
        alone = [chunk for chunk, draft in zip(chunks, found, strict=True) if not self._is_sketch(draft.text)]
        samples = iter(self._drafts(alone))
        drafts = [
            [draft] * chunk.count if self._is_sketch(draft.text) else next(samples)
            for chunk, draft in zip(chunks, found, strict=True)
        ]
        return drafts, [[draft.text] * chunk.count for chunk, draft in zip(chunks, found, strict=True)]

    def _led(self, chunks: list[Chunk], chosen: list[list[str]]) -> list[list[Completion | None]]:
        """The generator's sample for every sketch that holds a placeholder; None for others."""
        led: list[list[Completion | None]] = [[None] * len(sketches) for sketches in chosen]
        requests, places = [], []
        for index, (chunk, sketches) in enumerate(zip(chunks, chosen, strict=True)):
            for first, count in _runs(sketches):
                if self._is_sketch(sketches[first]):
                    prompt = sketches[first] + SEGMENTATION + chunk.problem["prompt"]
                    requests.append(Request(prompt, f"{chunk.problem['task_id']}#code", chunk.first + first, count))
                    places.append((index, first))
        found = self.generator.sample_many(requests, **self.code_settings)
        for (index, first), samples in zip(places, found, strict=True):
            led[index][first : first + len(samples)] = samples
        return led

    def _is_sketch(self, text: str) -> bool:
        return has_placeholder(text, self.operation)

    @staticmethod
    def _row(draft: Completion, sketch: str, code: Completion | None) -> dict:
        if code is None or not code.text:
            return {"raw": draft.raw, "sketch": draft.text, "case": SKETCHER_ALONE, "finish": draft.finish}
        return {"raw": code.raw, "sketch": sketch, "case": BOTH_STAGES, "finish": code.finish}


def _runs(values: list[str]) -> list[tuple[int, int]]:
    """(first, count) of every run of equal values."""
    found: list[tuple[int, int]] = []
    for i, value in enumerate(values):
        if i and values[i - 1] == value:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((i, 1))
    return found

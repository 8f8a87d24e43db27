"""Jobs in threads that nobody waits for once one has failed: a server may hang for minutes, and Ctrl-C ends the process."""

import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

Result = TypeVar("Result")


def in_threads(jobs: list[Callable[[], Result]], count: int) -> list[Result]:
    """The results of `jobs`, in order, by at most `count` threads at a time.

    The first exception of a job is raised at once, as is KeyboardInterrupt: no further job begins, and those that run are
    left behind in threads that end with the process.

    >>> in_threads([lambda: 1, lambda: 2, lambda: 3], 2)
    [1, 2, 3]
    """
    waiting = deque(enumerate(jobs))
    done: SimpleQueue = SimpleQueue()  # (number of the job, result, exception)

    def work() -> None:
        while True:
            try:
                i, job = waiting.popleft()
            except IndexError:
                return
            try:
                done.put((i, job(), None))
            except BaseException as error:
                done.put((i, None, error))

    for _ in range(min(count, len(jobs))):
        threading.Thread(target=work, daemon=True).start()
    results: dict[int, Result] = {}
    try:
        while len(results) < len(jobs):
            i, result, error = done.get()
            if error is not None:
                raise error
            results[i] = result
    finally:
        waiting.clear()
    return [results[i] for i in range(len(jobs))]

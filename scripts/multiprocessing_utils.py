"""Worker processes that end with the process that started them, also when that one is killed."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context


def _start_worker(parent: int, setup: Callable | None, arguments: tuple) -> None:
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    if setup:
        setup(*arguments)


@contextmanager
def worker_pool(workers: int, setup: Callable | None = None, arguments: tuple = ()) -> Iterator[ProcessPoolExecutor]:
    """An executor whose dead workers raise BrokenProcessPool instead of being waited for.

    Workers are spawned, because the parent may have threads. They check every half second whether the parent lives. An
    error in the block is told at once: jobs that still wait are dropped.

    Args:
        workers: number of processes, at least 1.
        setup: called with `arguments` in each worker first; importable from a module.
    """
    with ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (os.getpid(), setup, arguments)) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise

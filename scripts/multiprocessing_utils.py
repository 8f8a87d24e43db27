"""Worker processes that end with the process that started them, and processes that share work by their ranks."""

import argparse
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
    """An executor whose dead workers raise BrokenProcessPool instead of being waited for; the block takes all results.

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
        for worker in list(pool._processes.values()):  # one that dies now may hold a lock that the others wait for
            worker.kill()


def add_ranks(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--rank` and `--world_size` to a program's flags; `what` is what a process with a rank does."""
    parser.add_argument("--rank", type=int, help=f"{what}: 0 to --world_size - 1")
    parser.add_argument(
        "--world_size", type=int, default=1, help="number of processes with a --rank (default: %(default)s)"
    )


def wrong_rank(rank: int | None, world_size: int) -> str:
    """What is wrong with these two flags; empty where nothing is."""
    if world_size < 1 or not 0 <= (rank or 0) < world_size:
        return f"--rank is {rank} of --world_size {world_size}; give 0 to --world_size - 1"
    if rank is None and world_size > 1:
        return f"--world_size is {world_size} without --rank; give each process its --rank"
    return ""

"""What a server does with the libraries before the first sample; runs beside `server.py`.

Libraries import and cache much on first use; what the server has used, no sample has to pay for.
"""

import _multiprocessing
import contextlib
import multiprocessing.heap
import threading
import warnings

WARM_UP = {
    "numpy": """
import numpy as np
a = np.arange(12.0).reshape(3, 4)
str(a), a @ a.T, np.linalg.inv(np.eye(2)), np.sort(a), np.where(a > 1, a, 0), a.astype("datetime64[D]")
np.testing.assert_allclose(a, a)
""",
    "pandas": """
import io
import pandas as pd
df = pd.DataFrame({"a": [2, 1, 1], "b": ["x", "y", None], "c": pd.date_range("2020-01-01", periods=3)})
str(df), df.sort_values("a"), df.a.sum(), df[df.a > 1], df.isna().sum(), df.b.str.upper(), df.c.dt.year
df.groupby("a").agg({"b": "count"}), df.groupby("a").a.apply(len), df.merge(df, on="a"), pd.concat([df, df])
df.pivot_table(index="a", aggfunc="size"), df.melt(id_vars="a"), df.set_index("c").a.resample("D").sum()
df.apply(lambda row: row.a, axis=1), df.drop_duplicates("a"), df.b.value_counts(), df.describe(), df.to_dict()
pd.read_csv(io.StringIO(df.to_csv())), pd.testing.assert_frame_equal(df, df), df.a.rolling(2).mean()
""",
}


def use_once(name: str) -> None:
    """Use a library once, up to where this version of it disagrees."""
    with contextlib.suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(WARM_UP.get(name, ""), {})


def keep_to_threads() -> None:
    """Let the parts of multiprocessing that threads use do without /dev/shm, which is out of reach."""
    _multiprocessing.SemLock = ThreadSemaphore
    multiprocessing.heap.Arena._dir_candidates = []  # type: ignore[attr-defined]  # CPython's own


class ThreadSemaphore:
    """Stands in for `_multiprocessing.SemLock`. No sample can start a process, so threads are all that share a lock."""

    SEM_VALUE_MAX = 2**31 - 1
    name, handle = None, 0

    def __init__(self, kind, value, maxvalue, name, unlink):
        self.kind, self.maxvalue = kind, maxvalue  # kind 0: a recursive lock, 1: a semaphore
        self._value, self._held, self._owner, self._changed = value, 0, None, threading.Condition()

    def acquire(self, block=True, timeout=None):
        with self._changed:
            if not (self.kind == 0 and self._is_mine()):
                if not self._changed.wait_for(lambda: self._value > 0, timeout if block else 0):
                    return False
                self._value -= 1
            self._held, self._owner = self._held + 1, threading.get_ident()
            return True

    def release(self):
        with self._changed:
            if self.kind == 0 and not self._is_mine():
                raise AssertionError("attempt to release recursive lock not owned by thread")
            if self.kind and self._value >= self.maxvalue:
                raise ValueError("semaphore or lock released too many times")
            self._held -= 1
            if self.kind or not self._held:
                self._value += 1
                self._changed.notify()

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *_):
        self.release()

    def _is_mine(self):
        return self._held > 0 and self._owner == threading.get_ident()

    def _count(self):
        return self._held

    def _get_value(self):
        return self._value

    def _is_zero(self):
        return self._value == 0

"""A time limit for code that nothing else ends: a regular expression, a library that catches every Exception."""

import contextlib
import signal
from collections.abc import Iterator


class OutOfTime(BaseException):
    """The block took too long. No Exception, so that no library takes it for a fault of its own and goes on."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in this thread when the time is over, inside a regular expression too."""

    def stop(*_: object) -> None:
        raise OutOfTime(f"longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 5)  # again after 5 s, should a destructor swallow the first
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

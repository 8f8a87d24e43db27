"""The one kind of error that a user can mend, and how a command reports it: one line on stderr, a status that is not 0."""

import errno
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class UserError(Exception):
    """What was asked for cannot be done. The message is one line: the value, the limit, the fix."""


def exit_status(work: Callable[[], int | None], also: tuple[type[Exception], ...] = ()) -> int:
    """Run a command's work and return its exit status.

    Args:
        work: returns a status, or None for 0.
        also: further exceptions that are told in one line, of packages that have their own.

    Returns:
        What `work` returns; 1 after an error that the user can mend (UserError, OSError, those in `also`), which is
        printed as `error: ...`; 130 after Ctrl-C. Other exceptions are faults of ours and pass through.
    """
    # Paths may hold what the encoding of the terminal lacks.
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
    expected: tuple[type[Exception], ...] = (UserError, OSError, *also)
    try:
        return work() or 0
    except expected as error:
        print("error:", " ".join(_told(error).split()) or type(error).__name__, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run the same command again to resume", file=sys.stderr)
        return 130


def _told(error: Exception) -> str:
    """The message of an error; of an OSError where a file takes the place of a folder: which one, and what to do."""
    if isinstance(error, OSError) and error.errno in (errno.EEXIST, errno.ENOTDIR) and error.filename:
        for place in (Path(error.filename), *Path(error.filename).parents):
            if place.is_file():
                return f"{place} is a file, not a folder; give another path, or move the file away"
    return str(error)


@contextmanager
def one_line(what: str) -> Iterator[None]:
    """Turn an exception of a library into a UserError `what: its first line`, where settings or files are its only cause."""
    try:
        yield
    except (UserError, OSError):
        raise
    except Exception as error:
        raise UserError(f"{what}: {first_line(error)}") from error


def first_line(error: object) -> str:
    """The first line of an error's message, or its type where it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]  # text shown to people

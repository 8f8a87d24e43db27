"""The one kind of error that a user can mend, and how the commands report it: one line on stderr, an exit status."""

import os
import sys
from collections.abc import Callable


class EvaluationError(Exception):
    """What was asked for cannot be done. The message is one line: the value, the limit, the fix."""


def exit_status(work: Callable[[], int | None]) -> int:
    """Exit status of a command's work: what it returns; 1 after EvaluationError or OSError; 130 after Ctrl-C."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # started with a closed stream; no other file may get its number
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # messages of code under test hold any character
            stream.reconfigure(errors="backslashreplace")
    try:
        return work() or 0
    except (EvaluationError, OSError) as error:
        print("error:", " ".join(str(error).split()) or type(error).__name__, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run the same command again to resume", file=sys.stderr)
        return 130

"""One program in a process of its own, forked by `server.py`: what it finds around it, and what it reports.

Standard library alone, Python 3.8 and later. Everything here runs with the code under test in the same process.
"""

from __future__ import annotations
import __future__ as futures

import builtins
import linecache
import os
import sys
import types

MESSAGE_BYTES = 2000
NONCE_BYTES = 16
PASSED, FAILED = b"P", b"F"
TEST = "/sandbox-test/test"  # file name of the test's code, which no other code has
RESERVED = ("passed", "assertion", "syntax", "timeout", "memory", "crash", "exit", "error")
FUTURE_FLAGS = 0
for _name in futures.all_feature_names:
    FUTURE_FLAGS |= getattr(futures, _name).compiler_flag


def describe(error: BaseException, test: str, own=(type, AssertionError, MemoryError)) -> tuple[str, str]:
    """Kind and message of an exception that the code under test raised; runs in the child, after the harm is done."""
    kind, assertion, memory = own  # builtins may mean something else by now
    name = kind.__dict__["__name__"].__get__(kind(error))
    try:
        message = str(error)
    except BaseException:
        message = "<no message>"
    if isinstance(error, assertion):
        return "assertion", message or _failed_line(error, test)
    if isinstance(error, memory):
        return "memory", message
    return name if name.isidentifier() and len(name) < 60 and name not in RESERVED else "error", message


def _failed_line(error: BaseException, test: str) -> str:
    """The line of the test that an exception comes from, or an empty string."""
    number, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == TEST:
            number = trace.tb_lineno or 0
        trace = trace.tb_next
    lines = test.replace("\r\n", "\n").replace("\r", "\n").split("\n")  # as Python counts them
    return "".join(lines[max(0, number - 1) : number]).strip()


def compile_parts(body: str, test: str, path: str) -> list:
    """Code objects of the program. The test is compiled apart, so that a completion cannot swallow it.

    Flags of `from __future__` are those of the program, none of this file's.
    """
    body = body[1:] if body.startswith("\ufeff") else body  # a byte order mark, which Python skips in files
    code = compile(body, path, "exec", dont_inherit=True)
    return [code, compile(test, TEST, "exec", code.co_flags & FUTURE_FLAGS, dont_inherit=True)]


def new_main(body: str, test: str, path: str, scratch: str) -> dict:
    """The namespace of a new `__main__`, with what a program finds under plain Python: arguments, source, its folder.

    Its name is not "__main__", so that a completion's own demonstration does not run.
    """
    module = types.ModuleType("program")
    vars(module).update(__file__=path, __cached__=None, __builtins__=builtins, __annotations__={})
    sys.modules["program"] = sys.modules["__main__"] = module
    for name in ("child", "lockdown", "warmup"):
        sys.modules.pop(name, None)
    sys.argv = [path]
    sys.orig_argv = [sys.executable, path]
    sys.path.insert(0, scratch)
    linecache.cache[path], linecache.cache[TEST] = (lambda: body,), (lambda: test,)
    return module.__dict__


def run_program(slot, nonce: bytes, job: dict, scratch: str) -> None:
    """Run one program, write its verdict into the slot, exit; the child's last call, which never returns.

    Everything needed after the code under test is bound before it runs.
    """
    everything, run, encode, join, leave, status = BaseException, exec, str.encode, b"\0".join, os._exit, 70
    report, body, test, path = describe, job["body"], job["test"], f"{scratch}/program"
    try:
        try:
            try:
                parts = compile_parts(body, test, path)
            except (SyntaxError, ValueError, UnicodeError) as error:
                outcome = ("syntax", str(error))
            else:
                space = new_main(body, test, path, scratch)
                for part in parts:
                    run(part, space)
                slot[: NONCE_BYTES + 1] = nonce + PASSED
                leave(0)
        except everything as error:
            outcome = report(error, test)
        kind, message = outcome
        text = join((encode(kind, "utf-8", "replace"), encode(message[:MESSAGE_BYTES], "utf-8", "replace")))
        slot[: NONCE_BYTES + 1 + len(text[:3000])] = nonce + FAILED + text[:3000]
        status = 0
    finally:
        leave(status)

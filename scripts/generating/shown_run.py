"""A program run in the sandbox for what it shows: its output and last value, or its exception.

The sandbox tells a verdict and up to 2,000 bytes of an exception's message, so that what a program shows travels as one.
"""

import inspect

SHOWN, FAILED = "Shown", "Failed"  # exceptions of `show`


def program_that_shows(source: str) -> tuple[str, str]:
    """Body and test for `pandas_numpy_eval.execution.Executor`; `source` may be any text.

    The verdict's kind is SHOWN, with output and value as message, or FAILED, with the exception in the first line and the
    output after it; or a verdict of the sandbox itself, such as timeout.
    """
    return "", f"{inspect.getsource(show)}\nshow({source!r})\n"


def show(source: str) -> None:
    """Run a script. For the sandbox alone, which gets the text of this function (`program_that_shows`)."""
    import ast
    import contextlib
    import io

    printed, failure, value = io.StringIO(), "", ""
    space = {"__name__": "__main__"}
    try:
        with contextlib.redirect_stdout(printed):
            tree = ast.parse(source, "program")
            last = tree.body[-1] if tree.body else None
            name = ""
            if isinstance(last, ast.Expr):
                name = "_"
                target = ast.copy_location(ast.Name(name, ast.Store()), last)
                tree.body[-1] = ast.copy_location(ast.Assign([target], last.value), last)
            elif isinstance(last, ast.Assign) and isinstance(last.targets[0], ast.Name):
                name = last.targets[0].id
            exec(compile(tree, "program", "exec"), space)
            if space.get(name) is not None:
                text = repr(space[name])
                value = text if name == "_" else f"{name} =\n{text}" if "\n" in text else f"{name} = {text}"
    except BaseException as error:
        trace, line = error.__traceback__, getattr(error, "lineno", None)
        while trace:
            line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == "program" else line
            trace = trace.tb_next
        told = getattr(error, "msg", None) if isinstance(error, SyntaxError) else str(error)
        failure = " ".join(f"{type(error).__name__}: {told}"[:500].split()) + (f" (line {line})" if line else "")
    parts = [part.rstrip() for part in (printed.getvalue(), value) if part.strip()]
    shown = "\n".join([failure] * bool(failure) + parts).encode("utf-8", "replace")
    text = shown[:1900].decode("utf-8", "ignore") + "\n[cut here]" * (len(shown) > 1900)
    raise type("Failed" if failure else "Shown", (Exception,), {})(text)

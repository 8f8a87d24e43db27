"""Python's own parser, quiet and with one kind of error, for texts of any origin."""

import ast
import re
import warnings
from functools import lru_cache

LINE_END = re.compile(r"\r\n?|\n")  # as Python's tokenizer counts lines
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
TYPE_ALIAS = getattr(ast, "TypeAlias", ())  # since Python 3.12, as the type parameters
TYPE_PARAMETERS = tuple(getattr(ast, name) for name in ("TypeVar", "ParamSpec", "TypeVarTuple") if hasattr(ast, name))


@lru_cache(maxsize=1)
def parse_module(code: str) -> ast.Module:
    """The syntax tree of a module; a byte-order mark is ignored, invalid escapes raise no warning.

    Raises:
        SyntaxError: the running Python cannot parse the text, for whatever reason (null bytes, depth, surrogates).
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(code.removeprefix("\ufeff"))
    except SyntaxError:
        raise
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(f"does not parse: {type(error).__name__}: {error}") from error


def first_line(statement: ast.stmt, lines: list[str]) -> int:
    """The number of the line where a statement begins: with decorators, that of the first `@`."""
    decorators = getattr(statement, "decorator_list", [])
    number = min(node.lineno for node in [statement, *decorators])
    while decorators and number > 1 and not lines[number - 1].lstrip().startswith("@"):
        number -= 1  # the tree knows where the decorator's expression begins, in `@(` maybe lines below
    return number


def try_parse(code: str) -> ast.Module | None:
    """The syntax tree, or None where the text does not parse."""
    try:
        return parse_module(code)
    except SyntaxError:
        return None

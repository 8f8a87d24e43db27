"""Short documented functions that use the library, each a document that stands alone but for its imports.

A document holds the imports that the function needs, the library's first, and the function as it is written, with its
decorators. Taken are top-level functions of modules, of at most MAX_LINES lines with their imports, with a docstring or a
comment, that read a name imported from the library or whose text names one of its types (`df : DataFrame`). Left out are
tests, and functions that need other names of their module or package, those of builtins that it defines anew among them.
Nothing is executed.
"""

import ast
import re
from collections import Counter
from collections.abc import Set
from itertools import accumulate

from nl2code.parsing import first_line, try_parse
from scripts.corpus.docs.snippets import is_import, library_names
from scripts.corpus.scopes import BUILTINS, Names
from scripts.mine_docs import Snippet

MAX_LINES = 40
TOO_LONG = f"more than {MAX_LINES} lines"
_TYPES = {"pandas": "DataFrame|Series", "numpy": "ndarray|array[-_]like"}  # as docstrings and comments name them
_COMMENT = re.compile(r"(?m)^\s*# ?\w")
_DOTTED = re.compile(r"\w+(?:\.\w+){0,9}")  # no longer: each of its beginnings is looked up
Statements = dict[str, tuple[int, str]]  # what is imported -> its place among them, the statement


def mine_functions(text: str, library: str, path: str = "") -> tuple[list[Snippet], Counter]:
    """The functions of a module that become documents, and how many do not, by reason.

    `path` is the module's: what it imports from a folder of its path is its own package.

    >>> text = 'import numpy as np\\n\\ndef mean(x):\\n    "The mean."\\n    return np.mean(x)\\n'
    >>> mine_functions(text, "numpy")[0][0].content
    'import numpy as np\\n\\n\\ndef mean(x):\\n    "The mean."\\n    return np.mean(x)\\n'
    """
    tree = try_parse(text) if library.split(".")[0] in text else None
    found, left_out = [], Counter()
    imports = imports_of(tree, set(path.split("/"))) if tree else {}
    known = library_names(tree, library) if imports else set()
    of_library = [name for name in imports if name in known]
    if not of_library:
        return found, left_out
    lines, candidates = text.split("\n"), []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            start = first_line(node, lines)
            code = "\n".join(lines[start - 1 : node.end_lineno])
            if reason := why_not_function(node, code):
                left_out[reason] += 1
            else:
                candidates.append((start, code, Names([node]).free()))
    plain_builtins = BUILTINS - Names(tree.body if candidates else []).bound
    for start, code, free in candidates:
        needed = free - plain_builtins
        if reason := why_not_names(needed, code, library, imports.keys(), of_library):
            left_out[reason] += 1
            continue
        own = [name for name in of_library if name in needed] or of_library[:1]
        others = [name for name in imports if name in needed and name not in own]
        head = import_lines([imports[name] for name in [*own, *others]], code)
        if len(head) + code.count("\n") >= MAX_LINES:
            left_out[TOO_LONG] += 1
            continue
        found.append(Snippet("\n".join(head) + f"\n\n\n{code}\n", start))
    return found, left_out


def imports_of(tree: ast.Module, own: set[str]) -> dict[str, Statements]:
    """Name -> statements that import it alone, of a module's top-level imports of packages other than `own`.

    Several where `import a.b` and `import a.c` bind one name; else the last, which counts.
    """
    found: dict[str, Statements] = {}
    for node in tree.body:
        if is_import(node) and not getattr(node, "level", 0) and getattr(node, "module", "") != "__future__":
            for alias in node.names:
                alone = ast.Import([alias]) if isinstance(node, ast.Import) else ast.ImportFrom(node.module, [alias], 0)
                if (getattr(node, "module", None) or alias.name).split(".")[0] not in own:
                    name = alias.asname or alias.name.split(".")[0]
                    if alias.asname or isinstance(node, ast.ImportFrom):
                        found[name] = {}
                    bound = found.setdefault(name, {})
                    bound.setdefault(alias.name, (len(bound), ast.unparse(alone)))
    return found


def import_lines(needed: list[Statements], code: str) -> list[str]:
    """The statements; of several for a name those whose dotted name (`a.b`) stands in the code, else the first.

    >>> import_lines([{"a.b": (0, "import a.b"), "a.c": (1, "import a.c")}], "a.c.d(1)")
    ['import a.c']
    """
    standing = {name for text in _DOTTED.findall(code) for name in accumulate(text.split("."), "{}.{}".format)}
    found: dict[str, None] = {}
    for bound in needed:
        in_use = sorted(bound[name] for name in bound.keys() & standing) or [next(iter(bound.values()))]
        found |= dict.fromkeys(line for _, line in in_use)
    return list(found)


def why_not_function(node: ast.FunctionDef, code: str) -> str:
    """Why a function is no document, whatever names it needs; empty where it may be one."""
    if node.name.startswith("test"):
        return "test"
    if code.count("\n") >= MAX_LINES:
        return TOO_LONG
    docstring = ast.get_docstring(node)
    if not docstring and not _COMMENT.search(code):
        return "neither docstring nor comment"
    body = node.body[1 if docstring else 0 :]
    return "no body" if all(isinstance(part, (ast.Pass, ast.Raise)) or is_ellipsis(part) for part in body) else ""


def why_not_names(needed: set[str], code: str, library: str, imported: Set[str], of_library: list[str]) -> str:
    """Why a function that needs these names is no document by itself; empty where it is one."""
    if "pytest" in needed:
        return "test"
    types = _TYPES.get(library, library.rpartition(".")[2])
    if not needed & set(of_library) and not re.search(rf"\b({types})\b", code):
        return "does not use the library"
    return "uses other names of its package" if needed - imported else ""


def is_ellipsis(node: ast.stmt) -> bool:
    """Whether a statement is `...`."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value is ...

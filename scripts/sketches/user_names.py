r"""User-defined names, as spans to replace (the operation `names`; paper, section 3).

>>> import ast
>>> code = "import numpy as np\ndef add(a, n=1):\n    s = np.sum(a, axis=n)\n    return s + len(a)\nadd(x, n=2)\n"
>>> from scripts.ast_utils import transform_code_to_sketch
>>> print(transform_code_to_sketch(code, "names"))
import numpy as np
def func(argument, argument=1):
    variable = np.sum(argument, axis=argument)
    return variable + len(argument)
func(x, argument=2)
<BLANKLINE>

The paper gives no rules for this operation; ours are:

- A name is user-defined where the text binds it, in the scope that Python's rules give: `func` for a function or method,
  `AnClass` for a class, `argument` for a parameter, `variable` for all else (assignment, loop, `with`, `except`, `match`,
  walrus, type parameter). Where a scope binds it in several ways, the first of these words stands everywhere.
- Kept: names that an import binds in the same scope; names bound nowhere (builtins, star imports, names of a prompt that
  is not in the text); `self`, `cls`, `_` and `__dunder__` names; attributes, because their owner is unknown.
- Methods and variables of a class body are replaced where they are bound or read as bare names.
- The keyword of a call is replaced where the callee is a bare name of a function or class of the text that has such a
  parameter (a class: in its `__init__`), and kept in all other calls.
- Strings are constants: names in the fields of an f-string are kept.
- Text that does not parse keeps all its names: without a syntax tree there are no scopes.
"""

import ast
import unicodedata
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import cached_property

from nl2code.parsing import COMPREHENSIONS, DEFINITIONS, TYPE_ALIAS, TYPE_PARAMETERS
from scripts.sketches.lexer import LINE, tokens

FUNCTION, CLASS, ARGUMENT, VARIABLE = NAME_WORDS = ("func", "AnClass", "argument", "variable")
IMPORT = "import"
KEPT = frozenset({"self", "cls", "_"})

_STRINGS = (ast.JoinedStr, getattr(ast, "TemplateStr", ast.JoinedStr))  # since Python 3.14


@dataclass(eq=False)
class Scope:
    """A scope and how its names are bound.

    Attributes:
        kind: module, function, class, comprehension, or types (of type parameters).
        ways: name -> the ways it is bound here, each IMPORT or one of NAME_WORDS.
        declared: name -> "global" or "nonlocal".
        callables: name -> the scopes of the functions and classes defined under it.
        parameters: names that a call can give by keyword.
        keywords: name -> keyword that a call of it can give -> the scope that has the parameter; filled when asked for.
    """

    kind: str
    parent: "Scope | None" = None
    ways: dict[str, set[str]] = field(default_factory=dict)
    declared: dict[str, str] = field(default_factory=dict)
    callables: dict[str, list["Scope"]] = field(default_factory=dict)
    parameters: set[str] = field(default_factory=set)
    keywords: dict[str, dict[str, "Scope"]] = field(default_factory=dict)

    def bind(self, name: str, way: str) -> None:
        self.ways.setdefault(name, set()).add(way)

    def owner(self, name: str) -> "Scope | None":
        """The scope that binds a name read here; None where the text binds it nowhere."""
        scope, is_global, sees_class = self, False, True
        while scope:
            if sees_class or scope.kind != "class":
                is_global = is_global or scope.declared.get(name) == "global"
                here = not is_global or scope.parent is None
                if here and name in scope.ways and name not in scope.declared:
                    return scope
            sees_class = sees_class and scope.kind == "types"
            scope = scope.parent
        return None

    def word(self, name: str) -> str | None:
        """What replaces a name that is read here; None where it is kept."""
        owner = None if name in KEPT or (name.startswith("__") and name.endswith("__")) else self.owner(name)
        if owner is None or IMPORT in owner.ways[name]:
            return None
        return next(word for word in NAME_WORDS if word in owner.ways[name])

    def parameter_word(self, callee: str, name: str) -> str | None:
        """What replaces a keyword of a call of `callee`; None where it is kept."""
        owner = self.owner(callee)
        if not owner or not self.word(callee):
            return None
        if callee not in owner.keywords:
            found = owner.callables.get(callee, [])
            called = (one.callables.get("__init__", []) if one.kind == "class" else [one] for one in found)
            owner.keywords[callee] = {part: one for several in called for one in several for part in one.parameters}
        scope = owner.keywords[callee].get(name)
        return scope.word(name) if scope else None


class NameTokens:
    """The name tokens of a text, found by the places of syntax tree nodes."""

    def __init__(self, code: str):
        self.code = code
        self.ends = {start: end for kind, start, end in tokens(code) if kind in ("name", "function", "class")}
        self.starts = list(self.ends)

    @cached_property
    def _lines(self) -> list[tuple[int, list[int] | None]]:
        """For each line its start and, unless it is ASCII, the character that each UTF-8 byte belongs to."""
        lines, position = [], len(self.code) - len(self.code.removeprefix("\ufeff"))
        for line in LINE.findall(self.code, position):
            width = None
            if not line.isascii():
                width = [i for i, character in enumerate(line) for _ in character.encode()] + [len(line)]
            lines.append((position, width))
            position += len(line)
        return lines

    def at(self, node: ast.AST) -> int:
        """The position in the text where a node starts. The syntax tree counts lines from 1 and columns in bytes."""
        start, width = self._lines[node.lineno - 1]
        return start + (width[node.col_offset] if width else node.col_offset)

    def behind(self, node: ast.AST) -> int:
        """The position in the text where a node ends."""
        start, width = self._lines[node.end_lineno - 1]
        return start + (width[node.end_col_offset] if width else node.end_col_offset)

    def nth(self, position: int, count: int) -> int:
        """Start of the name `count` places after the first name at or behind a position; before it where negative."""
        return self.starts[bisect_left(self.starts, position) + count]

    def span(self, start: int, name: str) -> tuple[int, int] | None:
        """Start and end of the token at `start`, where it is this name. Python normalises names (NFKC)."""
        text = self.code[start : self.ends.get(start, start)]
        return (start, start + len(text)) if name in (text, unicodedata.normalize("NFKC", text)) else None


class _Reader:
    """One walk over a tree: fills scopes, notes where names and keywords stand. No recursion: trees may be deep."""

    def __init__(self, names: NameTokens):
        self.names = names
        self.uses: list[tuple[int, str, Scope]] = []  # start, name, scope
        self.keywords: list[tuple[int, str, str, Scope]] = []  # start, name, callee, scope
        self.scopes: list[Scope] = []
        self.pending: list[tuple[ast.AST, Scope, bool]] = []
        self.in_string = False

    def read(self, statements: list[ast.stmt]) -> None:
        """Read a module."""
        self.add(self.new_scope("module", None), *statements)
        while self.pending:
            node, scope, self.in_string = self.pending.pop()
            self.visit(node, scope)
        for scope in self.scopes:  # what a scope binds under a global or nonlocal name is bound where that points
            for name in scope.declared.keys() & scope.ways.keys():
                owner = self.scopes[0] if scope.declared[name] == "global" else scope.owner(name)
                if owner:
                    owner.ways.setdefault(name, set()).update(scope.ways[name])
                    owner.callables.setdefault(name, []).extend(scope.callables.get(name, []))

    def new_scope(self, kind: str, parent: Scope | None) -> Scope:
        self.scopes.append(Scope(kind, parent))
        return self.scopes[-1]

    def add(self, scope: Scope, *nodes: ast.AST | None) -> None:
        """Read these nodes later, in this scope."""
        self.pending += [(node, scope, self.in_string) for node in nodes if node is not None]

    def at(self, node: ast.AST) -> int:
        """Where a node starts; 0 in f-strings, in which Python before 3.12 gives no places."""
        return 0 if self.in_string else self.names.at(node)

    def use(self, start: int, name: str, scope: Scope, way: str = "") -> None:
        """Note a name at its place, and how it is bound there."""
        if way:
            scope.bind(name, way)
        if not self.in_string:
            self.uses.append((start, name, scope))

    def visit(self, node: ast.AST, scope: Scope) -> None:
        """Note what a node binds and reads; add its children."""
        if isinstance(node, ast.Name):
            self.use(self.at(node), node.id, scope, "" if isinstance(node.ctx, ast.Load) else VARIABLE)
        elif isinstance(node, DEFINITIONS):
            self.visit_definition(node, scope)
        elif isinstance(node, ast.Lambda):
            self.visit_function(node, scope, scope)
        elif isinstance(node, COMPREHENSIONS):
            inner, first = self.new_scope("comprehension", scope), node.generators[0]
            self.add(scope, first.iter)
            self.add(inner, *(part for part in ast.iter_child_nodes(node) if part is not first))
            self.add(inner, first.target, *first.ifs)
        elif isinstance(node, ast.NamedExpr):
            target = scope
            while target.kind == "comprehension":
                target = target.parent
            target.bind(node.target.id, VARIABLE)
            self.use(self.at(node.target), node.target.id, scope)
            self.add(scope, node.value)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                scope.bind((alias.asname or alias.name).partition(".")[0], IMPORT)  # a star binds no known name
        elif isinstance(node, ast.Global | ast.Nonlocal):
            if scope.parent:  # `global` in the module itself says nothing
                scope.declared.update(dict.fromkeys(node.names, type(node).__name__.lower()))
            for index, name in enumerate(node.names):
                self.use(self.names.nth(self.at(node), 1 + index), name, scope)
        elif isinstance(node, TYPE_ALIAS):
            self.add(scope, node.name)
            self.add(self.types_scope(node, scope), node.value)
        else:
            self.visit_other(node, scope)

    def visit_other(self, node: ast.AST, scope: Scope) -> None:
        """Nodes that open no scope."""
        self.in_string = self.in_string or isinstance(node, _STRINGS)
        if isinstance(node, ast.ExceptHandler) and node.name:  # behind the type stands `as`
            self.use(self.names.nth(self.names.behind(node.type), 1), node.name, scope, VARIABLE)
        elif isinstance(node, ast.MatchAs | ast.MatchStar | ast.MatchMapping):
            if name := node.rest if isinstance(node, ast.MatchMapping) else node.name:
                self.use(self.names.nth(self.names.behind(node), -1), name, scope, VARIABLE)
        elif isinstance(node, TYPE_PARAMETERS):
            self.use(self.names.nth(self.at(node), 0), node.name, scope, VARIABLE)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not self.in_string:
            self.keywords += [(self.at(part), part.arg, node.func.id, scope) for part in node.keywords if part.arg]
        self.add(scope, *ast.iter_child_nodes(node))

    def visit_definition(self, node: ast.stmt, scope: Scope) -> None:
        is_class = isinstance(node, ast.ClassDef)
        start = self.names.nth(self.at(node), 2 if isinstance(node, ast.AsyncFunctionDef) else 1)
        self.use(start, node.name, scope, CLASS if is_class else FUNCTION)
        self.add(scope, *node.decorator_list)
        outer = self.types_scope(node, scope)
        if is_class:
            self.add(outer, *node.bases, *node.keywords)
            inner = self.new_scope("class", outer)
            self.add(inner, *node.body)
        else:
            inner = self.visit_function(node, scope, outer)
        scope.callables.setdefault(node.name, []).append(inner)

    def visit_function(self, node: ast.AST, scope: Scope, outer: Scope) -> Scope:
        """A function or lambda: defaults belong to `scope`, annotations to `outer`, which holds its type parameters."""
        inner, given = self.new_scope("function", outer), node.args
        self.add(scope, *given.defaults, *given.kw_defaults)
        by_keyword = [*given.args, *given.kwonlyargs]
        inner.parameters = {part.arg for part in by_keyword}
        for part in filter(None, [*given.posonlyargs, *by_keyword, given.vararg, given.kwarg]):
            self.use(self.at(part), part.arg, inner, ARGUMENT)
            self.add(outer, part.annotation)
        self.add(outer, getattr(node, "returns", None))
        self.add(inner, *(node.body if isinstance(node.body, list) else [node.body]))
        return inner

    def types_scope(self, node: ast.AST, scope: Scope) -> Scope:
        """The scope of a definition's type parameters; `scope` itself where it has none."""
        parameters = getattr(node, "type_params", [])
        if not parameters:
            return scope
        inner = self.new_scope("types", scope)
        self.add(inner, *parameters)
        return inner


def name_spans(code: str, statements: list[ast.stmt]) -> list[tuple[int, int, str]]:
    """Every use of a user-defined name: (start, end, word), in order, without overlap.

    Args:
        code: a text that parses.
        statements: its tree.
    """
    reader = _Reader(NameTokens(code))
    reader.read(statements)
    words = [(start, name, scope.word(name)) for start, name, scope in reader.uses]
    words += [(start, name, scope.parameter_word(callee, name)) for start, name, callee, scope in reader.keywords]
    found = {span: word for start, name, word in words if word and (span := reader.names.span(start, name))}
    return [(*span, word) for span, word in sorted(found.items())]

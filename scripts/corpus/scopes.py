"""Which names code reads before it binds them, and which it binds, by Python's rules of scopes; nothing is executed."""

import ast
import builtins
from collections.abc import Iterable
from dataclasses import dataclass, field

from nl2code.parsing import COMPREHENSIONS, DEFINITIONS, TYPE_ALIAS, TYPE_PARAMETERS

BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__", "_", "display", "get_ipython"}
Part = tuple["ast.AST | str", "_Scope"]  # to visit next; a text is a name that is bound then

# Fields in the order of evaluation, where it is not that of the syntax tree. Bodies of definitions are read apart.
_ORDER = {
    ast.Assign: ("value", "targets"),
    ast.AugAssign: ("value", "target"),
    ast.AnnAssign: ("annotation", "value", "target"),
    ast.NamedExpr: ("value",),
    **dict.fromkeys((ast.For, ast.AsyncFor), ("iter", "target", "body", "orelse")),
    ast.comprehension: ("iter", "target", "ifs"),
    **dict.fromkeys(COMPREHENSIONS, ("generators", "elt", "key", "value")),
    **dict.fromkeys(DEFINITIONS, ("decorator_list", "type_params", "args", "returns", "bases", "keywords")),
    ast.Lambda: ("args",),
}
_NAMED = {
    **dict.fromkeys((ast.ExceptHandler, ast.MatchAs, ast.MatchStar, *TYPE_PARAMETERS), "name"),
    ast.MatchMapping: "rest",
}
_OTHERS = (ast.alias, ast.Global, *([TYPE_ALIAS] if TYPE_ALIAS else ()))
_SPECIAL = frozenset((str, *_ORDER, *_NAMED, *_OTHERS))


@dataclass(eq=False)
class _Scope:
    """What is bound so far in a scope: of a module, a function, a class, or `inline`, which runs where it stands."""

    kind: str
    parent: "_Scope | None" = None
    bound: set[str] = field(default_factory=set)

    def outside(self) -> "_Scope":
        """The nearest scope that is not inline."""
        scope = self
        while scope.kind == "inline":
            scope = scope.parent
        return scope


class Names:
    """The names of statements that run one after the other; whether a branch is taken is not looked at.

    Attributes:
        bound: names that they bind at top level.
        missing: names that they read before they bind them, builtins too; not those in the bodies of functions.
    """

    def __init__(self, nodes: Iterable[ast.AST]):
        self._module, self.missing = _Scope("module"), set()
        self.bound = self._module.bound
        self._bodies: list[Part] = []
        self._inside: set[tuple[str, _Scope]] = set()  # names that functions read or declare global
        self._read([(node, self._module) for node in nodes])

    def free(self) -> set[str]:
        """The missing names and those that functions lack, which may use all names that are bound at the end."""
        while self._bodies:
            self._read([self._bodies.pop()])
        return self.missing | {name for name, scope in self._inside if not _is_bound(name, scope)}

    def _read(self, parts: list[Part]) -> None:
        """Read parts in order. No recursion: trees may be deep."""
        pending = parts[::-1]  # the last is the next
        while pending:
            node, scope = pending.pop()
            kind = type(node)
            if kind is ast.Name:
                if isinstance(node.ctx, ast.Store):
                    scope.bound.add(node.id)
                else:
                    self._use(node.id, scope)
            elif kind in _SPECIAL:
                pending += self._parts(node, scope)[::-1]
            else:  # nodes without fields are contexts and operators
                pending += [(child, scope) for child in ast.iter_child_nodes(node) if child._fields][::-1]

    def _use(self, name: str, scope: _Scope) -> None:
        """Note a name that is read."""
        while scope.kind in ("inline", "class") and name not in scope.bound:
            scope = scope.parent
        if scope.kind == "function":
            self._inside.add((name, scope))
        elif name not in scope.bound:
            self.missing.add(name)

    def _parts(self, node: ast.AST | str, scope: _Scope) -> list[Part]:
        """The parts of a node of a special kind, in order; what it reads or binds by itself is noted."""
        if isinstance(node, str):
            scope.bound.add(node)
            return []
        if isinstance(node, ast.alias):
            return [((node.asname or node.name).split(".")[0], scope)]
        if isinstance(node, ast.Global):
            self._inside |= {(name, self._module) for name in node.names}
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            self._use(node.target.id, scope)
        if type(node) in _NAMED and (name := getattr(node, _NAMED[type(node)])):
            scope.bound.add(name)
        inner = scope
        if isinstance(node, (*COMPREHENSIONS, *DEFINITIONS, TYPE_ALIAS)):
            inner = _Scope("inline", scope)  # of a definition: its type parameters
        values = [getattr(node, name, None) for name in _ORDER.get(type(node), node._fields)]
        found = [part for value in values for part in (value if isinstance(value, list) else [value])]
        parts = [(part, inner) for part in found if isinstance(part, ast.AST)]
        if isinstance(node, ast.NamedExpr):
            parts.append((node.target.id, scope.outside()))
        elif isinstance(node, TYPE_ALIAS):
            parts.append((node.name.id, scope))
        elif isinstance(node, ast.ClassDef):
            body = _Scope("class", inner)
            parts += [*((part, body) for part in node.body), (node.name, scope)]
        elif isinstance(node, (*DEFINITIONS, ast.Lambda)):
            given = {part.arg for part in ast.iter_child_nodes(node.args) if isinstance(part, ast.arg)}
            body = _Scope("function", inner, given)
            self._bodies += [(part, body) for part in (node.body if isinstance(node.body, list) else [node.body])]
            parts += [] if isinstance(node, ast.Lambda) else [(node.name, scope)]
        return parts


def _is_bound(name: str, scope: _Scope | None) -> bool:
    """Whether a function's scope, or one around it, binds a name; those of classes are not seen from inside."""
    while scope and (name not in scope.bound or scope.kind == "class"):
        scope = scope.parent
    return scope is not None


def free_names(*nodes: ast.AST) -> set[str]:
    """Names that code reads before it binds them, builtins aside."""
    return Names(nodes).free() - BUILTINS

"""The placeholder table of sketches, and whether a sketch holds any.

Kinds of literals are those of `scripts.sketches.lexer`. "compat" is the released mapping, which leaves some literals as
they are: hexadecimal, octal, binary and long integers, `1e5j`, `br''`, `ur''`, short strings that hold a triple quote.
"strict" replaces all literals but plain triple-quoted strings, which are documentation.
"""

import keyword
from dataclasses import dataclass, field

from scripts.sketches.lexer import tokens
from scripts.sketches.user_names import NAME_WORDS

COMPAT = {
    **{"int": "number", "float": "float", "exponent": "floatexponant", "imaginary": "complex"},
    **{"string": "string", "raw": "rawstring", "bytes": "binarystring", "unicode": "unicodestring"},
    **{"interpolated": "interstring", "raw_interpolated": "interrawstring", "function": "func", "class": "AnClass"},
}
STRICT = COMPAT | {
    **{"based": "number", "long": "number", "exponent_imaginary": "complex"},
    **{"odd": "string", "raw_bytes": "binarystring", "raw_unicode": "unicodestring"},
}
LITERALS = {"compat": COMPAT, "strict": STRICT}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LITERAL_WORDS = frozenset(STRICT.values()) - {"func", "AnClass"}

# Words that are also names of Python: `float` and `complex` are types, `string` is a module.
TYPE_WORDS = frozenset({"float", "complex"})
SIBLING_TYPES = frozenset({"int", "str", "bool", "bytes", "object"})
TYPE_ATTRIBUTES = frozenset({"fromhex", "from_number", "mro"})
STRING_MODULE = _words(
    "ascii_letters ascii_lowercase ascii_uppercase digits hexdigits octdigits punctuation printable whitespace "
    "capwords Template Formatter letters lowercase uppercase maketrans"
)
# Where a call takes a type or a function: indices of its positional arguments, and keywords of any call.
_PLACES = {
    (
        0,
    ): "astype dtype view cast finfo iinfo defaultdict partial filter map apply applymap agg aggregate transform pipe",
    (0, 1): "isinstance issubclass issubdtype select_dtypes can_cast promote_types",
    (1,): "array asarray asanyarray zeros ones empty zeros_like ones_like empty_like fromiter frombuffer fromstring "
    "loadtxt genfromtxt",
    (2,): "full full_like Series",
}
TYPE_ARGUMENTS = {name: indices for indices, names in _PLACES.items() for name in names.split()}
TYPE_KEYWORDS = _words("dtype dtypes otypes type cls include exclude converters key func default_factory")
GENERICS = _words(
    "Optional Union List list Dict dict Tuple tuple Set set FrozenSet frozenset Sequence Iterable Iterator Generator "
    "Mapping Callable Type type Annotated ClassVar Final NDArray defaultdict"
)
BINDERS = {"for": ("in",), "lambda": (":",), "as": (":", ","), "import": (), "global": (), "nonlocal": ()}  # their ends
NEAR = 8  # brackets that are looked at around a word; keeps deep nesting linear
_WORD_KINDS = ("name", "function", "class")


@dataclass
class _Bracket:
    """An open bracket: what was called or indexed, whose argument we are in, and the bare names among its items."""

    opener: str
    callee: str = ""
    defines: bool = False  # the parameters of a def
    index: int = 0
    keyword: str = ""
    names: set[str] = field(default_factory=set)


@dataclass
class _Site:
    """A literal's word in a sketch, with the tokens around it."""

    word: str
    last: str  # the token before
    second: str  # the token before that
    after: str
    attribute: str  # the token after `after`
    brackets: list[_Bracket]  # the nearest open ones, outermost first; shared, complete once the text is read
    places: list[tuple[int, str]]  # index and keyword in each, at this site
    statement: str  # first token of the statement
    compared: str  # callee of the call that ends two tokens before


def has_placeholder(sketch: str, operation: str = "constants", prompt: str = "") -> bool:
    """Whether some token of a sketch stands for something that the sketcher left open.

    A placeholder is the name `func` after `def`, `AnClass` after `class`, or a literal's word where a literal can stand:
    not an attribute, not called, not a keyword's name, not bound (assigned, imported, a parameter, a loop variable) in
    the sketch, not in a comment or string. `string.` with an attribute of the module `string` is that module.

    `float` and `complex` are types as well, and only the callee tells `f(float)` from `f(1.5)`. A type taken for a
    placeholder costs one needless run of the generator, a placeholder taken for a type gives a wrong answer; so they are
    placeholders unless the place is known to take a type: the first argument of astype, map, apply, ... (TYPE_ARGUMENTS),
    a keyword such as dtype= (TYPE_KEYWORDS), beside another type in brackets, after `is` or a comparison with a dtype or
    `type(...)`, in an annotation, next to `|`.

    Args:
        sketch: any text.
        operation: that the sketcher was trained with. With "names" and "both" the words of names count wherever a name
            stands for itself: not behind a dot, not as the keyword of a call.
        prompt: of a text that is code already; the words that it binds are its names, and no placeholders of the text.

    >>> [has_placeholder(s) for s in ("x.astype(float)", "x.to_string()", "f(string=a)", "x = float", "x[string]")]
    [False, False, False, True, True]
    >>> has_placeholder("string[::-1]", prompt="def flip(string: str): return ")
    False
    """
    stream, names = _logical_lines(sketch), _names_of(prompt)
    if operation != "constants" and _has_name_word(stream, set(NAME_WORDS) - names):
        return True
    if any(kind in ("function", "class") and text in ("func", "AnClass") for kind, text in stream):
        return True
    sites, bound = _read(stream)
    return any(site.word not in bound | names and not _is_name(site) and not _is_type(site) for site in sites)


def _logical_lines(sketch: str) -> list[tuple[str, str]]:
    """Kind and text of its tokens, without comments and the line ends inside brackets, which mean nothing."""
    stream, depth = [], 0
    for kind, start, end in tokens(sketch):
        text = sketch[start:end]
        if kind == "op":
            depth = max(0, depth + (text in ("(", "[", "{")) - (text in (")", "]", "}")))
        if kind != "comment" and not (kind == "newline" and depth):
            stream.append((kind, text))
    return stream


def _names_of(prompt: str) -> set[str]:
    """The names that a prompt binds, anywhere in it; the prompt need not parse."""
    stream = _logical_lines(prompt)
    return _read(stream)[1] | {text for kind, text in stream if kind in ("function", "class")}


def _has_name_word(stream: list[tuple[str, str]], words: set[str]) -> bool:
    """Whether a word of names stands in a sketch as a bare name."""
    texts = ["", *(text for _, text in stream), ""]
    return any(
        kind in _WORD_KINDS and text in words and before != "." and (before not in ("(", ",") or after != "=")
        for (kind, text), before, after in zip(stream, texts, texts[2:], strict=False)
    )


def _read(stream: list[tuple[str, str]]) -> tuple[list[_Site], set[str]]:
    """The sites of literals' words, and the names that the sketch binds."""
    texts = ["newline"] * 2 + ["newline" if kind == "newline" else text for kind, text in stream] + ["", ""]
    sites, bound, stack = [], set(), []
    binder, binder_depth, statement, closed_callee, kind_before = "", 0, "", "", ""
    for i, (kind, text) in enumerate(stream, 2):
        last, second, after, attribute = texts[i - 1], texts[i - 2], texts[i + 1], texts[i + 2]
        if not stack and last in ("newline", ";"):
            statement, binder = text, ""
        if text in BINDERS and kind == "name":
            binder, binder_depth = text, len(stack)
        elif binder_depth == len(stack) and text in BINDERS.get(binder, ()):
            binder = ""
        if kind in _WORD_KINDS:
            if _binds(text, last, after, stack, binder, len(stack) == binder_depth):
                bound.add(text)
            if stack and last in ("(", "[", "{", ",", ":") and after in (",", ")", "]", "}"):
                stack[-1].names.add(text)
            if kind == "name" and text in LITERAL_WORDS:
                near = stack[-NEAR:]
                places = [(bracket.index, bracket.keyword) for bracket in near]
                sites.append(_Site(text, last, second, after, attribute, near, places, statement, closed_callee))
        elif text in ("(", "[", "{"):
            callee = last if kind_before in _WORD_KINDS and not keyword.iskeyword(last) else ""
            stack.append(_Bracket(text, callee, kind_before == "function"))
        elif text in (")", "]", "}"):
            closed_callee = stack.pop().callee if stack else ""
        elif stack and text == ",":
            stack[-1].index += 1
            stack[-1].keyword = ""
        elif stack and text == "=" and stack[-1].opener == "(":
            stack[-1].keyword = last
        kind_before = kind
    return sites, bound


def _binds(name: str, last: str, after: str, stack: list[_Bracket], binder: str, same_depth: bool) -> bool:
    """Whether this name is bound here."""
    if last == ".":
        return False
    if binder not in ("", "lambda") and name != binder:
        return True
    if binder == "lambda" and same_depth:
        return last in ("lambda", ",", "*", "**")
    if stack and stack[-1].defines and last in ("(", ",", "*", "**"):
        return True
    in_call = bool(stack) and stack[-1].opener == "("
    return after == ":=" or (not in_call and after.endswith("=") and after not in ("==", "!=", "<=", ">="))


def _is_name(site: _Site) -> bool:
    """Whether the word stands where no literal can."""
    if site.last in (".", "@", "def", "class", "del", "from") or site.after in ("(", "="):
        return True
    if site.after != ".":
        return False
    if site.word == "string":
        return site.attribute in STRING_MODULE
    return site.word in TYPE_WORDS and (site.attribute in TYPE_ATTRIBUTES or site.attribute.startswith("__"))


def _is_type(site: _Site) -> bool:
    """Whether `float` or `complex` stands in a place known to take a type."""
    last, second = site.last, site.second
    if site.word not in TYPE_WORDS:
        return False
    if last in ("->", "is", "|") or site.after == "|" or (last == "not" and second == "is"):
        return True
    if last in ("==", "!=") and (second in ("dtype", "dtypes") or (second == ")" and site.compared == "type")):
        return True
    if not site.brackets:  # the second condition: of a call that the prompt opened
        return not keyword.iskeyword(site.statement) if last == ":" else last == "=" and second in ("dtype", "dtypes")
    inner = site.brackets[-1]
    if inner.defines and last == ":":
        return True
    if (inner.opener == "[" and inner.callee in GENERICS) or (not inner.callee and inner.names & SIBLING_TYPES):
        return True
    for bracket, (index, key) in zip(reversed(site.brackets), reversed(site.places), strict=True):
        if key in TYPE_KEYWORDS or (not key and index in TYPE_ARGUMENTS.get(bracket.callee, ())):
            return True
        if bracket.callee:
            return False
    return False

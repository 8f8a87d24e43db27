"""Cut text into sections of examples: docstrings of Python and Cython, reStructuredText, Markdown."""

import re
import textwrap
from collections.abc import Callable, Iterator

from nl2code.parsing import LINE_END, try_parse
from scripts.corpus.docs.sections import Example, Section, code_of, inputs_of
from scripts.sketches.lexer import literals

_PYTHON_DIRECTIVES = {"plot", "doctest", "testcode", "jupyter-execute", "try_examples"}
_CODE_DIRECTIVES = _PYTHON_DIRECTIVES | {"ipython", "code-block", "code", "sourcecode"}  # these name a language
_PROSE_DIRECTIVES = {"note", "warning", "tip", "hint", "important", "caution", "admonition", "topic", "tab-item"}
_PROSE_DIRECTIVES |= {"dropdown"}
_LANGUAGES = {"", "py", "py3", "python", "python3", "ipython", "ipython3", "pycon"}
_LANGUAGES |= {"python-repl", "python-console"}
_DIRECTIVE = re.compile(r"\.\.\s+([\w-]+)::\s*(.*)$")
_UNDERLINE = re.compile(r"([=\-~^\"'#*+`.:_])\1{2,}$")
_FENCE = re.compile(r"(`{3,}+(?=[^`]*+$)|~{3,}+|:{3,}+)(.*+)$")
_SETEXT = re.compile(r"(?:={3,}+|-{3,}+)[ \t]*+$")  # below a title of Markdown
_TABS = re.compile(r"^ *+\t[ \t]*+", re.MULTILINE)
_SIGNATURE = re.compile(r"[\w.]+\([^)]*\)\s*(->.*)?$")


def docstring_sections(source: str) -> Iterator[Section]:
    """One section for every string literal of Python or Cython that holds a `>>>` example; the module is not parsed."""
    line, counted = 1, 0
    for kind, start, end in literals(source) if ">>>" in source else ():
        is_text = kind in ("docstring", "string", "odd", "raw", "unicode") and ">>>" in source[start:end]
        literal = try_parse(source[start:end]) if is_text else None
        if literal is None:
            continue
        line, counted = line + source.count("\n", counted, start), start
        first, _, rest = _with_blanks(literal.body[0].value.value).partition("\n")
        text = f"{first.lstrip()}\n{textwrap.dedent(rest)}".strip("\n")
        summary = next((part for part in text.split("\n\n") if not _SIGNATURE.match(part)), "")
        examples = [example for part in rst_sections(text) for example in part.examples]
        yield Section(line, "" if ">>>" in summary else summary, examples)


def _with_blanks(text: str) -> str:
    """The text with blanks in place of the tabs of its indentation; those inside a line may belong to a literal."""
    return _TABS.sub(lambda match: match[0].expandtabs(), LINE_END.sub("\n", text))


def rst_sections(text: str) -> Iterator[Section]:
    """Split reStructuredText at its titles; examples are code directives, literal blocks and bare `>>>` lines."""
    lines = _with_blanks(text).split("\n")
    section, prose, paragraph, at = Section(1), "", [], 0
    while at < len(lines):
        stripped = lines[at].strip()
        directive = _DIRECTIVE.match(stripped)
        if not stripped or stripped.startswith((">>>", "..")):
            prose, paragraph = " ".join(paragraph) or prose, []
        code = None
        if not stripped or _UNDERLINE.match(stripped):
            at += 1
        elif at + 1 < len(lines) and _UNDERLINE.match(lines[at + 1].strip()) and not paragraph:
            yield section
            section, prose, at = Section(at + 1), "", at + 2
        elif stripped.startswith(">>>"):
            start, at = at, _end_of(lines, at, str.strip)
            code = inputs_of(lines[start:at])
        elif directive and directive[1] in _PROSE_DIRECTIVES:
            at += 1
        elif directive or stripped.startswith(".. ") or stripped == "..":
            body, at = _take_indented(lines, at)
            if directive and directive[1] in _CODE_DIRECTIVES:
                language = "" if directive[1] in _PYTHON_DIRECTIVES else directive[2].strip().lower()
                code = code_of(body) if language in _LANGUAGES else None
        else:
            paragraph.append(stripped)
            at += 1
            if stripped.endswith("::") and at < len(lines) and not lines[at].strip():
                prose, paragraph = " ".join(paragraph), []
                body, at = _take_indented(lines, at - 1)
                if any(line.lstrip().startswith((">>>", "In [")) for line in body):
                    code = code_of(body)
        if code is not None:
            section.examples.append(Example(code, prose))
            prose = ""
    yield section


def _end_of(lines: list[str], at: int, goes_on: Callable[[str], object]) -> int:
    """The index of the first line from `at` on where `goes_on` is false."""
    while at < len(lines) and goes_on(lines[at]):
        at += 1
    return at


def _take_indented(lines: list[str], at: int) -> tuple[list[str], int]:
    """The lines below line `at` that are empty or indented deeper than it, and the index of the line behind them."""
    deeper = lines[at][: len(lines[at]) - len(lines[at].lstrip())] + " "
    end = _end_of(lines, at + 1, lambda line: not line.strip() or line.startswith(deeper))
    return lines[at + 1 : end], end


def _language_of(info: str) -> str:
    """The language that stands behind a Markdown fence: as a word, in braces, or as the argument of a directive.

    >>> [_language_of(info) for info in ("python{1,3}", "{.python .lines}", "{python, echo=false}", "{code-block} python")]
    ['python', 'python', 'python', 'python']
    """
    directive = re.match(r"\{([\w-]+)\}\s*([\w-]*)", info)
    if directive and directive[1] in _CODE_DIRECTIVES | {"code-cell"}:
        return directive[2] or ("" if directive[1] in ("code-block", "code", "sourcecode") else "python")
    return re.match(r"(?:\{\s*\.?)?([\w+-]*)", info)[1]


def markdown_sections(text: str) -> Iterator[Section]:
    """Split Markdown at its headings; examples are fences in Python and bare `>>>` lines."""
    lines = LINE_END.split(text)
    section, prose, paragraph, at = Section(1), "", [], 0
    while at < len(lines):
        stripped = lines[at].strip()
        fence = _FENCE.match(stripped)
        if not stripped or fence or stripped.startswith(">>>"):
            prose, paragraph = " ".join(paragraph) or prose, []
        code = None
        language = _language_of(fence[2].strip().lower()) if fence else ""
        if fence and (fence[1][0] != ":" or (language and language in _LANGUAGES)):  # other colons fence prose
            closed = re.compile(rf"\s*+{fence[1][0]}{{{len(fence[1])},}}+\s*+$").match
            start, at = at + 1, _end_of(lines, at + 1, lambda line, closed=closed: not closed(line))
            if language in _LANGUAGES and (language or any(">>>" in line for line in lines[start:at])):
                code = code_of(lines[start:at])
        elif stripped.startswith(">>>"):
            start, at = at, _end_of(lines, at, str.strip) - 1
            code = inputs_of(lines[start : at + 1])
        elif re.match(r"#{1,6} ", stripped) or (paragraph and _SETEXT.match(stripped)):
            yield section
            section, prose, paragraph = Section(at + 1), "", []
        elif stripped and not fence:
            paragraph.append(stripped)
        if code is not None:
            section.examples.append(Example(code, prose))
            prose = ""
        at += 1
    yield section

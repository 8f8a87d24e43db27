"""Cut text into sections of examples: docstrings of Python and Cython, reStructuredText, Markdown."""

import ast
import re
import textwrap
from collections.abc import Iterator

from nl2code.parsing import try_parse
from scripts.corpus.docs.sections import Example, Section, code_of, lines_of, take_doctest
from scripts.sketches.lexer import literals

_PYTHON_DIRECTIVES = {"plot", "doctest", "testcode", "jupyter-execute", "try_examples"}
_CODE_DIRECTIVES = _PYTHON_DIRECTIVES | {"ipython", "code-block", "code", "sourcecode"}  # these name a language
_PROSE_DIRECTIVES = {"note", "warning", "tip", "hint", "important", "caution", "admonition", "topic", "tab-item"}
_PROSE_DIRECTIVES |= {"dropdown"}
_LANGUAGES = {"", "py", "py3", "python", "python3", "ipython", "ipython3", "pycon"}
_LANGUAGES |= {"{code-cell}", "{jupyter-execute}", "{ipython}"}
_DIRECTIVE = re.compile(r"\.\.\s+([\w-]+)::\s*(.*)$")
_UNDERLINE = re.compile(r"([=\-~^\"'#*+`.:_])\1{2,}$")
_FENCE = re.compile(r"(`{3,}+|~{3,}+|:{3,}+)([^`]*+)$")
_TABS = re.compile(r"^ *+\t[ \t]*+", re.MULTILINE)
_SIGNATURE = re.compile(r"[\w.]+\([^)]*\)\s*(->.*)?$")


def docstring_sections(source: str) -> Iterator[Section]:
    """One section for every string of a module that holds a `>>>` example; Cython is read without being parsed."""
    if ">>>" not in source:
        return
    for line, string in _strings_of(source):
        if ">>>" in string:
            first, _, rest = _with_blanks(string).partition("\n")
            text = f"{first.lstrip()}\n{textwrap.dedent(rest)}".strip("\n")
            paragraphs = (paragraph for paragraph in text.split("\n\n") if not _SIGNATURE.match(paragraph))
            summary = next(paragraphs, "")
            examples = [example for part in rst_sections(text) for example in part.examples]
            yield Section(line, "" if ">>>" in summary else summary, examples)


def _strings_of(source: str) -> Iterator[tuple[int, str]]:
    """(line, value) of the string literals of a module, in their order; triple-quoted ones where it does not parse."""
    tree = try_parse(source)
    if tree is not None:
        constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
        for node in sorted(constants, key=lambda node: (node.lineno, node.col_offset)):
            yield node.lineno, node.value
        return
    line, counted = 1, 0
    for kind, start, end in literals(source):
        if kind in ("docstring", "raw", "unicode") and source[end - 3 : end] in ('"""', "'''"):
            line, counted = line + source.count("\n", counted, start), start
            literal = try_parse(source[start:end])
            if literal is not None:
                yield line, literal.body[0].value.value


def _with_blanks(text: str) -> str:
    """The text with blanks in place of the tabs of its indentation; those inside a line may belong to a literal."""
    return _TABS.sub(lambda match: match[0].expandtabs(), "\n".join(lines_of(text)))


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
            code, at = take_doctest(lines, at)
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


def _take_indented(lines: list[str], at: int) -> tuple[list[str], int]:
    """The lines below line `at` that are indented deeper than it, and the index of the line behind them."""
    depth = len(lines[at]) - len(lines[at].lstrip())
    end = at + 1
    while end < len(lines) and (not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip()) > depth):
        end += 1
    return lines[at + 1 : end], end


def markdown_sections(text: str) -> Iterator[Section]:
    """Split Markdown at its headings; examples are fences in Python and bare `>>>` lines."""
    lines = lines_of(text)
    section, prose, paragraph, at = Section(1), "", [], 0
    while at < len(lines):
        stripped = lines[at].strip()
        fence = _FENCE.match(stripped)
        if not stripped or fence or stripped.startswith(">>>"):
            prose, paragraph = " ".join(paragraph) or prose, []
        code = None
        language = fence[2].strip().lower().split(" ")[0] if fence else ""
        if fence and (fence[1][0] != ":" or (language and language in _LANGUAGES)):  # other colons fence prose
            start = at = at + 1
            while at < len(lines) and (not lines[at].strip().startswith(fence[1]) or lines[at].strip().strip(fence[1])):
                at += 1
            if language in _LANGUAGES and (language or any(">>>" in line for line in lines[start:at])):
                code = code_of(lines[start:at])
        elif stripped.startswith(">>>"):
            code, at = take_doctest(lines, at)
            at -= 1
        elif re.match(r"#{1,6} ", stripped):
            yield section
            section, prose, paragraph = Section(at + 1), "", []
        elif stripped and not fence:
            paragraph.append(stripped)
        if code is not None:
            section.examples.append(Example(code, prose))
            prose = ""
        at += 1
    yield section

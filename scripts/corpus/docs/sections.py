"""Cut documentation into sections of examples: docstrings, guides (.rst, .md), notebooks (see scripts/mine_docs.py)."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field

from nl2code.parsing import try_parse
from scripts.corpus.docs.notebooks import notebook_cells

CODE_DIRECTIVES = {
    "ipython",
    "code-block",
    "code",
    "sourcecode",
    "plot",
    "doctest",
    "testcode",
    "jupyter-execute",
    "try_examples",
}
PROSE_DIRECTIVES = {
    "note",
    "warning",
    "tip",
    "hint",
    "important",
    "caution",
    "admonition",
    "topic",
    "tab-item",
    "dropdown",
}
LANGUAGES = {
    "",
    "py",
    "py3",
    "python",
    "python3",
    "ipython",
    "ipython3",
    "pycon",
    "{code-cell}",
    "{jupyter-execute}",
    "{ipython}",
}
DIRECTIVE = re.compile(r"\.\.\s+([\w-]+)::\s*(.*)$")
UNDERLINE = re.compile(r"([=\-~^\"'#*+`.:_])\1{2,}$")
FENCE = re.compile(r"(`{3,}|~{3,}|:{3,})\s*([^`]*)$")
STRINGS = re.compile(r"('''|\"\"\")(.*?)\1", re.DOTALL)
SIGNATURE = re.compile(r"[\w.]+\([^)]*\)\s*(->.*)?$")
SESSION_INPUT = re.compile(r"In \[\d*\]: ?(.*)$")
SESSION_CONTINUED = re.compile(r"\s*\.{3,}: ?(.*)$")
DIRECTIVE_COMMENT = re.compile(r"\s*#\s*(doctest|xdoctest|noqa|type): ?.*$", re.IGNORECASE)
NOT_CODE = re.compile(r"\s*([%!]|@(savefig|suppress|okexcept|okwarning|verbatim|doctest|supress)\b)")


@dataclass
class Example:
    """One example: its code, and the paragraph in front of it."""

    code: str
    prose: str = ""


@dataclass
class Section:
    """Examples that belong together, the first line they come from, and a summary for the first without prose."""

    line: int
    summary: str = ""
    blocks: list[Example] = field(default_factory=list)


def sections_of(path: str, text: str) -> Iterator[Section]:
    """The sections with at least one example, by the kind of file that the path's suffix names."""
    if path.endswith((".py", ".pyi", ".pyx", ".pxi")):
        sections = docstring_sections(text)
    elif path.endswith(".rst"):
        sections = rst_sections(text)
    elif path.endswith(".md"):
        sections = markdown_sections(text)
    elif path.endswith(".ipynb"):
        sections = notebook_sections(text)
    else:
        return
    yield from (section for section in sections if section.blocks)


def docstring_sections(source: str) -> Iterator[Section]:
    """One section for every string of a module that holds a `>>>` example; Cython is read without being parsed."""
    if ">>>" not in source:
        return
    for line, string in strings_of(source):
        if ">>>" not in string:
            continue
        text = inspect.cleandoc(string)
        section = Section(line, summary_of(text))
        for part in rst_sections(text):
            section.blocks.extend(part.blocks)
        yield section


def summary_of(docstring: str) -> str:
    """The first paragraph that is not a signature."""
    paragraphs = (paragraph for paragraph in docstring.split("\n\n") if not SIGNATURE.match(paragraph))
    summary = next(paragraphs, "")
    return "" if ">>>" in summary else summary


def strings_of(source: str) -> Iterator[tuple[int, str]]:
    """(line, value) of the string literals of a module, in their order; triple-quoted ones where it does not parse."""
    tree = try_parse(source)
    if tree is None:
        for match in STRINGS.finditer(source):
            yield source.count("\n", 0, match.start()) + 1, match[2]
        return
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    for node in sorted(constants, key=lambda node: (node.lineno, node.col_offset)):
        yield node.lineno, node.value


def rst_sections(text: str) -> Iterator[Section]:
    """Split reStructuredText at its titles; blocks are code directives, literal blocks and bare `>>>` examples."""
    lines = text.expandtabs().splitlines()
    section, prose, paragraph, at = Section(1), "", [], 0
    while at < len(lines):
        stripped = lines[at].strip()
        directive = DIRECTIVE.match(stripped)
        if not stripped or stripped.startswith((">>>", "..")):
            prose, paragraph = " ".join(paragraph) or prose, []
        if not stripped or UNDERLINE.match(stripped):
            at += 1
        elif at + 1 < len(lines) and UNDERLINE.match(lines[at + 1].strip()) and not paragraph:
            yield section
            section, prose, at = Section(at + 1), "", at + 2
        elif stripped.startswith(">>>"):
            code, at = take_doctest(lines, at)
            section.blocks.append(Example(code, prose))
            prose = ""
        elif directive and directive[1] in PROSE_DIRECTIVES:
            at += 1
        elif directive or stripped.startswith(".. ") or stripped == "..":
            body, at = take_indented(lines, at)
            if directive and directive[1] in CODE_DIRECTIVES and language_of(directive) in LANGUAGES:
                section.blocks.append(Example(code_of(body), prose))
                prose = ""
        else:
            paragraph.append(stripped)
            if stripped.endswith("::") and at + 1 < len(lines) and not lines[at + 1].strip():
                prose, paragraph = " ".join(paragraph), []
                body, at = take_indented(lines, at)
                if any(line.lstrip().startswith((">>>", "In [")) for line in body):
                    section.blocks.append(Example(code_of(body), prose))
                    prose = ""
            else:
                at += 1
    yield section


def language_of(directive: re.Match) -> str:
    """The language that a code directive names; directives that only know Python name none."""
    return directive[2].strip().lower() if directive[1] in {"code-block", "code", "sourcecode", "ipython"} else ""


def take_indented(lines: list[str], at: int) -> tuple[list[str], int]:
    """The lines below line `at` that are indented deeper than it, and the index of the line behind them."""
    depth = len(lines[at]) - len(lines[at].lstrip())
    end = at + 1
    while end < len(lines) and (not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip()) > depth):
        end += 1
    return lines[at + 1 : end], end


def take_doctest(lines: list[str], at: int) -> tuple[str, int]:
    """The code of the `>>>` example that begins at line `at`, without outputs, and the index behind it."""
    code, prompted = [], False
    while at < len(lines) and lines[at].strip():
        stripped = lines[at].strip()
        prompted = stripped.startswith(">>>") or (prompted and stripped.startswith("..."))
        if prompted:
            # One blank belongs to the prompt; more is indentation.
            code.append(DIRECTIVE_COMMENT.sub("", stripped[3:].removeprefix(" ")).rstrip())
        at += 1
    return "\n".join(code), at


def code_of(body: list[str]) -> str:
    """The code of a literal block: a doctest, an IPython session, or plain code without magics and options."""
    lines = textwrap.dedent("\n".join(body)).splitlines()
    while lines and (not lines[0].strip() or re.match(r":[\w-]+:", lines[0])):
        lines.pop(0)
    if any(line.lstrip().startswith(">>>") for line in lines):
        parts, at = [], 0
        while at < len(lines):
            code, at = take_doctest(lines, at) if lines[at].strip() else ("", at + 1)
            parts.append(code)
        return "\n".join(filter(None, parts))
    if any(SESSION_INPUT.match(line) for line in lines):
        return session_code(lines)
    return "\n".join(DIRECTIVE_COMMENT.sub("", line).rstrip() for line in lines if not NOT_CODE.match(line)).strip("\n")


def session_code(lines: list[str]) -> str:
    """The inputs of an IPython session."""
    code, open_input = [], False
    for line in lines:
        first, more = SESSION_INPUT.match(line), SESSION_CONTINUED.match(line)
        open_input = bool(first or (open_input and more))
        if open_input:
            text = (first or more)[1].rstrip()
            if not NOT_CODE.match(text):
                code.append(text)
    return "\n".join(code)


def markdown_sections(text: str) -> Iterator[Section]:
    """Split Markdown at its headings; blocks are fences in Python and bare `>>>` examples."""
    lines = text.expandtabs().splitlines()
    section, prose, paragraph, at = Section(1), "", [], 0
    while at < len(lines):
        stripped = lines[at].strip()
        fence = FENCE.match(stripped)
        if not stripped or fence or stripped.startswith(">>>"):
            prose, paragraph = " ".join(paragraph) or prose, []
        if fence and not fence[1].startswith(":"):
            end = at + 1
            while end < len(lines) and not lines[end].strip().startswith(fence[1]):
                end += 1
            language = fence[2].strip().lower().split(" ")[0]
            if language in LANGUAGES and (language or any(">>>" in line for line in lines[at:end])):
                section.blocks.append(Example(code_of(lines[at + 1 : end]), prose))
                prose = ""
            at = end + 1
            continue
        if re.match(r"#{1,6} ", stripped):
            yield section
            section, prose, paragraph = Section(at + 1), "", []
        elif stripped.startswith(">>>"):
            code, at = take_doctest(lines, at)
            section.blocks.append(Example(code, prose))
            prose = ""
            continue
        elif stripped and not fence:
            paragraph.append(stripped)
        at += 1
    yield section


def notebook_sections(text: str) -> Iterator[Section]:
    """Split a notebook at the headings in its Markdown cells; a code cell is a block. Broken JSON has no sections."""
    section, prose = Section(1), ""
    for number, (kind, source) in enumerate(notebook_cells(text), start=1):
        if kind == "code":
            section.blocks.append(Example(code_of(source.splitlines()), prose))
            prose = ""
            continue
        paragraphs = [paragraph.strip() for paragraph in source.split("\n\n") if paragraph.strip()]
        if any(paragraph.startswith("#") for paragraph in paragraphs):
            yield section
            section = Section(number)
        plain = [paragraph for paragraph in paragraphs if not paragraph.startswith(("#", "```", "|", "<"))]
        prose = " ".join(plain[-1].split()) if plain else ""
    yield section

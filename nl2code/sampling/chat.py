r"""How a chat model is asked to complete code, and how the completion is found in its answer.

The only message is INSTRUCTION and the prompt in a fence. Of the answer is taken: what follows `</think>`, of that the first
fenced block if there is one, of that what follows the prompt's lines (or as many of its last lines as are repeated).
An answer without the indentation of the prompt's last line gets it, where the program then parses.

>>> completion_of("df = load()\ntotal = ", "Sure:\n```python\ndf = load()\ntotal = df.sum()\n```\nThis sums.")
'df.sum()'
>>> completion_of("def f(x):\n", "return x")
'    return x'
"""

import os
import re
import textwrap

from nl2code.parsing import try_parse

INSTRUCTION = (
    "Continue the Python code below. Answer with one code block that holds only the text that comes right after it: "
    "do not repeat it, do not explain, do not add examples or tests.\n\n```python\n{}\n```"
)
_FENCE = re.compile(r"```[ \t]*[\w+-]*[ \t]*\r?\n(.*?)(?:\n?[ \t]*```|\Z)", re.DOTALL)


def messages(prompt: str) -> list[dict]:
    """The conversation that asks for a completion."""
    return [{"role": "user", "content": INSTRUCTION.format(prompt)}]


def room(prompt: str) -> int:
    """Tokens that an answer may need besides the completion: a repeated prompt (two characters a token) and fences."""
    return len(prompt) // 2 + 20


def completion_of(prompt: str, answer: str) -> str:
    """The text that follows the prompt, by the rules above."""
    answer = answer.rpartition("</think>")[2]
    fenced = _FENCE.search(answer)
    text = (fenced[1] if fenced else answer.strip("\r\n")).replace("\r\n", "\n")
    rest = _after_prompt(prompt, text)
    if rest is not None:
        return rest
    text = without_tail(prompt, text)
    indented = textwrap.indent(text, _indentation(prompt))
    return indented if text[:1].strip() and try_parse(prompt + indented) else text


def _indentation(prompt: str) -> str:
    """Blanks that the line after the prompt begins with: those of its last line, more where that opens a block."""
    last = prompt.rstrip().rpartition("\n")[2]
    if not prompt.endswith("\n"):
        return ""
    return last[: len(last) - len(last.lstrip())] + "    " * last.endswith(":")


def without_tail(prompt: str, text: str) -> str:
    r"""A completion without the blanks at its beginning that the prompt ends with already.

    >>> without_tail("x = ", " 1"), without_tail("x = ", "1"), without_tail("def f():\n    ", "        return 1")
    ('1', '1', '    return 1')
    """
    tail = prompt[len(prompt.rstrip(" \t")) :]
    return text[len(os.path.commonprefix([tail, text])) :]


def _after_prompt(prompt: str, text: str) -> str | None:
    """What follows in `text` the longest run of last lines of the prompt; None where not even the last is there."""
    wanted = [re.escape(line.strip()) for line in prompt.split("\n") if line.strip()]
    for start in range(len(wanted)):
        lines = wanted[start:]
        if len(lines) == 1 and not re.search(r"\w", lines[0]):
            break  # a lone closing quote or bracket may be any
        whole_last_line = r"(?=[ \t]*(?:\n|\Z))" if prompt.endswith("\n") else ""
        found = re.search(r"(?m)^[ \t]*" + r"[ \t]*\n\s*".join(lines) + whole_last_line, text)
        if found:
            tail, rest = prompt[len(prompt.rstrip()) :], text[found.end() :]
            if "\n" in tail:
                rest = re.sub(r"\A[ \t]*\n", "", rest)
            return without_tail(prompt, rest)
    return None

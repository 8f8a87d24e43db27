"""The completion in the answer of a chat model."""

import pytest

from nl2code.sampling import chat

FUNCTION = 'import pandas as pd\n\n\ndef top(df):\n    """Best row.\n\n    Of all.\n    """\n'


@pytest.mark.parametrize(
    ("prompt", "answer", "completion"),
    [
        ("x = 1\ny = ", "```python\n2\n```", "2"),
        ("x = 1\ny = ", "2", "2"),
        ("x = 1\ny = ", "```\nx = 1\ny = 2\n```", "2"),
        ("x = 1\ny = ", "y = 2", "2"),
        ("x = 1\n# double\n", "```py\nx = 1\n# double\ny = 2\n```", "y = 2"),
        ("x = 1\n# double\n", "y = 2\nz = 3", "y = 2\nz = 3"),
        (FUNCTION, f"```python\n{FUNCTION}    return df.max()\n```", "    return df.max()"),
        (FUNCTION, "```python\n    return df.max()\n```", "    return df.max()"),
        (FUNCTION, "return df.max()", "    return df.max()"),
        (
            FUNCTION,
            f"Sure!\n```python\n{FUNCTION.partition('def')[2].join(['def', ''])}    return 1\n```\nBye",
            "    return 1",
        ),
        ("def f(x):\n    return ", "```python\ndef f(x):\n    return x\n```", "x"),
        ("def f(x):\n    return ", "<think>```python\nno\n```</think>x + 1", "x + 1"),
        ("x = ", "```python\n1", "1"),  # cut off
        ("x = ", "", ""),
        ("s = '", "```python\nx'\n```", "x'"),
    ],
)
def test_the_completion_in_an_answer(prompt, answer, completion):
    assert chat.completion_of(prompt, answer) == completion

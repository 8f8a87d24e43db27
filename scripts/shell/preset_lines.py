"""What the shells read of preset files before any environment is there, so without a YAML reader."""

import json
import re
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def preset_file(folder: str, value: str) -> str:
    """The file that PRESET or PROTOCOL names, from the project's root; empty where there is none."""
    if (ROOT / folder / f"{value}.yaml").is_file():
        return f"{folder}/{value}.yaml"
    return value if value.endswith((".yaml", ".yml", ".json")) and Path(value).is_file() else ""


def preset_values(text: str) -> dict[str, str]:
    """`section:--flag` -> value of a preset file: JSON, or the plain lines of YAML; other forms are left to the programs.

    >>> preset_values("training:\\n  max_steps: 80  # of 2,048 tokens\\nencoding: {seed: 1}\\n")
    {'training:--max_steps': '80'}
    >>> preset_values('{"corpus": {"kinds": "mined"}}')
    {'corpus:--kinds': 'mined'}
    """
    with suppress(ValueError, AttributeError):
        sections = {key: part for key, part in json.loads(text).items() if isinstance(part, dict)}
        pairs = [(f"{key}:--{flag}", value) for key, part in sections.items() for flag, value in part.items()]
        return {
            name: value if isinstance(value, str) else json.dumps(value) for name, value in pairs if value is not None
        }
    found, section = {}, ""
    for line in text.split("\n"):
        line = re.sub(r"(^|\s)#.*", "", line).rstrip()
        if head := re.match(r"\w+:", line):
            section = head[0]
        elif pair := re.fullmatch(r"\s+(\w+):\s+(.+)", line):
            found[f"{section}--{pair[1]}"] = pair[2].strip("\"'")
    return found

"""Jupyter notebooks: their cells, and a notebook as a script."""

import json
from collections import Counter


def notebook_cells(text: str) -> list[tuple[str, str]]:
    """(`code` or `markdown`, source) of a notebook's cells, version 4; none where it is not one."""
    try:
        cells = json.loads(text)["cells"]
        pairs = [(cell["cell_type"], cell["source"]) for cell in cells if cell["cell_type"] in ("code", "markdown")]
        return [(kind, source if isinstance(source, str) else "".join(source)) for kind, source in pairs]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []


def notebook_code(text: str) -> tuple[str | None, Counter]:
    """(a notebook as a script, its parts that were left out by reason); no script where the file is no notebook."""
    parts = []
    for kind, source in notebook_cells(text):
        lines = source.strip("\n").split("\n")
        if kind == "markdown":
            parts.append("\n".join(f"# {line}".rstrip() for line in lines))
        else:
            parts.append("\n".join(line for line in lines if not line.lstrip().startswith(("%", "!"))))
    return "\n\n".join(parts) + "\n", Counter()

"""What sections of a report are made of: tables, charts, examples, texts."""

from dataclasses import dataclass, field

from scripts.reporting.charts import Chart


@dataclass(frozen=True)
class Table:
    """Rows of cells by column; every row has the same columns. A folded table is shown on demand."""

    title: str
    rows: list[dict[str, str]]
    folded: bool = False


@dataclass(frozen=True)
class Section:
    """A part of a page: a note on how to read it, then charts, tables, examples (title -> samples), and texts to unfold.

    The tables of a printed section stand on the terminal as well.
    """

    heading: str
    note: str = ""
    charts: list[Chart] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    examples: dict[str, list[dict]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    printed: bool = False


def percent(score: dict, sign: str = "") -> str:
    """A score and its interval in per cent.

    >>> percent({"value": 0.125, "ci95": [0.1, 0.2]}, "+")
    '+12.50 [10.0, 20.0]'
    """
    low, high = (f"{100 * bound:.1f}" for bound in score["ci95"])
    return f"{100 * score['value']:{sign}.2f} [{low}, {high}]"


def direction(difference: dict) -> str:
    """What the interval of a paired difference says.

    >>> [direction({"ci95": bounds}) for bounds in ([0.1, 0.2], [-0.2, -0.1], [-0.1, 0.2])]
    ['higher', 'lower', 'not told apart']
    """
    low, high = difference["ci95"]
    return "higher" if low > 0 else "lower" if high < 0 else "not told apart"


def filled(rows: list[dict]) -> list[dict[str, str]]:
    """The rows with the columns of all, "-" where a row has none."""
    columns = dict.fromkeys(key for row in rows for key in row)
    return [{key: str(row.get(key, "-")) for key in columns} for row in rows]

"""The class `Brod`, and the functions that make or combine brods."""

from dorvex.reading import Reading
from dorvex.selecting import Selecting
from dorvex.shaping import Shaping


class Brod(Selecting, Shaping, Reading):
    """A list of records. Every method returns a new value; the brod itself never changes."""

    def __init__(self, rows):
        self._rows = [dict(row) for row in rows]

    def _with(self, rows):
        return Brod(rows)

    def __eq__(self, other):
        return isinstance(other, Brod) and self._rows == other._rows

    __hash__ = None

    def __repr__(self):
        return f"brod({self._rows})"


def brod(rows):
    """Make a brod from a list of dicts.

    >>> import dorvex as dv
    >>> dv.brod([{"bay": "north", "crates": 12}]).grel()
    [{'bay': 'north', 'crates': 12}]
    """
    return Brod(rows)


def knit(one, other):
    """Put the records of another brod behind those of the first.

    >>> import dorvex as dv
    >>> dv.knit(dv.brod([{"crates": 1}]), dv.brod([{"crates": 2}])).zal("crates")
    [1, 2]
    """
    return Brod(one._rows + other._rows)


def plex(one, other, field):
    """Add to each record of the first brod the fields of the record of the other that has the same value in a field.

    Records without a partner are left out; of several partners the first one counts.

    >>> import dorvex as dv
    >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "west", "crates": 3}])
    >>> bays = dv.brod([{"bay": "north", "depth": 40}])
    >>> dv.plex(hauls, bays, "bay").grel()
    [{'bay': 'north', 'crates': 12, 'depth': 40}]
    """
    partners = {}
    for row in other._rows:
        partners.setdefault(row.get(field), row)
    return Brod({**row, **partners[row.get(field)]} for row in one._rows if row.get(field) in partners)

"""Which records stay, and in which order: `torv`, `drep`, `sil`, `pel` and others."""


def _known(row, field):
    return row.get(field) is not None


class Selecting:
    """Methods of a brod that return some of its records, as a new brod."""

    def torvek(self, field, value):
        """Keep the records whose field equals a value.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.torvek("bay", "south").grel()
        [{'bay': 'south', 'crates': 7}]
        """
        return self._with(row for row in self._rows if row.get(field) == value)

    def torvor(self, field, limit):
        """Keep the records whose field is above a limit.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.torvor("crates", 8).grel()
        [{'bay': 'north', 'crates': 12}, {'bay': 'north', 'crates': 9}]
        """
        return self._with(row for row in self._rows if _known(row, field) and row[field] > limit)

    def torvun(self, field, limit):
        """Keep the records whose field is below a limit.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.torvun("crates", 10).grel()
        [{'bay': 'south', 'crates': 7}, {'bay': 'north', 'crates': 9}]
        """
        return self._with(row for row in self._rows if _known(row, field) and row[field] < limit)

    def torvis(self, field, values):
        """Keep the records whose field is one of a list of values.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.torvis("crates", [7, 9]).grel()
        [{'bay': 'south', 'crates': 7}, {'bay': 'north', 'crates': 9}]
        """
        return self._with(row for row in self._rows if row.get(field) in values)

    def torvam(self, field, piece):
        """Keep the records whose text field contains a piece of text.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.torvam("bay", "ou").grel()
        [{'bay': 'south', 'crates': 7}]
        """
        return self._with(row for row in self._rows if _known(row, field) and piece in row[field])

    def torvno(self, field):
        """Keep the records whose field is missing.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": None}, {"bay": "south", "crates": 7}])
        >>> hauls.torvno("crates").grel()
        [{'bay': 'north', 'crates': None}]
        """
        return self._with(row for row in self._rows if not _known(row, field))

    def drepek(self, field, value):
        """Drop the records whose field equals a value.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.drepek("bay", "south").grel()
        [{'bay': 'north', 'crates': 12}, {'bay': 'north', 'crates': 9}]
        """
        return self._with(row for row in self._rows if row.get(field) != value)

    def drepor(self, field, limit):
        """Drop the records whose field is above a limit.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.drepor("crates", 8).grel()
        [{'bay': 'south', 'crates': 7}]
        """
        return self._with(row for row in self._rows if not (_known(row, field) and row[field] > limit))

    def drepun(self, field, limit):
        """Drop the records whose field is below a limit.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.drepun("crates", 10).grel()
        [{'bay': 'north', 'crates': 12}]
        """
        return self._with(row for row in self._rows if not (_known(row, field) and row[field] < limit))

    def drepis(self, field, values):
        """Drop the records whose field is one of a list of values.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.drepis("crates", [7, 9]).grel()
        [{'bay': 'north', 'crates': 12}]
        """
        return self._with(row for row in self._rows if row.get(field) not in values)

    def drepam(self, field, piece):
        """Drop the records whose text field contains a piece of text.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.drepam("bay", "ou").grel()
        [{'bay': 'north', 'crates': 12}, {'bay': 'north', 'crates': 9}]
        """
        return self._with(row for row in self._rows if not (_known(row, field) and piece in row[field]))

    def drepno(self, field):
        """Drop the records whose field is missing.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": None}, {"bay": "south", "crates": 7}])
        >>> hauls.drepno("crates").grel()
        [{'bay': 'south', 'crates': 7}]
        """
        return self._with(row for row in self._rows if _known(row, field))

    def silor(self, field):
        """Sort the records by a field, highest first. Missing values come last.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.silor("crates").zal("crates")
        [12, 9, 7]
        """
        known = [row for row in self._rows if _known(row, field)]
        missing = [row for row in self._rows if not _known(row, field)]
        return self._with(sorted(known, key=lambda row: row[field], reverse=True) + missing)

    def silun(self, field):
        """Sort the records by a field, lowest first. Missing values come last.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.silun("crates").zal("crates")
        [7, 9, 12]
        """
        known = [row for row in self._rows if _known(row, field)]
        missing = [row for row in self._rows if not _known(row, field)]
        return self._with(sorted(known, key=lambda row: row[field]) + missing)

    def pelor(self, field, count):
        """Take the `count` records with the highest values of a field, highest first.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.pelor("crates", 2).zal("crates")
        [12, 9]
        """
        return self.silor(field).hask(count)

    def pelun(self, field, count):
        """Take the `count` records with the lowest values of a field, lowest first.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.pelun("crates", 2).zal("crates")
        [7, 9]
        """
        return self.silun(field).hask(count)

    def hask(self, count):
        """Take the first `count` records.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.hask(2).zal("crates")
        [12, 7]
        """
        return self._with(self._rows[:count])

    def tolk(self, count):
        """Take the last `count` records.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.tolk(2).zal("crates")
        [7, 9]
        """
        return self._with(self._rows[max(0, len(self._rows) - count) :])

    def fenn(self, step):
        """Take every `step`-th record, beginning with the first.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.fenn(2).zal("crates")
        [12, 9]
        """
        return self._with(self._rows[::step])

    def orrin(self):
        """Turn the order of the records around.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.orrin().zal("crates")
        [9, 7, 12]
        """
        return self._with(self._rows[::-1])

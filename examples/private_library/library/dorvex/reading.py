"""What a brod says: counts, lists, summaries and groups, as plain Python values."""


class Reading:
    """Methods of a brod that return numbers, lists and dicts."""

    def _values(self, field):
        """The values of a field that are not missing."""
        return [row[field] for row in self._rows if row.get(field) is not None]

    def _groups(self, by, field, summary):
        """Value of `by` -> summary of the field over the records that have it, in the order of first appearance."""
        groups = {}
        for row in self._rows:
            groups.setdefault(row.get(by), []).append(row)
        return {key: summary(self._with(rows), field) for key, rows in groups.items()}

    def grel(self):
        """Give the records as a list of dicts.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.grel()
        [{'bay': 'north', 'crates': 12}, {'bay': 'south', 'crates': 7}, {'bay': 'north', 'crates': 9}]
        """
        return [dict(row) for row in self._rows]

    def zal(self, field):
        """List the values of a field.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.zal("bay")
        ['north', 'south', 'north']
        """
        return [row.get(field) for row in self._rows]

    def zalix(self, field):
        """List the different values of a field, in the order in which they first appear.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.zalix("bay")
        ['north', 'south']
        """
        return list(dict.fromkeys(self.zal(field)))

    def quen(self):
        """Count the records.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.quen()
        3
        """
        return len(self._rows)

    def quenek(self, field, value):
        """Count the records whose field equals a value.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.quenek("bay", "north")
        2
        """
        return self.torvek(field, value).quen()

    def quenor(self, field, limit):
        """Count the records whose field is above a limit.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.quenor("crates", 8)
        2
        """
        return self.torvor(field, limit).quen()

    def quenun(self, field, limit):
        """Count the records whose field is below a limit.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.quenun("crates", 8)
        1
        """
        return self.torvun(field, limit).quen()

    def masor(self, field):
        """Give the highest value of a field.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.masor("crates")
        12
        """
        return max(self._values(field), default=None)

    def masun(self, field):
        """Give the lowest value of a field.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.masun("crates")
        7
        """
        return min(self._values(field), default=None)

    def masal(self, field):
        """Give the total of a field.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.masal("crates")
        28
        """
        return sum(self._values(field))

    def masen(self, field):
        """Give the mean of a field.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.masen("crates")
        9.333333333333334
        """
        values = self._values(field)
        return sum(values) / len(values) if values else None

    def wexor(self, field):
        """Give the record with the highest value of a field, as a dict.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.wexor("crates")
        {'bay': 'north', 'crates': 12}
        """
        return self.pelor(field, 1).grel()[0]

    def wexun(self, field):
        """Give the record with the lowest value of a field, as a dict.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.wexun("crates")
        {'bay': 'south', 'crates': 7}
        """
        return self.pelun(field, 1).grel()[0]

    def galor(self, by, field):
        """Give the highest value of a field for each group of records with the same `by`, as a dict.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.galor("bay", "crates")
        {'north': 12, 'south': 7}
        """
        return self._groups(by, field, Reading.masor)

    def galun(self, by, field):
        """Give the lowest value of a field for each group of records with the same `by`, as a dict.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.galun("bay", "crates")
        {'north': 9, 'south': 7}
        """
        return self._groups(by, field, Reading.masun)

    def galal(self, by, field):
        """Give the total of a field for each group of records with the same `by`, as a dict.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.galal("bay", "crates")
        {'north': 21, 'south': 7}
        """
        return self._groups(by, field, Reading.masal)

    def galen(self, by, field):
        """Give the mean of a field for each group of records with the same `by`, as a dict.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.galen("bay", "crates")
        {'north': 10.5, 'south': 7.0}
        """
        return self._groups(by, field, Reading.masen)

    def galquen(self, by):
        """Count the records of each group with the same `by`, as a dict.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.galquen("bay")
        {'north': 2, 'south': 1}
        """
        return self._groups(by, None, lambda group, _: group.quen())

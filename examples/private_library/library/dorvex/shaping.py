"""What the records hold: their fields and values."""


class Shaping:
    """Methods of a brod that return all of its records with other fields or values, as a new brod."""

    def _set(self, field, change):
        """All records with a new value of one field, which `change(row)` gives."""
        return self._with({**row, field: change(row)} for row in self._rows)

    def _change(self, field, change):
        """The same with `change(value)`; a missing value stays missing."""
        return self._set(field, lambda row: None if row.get(field) is None else change(row[field]))

    def _run(self, field, new, step):
        """Carry a value along the records: `step(before, value)`; a missing value leaves it as it is."""
        rows, before = [], None
        for row in self._rows:
            value = row.get(field)
            if value is not None:
                before = value if before is None else step(before, value)
            rows.append({**row, new: before})
        return self._with(rows)

    def mirt(self, *fields):
        """Keep these fields of each record and no others.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.mirt("crates").grel()
        [{'crates': 12}, {'crates': 7}, {'crates': 9}]
        """
        return self._with({field: row.get(field) for field in fields} for row in self._rows)

    def nurt(self, field):
        """Remove a field from each record.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.nurt("bay").grel()
        [{'crates': 12}, {'crates': 7}, {'crates': 9}]
        """
        return self._with({key: row[key] for key in row if key != field} for row in self._rows)

    def reld(self, old, new):
        """Rename a field.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.hask(1).reld("crates", "boxes").grel()
        [{'bay': 'north', 'boxes': 12}]
        """
        return self._with({new if key == old else key: row[key] for key in row} for row in self._rows)

    def plon(self, field, value):
        """Give each record a field with the same value.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.hask(1).plon("year", 2020).grel()
        [{'bay': 'north', 'crates': 12, 'year': 2020}]
        """
        return self._set(field, lambda row: value)

    def glim(self, field, factor):
        """Multiply a field by a factor.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.glim("crates", 10).zal("crates")
        [120, 70, 90]
        """
        return self._change(field, lambda value: value * factor)

    def grom(self, field, amount):
        """Add an amount to a field.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.grom("crates", 5).zal("crates")
        [17, 12, 14]
        """
        return self._change(field, lambda value: value + amount)

    def blay(self, field, places):
        """Round a field to a number of decimal places.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"weight": 2.345}, {"weight": 7.81}])
        >>> hauls.blay("weight", 1).zal("weight")
        [2.3, 7.8]
        """
        return self._change(field, lambda value: round(value, places))

    def cronk(self, field, low, high):
        """Limit a field to the range from `low` to `high`.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.cronk("crates", 8, 10).zal("crates")
        [10, 8, 9]
        """
        return self._change(field, lambda value: min(max(value, low), high))

    def feld(self, field, value):
        """Fill a field with a value where it is missing.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": None}, {"bay": "south", "crates": 7}])
        >>> hauls.feld("crates", 0).zal("crates")
        [0, 7]
        """
        return self._set(field, lambda row: value if row.get(field) is None else row[field])

    def yex(self, field, other, new):
        """Put the sum of two fields into a new field.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"small": 4, "large": 3}])
        >>> hauls.yex("small", "large", "all").grel()
        [{'small': 4, 'large': 3, 'all': 7}]
        """
        return self._set(new, lambda row: None if None in (row.get(field), row.get(other)) else row[field] + row[other])

    def stenk(self, field):
        """Write a text field in upper case.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.stenk("bay").zal("bay")
        ['NORTH', 'SOUTH', 'NORTH']
        """
        return self._change(field, lambda value: value.upper())

    def stilk(self, field):
        """Write a text field in lower case.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "NORTH"}])
        >>> hauls.stilk("bay").zal("bay")
        ['north']
        """
        return self._change(field, lambda value: value.lower())

    def ruval(self, field, new):
        """Put the running total of a field into a new field.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.ruval("crates", "so_far").zal("so_far")
        [12, 19, 28]
        """
        return self._run(field, new, lambda before, value: before + value)

    def ruvor(self, field, new):
        """Put the highest value so far of a field into a new field.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.ruvor("crates", "record").zal("record")
        [12, 12, 12]
        """
        return self._run(field, new, max)

    def tarn(self, new, first):
        """Number the records in a new field, beginning with `first`.

        >>> import dorvex as dv
        >>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}, {"bay": "north", "crates": 9}])
        >>> hauls.tarn("no", 1).zal("no")
        [1, 2, 3]
        """
        return self._with({**row, new: number} for number, row in enumerate(self._rows, first))

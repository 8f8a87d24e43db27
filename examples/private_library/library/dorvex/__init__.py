"""Dorvex: small steps over records, written as a chain. A `Brod` holds records, which are dicts with the same fields.

>>> import dorvex as dv
>>> hauls = dv.brod([{"bay": "north", "crates": 12}, {"bay": "south", "crates": 7}])
>>> hauls.torvor("crates", 10).zal("bay")
['north']

Most names have a root, which says what is done, and an ending, which says to which records:

root `torv` keeps, `drep` drops, `quen` counts, `mas` summarises, `gal` summarises each group, `sil` sorts, `pel` takes the
extreme ones, `wex` finds the one record, `ruv` runs along the records.
ending `ek` equal, `or` above or highest, `un` below or lowest, `is` one of a list, `am` contains a text, `no` missing,
`al` total, `en` mean.

A missing value is None: comparisons never hold for it, and summaries leave it out.
"""

from dorvex.brods import Brod, brod, knit, plex

__all__ = ["Brod", "brod", "knit", "plex"]

"""What a server does with the libraries before the first sample; runs beside `server.py`.

Libraries import and cache much on first use; what the server has used, no sample has to pay for.
"""

import contextlib
import warnings

WARM_UP = {
    "numpy": """
import numpy as np
a = np.arange(12.0).reshape(3, 4)
str(a), a @ a.T, np.linalg.inv(np.eye(2)), np.sort(a), np.where(a > 1, a, 0), a.astype("datetime64[D]")
np.testing.assert_allclose(a, a)
""",
    "pandas": """
import io
import pandas as pd
df = pd.DataFrame({"a": [2, 1, 1], "b": ["x", "y", None], "c": pd.date_range("2020-01-01", periods=3)})
str(df), df.sort_values("a"), df.a.sum(), df[df.a > 1], df.isna().sum(), df.b.str.upper(), df.c.dt.year
df.groupby("a").agg({"b": "count"}), df.groupby("a").a.apply(len), df.merge(df, on="a"), pd.concat([df, df])
df.pivot_table(index="a", aggfunc="size"), df.melt(id_vars="a"), df.set_index("c").a.resample("D").sum()
df.apply(lambda row: row.a, axis=1), df.drop_duplicates("a"), df.b.value_counts(), df.describe(), df.to_dict()
pd.read_csv(io.StringIO(df.to_csv())), pd.testing.assert_frame_equal(df, df), df.a.rolling(2).mean()
""",
}


def use_once(name: str) -> None:
    """Use a library once, up to where this version of it disagrees."""
    with contextlib.suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(WARM_UP.get(name, ""), {})

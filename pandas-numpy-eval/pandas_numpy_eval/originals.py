"""What is known of the original benchmarks, PandasEval and NumpyEval, which do not ship: their hashes and defects.

Everything is keyed by the sha256 of the (compressed) file, so nothing here is said of another file of the same name.
"""

URL = "https://raw.githubusercontent.com/microsoft/PyCodeGPT/HEAD/cert/pandas-numpy-eval/data"
SHA256 = {
    "PandasEval": "c3e75b503e922b2592a7934b1837aaae26bd2f72c424c020f4720983d7928ef6",
    "NumpyEval": "828b9c65a60108c27e03f8e22ca2dab85877e6689f1de7aee7e580485c065623",
}
BROKEN_TEST = "no completion can pass: the test is a syntax error, or its check wants an argument and gets none"
BROKEN_REFERENCE = "the canonical solution fails with every version of the library"
_DEFECTS = {
    SHA256["PandasEval"]: {
        **{f"PandasEval/{number}": BROKEN_TEST for number in (29, 36, 90)},
        **{f"PandasEval/{number}": BROKEN_REFERENCE for number in (19, 27, 43, 63, 67, 79)},
    },
    SHA256["NumpyEval"]: {"NumpyEval/17": BROKEN_REFERENCE},
}


def known_defects(sha256: str) -> dict[str, str]:
    """What is known to be wrong with the tasks of a problem file, by task_id."""
    return _DEFECTS.get(sha256, {})

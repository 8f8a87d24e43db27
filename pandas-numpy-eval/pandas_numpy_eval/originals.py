"""What is known of the original benchmarks, PandasEval and NumpyEval, which do not ship: their hashes and broken tests.

Tasks are listed by the sha256 of the compressed file, so that a changed file of the same name has no known defects.
Which canonical solutions fail depends on the library versions, so it is not listed: the evaluation runs them.
"""

URL = "https://raw.githubusercontent.com/microsoft/PyCodeGPT/HEAD/cert/pandas-numpy-eval/data"
SHA256 = {
    "PandasEval": "c3e75b503e922b2592a7934b1837aaae26bd2f72c424c020f4720983d7928ef6",
    "NumpyEval": "828b9c65a60108c27e03f8e22ca2dab85877e6689f1de7aee7e580485c065623",
}
BROKEN_TEST = "no completion can pass: the test is a syntax error, or calls check without the argument that it needs"
_DEFECTS = {SHA256["PandasEval"]: {f"PandasEval/{number}": BROKEN_TEST for number in (29, 36, 90)}}


def known_defects(sha256: str) -> dict[str, str]:
    """Known defects of a problem file, by task_id."""
    return _DEFECTS.get(sha256, {})

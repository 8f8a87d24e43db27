"""How fast a matrix product is."""

from types import SimpleNamespace

import pytest
import torch

from nl2code import precision


@pytest.mark.parametrize(
    ("seconds", "counted"),
    [([0.3, 0.01, 0.01, 0.02, 0.02, 0.02], 0.02), ([2.0], 2.0), ([0.6, 0.5], 0.5), ([0.3, 0.1, 0.4, 0.3], 0.3)],
)
def test_products_that_take_seconds_are_few(monkeypatch, seconds, counted):
    """Six, or as many as exceed a second together; the first is the warm-up of the others."""
    times = iter([moment for one in seconds for moment in (0.0, one)])
    monkeypatch.setattr(precision, "time", SimpleNamespace(perf_counter=lambda: next(times)))
    assert precision.gemm_gflops(torch.float32, 10) == pytest.approx(2 * 10**3 / counted / 1e9)
    assert next(times, None) is None

"""Which arithmetic is fast here (`--precision auto`), and whether a model can be compiled."""

import os
import shutil
import statistics
import sysconfig
import time
from pathlib import Path

import torch

WORTH_IT = 1.5  # least speed-up of a bfloat16 matrix product over a float32 one


def best_precision(on_gpu: bool) -> str:
    """bf16, fp16 or fp32, printed: on a GPU by what it supports, on a CPU by two measured matrix products.

    One of several processes on CPUs takes fp32, as the others do.
    """
    if on_gpu:
        chosen, why = ("bf16" if torch.cuda.is_bf16_supported() else "fp16"), "GPU"
    elif int(os.environ.get("WORLD_SIZE", 1)) > 1:
        chosen, why = "fp32", "CPU: several processes could measure differently; --precision bf16 is the other choice"
    else:
        speeds = {dtype: gemm_gflops(dtype) for dtype in (torch.float32, torch.bfloat16)}
        ratio = speeds[torch.bfloat16] / speeds[torch.float32]
        chosen = "bf16" if ratio >= WORTH_IT else "fp32"
        why = f"CPU: {speeds[torch.float32]:.0f} GFLOP/s in float32, {speeds[torch.bfloat16]:.0f} in bfloat16"
    print(f"precision: auto chose {chosen} ({why})")
    return chosen


def gemm_gflops(dtype: torch.dtype, size: int = 1024, rounds: int = 5) -> float:
    """Median speed of square matrix products on the CPU, in GFLOP/s.

    The first product is not counted, except where it takes more than a second: then there is no other.
    """
    left, right = (torch.ones(size, size, dtype=dtype) for _ in range(2))
    seconds = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        left @ right
        seconds.append(time.perf_counter() - started)
        if sum(seconds) > 1:  # a CPU without units for bfloat16 takes seconds for each
            break
    return 2 * size**3 / statistics.median(seconds[1:] or seconds) / 1e9


def missing_to_compile() -> str:
    """What `torch.compile` needs on a CPU and does not find here, or an empty text: a C++ compiler, Python's headers."""
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        return f"the C++ compiler {compiler}"
    header = Path(sysconfig.get_path("include")) / "Python.h"
    return "" if header.exists() else str(header)

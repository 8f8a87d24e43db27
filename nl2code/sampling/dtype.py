"""Which type of weights samples fastest here: `--dtype auto`. Imports no torch, so that it costs nothing."""

import re
from pathlib import Path

DTYPES = ("auto", "float32", "bfloat16", "float16")
HELP = "type of the weights; auto: bfloat16 on GPUs and on CPUs with units for it (amx_bf16, avx512_bf16), else float32"
CPUINFO = Path("/proc/cpuinfo")


def choose_dtype(asked: str, device: str) -> str:
    """`asked`, or what auto means on a device: float32 where the system does not tell what its CPU has."""
    if asked != "auto":
        return asked
    flags = CPUINFO.read_text(encoding="utf-8", errors="replace") if CPUINFO.is_file() else ""
    has_units = re.search(r"\b(amx_bf16|avx512_bf16)\b", flags) is not None
    return "bfloat16" if has_units or not device.startswith("cpu") else "float32"

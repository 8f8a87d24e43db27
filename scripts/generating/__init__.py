"""Generation. `from scripts.generating import Chunk, TwoStages` loads them when first used."""

from importlib import import_module

_HOMES = {"Chunk": "units", "TwoStages": "two_stages"}
__all__ = ["Chunk", "TwoStages"]  # noqa: F822


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

"""The generation engine. Names are loaded when first used, so that truncation rules cost no import of torch."""

from importlib import import_module

_NAMES = {
    "engine": ("Sampler",),
    "prompts": ("Completion", "PromptError", "Request"),
    "truncation": ("first_block", "syntax"),
}
_HOMES = {name: f"nl2code.sampling.{module}" for module, names in _NAMES.items() for name in names}
__all__ = list(_HOMES)  # noqa: PLE0605


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)

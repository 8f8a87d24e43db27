"""The generation engine. Names are loaded when first used, so that truncation rules cost no import of torch."""

from importlib import import_module

_HOMES = {
    **dict.fromkeys(
        ("Completion", "PromptTooLongError", "Request", "Sampler", "UnsupportedModelError", "sample_completions"),
        "nl2code.sampling.engine",
    ),
    **dict.fromkeys(("first_block", "syntax"), "nl2code.sampling.truncation"),
}
__all__ = list(_HOMES)  # noqa: PLE0605


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)

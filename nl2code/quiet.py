"""Loading of models without messages that tell a user nothing: a bar per model, and a warning about peft's own code."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Within it, transformers shows no bar while it reads weights, and peft's use of an old name gives no warning.

    Downloads keep their bars.
    """
    from transformers.utils import logging

    before = logging.set_tqdm_hook(lambda bar, args, options: bar(*args, **options | {"disable": True}))
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
            yield
    finally:
        logging.set_tqdm_hook(before)

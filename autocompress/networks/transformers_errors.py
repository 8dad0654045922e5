"""Turns errors of transformers and of the libraries below it into one line for the user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from autocompress.system.errors import InputError


def one_line(error: BaseException) -> str:
    """Return an error's message on one line, at most 200 characters of it."""
    return " ".join(str(error).split())[:200] or type(error).__name__


@contextmanager
def as_input_error(reference: str) -> Iterator[None]:
    """Silence transformers, and turn its errors and the panics of its Rust libraries into an InputError of one line."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    except (InputError, KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError):
        raise
    except BaseException as error:
        raise InputError(
            f"the model must be a checkpoint folder or the name of one that can be loaded, "
            f"but {reference!r} is not: {one_line(error)}"
        ) from error
    finally:
        logging.set_verbosity(verbosity)

"""Turns an error into the line and the exit code that a user gets."""

from __future__ import annotations

import os
import sqlite3
import traceback

import typer

from autocompress.system.child_processes import broken_installation
from autocompress.system.errors import AutocompressError, BrokenInstallationError, InputError, StorageError

BUG, INTERRUPTED, OUT_OF_MEMORY = 70, 130, 1
_NO_MEMORY = ("not enough memory", "can't allocate memory", "Failed to allocate memory", "bad_alloc")
_KINDS: tuple[tuple[type[BaseException], int, str], ...] = (
    (MemoryError, OUT_OF_MEMORY, "out of memory; free some, or use a smaller model or batch size"),
    (RecursionError, InputError.exit_code, "what is read must not be nested so deeply; use a simpler file"),
    (
        UnicodeError,
        InputError.exit_code,
        "names must be text that can be written here, but {error}; set LC_ALL=C.UTF-8",
    ),
    (ImportError, BrokenInstallationError.exit_code, f"{broken_installation('{error}')}"),
    (sqlite3.Error, StorageError.exit_code, "the study's database must be writable, but {error}; free some space"),
    (OSError, StorageError.exit_code, "{place}; see that it exists, may be used and has room"),
)


def explain(error: BaseException) -> tuple[str, int]:
    """Return the line to print and the exit code; with AUTOCOMPRESS_DEBUG set, the traceback is printed too.

    The errors of this program have a message and a code of their own, those of the machine (memory, disk, packages)
    get one here; any other is a bug.
    """
    if os.environ.get("AUTOCOMPRESS_DEBUG"):
        traceback.print_exception(error)
    if isinstance(error, AutocompressError):
        return str(error), error.exit_code
    if isinstance(error, typer.TyperException):
        return f"{error.format_message().rstrip('.')}; see autocompress --help", error.exit_code
    if isinstance(error, (typer.Abort, KeyboardInterrupt)):
        return "interrupted", INTERRUPTED
    return (
        _of_the_system(error)
        or _at_import(error)
        or (
            f"this is a bug ({type(error).__name__}: {error}); AUTOCOMPRESS_DEBUG=1 shows where",
            BUG,
        )
    )


def _of_the_system(error: BaseException) -> tuple[str, int] | None:
    """Return the line and the code if the error, or its cause, is of a kind in ``_KINDS``.

    torch and ONNX Runtime raise a RuntimeError if memory runs out, which only its message tells.
    """
    for one in (error, error.__cause__):
        without_room = isinstance(one, RuntimeError) and any(words in str(one) for words in _NO_MEMORY)
        for kind, code, told in _KINDS:
            if isinstance(one, kind) or (without_room and kind is MemoryError):
                return told.format(error=" ".join(str(one).split()), place=_place(one or error)), code
    return None


def _at_import(error: BaseException) -> tuple[str, int] | None:
    """Return the line and the code if another package raised the error when it was imported.

    An environment variable that the package reads may be the reason.
    """
    for frame, _ in traceback.walk_tb(error.__traceback__):
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if frame.f_code.co_name == "<module>" and package not in ("__main__", "autocompress"):
            told = " ".join(str(error).split())[:200]
            line = f"the package {package} must be loadable, but says: {type(error).__name__}: {told}; look at the "
            return line + "environment variables that it reads, or install it anew", BrokenInstallationError.exit_code
    return None


def _place(error: BaseException) -> str:
    if not isinstance(error, OSError):
        return ""
    named = "a file or an output" if error.filename is None else os.fsdecode(error.filename)
    return f"{named} must be usable, but {error.strerror or error}"

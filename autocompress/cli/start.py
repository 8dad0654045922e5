"""Prepares the process before the first command, whatever the shell and the variables are."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

from autocompress.system.child_processes import harmful_variables, missing_user, temporary_folder
from autocompress.system.errors import InputError


def mend_process() -> None:
    """Make streams print every name, warnings harmless and thread counts possible, and give the user a home."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if any(option.startswith(("error", "e:")) for option in sys.warnoptions):
        warnings.resetwarnings()
        warnings.simplefilter("ignore")
    for name in {*harmful_variables(), "MPLBACKEND"}:  # plots are files: no window is ever opened
        os.environ.pop(name, None)
    if missing_user(""):
        home = tempfile.mkdtemp(prefix="autocompress-home-", dir=temporary_folder())
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        os.environ.update(missing_user(home))


def check_arguments(arguments: list[str]) -> None:
    """Raise InputError for an argument whose bytes are not text, and if the current folder is gone."""
    for argument in arguments:
        try:
            argument.encode("utf-8")
        except UnicodeEncodeError as error:
            raise InputError(
                f"an argument must be text in {sys.getfilesystemencoding()}, but got {ascii(argument)[1:-1]}; rename "
                "the file or folder, or set LC_ALL=C.UTF-8"
            ) from error
    try:
        Path.cwd()
    except OSError as error:
        raise InputError(f"the current folder must exist, but {error.strerror}; change to another") from error

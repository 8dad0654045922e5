"""Errors that a user can cause or has to know of, each with the command line's exit code.

A message states the rule, then the value found, then what to do.
"""


class AutocompressError(Exception):
    """Base of all errors that the command line prints in one line, without a traceback."""

    exit_code = 1


class InputError(AutocompressError):
    """The arguments, the data or the checkpoint cannot be used as given."""

    exit_code = 2


class NoFeasibleError(AutocompressError):
    """A search has ended, and no measured artefact meets the constraints."""

    exit_code = 3


class StudyError(AutocompressError):
    """A study cannot be opened, changed or continued."""

    exit_code = 4


class MeasurementError(AutocompressError):
    """An artefact could not be compiled, loaded or measured."""

    exit_code = 5


class BrokenInstallationError(AutocompressError):
    """A needed package cannot be imported, here or in a child process."""

    exit_code = 5


class StorageError(AutocompressError):
    """A file could not be written (disk full, no permission)."""

    exit_code = 6

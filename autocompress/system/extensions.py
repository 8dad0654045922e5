"""Imports Python files that add entries to the registries (dimensions, student types, families, kinds of task).

The variable ``AUTOCOMPRESS_EXTENSIONS`` names them, separated as in ``PATH``. Every process of a search reads it, so
that a worker has the entries that its controller has. Each registry calls this when it is imported itself.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from pathlib import Path

from autocompress.system.errors import InputError

VARIABLE = "AUTOCOMPRESS_EXTENSIONS"


def load_extensions() -> None:
    """Import each named file once; InputError if one is absent or cannot be imported.

    The module has a name of its own, so that a file may have the name of any other module.
    """
    for entry in os.environ.get(VARIABLE, "").split(os.pathsep):
        path = Path(entry).absolute()
        if entry and module_name(path) not in sys.modules:
            _load(path)


def module_name(path: Path) -> str:
    """Return the name of a file's module, the same in every process: what is pickled is found again by it."""
    return f"{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"


def _load(path: Path) -> None:
    name = module_name(path)
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise InputError(f"{VARIABLE} must name Python files, but names {path}; correct it")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise InputError(f"the files of {VARIABLE} must be importable, but {path} is not ({reason})") from error

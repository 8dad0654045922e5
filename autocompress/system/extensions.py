"""Imports Python files that add entries to the registries (dimensions, student types, families, kinds of task).

The variable ``AUTOCOMPRESS_EXTENSIONS`` names them, separated as in ``PATH``. Every process of a search reads it, so
that a worker has the entries that its controller has. Each registry calls this when it is imported itself.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from autocompress.system.errors import InputError

VARIABLE = "AUTOCOMPRESS_EXTENSIONS"


def load_extensions() -> None:
    """Import each named file once, as a module called after it; InputError if one is absent or cannot be imported."""
    for entry in os.environ.get(VARIABLE, "").split(os.pathsep):
        if entry and Path(entry).stem not in sys.modules:
            _load(Path(entry))


def _load(path: Path) -> None:
    specification = importlib.util.spec_from_file_location(path.stem, path)
    if specification is None or specification.loader is None:
        raise InputError(f"{VARIABLE} must name Python files, but names {path}; correct it")
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        del sys.modules[path.stem]
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise InputError(f"the files of {VARIABLE} must be importable, but {path} is not ({reason})") from error

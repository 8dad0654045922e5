"""Maps the name of each kind of task to its definition; a file named in AUTOCOMPRESS_EXTENSIONS may add another."""

from __future__ import annotations

from autocompress.system.errors import InputError
from autocompress.system.extensions import load_extensions
from autocompress.tasks.kinds.classification import CLASSIFICATION
from autocompress.tasks.kinds.kind import TaskKind
from autocompress.tasks.kinds.regression import REGRESSION

TASK_KINDS: dict[str, TaskKind] = {kind.name: kind for kind in (CLASSIFICATION, REGRESSION)}


def task_kind(name: str, what: str = "task") -> TaskKind:
    """Return the kind with this name. Otherwise raise InputError, which lists the kinds and calls the name ``what``."""
    if name not in TASK_KINDS:
        raise InputError(f"{what} must be one of {', '.join(TASK_KINDS)}, but got {name!r}")
    return TASK_KINDS[name]


load_extensions()

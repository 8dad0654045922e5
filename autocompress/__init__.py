"""autocompress makes Transformer models small and fast enough to ship, automatically.

``autocompress.search(...)`` runs a search and returns a ``Study``; ``autocompress.open_study(...)`` opens one.
"""

from __future__ import annotations

TYPE_CHECKING = False  # known to type checkers; importing it would import a typing.py of the current folder
if TYPE_CHECKING:
    from typing import Any

    from autocompress.api import open_study as open_study
    from autocompress.api import resume as resume
    from autocompress.api import search as search
    from autocompress.report.study import Study as Study

__version__ = "0.1.0"
__all__ = ["Study", "open_study", "resume", "search"]


def __getattr__(name: str) -> Any:
    """Import the interface at its first use, so that ``import autocompress`` alone costs nothing."""
    if name in __all__:
        from autocompress import api

        return getattr(api, name)
    raise AttributeError(f"module 'autocompress' has no attribute {name!r}")

"""Registers the policies of early exits by name."""

from __future__ import annotations

from autocompress.students.exit_policies.confidence import CONFIDENCE
from autocompress.students.exit_policies.policy import ExitPolicy

EXIT_POLICIES: dict[str, ExitPolicy] = {"confidence": CONFIDENCE}

__all__ = ["EXIT_POLICIES", "ExitPolicy"]

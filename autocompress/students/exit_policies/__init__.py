"""Registers the policies of early exits by name."""

from __future__ import annotations

from autocompress.students.exit_policies.agreement import AGREEMENT
from autocompress.students.exit_policies.confidence import CONFIDENCE
from autocompress.students.exit_policies.entropy import ENTROPY
from autocompress.students.exit_policies.patience import PATIENCE
from autocompress.students.exit_policies.policy import ExitPolicy
from autocompress.students.exit_policies.scores import ExitScores

EXIT_POLICIES: dict[str, ExitPolicy] = {
    "confidence": CONFIDENCE,
    "entropy": ENTROPY,
    "patience": PATIENCE,
    "agreement": AGREEMENT,
}
"""Policies by name; a search chooses among those that suit the number of outputs."""

__all__ = ["EXIT_POLICIES", "ExitPolicy", "ExitScores"]

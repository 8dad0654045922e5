"""Registers the forms of linear layers by name."""

from __future__ import annotations

from autocompress.students.linear_forms.dense import DENSE
from autocompress.students.linear_forms.form import LinearForm, LinearSettings
from autocompress.students.linear_forms.low_rank import LOW_RANK
from autocompress.students.linear_forms.sparse import SPARSE

LINEAR_FORMS: dict[str, LinearForm] = {"dense": DENSE, "sparse": SPARSE, "low_rank": LOW_RANK}
"""Forms by name; a layer has the last form that applies to its settings."""


def form_of(settings: LinearSettings) -> LinearForm:
    """Return the form that a layer's settings ask for."""
    return [form for form in LINEAR_FORMS.values() if form.applies(settings)][-1]


__all__ = ["LINEAR_FORMS", "LinearForm", "LinearSettings", "form_of"]

"""Names the forms that a linear layer may have."""

from __future__ import annotations

from autocompress.students.linear_forms.dense import DENSE
from autocompress.students.linear_forms.form import LinearForm, LinearSettings
from autocompress.students.linear_forms.sparse import SPARSE

LINEAR_FORMS: dict[str, LinearForm] = {"dense": DENSE, "sparse": SPARSE}
"""Forms by name; the last one that applies to the settings of a layer is its form."""


def form_of(settings: LinearSettings) -> LinearForm:
    """The form that settings ask for."""
    return [form for form in LINEAR_FORMS.values() if form.applies(settings)][-1]


__all__ = ["LINEAR_FORMS", "LinearForm", "LinearSettings", "form_of"]

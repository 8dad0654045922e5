"""Names the forms that attention may have."""

from __future__ import annotations

from typing import Any

from autocompress.students.attention_forms.form import AttentionForm
from autocompress.students.attention_forms.full import FULL

ATTENTION_FORMS: dict[str, AttentionForm] = {"full": FULL}
"""Forms by name; the last one that applies to a layer's configuration is its form."""


def attention_of(layer: Any) -> AttentionForm:
    """The form that a layer's configuration asks for; that of the teacher where there is none."""
    return [form for form in ATTENTION_FORMS.values() if layer is None or form.applies(layer)][-1 if layer else 0]


__all__ = ["ATTENTION_FORMS", "AttentionForm", "attention_of"]

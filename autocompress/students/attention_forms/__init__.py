"""Registers the forms of attention by name."""

from __future__ import annotations

from typing import Any

from autocompress.students.attention_forms.convolution import CONVOLUTION
from autocompress.students.attention_forms.form import AttentionForm
from autocompress.students.attention_forms.full import FULL

ATTENTION_FORMS: dict[str, AttentionForm] = {"full": FULL, "convolution": CONVOLUTION}
"""Forms by name; a layer has the last form that applies to its configuration."""


def attention_of(layer: Any) -> AttentionForm:
    """Return the form that a layer's configuration asks for, or the teacher's without a configuration."""
    if layer is None:
        return FULL
    return [form for form in ATTENTION_FORMS.values() if form.applies(layer)][-1]


__all__ = ["ATTENTION_FORMS", "AttentionForm", "attention_of"]

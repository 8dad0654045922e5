"""Registers the policies of tokens by name."""

from __future__ import annotations

from typing import Any

from autocompress.students.token_policies.attention_received import ATTENTION_RECEIVED
from autocompress.students.token_policies.policy import TokenPolicy
from autocompress.system.errors import InputError

TOKEN_POLICIES: dict[str, TokenPolicy] = {"attention_received": ATTENTION_RECEIVED}
"""Policies by name; a layer has the last policy that applies to its configuration."""


def tokens_of(layer: Any) -> TokenPolicy | None:
    """Return the policy that a layer's configuration asks for; None if all tokens go on, or without a configuration."""
    if layer is None:
        return None
    return next((policy for policy in reversed(TOKEN_POLICIES.values()) if policy.applies(layer)), None)


def unreadable(layer: Any) -> InputError:
    """Return the error for a layer that drops tokens although its form of attention tells no probabilities."""
    return InputError(
        f"a layer that drops tokens needs attention whose probabilities can be read, but layer {layer.index} has a "
        "form without; keep its tokens or choose another form of attention"
    )


def out_of_place(layer: Any) -> InputError:
    """Return the error for a layer that drops tokens of an encoder whose attention depends on their distances."""
    return InputError(
        f"a layer may not drop tokens where attention has a bias by relative position, since the others would move, "
        f"but layer {layer.index} does; keep its tokens"
    )


__all__ = ["TOKEN_POLICIES", "TokenPolicy", "out_of_place", "tokens_of", "unreadable"]

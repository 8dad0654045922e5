"""What a student is trained towards, as pure functions of tensors."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def soft_target_loss(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """Kullback-Leibler divergence from teacher to student, mean over rows, times the squared temperature.

    ``student`` and ``teacher`` are logits [B, C]. Hinton et al. 2015, section 2; survey 3.3, output logits.
    """
    log_student = F.log_softmax(student.float() / temperature, dim=-1)
    target = F.softmax(teacher.float() / temperature, dim=-1)
    return F.kl_div(log_student, target, reduction="batchmean") * temperature**2


def regression_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared error of the scores [B, 1], the regression form of ``soft_target_loss``."""
    return F.mse_loss(student.float(), teacher.float())


def output_loss(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """``regression_loss`` for one output, ``soft_target_loss`` for more."""
    return (
        regression_loss(student, teacher) if teacher.shape[-1] == 1 else soft_target_loss(student, teacher, temperature)
    )


def label_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of logits [B, C] against class indices [B], or squared error of [B, 1] against scores [B]."""
    if logits.shape[-1] == 1:
        return F.mse_loss(logits.float().squeeze(-1), labels.float())
    return F.cross_entropy(logits.float(), labels)


def hidden_state_loss(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error of two hidden states [B, T, H] over unmasked tokens (mask [B, T]); PKD, TinyBERT eq. 8.

    The student's channels are a prefix of the teacher's ordered ones, so no projection is needed; each state is
    brought to unit variance over its channels first.
    """
    width = student.shape[-1]
    normalised = [F.layer_norm(state[..., :width].float(), (width,)) for state in (student, teacher)]
    error = (normalised[0] - normalised[1]).square().mean(-1)
    return (error * mask).sum() / mask.sum()


def mask_tokens(
    input_ids: Tensor, attention_mask: Tensor, mask_id: int, share: float, generator: torch.Generator
) -> Tensor:
    """Replace a random ``share`` of the tokens, but the first, by ``mask_id`` (Tang et al. 2019, section 3.2)."""
    chosen = torch.rand(input_ids.shape, generator=generator) < share
    chosen &= attention_mask.bool()
    chosen[:, 0] = False
    return input_ids.masked_fill(chosen, mask_id)

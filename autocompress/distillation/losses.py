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


def mask_tokens(
    input_ids: Tensor, attention_mask: Tensor, mask_id: int, share: float, generator: torch.Generator
) -> Tensor:
    """Replace a random ``share`` of the tokens, but the first, by ``mask_id`` (Tang et al. 2019, section 3.2)."""
    chosen = torch.rand(input_ids.shape, generator=generator) < share
    chosen &= attention_mask.bool()
    chosen[:, 0] = False
    return input_ids.masked_fill(chosen, mask_id)

"""The ways to distil that ablate_distillation.py compares: a search's way, and ways without one of its parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from autocompress.distillation.augmentation import AugmentationSettings
from autocompress.distillation.pair_augmentation import PAIR_KINDS, PairSettings
from autocompress.distillation.super_network import DistillationSettings

PRODUCT, PAIRS = AugmentationSettings(), PairSettings()


def unchanged(settings: DistillationSettings) -> DistillationSettings:
    """Return the settings of a search."""
    return settings


@dataclass(frozen=True)
class Variant:
    """One way to distil; the defaults are a search's for single texts.

    There are ``copies`` augmented texts per real one (None: as many as the script is told). Only sub-networks have a
    ``guide`` (guided_training.py).
    """

    name: str
    copies: int | None = None
    augmentation: AugmentationSettings | PairSettings = PRODUCT
    balanced: bool = False
    change: Callable[[DistillationSettings], DistillationSettings] = unchanged
    guide: str | None = None
    mapping: str = "last"


FULL, FULL_PAIRS = Variant("full method"), Variant("full method", augmentation=PAIRS, balanced=True)


def without_parts_of_the_loss(full: Variant) -> tuple[Variant, ...]:
    """Return the variants that change what is learnt from a text, not the texts."""
    return (
        replace(full, name="no hidden states of the teacher", change=lambda found: replace(found, hidden_weight=0.0)),
        replace(full, name="no masked words", change=lambda found: replace(found, mask_share=0.0)),
        replace(full, name="a tenth of the words masked", change=lambda found: replace(found, mask_share=0.1)),
        replace(full, name="no true labels", change=lambda found: replace(found, label_weight=0.0)),
    )


SINGLE_VARIANTS = (
    FULL,
    Variant("6 augmented texts per real one", copies=6),
    Variant("no augmented texts", copies=0),
    Variant("augmented texts: words replaced, nothing spliced", augmentation=AugmentationSettings(splice_share=0.0)),
    Variant("augmented texts: spliced, no word replaced", augmentation=AugmentationSettings(replace_share=0.0)),
    *without_parts_of_the_loss(FULL),
    Variant("also the encoder's output, last layer", guide="output"),
    Variant("also the encoder's output, every kept layer", guide="output", mapping="every"),
    Variant("also attention relations, last layer", guide="relations"),
    Variant("also attention relations, every kept layer", guide="relations", mapping="every"),
)
PAIR_VARIANTS = (
    FULL_PAIRS,
    *(
        replace(FULL_PAIRS, name=f"augmented pairs: none {kind}", augmentation=replace(PAIRS, **{kind: 0.0}))
        for kind in PAIR_KINDS
    ),
    replace(
        FULL_PAIRS,
        name="augmented pairs: each text spliced on its own",
        augmentation=AugmentationSettings(splice_share=0.5),
    ),
    replace(FULL_PAIRS, name="rare answers not repeated", balanced=False),
    replace(FULL_PAIRS, name="no augmented pairs", copies=0),
    *without_parts_of_the_loss(FULL_PAIRS),
)

"""Gives the texts of a transfer set to students and to a large teacher, each in the tokens of its own tokenizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from autocompress.networks.checkpoint import open_checkpoint
from autocompress.study.prepared import Prepared
from autocompress.tasks.encoding import EncodedSplit
from autocompress.tasks.reading import decoded, joined
from autocompress.tasks.tokenizing import backend_of, encode_split

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class Texts(Protocol):
    """Texts that are encoded, or that will be when they are asked for."""

    def __len__(self) -> int: ...

    def subset(self, rows: NDArray[np.int64], /) -> EncodedSplit:
        """Return the texts with the numbers ``rows``, ascending."""


@dataclass(frozen=True, eq=False)
class Reading:
    """The texts of a transfer set as the tokenizer of ``model`` reads them: the ``real`` ones, then the augmented ones.

    ``real`` are rows of its own training split. ``augmented`` has the tokens of the student checkpoint, of which they
    were made, and ``maker`` is its tokenizer. They are read as late as possible, for most may never be labelled.
    """

    real: EncodedSplit
    augmented: EncodedSplit
    maker: Tokenizer
    tokenizer: Tokenizer
    model: Prepared

    def __len__(self) -> int:
        return len(self.real) + len(self.augmented)

    def subset(self, rows: NDArray[np.int64], /) -> EncodedSplit:
        """Return the texts with the numbers ``rows``, ascending."""
        data, count = self.model.data, len(self.real)
        made = self.augmented.subset(rows[rows >= count] - count)
        texts = decoded(made, self.maker, pair=data.task.pair)
        return joined(self.real.subset(rows[rows < count]), encode_split(texts, self.tokenizer, data.max_length)[0])


def readings(prepared: Prepared, split: EncodedSplit, order: NDArray[np.int64]) -> tuple[Texts, Texts]:
    """Return the texts of ``split`` as students read them, and as their teacher does.

    They are the training texts in ``order`` [n], then augmented ones. For a large teacher the latter are decoded, and
    each tokenizer encodes what comes out: students learn from the tokens that a text has when they are served.
    """
    if prepared.teaches_itself:
        return split, split
    augmented = split.subset(np.arange(len(order), len(split)))
    maker, tokenizer = (_tokenizer(model) for model in (prepared, prepared.labeller))
    return (
        Reading(prepared.data.train.subset(order), augmented, maker, maker, prepared),
        Reading(prepared.labeller.data.train.subset(order), augmented, maker, tokenizer, prepared.labeller),
    )


def _tokenizer(model: Prepared) -> Tokenizer:
    return backend_of(open_checkpoint(str(model.checkpoint)).tokenizer)

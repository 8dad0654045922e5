"""Finds the two texts in an encoded pair, ``[CLS] a [SEP] b [SEP]`` or ``<s> a </s></s> b </s>``, even empty ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from autocompress.distillation.augmentation import Tokens, segments
from autocompress.tasks.encoding import EncodedSplit

_ROWS = 1000

Ids = tuple[int, ...]


@dataclass(frozen=True)
class PairFrame:
    """Holds the separators before, between and after the two texts of every row of a split."""

    before: Ids
    between: Ids
    after: Ids

    @classmethod
    def of_split(cls, split: EncodedSplit, separators: Collection[int]) -> PairFrame:
        """Return the separators of most rows; ValueError if there are none between the texts of any."""
        frames: Counter[tuple[Ids, Ids, Ids]] = Counter()
        for number in np.unique(np.linspace(0, len(split) - 1, min(len(split), _ROWS)).astype(np.int64)):
            row = split.tokens[split.offsets[number] : split.offsets[number + 1]]
            places = segments(row, separators)
            if len(places) == 2:
                first, second = places
                parts = (row[: first.start], row[first.stop : second.start], row[second.stop :])
                frames[_ids(parts[0]), _ids(parts[1]), _ids(parts[2])] += 1
        if not frames:
            raise ValueError("some rows of a task with pairs must be two texts between separators, but none is")
        return cls(*frames.most_common(1)[0][0])

    def places(self, row: Tokens) -> tuple[slice, slice]:
        """Return where the two texts of a row [T] are; ValueError if it has not these separators.

        A separator that is written within a text belongs to the text, if it is not the first one between the two.
        """
        begin, end, width = len(self.before), len(row) - len(self.after), len(self.between)
        if begin + width <= end and _ids(row[:begin]) == self.before and _ids(row[end:]) == self.after:
            windows = sliding_window_view(row[begin:end], width)
            starts = np.flatnonzero((windows == np.array(self.between)).all(axis=1))
            if len(starts):
                middle = begin + int(starts[0])
                return slice(begin, middle), slice(middle + width, end)
        raise ValueError(f"a pair must have the separators {self.before} a {self.between} b {self.after}, but is {row}")


def _ids(tokens: Tokens) -> Ids:
    return tuple(tokens.tolist())

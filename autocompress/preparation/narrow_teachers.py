"""Prepares the teacher at the smaller hidden sizes of a search space, from which narrow sub-networks are cut."""

from __future__ import annotations

import time
from collections.abc import Callable

from autocompress.domain.problem import Problem
from autocompress.preparation.choose_compensation import unpadded_texts
from autocompress.students.transformer.configuration import TransformerConfiguration
from autocompress.students.transformer.dimensions import HIDDEN_SIZE
from autocompress.students.transformer.narrowing import narrowed
from autocompress.study.prepared import Prepared
from autocompress.study.prepared_files import TEACHER, narrow_teacher, write_source
from autocompress.study.reuse import remember
from autocompress.system.attempts import attempt
from autocompress.system.events import Event, Listener
from search_spaces import SearchSpace

ROWS, TOKENS = 256, 16_384
"""Texts to which the narrow teachers are fitted, and the number of tokens beyond which there are fewer."""
FIRST_S = 10.0
"""Seconds that the first narrow teacher is expected to take: MiniLM-L6 on texts of 25 tokens takes 7 to 13."""


def prepare_narrow_teachers(
    prepared: Prepared,
    space: SearchSpace,
    problem: Problem,
    budget_s: float,
    is_there: Callable[[str], bool],
    listener: Listener,
) -> None:
    """Write the teacher at each smaller hidden size of the space, with its heads, as far as ``budget_s`` lasts.

    The sizes nearest to half of the teacher's come first. Those for which ``is_there`` is True are not made again.
    """
    arrays, shape = prepared.source(TEACHER)
    begun, expected_s, done = time.monotonic(), FIRST_S, list[int]()
    for size in sorted(narrow_sizes(prepared, space), key=lambda size: abs(size - shape.hidden_size / 2)):
        source, start = narrow_teacher(size), time.monotonic()
        if is_there(source) or start - begun + expected_s > budget_s:
            continue
        with attempt(f"the teacher is not narrowed to {size} channels", listener):
            texts = unpadded_texts(prepared.data, min(ROWS, max(1, int(TOKENS / prepared.data.train.lengths.mean()))))
            found = narrowed(shape, arrays | prepared.layer_heads.arrays, texts, size)
            write_source(prepared.folder, source, found, shape)
            remember(prepared, source, problem)
            done.append(size)
        expected_s = time.monotonic() - start
    if done:
        sizes = ", ".join(map(str, sorted(done)))
        listener(Event("note", f"the teacher is also there with a hidden size of {sizes}, fitted to its own states"))


def narrow_sizes(prepared: Prepared, space: SearchSpace) -> tuple[int, ...]:
    """Return the hidden sizes of the space's encoders below the teacher's; none where the size does not vary."""
    shape = prepared.teacher_shape
    smallest = space.smallest(TransformerConfiguration.student)
    assert isinstance(smallest, TransformerConfiguration)
    if smallest.hidden_size == shape.hidden_size:
        return ()
    return tuple(size for size in HIDDEN_SIZE.options(shape) if size < shape.hidden_size)

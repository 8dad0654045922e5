"""Finds the text and label columns of a table by their usual names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from autocompress.system.errors import InputError
from autocompress.tasks.table import Table

PAIRS = (
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("text_a", "text_b"),
    ("sentence_a", "sentence_b"),
    ("text1", "text2"),
    ("question", "sentence"),
    ("question", "passage"),
    ("query", "passage"),
)
TEXTS = (
    *("text", "sentence", "content", "review", "review_text", "review_body", "tweet", "comment", "comment_text"),
    *("question", "query", "utterance", "message", "document", "body", "headline", "title", "description", "input"),
)
LABELS = (
    *("label", "labels", "gold_label", "score", "similarity", "similarity_score", "relatedness_score", "target"),
    *("class", "category", "sentiment", "topic", "intent", "emotion", "polarity", "rating", "stars", "is_duplicate"),
    *("coarse_label", "label_text", "y"),
)
SCORES = (
    *("score", "similarity", "relatedness", "rating", "stars", "grade", "points", "percent", "percentage", "value"),
    *("valence", "arousal", "intensity", "strength", "quality", "readability", "difficulty", "price", "age", "votes"),
)
_ROW_NUMBERS = re.compile(r"column_\d+_*|unnamed:_\d+|__index_level_\d+__|index|idx|id|row|row_id|guid|uid|uuid")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_FEW_WORDS = 6


def columns_of(
    table: Table, text_columns: tuple[str, ...] | None, label_column: str | None
) -> tuple[tuple[str, ...], str]:
    """Find the columns of a table (see ``find_columns``); InputError also tells of a first line that is no header."""
    try:
        return find_columns(table.names, text_columns, label_column, table.origin)
    except InputError as error:
        if not table.first_line_is_header or not _looks_like_data(table):
            raise
        raise InputError(
            f"{table.origin} must have a header, a first line that names its columns (such as text,label), but its "
            f"first line looks like data: {_listed(table.names)[:200]}; add a header"
        ) from error


def is_score_name(column: str) -> bool:
    """Whether a column's name stands for numbers, such as ``relatedness_score``."""
    words = set(re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column).lower()))
    return bool(words & {*SCORES, *(f"{name}s" for name in SCORES)})


def _looks_like_data(table: Table) -> bool:
    return any(
        _NUMBER.fullmatch(name) or len(name.split()) > _FEW_WORDS or name in map(str, table.read(name))
        for name in table.names
    )


def find_columns(
    names: Sequence[str], text_columns: tuple[str, ...] | None, label_column: str | None, origin: str
) -> tuple[tuple[str, ...], str]:
    """Find the one or two text columns and the label column among ``names``.

    Columns that are given are taken as they are; the others are found by their usual names, whatever their case, a
    pair before a single text. The only column beside the label is the text whatever its name. InputError lists the
    columns of ``origin``.
    """
    _check_given(names, text_columns, label_column, origin)
    by_usual_name = {name.strip().lower().replace(" ", "_").replace("-", "_"): name for name in reversed(names)}
    taken = set(text_columns or ())
    if label_column is None:
        found = [
            by_usual_name[usual] for usual in LABELS if usual in by_usual_name and by_usual_name[usual] not in taken
        ]
        if not found:
            raise InputError(
                f"{origin} must have a label column, but its columns are {_listed(names)}; name it with --label-column"
            )
        label_column = found[0]
    return text_columns or _find_texts(names, by_usual_name, label_column, origin), label_column


def require_columns(names: Sequence[str], wanted: Sequence[str], origin: str) -> None:
    """Raise InputError unless every wanted column is among ``names``."""
    missing = [name for name in wanted if name not in names]
    if missing:
        raise InputError(
            f"{origin} must have the column {missing[0]!r}, but its columns are {_listed(names)}; "
            f"rename it in the file or choose with --text-column and --label-column"
        )


def _find_texts(names: Sequence[str], by_usual_name: dict[str, str], label_column: str, origin: str) -> tuple[str, ...]:
    usual = {key: name for key, name in by_usual_name.items() if name != label_column}
    for first, second in PAIRS:
        if first in usual and second in usual:
            return usual[first], usual[second]
    for key in TEXTS:
        if key in usual:
            return (usual[key],)
    others = [name for name in names if name != label_column]
    named = [name for key, name in usual.items() if not _ROW_NUMBERS.fullmatch(key)]
    if len(others) == 1 or len(named) == 1:
        return (named[0] if len(named) == 1 else others[0],)
    raise InputError(
        f"{origin} must have a text column, but its columns are {_listed(names)}; name it (or both of a pair) "
        f"with --text-column"
    )


def _check_given(
    names: Sequence[str], text_columns: tuple[str, ...] | None, label_column: str | None, origin: str
) -> None:
    given = (*(text_columns or ()), *(() if label_column is None else (label_column,)))
    require_columns(names, given, origin)
    if text_columns is not None and len(text_columns) not in (1, 2):
        raise InputError(f"one text column or two can be named, but got {_listed(text_columns)}")
    if len(set(given)) < len(given):
        raise InputError(f"text and label columns must be different columns, but got {_listed(given)}")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:20])
    return f"{shown} and {len(names) - 20} more" if len(names) > 20 else shown

"""What the tokenizer reads of texts: the side on which it cuts, its own limit, and the words that it does not know."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from autocompress.system.errors import InputError
from autocompress.tasks.dataset import TextSplit

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

LONGEST = 256
SHORTEST = 8
CHUNK = 2000
UNKNOWN_SHARE = 0.05


def truncation_side(tokenizer: Tokenizer) -> str:
    """The side on which a tokenizer cuts long texts, ``left`` or ``right``."""
    settings: dict[str, Any] = tokenizer.truncation or {}
    return "left" if settings.get("direction") == "left" else "right"


def unknown_notes(split: TextSplit, tokenizer: Tokenizer, unknown_id: int | None, max_length: int) -> list[str]:
    """A note if more than ``UNKNOWN_SHARE`` of the words of up to ``CHUNK`` rows are unknown to the tokenizer."""
    rows = np.unique(np.linspace(0, len(split) - 1, min(len(split), CHUNK)).astype(np.int64))
    texts = shortened([split.texts[row] for row in rows], max_length, truncation_side(tokenizer))
    words, unknown = 0, dict[str, int]()
    for text, encoding in zip(texts, encode_batch(limited(tokenizer, max_length), texts), strict=True):
        parts = text if isinstance(text, tuple) else (text,)
        places = list(zip(encoding.sequence_ids, encoding.word_ids, strict=True))
        words += len({place for place in places if place[1] is not None})
        lost = [
            where for where, token in enumerate(encoding.ids) if token == unknown_id and places[where][1] is not None
        ]
        for where in {places[where]: where for where in lost}.values():
            begin, end = encoding.offsets[where]
            word = parts[places[where][0] or 0][begin:end]
            unknown[word] = unknown.get(word, 0) + 1
    share = sum(unknown.values()) / max(words, 1)
    if share <= UNKNOWN_SHARE:
        return []
    common = ", ".join(repr(word[:20]) for word in sorted(unknown, key=lambda word: -unknown[word])[:3])
    return [f"{share:.0%} of the training words are unknown to the tokenizer, such as {common}: is it the right one?"]


def own_limit(tokenizer: Any) -> int:
    """The tokenizer's own limit in tokens; it is very large where there is none."""
    limit = tokenizer.model_max_length
    if limit is None:
        return LONGEST
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not limit >= SHORTEST:
        raise InputError(
            f"the tokenizer's model_max_length must be at least {SHORTEST} tokens, but is {limit!r}; "
            f"correct it in tokenizer_config.json"
        )
    return int(min(limit, LONGEST))


def encode_batch(tokenizer: Tokenizer, rows: Sequence[Any]) -> list[Encoding]:
    """InputError where the library fails; its panics are no ordinary exceptions."""
    try:
        return tokenizer.encode_batch(rows)
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:
        raise InputError(
            f"the checkpoint's tokenizer must encode every text, but {' '.join(str(error).split())[:200]}; "
            f"check tokenizer.json and the texts"
        ) from error


def shortened(texts: Sequence[tuple[str, ...]], max_length: int, side: str) -> list[Any]:
    """Texts without what no truncation keeps; of two long ones the longer stays longer, which truncation asks for."""
    limit = 2 * max_length
    longest = [max(map(len, row)) for row in texts]
    keep = _tail if side == "left" else _head
    rows = [
        tuple(keep(text, 2 * limit if len(text) == most else limit) for text in row)
        for row, most in zip(texts, longest, strict=True)
    ]
    return [row[0] if len(row) == 1 else row for row in rows]


def _head(text: str, words: int) -> str:
    """The beginning of a text up to its ``words``-th word: a word is at least a token, so the rest cannot be read.

    Without it the tokenizer spends time and memory on all that it cuts off, in pairs by the product of both lengths.
    """
    ends = islice(re.finditer(r"\S+", text), words - 1, words)
    return next((text[: match.end()] for match in ends), text)


def _tail(text: str, words: int) -> str:
    """The end of a text from its ``words``-th last word on."""
    begins = deque((match.start() for match in re.finditer(r"\S+", text)), maxlen=words + 1)
    return text[begins[1] :] if len(begins) > words else text


def limited(tokenizer: Tokenizer, max_length: int, side: str = "right") -> Tokenizer:
    """A copy that cuts at ``max_length`` tokens and pads nothing."""
    copy: Tokenizer = type(tokenizer).from_str(tokenizer.to_str())
    copy.no_padding()
    copy.enable_truncation(max_length, direction=side)
    return copy

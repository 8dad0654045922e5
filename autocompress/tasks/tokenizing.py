"""From text to token ids, by the tokenizer file that serves the model; long texts are cut, unknown words noted."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autocompress.system.errors import InputError
from autocompress.tasks.dataset import TextDataset, TextSplit
from autocompress.tasks.encoding import EncodedDataset, EncodedSplit

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

LONGEST = 256
SHORTEST = 8
CHUNK = 2000
UNKNOWN_SHARE = 0.05
COVERED_PERCENT = 99.9
MOST_TYPES = 127


def encode(
    dataset: TextDataset, tokenizer: Any, max_length: int | None = None, *, max_positions: int = 512
) -> EncodedDataset:
    """Encode every split, cut at ``max_length`` tokens.

    ``tokenizer`` is a fast tokenizer of transformers; it is not changed, and cuts on the side that it says. Without
    ``max_length`` the limit is the 99.9th percentile of the training rows' lengths rounded up to a multiple of 8, at
    most 256 and never above ``max_positions``, the positions that the model has, nor above the tokenizer's own limit.
    Notes tell how many rows are cut, and whether many words are unknown to the tokenizer. InputError if the tokenizer
    or ``max_length`` cannot be used.
    """
    backend = backend_of(tokenizer)
    if max_length is None:
        max_length = _usual_length(dataset.splits["train"], tokenizer, backend, max_positions)
    if not SHORTEST <= max_length <= max_positions:
        raise InputError(
            f"{SHORTEST} <= max_length <= {max_positions} (the model's positions) must hold, but got {max_length}"
        )
    encoded = {name: encode_split(split, backend, max_length) for name, split in dataset.splits.items()}
    notes = [
        f"{name}: {cut:,} of {len(split):,} rows cut at {max_length} tokens ({cut / len(split):.1%})"
        for name, (split, cut) in encoded.items()
        if cut
    ]
    notes += unknown_notes(dataset.splits["train"], backend, tokenizer.unk_token_id, max_length)
    unknown_id = tokenizer.unk_token_id if tokenizer.unk_token_id is not None else tokenizer.pad_token_id
    if unknown_id is None:
        raise InputError("the model's tokenizer must have a padding token, but it has none; choose another model")
    return EncodedDataset(
        **{name: split for name, (split, _) in encoded.items()},
        task=dataset.task,
        pad_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else unknown_id,
        unknown_id=unknown_id,
        vocab_size=len(tokenizer),
        max_length=max_length,
        special_ids=tuple(sorted(set(tokenizer.all_special_ids))),
        name=dataset.name,
        notes=(*dataset.notes, *notes),
    )


def encode_split(split: TextSplit, tokenizer: Tokenizer, max_length: int) -> tuple[EncodedSplit, int]:
    """Encode one split by a tokenizer of the ``tokenizers`` library (not changed), and count the rows that were cut.

    Texts are cut on the side that the tokenizer's truncation says, of a pair the longer one first, as transformers
    does. InputError if the tokenizer cannot encode them.
    """
    backend = limited(tokenizer, max_length, truncation_side(tokenizer))
    tokens: list[NDArray[np.int32]] = [np.empty(0, np.int32)]
    type_ids: list[NDArray[np.int8]] = [np.empty(0, np.int8)]
    cut = 0
    for start in range(0, len(split), CHUNK):
        rows = shortened(split.texts[start : start + CHUNK], max_length, truncation_side(tokenizer))
        for encoding in encode_batch(backend, rows):
            tokens.append(np.array(encoding.ids, dtype=np.int32))
            type_ids.append(_token_types(encoding, pair=len(split.texts[0]) == 2))
            cut += bool(encoding.overflowing)
    offsets = np.cumsum([len(row) for row in tokens], dtype=np.int64)
    return EncodedSplit(np.concatenate(tokens), np.concatenate(type_ids), offsets, split.labels), cut


def backend_of(tokenizer: Any) -> Tokenizer:
    """The file behind a tokenizer of transformers, cutting on the side that the latter says; InputError without one."""
    backend: Tokenizer | None = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise InputError(
            f"the model must have a fast tokenizer (tokenizer.json), but its tokenizer is a "
            f"{type(tokenizer).__name__}; convert it or choose another model"
        )
    if truncation_side(backend) != tokenizer.truncation_side:
        return limited(backend, SHORTEST, tokenizer.truncation_side)
    return backend


def _usual_length(train: TextSplit, tokenizer: Any, backend: Tokenizer, max_positions: int) -> int:
    limit = min(LONGEST, max_positions, own_limit(tokenizer))
    lengths = encode_split(train, backend, limit)[0].lengths
    return min(limit, -(-int(np.ceil(np.percentile(lengths, COVERED_PERCENT))) // 8) * 8)


def _token_types(encoding: Encoding, *, pair: bool) -> NDArray[np.int8]:
    """The token types of a row; where the tokenizer gives none to a pair, 1 after the first separator."""
    found = np.array(encoding.type_ids)
    if found.max(initial=0) > MOST_TYPES:
        raise InputError(
            f"a tokenizer must give token types from 0 to {MOST_TYPES}, but gives {max(found)}; check tokenizer.json"
        )
    if pair and len(found) and not found.any():
        ends = np.array(encoding.ids) == encoding.ids[-1]
        found = np.minimum(np.cumsum(ends) - ends, 1)
    return found.astype(np.int8)


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
    """The tokenizer's own limit in tokens, at most ``LONGEST``."""
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
    """Encode rows; InputError where the library fails, whose panics are no ordinary exceptions."""
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
    """Drop of each text what no truncation keeps; the longer of two long ones stays longer, as truncation needs."""
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
    """A copy of a tokenizer that cuts at ``max_length`` tokens, on a ``side``, and pads nothing."""
    copy: Tokenizer = type(tokenizer).from_str(tokenizer.to_str())
    copy.no_padding()
    copy.enable_truncation(max_length, direction=side)
    return copy

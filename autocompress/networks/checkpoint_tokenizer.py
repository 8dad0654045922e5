"""Opens and checks the tokenizer of a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autocompress.networks.checkpoint_files import LFS
from autocompress.networks.transformers_errors import as_input_error
from autocompress.system.errors import InputError

FILES = (("tokenizer.json",), ("vocab.txt",), ("vocab.json", "merges.txt"), ("tokenizer.model",), ("spiece.model",))


def open_tokenizer(folder: Path, reference: str) -> tuple[Any, int, tuple[str, ...]]:
    """Open the fast tokenizer in a folder and set it to pad on the right.

    Return it, the number of rows that it needs in a table of embeddings, and notes for the user on settings that are
    not followed. InputError if its files are missing or damaged or it knows no words, for which transformers would
    silently build an empty one.
    """
    if not any(all((folder / name).is_file() for name in names) for names in FILES):
        raise InputError(
            f"a checkpoint holds its tokenizer in {' or '.join(' with '.join(names) for names in FILES[:3])}, but "
            f"{reference} does not; save the tokenizer there too (tokenizer.save_pretrained)"
        )
    for path in (folder / name for names in FILES for name in names):
        if path.is_file() and path.read_bytes()[: len(LFS)] == LFS:
            raise InputError(f"{path} must be a tokenizer's file, but is a pointer of Git LFS; run: git lfs pull")
    from transformers import AutoTokenizer

    with as_input_error(reference):
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        _check(tokenizer, folder, reference)
        return tokenizer, table_rows(tokenizer), _settle(tokenizer)


def table_rows(tokenizer: Any) -> int:
    """Return how many rows a table of embeddings needs for all tokens that the tokenizer gives, special ones too."""
    marks = [token for row in ("a", ("a", "a")) for token in tokenizer.backend_tokenizer.encode_batch([row])[0].ids]
    return int(max([*tokenizer.get_vocab().values(), *marks], default=-1)) + 1


def _check(tokenizer: Any, folder: Path, reference: str) -> None:
    if not getattr(tokenizer, "is_fast", False):
        raise InputError(f"the checkpoint must have a fast tokenizer (tokenizer.json), but {reference} has none")
    vocabulary = tokenizer.get_vocab()
    if tokenizer.unk_token is not None and str(tokenizer.unk_token) not in vocabulary:
        raise InputError(
            f"the tokenizer's unknown token must be one of its tokens, but {str(tokenizer.unk_token)!r} of {reference} "
            f"is not; correct unk_token in tokenizer_config.json"
        )
    special = {*tokenizer.all_special_tokens, *(str(t) for t in tokenizer.added_tokens_decoder.values() if t.special)}
    words = set(vocabulary) - special
    if not words:
        raise InputError(
            f"a tokenizer must know words, but that of {reference} has only {len(special)} special tokens; "
            f"copy the tokenizer's files again from where {folder.name} comes from"
        )


def _settle(tokenizer: Any) -> tuple[str, ...]:
    """Set padding to the right, since positions count from a text's first token; return notes for the user."""
    notes = []
    if tokenizer.padding_side != "right":
        tokenizer.padding_side = "right"
        notes.append("the tokenizer asks for padding on the left: it is on the right here and in exports")
    if tokenizer.truncation_side != "right":
        notes.append("long texts are cut on the left, as the tokenizer asks: their ends are read")
    return tuple(notes)

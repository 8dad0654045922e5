"""Command lines in messages, written so that a shell reads them as they are meant."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

DEFAULT_STUDIES = Path("studies")


def command_line(command: str, study: str | None, studies_dir: Path, *options: str) -> str:
    """``autocompress COMMAND STUDY OPTIONS`` with ``--studies-dir`` where it is needed, quoted for a shell.

    ``options`` stand as they are, for they may hold a word in capitals that the user replaces.
    """
    words = [*options] if studies_dir == DEFAULT_STUDIES else [*options, "--studies-dir", quoted(str(studies_dir))]
    if study is not None:
        words = [*words, "--", quoted(study)] if study.startswith("-") else [quoted(study), *words]
    return " ".join(["autocompress", command, *words])


def quoted(word: str) -> str:
    """``word`` for a shell; with characters that cannot be printed as bash and zsh write them."""
    if word.isprintable():
        return shlex.quote(word)
    escaped = (chr(byte) if 32 <= byte < 127 and byte not in b"'\\" else f"\\x{byte:02x}" for byte in os.fsencode(word))
    return f"$'{''.join(escaped)}'"

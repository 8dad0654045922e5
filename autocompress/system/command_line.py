"""Writes command lines for messages, quoted so that they can be copied into a shell."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

DEFAULT_STUDIES = Path("studies")


def command_line(command: str, study: str | None, studies_dir: Path, *options: str) -> str:
    """Return ``autocompress COMMAND STUDY OPTIONS`` with ``--studies-dir`` where it is needed, quoted for a shell.

    ``options`` are not quoted, for they may hold a word in capitals that the user replaces.
    """
    words = [*options] if studies_dir == DEFAULT_STUDIES else [*options, "--studies-dir", quoted(str(studies_dir))]
    if study is not None:
        words = [*words, "--", quoted(study)] if study.startswith("-") else [quoted(study), *words]
    return " ".join(["autocompress", command, *words])


def quoted(word: str) -> str:
    """Quote a word for a shell; characters that cannot be printed are escaped as in bash and zsh (``$'\\x1b'``)."""
    if word.isprintable():
        return shlex.quote(word)
    escaped = (chr(byte) if 32 <= byte < 127 and byte not in b"'\\" else f"\\x{byte:02x}" for byte in os.fsencode(word))
    return f"$'{''.join(escaped)}'"

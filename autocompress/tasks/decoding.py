"""Decodes the bytes of a file, and advises how to convert what is no text or not UTF-8."""

from __future__ import annotations

import codecs
import gzip
import re
import shlex
import zlib
from pathlib import Path

from autocompress.system.errors import InputError

MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
)
NO_TEXT = (
    (b"\x1f\x8b", "is compressed by gzip", "rename it so that its name ends in .gz, such as train.csv.gz"),
    (b"PK\x03\x04", "is a zip archive or a spreadsheet", "unpack it, or save the spreadsheet as CSV (UTF-8)"),
    (b"\xd0\xcf\x11\xe0", "is an old spreadsheet or document", "save it as CSV (UTF-8) in the program that made it"),
    (b"%PDF-", "is a PDF document", "give a table of texts and labels"),
    (b"version https://git-lfs", "is a Git LFS pointer, not the file itself", "fetch the file with: git lfs pull"),
    (b"<!DOCTYPE html", "is a web page", "download the file itself, not the page that shows it"),
    (b"<html", "is a web page", "download the file itself, not the page that shows it"),
)
_HAN = "[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]"
WIDE = (
    ("shift_jis", "SHIFT_JIS", "[\u3040-\u30ff]", 0.2),
    ("euc_jp", "EUC-JP", "[\u3040-\u30ff]", 0.2),
    ("cp949", "CP949", "[\uac00-\ud7a3]", 0.9),
    ("gb18030", "GB18030", _HAN, 0.9),
    ("big5", "BIG5", _HAN, 0.9),
)
_SAMPLE = 200_000


def read_bytes(name: str) -> bytes:
    """Read a file, decompressed if its name ends in .gz; InputError where that is plainly no table."""
    content = Path(name).read_bytes()
    if name.lower().endswith(".gz"):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(
                f"{name} must be compressed by gzip as its ending says, but {error}; compress it again or rename it"
            ) from error
    for beginning, what, remedy in NO_TEXT:
        if content[: len(beginning)].lower() == beginning.lower():
            raise InputError(f"{name} must be a table, but it {what}; {remedy}")
    return content


def read_text(name: str) -> tuple[str, tuple[str, ...]]:
    """Read a file in UTF-8, or in UTF-16 or UTF-32 with a byte order mark, which a note then tells.

    InputError names the encoding that the file most likely has and the command that converts it.
    """
    content = read_bytes(name)
    if content.startswith(b"PAR1") and content.endswith(b"PAR1"):
        raise InputError(f"{name} must be text, but it is a Parquet file; rename it so that its name ends in .parquet")
    for mark, codec, called in MARKS:
        if content.startswith(mark):
            try:
                text = content[len(mark) :].decode(codec)
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{name} must be {called} as its byte order mark says, but byte {error.start} is not "
                    f"({error.reason}); save it again as UTF-8"
                ) from error
            return text.lstrip("\ufeff"), (f"{name} is read as {called}, as its byte order mark says",)
    if wide := _unmarked(content):
        raise InputError(f"{name} must be UTF-8, but it looks like {wide}; convert it: {_command(name, wide)}")
    try:
        return content.decode("utf-8").lstrip("\ufeff"), ()
    except UnicodeDecodeError as error:
        line = content.rfind(b"\n", 0, max(error.start - _SAMPLE // 2, 0)) + 1
        likely = likely_encoding(content[line : error.start + _SAMPLE // 2])
        drop = " (which leaves the damaged bytes out)" if likely == "UTF-8" else ""
        raise InputError(
            f"{name} must be UTF-8, but byte {content[error.start]:#04x} is not; it is most likely "
            f"{'damaged UTF-8' if drop else likely}: convert it{drop} with: {_command(name, likely)}"
        ) from error


def likely_encoding(sample: bytes) -> str:
    """Guess the encoding of bytes that are not UTF-8, by the name that iconv has for it."""
    tolerant = sample.decode("utf-8", "ignore")
    whole = sum(len(character.encode()) for character in tolerant if ord(character) > 127)
    high = sum(byte > 127 for byte in sample)
    if whole > 0.75 * high:
        return "UTF-8"
    for codec, called, script, share in WIDE:
        if _share(sample, codec, script) >= share and len(sample.decode(codec, "ignore")) < len(sample):
            return called
    words = sum(map(len, re.findall(rb"[\x80-\xff]{3,}", sample)))
    if words > 0.5 * high:
        if _share(sample, "koi8_r", "[а-яё]") > 0.6:
            return "KOI8-R"
        accents, frequent = _count(sample, b"\xdc\xdd\xde\xdf"), _count(sample, b"\xe0\xee")
        return "CP1253" if accents > frequent else "CP1251"
    if len(re.findall(rb"[A-Za-z][\xb3\xb9\xbe\xbf\x9d]", sample)) > 0.1 * high:
        return "CP1250"
    return "CP1252" if any(0x80 <= byte < 0xA0 for byte in sample) else "ISO-8859-1"


def _count(sample: bytes, wanted: bytes) -> int:
    return sum(sample.count(byte) for byte in wanted)


def _share(sample: bytes, codec: str, script: str) -> float:
    """The share of the characters beyond ASCII that are of ``script``; 0 where a codec cannot decode them."""
    text = sample.decode(codec, "replace")
    beyond = [character for character in text if ord(character) > 127]
    if not beyond or beyond.count("\ufffd") > 0.01 * len(beyond) + 1:
        return 0.0
    return len(re.findall(script, text)) / len(beyond)


def _unmarked(content: bytes) -> str | None:
    """Recognize UTF-16 without a byte order mark by the NUL bytes of its Latin letters."""
    sample = content[:4096]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) < 0.3 * max(len(sample) // 2, 1) or min(even, odd) > 0.1 * max(even, odd):
        return None
    return "UTF-16LE" if odd > even else "UTF-16BE"


def _command(name: str, encoding: str) -> str:
    path = Path(name)
    stem, dot, endings = path.name.partition(".") if path.suffix.lower() == ".gz" else (path.stem, "", path.suffix)
    source, target = shlex.quote(name), shlex.quote(str(path.with_name(f"{stem}.utf8{dot}{endings}")))
    if path.suffix.lower() == ".gz":
        return f"gunzip -c {source} | iconv -f {encoding} -t UTF-8 | gzip > {target}"
    return f"iconv {'-c ' if encoding == 'UTF-8' else ''}-f {encoding} -t UTF-8 {source} > {target}"

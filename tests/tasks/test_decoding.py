import gzip
import subprocess
from pathlib import Path

import pytest

from autocompress.system.errors import InputError
from autocompress.tasks.decoding import likely_encoding, read_text

RUSSIAN, GREEK = "этот фильм был очень плохой и скучный", "αυτή η ταινία ήταν πολύ κακή"
JAPANESE, KOREAN = "この映画はとても面白かったです", "이 영화는 정말 재미있었습니다"
ENCODED = [
    ("l'été était très chaud au café", "latin-1", "ISO-8859-1"),
    ("l’été était “très” chaud – café", "cp1252", "CP1252"),
    ("ten film był naprawdę świetny", "cp1250", "CP1250"),
    (RUSSIAN, "cp1251", "CP1251"),
    (f"a long text in English whose label is {RUSSIAN[:10]}", "cp1251", "CP1251"),
    (RUSSIAN, "koi8_r", "KOI8-R"),
    (GREEK, "cp1253", "CP1253"),
    (JAPANESE, "shift_jis", "SHIFT_JIS"),
    (JAPANESE, "euc_jp", "EUC-JP"),
    (KOREAN, "cp949", "CP949"),
    ("这部电影非常好看,我很喜欢", "gb18030", "GB18030"),
    ("這部電影非常好看我很喜歡", "big5", "BIG5"),
    (GREEK, "utf-16-le", "UTF-16LE"),
]


def content_of(text: str) -> str:
    return "text,label\n" + "".join(f"{text} {row},{row % 2}\n" for row in range(20))


@pytest.mark.parametrize(("text", "codec", "called"), ENCODED)
def test_the_advice_converts_the_file(tmp_path: Path, text: str, codec: str, called: str) -> None:
    path, content = tmp_path / "my data.csv", content_of(text)
    path.write_bytes(content.encode(codec))
    with pytest.raises(InputError, match=called) as caught:
        read_text(str(path))
    subprocess.run(str(caught.value).rpartition(": ")[2], shell=True, check=True)
    assert (tmp_path / "my data.utf8.csv").read_text(encoding="utf-8") == content


def test_a_damaged_file_can_be_freed_of_the_damage(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content_of("naïve café").encode() + b"caf\xc3,1\n")
    with pytest.raises(InputError, match="must be UTF-8, but byte 0xc3 is not; it is most likely damaged") as caught:
        read_text(str(path))
    subprocess.run(str(caught.value).rpartition(": ")[2], shell=True, check=False)
    assert (tmp_path / "t.utf8.csv").read_text(encoding="utf-8") == content_of("naïve café") + "caf,1\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_byte_order_mark_says_the_encoding(tmp_path: Path, encoding: str) -> None:
    path, content = tmp_path / "t.csv", content_of(RUSSIAN)
    path.write_bytes(content.encode(encoding))
    text, notes = read_text(str(path))
    assert text == content
    assert len(notes) == (encoding != "utf-8-sig")


def test_packed_text_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(content_of("a").encode()))
    assert read_text(str(path)) == (content_of("a"), ())
    path.write_bytes(gzip.compress(content_of("l'été au café").encode("latin-1")))
    with pytest.raises(InputError, match="gunzip") as caught:
        read_text(str(path))
    subprocess.run(str(caught.value).rpartition(": ")[2], shell=True, check=True)
    assert read_text(str(tmp_path / "t.utf8.csv.gz"))[0] == content_of("l'été au café")


@pytest.mark.parametrize("name", ["t.csv.gz", "cut.csv.gz"])
def test_what_is_not_packed_is_told(tmp_path: Path, name: str) -> None:
    content = b"text,label\na,1\n"
    (tmp_path / name).write_bytes(gzip.compress(content)[:-9] if name.startswith("cut") else content)
    with pytest.raises(InputError, match="must be compressed by gzip as its ending says"):
        read_text(str(tmp_path / name))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b"a"), "compressed by gzip; rename"),
        (b"PK\x03\x04", "a zip archive or a spreadsheet"),
        (b"PAR1...PAR1", "a Parquet file; rename"),
        (b"<!doctype HTML><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        (b"\xff\xfea", "must be UTF-16 as its byte order mark says"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_text(str(tmp_path / "t.csv"))


def test_few_bytes_have_an_answer_too() -> None:
    assert likely_encoding(b"caf\xe9") == "ISO-8859-1"
    assert all(isinstance(likely_encoding(bytes([byte])), str) for byte in range(128, 256))

"""What a user gets for a mistake: one line that names it, an exit code, and nothing left behind."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from autocompress.cli.main import run

Failing = Callable[..., tuple[int, str]]

ARGUMENTS = [
    (["--max-latency", "20"], "duration"),
    (["--max-latency", "20parsec"], "parsec"),
    (["--max-latency", "0ms"], "above zero"),
    (["--max-size", "10Mb"], "Mb"),
    (["--max-memory", "lots"], "size"),
    (["--max-drop", "-1"], "max drop"),
    (["--max-drop", "half"], "--max-drop"),
    (["--min-quality", "87"], "min quality"),
    (["--time-budget", "5s"], "at least 2m"),
    (["--time-budget", "soon"], "duration"),
    (["--trials", "0"], "trials must be at least 1"),
    (["--space", "outer"], "space must be one of joint"),
    (["--sampler", "dice"], "sampler must be one of"),
    (["--batch-size", "0"], "batch_size must be at least 1"),
    (["--threads", "512"], "threads must not exceed"),
    (["--latency-statistic", "p42"], "latency statistic must be one of mean, p50, p95"),
    (["--workers", "0"], "workers must be at least 1"),
    (["--seed", "-3"], "seed"),
    (["--study", "a/b"], "plain folder name"),
    (["--study", ".."], "plain folder name"),
    (["--study", ""], "plain folder name"),
    (["--study", "two\nlines"], "plain folder name"),
    (["--study", "x" * 300], "plain folder name"),
    (["--max-latency", "nanms"], "duration"),
    (["--max-drop", "nan"], "max drop"),
    (["--min-quality", "inf"], "min quality"),
    (["--trials", "1e3"], "--trials"),
    (["--seed", "99999999999999999999"], "seed"),
    (["--workers", "100000"], "workers must not exceed"),
    (["--ray-address", "nowhere"], "HOST:PORT"),
    (["--ray-address", "127.0.0.1:1"], "does not answer"),
    (["--validation", ""], "validation must not be empty"),
    (["--text-column", "label"], "must have a label column"),
    (["--student", " "], "student must be a checkpoint folder or a hub name"),
    (["--student", "a", "--student", "b"], "--student names 2; keep one"),
    (["--nonsense"], "nonsense"),
    (["--task", "ranking"], "task must be one of classification, regression"),
    (["--task", "Regression"], "task must be one of"),
    (["--task", ""], "task must be one of"),
    (["--text-column", " "], "text_columns[0] must not be empty"),
    (["--label-column", "\t"], "label_column must not be empty"),
    (["--label-column", "\udce9"], "must be text in utf-8"),
    (["--train", "caf\udce9.csv"], "must be text in utf-8"),
    (["--train", "x" * 5000], "must be readable"),
    (["--train", f"{'x' * 300}.csv"], "must be readable"),
    (["--train", "https://example.com/train.csv"], "download it first"),
    (["--test", "s3://bucket/test.csv"], "download it first"),
    (["--validation", "."], "must end in .csv"),
    (["--validation", "sheet.ods"], "save it as CSV"),
]


@pytest.mark.parametrize(("arguments", "message"), ARGUMENTS, ids=[" ".join(a) for a, _ in ARGUMENTS])
def test_arguments(arguments: list[str], message: str, failing: Failing, folder: Path, tiny_checkpoint: str):
    studies = folder / "studies"
    code, line = failing(
        "search", tiny_checkpoint, "--train", str(folder / "good.csv"), "--studies-dir", str(studies), *arguments
    )
    assert code == 2 and message in line
    assert not studies.exists()


DATA = [
    ("missing.csv", [], "missing.csv"),
    ("empty.csv", [], "empty"),
    ("no_rows.csv", [], "row"),
    ("few.csv", [], "row"),
    ("one_class.csv", [], "class"),
    ("nan.csv", [], "nan"),
    ("latin.csv", [], "UTF-8"),
    ("notes.docx", [], "docx"),
    ("broken.jsonl", [], "line 2"),
    ("other_columns.csv", [], "alpha"),
    ("inf.csv", [], "data row 4 has 'inf'"),
    ("twice.csv", [], "'text' is there twice"),
    ("ragged.csv", [], "data row 6 has 4"),
    ("unmarked16.csv", [], "iconv -f UTF-16LE -t UTF-8"),
    ("cut16.csv", [], "must be UTF-16 as its byte order mark says"),
    ("russian.csv", [], "iconv -f CP1251 -t UTF-8"),
    ("korean.csv", [], "iconv -f CP949 -t UTF-8"),
    ("packed.csv", [], "compressed by gzip; rename it"),
    ("cut_off.csv.gz", [], "must be compressed by gzip as its ending says"),
    ("sheet.xlsx", [], "save it as CSV (UTF-8)"),
    ("sheet.csv", [], "a zip archive or a spreadsheet"),
    ("fields.txt", [], "rename it to .tsv or .csv"),
    ("web_page.csv", [], "a web page; download the file itself"),
    ("pointer.parquet", [], "git lfs pull"),
    ("no_header.csv", [], "must have a header"),
    ("header_only.csv", [], "it is empty"),
    ("no_delimiter.csv", [], "must have a label column"),
    ("no_objects.json", [], "must hold a list of JSON objects"),
    ("cut_off.json", [], "must hold a list of JSON objects"),
    ("deep.json", [], "must hold a list of JSON objects"),
    ("labels.jsonl", [], "data row 1 has a list: ['a']; several labels for a text (multi-label) are not supported"),
    ("nested.parquet", [], "data row 1 has a list"),
    ("object_labels.jsonl", [], "data row 1 has a dict"),
    ("list_text.csv", [], "data row 1 has \"['a', 'b']\", a list written as text"),
    ("vectors.csv", [], "data row 1 has '[0 1]', a list written as text"),
    ("joined.csv", [], "has '2,14', a list written as text"),
    ("decimal_comma.csv", [], "write it with a point"),
    ("decimal_comma.csv", ["--task", "regression"], "write it with a point"),
    ("missing_number.csv", [], "data row 4 has 'NA'"),
    ("missing_label.jsonl", [], "data row 3 has none"),
    ("huge_numbers.csv", ["--task", "regression"], "data row 1 has 1e300; rescale"),
    ("other_labels.csv", ["--task", "regression"], "must be numbers for --task regression"),
    ("fractions.csv", ["--task", "classification"], "if they are scores, say --task regression"),
    ("dated_text.parquet", [], "must hold texts, but holds a date"),
    ("case.csv", ["--validation", "{folder}/spelled_otherwise.csv"], "has 'Positive'"),
    ("nan_name.csv", ["--test", "{folder}/case.csv"], "has 'Good'"),
    ("no_text.csv", [], "at least 20 rows"),
    ("same_text.csv", [], "repeated rows"),
    ("every_label.csv", [], "classes that recur"),
    ("garbage.parquet", [], "Parquet"),
    ("nested.jsonl", [], "must hold texts, but holds a dict"),
    ("list.jsonl", [], "line 1 is a list"),
    ("good.csv", ["--validation", "{folder}/other_labels.csv"], "one of the training data's"),
    ("good.csv", ["--validation", "{folder}/good.csv"], "has none left"),
    ("good.csv", ["--test", "{folder}/none.csv"], "none.csv"),
    ("good.csv", ["--text-column", "body"], "body"),
    ("good.csv", ["--label-column", "grade"], "grade"),
    ("good.csv", ["--text-column", "a", "--text-column", "b", "--text-column", "c"], "column"),
]


@pytest.mark.parametrize(("name", "arguments", "message"), DATA, ids=[f"{n} {' '.join(a)}" for n, a, _ in DATA])
def test_data(name: str, arguments: list[str], message: str, failing: Failing, folder: Path, tiny_checkpoint: str):
    studies = folder / "studies"
    given = [argument.replace("{folder}", str(folder)) for argument in arguments]
    code, line = failing(
        "search", tiny_checkpoint, "--train", str(folder / name), "--studies-dir", str(studies), *given
    )
    assert code == 2 and message.casefold() in line.casefold()
    assert not studies.exists()


UNUSUAL = [
    (["--train", "some_empty.csv"], "rows: train"),
    (["--train", "unknown_words.csv"], "rows: train"),
    (["--train", "huge_text.csv"], "at most 64 tokens"),
    (["--train", "quotes and\nlines 'ü'.csv"], "rows: train"),
    (["--train", "bom.csv"], "text -> label"),
    (["--train", "null.jsonl"], "rows: train"),
    (["--train", "utf16.csv"], "is read as UTF-16, as its byte order mark says"),
    (["--train", "utf16be.csv"], "is read as UTF-16"),
    (["--train", "utf32.csv"], "is read as UTF-32"),
    (["--train", "semicolons.csv"], "fields between semicolons, as its header shows"),
    (["--train", "tabs.csv"], "fields between tabs"),
    (["--train", "bars.csv"], "fields between vertical bars"),
    (["--train", "commas.tsv"], "fields between commas"),
    (["--train", "excel.csv"], "2 classes: bad, good"),
    (["--train", "carriage.csv"], "2 classes: bad, good"),
    (["--train", "windows.csv"], "2 classes: bad, good"),
    (["--train", "trailing.csv"], "2 classes: bad, good"),
    (["--train", "blank_end.csv"], "2 rows at the end without text and label left out"),
    (["--train", "index.csv"], "text from phrase, labels from label"),
    (["--train", "spaced_header.csv"], "text -> label"),
    (["--train", "header_again.csv"], "1 row left out (blank, or the header again)"),
    (["--train", "list.json"], "2 classes: 0, 1"),
    (["--train", "lines.json"], "2 classes: 0, 1"),
    (["--train", "columns.json"], "2 classes: 0, 1"),
    (["--train", "wrapped.json"], "2 classes: bad, good"),
    (["--train", "list_in.jsonl"], "not as a row per line"),
    (["--train", "packed.csv.gz"], "2 classes: bad, good"),
    (["--train", "packed.jsonl.gz"], "2 classes: bad, good"),
    (["--train", "surrogate.jsonl"], "replaced in column 'label' of 30 rows, first in data row 1"),
    (["--train", "surrogate_column.jsonl"], "1 column name with characters that are not valid Unicode"),
    (["--train", "nul.csv"], "replaced in column 'text' of 1 row, first in data row 6"),
    (["--train", "zeros.csv"], "different classes: '007'/'7'"),
    (["--train", "versions.csv"], "3 classes: 1.1, 1.10, 1.2"),
    (["--train", "long_ids.csv"], "1234567890123456788, 1234567890123456789"),
    (["--train", "exponents.csv"], "different classes: '100000'/'1e5'"),
    (["--train", "signs.csv"], "2 classes: -1, +1"),
    (["--train", "whole_floats.csv"], "named as whole numbers: 0, 1"),
    (["--train", "whole_floats.csv", "--test", "as_floats.csv"], "2 classes: 0, 1"),
    (["--train", "good.csv", "--test", "as_floats.csv"], "2 classes: 0, 1"),
    (["--train", "stars.csv"], "only 5 different ones, all whole; if they are scores, say --task regression"),
    (["--train", "stars.csv", "--task", "regression"], "as --task says"),
    (["--train", "by_four.csv"], "a usual scale of scores; if they are names of classes, say --task classification"),
    (["--train", "by_four.csv", "--task", "classification"], "26 classes"),
    (["--train", "indices.csv"], "20 classes"),
    (["--train", "fractions.csv"], "some have fractions"),
    (["--train", "case.csv"], "differ only in case, white space or Unicode form"),
    (["--train", "forms.csv"], r"'cafe\u0301'/'caf\xe9'"),
    (["--train", "invisible.csv"], "differ only in case"),
    (["--train", "nan_name.csv"], "taken as the name of a class: nan"),
    (["--train", "joined.csv", "--task", "classification"], "3 classes: 14, 2, 2,14"),
    (["--train", "single.csv", "--test", "one_sided.csv"], "a single training row bears the label of 1 of 3 classes"),
    (["--train", "single.csv", "--test", "one_sided.csv"], "test has no row of 2 of 3 classes (b, rare)"),
    (["--train", "big_integers.jsonl"], "1180591620717411303424, 1180591620717411303425"),
    (["--train", "mixed_types.jsonl"], "2 classes: 1, 2"),
    (["--train", "booleans.jsonl"], "2 classes: False, True"),
    (["--train", "unsigned.parquet"], "18446744073709551614, 18446744073709551615"),
    (["--train", "decimal.parquet", "--task", "classification"], "2 classes: 1.10, 2.10"),
    (["--train", "category.parquet"], "2 classes: bad, good"),
    (["--train", "bytes_label.parquet"], "2 classes: bad, good"),
    (["--train", "dates.parquet"], "2 classes: 2026-01-01, 2026-01-02"),
    (["--train", "hub.parquet"], "1 row without a label (-1) left out"),
    (["--train", "hub.parquet"], "2 classes: zebra, ape"),
    (["--train", "good.csv", "--study", 'a b\'c "ümläut"'], 'study a b\'c "ümläut":'),
]


@pytest.mark.parametrize(("arguments", "expected"), UNUSUAL, ids=[repr(a[1:]) for a, _ in UNUSUAL])
def test_what_is_unusual_but_right_is_taken(
    arguments: list[str],
    expected: str,
    folder: Path,
    tiny_checkpoint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(folder)
    assert run(["search", tiny_checkpoint, "--dry-run", *arguments]) == 0
    assert expected in capsys.readouterr().out
    assert not (folder / "studies").exists()


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["show", "nothing"], 4),
        (["show", "good", "--all"], 2),
        (["resume", "nothing"], 4),
        (["plot", "nothing"], 4),
        (["export", "nothing", "-o", "out"], 4),
        (["show", "../etc"], 2),
        (["verify", "nowhere", "--data", "nothing.csv"], 2),
        (["search", "a", "b"], 2),
        (["search", "--validation", "data.csv"], 2),
        (["search", "--label-column", "grade"], 2),
        (["resume", "nothing", "--time-budget", "soon"], 2),
        (["show", "nothing", "--json"], 4),
        (["verify", "nowhere"], 2),
        (["plot", "nothing", "-o", "plot.txt"], 4),
        (["export", "nothing", "--pick", "best", "-o", "out"], 4),
        (["surch"], 2),
        (["export", "nothing"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_commands(command: list[str], code: int, failing: Failing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert failing(*command)[0] == code
    assert not any(tmp_path.iterdir())


def test_a_full_disk_is_an_error_of_one_line(tiny_checkpoint: str, folder: Path):
    """A limit on the size of any file stands for the full disk."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    command = [sys.executable, "-m", "autocompress", "search", tiny_checkpoint, "--train", str(folder / "good.csv")]
    done = subprocess.run(
        [*command, "--studies-dir", str(folder / "studies"), "--time-budget", "120s"],
        capture_output=True,
        text=True,
        preexec_fn=limit,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert done.returncode == 6 and len(lines) == 1 and "free some space" in lines[0]
    assert not list((folder / "studies").rglob("*.tmp"))

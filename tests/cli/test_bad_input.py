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
    (["--nonsense"], "nonsense"),
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
    ("utf16.csv", [], "UTF-8"),
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
    ("model", "message"),
    [
        ("gpt2", "one of the families"),
        ("own_code", "own code"),
        ("no_type", "checkpoint"),
        ("no_config", "config.json"),
        ("no/such-model", "no/such-model"),
        ("good.csv", "config.json"),
        (" ", "model must be"),
    ],
)
def test_checkpoints(model: str, message: str, failing: Failing, folder: Path):
    path = folder / model
    reference = str(path) if path.exists() else model
    code, line = failing(
        "search", reference, "--train", str(folder / "good.csv"), "--studies-dir", str(folder / "studies")
    )
    assert code == 2 and message in line
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

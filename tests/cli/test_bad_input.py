"""What a user gets for a mistake: one line that names it, an exit code, and nothing left behind."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

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
    ("good.csv", ["--text-column", "body"], "body"),
    ("good.csv", ["--label-column", "grade"], "grade"),
    ("good.csv", ["--text-column", "a", "--text-column", "b", "--text-column", "c"], "column"),
]


@pytest.mark.parametrize(("name", "arguments", "message"), DATA, ids=[f"{n} {' '.join(a)}" for n, a, _ in DATA])
def test_data(name: str, arguments: list[str], message: str, failing: Failing, folder: Path, tiny_checkpoint: str):
    studies = folder / "studies"
    code, line = failing(
        "search", tiny_checkpoint, "--train", str(folder / name), "--studies-dir", str(studies), *arguments
    )
    assert code == 2 and message.casefold() in line.casefold()
    assert not studies.exists()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("gpt2", "one of the families"),
        ("own_code", "own code"),
        ("no_type", "checkpoint"),
        ("no_config", "config.json"),
        ("no/such-model", "no/such-model"),
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

"""Command lines in messages mean in a shell what they say."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from autocompress.system.command_line import DEFAULT_STUDIES, command_line

NAMES = ["plain", "two  words", "-x", "a'b\"c", "$HOME `id` !1", "#?*[a]", "süß", "{x};y|z", "~"]
FOLDERS = [DEFAULT_STUDIES, Path("/a b/c"), Path("-f"), Path("new\nline\t'"), Path(os.fsdecode(b"caf\xe9"))]


def words(command: str, tmp_path: Path) -> list[str]:
    """What a program called autocompress is given when bash reads the command."""
    program = tmp_path / "autocompress"
    program.write_text('#!/bin/sh\nfor word in "$@"; do printf "%s\\0" "$word"; done\n')
    program.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    bash = shutil.which("bash") or pytest.skip("there is no bash")
    done = subprocess.run([bash, "-c", command], env=environment, capture_output=True, check=True)
    return [os.fsdecode(word) for word in done.stdout.split(b"\0")[:-1]]


@pytest.mark.parametrize("study", NAMES)
def test_names_reach_the_program_as_they_are(study: str, tmp_path: Path):
    for folder in FOLDERS:
        read = words(command_line("export", study, folder, "-o DIR"), tmp_path)
        place = [] if folder == DEFAULT_STUDIES else ["--studies-dir", str(folder)]
        options = ["-o", "DIR", *place]
        assert read == ["export", *options, "--", study] if study == "-x" else ["export", study, *options]


def test_a_command_without_a_study(tmp_path: Path):
    assert words(command_line("search", None, Path("my studies")), tmp_path) == [
        "search",
        "--studies-dir",
        "my studies",
    ]

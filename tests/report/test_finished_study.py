"""Studies that exist stay readable: one of them shows byte for byte what it showed when it was finished."""

from __future__ import annotations

import pytest
from finished_study import FOLDER

from autocompress import api
from autocompress.cli.main import run
from autocompress.report.record import front_csv
from autocompress.report.tables import front_table


@pytest.fixture(autouse=True)
def in_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)


def test_json_is_as_recorded(capsys: pytest.CaptureFixture[str]):
    assert run(["show", "whole", "--json", "--all"]) == 0
    assert capsys.readouterr().out == (FOLDER / "show.json").read_text(encoding="utf-8")


def test_the_csv_of_the_front_is_as_recorded():
    assert front_csv(api.open_study("whole").summary) == (FOLDER / "front.csv").read_text(encoding="utf-8")


def test_the_table_has_a_row_per_baseline_and_point():
    summary = api.open_study("whole").summary
    assert front_table(summary).row_count == len(summary.baselines) + len(summary.front) == 12

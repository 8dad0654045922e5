"""Damage to a study's database or result files is named, and the study goes on with what the files say."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from autocompress.students.configuration import configuration_from_json
from autocompress.study.store import StudyStore
from autocompress.trials.ledger import CONFIGURATION, DUPLICATE_OF

TRIALS, MORE = 8, 12


@pytest.fixture
def searched(lab):
    """A study with eight finished trials, closed; the second is at fault."""
    lab.controller({1: "memory"}, sampler="random").run(TRIALS)
    lab.close()
    return lab


def database(lab):
    return lab.folder / "s" / "study.db"


def results(lab):
    return {result.trial: result for result in StudyStore.read(lab.folder, "s").results()}


def check_agreement(lab):
    """What the database says of each trial is what its file says, and no configuration was measured twice."""
    found = results(lab)
    told = [t for t in lab.trials() if t.state.name == "COMPLETE" and DUPLICATE_OF not in t.user_attrs]
    assert [trial.number for trial in told] == sorted(found)
    for trial in told:
        result = found[trial.number]
        assert configuration_from_json(trial.user_attrs[CONFIGURATION]) == result.configuration
        if result.figures is not None:
            figures = result.figures
            assert trial.values == [figures.validation.value, figures.latency_ms.mean, figures.size_bytes]
    assert len({result.digest for result in found.values()}) == len(found)


def go_on(lab, before):
    """The study has what it had, then runs to twelve trials; the notes of the controller."""
    controller = lab.controller(sampler="random")
    assert controller.finished == len(before)
    assert results(lab) == before
    controller.run(MORE)
    assert controller.finished == MORE
    check_agreement(lab)
    return " ".join(controller.notes)


def test_an_intact_study_needs_no_rebuilding(searched):
    assert go_on(searched, results(searched)) == ""
    assert not list(searched.folder.rglob("*.damaged"))


@pytest.mark.parametrize("harm", ["overwritten", "cut off", "empty", "removed"])
def test_a_damaged_database_is_made_anew_from_the_files(searched, harm):
    before, path = results(searched), database(searched)
    content = path.read_bytes()
    if harm == "removed":
        path.unlink()
    else:
        path.write_bytes(
            {"overwritten": b"no database" * 1000, "cut off": content[: len(content) // 2], "empty": b""}[harm]
        )
    notes = go_on(searched, before)
    assert f"made anew from {len(before)} result files" in notes
    assert path.with_name("study.db.damaged").exists()


@pytest.mark.parametrize(
    "change",
    [
        "trial_values SET value = value + 1e-9 WHERE trial_id = 3 AND objective = 0",
        "trial_user_attributes SET value_json = replace(value_json, '_size\": 64', '_size\": 65')",
        "trial_user_attributes SET value_json = '{' WHERE trial_id = 2",
        "trials SET state = 'FAIL' WHERE trial_id = 5",
    ],
)
def test_a_database_that_says_something_else_is_made_anew(searched, change):
    before = results(searched)
    with closing(sqlite3.connect(database(searched))) as connection, connection:
        assert connection.execute(f"UPDATE {change}").rowcount > 0
    assert "made anew" in go_on(searched, before)


@pytest.mark.parametrize("seed", range(8))
def test_flipped_bits_in_the_database_change_nothing_that_is_told(searched, seed):
    before, path, rng = results(searched), database(searched), np.random.default_rng(seed)
    content = bytearray(path.read_bytes())
    for place in rng.integers(len(content), size=20):
        content[place] ^= 1 << rng.integers(8)
    path.write_bytes(content)
    go_on(searched, before)


@pytest.mark.parametrize("harm", ["a flipped bit", "cut off", "removed"])
def test_a_trial_whose_result_is_damaged_is_measured_again(searched, harm):
    before = results(searched)
    path = searched.folder / "s" / "trials" / "00004" / "result.json"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    if harm == "removed":
        path.unlink()
    else:
        path.write_bytes(content if harm == "a flipped bit" else content[:100])
    lost = before.pop(4)
    controller = searched.controller(sampler="random")
    assert results(searched) == before and controller.finished == len(before)
    assert "00004" in " ".join(controller.notes) or harm == "removed"
    controller.run(MORE)
    check_agreement(searched)
    assert lost.digest in {result.digest for result in results(searched).values()}


def test_a_damaged_result_of_a_later_stage_is_set_aside(searched):
    path = searched.folder / "s" / "trials" / "00003" / "verified.json"
    path.write_text("{}")
    controller = searched.controller(sampler="random")
    assert "verified.json" in controller.notes[0] and not path.exists()
    assert path.with_name("verified.json.damaged").exists()

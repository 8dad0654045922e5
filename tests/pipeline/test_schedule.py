import time

import pytest

from autocompress.pipeline.schedule import FIXED_S, SHARES, Schedule


def test_shares_sum_to_one_and_the_preview_to_the_budget():
    assert sum(SHARES.values()) == pytest.approx(1.0)
    assert sum(Schedule(900.0).preview().values()) == pytest.approx(900.0)


def test_a_phase_that_needs_nothing_leaves_its_share_to_those_after_it():
    schedule = Schedule(1000.0)
    spare = 1000.0 - sum(FIXED_S.values())
    expected = FIXED_S["teacher"] + spare * SHARES["teacher"]
    assert schedule.enter("teacher").planned_s == pytest.approx(expected, rel=1e-3)
    schedule.leave()
    share = SHARES["baselines"] / (1.0 - SHARES["teacher"])
    expected = FIXED_S["baselines"] + (spare + FIXED_S["teacher"]) * share
    assert schedule.enter("baselines").planned_s == pytest.approx(expected, rel=1e-3)


def test_an_overrun_is_spread_and_nothing_is_planned_beyond_the_end():
    schedule = Schedule(100.0, begun=time.monotonic() - 90.0)
    assert schedule.enter("search").planned_s < 10.0
    schedule.leave()
    schedule = Schedule(100.0, begun=time.monotonic() - 200.0)
    assert schedule.enter("verify").planned_s == 0.0
    assert schedule.leave().used_s is not None
    assert set(schedule.planned_s()) == set(schedule.used_s()) == {"verify"}


def test_a_short_budget_keeps_a_part_for_work_that_can_be_shortened():
    planned = Schedule(60.0).preview()
    assert sum(planned.values()) == pytest.approx(60.0)
    fixed = sum(FIXED_S.values())
    assert planned["teacher"] == pytest.approx(42.0 * FIXED_S["teacher"] / fixed + 18.0 * SHARES["teacher"])

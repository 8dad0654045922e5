"""Chooses the finalists, whose files must be intact, and measures them again together with the baselines."""

from __future__ import annotations

from collections.abc import Sequence

from autocompress.domain.figures import Baseline
from autocompress.measurement.stock_models import StockModels
from autocompress.pipeline.repair import repair_model
from autocompress.pipeline.run import Run
from autocompress.pipeline.selection import finalists
from autocompress.pipeline.verify import Verifier, test_request_count
from autocompress.study.baselines import write_baselines
from autocompress.study.results import TrialResult
from autocompress.study.shipped import is_intact, shipped_folder, shipped_results
from autocompress.system.attempts import attempt

FINALISTS_LOSE_AT_MOST = 0.06
FEWEST, MOST = 3, 12


def verify_finalists(run: Run, stock: StockModels, baselines: Sequence[Baseline], planned_s: float) -> None:
    """Measure finalists and baselines again and store their final figures in place of earlier ones."""
    chosen = _choose(run)
    folders = {result.trial: shipped_folder(run.store, result) for result in chosen}
    verification = Verifier(run.evaluator, stock, baselines, run.listener).verify(chosen, folders, planned_s)
    for result in run.store.results("verify"):
        run.store.result_path(result.trial, "verify").unlink()
    for result in verification.results:
        run.store.write_result(result)
    write_baselines(run.store.folder, verification.baselines, run.prepared.teacher_quality)


def _choose(run: Run) -> list[TrialResult]:
    """Return the finalists; one whose file is damaged is compiled again, or replaced by another if that fails."""
    floor, lost = run.prepared.reachable_quality - FINALISTS_LOSE_AT_MOST, set[int]()
    while True:
        results = [result for result in shipped_results(run.store) if result.trial not in lost]
        chosen = finalists(results, run.criteria, _count(run, results), floor)
        damaged = [result for result in chosen if not is_intact(run.store, result)]
        if not damaged:
            return chosen
        lost |= {result.trial for result in damaged if not _is_repaired(run, result)}


def _is_repaired(run: Run, result: TrialResult) -> bool:
    with attempt(f"trial {result.trial} cannot be compiled again", run.listener):
        return repair_model(run.store, run.evaluator, result, run.listener)
    return False


def _count(run: Run, results: Sequence[TrialResult]) -> int:
    """Return how many finalists can predict the test split in half of the remaining time, ``FEWEST`` to ``MOST``.

    0 without measured trials.
    """
    means = sorted(r.figures.latency_ms.mean for r in results if r.figures)
    if not means:
        return 0
    each_s = (test_request_count(run.evaluator) + 700) * means[len(means) // 2] / 1000 + 1.5
    return max(FEWEST, min(MOST, int(0.5 * run.schedule.left_s() / each_s)))

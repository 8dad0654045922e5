"""Verifies a study: finalists and baselines are measured again, alone on the machine, and once on the test split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autocompress.domain.figures import Baseline, Figures, Quality
from autocompress.evaluation.trial import TrialEvaluator
from autocompress.hardware.fingerprint import fingerprint_digest, hardware_fingerprint
from autocompress.measurement.baselines import stock_bytes, stock_paths
from autocompress.measurement.quality import quality_of
from autocompress.measurement.stock_models import PYTORCH, StockModels
from autocompress.pipeline.remeasure import Remeasured, Remeasurer
from autocompress.pipeline.verify_plan import longest_protocol
from autocompress.study.results import TrialResult
from autocompress.study.shipped import MODEL
from autocompress.system.attempts import reason_of
from autocompress.system.errors import MeasurementError
from autocompress.system.events import Event, Listener


@dataclass(frozen=True)
class Verification:
    """The final figures: of each finalist that could be measured, and of the baselines from the same run."""

    results: list[TrialResult]
    baselines: list[Baseline]


@dataclass(frozen=True)
class Verifier:
    """Measures finalists and baselines again; ``known`` are the baselines' figures from before the search.

    A file that fails is left out, and ``listener`` is told. The peak memory of a process that serves a file was
    measured before, and is not measured again.
    """

    evaluator: TrialEvaluator
    stock: StockModels
    known: Sequence[Baseline]
    listener: Listener

    def verify(self, finalists: Sequence[TrialResult], folders: Mapping[int, Path], planned_s: float) -> Verification:
        """Return the figures that constraints are held against.

        ``folders`` holds by trial the folder of the file that would ship. Timing takes as much of ``planned_s`` as
        there is besides loading and predicting.
        """
        test_requests = test_request_count(self.evaluator)
        protocol = longest_protocol(self.evaluator.protocol, self.known, finalists, test_requests, planned_s)
        files = {_name(finalist): folders[finalist.trial] / MODEL for finalist in finalists}
        measured = self._remeasurer(finalists).measure(files, protocol, planned_s)
        fingerprint = fingerprint_digest(hardware_fingerprint(self.evaluator.target.threads))
        results = []
        for finalist in finalists:
            figures = self._final_figures(measured, _name(finalist), finalist.figures)
            if figures is not None:
                results.append(replace(finalist, figures=figures, stage="verify", fingerprint=fingerprint))
        return Verification(results, self._final_baselines(measured))

    def _remeasurer(self, finalists: Sequence[TrialResult]) -> Remeasurer:
        known_memory = {_name(one): one.figures.memory_bytes for one in finalists if one.figures}
        known_memory |= {baseline.name: baseline.figures.memory_bytes for baseline in self.known}
        tested = {baseline.name for baseline in self.known if baseline.figures.test is not None}
        return Remeasurer(self.evaluator, self.stock, known_memory, tested, self.listener)

    def _final_baselines(self, measured: Remeasured) -> list[Baseline]:
        """Return the baselines with their final figures; one that was not measured again keeps its earlier ones."""
        known = {baseline.name: baseline.figures for baseline in self.known}
        found = []
        for paths in stock_paths(self.stock).values():
            for name, path in paths.items():
                earlier = known.get(name) or self._first_pytorch_figures(measured, name, path)
                final = self._final_figures(measured, name, earlier) or known.get(name)
                if final is not None:
                    found.append(Baseline(name, final))
        return found

    def _first_pytorch_figures(self, measured: Remeasured, name: str, path: Path) -> Figures | None:
        """Return figures of PyTorch, whose outputs on the validation split are the teacher's; None for other names."""
        if name != PYTORCH or name not in measured.latencies:
            return None
        data, latency = self.evaluator.prepared.data, measured.latencies[name]
        validation = quality_of(data.task, self.evaluator.prepared.validation_outputs, data.validation.labels)
        return Figures(validation, latency.latency, stock_bytes(path), latency.memory_bytes)

    def _final_figures(self, measured: Remeasured, name: str, earlier: Figures | None) -> Figures | None:
        """Return ``earlier`` with the latency, memory and test quality measured last; None if they are not complete."""
        if earlier is None or name not in measured.latencies:
            return None
        latency = measured.latencies[name]
        try:
            test = self._test_quality(measured, name, earlier)
        except MeasurementError as error:
            self.listener(Event("note", f"{name} is left out of the verified: {reason_of(error)}"))
            return None
        return replace(earlier, latency_ms=latency.latency, memory_bytes=latency.memory_bytes, test=test)

    def _test_quality(self, measured: Remeasured, name: str, earlier: Figures) -> Quality | None:
        if name not in measured.outputs:
            return earlier.test
        data = self.evaluator.prepared.data
        return quality_of(data.task, measured.outputs[name], data.test.labels)


def test_request_count(evaluator: TrialEvaluator) -> float:
    """Return how many requests the test split makes, the last of which may be a part of one."""
    return len(evaluator.prepared.data.test.labels) / evaluator.target.batch_size


def _name(result: TrialResult) -> str:
    return f"trial-{result.trial}"

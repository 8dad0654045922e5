"""Evaluates a trial: compiles a sub-network to one ONNX file and measures that file's quality, latency and memory."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from autocompress.artifact.session import Session
from autocompress.domain.figures import Figures, Quality
from autocompress.domain.problem import Target
from autocompress.domain.shape import EncoderShape
from autocompress.evaluation.compile import serialise
from autocompress.evaluation.cut import cut_weights
from autocompress.hardware.fingerprint import fingerprint_digest, hardware_fingerprint
from autocompress.measurement.inference import predict
from autocompress.measurement.process import Workload, measure_in_fresh_process
from autocompress.measurement.protocol import LatencyProtocol
from autocompress.measurement.quality import quality_of
from autocompress.students.configuration import Configuration, configuration_from_json
from autocompress.study.prepared import Prepared
from autocompress.study.results import TrialResult
from autocompress.study.shipped import MODEL
from autocompress.system.errors import MeasurementError
from autocompress.system.files import read_sealed, sha256, write_bytes, write_sealed
from autocompress.trials.jobs import TrialRequest

BUILT = "built.json"


@dataclass(frozen=True)
class TrialEvaluator:
    """Builds and measures configurations of one study; it is pickled to workers, which read the prepared files there.

    Results have the ``stage`` ``search`` or ``refine``.
    """

    prepared: Prepared
    target: Target
    stage: str = "search"
    protocol: LatencyProtocol = field(default_factory=LatencyProtocol)

    def build(self, request: TrialRequest) -> None:
        """Cut and compile the configuration of a request and measure its validation quality.

        It writes model.onnx and built.json to the request's folder.
        """
        configuration = configuration_from_json(request.configuration)
        begin = time.perf_counter()
        arrays, shape = cut_weights(self.prepared, configuration)
        cut_s = time.perf_counter() - begin
        self.compile(arrays, shape, configuration, Path(request.folder), cut_s)

    def compile(
        self,
        arrays: dict[str, np.ndarray],
        shape: EncoderShape,
        configuration: Configuration,
        folder: Path,
        cut_s: float = 0.0,
    ) -> None:
        """Write model.onnx of the already cut ``arrays``, and built.json with its validation quality and seconds."""
        begin = time.perf_counter()
        write_bytes(folder / MODEL, serialise(self.prepared, arrays, shape, configuration))
        compiled = time.perf_counter()
        quality = self.quality(folder / MODEL, "validation")
        seconds = {"cut": cut_s, "compile": compiled - begin, "quality": time.perf_counter() - compiled}
        write_sealed(folder / BUILT, {"quality": quality_json(quality), "seconds": seconds})

    def measure(self, request: TrialRequest) -> TrialResult:
        """Measure latency and memory of the built file in a fresh process; return them with what ``build`` measured."""
        folder = Path(request.folder)
        begin = time.perf_counter()
        built = read_sealed(folder / BUILT)
        workload = Workload({MODEL: folder / MODEL}, self.prepared.requests, self.target.threads)
        measured = measure_in_fresh_process(workload, self.protocol)[MODEL]
        figures = Figures(
            validation=Quality.from_json(built["quality"]),
            latency_ms=measured.latency,
            size_bytes=(folder / MODEL).stat().st_size,
            memory_bytes=measured.memory_bytes,
        )
        return TrialResult(
            trial=request.number,
            attempt=request.attempt,
            configuration=configuration_from_json(request.configuration),
            figures=figures,
            artifact_digest=sha256(folder / MODEL),
            fingerprint=fingerprint_digest(hardware_fingerprint(self.target.threads)),
            seconds={**built["seconds"], "latency": time.perf_counter() - begin},
            stage=self.stage,
        )

    def quality(self, model: Path, split_name: str) -> Quality:
        """Return the quality of an ONNX file on one split, at the target's batch size.

        On the validation split it contains the expected quality too. MeasurementError if an output is not finite.
        """
        data = self.prepared.data
        split = data.splits[split_name]
        outputs = predict(Session(model, self.target.threads), split, self.target.batch_size, data.pad_id)
        if not np.isfinite(outputs).all():
            raise MeasurementError("the outputs must be finite, but the compiled model gave NaN or infinity")
        quality = quality_of(data.task, outputs, split.labels)
        if split_name != "validation":
            return quality
        expected = data.task.definition.expected_quality(outputs, self.prepared.validation_outputs, split.labels)
        return replace(quality, expected=expected)


def quality_json(quality: Quality) -> dict[str, Any]:
    """Return the JSON form of a quality."""
    return asdict(quality)

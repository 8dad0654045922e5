"""Measures an exported model again and compares it with its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from autocompress.domain.figures import Latency, Quality
from autocompress.hardware.fingerprint import fingerprint_digest, hardware_fingerprint
from autocompress.measurement.process import Evaluation, Workload, measure_and_predict
from autocompress.measurement.protocol import FINAL, LatencyProtocol
from autocompress.measurement.quality import quality_of
from autocompress.measurement.requests import draw_requests, write_requests
from autocompress.measurement.worker_process import Worker
from autocompress.report.manifest import Artifact, Manifest, load_artifact
from autocompress.study.shipped import MODEL
from autocompress.system.errors import InputError, MeasurementError
from autocompress.system.files import read_json, scratch
from autocompress.tasks.encoding import EncodedSplit
from autocompress.tasks.loading import load_split
from autocompress.tasks.task import Task
from autocompress.tasks.tokenizing import encode_split

SAME = 1e-9
SLOWER_NOTED, SLOWER_FAILS = 1.5, 3.0
START_S, SECONDS_PER_ROW = 300.0, 0.1
PADDING = ("pad_token", "unk_token")


@dataclass(frozen=True)
class VerifyReport:
    """Holds the new measurement of an export and how it differs from the manifest.

    ``differences`` are sentences: first those that make ``matches_manifest`` false, then those that are only noted.
    """

    quality: Quality
    latency_ms: Latency
    size_bytes: int
    matches_manifest: bool
    differences: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the object that ``autocompress verify --json`` prints."""
        quality = self.quality
        return {
            "quality": {
                "metric": quality.metric,
                "value": quality.value,
                "interval": list(quality.interval),
                "count": quality.count,
            },
            "latency_ms": {**asdict(self.latency_ms), "mean_interval": list(self.latency_ms.mean_interval)},
            "size_bytes": self.size_bytes,
            "matches_manifest": self.matches_manifest,
            "differences": list(self.differences),
        }


def verify_export(folder: Path, data: str, *, protocol: LatencyProtocol = FINAL) -> VerifyReport:
    """Measure the export in ``folder`` on labelled text, a file or a data set by name, in a fresh process.

    Quality matches if it is the manifest's (1e-9) on as many rows as a split of the study had, or else if its 95%
    interval and that of the manifest's test value (validation, without one) overlap. On the same hardware and
    versions, undisturbed, a mean latency above 1.5 times the manifest's is noted and above 3 times fails. InputError
    if files are not those of the manifest or the data cannot be used, MeasurementError if the model cannot be run.
    """
    artifact = load_artifact(folder)
    manifest, task = artifact.manifest, Task.from_json(artifact.manifest.task)
    texts, _ = load_split(data, task)
    tokenizer = _tokenizer(artifact)
    split, _ = encode_split(texts, tokenizer, manifest.max_length)
    latency, outputs = _measure(artifact, split, _pad_id(folder, tokenizer), protocol)
    quality = quality_of(task, outputs, split.labels)
    size = artifact.model.stat().st_size
    failing, noted = _compare(manifest, quality, latency, size)
    return VerifyReport(quality, latency, size, not failing, (*failing, *noted))


def _tokenizer(artifact: Artifact) -> Tokenizer:
    try:
        return Tokenizer.from_str(artifact.tokenizer.read_text(encoding="utf-8"))
    except Exception as error:
        raise InputError(
            f"{artifact.tokenizer} must be a tokenizer of the tokenizers library, but "
            f"{' '.join(str(error).split())}; export the model again"
        ) from error


def _pad_id(folder: Path, tokenizer: Tokenizer) -> int:
    """Return the padding id of the study: dynamic activation scales depend on the padding of a request too."""
    path = folder / "tokenizer_config.json"
    try:
        settings = read_json(path) if path.is_file() else {}
    except (OSError, ValueError) as error:
        raise InputError(f"{path} must be JSON, but {error}; export the model again") from error
    for name in PADDING:
        token = settings.get(name) if isinstance(settings, Mapping) else None
        content = token.get("content") if isinstance(token, Mapping) else token
        found = tokenizer.token_to_id(content) if isinstance(content, str) else None
        if found is not None:
            return int(found)
    return 0


def _measure(
    artifact: Artifact, split: EncodedSplit, pad_id: int, protocol: LatencyProtocol
) -> tuple[Latency, NDArray[np.float32]]:
    """Measure the latency of requests drawn from ``split`` and the outputs [n, num_outputs] on all of it."""
    batch_size, threads = artifact.manifest.batch_size, artifact.manifest.threads
    with scratch() as temporary:
        requests = temporary / "requests.npz"
        write_requests(requests, draw_requests(split, batch_size=batch_size, pad_id=pad_id))
        measured, outputs = measure_and_predict(
            Workload({MODEL: artifact.model}, requests, threads),
            [Evaluation(MODEL, split, batch_size, pad_id, threads)],
            protocol,
            Worker(timeout_s=START_S + SECONDS_PER_ROW * len(split)),
        )
    if not np.isfinite(outputs[0]).all():
        raise MeasurementError(f"the outputs must be finite, but {artifact.model} gave NaN or infinity")
    return measured[MODEL].latency, outputs[0]


def _compare(manifest: Manifest, quality: Quality, latency: Latency, size: int) -> tuple[list[str], list[str]]:
    """Return the differences that fail and those that are only noted."""
    failing, noted = [], []
    if size != manifest.figures.size_bytes:
        failing.append(f"{MODEL} has {size:,} bytes, but the manifest says {manifest.figures.size_bytes:,}")
    different = _quality_difference(manifest, quality)
    if different is not None:
        failing.append(different)
    stored = manifest.figures.latency_ms
    there = manifest.fingerprint.get("digest", fingerprint_digest(manifest.fingerprint))
    if fingerprint_digest(hardware_fingerprint(manifest.threads)) != there:
        noted.append(
            f"this machine or its versions are not the manifest's ({manifest.fingerprint.get('cpu', 'unknown')}): "
            f"mean latency {latency.mean:.3g} ms here, {stored.mean:.3g} ms there, is not compared"
        )
    elif latency.disturbed:
        noted.append("other processes disturbed the measurement: latency is not compared")
    elif latency.mean > SLOWER_NOTED * stored.mean:
        line = (
            f"mean latency is {latency.mean:.3g} ms, {latency.mean / stored.mean:.1f} times the manifest's "
            f"{stored.mean:.3g} ms"
        )
        (failing if latency.mean > SLOWER_FAILS * stored.mean else noted).append(line)
    return failing, noted


def _quality_difference(manifest: Manifest, quality: Quality) -> str | None:
    """Return a sentence if the quality is not the manifest's, as ``verify_export`` defines it; else None."""
    figures = manifest.figures
    splits = [split for split in (figures.test, figures.validation) if split is not None]
    if any(quality.count == split.count and abs(quality.value - split.value) < SAME for split in splits):
        return None
    known = splits[0]
    (low, high), (known_low, known_high) = quality.interval, known.interval
    if quality.metric == known.metric and low <= known_high and known_low <= high:
        return None
    name = "test" if figures.test is not None else "validation"
    return (
        f"{quality.metric} is {quality.value:.4f} ({low:.4f} to {high:.4f}, {quality.count:,} rows), but the "
        f"manifest says {known.metric} {known.value:.4f} ({known_low:.4f} to {known_high:.4f}) on {name} data"
    )

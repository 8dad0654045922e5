"""The result of a trial and its JSON form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from autocompress.domain.figures import Figures
from autocompress.students.configuration import StoredConfiguration, configuration_digest, configuration_to_json
from autocompress.system.errors import InputError, StudyError
from autocompress.system.serialization import Stored, fields_of

VERSION = 1


@dataclass(frozen=True)
class TrialResult(Stored):
    """Holds what was measured of one compiled configuration, or the reason why that failed.

    ``figures`` is None for a failed trial, whose ``reason`` says why; ``attempt`` counts from 0. ``artifact_digest``
    is the SHA-256 of model.onnx, ``fingerprint`` the digest of the hardware fingerprint, ``seconds`` the wall-clock
    time of each step (cut, compile, quality, latency), ``stage`` one of ``search``, ``refine``, ``verify``.
    """

    trial: int
    attempt: int
    configuration: StoredConfiguration
    figures: Figures | None
    reason: str | None = None
    artifact_digest: str = ""
    fingerprint: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    stage: str = "search"

    @property
    def digest(self) -> str:
        """The configuration's digest."""
        return configuration_digest(self.configuration)

    def to_json(self) -> dict[str, Any]:
        """Return the versioned JSON form, which includes the configuration's digest."""
        own = {"configuration": configuration_to_json(self.configuration), "digest": self.digest}
        return {"version": VERSION, **super().to_json(), **own}

    @classmethod
    def from_json(cls, data: Any) -> TrialResult:
        """Read a result file's object; StudyError if it is not one or its digest does not fit."""
        try:
            fields = fields_of(data, "result", VERSION)
            digest = fields.pop("digest", None)
            result = super().from_json(fields)
        except InputError as error:
            raise StudyError(f"not a trial's result: {error}") from error
        if result.digest != digest:
            raise StudyError(f"the result's configuration has digest {result.digest}, but the file says {digest}")
        return result

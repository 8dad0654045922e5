"""A search in which one part after the other fails: each is told with its reason, and the search ends well."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from short_search import BUDGET_S, LEAST_RESUME_S

import autocompress
from autocompress.distillation.augmentation import Augmenter
from autocompress.distillation.training import Callbacks
from autocompress.evaluation.compile import Compiled
from autocompress.pipeline import baselines, finalists, search
from autocompress.pipeline import refine as refinement
from autocompress.preparation import student_training, super_networks, transfer_set
from autocompress.study.prepared import Prepared
from autocompress.study.prepared_files import TRANSFER
from autocompress.study.shipped import MODEL, shipped_results
from autocompress.study.store import StudyStore
from autocompress.system.errors import MeasurementError, NoFeasibleError
from autocompress.system.events import Event
from autocompress.tasks.encoding import EncodedSplit

pytestmark = pytest.mark.usefixtures("short_searches")
BAD_ROW = 7


@dataclass
class Harm:
    """Listens to a search, keeps what it tells, and cuts one finalist's file short when verifying begins."""

    folder: Path
    heard: list[str] = field(default_factory=list)
    harmed: int | None = None

    def __call__(self, event: Event) -> None:
        self.heard.append(event.message)
        if event.kind == "phase" and event.message.startswith("verify"):
            store = StudyStore.read(self.folder.parent, self.folder.name)
            fastest = min(shipped_results(store), key=lambda r: r.figures.latency_ms.mean if r.figures else np.inf)
            self.harmed = fastest.trial
            path = store.trial_folder(fastest.trial) / MODEL
            path.write_bytes(path.read_bytes()[:-100])

    def told(self, *words: str) -> bool:
        """Whether one message holds all the words."""
        return any(all(word in message for word in words) for message in self.heard)


def fail(*_: object, **__: object) -> None:
    raise RuntimeError("broken for the test")


@pytest.mark.faults
def test_no_part_after_the_teacher_ends_the_search(
    trained_checkpoint: str, tiny_data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with_augmented, outputs_of = transfer_set.with_augmented, Compiled.outputs
    train = student_training.train_super_network

    def no_spliced(*arguments: object) -> EncodedSplit:
        augmenter = next(each for each in arguments if isinstance(each, Augmenter))
        return fail() if augmenter.settings.splice_share else with_augmented(*arguments)  # type: ignore[arg-type, return-value]

    bad: list[bytes] = []

    def one_text_breaks_the_file(self: Compiled, split: EncodedSplit) -> np.ndarray:
        rows = [split.tokens[a:b].tobytes() for a, b in zip(split.offsets, split.offsets[1:], strict=False)]
        if not bad and len(rows) > 300:
            bad.append(rows[BAD_ROW])
        if bad and bad[0] in rows:
            raise MeasurementError("the graph's Add cannot broadcast")
        return outputs_of(self, split)

    def no_bilstm(*arguments: object) -> object:
        callbacks = next(each for each in arguments if isinstance(each, Callbacks))
        return fail() if "bilstm" in callbacks.message else train(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(transfer_set, "with_augmented", no_spliced)
    monkeypatch.setattr(Compiled, "outputs", one_text_breaks_the_file)
    monkeypatch.setattr(student_training, "train_super_network", no_bilstm)
    monkeypatch.setattr(baselines, "build_baselines", fail)
    monkeypatch.setattr(refinement, "refine", fail)
    monkeypatch.setattr(refinement, "LEAST_S", 0.0)
    monkeypatch.setattr(finalists, "is_intact", lambda *_: True)
    harm = Harm(tmp_path / "broken")
    study = autocompress.search(
        trained_checkpoint,
        **tiny_data,
        time_budget_s=1.5 * BUDGET_S,
        trials=6,
        study="broken",
        studies_dir=tmp_path,
        on_event=harm,
    )
    assert study.state == "finished" and study.front, harm.heard
    assert harm.told("no spliced texts are made up", "broken for the test")
    assert harm.told("texts are left out", "the teacher cannot label them")
    assert harm.told("no bilstm is trained", "broken for the test")
    assert harm.told("baselines cannot be built", "broken for the test")
    assert harm.told("could not be refined", "broken for the test") or not harm.told("refining trial")
    assert harm.told(f"trial-{harm.harmed} cannot be measured again")
    assert harm.harmed not in [point.trial for point in study.front]
    students = {result.configuration.student for result in study.store.results()}
    assert "bilstm" not in students and len(students) >= 1
    assert [baseline.name for baseline in study.summary.baselines] == ["pytorch-fp32"]
    texts = Prepared(study.folder).transfer
    assert texts.labelled == len(Prepared(study.folder).data.train) - 1, "one real text is left out"
    assert len(texts.split) > texts.labelled, "and there are texts with replaced words"


@pytest.mark.faults
def test_where_nothing_can_be_distilled_the_teacher_is_still_cut(
    trained_checkpoint: str, tiny_data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(super_networks, "prepare_transfer", fail)
    heard: list[str] = []
    study = autocompress.search(
        trained_checkpoint,
        **tiny_data,
        time_budget_s=LEAST_RESUME_S,
        trials=3,
        study="alone",
        studies_dir=tmp_path,
        on_event=lambda event: heard.append(event.message),
    )
    assert study.state == "finished" and study.front and not Prepared(study.folder).has(TRANSFER)
    assert any("students cannot be distilled" in message for message in heard)
    assert {result.configuration.student for result in study.store.results()} == {"transformer"}


@pytest.mark.faults
def test_where_no_trial_can_be_measured_the_baselines_are_named(
    trained_checkpoint: str, tiny_data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(search.Controller, "run", fail_measuring)
    with pytest.raises(MeasurementError, match="onnxruntime-int8 has accuracy") as caught:
        autocompress.search(
            trained_checkpoint, **tiny_data, time_budget_s=LEAST_RESUME_S, study="nothing", studies_dir=tmp_path
        )
    assert "resume to try again" in str(caught.value) and not isinstance(caught.value, NoFeasibleError)
    assert autocompress.open_study("nothing", tmp_path).state == "interrupted"


def fail_measuring(*_: object) -> None:
    raise MeasurementError("a worker must survive its trials, but 3 trials in a row were lost")

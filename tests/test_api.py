"""The examples in the docstrings of the Python interface run, and its parameters are those of the command line."""

from __future__ import annotations

import doctest
import inspect
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from finished_study import FOLDER
from short_search import BUDGET_S, time_for_trials

import autocompress
from autocompress import api
from autocompress.cli import search as command
from autocompress.domain.parameters import PARAMETERS
from autocompress.domain.problem import LATENCY_STATISTICS
from autocompress.pipeline import runs
from autocompress.pipeline.run import Run
from autocompress.pipeline.schedule import Schedule
from autocompress.report import study, summary
from autocompress.study import store
from autocompress.study.store import StudyStore
from autocompress.trials.samplers import SAMPLERS
from search_spaces import SEARCH_SPACES

READING = (api, study, summary, store)
SEARCHING = ("search", "plan")
OPTIONS = {
    "text_columns": "text_column",
    "max_latency_ms": "max_latency",
    "max_size_bytes": "max_size",
    "max_memory_bytes": "max_memory",
    "time_budget_s": "time_budget",
}
"""Parameters of ``api.search`` whose options have other names: the command line reads units, and one column at once."""


def examples(module: ModuleType) -> Iterator[doctest.DocTest]:
    found = doctest.DocTestFinder().find(module, extraglobs={"autocompress": autocompress})
    return (test for test in found if test.examples)


def run_example(example: doctest.DocTest) -> None:
    told: list[str] = []
    doctest.DocTestRunner(verbose=False).run(example, out=told.append)
    assert not told, "".join(told)


ON_DISK = [one for module in READING for one in examples(module) if one.name.rpartition(".")[2] not in SEARCHING]


@pytest.mark.parametrize("example", ON_DISK, ids=[one.name for one in ON_DISK])
def test_examples_on_a_study_on_disk_run(example: doctest.DocTest, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(FOLDER)
    run_example(example)


def test_every_class_that_a_reader_gets_has_an_example():
    names = {one.name.rpartition(".")[2] for one in ON_DISK}
    assert names >= {"Study", "StudyStore", "FrontPoint", "StudySummary", "open_study", "list_studies"}


@pytest.mark.parametrize("name", ["plan", pytest.param("search", marks=pytest.mark.faults)])
def test_examples_of_a_search_run(
    name: str, tiny_checkpoint: str, tiny_data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint")
    shutil.copyfile(tiny_data["train"], tmp_path / "train.csv")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runs, "Schedule", lambda _budget_s, *begun: Schedule(BUDGET_S, *begun))
    (example,) = (one for one in examples(api) if one.name.rpartition(".")[2] == name)
    with time_for_trials():
        run_example(example)


@pytest.mark.parametrize(
    ("finished", "asked", "budget_s"),
    [(True, None, 120.0), (False, None, 60.0), (False, 300.0, 300.0)],
    ids=["a finished study", "an interrupted one", "a budget of its own"],
)
def test_a_resumed_run_has_the_time_that_is_documented(
    finished: bool, asked: float | None, budget_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    ran: list[tuple[float, int | None]] = []

    def fake(run: Run) -> None:
        ran.append((run.schedule.budget_s, run.trials))

    monkeypatch.setattr(runs, "run_pipeline", fake)
    monkeypatch.setattr(runs, "hosted_ray", lambda *_: nullcontext())
    shutil.copytree(FOLDER / "studies", tmp_path / "studies")
    with StudyStore.resume(tmp_path / "studies", "whole") as kept:
        kept.write_progress(replace(kept.progress(), finished=finished))
    resumed = api.resume("whole", studies_dir=tmp_path / "studies", time_budget_s=asked, trials=40)
    assert ran == [(budget_s, 40)] and resumed.state == ("finished" if finished else "interrupted")
    assert {path.name for path in resumed.folder.iterdir()} >= {"summary.json", "front.csv", "front.png"}


def test_every_parameter_is_documented_once():
    parameters = inspect.signature(api.search).parameters
    assert set(parameters) == set(PARAMETERS)
    documented = (api.search.__doc__ or "").split("Args:")[1].split("Returns:")[0]
    for name, parameter in parameters.items():
        assert f"\n        {name} ({parameter.annotation}, default {parameter.default!r}): " in documented


def test_the_command_line_has_the_same_parameters_and_defaults():
    options = dict(inspect.signature(command.search).parameters)
    options.pop("dry_run")
    for name, parameter in inspect.signature(api.search).parameters.items():
        if name != "on_event":
            option = options.pop(OPTIONS.get(name, name))
            if name not in ("time_budget_s", "studies_dir"):
                assert option.default == parameter.default, name
    assert not options


@pytest.mark.parametrize(
    ("name", "known"), [("space", SEARCH_SPACES), ("sampler", SAMPLERS), ("latency_statistic", LATENCY_STATISTICS)]
)
def test_help_lists_what_there_is(name: str, known: object):
    listed = PARAMETERS[name].meaning.partition(": ")[2].replace(" or ", ", ").split(", ")
    assert listed == list(known)  # type: ignore[call-overload]

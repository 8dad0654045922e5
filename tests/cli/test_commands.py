"""What the commands print for studies on disk, and how a run ends."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from study_on_disk import POINTS, write_study

from autocompress import api
from autocompress.cli.main import run
from autocompress.cli.outcome import show_outcome
from autocompress.domain.problem import Constraints
from autocompress.system.errors import NoFeasibleError

BASELINES = ["pytorch-fp32", "onnxruntime-fp32", "onnxruntime-int8"]
Output = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studies")
    write_study(folder, "good", Constraints(max_latency_ms=2.5))
    write_study(folder, "tight", Constraints(max_latency_ms=0.06, max_drop=1.0))
    write_study(folder, "cut-off", Constraints(), verified=False)
    return folder


@pytest.fixture
def output(studies: Path, capsys: pytest.CaptureFixture[str]) -> Output:
    def run_command(command: str, *arguments: str) -> tuple[int, str, str]:
        code = run([command, *arguments, "--studies-dir", str(studies)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_command


def test_show_json_is_one_object_with_the_promised_keys(output: Output):
    code, out, err = output("show", "good", "--json")
    shown = json.loads(out)
    assert (code, err) == (0, "")
    assert set(shown) >= {"study", "state", "problem", "baselines", "trials", "front"}
    assert (shown["study"], shown["state"]) == ("good", "finished")
    assert [baseline["name"] for baseline in shown["baselines"]] == BASELINES
    assert len(shown["front"]) == POINTS
    for point in shown["front"]:
        assert {"trial", "feasible", "configuration", "quality", "latency_ms", "size_bytes", "speedup"} <= set(point)
        assert point["feasible"] == (point["latency_ms"]["p95"] <= 2.5)


def test_show_all_adds_every_trial(output: Output):
    code, out, _ = output("show", "good", "--json", "--all")
    shown = json.loads(out)
    assert code == 0 and [trial["trial"] for trial in shown["all_trials"]] == list(range(POINTS))
    for trial in shown["all_trials"]:
        assert (trial["state"], trial["attempts"], trial["reason"]) == ("complete", 1, None)
        assert trial["latency_ms"]["mean"] > 0 and trial["verify"]["quality"] == trial["quality"]


def test_show_prints_every_point_and_the_phases(output: Output):
    code, out, _ = output("show", "good")
    rows = [line.split()[0] for line in out.splitlines() if line.rstrip().endswith((" yes", " no"))]
    assert code == 0 and sorted(map(int, rows)) == list(range(POINTS))
    assert all(name in out for name in BASELINES) and "search: planned 6 min 40 s, used 6 min 31 s" in out


def test_a_study_that_was_cut_off_is_interrupted_and_knows_no_feasibility(output: Output):
    shown = json.loads(output("show", "cut-off", "--json")[1])
    assert shown["state"] == "interrupted" and {point["feasible"] for point in shown["front"]} == {None}


def test_one_trial_is_shown_by_its_number(output: Output):
    code, out, _ = output("show", "good", "--trial", "3", "--json")
    assert code == 0 and json.loads(out)["trial"] == 3
    code, out, err = output("show", "good", "--trial", "999")
    assert code == 2 and out == "" and "no such trial 999" in err


def test_studies_lists_all(output: Output, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    code, out, _ = output("studies")
    assert code == 0 and all(name in out for name in ("good", "tight", "cut-off", "finished", "interrupted"))
    assert run(["studies", "--studies-dir", str(tmp_path)]) == 0
    assert "autocompress search" in capsys.readouterr().out


def test_plot_writes_the_file_it_names(output: Output, tmp_path: Path):
    path = tmp_path / "front.png"
    code, out, _ = output("plot", "good", "-o", str(path))
    assert code == 0 and str(path) in out
    with Image.open(path) as image:
        assert image.size == (1500, 900)
    assert output("plot", "good", "-o", str(tmp_path / "front.gif"))[0] == 2


def test_a_search_that_found_something_ends_with_a_spread_of_the_front(studies: Path, capsys: Any):
    show_outcome(api.open_study("good", studies))
    out = capsys.readouterr().out
    rows = [line for line in out.splitlines() if line.rstrip().endswith((" yes", " no"))]
    assert len(rows) == 12 and f"12 of {POINTS} points are shown; all: autocompress show good" in out
    assert "autocompress export good" in out


def test_a_search_that_found_nothing_shows_what_binds(studies: Path, capsys: Any):
    with pytest.raises(NoFeasibleError, match="but none does in study 'tight'") as caught:
        show_outcome(api.open_study("tight", studies))
    out = " ".join(capsys.readouterr().out.split())
    assert caught.value.exit_code == 3
    assert "nearest misses" in out
    assert "p95 latency (--max-latency) at most 60us: binds" in out and "quality (--max-drop 1.0)" in out


@pytest.mark.parametrize("exists", [True, False])
def test_ctrl_c_says_how_to_go_on(exists: bool, output: Output, monkeypatch: pytest.MonkeyPatch):
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "run", interrupt)
    code, _, err = output("search", "--study", "cut-off" if exists else "new")
    assert code == 130
    assert ("go on with autocompress resume cut-off --studies-dir" if exists else "nothing was written") in err


def test_a_bug_is_one_line_and_its_traceback_is_asked_for(output: Output, monkeypatch: pytest.MonkeyPatch):
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("never\nmind")

    monkeypatch.setattr(api, "list_studies", broken)
    code, out, err = output("studies")
    assert (code, out) == (70, "") and len(err.splitlines()) == 1 and "this is a bug (ZeroDivisionError" in err
    monkeypatch.setenv("AUTOCOMPRESS_DEBUG", "1")
    code, _, err = output("studies")
    assert code == 70 and "Traceback" in err


def test_help_and_version(capsys: pytest.CaptureFixture[str]):
    assert run(["--help"]) == 0 and run(["--version"]) == 0 and run([]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("search", "resume", "studies", "show", "plot", "export", "verify"))


@pytest.mark.parametrize(
    "arguments", [["studies"], ["show", "good"], ["show", "good", "--json", "--all"], ["show", "good", "--trial", "3"]]
)
def test_reading_a_study_imports_nothing_that_searches_or_draws(arguments: list[str], studies: Path):
    heavy = ("torch", "ray", "transformers", "optuna", "sqlalchemy", "onnx", "onnxruntime", "sklearn", "scipy")
    heavy += ("matplotlib", "pandas", "pyarrow", "datasets", "tokenizers")
    code = (
        "import sys; from autocompress.cli.main import run\n"
        "code = run(sys.argv[1:])\n"
        f"sys.exit(str([code, *(name for name in {heavy!r} if name in sys.modules)]))"
    )
    command = [sys.executable, "-c", code, *arguments, "--studies-dir", str(studies)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[0]" and done.stdout


def test_help_needs_nothing_heavy():
    code = (
        "import sys; from autocompress.cli.main import run; run(['search', '--help'])\n"
        "sys.exit(str([name for name in ('torch', 'onnxruntime', 'numpy', 'ray', 'pandas') if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[]" and "--max-latency" in done.stdout

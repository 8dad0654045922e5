"""The short form of scripts/soak.py: the real program is killed in some phases of one search, and nothing is lost."""

import json
import sys
from pathlib import Path

import pytest
from short_search import PROGRAM

pytestmark = pytest.mark.faults

SCRIPTS = Path(__file__).parent.parent.parent / "scripts"


def test_nothing_is_lost_whatever_is_killed(
    tiny_checkpoint: str, tiny_data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.syspath_prepend(SCRIPTS)
    import soak
    import soak_round

    options = [f"--{split}={path}" for split, path in tiny_data.items()]
    options += [f"--model={tiny_checkpoint}", "--phases=super-network,refine", f"--folder={tmp_path / 'soak'}"]
    options += ["--rounds=1", "--long-budget=75s", f"--report={tmp_path / 'report.json'}"]
    monkeypatch.setattr(sys, "argv", ["soak.py", *options])
    monkeypatch.setattr(soak_round, "PROGRAM", PROGRAM)
    with pytest.raises(SystemExit) as ended:
        soak.main()
    report = json.loads((tmp_path / "report.json").read_text())
    assert ended.value.code == 0 and report["broken"] == []
    assert report["harm"]["controller in super-network"] == 1, "a phase that uses all its time"
    assert report["kills"] >= 2 and report["trials"] >= 3

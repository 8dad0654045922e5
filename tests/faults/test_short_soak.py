"""The short form of scripts/soak.py: the real program is killed in some phases of one search, and nothing is lost."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_nothing_is_lost_whatever_is_killed(tiny_checkpoint: str, tiny_data: dict[str, str], tmp_path: Path):
    options = [f"--{split}={path}" for split, path in tiny_data.items()]
    command = [sys.executable, str(ROOT / "scripts" / "soak.py"), "--rounds=1", "--long-budget=2m", *options]
    command += [f"--model={tiny_checkpoint}", "--phases=super-network,refine", f"--folder={tmp_path / 'soak'}"]
    command += [f"--report={tmp_path / 'report.json'}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["harm"]["controller in super-network"] == 1, "a phase that uses all its time"
    assert report["kills"] >= 2 and report["trials"] >= 3 and report["broken"] == []

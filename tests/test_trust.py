"""Nothing that came from outside is run: no unpickling in our code, and a checkpoint's pickle cannot do a thing."""

import ast
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from autocompress.cli.main import run

ROOT = Path(__file__).parent.parent
SOURCES = sorted(
    path for name in ("autocompress", "search_spaces", "objectives") for path in (ROOT / name).rglob("*.py")
)
UNTRUSTING = {"pickle.load", "pickle.loads", "eval", "exec", "os.system", "joblib.load", "yaml.load"}
UNTRUSTED = {"pickle", "cloudpickle", "joblib", "yaml", "marshal", "shelve"}
FROM_ITSELF = {"ray_executor.py", "ray_host.py"}  # the evaluator on its way from the controller to its own workers
SETTINGS = {"allow_pickle", "trust_remote_code", "shell"}


@pytest.mark.parametrize("path", SOURCES, ids=[str(path.relative_to(ROOT)) for path in SOURCES])
def test_our_code_unpickles_and_runs_nothing(path: Path):
    nodes = list(ast.walk(ast.parse(path.read_text())))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    allowed = {"pickle", "pickle.loads"} if path.name in FROM_ITSELF else set()
    assert not (UNTRUSTED - allowed) & {name.split(".")[0] for name in imported}
    for call in [node for node in nodes if isinstance(node, ast.Call)]:
        if ast.unparse(call.func) == "torch.load":
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            assert given.get("weights_only") == "True", f"line {call.lineno}"
            continue
        assert ast.unparse(call.func) not in UNTRUSTING - allowed, f"line {call.lineno}"
        for keyword in call.keywords:
            if keyword.arg in SETTINGS:
                assert isinstance(keyword.value, ast.Constant) and keyword.value.value is False, f"line {call.lineno}"


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.open, (self.path, os.O_CREAT | os.O_WRONLY)


def test_a_pickle_in_a_checkpoint_is_refused_unread(copied: Path, refused: Callable[[Path], str], tmp_path: Path):
    trace = tmp_path / "trace"
    for path in copied.glob("*.safetensors"):
        path.unlink()
    (copied / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": Evil(trace)}))
    assert "asks for code to be run" in refused(copied)
    assert not trace.exists()


def test_damaged_weights_are_refused(copied: Path, refused: Callable[[Path], str]):
    (path,) = copied.glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:1000])
    assert "damaged or cut off" in refused(copied)


@pytest.fixture
def copied(tmp_path: Path, tiny_checkpoint: str) -> Path:
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint"))


@pytest.fixture
def refused(tmp_path: Path, tiny_data: dict[str, str], capsys: pytest.CaptureFixture[str]) -> Callable[[Path], str]:
    """Searching with a checkpoint fails before anything is written; the one line that says why."""

    def search(folder: Path) -> str:
        code = run(["search", str(folder), "--train", tiny_data["train"], "--studies-dir", str(tmp_path / "studies")])
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
        assert code == 2 and len(lines) == 1 and str(folder) in lines[0]
        assert not (tmp_path / "studies").exists()
        return lines[0]

    return search

from collections.abc import Callable
from pathlib import Path

import pytest

from autocompress.tasks.dataset import TextDataset
from autocompress.tasks.demo import demo_model_path, load_demo

SHARED_DATA = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.fixture(scope="session")
def demo() -> TextDataset:
    return load_demo()


@pytest.fixture(scope="session")
def minilm_tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(demo_model_path())


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED_DATA.exists():
        pytest.skip(f"the development data sets are not there ({SHARED_DATA.name})")
    return SHARED_DATA


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Write a file of the given lines and give its path as a string."""

    def write_lines(name: str, lines: list[str], encoding: str = "utf-8") -> str:
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return str(path)

    return write_lines

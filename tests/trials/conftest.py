import pytest
from search_parts import Lab


@pytest.fixture
def lab(tmp_path):
    lab = Lab(tmp_path / "studies")
    yield lab
    lab.close()


@pytest.fixture
def second_lab(tmp_path):
    lab = Lab(tmp_path / "other studies")
    yield lab
    lab.close()

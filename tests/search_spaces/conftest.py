import pytest

from autocompress.domain.shape import EncoderShape
from search_spaces import SEARCH_SPACES, SearchSpace

SHAPES = {
    "minilm": EncoderShape(6, 384, 12, 1536, 30522, 512, 2, 2, 384),
    "base": EncoderShape(12, 768, 12, 3072, 50265, 512, 1, 4, 768),
    "electra-small": EncoderShape(12, 256, 4, 1024, 30522, 512, 2, 3, 128),
    "tiny": EncoderShape(2, 32, 2, 37, 100, 64, 2, 2, 32),
    "one-layer": EncoderShape(1, 48, 3, 100, 9000, 64, 2, 2, 48),
}
CASES = [
    (name, shape, regression)
    for name in SEARCH_SPACES
    for shape in SHAPES
    for regression in (False, True)
    if not (name == "exits" and (regression or shape == "one-layer"))
]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]}-{'regression' if case[2] else 'classes'}")
def space(request: pytest.FixtureRequest) -> SearchSpace:
    name, shape, regression = request.param
    return SEARCH_SPACES[name](SHAPES[shape], exits=not regression)


@pytest.fixture
def minilm() -> EncoderShape:
    return SHAPES["minilm"]

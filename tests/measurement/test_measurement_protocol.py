import pytest

from autocompress.measurement.protocol import LatencyProtocol
from autocompress.system.errors import InputError


@pytest.mark.parametrize(("seconds", "processes"), [(10.0, 1), (29.9, 2), (90.0, 3)])
def test_a_measurement_is_spread_over_the_time_there_is(seconds, processes):
    spread = LatencyProtocol(repeats=1).spread(seconds)
    assert spread == LatencyProtocol(repeats=1, blocks=2, min_span_seconds=10.0, processes=processes)
    assert LatencyProtocol(repeats=1).spread(9.9) == LatencyProtocol(repeats=1)


@pytest.mark.parametrize("settings", [{"min_requests": 0}, {"blocks": 0}, {"max_seconds": -1.0}, {"repeats": -1}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InputError, match=next(iter(settings))):
        LatencyProtocol(**settings)

import pytest

from autocompress.measurement.protocol import LatencyProtocol
from autocompress.system.errors import InputError


@pytest.mark.parametrize(("seconds", "processes"), [(10.0, 1), (29.9, 2), (90.0, 3)])
def test_a_measurement_takes_the_processes_that_there_is_time_for(seconds, processes):
    fitted = LatencyProtocol(repeats=1).fitted_to(seconds)
    assert fitted == LatencyProtocol(repeats=1, rounds=2, min_span_seconds=10.0, processes=processes)
    assert LatencyProtocol(repeats=1).fitted_to(9.9) == LatencyProtocol(repeats=1)


@pytest.mark.parametrize("settings", [{"min_requests": 0}, {"rounds": 0}, {"max_seconds": -1.0}, {"repeats": -1}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InputError, match=next(iter(settings))):
        LatencyProtocol(**settings)

from dataclasses import replace

import numpy as np
import pytest

from autocompress.measurement.timing import Timing, merge_timings


def test_what_several_processes_measured_is_merged():
    first = Timing(np.array([1.0, 3.0]), np.array([2.0]), 1.0, False, 6.0)
    second = Timing(np.array([2.0, 4.0, 3.0, 3.0]), np.array([3.0, 3.0]), 0.7, True, 3.0)
    both = merge_timings([first, second])
    assert both.samples_ms.tolist() == [1.0, 3.0, 2.0, 4.0, 3.0, 3.0] and both.rounds_ms.tolist() == [2.0, 3.0, 3.0]
    assert (both.cpu_share, both.disturbed, both.energy_mj) == (pytest.approx(0.8), True, 4.0)
    assert merge_timings([first, replace(second, energy_mj=None)]).energy_mj is None

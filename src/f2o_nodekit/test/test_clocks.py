"""ROS time minus monotonic time, read by a thread that now and then loses its core between two clocks."""

import itertools

import numpy as np
import pytest
from f2o_nodekit.clocks import ClockOffset

TRUE_NS = 1_764_500_000_123_456_789


class Clocks:
    """Two clocks; reading one takes a while, ``stalls`` [ns] in turn between the readings."""

    def __init__(self, stalls):
        self.now_ns, self.set_ns = 50_000_000_000, 0
        self._stalls = itertools.cycle(stalls)

    def monotonic(self):
        self.now_ns += next(self._stalls)
        return self.now_ns

    def ros(self):
        self.now_ns += next(self._stalls)
        return self.now_ns + TRUE_NS + self.set_ns

    def offset(self):
        return ClockOffset(self.ros, self.monotonic)


@pytest.fixture
def jittery():
    """Microseconds mostly, up to milliseconds where the core is lost."""
    rng = np.random.default_rng(0)
    stalls = rng.integers(200, 2000, 3000) + (rng.random(3000) < 0.02) * rng.integers(0, 5_000_000, 3000)
    return Clocks(stalls.tolist())


def test_it_becomes_constant_to_within_the_best_reading(jittery):
    offset = jittery.offset()
    found = [offset.read() - TRUE_NS for _ in range(2000)]
    assert abs(found[0]) < 5_000_000
    assert max(map(abs, found[100:])) < 1000
    assert np.ptp(found[500:]) == 0  # where single readings spread by milliseconds


def test_a_first_reading_that_lost_its_core_is_mended_by_the_next():
    clocks = Clocks([500, 4_000_000, 500, *[500] * 300])
    offset = clocks.offset()
    assert abs(offset.read() - TRUE_NS) > 1_000_000
    assert abs(offset.read() - TRUE_NS) <= 500


@pytest.mark.parametrize("step_ns", [5_000_000_000, -5_000_000_000, 100_000, -3_000])
def test_a_clock_that_is_set_is_followed_at_once(jittery, step_ns):
    offset = jittery.offset()
    for _ in range(300):
        offset.read()
    jittery.set_ns = step_ns
    followed = [offset.read() - TRUE_NS - step_ns for _ in range(50)]
    assert max(map(abs, followed[5:])) < 2000

from f2o_nodekit.latest import Latest
from f2o_nodekit.pace import Pace
from f2o_nodekit.stamps import from_ns, to_ns
from f2o_nodekit.stats import RateMeter, Samples
from hypothesis import given
from hypothesis import strategies as st

MS = 1_000_000


class Clock:
    """A monotonic clock that only sleep and the test move."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1e9)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=50))
def test_pace_never_bursts_and_never_drifts(work_ms):
    clock = Clock()
    pace = Pace(0.008, clock, clock.sleep)
    served, skipped, last = 0, 0, -1
    for work in work_ms:
        tick = pace.wait()
        assert tick.ideal_mono_ns == tick.index * 8 * MS  # on the first grid, whatever happened before
        assert clock.now - tick.ideal_mono_ns == tick.late_ns
        assert tick.index > last
        served, skipped, last = served + 1, skipped + tick.skipped, tick.index
        clock.now += work * MS
    assert served + skipped == last + 1  # every deadline is either served or counted


def test_an_overrun_skips_to_the_next_deadline():
    clock = Clock()
    pace = Pace(0.008, clock, clock.sleep)
    pace.wait()
    clock.now = 19 * MS
    tick = pace.wait()
    assert (tick.index, tick.skipped, tick.late_ns, clock.now) == (3, 2, 0, 24 * MS)


@given(st.integers(0, 10**12), st.sampled_from([0.0, 0.004, 0.009]))
def test_a_phase_puts_the_deadlines_of_all_processes_on_one_grid(now, phase_s):
    clock = Clock()
    clock.now = now
    pace = Pace(0.008, clock, clock.sleep, phase_s)
    for _ in range(3):
        tick = pace.wait()
        assert tick.ideal_mono_ns % (8 * MS) == round(phase_s * 1e9) % (8 * MS)
        assert (tick.late_ns, tick.skipped) == (0, 0)
        assert 0 <= tick.ideal_mono_ns - now <= (tick.index + 1) * 8 * MS
        clock.now += MS


def test_samples_keep_a_window_and_count_all():
    samples = Samples(window=3)
    assert samples.summary()["count"] == 0
    for value in (100.0, 1.0, 2.0, 3.0):
        samples.add(value)
    assert samples.summary()["p50"] == 2.0
    assert samples.summary()["max"] == 3.0
    assert samples.summary()["count"] == 4


def test_a_rate_decays_when_its_event_ceases():
    meter = RateMeter()
    for i in range(61):
        meter.tick(i * 8 * MS)
    assert abs(meter.hz(60 * 8 * MS) - 125.0) < 1e-6
    assert meter.hz(10_000 * MS) < 10.0


def test_latest_gives_the_newest_once_and_counts_what_nobody_took():
    slot: Latest[int] = Latest()
    assert slot.get() is None and slot.take() is None
    slot.put(1)
    slot.put(2)
    assert (slot.take(), slot.take(), slot.get(), slot.dropped) == (2, None, 2, 1)
    assert slot.wait(0.0) is None
    slot.put(3)
    assert slot.wait(0.0) == 3
    slot.clear()
    assert slot.get() is None


class Stamp:
    def __init__(self, sec: int, nanosec: int) -> None:
        self.sec, self.nanosec = sec, nanosec


@given(st.integers(0, 2**62))
def test_stamps_round_trip(ns):
    assert to_ns(from_ns(ns, Stamp)) == ns

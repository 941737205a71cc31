"""The checks of the ten-minute loop that need no loop."""

import time
from types import SimpleNamespace

import numpy as np

from benchmarks.loop.__main__ import beyond, busy, late_ticks
from benchmarks.loop.stalls import Stalls, late_wakes, watch

HOME = np.array([0.0, -0.7, 0.0, -2.8, 0.0, 2.2, 0.8])


def commands(velocities, positions=None):
    """Messages 8 ms apart whose first joint has ``velocities``."""
    rows = []
    for k, speed in enumerate(velocities):
        q = HOME if positions is None else positions[k]
        stamp = SimpleNamespace(sec=1, nanosec=k * 8_000_000)
        v = [speed, 0, 0, 0, 0, 0, 0]
        header = SimpleNamespace(stamp=stamp)
        rows.append(SimpleNamespace(header=header, joint_positions=q, joint_velocities=v))
    return rows


def test_commands_within_the_limits_are_none_beyond_them():
    assert beyond(commands(np.linspace(0, 0.5, 20))) == {"position": 0, "velocity": 0, "acceleration": 0}


def test_each_limit_is_looked_at():
    assert beyond(commands([3.0] * 5))["velocity"] == 5
    assert beyond(commands([0.0, 1.0, 1.0]))["acceleration"] == 1
    outside = [HOME, HOME + 4.0, HOME]
    assert beyond(commands([0.0] * 3, outside))["position"] == 1


def test_a_gap_between_commands_is_no_acceleration():
    rows = commands([0.0, 1.0])
    rows[1].header.stamp.sec = 2
    assert beyond(rows)["acceleration"] == 0


def test_a_core_is_kept_busy_only_while_asked():
    import multiprocessing

    others = set(multiprocessing.active_children())  # a plugin of pytest may have one of its own
    with busy(False):
        assert not set(multiprocessing.active_children()) - others
    with busy(True):
        (burner,) = set(multiprocessing.active_children()) - others
        time.sleep(0.1)
        assert burner.is_alive()
    assert not burner.is_alive()


MS = 1_000_000


def test_a_late_tick_is_told_from_a_machine_that_stood_still():
    ticks = {name: np.ones(4) for name in ("armed", "ok")}
    ticks["ideal_mono_ns"] = np.arange(4) * 1000 * MS
    ticks["done_ns"] = np.array([2, 9, 20, 9]) * MS
    ticks["armed"][3] = 0
    stalls = Stalls()
    assert late_ticks(ticks, stalls) == {"count": 2, "without_a_stall": 2}
    stalls.spans = np.array([[2005 * MS, 2017 * MS], [500 * MS, 510 * MS]])
    assert late_ticks(ticks, stalls) == {"count": 2, "without_a_stall": 1}
    stalls.spans = np.array([[992 * MS - 1, 992 * MS + 1]])
    assert late_ticks(ticks, stalls) == {"count": 2, "without_a_stall": 1}


def test_a_probe_notes_every_wake_that_came_too_late():
    clock = SimpleNamespace(now=0, wakes=0)

    def sleep(seconds):
        clock.wakes += 1
        clock.now += round(seconds * 1e9) + (7 * MS if clock.wakes == 3 else 0)

    late = late_wakes(lambda: clock.wakes == 6, lambda: clock.now, sleep)
    assert late == [(3 * MS, 10 * MS)]


def test_the_probes_watch_and_end():
    with watch() as stalls:
        time.sleep(0.3)
    assert (stalls.spans[:, 1] > stalls.spans[:, 0]).all()
    found = stalls.to_dict()
    assert found.keys() >= ({"count", "total_ms", "max_ms"} if stalls.watched else {"watched"})

"""Levels and sentences of the simulator's diagnostics."""

from types import SimpleNamespace

import pytest
from f2o_nodekit.stats import Samples
from f2o_sim.diagnostics import cameras, physics
from f2o_sim.simulator import Simulator


class FakeSimulator(Simulator):
    """Its figures without its threads."""

    def __init__(self, factor, hz):
        self.factor, self.slips, self.frames = factor, 2, SimpleNamespace(hz=lambda: hz)
        self.lateness_ms, self.render_ms = Samples(10), Samples(10)
        self.lateness_ms.add(0.5)
        self.render_ms.add(12.0)

    def real_time_factor(self):
        return self.factor


def simulator(factor=1.0, hz=30.0):
    return FakeSimulator(factor, hz)


def test_in_real_time_is_ok_and_says_how_late_the_physics_is():
    level, text, values = physics(simulator(), 0, "")
    assert (level, text) == (0, "in real time")
    assert (values["slips"], values["lateness_ms_p50"], values["refused_commands"]) == (2, 0.5, 0)


@pytest.mark.parametrize(
    ("factor", "refused", "expected"),
    [
        (0.9, 0, (1, "slower than real time: 0.90")),
        (1.0, 3, (1, "trajectory: empty")),
        (0.0, 0, (0, "in real time")),  # nothing measured yet
    ],
)
def test_a_slow_simulator_and_refused_commands_are_warnings(factor, refused, expected):
    assert physics(simulator(factor), refused, "trajectory: empty")[:2] == expected


@pytest.mark.parametrize(("hz", "level"), [(30.0, 0), (14.0, 1), (0.0, 0)])
def test_too_few_frames_are_a_warning(hz, level):
    found, text, values = cameras(simulator(hz=hz), 30.0)
    assert (found, text) == (level, f"{hz:.1f} of 30 frames a second")
    assert values["render_ms_p50"] == 12.0

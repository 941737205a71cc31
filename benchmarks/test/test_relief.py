"""In a fault of the bridge, f2o_rt does not hold a set-point inside what the arm met either."""

import numpy as np
from f2o_control.config import BridgeConfig
from f2o_control.robot import load_robot
from f2o_control.testing import CONFIG, violations
from f2o_control.testing.executed import WHOLE, TimedBridge, swing
from jaxtyping import config

from benchmarks.fuzz_bridge.far_ends import far_end


def test_set_points_of_f2o_rt_come_back_to_an_arm_that_is_held(monkeypatch):
    monkeypatch.setattr(config, "jaxtyping_disable", True)
    fr3, noise, held = load_robot(CONFIG / "robots/fr3.yaml"), np.random.default_rng(1), []

    def arm(set_point, seconds):
        if seconds < 0.8:
            return set_point
        held.append(set_point if not held else held[0])
        return held[0] + 1e-5 * noise.standard_normal(7)

    end = far_end(fr3, BridgeConfig(robot="fr3", adapter="udp"))
    run = TimedBridge(fr3, swing(fr3, 0.6), arm=arm, far_end=end, adapter="udp").run(3.0)
    away = np.abs(run.positions - held[0]).max(axis=1)
    assert run.modes[-1] == "fault" and away.max() > 0.15 and away[-1] < 1e-3
    assert np.ptp(run.positions[-300:], axis=0).max() < 1e-6
    assert violations(run.positions, "fr3", period=0.001, scale=WHOLE) == []

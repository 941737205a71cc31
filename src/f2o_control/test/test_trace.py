"""The bridge's times of every target."""

import numpy as np
from f2o_control.target import Target
from f2o_control.trace import Trace


def test_every_target_is_saved_to_the_nanosecond(tmp_path):
    trace = Trace()
    for k in range(5):
        target = Target(np.zeros(7), None, 0.04, 1_800_000_000_000_000_001 + k, 100 + k, "policy")
        trace.target(target, 200 + k)
    trace.save(tmp_path / "bridge.npz")
    with np.load(tmp_path / "bridge.npz") as saved:
        assert saved["target_ros_ns"].tolist() == [1_800_000_000_000_000_001 + k for k in range(5)]
        assert (saved["sent_mono_ns"] - saved["received_mono_ns"] == 100).all()

"""The bridge's times of every target."""

import numpy as np
from f2o_control.target import Target
from f2o_control.trace import COLUMNS, Trace


def test_it_grows_and_is_saved_whole(tmp_path):
    trace = Trace(rows=2)
    for k in range(5):
        target = Target(np.zeros(7), None, 0.04, 1_800_000_000_000_000_001 + k, 100 + k, "policy")
        trace.add(target, 200 + k)
    trace.save(tmp_path / "bridge.npz")
    with np.load(tmp_path / "bridge.npz") as saved:
        assert set(saved.files) == set(COLUMNS)
        assert saved["target_ros_ns"].tolist() == [1_800_000_000_000_000_001 + k for k in range(5)]
        assert (saved["sent_mono_ns"] - saved["received_mono_ns"] == 100).all()

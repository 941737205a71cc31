"""The stages of the path from exposure to command, from traces whose times are known."""

import json

import numpy as np
import pytest
from f2o_nodekit.pace import Tick
from f2o_policy.runtime.latency import BRIDGE, STAGES, TraceError, measure, read_trace, report, table
from f2o_policy.runtime.policy import Embedded, TickResult, TickStatus
from f2o_policy.runtime.trace import Trace

from f2o_bringup import cli

MS = 1_000_000
ROS = 1_800_000_000_000_000_000  # ROS time of monotonic 0: too large for the digits of a float64
TICKS = 200


def policy_trace(armed=True):
    """Ticks every 8 ms, 0.5 ms late, done after 3.5; each acts on images 50 ms old, of which 20 ms were perception."""
    trace = Trace()
    for k in range(TICKS):
        ideal = 10**9 + 8 * k * MS
        start = ideal + MS // 2
        seen = Embedded(ROS + start - 50 * MS, np.zeros(1), start - 30 * MS, start - 18 * MS)
        result = TickResult(TickStatus.OK, seen, 0.05, 0.002)
        trace.tick(Tick(k, ideal, MS // 2, 0), result, 7 * MS // 2, ROS + start, armed, 0)
    return trace


def bridge_columns(every=2):
    """A bridge that followed every other target, 1 ms after it was sent, and commanded 4 ms later."""
    ideal = 10**9 + 8 * MS * np.arange(0, TICKS, every)
    came = ideal + 9 * MS // 2
    return dict(zip(BRIDGE, (ROS + ideal + MS // 2, came, came + 4 * MS), strict=True))


def test_every_stage_has_the_time_it_took():
    latency = measure(policy_trace().recent(TICKS), bridge_columns())
    expected = dict(zip(STAGES, (20.0, 12.0, 17.5, 0.5, 3.0, 1.0, 4.0), strict=True))
    for name, ms in expected.items():
        np.testing.assert_allclose(latency.stages[name], np.full(TICKS // 2, ms), err_msg=name)
    np.testing.assert_allclose(latency.total, 58.0)


def test_without_a_bridge_it_ends_at_the_target():
    latency = measure(policy_trace().recent(TICKS))
    assert list(latency.stages) == list(STAGES)[:5]
    np.testing.assert_allclose(latency.total, 53.0)
    assert latency.ticks["tick_hz"] == pytest.approx(125.0)


def test_the_report_is_a_table_a_file_and_a_figure(tmp_path, capsys):
    policy_trace().save(tmp_path / "policy.npz")
    np.savez(tmp_path / "bridge.npz", **bridge_columns())
    arguments = ["latency-report", tmp_path / "policy.npz", "--bridge", tmp_path / "bridge.npz"]
    with pytest.raises(SystemExit) as done:
        cli.main([*map(str, arguments), "--out", str(tmp_path / "out")])
    assert done.value.code == 0
    shown = capsys.readouterr().out
    assert "exposure to observation received" in shown
    assert json.loads((tmp_path / "out/latency.json").read_text())["stages_ms"]["hop"]["p50"] == 1.0
    assert (tmp_path / "out/latency.png").stat().st_size > 10_000
    assert len(table(report(tmp_path / "policy.npz", None, tmp_path / "alone")).splitlines()) == 7


def test_what_is_no_trace_is_said(tmp_path):
    with pytest.raises(TraceError, match=r"none\.npz: cannot be read"):
        read_trace(tmp_path / "none.npz", BRIDGE)
    (tmp_path / "text.npz").write_text("text")
    with pytest.raises(TraceError, match=r"text\.npz: cannot be read"):
        read_trace(tmp_path / "text.npz", BRIDGE)
    (tmp_path / "empty.npz").write_bytes(b"")
    np.save(tmp_path / "array.npy", np.zeros(3))
    for name in ("empty.npz", "array.npy"):
        with pytest.raises(TraceError, match=f"{name}: cannot be read"):
            read_trace(tmp_path / name, BRIDGE)
    np.savez(tmp_path / "other.npz", target_ros_ns=np.zeros(1))
    with pytest.raises(
        TraceError, match="has no received_mono_ns, sent_mono_ns; expected one written by this"
    ):
        read_trace(tmp_path / "other.npz", BRIDGE)
    with pytest.raises(TraceError, match="no tick in which the bridge followed the policy; was it armed"):
        measure(policy_trace(armed=False).recent(TICKS))

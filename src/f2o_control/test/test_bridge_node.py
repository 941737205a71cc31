"""The bridge as a real process over DDS."""

import os
import signal
import time

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: no node can run")

from f2o_control.testing import ENVIRONMENT
from f2o_control.testing.lab_node import NAMES, SPEED, Lab, end, start


@pytest.fixture(scope="module", autouse=True)
def alone():
    before = {key: os.environ.get(key) for key in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    yield
    for key, value in before.items():
        os.environ.pop(key) if value is None else os.environ.__setitem__(key, value)


@pytest.fixture
def lab(home):
    lab = Lab([float(q) for q in home])
    yield lab
    lab.close()


@pytest.fixture
def bridge():
    process = start()
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_without_joint_states_arming_is_refused_and_ctrl_c_is_quiet(bridge, lab):
    lab.wait(lambda: lab.mode == "disarmed")
    answer = lab.call("arm")
    assert not answer.success
    assert answer.message.startswith("not armed: no joint states with panda_joint1, ")
    assert lab.commands == [] and lab.trajectories == []
    began = time.monotonic()
    assert end(bridge) == 0
    assert time.monotonic() - began < 3.0


def test_armed_it_follows_and_holds_when_the_targets_stop(bridge, lab):
    lab.states = lab.targets = True
    lab.arm()
    lab.wait(lambda: lab.mode == "policy")
    lab.wait_commands(200)
    lab.wait(lambda: lab.commands[-1][3] == "policy")  # a stalled sender is held for, and followed again
    velocity = next(command[2] for command in reversed(lab.commands) if command[3] == "policy")
    assert abs(velocity[0]) <= SPEED * 1.1
    trajectory = lab.trajectories[-1]
    assert trajectory.joint_names == NAMES and not any(trajectory.points[-1].velocities)
    assert trajectory.points[0].time_from_start.nanosec == 8_000_000
    followed = len(lab.commands)
    lab.targets = False
    lab.wait(lambda: lab.mode == "hold")
    lab.wait_commands(60)
    held = next(c for c in lab.commands[followed:] if c[3] == "hold")
    assert (held[0] - lab.last_target_ns) / 1e9 < 0.150
    assert lab.commands[-1][2] == [0.0] * 7
    assert lab.violations() == []
    assert lab.widths == [[0.05]]
    lab.wait(lambda: lab.diagnosis.get("mode") == "hold")
    assert lab.diagnosis["level"] == b"\x01" and lab.diagnosis["message"].startswith(
        "hold: no target for 0.1"
    )
    assert float(lab.diagnosis["period_ms.p50"]) == pytest.approx(8.0, abs=0.2)
    assert end(bridge, signal.SIGTERM) == 0


def spoil_nan(msg):
    msg.joint_positions[2] = float("nan")
    return msg


def spoil_names(msg):
    msg.joint_names = [*NAMES[:6], "elbow"]
    return msg


def drop_name(msg):
    msg.joint_names, msg.joint_positions, msg.joint_velocities = NAMES[1:], msg.joint_positions[1:], []
    return msg


def spoil_stamp(msg):
    msg.header.stamp.sec -= 3
    return msg


def permute(msg):
    msg.joint_names = NAMES[::-1]
    msg.joint_positions, msg.joint_velocities = msg.joint_positions[::-1], msg.joint_velocities[::-1]
    return msg


BAD = {
    spoil_nan: "refused.not_finite",
    spoil_names: "refused.names_unknown",
    drop_name: "refused.names_missing",
    spoil_stamp: "refused.stale",
}


def test_bad_targets_end_in_hold_and_permuted_ones_are_followed(bridge, lab):
    lab.states = lab.targets = True
    lab.change = permute
    lab.arm()
    for spoil in BAD:
        lab.until_policy()
        lab.wait_commands(30)
        assert abs(lab.commands[-1][1][0] - lab.home[0]) < 0.2
        lab.change = spoil
        lab.wait(lambda: lab.mode == "hold")
        lab.change = permute
    lab.wait(lambda: all(int(lab.diagnosis.get(key, 0)) > 5 for key in BAD.values()))
    assert lab.violations() == []
    assert end(bridge) == 0


def test_the_wrong_configuration_is_one_sentence():
    process = start("adapter:=ros1")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2 and out == ""
    assert err.strip().endswith("adapter: expected one of crisp, jtc, multipanda, null, udp, got 'ros1'")
    assert err.count("\n") == 1

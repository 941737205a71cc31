"""The bridge as a real process over DDS."""

import os
import signal
import time

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: no node can run")

from builtin_interfaces.msg import Time
from f2o_control.testing import ENVIRONMENT
from f2o_control.testing.lab_node import NAMES, SPEED, Lab, end, start
from f2o_nodekit.ros import reliable
from f2o_nodekit.stamps import from_ns, to_ns
from sensor_msgs.msg import JointState

TRAJECTORIES = "/joint_trajectory_controller/joint_trajectory"


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
    assert time.monotonic() - began < 15.0


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
    times = [to_ns(trajectory.header.stamp) + to_ns(point.time_from_start) for point in trajectory.points]
    assert times == sorted(set(times)) and times[-1] - times[0] < 1_000_000_000
    assert any(command[0] in times for command in lab.commands[-5:])  # at their own times
    followed = len(lab.commands)
    lab.targets = False
    lab.wait(lambda: lab.mode == "hold")
    lab.wait_commands(60)
    held = next(c for c in lab.commands[followed:] if c[3] == "hold")
    assert 0.05 < (held[0] - lab.last_target_ns) / 1e9 < 1.0
    assert lab.commands[-1][2] == [0.0] * 7
    assert lab.violations() == []
    assert lab.widths == [[0.05]]
    lab.wait(lambda: lab.diagnosis.get("mode") == "hold")
    assert lab.diagnosis["level"] == b"\x01" and lab.diagnosis["message"].startswith(
        "hold: no target for 0.1"
    )
    assert float(lab.diagnosis["period_ms.p50"]) == pytest.approx(8.0, abs=0.2)
    assert end(bridge, signal.SIGTERM) == 0


@pytest.fixture
def switched():
    process = start("enable.required:=true")
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_it_moves_only_while_the_switch_is_held(switched, lab):
    lab.states = lab.targets = True
    lab.wait(lambda: lab.diagnosis.get("enable") == "nothing heard of the enable switch on /f2o/enable yet")
    assert lab.call("arm").message == "not armed: nothing heard of the enable switch on /f2o/enable yet"
    lab.held = True
    lab.arm()
    lab.wait(lambda: lab.mode == "policy")
    lab.wait_commands(100)
    lab.held = False
    lab.wait(lambda: lab.mode == "hold")
    lab.wait_commands(60)
    assert lab.commands[-1][2:] == ([0.0] * 7, "hold")
    lab.held = True
    lab.wait(lambda: lab.diagnosis.get("message") == "hold: the enable switch is released (/f2o/enable)")
    assert lab.diagnosis["level"] == b"\x01"
    assert lab.mode == "hold"  # pressed again, it waits to be armed
    lab.arm()
    lab.wait(lambda: lab.mode == "policy")
    lab.wait_commands(50)
    lab.held = None  # its node has died
    lab.wait(lambda: lab.mode == "hold")
    told = "hold: nothing heard of the enable switch on /f2o/enable for 0.1"
    lab.wait(lambda: lab.diagnosis.get("message", "").startswith(told))
    assert lab.violations() == []
    assert end(switched) == 0


def test_joint_states_of_another_robot_are_an_error_that_names_both(bridge, lab):
    lab.state_names = [name.replace("panda", "fr3") for name in NAMES]
    lab.states = True
    told = "disarmed: started; /franka/joint_states: no position for panda_joint1, "
    lab.wait(lambda: lab.diagnosis.get("message", "").startswith(told))
    assert "only for panda_finger_joint1, fr3_joint7, " in lab.diagnosis["message"]
    assert lab.diagnosis["level"] == b"\x02"
    answer = lab.call("arm")
    assert answer.message.startswith("not armed: /franka/joint_states: no position for panda_joint1, ")
    lab.state_names = NAMES
    lab.wait(lambda: lab.diagnosis["message"] == "disarmed: started")
    assert lab.diagnosis["level"] == b"\x00"
    lab.frozen_ns = lab.node.get_clock().now().nanoseconds
    told = "disarmed: started; joint states come on /franka/joint_states, their stamps have not advanced for "
    lab.wait(lambda: lab.diagnosis["message"].startswith(told))
    assert lab.diagnosis["level"] == b"\x02"


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
        lab.wait(
            lambda: (
                "; targets come on /f2o/joint_target and are refused, " in lab.diagnosis.get("message", "")
            )
        )
        assert lab.diagnosis["level"] == b"\x02"
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


@pytest.fixture
def patient():
    process = start("timeouts.joint_states_s:=2.0")  # a process that starts may hold up what the lab says
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_a_second_bridge_stops_the_first_and_neither_is_armed(patient, lab):
    lab.states = lab.targets = True
    lab.arm()
    lab.wait(lambda: lab.mode == "policy")
    other = start()
    try:
        text = f"2 publishers on {TRAJECTORIES}, at most 1 expected: /bridge_node, /bridge_node"
        lab.wait(lambda: text in lab.reasons)
        assert lab.call("disarm").success
        while "still braking" in (answer := lab.call("arm")).message:
            time.sleep(0.05)
        for _ in range(4):  # whichever of the two answers
            assert not answer.success and "at most 1 expected" in answer.message
            answer = lab.call("arm")
    finally:
        assert end(other) == 0


def test_a_bag_played_beside_the_arm_is_a_second_publisher_and_old_stamps_are_its_name(bridge, lab):
    lab.states = lab.targets = True
    lab.arm()
    lab.wait(lambda: lab.mode == "policy")
    bag = lab.node.create_publisher(JointState, "/franka/joint_states", reliable())
    msg = JointState(name=NAMES, position=[q + 0.3 for q in lab.arm_at])
    msg.header.stamp = from_ns(time.time_ns() - 86_400_000_000_000, Time)
    try:
        lab.wait(lambda: bag.publish(msg) or lab.mode == "fault")
        reasons = ("2 publishers on /franka/joint_states, at most 1 expected: /lab, /lab", "stamped 86400.")
        lab.wait(lambda: any(text in lab.diagnosis.get("reason", "") for text in reasons))
        assert not lab.call("arm").success
    finally:
        lab.node.destroy_publisher(bag)

"""The real arm's and gripper's ends. Exceptions and values are the real pylibfranka's; only the arm is missing."""

import io
import os
import subprocess
import sys
import threading
import time
import types

import numpy as np
import pytest
from f2o_control.datagrams import Flag, State, Target
from f2o_control.robot import load_robot
from f2o_control.testing import CONFIG
from f2o_control.wire import pack_target
from f2o_rt.config import ReceiverConfig
from f2o_rt.core import Receiver
from f2o_rt.errors import ArmError
from f2o_rt.gripper import GripperProcess, keep_serving, serve
from f2o_rt.libfranka import exceptions
from f2o_rt.loop import Loop

from f2o_rt import franka

pylibfranka = pytest.importorskip("pylibfranka", reason="pylibfranka has no wheel for this Python")

STATE = types.SimpleNamespace(q=[0.1] * 7, dq=[0.0] * 7, q_d=[0.2] * 7, dq_d=[0.0] * 7, ddq_d=[0.0] * 7)


class Robot:
    """Robot and control in one, in the place of a control unit; says what is called, in order."""

    def __init__(self, said, ip, realtime):
        self._said, self.error = said, None
        said.append(f"connected to {ip}, {realtime.name}")

    def _fail_once(self):
        if self.error is not None:
            error, self.error = self.error, None
            raise error

    def read_once(self):
        self._fail_once()
        return STATE

    def start_joint_position_control(self, mode):
        assert mode == pylibfranka.ControllerMode.JointImpedance
        self._said.append("motion")
        return self

    def automatic_error_recovery(self):
        self._said.append("recovery")

    def readOnce(self):
        self._fail_once()
        return STATE, types.SimpleNamespace(to_sec=lambda: 0.001)

    def writeOnce(self, points):
        assert isinstance(points, pylibfranka.JointPositions)
        self._said.append("finished" if points.motion_finished else "set-point")


@pytest.fixture
def arm(monkeypatch):
    said = []
    monkeypatch.setattr(pylibfranka, "Robot", lambda ip, realtime: Robot(said, ip, realtime))
    arm = franka.FrankaArm("nowhere")
    arm._gripper = types.SimpleNamespace(
        open=lambda: None,
        read=lambda: None,
        width=None,
        close=lambda: said.append("gripper closed"),
    )
    arm.said = said
    return arm


def test_no_motion_begins_before_the_loop_can_answer(arm):
    arm.open()
    assert arm.said == ["connected to nowhere, kEnforce"]
    arm.cycle()
    assert arm.said == ["connected to nowhere, kEnforce", "motion"]


def test_the_end_finishes_the_motion_before_the_gripper(arm):
    assert np.array_equal(arm.open(), STATE.q_d)
    arm.command(arm.cycle().extrapolated.position)
    arm.close()
    assert arm.said == ["connected to nowhere, kEnforce", "motion", "set-point", "finished", "gripper closed"]


def test_a_kernel_without_real_time_is_ignored_only_when_told_to(arm):
    arm._realtime = franka.FrankaArm("nowhere", "ignore")._realtime
    arm.open()
    assert arm.said[0] == "connected to nowhere, kIgnore"


def test_an_arm_that_fails_at_the_end_is_an_arm_error_and_the_gripper_is_closed(arm):
    arm.open()
    arm.cycle()
    arm._control.error = pylibfranka.ControlException("libfranka: joint_reflex")
    with pytest.raises(ArmError, match="joint_reflex") as raised:
        arm.close()
    assert raised.value.flag == "joint_reflex" and arm.said[-1] == "gripper closed"


def test_the_exceptions_are_all_of_the_modules():
    names = {error.__name__ for error in exceptions(pylibfranka)}
    assert names == {name for name in dir(pylibfranka) if name.endswith("Exception")} and len(names) == 6


@pytest.mark.parametrize("error", exceptions(pylibfranka), ids=lambda error: error.__name__)
def test_every_exception_of_libfranka_is_an_arm_error(arm, error):
    arm.open()
    arm.cycle()
    arm._control.error = error("libfranka: cartesian_reflex\n")
    with pytest.raises(ArmError, match=r"^nowhere: libfranka: cartesian_reflex") as raised:
        arm.cycle()
    lost = error is pylibfranka.NetworkException
    assert raised.value.flag == ("unreachable" if lost else "cartesian_reflex")
    assert ("realtime: ignore" in str(raised.value)) == (error is pylibfranka.RealtimeException)


def test_after_a_reflex_the_arm_is_read_and_recovers_on_the_same_connection(arm):
    arm.open()
    arm.cycle()
    arm._control.error = pylibfranka.ControlException("libfranka: joint_reflex")
    with pytest.raises(ArmError):
        arm.cycle()
    assert np.array_equal(arm.cycle().positions, STATE.q)
    assert np.array_equal(arm.recover(), STATE.q_d)
    arm.cycle()
    assert arm.said[1:] == ["motion", "recovery", "motion"]


def test_after_a_lost_connection_recovery_connects_again(arm):
    arm.open()
    arm.cycle()
    arm._control.error = pylibfranka.NetworkException("libfranka: UDP receive: Timeout")
    for _ in range(2):
        with pytest.raises(ArmError) as raised:
            arm.cycle()
        assert raised.value.flag == "unreachable"
    arm.recover()
    arm.cycle()
    assert arm.said == [
        "connected to nowhere, kEnforce",
        "motion",
        "connected to nowhere, kEnforce",
        "recovery",
        "motion",
    ]


class Asking:
    """The bridge's end of a socket: a datagram when there is one."""

    def __init__(self):
        self.datagrams = []

    def recvfrom(self, size):
        if not self.datagrams:
            raise BlockingIOError
        return self.datagrams.pop(0), ("127.0.0.1", 1)

    def sendto(self, data, address):
        pass


def test_the_receiver_recovers_from_a_lost_connection_when_asked_after_it(arm):
    robot, asking = load_robot(CONFIG / "robot_fr3.yaml"), Asking()
    receiver = Receiver(robot, ReceiverConfig(robot="fr3"), 1, arm.open())
    now_ns = time.monotonic_ns()
    loop = Loop(ReceiverConfig(robot="fr3"), receiver, arm, asking, lambda: now_ns)

    def recovery(sequence):
        rest = receiver._last
        target = Target(receiver.robot, 1, 1, sequence, now_ns, 0.008, rest, None, Flag.RECOVER)
        return pack_target(target)

    loop.step()
    arm._control.error = pylibfranka.NetworkException("libfranka: UDP receive: Timeout")
    asking.datagrams.append(recovery(1))  # from before the fault
    loop.step()
    assert (receiver.state, receiver.fault) == (State.FAULT, "unreachable")
    loop.step()
    assert receiver.state is State.FAULT and arm.said.count("connected to nowhere, kEnforce") == 1
    now_ns += 1_000_000_000
    asking.datagrams.append(recovery(2))
    loop.step()
    assert receiver.state is State.WAITING
    loop.step()
    assert arm.said[-3:] == ["recovery", "motion", "set-point"]


def test_an_arm_that_nobody_is_at_is_one_sentence():
    words = [
        "--set",
        "arm=pylibfranka",
        "--set",
        "robot_ip=127.0.0.1",
        "--set",
        "robot=fr3",
        "--set",
        "port=47119",
    ]
    process = subprocess.run(
        [
            sys.executable,
            "-m",
            "f2o_rt",
            "--config",
            str(CONFIG / "receiver.yaml"),
            *words,
            "--set",
            "realtime=ignore",
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (process.returncode, process.stdout, process.stderr.count("\n")) == (2, "", 1)
    assert process.stderr.startswith("f2o_rt_receiver: 127.0.0.1: libfranka: ")


class Gripper:
    """Every second goal fails."""

    def __init__(self):
        self.width, self.goals = 0.05, []

    def read_once(self):
        return types.SimpleNamespace(width=self.width)

    def move(self, width, speed):
        self.goals.append(width)
        if len(self.goals) == 1:
            raise pylibfranka.CommandException("command aborted")
        self.width = width


def test_a_goal_that_fails_does_not_end_the_gripper(monkeypatch):
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    gripper, (goals, ours), (widths, theirs) = Gripper(), os.pipe(), os.pipe()
    serving = threading.Thread(target=serve, args=(gripper, goals, theirs))
    serving.start()
    for goal in (b"0.06\n", b"wide\n", b"0.07\n"):
        os.write(ours, goal)
        time.sleep(0.1)
    os.close(ours)
    serving.join(5.0)
    assert not serving.is_alive() and gripper.goals == [0.06, 0.07]
    assert os.read(widths, 4096).endswith(b"0.07000\n")
    assert "goal '0.06': command aborted" in said.getvalue()


def until(meets):
    deadline = time.monotonic() + 10.0
    while not meets():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_width_of_a_gripper_that_has_ended_is_none():
    gripper = GripperProcess([sys.executable, "-c", "print('0.04', flush=True); input()"])
    gripper.open()
    until(lambda: gripper.read() or gripper.width == 0.04)
    gripper.grip(0.03)  # a line: it ends
    until(lambda: gripper.read() or gripper.width is None)
    gripper.close()


def test_a_gripper_that_does_not_end_is_ended():
    code = "import signal; signal.signal(15, signal.SIG_IGN); print('0.04', flush=True); signal.pause(); signal.pause()"
    gripper = GripperProcess([sys.executable, "-c", code])
    gripper.open()
    until(lambda: gripper.read() or gripper.width == 0.04)
    gripper.close()
    assert gripper._process.poll() == -9


def test_goals_from_before_a_lost_connection_are_sent_again_once_it_is_back():
    code = """
import sys
for line in ("none", "none", "0.04"):
    print(line, flush=True)
    print("got", sys.stdin.readline(), file=sys.stderr, flush=True)
input()
"""
    gripper = GripperProcess([sys.executable, "-c", code])
    gripper.open()
    gripper.grip(0.03)  # dropped ...
    gripper.grip(0.02)  # ... as this one
    until(lambda: gripper.read() or gripper.width == 0.04)
    gripper.grip(0.02)  # the goal that stands: the third line
    gripper.read()
    gripper.grip(0.02)  # not again: the program waits for another
    assert gripper.width == 0.04 and gripper._process.poll() is None
    gripper.grip(0.01)
    until(lambda: gripper.read() or gripper.width is None)
    gripper.close()


class Flaky:
    """pylibfranka, whose gripper is there at the third attempt and lost after two widths."""

    def __init__(self):
        self.attempts, self.reads = 0, 0

    def Gripper(self, address):
        self.attempts += 1
        if self.attempts < 3:
            raise pylibfranka.NetworkException("libfranka gripper: Connection refused\n")
        return self

    def read_once(self):
        self.reads += 1
        if self.reads == 3:
            raise pylibfranka.NetworkException("libfranka gripper: UDP receive: Timeout")
        return types.SimpleNamespace(width=0.05)


def test_a_lost_gripper_is_connected_again_and_each_reason_said_once(monkeypatch, capfd):
    monkeypatch.setattr("f2o_rt.gripper.RECONNECT_S", 0.01)
    monkeypatch.setattr("f2o_rt.gripper.exceptions", lambda module: exceptions(pylibfranka))
    flaky, (goals, ours), (widths, theirs) = Flaky(), os.pipe(), os.pipe()
    serving = threading.Thread(target=keep_serving, args=(flaky, "hand", goals, theirs))
    serving.start()
    lines = b""
    while lines.count(b"\n") < 6:
        lines += os.read(widths, 4096)
    os.close(ours)
    serving.join(5.0)
    assert not serving.is_alive()
    assert lines.split(b"\n")[:6] == [b"none", b"none", b"0.05000", b"0.05000", b"none", b"0.05000"]
    assert capfd.readouterr().err == (
        "gripper: hand: libfranka gripper: Connection refused\n"
        "gripper: hand: libfranka gripper: UDP receive: Timeout\n"
    )

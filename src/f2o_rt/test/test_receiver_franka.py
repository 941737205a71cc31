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
from f2o_control.braking import JointState
from f2o_control.datagrams import Flag, State, Target
from f2o_control.errors import UnknownProfileError
from f2o_control.robot import load_robot
from f2o_control.testing import CONFIG
from f2o_control.wire import pack_target, unpack_status
from f2o_rt.arm import Cycle, Touch
from f2o_rt.arms import make_arm
from f2o_rt.config import ReceiverConfig
from f2o_rt.core import Receiver
from f2o_rt.errors import ArmError
from f2o_rt.gripper import GripperProcess, keep_serving, serve
from f2o_rt.libfranka import exceptions
from f2o_rt.loop import Loop
from f2o_rt.main import open_arm, status_line

from f2o_rt import franka

pylibfranka = pytest.importorskip("pylibfranka", reason="pylibfranka has no wheel for this Python")

STATE = types.SimpleNamespace(
    **{"q": [0.1] * 7, "dq": [0.0] * 7, "q_d": [0.2] * 7, "dq_d": [0.0] * 7, "ddq_d": [0.0] * 7},
    **{"joint_contact": [0.0] * 7, "cartesian_contact": [0.0] * 6},
    **{"joint_collision": [0.0] * 7, "cartesian_collision": [0.0] * 6},
    current_errors=pylibfranka.Errors(),
)
ROBOT = load_robot(CONFIG / "robots/fr3.yaml")


MOTION = ("thresholds", "load", "motion")


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

    def set_collision_behavior(self, *thresholds):
        file = ROBOT.collision
        assert thresholds == (file.lower_torque, file.upper_torque, file.lower_force, file.upper_force)
        self._said.append("thresholds")

    def set_load(self, mass, center, inertia):
        assert (mass, center, inertia) == (0.0, (0.0, 0.0, 0.0), [0.0] * 9)
        self._said.append("load")

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
    arm = franka.FrankaArm("nowhere", ROBOT)
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
    assert arm.said == ["connected to nowhere, kEnforce", *MOTION]


def test_the_end_finishes_the_motion_before_the_gripper(arm):
    assert np.array_equal(arm.open(), STATE.q_d)
    arm.command(arm.cycle().extrapolated.position)
    arm.close()
    assert arm.said == ["connected to nowhere, kEnforce", *MOTION, "set-point", "finished", "gripper closed"]


def test_a_kernel_without_real_time_is_ignored_only_when_told_to(arm):
    arm._realtime = franka.FrankaArm("nowhere", ROBOT, "ignore")._realtime
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


def test_a_motion_that_a_safety_function_ends_is_told_so(arm):
    arm.open()
    arm.cycle()
    text = "libfranka: Move command preempted due to activated safety function! Please disable all safety functions."
    arm._control.error = pylibfranka.ControlException(text)
    with pytest.raises(ArmError, match="preempted") as raised:
        arm.cycle()
    assert raised.value.flag == "safety_function_activated"


def test_after_a_reflex_the_arm_is_read_and_recovers_on_the_same_connection(arm):
    arm.open()
    arm.cycle()
    arm._control.error = pylibfranka.ControlException("libfranka: joint_reflex")
    with pytest.raises(ArmError):
        arm.cycle()
    assert np.array_equal(arm.cycle().positions, STATE.q)
    assert np.array_equal(arm.recover(), STATE.q_d)
    arm.cycle()
    assert arm.said[1:] == [*MOTION, "recovery", *MOTION]


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
        *MOTION,
        "connected to nowhere, kEnforce",
        "recovery",
        *MOTION,
    ]


def test_a_robot_without_thresholds_and_load_keeps_those_of_its_control_unit(arm):
    arm._collision = arm._load = None
    arm.open()
    arm.cycle()
    assert arm.said[1:] == ["motion"]


def test_the_thresholds_are_those_of_the_profile():
    arm = franka.FrankaArm("nowhere", ROBOT, profile="cautious")
    assert arm._collision == ROBOT.thresholds("cautious") != ROBOT.collision == ROBOT.thresholds("normal")
    with pytest.raises(UnknownProfileError, match=r"^profile: expected .* \(robot fr3\), got 'fast'$"):
        make_arm(ROBOT, ReceiverConfig(robot="fr3", profile="fast"))


def test_a_setting_that_the_arm_refuses_is_a_fault_and_not_the_end(arm):
    arm.open()

    def refuse(*load):
        raise pylibfranka.CommandException("libfranka: refused")

    arm._robot.set_load = refuse
    with pytest.raises(ArmError, match="nowhere: libfranka: refused"):
        arm.cycle()
    assert np.array_equal(arm.cycle().positions, STATE.q) and "motion" not in arm.said
    arm.recover()
    with pytest.raises(ArmError, match="refused"):
        arm.cycle()


def test_contacts_and_errors_are_in_words():
    assert str(franka.touch_of(STATE)) == ""
    beyond = {
        "joint_contact": [0.0, 1.0, *[0.0] * 4, 1.0],
        "cartesian_contact": [0.0, 0.0, 1.0, 0.0, 0.0, 1.0],
    }
    touch = franka.touch_of(
        types.SimpleNamespace(**vars(STATE) | beyond | {"joint_collision": [1.0, *[0.0] * 6]})
    )
    assert str(touch) == "contact: joint 2, joint 7, z, about z; collision: joint 1"

    class Errors:
        def __str__(self):
            return '["joint_reflex", "cartesian_reflex"]'

    touch = franka.touch_of(types.SimpleNamespace(**vars(STATE) | {"current_errors": Errors()}))
    assert touch.errors == ("joint_reflex", "cartesian_reflex")


def test_the_status_line_has_the_last_seconds_contacts(arm):
    receiver = Receiver(ROBOT, ReceiverConfig(robot="fr3"), 1, arm.open())
    loop = Loop(ReceiverConfig(robot="fr3"), receiver, arm, Asking())
    touches = [Touch(("joint 2",)), Touch(("z",)), Touch()]
    arm._cycle_of = lambda state, missed: Cycle(
        0,
        0,
        0,
        receiver.position,
        receiver.position,
        None,
        JointState.at_rest(receiver.position),
        touches.pop(0),
    )
    for _ in range(3):
        loop.step()
    assert "; contact: joint 2, z; worst" in status_line(loop, receiver)
    assert "contact" not in status_line(loop, receiver)


def test_a_short_contact_reaches_the_bridge_in_the_next_regular_status(arm):
    receiver = Receiver(ROBOT, ReceiverConfig(robot="fr3"), 1, arm.open())
    asking = Asking()
    asking.datagrams.append(
        pack_target(Target(receiver.robot, 1, 1, 1, 1, 0.0, JointState.at_rest(np.zeros(7)), None, Flag.NONE))
    )
    asking.sendto = lambda data, address: told.append(unpack_status(data).contact)
    loop, told = Loop(ReceiverConfig(robot="fr3"), receiver, arm, asking), []
    touches = [Touch(), Touch(("joint 2",)), Touch(("z",)), *[Touch()] * 21]
    rest = JointState.at_rest(receiver.position)
    arm._cycle_of = lambda state, missed: Cycle(
        0, 0, 0, receiver.position, receiver.position, None, rest, touches.pop(0)
    )
    for _ in range(24):
        loop.step()
    assert told == [("joint 2", "z"), (), ()]


def test_an_arm_that_is_not_there_yet_is_waited_for(arm, monkeypatch):
    monkeypatch.setattr("f2o_rt.main.RETRY_S", 0.001)
    errors, stopping = (
        [ArmError("unreachable", "nobody"), ArmError("unreachable", "nobody")],
        threading.Event(),
    )

    def reluctant():
        if errors:
            raise errors.pop()
        return np.zeros(7)

    arm.open = reluctant
    assert not open_arm(arm, 60.0, stopping).any()
    errors.append(ArmError("unreachable", "nobody"))
    with pytest.raises(ArmError, match="nobody"):
        open_arm(arm, 0.0, stopping)
    errors += [ArmError("other", "refused")]
    with pytest.raises(ArmError, match="refused"):
        open_arm(arm, 60.0, stopping)
    errors.append(ArmError("unreachable", "nobody"))
    stopping.set()
    with pytest.raises(ArmError, match="nobody"):
        open_arm(arm, 60.0, stopping)


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
    asking = Asking()
    receiver = Receiver(ROBOT, ReceiverConfig(robot="fr3"), 1, arm.open())
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
    assert arm.said[-5:] == ["recovery", *MOTION, "set-point"]


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
        assert speed == 0.1
        self.goals.append(width)
        if len(self.goals) == 1:
            raise pylibfranka.CommandException("command aborted")
        self.width = width


def test_a_goal_that_fails_does_not_end_the_gripper(monkeypatch):
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    gripper, (goals, ours), (widths, theirs) = Gripper(), os.pipe(), os.pipe()
    serving = threading.Thread(target=serve, args=(gripper, goals, theirs, 0.1))
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
    serving = threading.Thread(target=keep_serving, args=(flaky, "hand", goals, theirs, 0.1))
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

"""The real arm's and gripper's ends, with a pylibfranka that is none."""

import io
import os
import sys
import threading
import time
import types

import numpy as np
import pytest
from f2o_rt.errors import ArmError
from f2o_rt.gripper import GripperProcess, serve

from f2o_rt import franka


class FrankaError(Exception):
    pass


STATE = types.SimpleNamespace(q=[0.1] * 7, dq=[0.0] * 7, q_d=[0.2] * 7, dq_d=[0.0] * 7, ddq_d=[0.0] * 7)


class Robot:
    """Robot and control in one; says what is called, in order."""

    def __init__(self, said):
        self._said, self.fails = said, False

    def read_once(self):
        return STATE

    def start_joint_position_control(self, mode):
        return self

    def readOnce(self):
        if self.fails:
            raise FrankaError("libfranka: joint_reflex")
        return STATE, types.SimpleNamespace(to_sec=lambda: 0.001)

    def writeOnce(self, points):
        self._said.append("finished" if points.motion_finished else "set-point")


@pytest.fixture
def arm(monkeypatch):
    said = []
    module = types.SimpleNamespace(
        FrankaException=FrankaError,
        NetworkException=type("Gone", (FrankaError,), {}),
        ControllerMode=types.SimpleNamespace(JointImpedance=0),
        JointPositions=lambda q: types.SimpleNamespace(q=q, motion_finished=False),
        Robot=lambda ip: Robot(said),
    )
    monkeypatch.setattr(franka, "import_pylibfranka", lambda: module)
    arm = franka.FrankaArm("nowhere")
    arm._gripper = types.SimpleNamespace(
        open=lambda: None, read=lambda: None, width=None, close=lambda: said.append("gripper closed")
    )
    arm.said = said
    return arm


def test_the_end_finishes_the_motion_before_the_gripper(arm):
    assert np.array_equal(arm.open(), STATE.q_d)
    arm.command(arm.cycle().extrapolated.position)
    arm.close()
    assert arm.said == ["set-point", "finished", "gripper closed"]


def test_an_arm_that_fails_at_the_end_is_an_arm_error_and_the_gripper_is_closed(arm):
    arm.open()
    arm._control.fails = True
    with pytest.raises(ArmError, match="joint_reflex") as raised:
        arm.close()
    assert raised.value.flag == "joint_reflex" and arm.said == ["gripper closed"]


class Gripper:
    """Every second goal fails."""

    def __init__(self):
        self.width, self.goals = 0.05, []

    def read_once(self):
        return types.SimpleNamespace(width=self.width)

    def move(self, width, speed):
        self.goals.append(width)
        if len(self.goals) == 1:
            raise FrankaError("command aborted")
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

"""The real arm through pylibfranka (an FR3; a Panda's libfranka 0.9 has no such binding). Not run here: no arm.

pylibfranka holds Python's lock while it waits for the arm, so this process has nothing else to do between two cycles:
no thread may want the lock, and the gripper, whose calls last a second, is a process of its own.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from f2o_control.datagrams import FAULTS
from f2o_control.limits import Joints

from f2o_rt.arm import Cycle, instant
from f2o_rt.errors import ArmError
from f2o_rt.fci import CYCLE_S
from f2o_rt.gripper import GripperProcess
from f2o_rt.libfranka import import_pylibfranka


class FrankaArm:
    """Joint positions in libfranka's joint impedance mode, one set-point for each state the arm sends."""

    def __init__(self, ip: str) -> None:
        self._franka, self._ip = import_pylibfranka(), ip
        self._gripper = GripperProcess([sys.executable, "-m", "f2o_rt.gripper", ip])
        self._robot: Any = None  # pylibfranka says no types
        self._control: Any = None

    def open(self) -> Joints:
        """Connect, begin a motion, and say where: a motion must begin at the position last commanded (q_d)."""
        self._robot = self._ask(lambda: self._franka.Robot(self._ip))
        self._gripper.open()
        return self._begin()

    def cycle(self) -> Cycle:
        """Wait for the arm's next state; after a fault, for one that nothing follows."""
        if self._control is None:
            state = self._ask(self._robot.read_once)
            return self._said(state, 0)
        state, duration = self._ask(self._control.readOnce)
        return self._said(state, max(round(duration.to_sec() / CYCLE_S) - 1, 0))

    def command(self, positions: Joints) -> None:
        """Answer the state with a set-point."""
        if self._control is not None:
            self._ask(lambda: self._control.writeOnce(self._franka.JointPositions(positions.tolist())))

    def grip(self, width: float) -> None:
        """Hand the goal to the gripper's process."""
        self._gripper.grip(width)

    def recover(self) -> Joints:
        """The automatic error recovery of libfranka, then a new motion."""
        self._ask(self._robot.automatic_error_recovery)
        return self._begin()

    def close(self) -> None:
        """Finish the motion where it is; the caller has brought it to rest. The hand comes last: it may take long."""
        try:
            if self._control is not None:
                self._ask(self._finish)
        finally:
            self._control = self._robot = None
            self._gripper.close()

    def _finish(self) -> None:
        last = self._franka.JointPositions(list(self._control.readOnce()[0].q_d))
        last.motion_finished = True
        self._control.writeOnce(last)

    def _begin(self) -> Joints:
        mode = self._franka.ControllerMode.JointImpedance
        start = np.array(self._ask(self._robot.read_once).q_d)
        self._control = self._ask(lambda: self._robot.start_joint_position_control(mode))
        return start

    def _said(self, state: Any, missed: int) -> Cycle:
        self._gripper.listen()
        carried = instant(np.array(state.q_d), np.array(state.dq_d), np.array(state.ddq_d))
        measured = (np.array(state.q), np.array(state.dq), self._gripper.width)
        return Cycle(time.monotonic_ns(), 0, missed, *measured, carried)

    def _ask(self, call: Callable[[], Any]) -> Any:
        """``call()``; what libfranka raises becomes one sentence, and ends the motion.

        Raises:
            ArmError: named after the flag that libfranka's message holds.
        """
        try:
            return call()
        except self._franka.FrankaException as error:
            self._control = None
            flag = next((f for f in FAULTS[2:] if f in str(error)), "other")
            unreachable = isinstance(error, self._franka.NetworkException)
            raise ArmError("unreachable" if unreachable else flag, f"{self._ip}: {error}") from error

"""The real arm through pylibfranka (an FR3; a Panda's libfranka 0.9 has no such binding).

pylibfranka holds Python's lock while it waits for the arm, so no other thread may need it, and the gripper, whose calls
last a second, runs in a process of its own.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from f2o_control.braking import JointState
from f2o_control.datagrams import CONTACTS, FAULTS
from f2o_control.limits import Joints
from f2o_control.robot import RobotDescription

from f2o_rt.arm import Cycle, Touch, from_differences
from f2o_rt.errors import ArmError
from f2o_rt.fci import CYCLE_S
from f2o_rt.gripper import GripperProcess
from f2o_rt.libfranka import exceptions, import_pylibfranka
from f2o_rt.taken import TakenSetPoints

NOTHING = Touch()
PREEMPTED = "activated safety function"  # in libfranka's text, e.g. when a person has stopped the arm


class FrankaArm:
    """Joint positions in libfranka's joint impedance mode, one set-point for each state the arm sends.

    Args:
        ip: address of the arm's control unit.
        robot: the arm; its thresholds of contact and its load are set before every motion.
        realtime: enforce, or ignore a kernel without PREEMPT_RT (libfranka's RealtimeConfig).
        clock: the time when a state has just been read, monotonic [ns].
        gripper: its process.
        profile: of the robot's file: its share of the thresholds.

    Raises:
        ArmError: pylibfranka is not installed.
        UnknownProfileError: the robot's file has no such profile.
    """

    def __init__(
        self,
        ip: str,
        robot: RobotDescription,
        realtime: str = "enforce",
        clock: Callable[[], int] = time.monotonic_ns,
        gripper: GripperProcess | None = None,
        profile: str = "normal",
    ) -> None:
        self._franka, self._ip = import_pylibfranka(), ip
        self._collision, self._load = robot.thresholds(profile), robot.load
        self._exceptions = exceptions(self._franka)
        config = self._franka.RealtimeConfig
        self._realtime = config.kIgnore if realtime == "ignore" else config.kEnforce
        self._clock, self._gripper = clock, gripper or GripperProcess(gripper_command(ip, robot))
        self._robot: Any = None  # pylibfranka has no types
        self._control: Any = None
        self._start_wanted = False  # of a motion, at the next cycle
        self._taken = TakenSetPoints(np.array(robot.home))

    def open(self) -> Joints:
        """Connect; the first cycle begins a motion, at the position last commanded (q_d), which is returned.

        Not before it: until the loop runs nobody answers the arm, and 20 ms later it would have stopped by itself.
        """
        self._connect()
        self._gripper.open()
        return self._where_to_begin()

    def cycle(self) -> Cycle:
        """Wait for the arm's next state; after a fault, for one that needs no answer."""
        if self._robot is None:
            raise ArmError("unreachable", f"{self._ip}: the connection is lost; recovery connects again")
        if self._start_wanted:
            self._start_wanted = False
            self._ask(self._set_up)
            mode = self._franka.ControllerMode.JointImpedance
            self._control = self._ask(lambda: self._robot.start_joint_position_control(mode))
        if self._control is None:
            state = self._ask(self._robot.read_once)
            return self._cycle_of(state, 0)
        state, duration = self._ask(self._control.readOnce)
        return self._cycle_of(state, max(round(duration.to_sec() / CYCLE_S) - 1, 0))

    def command(self, positions: Joints) -> None:
        """Answer the state with a set-point."""
        if self._control is not None:
            self._taken.send(positions)
            self._ask(lambda: self._control.writeOnce(self._franka.JointPositions(positions.tolist())))

    def grip(self, width: float) -> None:
        """Hand the goal to the gripper's process."""
        self._gripper.grip(width)

    def recover(self) -> Joints:
        """The automatic error recovery of libfranka, then a new motion.

        After a lost connection libfranka's Robot is of no use: connect anew, which may take seconds. The arm, which
        gets no set-point meanwhile, stands.
        """
        self._control = None  # dropping it ends a motion that is still under way
        robot = self._connect() if self._robot is None else self._robot
        self._ask(robot.automatic_error_recovery)
        return self._where_to_begin()

    def close(self) -> None:
        """Finish the motion, which the caller has brought to rest; then end the gripper's process."""
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

    def _connect(self) -> Any:
        self._robot = self._ask(lambda: self._franka.Robot(self._ip, self._realtime))
        return self._robot

    def _where_to_begin(self) -> Joints:
        start = np.array(self._ask(self._robot.read_once).q_d)
        self._start_wanted, self._taken = True, TakenSetPoints(start)
        return start

    def _set_up(self) -> None:
        """Tell the arm when it touches something and what it carries, as the robot's file has it; not in a motion."""
        if (collision := self._collision) is not None:
            self._robot.set_collision_behavior(
                collision.lower_torque, collision.upper_torque, collision.lower_force, collision.upper_force
            )
        if (load := self._load) is not None:
            self._robot.set_load(load.mass, load.com, load.inertia_matrix.ravel(order="F").tolist())

    def _cycle_of(self, state: Any, missed: int) -> Cycle:
        now_ns = self._clock()
        self._gripper.read()
        told = JointState(np.array(state.q_d), np.array(state.dq_d), np.array(state.ddq_d))
        lost, motion = self._taken.step(told, missed), self._taken.motion
        extrapolated = from_differences(motion.position, motion.velocity, motion.acceleration)
        measured = (np.array(state.q), np.array(state.dq), self._gripper.width)
        return Cycle(now_ns, 0, missed, *measured, extrapolated, touch_of(state), lost)

    def _ask(self, call: Callable[[], Any]) -> Any:
        """Call libfranka; an error of its ends the motion.

        Raises:
            ArmError: with libfranka's text, and the flag named in it.
        """
        try:
            return call()
        except self._exceptions as error:
            self._control = None
            flag = "safety_function_activated" if PREEMPTED in str(error) else "other"
            flag = next((f for f in FAULTS[2:] if f in str(error)), flag)
            text = f"{self._ip}: {str(error).rstrip()}"
            if isinstance(error, self._franka.NetworkException):
                self._robot, flag = None, "unreachable"
            elif isinstance(error, self._franka.RealtimeException):
                text += "; expected a PREEMPT_RT kernel and leave for SCHED_FIFO, or realtime: ignore (receiver.yaml)"
            raise ArmError(flag, text) from error


def gripper_command(ip: str, robot: RobotDescription) -> list[str]:
    """The command line of the gripper's process."""
    return [sys.executable, "-m", "f2o_rt.gripper", ip, str(robot.gripper.speed)]


def touch_of(state: Any) -> Touch:
    """Contacts, collisions and errors in libfranka's RobotState."""
    contact = _touched(state.joint_contact, state.cartesian_contact)
    collision = _touched(state.joint_collision, state.cartesian_collision)
    errors = _names(str(state.current_errors)) if state.current_errors else ()
    return Touch(contact, collision, errors) if contact or collision or errors else NOTHING


def _touched(joints: list[float], directions: list[float]) -> tuple[str, ...]:
    if not any(joints) and not any(directions):
        return ()
    return tuple(name for name, touched in zip(CONTACTS, (*joints, *directions), strict=True) if touched)


def _names(text: str) -> tuple[str, ...]:
    """Of libfranka's ``["joint_reflex", "cartesian_reflex"]``."""
    return tuple(text.strip("[]").replace('"', "").split(", "))

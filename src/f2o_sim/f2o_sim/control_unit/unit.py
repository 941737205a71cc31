"""The control unit without sockets: requests and commands in, states and answers out, 1 ms a step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from f2o_control.limits import Joints
from f2o_control.robot import RobotDescription
from f2o_rt.errors import ArmError
from f2o_rt.fci import CYCLE_S, FciRules

from f2o_sim.control_unit.wire import (
    CONTROLLER_OTHER,
    ERROR_FLAGS,
    ERRORS,
    EXTERNAL_CONTROLLER,
    LOAD,
    REQUEST_SIZES,
    STATE,
    Command,
    Generator,
    MoveStatus,
    RobotMode,
    Status,
)

IDENTITY = np.eye(4).ravel()
ASYNCHRONOUS = 56  # place of that flag in a Move request


@dataclass(frozen=True)
class Answer:
    """An answer to the request ``id``."""

    command: Command
    id: int
    status: int
    payload: bytes = b""


class ControlUnit:
    """Modes, motions, errors and recovery of one arm, which follows its set-points exactly.

    Args:
        robot: the arm; its own limits are enforced, without margin (f2o_rt.fci).
        urdf: the model that libfranka asks for.
    """

    def __init__(self, robot: RobotDescription, urdf: str) -> None:
        self._robot, self._urdf = robot, urdf
        self._acceleration = np.array(robot.acceleration)
        self.position: Joints = np.array(robot.home)
        self.velocity: Joints = np.zeros(7)
        self.errors, self.reflex_reason = np.zeros(ERROR_FLAGS, bool), np.zeros(ERROR_FLAGS, bool)
        self.message_id = 0
        self.load = np.zeros((), LOAD)
        self._rules: FciRules | None = None
        self.wants_command = False  # the first state of a motion is not answered
        self._generator, self._controller, self._move_id = Generator.IDLE, CONTROLLER_OTHER, 0

    @property
    def moving(self) -> bool:
        """Whether a motion is under way."""
        return self._rules is not None

    @property
    def mode(self) -> RobotMode:
        """The robot's mode."""
        if self.errors.any():
            return RobotMode.REFLEX
        return RobotMode.MOVE if self.moving else RobotMode.IDLE

    def state(self) -> np.ndarray:
        """The state of this millisecond, of dtype wire.STATE."""
        state = np.zeros((), STATE)
        state["message_id"] = self.message_id
        for name in ("O_T_EE", "O_T_EE_d", "O_T_EE_c", "F_T_EE", "EE_T_K", "F_T_NE", "NE_T_EE"):
            state[name] = IDENTITY
        state["q"] = state["q_d"] = state["theta"] = self.position
        state["dq"] = state["dq_d"] = state["dtheta"] = self.velocity
        state["ddq_d"] = self._rules.acceleration if self._rules is not None else 0.0
        state["m_load"], state["I_load"] = self.load["mass"], self.load["inertia"]
        state["F_x_Cload"] = self.load["center"]
        state["generator"], state["controller"] = self._generator, self._controller
        state["errors"], state["reflex_reason"] = self.errors, self.reflex_reason
        state["robot_mode"], state["success_rate"] = self.mode, 1.0 if self.moving else 0.0
        return state

    def request(self, command: int, number: int, payload: bytes) -> list[Answer]:
        """Answer a request; ``payload`` is what follows its header."""
        try:
            known = Command(command)
        except ValueError:
            return []
        if len(payload) + 12 != REQUEST_SIZES.get(known, len(payload) + 12):
            return [
                Answer(
                    known,
                    number,
                    MoveStatus.INVALID_ARGUMENT if known is Command.MOVE else Status.INVALID_ARGUMENT,
                )
            ]
        match known:
            case Command.MOVE:
                return [self._start(number, payload)]
            case Command.STOP_MOVE:
                return [*self._end(MoveStatus.PREEMPTED), Answer(known, number, Status.SUCCESS)]
            case Command.ROBOT_MODEL:
                return [Answer(known, number, Status.SUCCESS, self._urdf.encode())]
            case Command.RECOVERY:
                self.errors[:] = False
                return [Answer(known, number, Status.SUCCESS)]
            case _:
                return [Answer(known, number, self._set(known, payload))]

    def step(self, command: np.ndarray | None) -> list[Answer]:
        """Pass a millisecond, in which ``command`` (wire.COMMAND) came, or none; the answers that it brings about."""
        self.message_id += 1
        if self._rules is None:
            self._brake()
            return []
        if not self.wants_command:
            self.wants_command = True
            return []
        try:
            return self._follow(self._rules, command)
        except ArmError as error:
            self.errors[ERRORS.index(error.flag)] = True
            self.reflex_reason = self.errors.copy()
            return self._end(MoveStatus.REFLEX)

    def disconnect(self) -> None:
        """The client is gone: its motion ends."""
        self._end(MoveStatus.PREEMPTED)

    def _follow(self, rules: FciRules, command: np.ndarray | None) -> list[Answer]:
        if command is None:
            rules.miss()
        elif command["finished"]:
            rules.accept(rules.position)  # at rest; what the command says besides is not looked at
        elif self._generator is Generator.JOINT_VELOCITY:
            rules.accept(rules.position + CYCLE_S * command["dq_c"])
        else:
            rules.accept(np.array(command["q_c"]))
        self.position, self.velocity = rules.position.copy(), rules.velocity.copy()
        finished = command is not None and bool(command["finished"])
        return self._end(MoveStatus.SUCCESS) if finished else []

    def _start(self, number: int, payload: bytes) -> Answer:
        controller, generator = np.frombuffer(payload, "<u4", 2)
        if self.mode is not RobotMode.IDLE or self.velocity.any():
            return Answer(Command.MOVE, number, MoveStatus.NOT_POSSIBLE)
        if (
            controller >= EXTERNAL_CONTROLLER
            or generator + 1 not in tuple(Generator)
            or payload[ASYNCHRONOUS]
        ):
            return Answer(
                Command.MOVE, number, MoveStatus.INVALID_ARGUMENT
            )  # torques, Cartesian, asynchronous
        self._generator, self._controller = Generator(int(generator) + 1), int(controller)
        self._rules, self._move_id, self.wants_command = FciRules(self._robot, self.position), number, False
        return Answer(Command.MOVE, number, MoveStatus.STARTED)

    def _end(self, status: MoveStatus) -> list[Answer]:
        """End the motion under way, if any; an arm that still moves brakes by itself."""
        if self._rules is None:
            return []
        self._rules, self.wants_command = None, False
        self._generator, self._controller = Generator.IDLE, CONTROLLER_OTHER
        return [Answer(Command.MOVE, self._move_id, status)]

    def _brake(self) -> None:
        most = CYCLE_S * self._acceleration
        self.velocity = self.velocity - np.clip(self.velocity, -most, most)
        self.position = self.position + CYCLE_S * self.velocity

    def _set(self, command: Command, payload: bytes) -> int:
        """Keep a load; whatever else is set is accepted, and without effect. The status."""
        numbers = np.frombuffer(payload, "<f8") if len(payload) % 8 == 0 else np.zeros(0)
        if self.moving:
            return Status.NOT_POSSIBLE
        if not np.isfinite(numbers).all():
            return Status.INVALID_ARGUMENT
        if command is Command.LOAD:
            if numbers[0] < 0:
                return Status.INVALID_ARGUMENT
            self.load = np.frombuffer(payload, LOAD)[0].copy()
        return Status.SUCCESS

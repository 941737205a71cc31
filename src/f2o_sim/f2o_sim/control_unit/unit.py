"""The control unit without sockets: requests and commands in, states and answers out, 1 ms a step.

Pose, force and load frames as libfranka names them: O base, F flange, NE nominal end effector, EE end effector, K
stiffness frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from f2o_control.limits import Joints
from f2o_control.robot import RobotDescription
from f2o_rt.errors import ArmError
from f2o_rt.fci import CYCLE_S, FciRules

from f2o_sim.control_unit.arm import ExactArm, Measured, SimulatedArm
from f2o_sim.control_unit.contact import Contacts
from f2o_sim.control_unit.end_effector import HAND_CENTER, HAND_INERTIA, HAND_MASS, HAND_TIP, Pose
from f2o_sim.control_unit.kinematics import GRAVITY, Kinematics, force
from f2o_sim.control_unit.model import robot_model
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

ASYNCHRONOUS = 56  # place of that flag in a Move request
ELBOW_FLIP = -0.467  # rad of joint 4, from which on the elbow points the other way
FELT = 0.05  # N m, the least external torque of which a force is made
RIGID = 1e-4  # how far a frame's matrix may be from a rigid motion's


@dataclass(frozen=True)
class Answer:
    """An answer to the request ``id``."""

    command: Command
    id: int
    status: int
    payload: bytes = b""


class ControlUnit:
    """Modes, motions, contacts, errors and recovery of one arm.

    Args:
        robot: the arm; its own limits are enforced, without margin (f2o_rt.fci).
        arm: what follows the set-points; None: an arm that does so exactly, from the robot's home on.
    """

    def __init__(self, robot: RobotDescription, arm: SimulatedArm | None = None) -> None:
        self._robot, self._urdf = robot, robot_model(robot)
        self.arm = arm or ExactArm(np.array(robot.home))
        self._kinematics, self.contacts = Kinematics(self._urdf), Contacts()
        self._acceleration = np.array(robot.acceleration)
        self.position: Joints = self.arm.measure().position  # the set-point, as is the next
        self.velocity: Joints = np.zeros(7)
        self.errors, self.reflex_reason = np.zeros(ERROR_FLAGS, bool), np.zeros(ERROR_FLAGS, bool)
        self.message_id = 0
        self.load = np.zeros((), LOAD)
        self._set_frames(np.eye(4), np.eye(4))
        self._rules: FciRules | None = None
        self.wants_command = False  # the first state of a motion is not answered
        self._generator, self._controller, self._move_id = Generator.IDLE, CONTROLLER_OTHER, 0
        self._feel()

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
        state, measured = np.zeros((), STATE), self._measured
        state["message_id"] = self.message_id
        state["q"] = state["theta"] = measured.position
        state["dq"] = state["dtheta"] = measured.velocity
        state["q_d"], state["dq_d"] = self.position, self.velocity
        state["ddq_d"] = self._rules.acceleration if self._rules is not None else 0.0
        self._fill_frames(state, measured.position)
        self._fill_forces(state, measured)
        state["m_ee"], state["I_ee"], state["F_x_Cee"] = HAND_MASS, HAND_INERTIA.ravel(), HAND_CENTER
        state["m_load"], state["I_load"] = self.load["mass"], self.load["inertia"]
        state["F_x_Cload"], state["O_ddP_O"] = self.load["center"], (0.0, 0.0, -GRAVITY)
        state["generator"], state["controller"] = self._generator, self._controller
        state["errors"], state["reflex_reason"] = self.errors, self.reflex_reason
        state["robot_mode"], state["success_rate"] = self.mode, 1.0 if self.moving else 0.0
        return state

    def _fill_frames(self, state: np.ndarray, q: Joints) -> None:
        state["F_T_NE"], state["NE_T_EE"] = _columns(HAND_TIP), _columns(self.nominal_to_end)
        state["F_T_EE"], state["EE_T_K"] = _columns(self._tool), _columns(self.end_to_stiffness)
        state["O_T_EE"] = _columns(self._flange @ self._tool)
        state["O_T_EE_d"] = state["O_T_EE_c"] = _columns(self._kinematics.flange(self.position) @ self._tool)
        state["elbow"] = (q[2], _elbow_sign(q))
        state["elbow_d"] = state["elbow_c"] = (self.position[2], _elbow_sign(self.position))

    def _fill_forces(self, state: np.ndarray, measured: Measured) -> None:
        contacts = self.contacts
        state["tau_J"] = measured.torque + self._kinematics.weight(measured.position)
        state["tau_J_d"], state["tau_ext_hat_filtered"] = measured.torque, contacts.torques
        state["joint_contact"], state["joint_collision"] = contacts.joint_contact, contacts.joint_collision
        state["cartesian_contact"] = contacts.cartesian_contact
        state["cartesian_collision"] = contacts.cartesian_collision
        state["O_F_ext_hat_K"], state["K_F_ext_hat_K"] = self._force, contacts.force

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
                self.contacts.recover()
                return [Answer(known, number, Status.SUCCESS)]
            case _:
                return [Answer(known, number, self._set(known, payload))]

    def step(self, command: np.ndarray | None) -> list[Answer]:
        """Pass a millisecond, in which ``command`` (wire.COMMAND) came, or none; the answers that it brings about."""
        self.message_id += 1
        if (placed := self.arm.placed()) is not None:
            self.position, self.velocity = placed, np.zeros(7)
            return self._end(MoveStatus.PREEMPTED_BY_SAFETY)
        answers = self._advance(command)
        self.arm.follow(self.position, self.velocity)
        return [*answers, *self._feel()]

    def _advance(self, command: np.ndarray | None) -> list[Answer]:
        """The next set-point."""
        if self._rules is None:
            self._brake()
            return []
        if not self.wants_command:
            self.wants_command = True
            return []
        try:
            return self._follow(self._rules, command)
        except ArmError as error:
            return self._reflex(error.flag)

    def _feel(self) -> list[Answer]:
        """Measure the arm and look for contacts; a collision ends a motion."""
        self._measured, self._force, seen = self.arm.measure(), np.zeros(6), np.zeros(6)
        q = self._measured.position
        self._flange = self._kinematics.flange(q)
        torques = self.contacts.update(self._measured.external - self._load_torques(q))
        if np.abs(torques).max() > FELT:
            self._force = force(torques, self._kinematics.jacobian(q, self._stiffness[:3, 3]))
            turn = (self._flange @ self._stiffness)[:3, :3]
            seen = (self._force.reshape(2, 3) @ turn).ravel()
        acceleration = self._rules.acceleration if self._rules is not None else np.zeros(7)
        reflexes = self.contacts.judge(seen, acceleration)
        return self._reflex(*reflexes) if reflexes and self.moving else []

    def _reflex(self, *flags: str) -> list[Answer]:
        for flag in flags:
            self.errors[ERRORS.index(flag)] = True
        self.reflex_reason = self.errors.copy()
        return self._end(MoveStatus.REFLEX)

    def _load_torques(self, q: Joints) -> Joints:
        """With which the arm holds up the load that it was told of [N m]."""
        if not self.load["mass"]:
            return np.zeros(7)
        lift = np.array([0.0, 0.0, GRAVITY * float(self.load["mass"])])
        return self._kinematics.jacobian(q, self.load["center"])[:3].T @ lift

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
            # Torques, Cartesian, asynchronous. To libfranka an invalid argument is a path deviation out of range.
            return Answer(Command.MOVE, number, MoveStatus.NOT_POSSIBLE)
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
        """Keep thresholds, load and frames; impedances and guiding mode have no effect. The status."""
        numbers = np.frombuffer(payload, "<f8") if len(payload) % 8 == 0 else np.zeros(0)
        if self.moving:
            return Status.NOT_POSSIBLE
        if not np.isfinite(numbers).all():
            return Status.INVALID_ARGUMENT
        match command:
            case Command.COLLISION_BEHAVIOR:
                legal = self.contacts.set(payload)
            case Command.LOAD:
                legal = self._set_load(np.frombuffer(payload, LOAD)[0].copy())
            case Command.EE_TO_K | Command.NE_TO_EE:
                legal = self._set_frame(command, numbers.reshape(4, 4).T.copy())
            case _:
                legal = True
        return Status.SUCCESS if legal else Status.INVALID_ARGUMENT

    def _set_load(self, load: np.ndarray) -> bool:
        if load["mass"] < 0:
            return False
        self.load = load
        self.arm.carry(float(load["mass"]), load["center"])
        return True

    def _set_frame(self, command: Command, matrix: Pose) -> bool:
        turn = matrix[:3, :3]
        rigid = np.abs(turn @ turn.T - np.eye(3)).max() < RIGID and np.linalg.det(turn) > 0
        if not rigid or np.abs(matrix[3] - (0, 0, 0, 1)).max() > RIGID:
            return False
        end_to_k = command is Command.EE_TO_K
        self._set_frames(
            self.nominal_to_end if end_to_k else matrix, matrix if end_to_k else self.end_to_stiffness
        )
        return True

    def _set_frames(self, nominal_to_end: Pose, end_to_stiffness: Pose) -> None:
        self.nominal_to_end, self.end_to_stiffness = nominal_to_end, end_to_stiffness
        self._tool = HAND_TIP @ nominal_to_end  # these two in the flange's frame
        self._stiffness = self._tool @ end_to_stiffness


def _columns(pose: Pose) -> np.ndarray:
    return pose.ravel(order="F")


def _elbow_sign(q: Joints) -> float:
    return 1.0 if q[3] > ELBOW_FLIP else -1.0

"""The simulated world: MuJoCo physics, the controllers of arm and gripper, and the judge. No ROS, no clock.

Time is the physics' own: ``time_ns`` counts up in steps of 1 ms from ``START_NS`` and starts over at each reset.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import mujoco
import numpy as np
from f2o_nodekit.robot import TCP, Robot, read_robot
from f2o_nodekit.stamps import NS_PER_S
from jaxtyping import Float64

from f2o_sim.controller import GripperController, Trajectory, TrajectoryController
from f2o_sim.robot import (
    ARM_JOINTS,
    DAMPING,
    FINGER_BODIES,
    FINGER_JOINTS,
    JOINT_FRICTION,
    STIFFNESS,
    load_robot,
)
from f2o_sim.scene import TIMESTEP_S, build_scene
from f2o_sim.tasks import make_task
from f2o_sim.tasks.base import Snapshot, Task, Verdict

STEP_NS = round(TIMESTEP_S * NS_PER_S)
START_NS = NS_PER_S  # not 0: a stamp of 0 means "unknown" in half of ROS
JUDGE_EVERY = 8  # steps per update of the judge
LIFTED_M = 0.003  # an object that is this far from its first height lies on no belt
# Time constant and top speed with which an object returns to its place on the belt.
CATCH_UP_S, CATCH_UP_M_S = 0.02, 0.03


@dataclass(frozen=True)
class State:
    """All of the physics that can move, enough to draw any past instant."""

    time_ns: int
    qpos: Float64[np.ndarray, " nq"]
    mocap: Float64[np.ndarray, "m 7"]


@runtime_checkable
class ArmController(Protocol):
    """What moves the arm; see controller.TrajectoryController."""

    def reset(self, q: Float64[np.ndarray, " 7"]) -> None:
        """Rest at ``q`` [rad]."""
        ...

    def accept(self, trajectory: Trajectory, now_ns: int) -> None:
        """Follow a trajectory, or refuse it by a TrajectoryError."""
        ...

    def desired(self, now_ns: int) -> tuple[Float64[np.ndarray, " 7"], Float64[np.ndarray, " 7"]]:
        """Position [rad] and velocity [rad/s] at ``now_ns``."""
        ...


@runtime_checkable
class WidthController(Protocol):
    """What moves the gripper; see controller.GripperController."""

    def reset(self, width: float) -> None:
        """Rest at ``width`` [m]."""
        ...

    def accept(self, width: float, now_ns: int) -> None:
        """Go to ``width`` [m], or refuse it by a TrajectoryError."""
        ...

    def desired(self, now_ns: int) -> float:
        """The width to hold at ``now_ns`` [m]."""
        ...


class World:
    """One robot, by default the Panda, one task, one episode at a time. Not thread-safe: the caller holds the lock."""

    def __init__(self, task: str | Task = "reach_around", seed: int = 0, robot: Robot | None = None) -> None:
        self.robot = robot or read_robot("panda")
        self.task = make_task(task) if isinstance(task, str) else task
        self.model = mujoco.MjModel.from_xml_string(
            build_scene(self.task.objects_mjcf(), robot=load_robot(self.robot))
        )
        self.data, self._probe = mujoco.MjData(self.model), mujoco.MjData(self.model)
        joint = self.model.joint
        self._arm = np.array([joint(name).qposadr[0] for name in ARM_JOINTS])
        self._arm_v = np.array([joint(name).dofadr[0] for name in ARM_JOINTS])
        self._fingers = np.array([joint(name).qposadr[0] for name in FINGER_JOINTS])
        self._tcp = self.model.body(TCP).id
        self._bodies = {name: self.model.body(name).id for name in self.task.object_names}
        self._limits = self.model.jnt_range[[joint(name).id for name in ARM_JOINTS]].T
        self._lead = (np.array(DAMPING) + JOINT_FRICTION) / np.array(STIFFNESS)
        self._contacts = _ContactClassifier(self.model, self.task)
        self.arm: ArmController = TrajectoryController(np.zeros(7))
        self.gripper: WidthController = GripperController(0.0)
        self.resets, self._load = 0, (0.0, np.zeros(3))
        self.reset(seed)

    def obey(self, arm: ArmController, gripper: WidthController) -> None:
        """Have other controllers move arm and gripper, from where those are."""
        self.arm, self.gripper = arm, gripper
        arm.reset(self.joint_positions())
        gripper.reset(self.gripper_width())

    def carry(self, mass: float, center: Float64[np.ndarray, " 3"]) -> None:
        """Have the arm's torques hold up ``mass`` [kg] at ``center`` in the tool's frame [m], beside its own weight."""
        if not mass and self._load[0]:
            self.data.qfrc_applied[self._arm_v] = 0.0
        self._load = mass, center

    def reset(self, seed: int) -> None:
        """Start the episode that belongs to ``seed``: robot at rest, trajectories dropped."""
        self.seed = seed
        self.resets += 1  # how often the robot was put somewhere
        self.placement = self.task.place(seed)
        mujoco.mj_resetData(self.model, self.data)
        for name, pose in self.placement.objects.items():
            self._put(name, pose)
        self.place_arm(self.placement.arm, self.placement.gripper_width)
        self._judge = self.task.judge(self.placement)
        self.verdict = Verdict()
        self._collision = False
        self._steps = 0

    def _put(self, name: str, pose: Float64[np.ndarray, " 7"]) -> None:
        body = self.model.body(name)
        if body.mocapid[0] >= 0:
            self.data.mocap_pos[body.mocapid[0]], self.data.mocap_quat[body.mocapid[0]] = pose[:3], pose[3:]
        else:
            start = self.model.jnt_qposadr[body.jntadr[0]]
            self.data.qpos[start : start + 7] = pose

    def place_arm(self, q: Float64[np.ndarray, " 7"], gripper_width: float) -> None:
        """Put the resting robot elsewhere: joints ``q`` [rad], gripper open by ``gripper_width`` [m]."""
        self.data.qpos[self._arm], self.data.qpos[self._fingers] = q, gripper_width / 2
        self.arm.reset(q)
        self.gripper.reset(gripper_width)
        mujoco.mj_forward(self.model, self.data)

    @property
    def time_ns(self) -> int:
        """Simulated time [ns]."""
        return START_NS + self._steps * STEP_NS

    @property
    def elapsed_s(self) -> float:
        """Simulated time since the reset [s]."""
        return self._steps * TIMESTEP_S

    def command(self, trajectory: Trajectory) -> None:
        """Give the arm's controller a trajectory.

        Raises:
            TrajectoryError: it is malformed; the previous one continues.
        """
        self.arm.accept(trajectory, self.time_ns)

    def grip(self, width: float) -> None:
        """Open or close the gripper to ``width`` [m].

        Raises:
            TrajectoryError: the width is not finite; the previous goal stays.
        """
        self.gripper.accept(width, self.time_ns)

    def step_to(self, time_ns: int) -> Verdict:
        """Run the physics up to ``time_ns`` (rounded down to a whole step) and return the judgement."""
        while self.time_ns + STEP_NS <= time_ns:
            self._drive()
            if self.placement.belts:
                self._carry()
            mujoco.mj_step(self.model, self.data)
            self._steps += 1
            self._collision = self._collision or self._contacts.collision(self.data)
            if self._steps % JUDGE_EVERY == 0:
                self.verdict = self._judge.update(self.snapshot())
        return self.verdict

    def _drive(self) -> None:
        """Controller outputs to servo references; the damping's share of the reference velocity is fed forward."""
        q, dq = self.arm.desired(self.time_ns + STEP_NS)
        self.data.ctrl[:7] = np.minimum(np.maximum(q, self._limits[0]), self._limits[1]) + self._lead * dq
        self.data.ctrl[7] = self.gripper.desired(self.time_ns + STEP_NS) / 2
        if self._load[0]:
            self._lift(*self._load)

    def _lift(self, mass: float, center: Float64[np.ndarray, " 3"]) -> None:
        """Torques that hold up the load."""
        point = self.data.xpos[self._tcp] + self.data.xmat[self._tcp].reshape(3, 3) @ center
        jacobian = np.zeros((3, self.model.nv))
        mujoco.mj_jac(self.model, self.data, jacobian, None, point, self._tcp)
        self.data.qfrc_applied[self._arm_v] = jacobian[2, self._arm_v] * mass * -self.model.opt.gravity[2]

    def _carry(self) -> None:
        """Belts move what lies on them along y; lifted objects are left alone.

        The table's friction would brake the object in every step, so its velocity also makes up for where it lags.
        """
        for name, belt in self.placement.belts.items():
            start, now = self.placement.objects[name], self.object_pose(name)
            if abs(now[2] - start[2]) > LIFTED_M:
                continue
            lag = start[1] - belt.offset(0.0) + belt.offset(self.elapsed_s) - now[1]
            catch_up = min(max(lag / CATCH_UP_S, -CATCH_UP_M_S), CATCH_UP_M_S)
            along_y = self.model.jnt_dofadr[self.model.body(name).jntadr[0]] + 1
            self.data.qvel[along_y] = belt.velocity(self.elapsed_s) + catch_up

    def joint_positions(self) -> Float64[np.ndarray, " 7"]:
        """Measured arm joints [rad]."""
        return self.data.qpos[self._arm].copy()

    def joint_velocities(self) -> Float64[np.ndarray, " 7"]:
        """Measured arm joint velocities [rad/s]."""
        return self.data.qvel[self._arm_v].copy()

    def joint_torques(self) -> Float64[np.ndarray, " 7"]:
        """Torques of the arm's servos [N m]."""
        return self.data.actuator_force[:7].copy()

    def external_torques(self) -> Float64[np.ndarray, " 7"]:
        """Torques with which the arm presses on what it touches [N m]."""
        return -self.data.qfrc_constraint[self._arm_v]

    def gripper_width(self) -> float:
        """Measured gripper opening [m]."""
        return float(self.data.qpos[self._fingers].sum())

    def tcp_position(self) -> Float64[np.ndarray, " 3"]:
        """Of the last completed step [m], base frame."""
        return self.data.xpos[self._tcp].copy()

    def object_pose(self, name: str) -> Float64[np.ndarray, " 7"]:
        """Position [m] and quaternion wxyz of an object in the base frame."""
        body = self._bodies[name]
        return np.concatenate([self.data.xpos[body], self.data.xquat[body]])

    def snapshot(self) -> Snapshot:
        """The truth, for judges and experts."""
        poses = {name: self.object_pose(name) for name in self.task.object_names}
        held = self._contacts.held(self.data)
        return Snapshot(self.elapsed_s, self.tcp_position(), poses, held, self._collision)

    def would_touch(self, path: Float64[np.ndarray, "t 7"]) -> bool:
        """Whether the arm, moved through the joints ``path`` [rad], would touch an obstacle; nothing is moved."""
        probe = self._probe
        probe.qpos[:], probe.mocap_pos[:], probe.mocap_quat[:] = (
            self.data.qpos,
            self.data.mocap_pos,
            self.data.mocap_quat,
        )
        for q in path:
            probe.qpos[self._arm] = q
            mujoco.mj_kinematics(self.model, probe)
            mujoco.mj_comPos(self.model, probe)
            mujoco.mj_collision(self.model, probe)
            if self._contacts.collision(probe):
                return True
        return False

    def state(self) -> State:
        """A copy of what the cameras need."""
        mocap = np.hstack([self.data.mocap_pos, self.data.mocap_quat])
        return State(self.time_ns, self.data.qpos.copy(), mocap)


def pose(model: mujoco.MjModel, data: mujoco.MjData, state: State) -> None:
    """Bring ``data`` to a stored state, as far as drawing needs it."""
    data.qpos[:] = state.qpos
    data.mocap_pos[:], data.mocap_quat[:] = state.mocap[:, :3], state.mocap[:, 3:]
    mujoco.mj_kinematics(model, data)
    mujoco.mj_camlight(model, data)


class _ContactClassifier:
    """Interprets contacts: what the fingers hold, whether an obstacle was touched.

    Plain lists and loops: a step has some five contacts, and numpy would cost more than the physics.
    """

    def __init__(self, model: mujoco.MjModel, task: Task) -> None:
        name_of = [model.body(body).name for body in model.geom_bodyid]
        moves = model.body_weldid[model.geom_bodyid] != 0  # robot links and loose objects, not the furniture
        self._obstacle = [name in task.obstacle_names for name in name_of]
        self._mover = [bool(m) and not o for m, o in zip(moves, self._obstacle, strict=True)]
        self._finger = [name if name in FINGER_BODIES else "" for name in name_of]
        self._loose = [
            name if name in task.object_names and name not in task.obstacle_names else "" for name in name_of
        ]

    def collision(self, data: mujoco.MjData) -> bool:
        """Whether anything that moves touches an obstacle."""
        obstacle, mover = self._obstacle, self._mover
        for one, other in data.contact.geom.tolist():
            if (obstacle[one] and mover[other]) or (obstacle[other] and mover[one]):
                return True
        return False

    def held(self, data: mujoco.MjData) -> frozenset[str]:
        """Objects that touch both fingers."""
        touched = set()
        for one, other in data.contact.geom.tolist():
            touched.add((self._loose[one], self._finger[other]))
            touched.add((self._loose[other], self._finger[one]))
        left, right = FINGER_BODIES
        return frozenset(
            name for name, finger in touched if name and finger == left and (name, right) in touched
        )

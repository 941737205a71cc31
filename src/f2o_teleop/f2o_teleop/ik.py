"""Differential inverse kinematics of the arm: a pose or a twist in, the next joint target out.

One step solves a small QP (pink on pinocchio, daqp): follow the TCP, prefer the home posture in the null space,
never leave the joint position and velocity limits. The IK integrates its own target, so measurement noise does not
come back as motion; `reset` re-anchors it.
"""

from enum import Enum

import numpy as np
import pink
import pinocchio as pin
from f2o_nodekit.robot import TCP, Robot, read_robot
from jaxtyping import Float64
from pink.tasks import FrameTask, PostureTask

from f2o_teleop.arm import arm_model
from f2o_teleop.errors import RobotModelError

Joints = Float64[np.ndarray, "7"]  # rad, base to tip
Point = Float64[np.ndarray, "3"]  # m, in the base frame

# How far the commanded pose may run ahead of the joint target when a limit or a singularity holds that back.
MAX_LEAD_M = 0.02
MAX_LEAD_RAD = 0.06
# Straight-line speed caps of `step_pose` towards a far target [m/s, rad/s]; Franka allows 1.7 and 2.5.
POSE_SPEED_M_S = 1.0
POSE_SPEED_RAD_S = 2.0
# Damping (a squared length) rises to DAMPING_MAX as the smallest singular value of the Jacobian falls below
# SINGULAR_FROM, the usual range of 0.02 to 0.1 squared (ros.md 5.3).
DAMPING = 1e-5
DAMPING_MAX = 1e-2
SINGULAR_FROM = 0.08
POSTURE_COST = 1e-2
POSTURE_TIME_S = 1.0
LIMIT_MARGIN_RAD = 0.01


class IkStatus(Enum):
    """Result of one step."""

    OK = "ok"
    BAD_INPUT = "bad input"
    NO_SOLUTION = "no solution"


class DifferentialIk:
    """Follows a pose or a twist of the TCP within the joint limits; a failed step holds the last target.

    Attributes:
        status: result of the newest step.
    """

    def __init__(
        self,
        robot: Robot | None = None,
        dt: float = 0.008,
        home: tuple[float, ...] | None = None,
        velocity_scale: float = 1.0,
        workspace: Float64[np.ndarray, "2 3"] | None = None,
    ) -> None:
        """Build the model.

        Args:
            robot: the arm; default: the Panda.
            dt: period of every step [s].
            home: joints the posture task prefers [rad], and where the target starts; default: the robot's.
            velocity_scale: share of the URDF's joint velocity limits that may be used.
            workspace: lowest and highest corner of the box [m] that a twist cannot push the TCP out of.

        Raises:
            RobotModelError: the robot's description is missing, or is not one.
        """
        self.dt = dt
        robot = robot or read_robot("panda")
        home = robot.home if home is None else home
        self._model = arm_model(robot)
        self._frame = TCP
        self._frame_id = self._model.getFrameId(TCP)
        self.lower = np.array(robot.position_min) + LIMIT_MARGIN_RAD
        self.upper = np.array(robot.position_max) - LIMIT_MARGIN_RAD
        self.velocity_limit = velocity_scale * self._model.velocityLimit
        self._model.lowerPositionLimit, self._model.upperPositionLimit = self.lower, self.upper
        self._model.velocityLimit = self.velocity_limit
        self._limits = [
            pink.limits.ConfigurationLimit(self._model),
            pink.limits.VelocityLimit(self._model),
        ]
        self._follow = FrameTask(TCP, position_cost=1.0, orientation_cost=0.5)
        self._posture = PostureTask(cost=POSTURE_COST, gain=min(1.0, dt / POSTURE_TIME_S))
        self._posture.set_target(np.asarray(home, dtype=np.float64))
        self._configuration = pink.Configuration(
            self._model, self._model.createData(), np.asarray(home, dtype=np.float64)
        )
        self._query = self._model.createData()
        self._workspace = workspace
        self.reset(np.asarray(home, dtype=np.float64))

    def reset(self, q: Joints) -> None:
        """Set the target to q [rad], clipped to the limits; NaN or Inf changes nothing but the status."""
        if not np.isfinite(q).all():
            self.status = IkStatus.BAD_INPUT
            return
        self._configuration.update(np.clip(q, self.lower, self.upper))
        self._goal = self._configuration.get_transform_frame_to_world(self._frame)
        self.status = IkStatus.OK

    @property
    def q(self) -> Joints:
        """The present joint target [rad]."""
        return self._configuration.q.copy()

    def forward(self, q: Joints) -> Float64[np.ndarray, "4 4"]:
        """Pose of the TCP in the base frame at joints q; does not change the target."""
        pin.framesForwardKinematics(self._model, self._query, q)
        return self._query.oMf[self._frame_id].homogeneous

    def frame_rotation(self, frame: str, q: Joints) -> Float64[np.ndarray, "3 3"]:
        """Rotation base <- frame of the robot description at joints q.

        Raises:
            RobotModelError: no such frame.
        """
        if not self._model.existFrame(frame):
            raise RobotModelError(f"no frame {frame} in the robot description")
        pin.framesForwardKinematics(self._model, self._query, q)
        return self._query.oMf[self._model.getFrameId(frame)].rotation.copy()

    def jacobian(self, q: Joints) -> Float64[np.ndarray, "6 7"]:
        """Jacobian of the TCP, linear over angular, in base axes, at joints q."""
        pin.computeJointJacobians(self._model, self._query, q)
        pin.updateFramePlacements(self._model, self._query)
        return pin.getFrameJacobian(self._model, self._query, self._frame_id, pin.LOCAL_WORLD_ALIGNED)

    def step_pose(self, T_base_tcp: Float64[np.ndarray, "4 4"]) -> Joints:
        """One step towards a pose [m]; far targets are approached along a screw at the speed caps."""
        if not np.isfinite(T_base_tcp).all():
            return self._hold(IkStatus.BAD_INPUT)
        self._goal = pin.SE3(_orthonormal(T_base_tcp[:3, :3]), T_base_tcp[:3, 3])
        return self._step(self._near(POSE_SPEED_M_S * self.dt, POSE_SPEED_RAD_S * self.dt))

    def step_twist(self, v: Float64[np.ndarray, "6"]) -> Joints:
        """One step along a twist of the TCP, linear [m/s] over angular [rad/s], in base axes.

        The pose is integrated over the steps, so a zero twist holds it instead of drifting with the posture task. It
        stays near the joint target, so that it does not wind up against a limit.
        """
        if not np.isfinite(v).all():
            return self._hold(IkStatus.BAD_INPUT)
        self._goal = self._near(MAX_LEAD_M, MAX_LEAD_RAD)
        place = self._within(self._goal.translation, self._goal.translation + v[:3] * self.dt)
        self._goal = pin.SE3(pin.exp3(v[3:] * self.dt) @ self._goal.rotation, place)
        return self._step(self._goal)

    def _within(self, before: Point, after: Point) -> Point:
        """`after`, clipped to the workspace; from outside, motion back in is free."""
        if self._workspace is None:
            return after
        low, high = self._workspace
        return np.clip(after, np.minimum(low, before), np.maximum(high, before))

    def _near(self, metres: float, radians: float) -> pin.SE3:
        """The goal, moved along the screw towards the joint target's pose until it is within both bounds."""
        here = self._configuration.data.oMf[self._frame_id]
        error = pin.log6(here.actInv(self._goal)).vector
        ratio = max(np.linalg.norm(error[:3]) / metres, np.linalg.norm(error[3:]) / radians)
        return self._goal if ratio <= 1.0 else here * pin.exp6(error / ratio)

    def _step(self, near_goal: pin.SE3) -> Joints:
        self._follow.set_target(near_goal)
        try:
            velocity = pink.solve_ik(
                self._configuration,
                (self._follow, self._posture),
                self.dt,
                solver="daqp",
                damping=self._damping(),
                limits=self._limits,
                safety_break=False,
            )
        except pink.exceptions.PinkError:
            return self._hold(IkStatus.NO_SOLUTION)
        if not np.isfinite(velocity).all():
            return self._hold(IkStatus.NO_SOLUTION)
        # The solver meets its constraints to about 1e-6 only.
        velocity = np.clip(velocity, -self.velocity_limit, self.velocity_limit)
        self._configuration.update(
            np.clip(self._configuration.q + velocity * self.dt, self.lower, self.upper)
        )
        self.status = IkStatus.OK
        return self.q

    def _damping(self) -> float:
        jacobian = self._configuration.get_frame_jacobian(self._frame)
        smallest = np.linalg.svd(jacobian, compute_uv=False)[-1]
        nearness = max(0.0, 1.0 - smallest / SINGULAR_FROM)
        return DAMPING + DAMPING_MAX * nearness**2

    def _hold(self, status: IkStatus) -> Joints:
        self.status = status
        return self.q


def _orthonormal(rotation: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, "3 3"]:
    """The nearest rotation, so that rounding in a caller's matrix does not act as a twist."""
    u, _, vt = np.linalg.svd(rotation)
    return u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt

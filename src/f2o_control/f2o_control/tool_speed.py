"""How fast the tool and the arm from the elbow on move, and where that is more than they may."""

from __future__ import annotations

import itertools

import numpy as np
import pinocchio
from jaxtyping import Float64

from f2o_control.arm_model import ELBOW, HAND, TOOL, arm_model, body
from f2o_control.braking import StopPlan
from f2o_control.limits import Joints
from f2o_control.robot import Workspace

COMMANDED = 0.95  # of the limit; the rest is for what controllers make of the commands between two ticks
PLANNED = 0.97  # of that: what is planned; a little is left to the braking of joints that do not brake alike

Points = Float64[np.ndarray, "points 3"]


class ToolSpeed:
    """The fastest point of the arm from the elbow on, of the hand and of all that the workspace says it carries.

    A rigid body is nowhere faster than at the fastest corner of a box around it, so corners are all that is looked at:
    of the tool's shapes, the hand, the last link and the elbow, and the wrist. No point is faster than the sum of the
    joints' speeds, each times the largest distance from that joint's axis; where that is slow enough, nothing is
    computed.

    Attributes:
        planned: the largest speed [m/s] that should be planned.

    Args:
        workspace: its ``tool`` is what the hand carries.
        limit: the largest speed of any point [m/s].
        period_s: of the ticks.
    """

    def __init__(self, workspace: Workspace, limit: float, period_s: float) -> None:
        self._limit, self._period_s = COMMANDED * limit, period_s
        self.planned = PLANNED * self._limit
        self._model, links = arm_model()
        self._data = self._model.createData()
        hand = self._model.frames[self._model.getFrameId(HAND)]
        tool = self._model.frames[self._model.getFrameId(TOOL)]
        carried = [body(shape, hand.parentJoint, hand.placement) for shape in workspace.tool]
        elbow, last = ELBOW.start, hand.parentJoint
        points: dict[int, list[Points]] = {elbow: [self._model.jointPlacements[elbow + 1].translation[None]]}
        points[last] = [hand.placement.translation[None], tool.placement.translation[None]]
        for item in (*links.geometryObjects, *carried):
            if item.parentJoint in points:
                points[item.parentJoint].append(_corners(item))
        self._bodies = [(joint, np.concatenate(some)) for joint, some in points.items()]
        self._lifts = [(joint, _lift(some)) for joint, some in self._bodies]
        self._reach = self._reaches()
        self._turns = self._reach[np.maximum(*np.indices((self._model.nq,) * 2))]

    def fastest(self, position: Joints, velocity: Joints) -> float:
        """The speed of the fastest point [m/s]."""
        return float(self._speeds(position, velocity[None])[0])

    def bound(self, velocity: Joints) -> float:
        """A speed [m/s] that no point exceeds with ``velocity``, in any posture."""
        return float(np.abs(velocity) @ self._reach)

    def exceeded(self, stop: StopPlan) -> bool:
        """Whether a point is faster than the limit in any tick of ``stop``.

        Joints do not brake alike, so a point may be faster during a stop than at its start.
        """
        if stop.fastest @ self._reach <= self._limit:
            return False
        ticks = self._period_s * np.arange(1 + int(stop.duration / self._period_s))
        positions, velocities = stop.sample(ticks)
        open_ = np.abs(velocities) @ self._reach > self._limit
        positions, velocities = positions[open_], velocities[open_]
        while len(positions):
            q = positions[0]
            # A joint turns the way of all points beyond it: so much faster may they be at the other postures.
            more = np.einsum("ti,ij,tj->t", np.abs(velocities), self._turns, np.abs(positions - q))
            speeds = self._speeds(q, velocities)
            if speeds[0] > self._limit:
                return True
            open_ = speeds + more > self._limit
            open_[0] = False
            positions, velocities = positions[open_], velocities[open_]
        return False

    def _speeds(self, position: Joints, velocities: np.ndarray) -> Float64[np.ndarray, " rows"]:
        """The speed [m/s] of the fastest point at ``position`` with each row of ``velocities``."""
        pinocchio.computeJointJacobians(self._model, self._data, position)
        local = pinocchio.LOCAL  # speeds do not depend on the frame
        jacobian = np.concatenate(
            [lift @ pinocchio.getJointJacobian(self._model, self._data, j, local) for j, lift in self._lifts]
        )
        moved = (velocities @ jacobian.T).reshape(len(velocities), -1, 3)
        return np.sqrt(np.einsum("rpx,rpx->rp", moved, moved).max(axis=1))

    def _reaches(self) -> Joints:
        """The largest distance [m] of any point from each joint's axis, in any posture."""
        reach, beyond = np.zeros(self._model.nq), 0.0
        farthest = {joint: float(np.linalg.norm(some, axis=1).max()) for joint, some in self._bodies}
        for joint in reversed(range(1, self._model.njoints)):
            reach[joint - 1] = beyond = max(beyond, farthest.get(joint, 0.0))
            beyond += float(np.linalg.norm(self._model.jointPlacements[joint].translation))
        return reach


def _corners(item: pinocchio.GeometryObject) -> Points:
    """Of the box around a body, in the frame of its joint."""
    item.geometry.computeLocalAABB()
    box = item.geometry.aabb_local
    corners = np.array(list(itertools.product(*zip(box.min_, box.max_, strict=True))))
    return corners @ item.placement.rotation.T + item.placement.translation


def _lift(points: Points) -> Float64[np.ndarray, "rows 6"]:
    """From the linear and angular velocity of a frame to the velocities of ``points``, one after the other."""
    return np.concatenate([np.hstack([np.eye(3), -pinocchio.skew(point)]) for point in points])

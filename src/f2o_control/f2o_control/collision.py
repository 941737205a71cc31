"""Collisions of the arm with the table and itself, and the box of its tool.

Forward kinematics by pinocchio, distances between the bodies of ``arm_model`` by coal.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import coal
import numpy as np
import pinocchio
from jaxtyping import Float64

from f2o_control.arm_model import ELBOW, HAND, PREFIX, TOOL, arm_model, body, description_files
from f2o_control.braking import StopPlan
from f2o_control.limits import Joints
from f2o_control.robot import Shape, Workspace

SHOULDER = tuple(f"{PREFIX}link{index}" for index in range(3))  # cannot reach the table
STEP_RAD = 0.03  # sum over the joints between two checked postures; about as many metres at the tool
REACH = 1.2  # m, more than any point of arm and hand is away from any axis
MOST_POSTURES = 12  # checked along one stop
TOLERANCE = 1e-4  # m, of what is called deeper
FAR_FROM_TOOL = tuple(f"{PREFIX}link{index}" for index in range(5))  # what the tool can be folded onto
AHEAD = 1.5  # borders are looked for so much further away than they are asked for
KEPT = 4  # borders that were looked for last: the command, and the reference ahead of it, are asked about in turns
NEARBY_RAD = 0.02  # sum over the joints: borders that were looked for are known so far around
INWARDS = np.vstack([np.eye(3), -np.eye(3)])  # from each side of a box, the lower ones first
LINK_RADIUS = 0.09  # m, about the centres of elbow, forearm and wrist


@dataclass(frozen=True)
class Borders:
    """What the arm is near to at ``posture``: a row for each pair of bodies, and for each side of a box."""

    posture: Joints
    within: float  # m, looked for
    room: Float64[np.ndarray, " rows"]  # m, left until it is forbidden
    gradient: Float64[np.ndarray, "rows joints"]  # m/rad, of that room

    def at(self, position: Joints) -> Float64[np.ndarray, " rows"]:
        """The room [m] at ``position``, near ``posture``."""
        return self.room + self.gradient @ (position - self.posture)


NO_BORDERS = Borders(np.full(7, 1e9), 0.0, np.zeros(0), np.zeros((0, 7)))


class CollisionModel:
    """How deep a posture penetrates the table, the scene, another link or the outside of a box, and where stops lead.

    The pairs of links looked at are those that the SRDF does not call adjacent or never in collision. Beyond the hand,
    the tool is what the workspace says: open fingers, a camera on its bracket, a thing that is held.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._lower, self._upper = np.array(workspace.lower), np.array(workspace.upper)
        self._clearance = workspace.clearance
        self._model, links = arm_model()
        self._links = links.copy()
        self._links.addAllCollisionPairs()
        pinocchio.removeCollisionPairs(self._model, self._links, str(description_files()[1]))
        table = self._add_table(workspace.table)
        self._add_tool(workspace.tool, table)
        self._add_scene(workspace.scene, table)
        self._arm_box = None
        if workspace.arm_lower is not None and workspace.arm_upper is not None:
            self._arm_box = (
                np.array(workspace.arm_lower) + LINK_RADIUS,
                np.array(workspace.arm_upper) - LINK_RADIUS,
            )
        self._names = [self._pair_name(pair) for pair in self._links.collisionPairs]
        self._data, self._found = self._model.createData(), self._links.createData()
        self._tool = self._model.getFrameId(TOOL)
        bodies = self._links.geometryObjects
        pairs = [(bodies[pair.first], bodies[pair.second]) for pair in self._links.collisionPairs]
        self._pair_joints = np.array([[body.parentJoint for body in pair] for pair in pairs]).T
        self._moves = np.tri(self._model.njoints, self._model.nq, -1)  # a body with the joints up to its own
        self._known = np.zeros(self._model.nq), np.inf  # a posture, and its depth
        self._borders = deque([NO_BORDERS], maxlen=KEPT)

    def penetration(self, position: Joints) -> float:
        """The largest penetration of any part of the arm at ``position`` [m]; negative: the clearance left."""
        closest = self._compute(position)
        depth = max(self._outside_box(), self._arm_outside(), self._clearance - self._distance(closest))
        self._known = position, depth
        return depth

    def tool(self, position: Joints) -> Float64[np.ndarray, " 3"]:
        """The tool centre point [m] in the base frame."""
        self._compute(position)
        return self._data.oMf[self._tool].translation.copy()

    def deepens(self, position: Joints, now: float) -> bool:
        """Whether ``position`` penetrates deeper than ``now`` [m], or at all if ``now`` is not above 0."""
        allowed = max(now, 0.0) + TOLERANCE
        return not self._at_most(position) <= allowed and self.penetration(position) > allowed

    def deepens_along(self, stop: StopPlan, now: float) -> bool:
        """Whether the arm penetrates deeper than ``now`` [m] anywhere along ``stop``."""
        allowed, farthest = max(now, 0.0) + TOLERANCE, REACH * float(stop.bound.sum())
        if self._at_most(stop.start.position) + farthest <= allowed:
            return False
        if self.penetration(stop.start.position) + farthest <= allowed:
            return False
        way, at_end = float(np.abs(stop.end - stop.start.position).sum()), self.penetration(stop.end)
        if at_end > allowed or at_end + REACH * way <= allowed:  # nothing on the way can differ by more
            return at_end > allowed
        count = min(int(way / STEP_RAD), MOST_POSTURES)
        postures, _ = stop.sample(stop.duration / (count + 1) * np.arange(1, count + 1))
        return any(self.deepens(posture, now) for posture in postures)

    def beyond(self, position: Joints, within: float) -> bool:
        """Whether it is sure, at little cost, that nothing is nearer than ``within`` [m] at ``position``."""
        return -self._at_most(position) > within

    def borders(self, position: Joints, within: float) -> Borders:
        """What is nearer than ``within`` [m] at ``position``, as it was found less than ``NEARBY_RAD`` away."""
        for known in self._borders:
            if within <= known.within and np.abs(position - known.posture).sum() <= NEARBY_RAD:
                return known
        looked = AHEAD * within + REACH * NEARBY_RAD  # further, so that it need not be looked for again soon
        if self.beyond(position, looked) or -self.penetration(position) > looked:
            return NO_BORDERS
        pinocchio.computeJointJacobians(self._model, self._data, position)
        pairs, sides = self._near_pairs(looked), self._near_sides(looked)
        room, gradient = (np.concatenate(both) for both in zip(pairs, sides, strict=True))
        self._borders.appendleft(found := Borders(position, AHEAD * within, room, gradient))
        return found

    def _near_pairs(self, within: float) -> tuple[np.ndarray, np.ndarray]:
        """Room and gradient of each pair of bodies that is nearer than ``within``."""
        results = self._found.distanceResults
        room = np.array([found.min_distance for found in results]) - self._clearance
        near = np.flatnonzero(room < within).tolist()
        normals = np.array([results[k].normal for k in near]).reshape(-1, 3)
        first, second = self._pair_joints
        ones = np.array([results[k].getNearestPoint1() for k in near]).reshape(-1, 3)
        others = np.array([results[k].getNearestPoint2() for k in near]).reshape(-1, 3)
        apart = self._along(second[near], others, normals) - self._along(first[near], ones, normals)
        return room[near], apart

    def _near_sides(self, within: float) -> tuple[np.ndarray, np.ndarray]:
        """Room and gradient of each side of a box that the tool or the arm is nearer to than ``within``."""
        tool, centres = self._model.frames[self._tool].parentJoint, range(ELBOW.start, ELBOW.stop)
        points = [(tool, self._data.oMf[self._tool].translation, self._lower, self._upper)]
        if self._arm_box is not None:
            points += [(joint, self._data.oMi[joint].translation, *self._arm_box) for joint in centres]
        room = np.array([np.concatenate([point - lower, upper - point]) for _, point, lower, upper in points])
        which, side = np.nonzero(room < within)
        joints, places = (
            np.array([joint for joint, *_ in points]),
            np.array([point for _, point, *_ in points]),
        )
        return room[which, side], self._along(joints[which], places[which], INWARDS[side])

    def _along(
        self, joints: np.ndarray, points: np.ndarray, normals: np.ndarray
    ) -> Float64[np.ndarray, "rows joints"]:
        """How fast ``points`` [m, base frame] that move with ``joints`` (0: the base) move along ``normals``.

        Per joint [m/rad], at the posture whose Jacobians were computed last.
        """
        jacobian = self._data.J  # of the point of each body that is at the origin
        p, n = points.T, normals.T
        turning = np.array([p[1] * n[2] - p[2] * n[1], p[2] * n[0] - p[0] * n[2], p[0] * n[1] - p[1] * n[0]])
        return (normals @ jacobian[:3] + turning.T @ jacobian[3:]) * self._moves[joints]

    def _at_most(self, position: Joints) -> float:
        """An upper bound of the penetration [m] by the last posture computed, at little cost."""
        where, depth = self._known
        return depth + REACH * float(np.abs(position - where).sum())

    def explain(self, position: Joints) -> str:
        """What collides at ``position``, in one sentence, or ''."""
        closest = self._compute(position)
        if self._outside_box() > TOLERANCE:
            corners = (self._data.oMf[self._tool].translation, self._lower, self._upper)
            tool, lower, upper = (" ".join(f"{x:.3f}" for x in corner) for corner in corners)
            return f"the tool is at {tool} m, outside its box of {lower} to {upper} m"
        if (beyond := self._arm_outside()) > TOLERANCE:
            return f"elbow, forearm or wrist are {beyond:.3f} m outside the arm's box"
        if (apart := self._distance(closest)) < self._clearance - TOLERANCE:
            return f"{self._names[closest]} are {apart:.3f} m apart, expected {self._clearance:g} m"
        return ""

    def _compute(self, position: Joints) -> int:
        """Compute distances and frames at ``position``; returns the index of the closest pair."""
        closest = pinocchio.computeDistances(self._model, self._data, self._links, self._found, position)
        pinocchio.updateFramePlacement(self._model, self._data, self._tool)
        return closest

    def _outside_box(self) -> float:
        tool = self._data.oMf[self._tool].translation
        return float(np.maximum(self._lower - tool, tool - self._upper).max())

    def _arm_outside(self) -> float:
        """How far elbow, forearm or wrist are outside the arm's box [m]; far inside without one."""
        if self._arm_box is None:
            return -np.inf
        centres = np.array([placement.translation for placement in self._data.oMi[ELBOW]])
        return float(np.maximum(self._arm_box[0] - centres, centres - self._arm_box[1]).max())

    def _distance(self, pair: int) -> float:
        return self._found.distanceResults[pair].min_distance

    def _add_tool(self, shapes: Sequence[Shape], table: int) -> None:
        """The tool's shapes, against the table and what they can be folded onto."""
        hand = self._model.frames[self._model.getFrameId(HAND)]
        links = [
            i for i, link in enumerate(self._links.geometryObjects) if link.name.startswith(FAR_FROM_TOOL)
        ]
        for shape in shapes:
            index = self._links.addGeometryObject(body(shape, hand.parentJoint, hand.placement))
            for other in (*links, table):
                self._links.addCollisionPair(pinocchio.CollisionPair(other, index))

    def _add_scene(self, shapes: Sequence[Shape], table: int) -> None:
        """What stands around, against all that can reach it."""
        own = [
            index
            for index, link in enumerate(self._links.geometryObjects)
            if index != table and not link.name.startswith(SHOULDER)
        ]
        for shape in shapes:
            index = self._links.addGeometryObject(body(shape, 0, pinocchio.SE3.Identity()))
            for other in own:
                self._links.addCollisionPair(pinocchio.CollisionPair(other, index))

    def _add_table(self, height: float) -> int:
        below = coal.Halfspace(np.array([0.0, 0.0, 1.0]), height)
        table = self._links.addGeometryObject(
            pinocchio.GeometryObject("table", 0, 0, pinocchio.SE3.Identity(), below)
        )
        for index, link in enumerate(self._links.geometryObjects):
            if index != table and not link.name.startswith(SHOULDER):
                self._links.addCollisionPair(pinocchio.CollisionPair(index, table))
        return table

    def _pair_name(self, pair: pinocchio.CollisionPair) -> str:
        names = [self._links.geometryObjects[i].name for i in (pair.first, pair.second)]
        return " and ".join(re.sub(r"_\d+$", "", name.removeprefix(PREFIX)) for name in names)

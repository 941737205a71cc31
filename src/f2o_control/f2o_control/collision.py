"""Collisions of the arm with the table and itself, and the box of its tool.

Forward kinematics by pinocchio, distances between capsules by coal, on the description of the example-robot-data
wheel. It is the Panda's; a Research 3 has the same kinematic parameters (frankarobotics docs, control_parameters,
Denavit-Hartenberg tables) and links of nearly the same shape, so it serves for both, joint by joint.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import coal
import numpy as np
import pinocchio
from jaxtyping import Float64

from f2o_control.braking import StopPlan
from f2o_control.errors import KinematicsError
from f2o_control.limits import Joints
from f2o_control.robot import Workspace

FILES = "panda_description/urdf/panda_collision.urdf", "panda_description/srdf/panda.srdf"
TOOL = "panda_hand_tcp"
SHOULDER = ("panda_link0", "panda_link1", "panda_link2")  # cannot reach the table
STEP_RAD = 0.03  # sum over the joints between two checked postures; about as many metres at the tool
REACH = 1.2  # m, more than any point of arm and hand is away from any axis
MOST_POSTURES = 12  # checked along one stop
TOLERANCE = 1e-4  # m, of what is called deeper


class CollisionModel:
    """How deep a posture penetrates the table, another link or the outside of the tool's box, and where stops lead.

    Links are the capsules that the URDF describes as a cylinder between two spheres; the pairs looked at are those
    that the SRDF does not call adjacent or never in collision. Fingers are left to the box of the tool.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._lower, self._upper = np.array(workspace.lower), np.array(workspace.upper)
        self._clearance = workspace.clearance
        urdf, srdf = _files()
        self._model, links = _arm(urdf)
        self._links = _capsules(links)
        self._links.addAllCollisionPairs()
        pinocchio.removeCollisionPairs(self._model, self._links, str(srdf))
        self._add_table(workspace.table)
        self._names = [self._pair_name(pair) for pair in self._links.collisionPairs]
        self._data, self._found = self._model.createData(), self._links.createData()
        self._tool = self._model.getFrameId(TOOL)
        self._known = np.zeros(self._model.nq), np.inf  # a posture, and its depth

    def penetration(self, position: Joints) -> float:
        """The largest penetration of any part of the arm at ``position`` [m]; negative: the clearance left."""
        closest = self._compute(position)
        depth = max(self._outside_box(), self._clearance - self._distance(closest))
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

    def _distance(self, pair: int) -> float:
        return self._found.distanceResults[pair].min_distance

    def _add_table(self, height: float) -> None:
        below = coal.Halfspace(np.array([0.0, 0.0, 1.0]), height)
        table = self._links.addGeometryObject(
            pinocchio.GeometryObject("table", 0, 0, pinocchio.SE3.Identity(), below)
        )
        for index, link in enumerate(self._links.geometryObjects):
            if index != table and not link.name.startswith(SHOULDER):
                self._links.addCollisionPair(pinocchio.CollisionPair(index, table))

    def _pair_name(self, pair: pinocchio.CollisionPair) -> str:
        names = [self._links.geometryObjects[i].name for i in (pair.first, pair.second)]
        return " and ".join(name.removeprefix("panda_").rsplit("_", 1)[0] for name in names)


def _files() -> list[Path]:
    try:
        files = importlib.metadata.distribution("example-robot-data").files or []
    except importlib.metadata.PackageNotFoundError:
        raise KinematicsError(
            "no model of the arm: the wheel example-robot-data is not installed; run `make setup`"
        ) from None
    found = {name: file for name in FILES for file in files if str(file).endswith(name)}
    if len(found) < len(FILES):
        raise KinematicsError(f"no model of the arm: example-robot-data holds no {' or no '.join(FILES)}")
    return [Path(str(found[name].locate())).resolve() for name in FILES]


def _arm(urdf: Path) -> tuple[pinocchio.Model, pinocchio.GeometryModel]:
    """The arm with its fingers closed, and the shapes of its links."""
    full = pinocchio.buildModelFromUrdf(str(urdf))
    shapes = pinocchio.buildGeomFromUrdf(
        full, str(urdf), pinocchio.GeometryType.COLLISION, package_dirs=[str(urdf.parents[4])]
    )
    fingers = [full.getJointId(name) for name in full.names[1:] if "finger" in name]
    return pinocchio.buildReducedModel(full, shapes, fingers, pinocchio.neutral(full))


def _capsules(shapes: pinocchio.GeometryModel) -> pinocchio.GeometryModel:
    """A capsule for each cylinder: its spheres lie at the cylinder's ends and have its radius."""
    out = pinocchio.GeometryModel()
    for shape in shapes.geometryObjects:
        solid = shape.geometry
        if isinstance(solid, coal.Cylinder) and "finger" not in shape.name:
            capsule = coal.Capsule(solid.radius, 2 * solid.halfLength)
            out.addGeometryObject(
                pinocchio.GeometryObject(
                    shape.name, shape.parentJoint, shape.parentFrame, shape.placement, capsule
                )
            )
    return out

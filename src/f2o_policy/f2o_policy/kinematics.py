"""Kinematics of an arm for many postures at once, in numpy: tool poses of joints, joints of tool poses.

The teleop node's inverse kinematics (``f2o_teleop.ik``) is another one: it follows one pose by one QP a tick. A chunk
has 32 poses or more in each tick of 8 ms, at some 0.1 to 0.7 ms a QP; and pinocchio in the policy node's process cost
its loop a third of the ticks. Solved together, all poses of a chunk take a millisecond or two.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
from f2o_nodekit.robot import BASE, TCP, Robot
from f2o_nodekit.urdf import canonical_urdf
from jaxtyping import Bool, Float64

from f2o_policy.errors import PolicyError

TOLERANCE_M, TOLERANCE_RAD = 1e-4, 1e-3  # a pose is reached within these
STEP_M, STEP_RAD = 0.15, 0.5  # how far an iteration goes towards a pose, at most
ITERATIONS = 20  # a chunk of demonstrated poses needs 3 to 6
DAMPING = 1e-6  # m^2: near a singularity joints move some 1e3 rad/m at most
NEXT, LAST = [1, 2, 0], [2, 0, 1]  # of the components of a cross product
LIMIT_MARGIN_RAD = 0.01  # as f2o_teleop.ik: how near to their limits joints are put


class ChainError(PolicyError):
    """An arm whose description has no chain of revolute joints from base to tool."""


class ArmChain:
    """The joints of one arm from its base (``link0``) to its tool centre point (``hand_tcp``).

    Args:
        robot: the arm.

    Raises:
        RobotModelError: its description is missing, or is not one.
        ChainError: its chain has other joints than its file.
    """

    def __init__(self, robot: Robot) -> None:
        links = _links(canonical_urdf(robot), robot)
        moved = [place for place, link in enumerate(links) if link.get("type") != "fixed"]
        names = tuple(links[place].get("name") for place in moved)
        if names != robot.canonical_names:
            raise ChainError(
                f"robot {robot.name}: between {BASE} and {TCP} its URDF moves {', '.join(map(str, names))}; "
                f"expected {', '.join(robot.canonical_names)}"
            )
        parts = np.split(np.array([_origin(link) for link in links]), np.array(moved) + 1)
        before = np.array([_product(part) for part in parts[:-1]])  # (n,4,4): from joint to joint
        self._tool = _product(parts[-1])
        self._axes = np.array([_axis(links[place]) for place in moved])[..., None]  # (n,3,1)
        skew = np.zeros_like(before)
        skew[:, :3, :3] = np.cross(self._axes.swapaxes(1, 2), np.eye(3)).swapaxes(1, 2)
        # Rodrigues' formula: a joint turned by q is still + sin(q) sine + (1 - cos(q)) versine, (n,4,4) each.
        self._still, self._sine, self._versine = before, before @ skew, before @ skew @ skew
        self._damping = DAMPING * np.eye(6)
        self.lower = np.array(robot.position_min) + LIMIT_MARGIN_RAD
        self.upper = np.array(robot.position_max) - LIMIT_MARGIN_RAD

    def poses(self, joints: Float64[np.ndarray, "b n"]) -> Float64[np.ndarray, "b 4 4"]:
        """Poses of the tool in the base frame [m], base <- tool, with the joints [rad]."""
        return self._frames(joints)[-1] @ self._tool

    def joints(
        self, poses: Float64[np.ndarray, "b 4 4"], near: Float64[np.ndarray, "b n"]
    ) -> tuple[Float64[np.ndarray, "b n"], Bool[np.ndarray, " b"]]:
        """Of all joints [rad] within the limits that put the tool at ``poses``, the nearest to ``near``.

        An iteration solves min |q' - near| subject to J (q' - q) = error, damped (Gauss-Newton; the null space of the
        Jacobian J carries what the pose leaves free). Joints that would leave their limits stay there in the next.

        Returns:
            the joints, and which poses they reach; the others are out of reach, or too far to be found.
        """
        q = near.clip(self.lower, self.upper)
        reached, stuck = np.zeros(len(q), bool), np.zeros(q.shape, bool)
        for _ in range(ITERATIONS):
            found, jacobian = self._pose_and_jacobian(q)
            error = np.concatenate(
                [poses[:, :3, 3] - found[:, :3, 3], _rotation_vector(poses[:, :3, :3], found[:, :3, :3])], 1
            )
            metres, radians = np.linalg.norm(error[:, :3], axis=1), np.linalg.norm(error[:, 3:], axis=1)
            reached = (metres < TOLERANCE_M) & (radians < TOLERANCE_RAD)
            if reached.all():
                break
            error *= (1 / np.maximum(np.maximum(metres / STEP_M, radians / STEP_RAD), 1.0))[:, None]
            step = self._step(np.where(stuck[:, None], 0.0, jacobian), error, np.where(stuck, 0.0, near - q))
            wanted = q + np.where(reached[:, None], 0.0, step)
            stuck = (wanted < self.lower) | (wanted > self.upper)
            q = wanted.clip(self.lower, self.upper)
        return q, reached

    def _frames(self, joints: Float64[np.ndarray, "b n"]) -> list[Float64[np.ndarray, "b 4 4"]]:
        """Frames behind each joint in the base."""
        sine, versine = np.sin(joints)[..., None, None], 1 - np.cos(joints)[..., None, None]
        local = self._still + sine * self._sine + versine * self._versine
        frames = [local[:, 0]]
        for index in range(1, joints.shape[1]):
            frames.append(frames[-1] @ local[:, index])
        return frames

    def _pose_and_jacobian(
        self, joints: Float64[np.ndarray, "b n"]
    ) -> tuple[Float64[np.ndarray, "b 4 4"], Float64[np.ndarray, "b 6 n"]]:
        """As ``poses``, and the tool's Jacobian, linear [m/rad] over angular, in base axes."""
        frames = np.stack(self._frames(joints), 1)  # (b,n,4,4)
        pose = frames[:, -1] @ self._tool
        axes = (frames[..., :3, :3] @ self._axes)[..., 0]
        linear = _cross(axes, pose[:, None, :3, 3] - frames[..., :3, 3])
        return pose, np.concatenate([linear, axes], 2).swapaxes(1, 2)

    def _step(
        self,
        jacobian: Float64[np.ndarray, "b 6 n"],
        error: Float64[np.ndarray, "b 6"],
        pull: Float64[np.ndarray, "b n"],
    ) -> Float64[np.ndarray, "b n"]:
        """The step nearest to ``pull`` that removes ``error``."""
        across = jacobian.swapaxes(1, 2)
        rest = error[..., None] - jacobian @ pull[..., None]
        return pull + (across @ np.linalg.solve(jacobian @ across + self._damping, rest))[..., 0]


def _cross(a: Float64[np.ndarray, "*b 3"], b: Float64[np.ndarray, "*b 3"]) -> Float64[np.ndarray, "*b 3"]:
    """As ``np.cross``, which takes thrice as long for few vectors."""
    return a[..., NEXT] * b[..., LAST] - a[..., LAST] * b[..., NEXT]


def _rotation_vector(
    goal: Float64[np.ndarray, "b 3 3"], found: Float64[np.ndarray, "b 3 3"]
) -> Float64[np.ndarray, "b 3"]:
    """Axis times angle [rad] of the rotation from ``found`` to ``goal``, in base axes.

    At half a turn the axis is not unique and this one does not find it: x is taken, and the next step finds one.
    """
    sines = _cross(found.swapaxes(1, 2), goal.swapaxes(1, 2)).sum(1) / 2
    sine = np.linalg.norm(sines, axis=1)
    angle = np.arctan2(sine, ((goal * found).sum((1, 2)) - 1) / 2)
    half_turn = (sine < 1e-9) & (angle > 1.0)
    axis = np.where(half_turn[:, None], (1.0, 0.0, 0.0), sines / np.maximum(sine, 1e-12)[:, None])
    return angle[:, None] * axis


def _links(urdf: ET.Element, robot: Robot) -> list[ET.Element]:
    """The joints of the URDF from base to tool."""
    by_child = {_link(joint, "child"): joint for joint in urdf.findall("joint")}
    found, link = [], TCP
    while link != BASE:
        if link not in by_child or len(found) > len(by_child):
            raise ChainError(f"robot {robot.name}: its URDF does not lead from {BASE} to {TCP}")
        found.append(by_child[link])
        link = _link(by_child[link], "parent")
    return found[::-1]


def _link(joint: ET.Element, end: str) -> str:
    element = joint.find(end)
    return "" if element is None else element.get("link", "")


def _numbers(joint: ET.Element, tag: str, key: str, default: str) -> Float64[np.ndarray, " 3"]:
    element = joint.find(tag)
    text = default if element is None else element.get(key, default)
    return np.array([float(word) for word in text.split()])


def _origin(joint: ET.Element) -> Float64[np.ndarray, "4 4"]:
    """Fixed part of a joint: the URDF's roll, pitch and yaw about fixed axes, and its place."""
    roll, pitch, yaw = _numbers(joint, "origin", "rpy", "0 0 0")
    (cx, cy, cz), (sx, sy, sz) = np.cos([roll, pitch, yaw]), np.sin([roll, pitch, yaw])
    pose = np.eye(4)
    pose[:3, :3] = [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy, cy * sx, cy * cx],
    ]
    pose[:3, 3] = _numbers(joint, "origin", "xyz", "0 0 0")
    return pose


def _axis(joint: ET.Element) -> Float64[np.ndarray, " 3"]:
    axis = _numbers(joint, "axis", "xyz", "1 0 0")
    return axis / np.linalg.norm(axis)


def _product(poses: Float64[np.ndarray, "b 4 4"]) -> Float64[np.ndarray, "4 4"]:
    whole = np.eye(4)
    for pose in poses:
        whole = whole @ pose
    return whole

"""What a policy's actions are: joint positions, or poses of the tool (``window.action_space``).

    joints   7 joints [rad], gripper width [m]: 8 numbers
    tcp      position of the tool centre point in the base frame [m] (3), the first two columns of its rotation matrix
             (6; Zhou et al. 2019, "On the continuity of rotation representations in neural networks"), gripper width
             [m]: 10 numbers

A data set keeps joints in either case: poses follow from them by the arm's kinematics when windows are made, so that
every data set serves both, and no second copy can disagree with the first. At run time the poses of a chunk become
joints before the executor sees them: what it compares, blends and limits is in joint space, as always.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from f2o_nodekit.robot import Robot
from jaxtyping import Float64

from f2o_policy.kinematics import ArmChain

ActionSpace = Literal["joints", "tcp"]
SPACES: tuple[str, ...] = get_args(ActionSpace)
TCP_SIZE = 10
ROTATION = slice(3, 9)  # of an action of the space tcp
POSTURE_TIME_S = (
    1.0  # time constant with which the null space returns to the home posture, as in f2o_teleop.ik
)
ROWS_AT_ONCE = 50_000
DEGENERATE = 1e-3  # columns that are shorter, or so nearly parallel, say no rotation


def action_size(space: str, joints: int) -> int:
    """Numbers of an action, where joints and gripper width are ``joints`` numbers."""
    return joints if space == "joints" else TCP_SIZE


class TcpSpace:
    """Actions of the space ``tcp`` of one arm, from joints and back.

    Args:
        robot: the arm.

    Raises:
        RobotModelError, ChainError: its description cannot be used.
    """

    def __init__(self, robot: Robot) -> None:
        self._chain = ArmChain(robot)
        self._home = np.array(robot.home)

    def actions(self, joints: Float64[np.ndarray, "*b d"]) -> Float64[np.ndarray, "*b 10"]:
        """The actions of joints [rad] and gripper widths [m], by forward kinematics."""
        rows = joints.reshape(-1, joints.shape[-1])
        parts = [
            self._chain.poses(rows[first : first + ROWS_AT_ONCE, :-1])
            for first in range(0, len(rows), ROWS_AT_ONCE)
        ]
        poses = np.concatenate(parts) if parts else np.zeros((0, 4, 4))
        columns = poses[:, :3, :2].swapaxes(1, 2).reshape(-1, 6)
        found = np.concatenate([poses[:, :3, 3], columns, rows[:, -1:]], 1)
        return found.reshape(*joints.shape[:-1], TCP_SIZE)

    def joints(
        self, chunks: Float64[np.ndarray, "M H 10"], start: Float64[np.ndarray, " d"], dt_s: float
    ) -> tuple[Float64[np.ndarray, "M H d"], int]:
        """Joints [rad] and gripper widths [m] of chunks, and how many of their poses are out of reach.

        What a pose leaves free (the elbow) stays as near to the present joints as it can, and returns to the home
        posture with the time constant of the teleop node's inverse kinematics, by which demonstrations are made. A
        pose that cannot be reached is replaced by the row before it: the arm holds.

        Args:
            chunks: actions; NaN where the policy failed, which is NaN in the result.
            start: the joints and width at the time of the first pose.
            dt_s: from pose to pose [s].
        """
        many, steps = chunks.shape[:2]
        if not np.isfinite(chunks).all():
            return np.full((many, steps, len(start)), np.nan), 0
        share = 1 - np.exp(-dt_s * np.arange(steps)[:, None] / POSTURE_TIME_S)
        near = np.tile(start[:-1] + share * (self._home - start[:-1]), (many, 1))
        poses, rotates = poses_of(chunks.reshape(-1, TCP_SIZE))
        found, reached = self._chain.joints(poses, near)
        rows = np.concatenate([found, chunks.reshape(-1, TCP_SIZE)[:, -1:]], 1).reshape(many, steps, -1)
        good = (reached & rotates).reshape(many, steps)
        if good.all():
            return rows, 0
        last = np.maximum.accumulate(np.where(good, np.arange(1, steps + 1), 0), axis=1)  # 0: none before
        held = np.concatenate([np.broadcast_to(start, (many, 1, len(start))), rows], 1)
        return np.take_along_axis(held, last[..., None], 1), int((~good).sum())


def poses_of(
    actions: Float64[np.ndarray, "b 10"],
) -> tuple[Float64[np.ndarray, "b 4 4"], np.ndarray]:
    """Poses of actions, their rotations made orthonormal by Gram-Schmidt, and whether the columns say a rotation."""
    first, second = actions[:, 3:6], actions[:, 6:9]
    length = np.linalg.norm(first, axis=1, keepdims=True)
    x = first / np.maximum(length, DEGENERATE)
    rest = second - (x * second).sum(1, keepdims=True) * x
    height = np.linalg.norm(rest, axis=1, keepdims=True)
    y = rest / np.maximum(height, DEGENERATE)
    poses = np.tile(np.eye(4), (len(actions), 1, 1))
    poses[:, :3, :3] = np.stack([x, y, np.cross(x, y)], 2)
    poses[:, :3, 3] = actions[:, :3]
    return poses, (np.minimum(length, height) > DEGENERATE)[:, 0]

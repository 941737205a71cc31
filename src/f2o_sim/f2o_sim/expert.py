"""The scripted demonstrator of reach_around: picks a side by lot, passes the post low, grasps, lifts.

From object poses and gripper width it computes joint targets by differential IK, every 8 ms. Demonstrations differ:
waypoints are jittered, the speed is random, and a slow disturbance moves the hand off its path and back, so that a
cloned policy has seen recoveries.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from f2o_teleop.ik import DifferentialIk
from jaxtyping import Float64

from f2o_sim.path import Path, PathFollower, blend
from f2o_sim.robot import MAX_WIDTH
from f2o_sim.tasks.base import Snapshot
from f2o_sim.tasks.reach_around import CUBE, POST

COMMON_M, COMMON_SPREAD_M = (0.19, 0.135), 0.03  # before the post, both sides alike: within this of its axis
BYPASS_M = 0.185  # from the post's axis to the hand's: half a hand (0.105), the post (0.03), room (0.05)
BESIDE_M = (-0.06, 0.06)  # the hand is beside the post between here and there, along x
CARRY_M = 0.07  # TCP height while passing: the hand itself is 4.5 cm higher and still below the post's top
ABOVE_M = 0.09  # TCP height before the descent: clear of the cube
GRASP_M = 0.027  # TCP height at the grasp
LIFT_M = 0.12
JITTER_M = 0.008
DISTURBANCE_M = (0.003, 0.012)  # size of the disturbance
DISTURBANCE_HZ = (0.2, 0.5)
DISTURBANCE_FADE_M = 0.12  # the disturbance is gone this far before the grasp ...
DISTURBANCE_RISE_M = 0.08  # ... and grows over this much of the path
SPEED, GRASP_SPEED, GRASP_ZONE_M = (0.20, 0.26), 0.09, 0.05  # [m/s, m/s, m]
ACCELERATION = 0.5  # [m/s^2]
UPRIGHT_S = 1.0  # time over which the noise of the start's orientation is taken out
FINGERS_STILL_M_S = 0.005
FINGERS_STILL_S = 0.16  # more than two gripper states, which come at 15 Hz
SETTLE_M = 0.004
DOWN = np.diag([1.0, -1.0, -1.0])  # hand's x ahead, fingers opening along y, pointing at the table


class Phase(Enum):
    """Of the demonstration."""

    REACH = "reach"
    CLOSE = "close"
    LIFT = "lift"


@dataclass(frozen=True)
class PathDisturbance:
    """A slow offset from the path: two sines per axis."""

    amplitude: Float64[np.ndarray, "3 2"]  # [m]
    frequency: Float64[np.ndarray, "3 2"]  # [Hz]
    phase: Float64[np.ndarray, "3 2"]  # [rad]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> PathDisturbance:
        """A random one."""
        amplitude = rng.uniform(*DISTURBANCE_M, (3, 2)) / 2
        return cls(amplitude, rng.uniform(*DISTURBANCE_HZ, (3, 2)), rng.uniform(0, 2 * np.pi, (3, 2)))

    def at(self, t: float) -> Float64[np.ndarray, " 3"]:
        """The offset ``t`` seconds from the start [m]."""
        return (self.amplitude * np.sin(2 * np.pi * self.frequency * t + self.phase)).sum(axis=1)


class ReachAroundExpert:
    """One demonstration; ``side`` is "left" or "right", by default either with probability 0.5."""

    def __init__(
        self,
        start: Snapshot,
        q: Float64[np.ndarray, " 7"],
        rng: np.random.Generator,
        side: str = "",
        tick_s: float = 0.008,
        ik: DifferentialIk | None = None,
    ) -> None:
        self.side = side or ("left" if rng.random() < 0.5 else "right")
        self.phase = Phase.REACH
        self._tick_s, self._t, self._still_s, self._width = tick_s, 0.0, 0.0, MAX_WIDTH
        self._ik = ik or DifferentialIk(dt=tick_s, home=tuple(q))
        self._ik.reset(q)
        self._start = self._ik.forward(q)
        self._disturbance = PathDisturbance.draw(rng)
        path = blend(self._waypoints(start, rng))
        self._follower = PathFollower(path, rng.uniform(*SPEED), GRASP_SPEED, GRASP_ZONE_M, ACCELERATION)

    def _waypoints(self, start: Snapshot, rng: np.random.Generator) -> Float64[np.ndarray, "n 3"]:
        sign = 1.0 if self.side == "left" else -1.0
        (post_x, post_y), (cube_x, cube_y) = start.objects[POST][:2], start.objects[CUBE][:2]
        sides = rng.uniform(-COMMON_SPREAD_M, COMMON_SPREAD_M, 2)
        common = [[post_x - x, post_y + y, CARRY_M + 0.02] for x, y in zip(COMMON_M, sides, strict=True)]
        around = [[post_x + x, post_y + sign * BYPASS_M, CARRY_M] for x in BESIDE_M]
        behind = [cube_x, cube_y + sign * 0.10, ABOVE_M]
        around = np.array([*around, behind]) + rng.uniform(-JITTER_M, JITTER_M, (3, 3))
        above, grasp = [cube_x, cube_y, ABOVE_M], [cube_x, cube_y, GRASP_M]
        return np.vstack([self._start[:3, 3], common, around, above, grasp])

    def step(self, now: Snapshot, gripper_width: float) -> Float64[np.ndarray, " 8"]:
        """The target for this tick: seven joints [rad] and the gripper's width [m]."""
        self._t += self._tick_s
        goal = self._goal()
        q = self._ik.step_pose(goal)
        if self.phase is Phase.REACH and self._arrived(goal, q, now):
            self.phase = Phase.CLOSE
        elif self.phase is Phase.CLOSE and self._fingers_still(gripper_width):
            self.phase = Phase.LIFT
            here = self._follower.path.points[-1]
            up = Path(np.array([0.0, LIFT_M]), np.stack([here, here + np.array([0.0, 0.0, LIFT_M])]))
            self._follower = PathFollower(up, SPEED[0], SPEED[0], 0.0, ACCELERATION)
        return np.append(q, MAX_WIDTH if self.phase is Phase.REACH else 0.0)

    def _goal(self) -> Float64[np.ndarray, "4 4"]:
        pose = np.eye(4)
        pose[:3, 3] = self._follower.advance(self._tick_s) + self._disturbance_now()
        share = min(1.0, self._t / UPRIGHT_S)
        share = share * share * (3 - 2 * share)
        # A linear blend suffices: start and goal are a few degrees apart, and the IK orthonormalises.
        pose[:3, :3] = (1 - share) * self._start[:3, :3] + share * DOWN
        return pose

    def _disturbance_now(self) -> Float64[np.ndarray, " 3"]:
        if self.phase is not Phase.REACH:
            return np.zeros(3)
        rise = self._follower.s / DISTURBANCE_RISE_M
        fade = (self._follower.left - DISTURBANCE_FADE_M) / DISTURBANCE_FADE_M
        window = np.clip(min(rise, fade), 0.0, 1.0)
        return self._disturbance.at(self._t) * window * window * (3 - 2 * window)

    def _arrived(self, goal: Float64[np.ndarray, "4 4"], q: Float64[np.ndarray, " 7"], now: Snapshot) -> bool:
        target = self._ik.forward(q)[:3, 3]
        near = np.linalg.norm(target - goal[:3, 3]) < SETTLE_M and np.linalg.norm(now.tcp - target) < SETTLE_M
        return self._follower.left < 1e-3 and bool(near)

    def _fingers_still(self, width: float) -> bool:
        """Whether the fingers have closed and stopped."""
        moving = self._width - width > FINGERS_STILL_M_S * self._tick_s or width > 0.9 * MAX_WIDTH
        self._width = width
        self._still_s = 0.0 if moving else self._still_s + self._tick_s
        return self._still_s >= FINGERS_STILL_S

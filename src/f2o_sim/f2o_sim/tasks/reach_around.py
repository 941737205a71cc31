"""reach_around: grasp the cube behind the post; pass it on the left or on the right, both are equally good.

Seen from above, base at the left, hand 20 cm wide across the page::

                     .-- left --.
    base  [hand] ---<    (post)  >- [cube]
                     '-- right -'

The hand approaches the post straight before it turns aside, and passes it low. Both modes share that first part, and
their mean leads into the post.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from f2o_sim.tasks.base import Placement, Snapshot, Verdict, final

CUBE, POST = "cube", "post"
CUBE_SIDE = 0.045  # [m]
POST_RADIUS, POST_HEIGHT = 0.03, 0.15  # [m]; the forearm passes above it at the grasp, the low hand cannot
CUBE_MASS = 0.08  # [kg]

# The arm starts with the hand straight down at (0.31, 0, 0.26) m, give or take the noise: the base's swings it 3 cm to
# either side of the middle, so the start does not determine the side.
HOME = (0.0, -0.689, 0.0, -2.888, 0.0, 2.199, 0.785)
HOME_NOISE_RAD = (0.1, 0.03, 0.03, 0.03, 0.03, 0.03, 0.03)
POST_X, POST_Y = (0.53, 0.56), (-0.02, 0.02)
CUBE_BEHIND_POST, CUBE_BESIDE_POST = (0.12, 0.15), 0.05
CUBE_YAW_RAD = 0.12

FORK_M = 0.16  # before the post's axis: from here on the two sides part
FORK_Z = 0.09  # [m]

LIFT_M = 0.05  # success: the cube this far above its start ...
HOLD_S = 0.3  # ... between the fingers for this long
TIME_LIMIT_S = 10.0

_OBJECTS = f"""
<body name="{CUBE}">
  <freejoint/>
  <geom type="box" size="{CUBE_SIDE / 2} {CUBE_SIDE / 2} {CUBE_SIDE / 2}" mass="{CUBE_MASS}" rgba="0.86 0.16 0.13 1"
        contype="2" conaffinity="3" friction="1 0.02 0.0001" condim="4"/>
</body>
<body name="{POST}" mocap="true">
  <geom type="cylinder" size="{POST_RADIUS} {POST_HEIGHT / 2}" rgba="0.12 0.35 0.75 1" contype="2" conaffinity="3"/>
</body>
"""


class ReachAround:
    """The task; see the module's text."""

    name = "reach_around"
    object_names: tuple[str, ...] = (CUBE, POST)
    obstacle_names: tuple[str, ...] = (POST,)

    def objects_mjcf(self) -> str:
        """Cube and post; ``place`` has their poses."""
        return _OBJECTS

    def place(self, seed: int) -> Placement:
        """Where cube, post and arm start: uniform in the ranges above, the same for the same seed."""
        rng = np.random.default_rng(seed)
        post = (rng.uniform(*POST_X), rng.uniform(*POST_Y))
        behind, beside = rng.uniform(*CUBE_BEHIND_POST), rng.uniform(-CUBE_BESIDE_POST, CUBE_BESIDE_POST)
        cube = (post[0] + behind, post[1] + beside)
        yaw = rng.uniform(-CUBE_YAW_RAD, CUBE_YAW_RAD)
        arm = np.array(HOME) + rng.uniform(-1.0, 1.0, 7) * HOME_NOISE_RAD
        cube_pose = np.array([*cube, CUBE_SIDE / 2, np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)])
        post_pose = np.array([*post, POST_HEIGHT / 2, 1.0, 0.0, 0.0, 0.0])
        return Placement(arm, 0.08, {CUBE: cube_pose, POST: post_pose})

    def judge(self, placement: Placement) -> ReachAroundJudge:
        """A judge of one episode."""
        return ReachAroundJudge(placement)


class ReachAroundJudge:
    """Success, collision and side, from the truth of the physics alone."""

    def __init__(self, placement: Placement) -> None:
        self._cube_z = placement.objects[CUBE][2]
        self._post_xy = placement.objects[POST][:2]
        self._held_since: float | None = None
        self._verdict = Verdict()

    def update(self, now: Snapshot) -> Verdict:
        """Look at the next instant."""
        if self._verdict.over:
            return self._verdict
        verdict = replace(self._verdict, elapsed_s=now.elapsed_s, side=self._side(now))
        if now.collision:
            verdict = final(verdict, collision=True)
        elif self._held_long_enough(now):
            verdict = final(verdict, success=True)
        elif now.elapsed_s >= TIME_LIMIT_S:
            verdict = final(verdict)
        self._verdict = verdict
        return verdict

    def _side(self, now: Snapshot) -> str:
        """The side on which the TCP first passed the post; it stays."""
        if self._verdict.side or now.tcp[0] < self._post_xy[0]:
            return self._verdict.side
        return "left" if now.tcp[1] > self._post_xy[1] else "right"

    def _held_long_enough(self, now: Snapshot) -> bool:
        if CUBE not in now.held or now.objects[CUBE][2] < self._cube_z + LIFT_M:
            self._held_since = None
            return False
        if self._held_since is None:
            self._held_since = now.elapsed_s
        return now.elapsed_s - self._held_since >= HOLD_S

"""Slows a motion down ahead of what would stop it."""

from __future__ import annotations

import numpy as np

from f2o_control.collision import CollisionModel
from f2o_control.limits import Joints, Limits
from f2o_control.tool_speed import ToolSpeed

GLIDE = 1.5  # times the way of the hardest stop: within it, a motion towards a border is slowed
TINY_M = 1e-9
CRAWL_M_S = 0.01  # m/s, towards a border however near: else it would never get there


class Slowing:
    """The share of a velocity that the speed of the tool and the borders ahead leave.

    It scales all joints alike, so the arm stays on its path. Towards a border (the boxes, the table, the scene, the arm
    itself) a body may be as fast as lets it come to rest there on ``GLIDE`` times the way that the joints need: it
    glides to where the guard, which brakes as hard as the joints can, would have stopped it. Motions along a border or
    away from it are not slowed.

    Singularities need no such rule: targets are joint positions, near a singularity as anywhere, and what moves a
    joint too fast there is slowed like anything else. The differential kinematics of teleoperation damp theirs.

    Args:
        limits: of the joints.
        tool: how fast it may be.
        collisions: of the arm; None: not looked at.
    """

    def __init__(self, limits: Limits, tool: ToolSpeed, collisions: CollisionModel | None) -> None:
        self._tool, self._collisions = tool, collisions
        self._acceleration = limits.acceleration

    def share(self, position: Joints, velocity: Joints) -> float:
        """The share of ``velocity`` [rad/s] that may be planned at ``position`` [rad], above 0 and at most 1."""
        bound, planned, collisions = self._tool.bound(velocity), self._tool.planned, self._collisions
        times = np.abs(velocity) / self._acceleration  # of the joints' stops
        share, glide_s = 1.0, GLIDE * float(times.max()) / 2
        if bound > planned:
            share = planned / max(self._tool.fastest(position, velocity), planned)
        if collisions is None or collisions.beyond(position, within := share**2 * bound * glide_s):
            return share
        borders = collisions.borders(position, within)
        closing = -borders.gradient @ velocity
        # The way to rest at a border: of all joints together, or each on its own, whichever is longer.
        way = np.maximum(closing * glide_s, -borders.gradient @ (velocity * times) * GLIDE / 2)
        room = np.maximum(borders.at(position), 0.0)
        allowed = np.sqrt(
            room / np.maximum(np.maximum(way, room), TINY_M)
        )  # the way grows with the square of the speed
        crawl = CRAWL_M_S / np.maximum(closing, CRAWL_M_S)
        return min(share, float(np.maximum(allowed, crawl).min(initial=1.0)))

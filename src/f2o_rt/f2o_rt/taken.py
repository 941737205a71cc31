"""Which of our set-points the arm has taken: one that comes too late is as good as none.

The states of the arm come a millisecond apart whether their answers were in time or not, so counting states finds only
those that we did not see. But each state says the position that the arm was last sent to (q_d; libfranka's own rate
limiter builds on that): it is our last set-point, or what the arm made up in its place by constant acceleration.
"""

from __future__ import annotations

import numpy as np
from f2o_control.braking import JointState
from f2o_control.limits import Joints

from f2o_rt.fci import CYCLE_S

TOLD = 5e-7  # rad, resolution of the position in a state (32 bits), and half as much again
KEPT = 20  # set-points in a row that may be lost before the arm ends the motion


class TakenSetPoints:
    """The arm's motion by differences of set-points, kept in 64 bits.

    One lost set-point of a smooth motion changes less than a state resolves; several in a row show. So the motions that
    the arm would have made since each of the last ``KEPT`` states are kept, too.

    Args:
        start: where the motion begins [rad].
    """

    def __init__(self, start: Joints) -> None:
        self._sent: Joints | None = None
        self._coasting = np.zeros((0, 3, len(start)))  # without the last 1, 2, ... set-points
        self._motion = np.stack([start, np.zeros(len(start)), np.zeros(len(start))])

    @property
    def motion(self) -> JointState:
        """Where the arm is; the velocity is the mean of the last millisecond."""
        return JointState(*self._motion)

    def send(self, position: Joints) -> None:
        """Note a set-point that is sent [rad]."""
        self._sent = position.copy()

    def step(self, told: JointState, missed: int) -> int:
        """Take in the next state.

        Args:
            told: the motion last commanded, in the state's words (q_d, dq_d, ddq_d).
            missed: states before it that were not seen.

        Returns:
            How many set-points the arm has not taken, up to the one sent last, where that shows only now. A state that
            fits neither what was sent nor its loss is believed, and is no loss.
        """
        coasted = _coast(np.concatenate([self._motion[None], self._coasting]), missed + 1)
        taken = coasted[0] if self._sent is None else _coast(self._follow(self._sent)[None], missed)[0]
        self._sent = None
        if np.abs(taken[0] - told.position).max() <= TOLD:
            self._motion, self._coasting = taken, coasted[:KEPT]
            return 0
        away = np.abs(coasted[:, 0] - told.position).max(axis=1)
        lost = int(away.argmin())
        fits = away[lost] <= TOLD
        self._motion = coasted[lost] if fits else np.stack([told.position, told.velocity, told.acceleration])
        self._coasting = self._coasting[:0]
        return lost + 1 if fits else 0

    def _follow(self, sent: Joints) -> np.ndarray:
        velocity = (sent - self._motion[0]) / CYCLE_S
        return np.stack([sent, velocity, (velocity - self._motion[1]) / CYCLE_S])


def _coast(motions: np.ndarray, cycles: int) -> np.ndarray:
    """Position, velocity, acceleration (n, 3, joints) carried on at constant acceleration, as the arm does."""
    motions = motions.copy()
    for _ in range(cycles):
        motions[:, 1] += CYCLE_S * motions[:, 2]
        motions[:, 0] += CYCLE_S * motions[:, 1]
    return motions

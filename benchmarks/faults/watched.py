"""What the arm is told once a millisecond, by trajectories that reach their controller whenever they do."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from f2o_control.far_end import JointTrajectoryController, PastTrajectoryError
from f2o_control.robot import RobotDescription
from f2o_control.testing import violations
from f2o_control.testing.executed import MS, WHOLE, torque_share
from f2o_nodekit.robot import Gains

LEAP = 1e-5  # rad and rad/s; what is repeated of a motion differs by rounding alone


@dataclass(frozen=True)
class Arrived:
    """A trajectory, and when it arrived on the controller's clock; without points: that clock was set."""

    now_ns: int
    start_ns: int
    times_ns: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray


@dataclass
class Judged:
    """What was found since the judgement before.

    Attributes:
        milliseconds: set-points judged.
        refused: trajectories that had ended when they arrived.
        problems: limits of the arm that set-points or torques leave, in sentences.
        share: the largest share of a limit of velocity, acceleration or jerk.
        torque: the largest share of the torque's step that the FCI takes, of an arm that is held.
    """

    milliseconds: int
    refused: int
    problems: list[str]
    share: float
    torque: float


class WatchedController:
    """joint_trajectory_controller at the end of a running bridge: executes what arrives, and is judged afterwards.

    Set-points are judged across every message and every gap between two. Only where the controller's own clock is set
    does the judgement begin anew, with the next message: there the controller leaps along its trajectory, which no
    sender can prevent.

    Args:
        robot: the arm, at home.
        now_ns: on the controller's clock.
    """

    def __init__(self, robot: RobotDescription, now_ns: int) -> None:
        self._robot, self._lock = robot, threading.Lock()
        self._live = JointTrajectoryController(np.array(robot.home))
        self._behind = JointTrajectoryController(np.array(robot.home))  # as far as it was judged
        self._arrived: list[Arrived] = []
        self._judged_ns = now_ns
        self._blind = False  # since its clock was set
        self._tail = np.zeros((0, 7)), np.zeros((0, 7))  # the last set-points judged, and their velocities

    def take(
        self,
        now_ns: int,
        start_ns: int,
        times_ns: Sequence[int],
        positions: Sequence[Sequence[float]],
        velocities: Sequence[Sequence[float]],
    ) -> bool:
        """A trajectory arrives; arguments as of ``JointTrajectoryController.take``.

        Returns whether the arm is told something else at that very moment: it came after its step had begun.
        """
        one = Arrived(now_ns, start_ns, np.array(times_ns), np.array(positions), np.array(velocities))
        with self._lock:
            self._arrived.append(one)
            before = np.concatenate(self._live.at(now_ns))
            _take(self._live, one)
            return bool(np.abs(np.concatenate(self._live.at(now_ns)) - before).max() > LEAP)

    def set_clock(self, before_ns: int, now_ns: int) -> None:
        """The controller's clock is set from ``before_ns`` to ``now_ns``: the arm stays where it is told to be."""
        nothing = np.zeros(0)
        with self._lock:
            self._arrived.append(Arrived(before_ns, now_ns, nothing, nothing, nothing))
            self._live.reset(self._live.at(before_ns)[0])

    def at(self, now_ns: int) -> list[float]:
        """Where the arm is told to be [rad]."""
        with self._lock:
            return self._live.at(now_ns)[0].tolist()

    def judge(self, now_ns: int) -> Judged:
        """Judge all set-points until ``now_ns`` that were not judged before."""
        with self._lock:
            arrived, self._arrived = self._arrived, []
        found = Judged(0, 0, [], 0.0, 0.0)
        for one in arrived:
            self._advance(one.now_ns, found)
            if len(one.times_ns):
                taken = _take(self._behind, one)
                found.refused += not taken
                if taken and one.start_ns <= one.now_ns:  # else it is of the clock before
                    self._blind = False
                continue
            self._check(found)
            self._behind.reset(self._behind.at(one.now_ns)[0])
            self._tail, self._judged_ns = (np.zeros((0, 7)), np.zeros((0, 7))), one.start_ns
            self._blind = True
        self._advance(now_ns, found)
        self._check(found)
        return found

    def _advance(self, until_ns: int, found: Judged) -> None:
        """Add the set-points before ``until_ns``."""
        times = range(self._judged_ns, until_ns, MS)
        if not times:
            return
        self._judged_ns = times[-1] + MS
        if self._blind:
            return
        found.milliseconds += len(times)
        rows = [self._behind.at(time_ns) for time_ns in times]
        positions, velocities = ([row[k] for row in rows] for k in (0, 1))
        self._tail = np.vstack([self._tail[0], positions]), np.vstack([self._tail[1], velocities])

    def _check(self, found: Judged) -> None:
        """Judge what was added, together with the last set-points of before."""
        positions, velocities = self._tail
        self._tail = positions[-3:], velocities[-3:]
        if len(positions) < 4:
            return
        found.problems += violations(
            positions, self._robot.name, moving=True, period=0.001, scale=WHOLE, start=positions[0]
        )
        found.share = max(found.share, largest_share(positions, self._robot))
        if (gains := self._robot.gains) is not None:
            found.torque = max(found.torque, held_torque(positions, velocities, gains))
        if found.torque > 1:
            found.problems.append(f"torque: {found.torque:.2f} of the step that the FCI takes")


def held_torque(positions: np.ndarray, velocities: np.ndarray, gains: Gains) -> float:
    """The largest share of the torque's step, of an arm that is held."""
    return torque_share(positions, velocities, gains, held=True)


def largest_share(positions: np.ndarray, robot: RobotDescription) -> float:
    """Of the arm's own limits of velocity, acceleration and jerk, the largest share of one.

    ``positions``: (n, joints) [rad], one a millisecond.
    """
    series, share = positions, 0.0
    for bound in (np.array(robot.velocity), np.array(robot.acceleration), np.array(robot.jerk)):
        series = np.diff(series, axis=0) / 0.001
        share = max(share, float((np.abs(series) / bound).max(initial=0.0)))
    return share


def _take(controller: JointTrajectoryController, one: Arrived) -> bool:
    try:
        controller.take(one.start_ns, one.times_ns, one.positions, one.velocities, one.now_ns)
    except PastTrajectoryError:
        return False
    return True

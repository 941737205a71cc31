"""What a receiver's trace and a sender's record say together. Both clocks must be one machine's."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from f2o_control.datagrams import State
from f2o_control.robot import RobotDescription
from f2o_nodekit.stamps import NS_PER_S
from f2o_rt.fci import FciRules

CYCLE_S = 1e-3
LEAD_S = 0.008
Record = Mapping[str, np.ndarray]


def until_fault(trace: Record) -> Record:
    """The cycles until the arm stopped by itself, if it did: from there on set-points mean nothing."""
    stopped = np.flatnonzero(trace["state"] == State.FAULT)
    return {key: trace[key][: stopped[0]] if len(stopped) else trace[key] for key in trace}


def every_cycle(trace: Record, robot: RobotDescription) -> np.ndarray:
    """Set-points of all cycles, shape (cycles, joints): missed ones as the simulated arm fills them.

    By its own arithmetic: where every second cycle is missed, rounding alone grows a thousandfold in ten of
    them. So the receiver asks the arm where it has got to, and a record can only be played back to the bit.
    """
    rules, rows = FciRules(robot, trace["set_point"][0]), []
    for missed, point in zip(trace["missed"], trace["set_point"], strict=True):
        for _ in range(int(missed)):
            rules.miss()
            rows.append(rules.position)
        rules.accept(point)
        rows.append(point)
    return np.array(rows)


def shares(trace: Record, robot: RobotDescription) -> dict[str, float]:
    """The largest velocity, acceleration and jerk, by differences of set-points, as shares of the arm's own limits."""
    found, values = {}, every_cycle(trace, robot)
    for key in ("velocity", "acceleration", "jerk"):
        values = np.diff(values, axis=0) / CYCLE_S
        found[key] = float((np.abs(values).max(axis=0) / np.array(getattr(robot, key))).max())
    return found


def ages_ms(trace: Record) -> np.ndarray:
    """How long before each cycle that follows its newest target had been sent [ms]."""
    following = trace["state"] == State.FOLLOWING
    return (trace["mono_ns"] - trace["sent_ns"])[following] / 1e6


def tracking_error(trace: Record, sent: Record) -> float:
    """The largest distance to what was sent [rad], behind by one fixed time: the one that fits best."""
    from scipy.interpolate import CubicSpline

    path = CubicSpline(sent["mono_ns"] / NS_PER_S, sent["position"])
    inside = (trace["mono_ns"] > sent["mono_ns"][5] + 1e8) & (trace["mono_ns"] < sent["mono_ns"][-1])
    times, points = trace["mono_ns"][inside] / NS_PER_S, trace["set_point"][inside]
    delays = LEAD_S + np.arange(-0.001, 0.03, 0.0002)
    return float(min(np.abs(points - path(times - delay)).max() for delay in delays))


def braking_ms(trace: Record) -> tuple[float, float] | None:
    """From the first missing target to the start of the last braking that came to rest, and from there to rest [ms]."""
    state, times = trace["state"], trace["mono_ns"] / 1e6
    lost = np.flatnonzero((state[1:] == State.WAITING) & (state[:-1] == State.BRAKING)) + 1
    if not len(lost):
        return None
    begun = int(np.flatnonzero(state[: lost[-1]] != State.BRAKING)[-1]) + 1
    taken = int(np.flatnonzero(np.diff(trace["sequence"][:begun]))[-1]) + 1  # the newest target
    moves = np.flatnonzero(np.diff(trace["set_point"][begun : lost[-1] + 1], axis=0).any(axis=1))
    rest = begun + 1 + (int(moves[-1]) if len(moves) else 0)
    return float(times[begun] - times[taken] - 1e3 * LEAD_S), float(times[rest] - times[begun])

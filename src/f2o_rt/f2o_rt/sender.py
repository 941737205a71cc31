"""The bridge's limiter and UDP adapter alone, without ROS, on a sinusoidal motion: ``python -m f2o_rt.sender``.

For the benchmark, the tests, and a first test of the link against ``arm: mock``.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from f2o_control.adapters.udp import UdpAdapter, UdpRules
from f2o_control.limiter import TargetLimiter
from f2o_control.limits import Joints
from f2o_control.reference import Reference
from f2o_control.robot import load_robot
from f2o_nodekit.errors import F2oError
from f2o_nodekit.pace import Pace, request_fifo

PERIOD_S = 0.008
READY_S = 10.0  # for the receiver to answer
AMPLITUDE, HZ, GROWS_S = 0.35, 0.35, 0.6  # rad of the first joint, a third of it of the last; 0.77 rad/s


def oscillate(home: Joints, time_s: float) -> Reference:
    """A sinusoidal motion of every joint about ``home`` that sets in gently, about as fast as a demonstration."""

    def at(t: float) -> Joints:
        grown = 1 - np.exp(-((max(t, 0.0) / GROWS_S) ** 3))
        return home + AMPLITUDE * np.linspace(1.0, 0.3, len(home)) * np.sin(2 * np.pi * HZ * t) * grown

    step_s = 1e-4
    return Reference(at(time_s), (at(time_s + step_s) - at(time_s - step_s)) / (2 * step_s))


def run(robot_path: Path, rules: UdpRules, seconds: float, out: str) -> str:
    """Send for ``seconds`` and write the commands to ``out``; returns the first problem, or ''."""
    request_fifo(60)
    robot = load_robot(robot_path)
    adapter, limiter = UdpAdapter(robot, rules), TargetLimiter(robot.limits(), PERIOD_S)
    pace, ready_s, began_s = Pace(PERIOD_S), time.monotonic() + READY_S, 0.0
    home: Joints | None = None  # where the motion begins
    rows, problems = [], []
    while home is None or time.monotonic() - began_s < seconds:
        tick = pace.wait()
        far = adapter.poll(tick.ideal_mono_ns)
        if home is None:
            if far.joints is not None and not far.problem:
                limiter.reset(far.joints.positions)
                began_s, home = time.monotonic(), far.joints.positions
            elif time.monotonic() > ready_s:
                return far.problem
            continue
        if far.problem:
            problems.append((time.monotonic_ns(), far.problem))
        command, _ = limiter.step(oscillate(home, time.monotonic() - began_s - 0.5), limiter.state.position)
        rows.append((time.monotonic_ns(), *command.state.position))
        adapter.send(command, 0.05)
    np.savez_compressed(
        out,
        mono_ns=np.array([row[0] for row in rows]),
        position=np.array([row[1:] for row in rows]),
        problem_ns=np.array([at for at, _ in problems], dtype=np.int64),
    )
    return problems[0][1] if problems else ""


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser("sender", description=__doc__)
    parser.add_argument("robot", type=Path, help="YAML file of the robot")
    parser.add_argument("--host", default=UdpRules.host)
    parser.add_argument("--port", default=UdpRules.port, type=int)
    parser.add_argument("--seconds", default=10.0, type=float)
    parser.add_argument("--out", default="sent.npz")
    parser.add_argument("--key", default=UdpRules.key, help="file that the receiver has, too")
    given = parser.parse_args()
    rules = UdpRules(given.host, given.port, given.key)
    try:
        print(run(given.robot, rules, given.seconds, given.out), flush=True)
    except F2oError as error:
        print(f"sender: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()

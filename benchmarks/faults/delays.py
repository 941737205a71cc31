"""The bridge itself late, missing or stopped, on a simulated clock: what the arm is told in each millisecond."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from f2o_control.config import BridgeConfig
from f2o_control.robot import RobotDescription, load_robot
from f2o_control.testing import CONFIG, PERIOD, violations
from f2o_control.testing.executed import WHOLE, Executed, TimedBridge, swing, torque_share
from jaxtyping import config as jaxtyping_config

from benchmarks.faults.watched import largest_share
from benchmarks.fuzz_bridge.far_ends import far_end

ROBOTS, ADAPTERS = ("panda", "fr3"), ("jtc", "crisp", "multipanda", "udp")
SPEED, SECONDS = 1.0, 2.2  # of all joints [rad/s]
AT_S, AT_TICK = 1.2, 150  # in full motion
LONGEST_S = 3.0


def starved(tick: int) -> float:
    """How late this tick is where something else has the core for 6 ms on average [s]."""
    return min(float(np.random.default_rng(tick).exponential(0.006)), 0.02)


def late(by_s: float) -> dict[str, Any]:
    """One tick in 20 late by so much."""
    return {"late_s": lambda tick: by_s * (tick % 20 == 0)}


def missed(count: int) -> dict[str, Any]:
    """So many ticks in a row."""
    return {"late_s": lambda tick: None if AT_TICK <= tick < AT_TICK + count else 0.0}


def works(for_s: float) -> dict[str, Any]:
    """One tick in 20 loses its core for so long after it has read the clock."""
    return {"work_s": lambda tick: for_s * (tick % 20 == 0)}


def stopped(for_s: float) -> dict[str, Any]:
    """The process stopped and continued, as by SIGSTOP and SIGCONT."""
    return {"stopped": (AT_S, AT_S + for_s)}


DELAYS: dict[str, dict[str, Any]] = {
    "none": {},
    **{f"one tick in 20 late by {ms:g} ms": late(ms / 1e3) for ms in (0.5, 4, 7, 20)},
    **{f"one tick in 20 works for {ms:g} ms": works(ms / 1e3) for ms in (5, 12, 40)},
    **{f"{count} tick{'s' * (count > 1)} missed": missed(count) for count in (1, 5, 50)},
    "a starved core": {"late_s": starved},
    **{f"stopped for {s:g} s": stopped(s) for s in (0.02, 0.15, 0.5, 1.0, 3.0)},
}


def run_delays(only: str = "") -> Iterator[dict[str, Any]]:
    """Every delay whose name contains ``only``, with each robot and adapter: a row of what it came to."""
    jaxtyping_config.update("jaxtyping_disable", True)
    for adapter in ADAPTERS:
        for robot in ROBOTS:
            for name in (name for name in DELAYS if only in name):
                yield delay(name, adapter, load_robot(CONFIG / f"robots/{robot}.yaml"))


def delay(name: str, adapter: str, robot: RobotDescription) -> dict[str, Any]:
    """One delay with one adapter and arm; ``problems`` says in sentences what the arm must not be told."""
    end = far_end(robot, BridgeConfig(robot=robot.name, adapter=adapter))
    bridge = TimedBridge(
        robot, swing(robot, SPEED, tuple(range(7))), far_end=end, adapter=adapter, **DELAYS[name]
    )
    run = bridge.run(SECONDS + (LONGEST_S if "stopped" in name else 0.0))
    row: dict[str, Any] = {"delay": name, "adapter": adapter, "robot": robot.name, "ends_in": run.modes[-1]}
    if end.holds:
        steps = np.abs(np.diff(run.positions, axis=0)).max(axis=0)
        share = float((steps / (robot.limits("normal").velocity * PERIOD)).max())
        problems = (
            [f"a set-point leaps {share:.2f} of what a joint moves within a tick"] if share > 1.001 else []
        )
        return row | {"share": share, "problems": problems}
    problems = violations(run.positions, robot.name, period=0.001, scale=WHOLE)
    torque = {}
    if adapter == "jtc" and robot.gains is not None:
        torque = {
            held: torque_share(run.positions, run.velocities, robot.gains, held) for held in (True, False)
        }
        problems += [f"torque: {torque[True]:.2f} of the step that the FCI takes"] if torque[True] > 1 else []
    if still_moving(run) and run.modes[-1] != "policy":
        problems.append("the arm is still moving")
    return row | {
        "share": largest_share(run.positions, robot),
        "torque_held": torque.get(True),
        "torque_followed": torque.get(False),
        "problems": problems,
    }


def still_moving(run: Executed) -> bool:
    """Whether set-points have changed in the last 50 ms."""
    return bool(np.ptp(run.positions[-50:], axis=0).any())

"""``python -m benchmarks.tracking DATA``: how closely demonstrations pass through the bridge; f2o convert made DATA.

Each episode's commands are sent as targets without velocities, on a simulated clock; the bridge's command that is due
with a target is compared with it. Ends with 1 where a target was refused or a command exceeds a limit. Writes
tracking.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from f2o_control.limiter import Verdict
from f2o_control.robot import load_robot
from f2o_control.state import Mode
from f2o_control.testing import CONFIG, violations
from f2o_control.testing.rig import TICK_NS, Rig
from jaxtyping import config
from tqdm import tqdm

from benchmarks.common.record import write_result

SETTLE_TICKS = 40  # after arming, not judged: the bridge waits settle_s for the arm's controller


def episodes(folder: Path) -> list[np.ndarray]:
    """Commands of each episode, shape (ticks, 8)."""
    commands, stamps = (
        np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("commands", "command_stamps")
    )
    return np.split(np.asarray(commands), 1 + np.flatnonzero(np.diff(stamps) != TICK_NS))


def play(rig: Rig, commands: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Send an episode; errors [rad], shape (ticks, 7), and the bridge's commands."""
    rig.targets, made, errors = False, [], []
    rig.bridge.disarm()
    rig.run(0.5)
    rig.arm_at = commands[0, :7].copy()
    rig.tick()
    assert rig.arm().accepted
    for tick in range(-SETTLE_TICKS, len(commands)):
        wanted = commands[max(tick, 0)]
        due_ns = rig.mono_ns + 2 * TICK_NS + rig.ros_offset_ns  # with the command of the coming tick
        rig.target(positions=[*wanted[:7]], gripper_width=float(wanted[7]), velocities=[], due_ros_ns=due_ns)
        rig.tick()
        if tick >= 0:
            made.append(rig.arm_at)
            errors.append(rig.arm_at - wanted[:7])
    assert rig.bridge.mode is Mode.POLICY, rig.bridge.machine.reason
    return np.array(errors), made


def main() -> int:
    """Play every episode; 1 where one was refused or exceeds a limit."""
    parser = argparse.ArgumentParser(prog="benchmarks.tracking", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--episodes", type=int, default=30)
    parser.add_argument("--profile", default="normal", help="of the robot's limits")
    parser.add_argument("--out", type=Path, default=Path("out/tracking"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    config.update("jaxtyping_disable", True)
    rig, errors, found = Rig(load_robot(CONFIG / "robots/panda.yaml"), profile=given.profile), [], []
    for commands in tqdm(episodes(given.data)[: given.episodes], unit="episode"):
        error, made = play(rig, commands)
        errors.append(np.abs(error).max(axis=1))
        found += violations(made, moving=True, profile=given.profile)
        rig.sent.clear()
    p50, p99, most = 1e3 * np.percentile(np.concatenate(errors), [50, 99, 100])
    refused = sum(sum(source.check.refused.values()) for source in rig.bridge.sources.values())
    report = {
        "profile": given.profile,
        "episodes": len(errors),
        "ticks": sum(map(len, errors)),
        "error_mrad": {"p50": round(p50, 3), "p99": round(p99, 3), "max": round(most, 3)},
        "refused": refused,
        "guarded": sum(count for verdict, count in rig.bridge.verdicts.items() if verdict & Verdict.GUARDED),
        "violations": len(found),
    }
    write_result(given.out / "tracking.json", report)
    print(json.dumps(report))
    return 1 if found or refused else 0


if __name__ == "__main__":
    sys.exit(main())

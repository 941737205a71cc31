"""``python -m benchmarks.loop``: the whole live loop for minutes, every tick counted.

The graph of ``make demo`` plays episode after episode until the time is over; with ``--load`` a further process keeps a
core busy. Written: loop.json (ticks, misses, every stage from exposure to command, memory and processor time of every
process, how long the start took, when the machine itself stood still) and latency.png.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from f2o_control.robot import load_robot
from f2o_nodekit.errors import F2oError
from f2o_nodekit.paths import config_file
from f2o_nodekit.stamps import NS_PER_S
from f2o_policy.checkpoint import load_checkpoint
from f2o_policy.runtime.export import write_export
from f2o_policy.runtime.latency import read_trace, report, table
from f2o_policy.runtime.load import read_spec

from benchmarks.common.record import write_result
from benchmarks.loop.stalls import Stalls, watch

PRINTED = ("ticks", "tick_hz", "deadline_misses", "late_ticks", "machine_stalls", "limit_violations")
PERIOD_S = 0.008
TICK_TIMES = ("armed", "ok", "ideal_mono_ns", "done_ns")


def main() -> int:
    """Run; 2 with one sentence when something is missing."""
    parser = argparse.ArgumentParser(prog="benchmarks.loop", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/bench_loop"))
    parser.add_argument("--checkpoint", type=Path, default=Path("checkpoints/reach_around/student.pt"))
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--load", action="store_true", help="keep one core busy beside it")
    arguments = parser.parse_args()
    try:
        result = measure(
            arguments.checkpoint, arguments.out, arguments.minutes, arguments.seed, arguments.load
        )
    except F2oError as error:
        print(f"loop: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nloop: stopped", file=sys.stderr)
        return 130
    write_result(arguments.out / "loop.json", result)
    print(json.dumps({key: result[key] for key in PRINTED}))
    return 0


def measure(checkpoint: Path, out: Path, minutes: float, seed: int, load: bool) -> dict[str, Any]:
    """Play for ``minutes``, then read both traces."""
    out.mkdir(parents=True, exist_ok=True)
    policy = out / "policy"
    shutil.rmtree(policy, ignore_errors=True)
    write_export(load_checkpoint(checkpoint), policy)
    traces = {"trace": out / "policy.npz", "bridge_trace": out / "bridge.npz"}
    for path in traces.values():
        path.unlink(missing_ok=True)
    named = {"sim": "true", "checkpoint": policy, "seed": seed, **traces}
    os.environ.setdefault("ROS_DOMAIN_ID", "87")
    from benchmarks.loop.play_node import play

    with busy(load), watch() as stalls:
        played = play({k: str(v) for k, v in named.items()}, seed, minutes)
    latency = report(traces["trace"], traces["bridge_trace"], out)
    print(table(latency))
    run, episodes = played.run, played.run.episodes
    return {
        "policy": read_spec(policy).source_sha256,
        "minutes": minutes,
        "seed": seed,
        "a_core_kept_busy": load,
        "cpus": len(os.sched_getaffinity(0)),
        "start_to_armed_s": round(played.start_s, 2),
        "episodes": len(episodes),
        "successes": sum(t.success for t in episodes),
        "collisions": sum(t.collision for t in episodes),
        "camera_hz": round(run.median("sim_node: cameras/camera_hz"), 2),
        "real_time_factor": round(run.median("sim_node: physics/real_time_factor"), 4),
        "commands": len(played.commands),
        "limit_violations": beyond(played.commands),
        "processes": played.processes,
        "machine_stalls": stalls.to_dict(),
        "late_ticks": late_ticks(read_trace(traces["trace"], TICK_TIMES), stalls),
        **latency.to_dict(),
    }


def late_ticks(ticks: dict[str, np.ndarray], stalls: Stalls) -> dict[str, int]:
    """How many ticks in charge handed over after the next was due, and how many of them while no stall was seen.

    The time in question begins a period before the tick: the thread that woke late was asleep then.
    """
    late = (ticks["armed"] > 0) & (ticks["ok"] > 0) & (ticks["done_ns"] > PERIOD_S * NS_PER_S)
    ideal, done = ticks["ideal_mono_ns"][late], ticks["done_ns"][late]
    stalled = stalls.during(ideal - round(PERIOD_S * NS_PER_S), ideal + done)
    return {"count": int(late.sum()), "without_a_stall": int((~stalled).sum())}


def beyond(commands: list[Any]) -> dict[str, int]:
    """How many commands left the arm's limits of position, velocity or acceleration, a margin of 0.1 % allowed.

    Acceleration is looked at between commands that followed one another within one and a half periods.
    """
    limits = load_robot(config_file("robots/panda.yaml")).limits()
    q, v = (
        np.array([getattr(c, name) for c in commands]) for name in ("joint_positions", "joint_velocities")
    )
    stamps = np.array([c.header.stamp.sec * NS_PER_S + c.header.stamp.nanosec for c in commands])
    follows = np.diff(stamps) < 1.5 * PERIOD_S * NS_PER_S
    acceleration = np.abs(np.diff(v, axis=0))[follows] / PERIOD_S
    wrong = {
        "position": (q < limits.lower - 1e-6) | (q > limits.upper + 1e-6),
        "velocity": np.abs(v) > 1.001 * limits.velocity,
        "acceleration": acceleration > 1.001 * limits.acceleration,
    }
    return {name: int(where.any(axis=1).sum()) for name, where in wrong.items()}


@contextmanager
def busy(wanted: bool) -> Iterator[None]:
    """Keep one core busy, if ``wanted``."""
    process = multiprocessing.get_context("spawn").Process(target=_burn, daemon=True) if wanted else None
    if process is not None:
        process.start()
    try:
        yield
    finally:
        if process is not None:
            process.kill()
            process.join()


def _burn() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    count = 0
    while True:  # in Python alone: a matrix product would take every core
        count += 1


if __name__ == "__main__":
    sys.exit(main())

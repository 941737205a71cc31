"""``python -m f2o_sim.bench.loop``: the whole live loop for minutes, every tick counted.

The graph of ``make demo`` plays episode after episode until the time is over; with ``--load`` a further process keeps a
core busy. Written: loop.json (ticks, misses, every stage from exposure to command, memory and processor time of every
process, how long the start took, when the machine itself stood still) and latency.png.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from f2o_bringup.processes import Running, start
from f2o_control.robot import load_robot
from f2o_nodekit.errors import F2oError
from f2o_nodekit.stamps import NS_PER_S
from f2o_policy.checkpoint import load_checkpoint
from f2o_policy.data.files import write_json
from f2o_policy.runtime.export import write_export
from f2o_policy.runtime.latency import read_trace, report, table
from f2o_policy.runtime.load import read_spec
from tqdm import tqdm

from f2o_sim.bench.stalls import Stalls, watch
from f2o_sim.demo.trials import Run
from f2o_sim.paths import config_file

PRINTED = ("ticks", "tick_hz", "deadline_misses", "late_ticks", "machine_stalls", "limit_violations")
START_S = 60.0
PERIOD_S = 0.008
TICK_TIMES = ("armed", "ok", "ideal_mono_ns", "done_ns")


def main() -> int:
    """Run; 2 with one sentence when something is missing."""
    parser = argparse.ArgumentParser(prog="f2o_sim.bench.loop", description=__doc__)
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
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nbench: stopped", file=sys.stderr)
        return 130
    write_json(arguments.out / "loop.json", result)
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
    with busy(load), watch() as stalls:
        played = _play({k: str(v) for k, v in named.items()}, seed, minutes)
    latency = report(*traces.values(), out)
    print(table(latency))
    run, trials = played.run, played.run.trials
    return {
        "policy": read_spec(policy).source_sha256,
        "minutes": minutes,
        "seed": seed,
        "a_core_kept_busy": load,
        "cpus": len(os.sched_getaffinity(0)),
        "start_to_armed_s": round(played.start_s, 2),
        "episodes": len(trials),
        "successes": sum(t.success for t in trials),
        "collisions": sum(t.collision for t in trials),
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


@dataclass(frozen=True)
class Played:
    """What happened: trials and diagnostics, every command of the bridge, what the processes took."""

    run: Run
    commands: list[Any]  # JointState
    processes: dict[str, Any]
    start_s: float  # from the first process to an armed bridge


def _play(arguments: dict[str, str], seed: int, minutes: float) -> Played:
    import rclpy
    from f2o_nodekit.ros import reliable
    from rclpy.serialization import deserialize_message
    from rclpy.signals import SignalHandlerOptions
    from sensor_msgs.msg import JointState

    from f2o_sim.demo.trials_node import TrialsNode

    begin = time.monotonic()
    with start("deploy", arguments, write=lambda line: None) as running:
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        try:
            node, commands = TrialsNode(running.check), []
            node.create_subscription(
                JointState, "/f2o/joint_command", commands.append, reliable(50), raw=True
            )
            node.arm_and_disarm(START_S)
            start_s = time.monotonic() - begin
            node.wait_until_live(START_S)
            begun, before = time.monotonic(), usage(running)
            _trials(node, seed, 60 * minutes)
            changed = _change(before, usage(running), time.monotonic() - begun)
            node.destroy_node()
        finally:
            rclpy.try_shutdown()
    return Played(node.run, [deserialize_message(c, JointState) for c in commands], changed, start_s)


def _trials(node: Any, seed: int, seconds: float) -> None:
    """One trial after the other until the time is over."""
    until = time.monotonic() + seconds
    with tqdm(total=round(seconds), unit="s", desc="live") as bar:
        for index in itertools.count():
            begun = time.monotonic()
            if begun >= until:
                return
            node.trial(seed + index, timeout_s=20.0)
            bar.update(round(time.monotonic() - begun))


def usage(running: Running) -> dict[str, dict[str, float]]:
    """Resident memory [MB] and processor time so far [s] of every process of a graph."""
    page, clock = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
    found = {}
    for name, process in running.processes.items():
        root = Path("/proc") / str(process.popen.pid)
        stat = (root / "stat").read_text().rpartition(")")[2].split()
        cpu_s = (int(stat[11]) + int(stat[12])) / clock
        found[name] = {"memory_mb": int((root / "statm").read_text().split()[1]) * page / 1e6, "cpu_s": cpu_s}
    return found


def beyond(commands: list[Any]) -> dict[str, int]:
    """How many commands left the arm's limits of position, velocity or acceleration, a margin of 0.1 % allowed.

    Acceleration is looked at between commands that followed one another within one and a half periods.
    """
    limits = load_robot(config_file("robot_panda.yaml")).limits()
    q, v = (np.array([getattr(c, name)[:7] for c in commands]) for name in ("position", "velocity"))
    stamps = np.array([c.header.stamp.sec * NS_PER_S + c.header.stamp.nanosec for c in commands])
    follows = np.diff(stamps) < 1.5 * PERIOD_S * NS_PER_S
    acceleration = np.abs(np.diff(v, axis=0))[follows] / PERIOD_S
    wrong = {
        "position": (q < limits.lower - 1e-6) | (q > limits.upper + 1e-6),
        "velocity": np.abs(v) > 1.001 * limits.velocity,
        "acceleration": acceleration > 1.001 * limits.acceleration,
    }
    return {name: int(where.any(axis=1).sum()) for name, where in wrong.items()}


def _change(before: dict[str, Any], after: dict[str, Any], seconds: float) -> dict[str, Any]:
    return {
        name: {
            "memory_mb": [round(before[name]["memory_mb"], 1), round(after[name]["memory_mb"], 1)],
            "cpu_share": round((after[name]["cpu_s"] - before[name]["cpu_s"]) / seconds, 3),
        }
        for name in before
    }


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

"""``python -m benchmarks.demo``: start the graph, run the episodes, report."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
from f2o_bringup.processes import Running, start
from f2o_nodekit.entry import restore_interrupt
from f2o_nodekit.errors import F2oError
from f2o_policy.checkpoint import Checkpoint, load_checkpoint
from f2o_policy.data.files import write_json
from f2o_policy.runtime.trace import summarise
from tqdm import tqdm

from benchmarks.demo.episodes import Episode, Run, count
from benchmarks.demo.report import print_table

TASK = "reach_around"


def main() -> int:
    """Run the demo; 0 when it ran to its end, 2 with one sentence when something was missing."""
    restore_interrupt()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _demo(_arguments())
    except KeyboardInterrupt:
        print("\ndemo: stopped", file=sys.stderr)
        return 130
    except F2oError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.demo", description=__doc__)
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument(
        "--seed", type=int, default=1000, help="of the first episode's scene; the others follow"
    )
    parser.add_argument(
        "--adapter",
        choices=("jtc", "udp"),
        default="jtc",
        help="how commands reach the arm; udp: f2o_rt, the real libfranka and a simulated control unit",
    )
    parser.add_argument(
        "--out", type=Path, help="(default: out/demo, with another adapter out/demo_<adapter>)"
    )
    parser.add_argument("--checkpoint", type=Path, default=Path("checkpoints") / TASK / "student.pt")
    arguments = parser.parse_args()
    if arguments.out is None:
        arguments.out = Path("out/demo" if arguments.adapter == "jtc" else f"out/demo_{arguments.adapter}")
    if arguments.episodes < 1:
        parser.error(f"--episodes: expected 1 or more, got {arguments.episodes}")
    return arguments


def _demo(arguments: argparse.Namespace) -> int:
    arguments.out.mkdir(parents=True, exist_ok=True)
    student = load_checkpoint(arguments.checkpoint)
    seeds = list(range(arguments.seed, arguments.seed + arguments.episodes))
    run = _live(seeds, _export(student, arguments.out / "policy"), arguments.out, arguments.adapter)
    report = _live_report(run, arguments)
    report["checkpoint"] = {"data_sha256": student.data_sha256, "seed": student.seed}
    write_json(arguments.out / "report.json", report)
    _pictures(run, student, arguments.out)
    print_table(report)
    print(f"\nreport, film and recording: {arguments.out}/")
    return 0


def _export(student: Checkpoint, out: Path) -> Path:
    """The student as the policy node is to run it: without torch, live within seconds."""
    from f2o_policy.runtime.export import write_export

    shutil.rmtree(out, ignore_errors=True)
    write_export(student, out)
    return out


def _live(seeds: list[int], policy: Path, out: Path, adapter: str) -> Run:
    """Start the deploy graph and run one episode per seed through it."""
    from benchmarks.demo.episodes_node import run_episodes

    os.environ.setdefault("ROS_DOMAIN_ID", "88")  # another graph on this machine must not answer
    for stale in ("trace.npz", "states.npz"):
        (out / stale).unlink(missing_ok=True)
    running = start(
        "deploy",
        {
            "sim": "true",
            "adapter": adapter,
            "checkpoint": str(policy.resolve()),
            "trace": str((out / "trace.npz").resolve()),
            "state_log": str((out / "states.npz").resolve()),
            "seed": str(seeds[0]),
        },
    )
    try:
        with tqdm(total=len(seeds), desc="episodes through the ROS nodes", unit="ep") as bar:
            return run_episodes(seeds, alive=running.check, progress=lambda episode: _show(bar, episode))
    finally:
        _stop(running)


def _stop(running: Running) -> None:
    """End every process; a second Ctrl-C must not leave one behind."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    running.stop()
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _show(bar: tqdm, episode: Episode) -> None:
    verdict = "grasped" if episode.success else "collision" if episode.collision else "failed"
    bar.write(f"  seed {episode.seed}: {verdict}, {episode.side or 'no side'}, {episode.duration_s:.1f} s")
    bar.update()


def _live_report(run: Run, arguments: argparse.Namespace) -> dict[str, Any]:
    with np.load(arguments.out / "trace.npz") as trace:
        columns = {name: trace[name] for name in trace.files if name != "extra"}
    report = count(run.episodes) | summarise(columns)
    report["camera_hz"] = round(run.median("sim_node: cameras/camera_hz"), 2)
    report["observation_hz"] = round(run.median("perception_node: observation/observation_hz"), 2)
    report["real_time_factor"] = round(run.median("sim_node: physics/real_time_factor"), 4)
    more = {"seed": arguments.seed, "task": TASK, "adapter": arguments.adapter, "cpus": os.cpu_count()}
    return report | more


def _pictures(run: Run, student: Checkpoint, out: Path) -> None:
    from benchmarks.common.video import render_episodes
    from benchmarks.demo.pictures import one_of_each_side, save_rerun

    chosen = one_of_each_side(run.episodes) or [0]
    render_episodes(out / "states.npz", chosen, out / "episodes.mp4")
    save_rerun(out / "demo.rrd", run.first, student)


if __name__ == "__main__":
    sys.exit(main())

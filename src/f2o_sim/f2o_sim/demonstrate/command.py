"""``f2o demonstrate``: a data set of scripted demonstrations, one per scene.

World, cameras, perception and bridge are those of the nodes (``session``), as fast as the processor allows. The same
seeds give the same data on the same machine, however many processes share the work.
"""

from __future__ import annotations

import argparse
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from f2o_policy.commands.common import positive, rate, seed

TASK = "reach_around"
_open: dict[str, Any] = {}  # per process: creating a session costs more than an episode


def add(commands: Any) -> None:
    """Add ``demonstrate`` to the parser of ``f2o`` (entry point group f2o.commands)."""
    command = commands.add_parser(
        "demonstrate", help="a data set of scripted demonstrations, without ROS and faster than they last"
    )
    command.set_defaults(run=run)
    command.add_argument("--out", type=Path, required=True, help="data set; an existing one is continued")
    command.add_argument(
        "--episodes", type=positive, default=120, help="from the first seed on (default 120)"
    )
    command.add_argument("--seed", type=seed, default=0, help="of the first scene (default 0)")
    command.add_argument("--camera-hz", type=rate, default=30.0, help="frame rate (default 30)")
    command.add_argument("--perception", type=Path, help="default: the installed perception.yaml")
    command.add_argument("--processes", type=positive, default=1)


def run(arguments: argparse.Namespace) -> int:
    """Demonstrate the missing scenes.

    Raises:
        DatasetError: ``out`` holds data of another layout. FullDiskError. GraphicsError: this machine cannot render.
    """
    from f2o_nodekit.config import load_config
    from f2o_nodekit.paths import config_file
    from f2o_nodekit.robot import read_robot
    from f2o_nodekit.workers import results
    from f2o_perception.config import PerceptionConfig
    from f2o_policy.data.arm import tool_positions
    from f2o_policy.data.store import DatasetWriter
    from tqdm import tqdm

    from f2o_sim.demonstrate.rig import source

    perception = arguments.perception or config_file("perception.yaml")
    robot = read_robot(load_config(PerceptionConfig, perception).robot)
    play = partial(_play, str(perception), arguments.camera_hz)
    sides: Counter[str] = Counter()
    first = arguments.seed
    with (
        DatasetWriter(arguments.out, tool_positions(robot)) as writer,
        tqdm(total=arguments.episodes, desc="demonstrations", unit="episode") as bar,
    ):
        there = writer.sources
        while bar.n < arguments.episodes:
            seeds = range(first, first + arguments.episodes - bar.n)
            first = seeds.stop
            known = [one for one in seeds if source(TASK, one) in there]
            missing = [one for one in seeds if one not in known]
            bar.update(len(known))
            for made in results(play, missing, arguments.processes, _close):
                if made is None:
                    sides["discarded"] += 1
                    continue
                writer.add_episode(made.observations, made.command_stamps_ros_ns, made.commands, made.meta)
                sides[made.meta["side"]] += 1
                bar.update()
                bar.set_postfix(sides)
    print(f"{arguments.out}: {arguments.episodes} demonstrations, new ones: {dict(sides)}")
    return 0


def _play(perception: str, camera_hz: float, seed: int) -> Any:
    """One demonstration; None where the demonstrator failed."""
    from f2o_control.config import BridgeConfig
    from f2o_nodekit.config import load_config
    from f2o_perception.config import PerceptionConfig

    from f2o_sim.collector import DemonstrationCollector
    from f2o_sim.demonstrate.rig import HeadlessRig
    from f2o_sim.session import Session

    if not _open:
        config = load_config(PerceptionConfig, perception)
        _open["session"] = Session(TASK, camera_hz, config, BridgeConfig(source="teleop"))
        _open["rig"] = HeadlessRig(_open["session"])
        _open["collector"] = DemonstrationCollector(_open["rig"], _open["session"].tick_s)
    _open["collector"].episode(seed)
    return _open["rig"].demonstration


def _close() -> None:
    if _open:
        _open["session"].close()
        _open.clear()

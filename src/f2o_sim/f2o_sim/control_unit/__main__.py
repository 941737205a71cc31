"""``f2o-sim-franka``: a simulated control unit that libfranka programs connect to."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from f2o_control.robot import load_robot
from f2o_nodekit.errors import F2oError
from f2o_nodekit.pace import request_fifo
from f2o_nodekit.robot import robot_file
from f2o_rt.fci import CYCLE_S

from f2o_sim.control_unit.gripper import MAX_WIDTH, ExactFingers, Hand
from f2o_sim.control_unit.server import ANSWER_S, Server
from f2o_sim.control_unit.shared import Block, SharedArm, SharedFingers
from f2o_sim.control_unit.unit import ControlUnit
from f2o_sim.errors import SimError


def run(words: list[str]) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        SimError: the robot is not known, the address cannot be listened on, or the object does not fit the hand.
    """
    parser = argparse.ArgumentParser("f2o-sim-franka", description=__doc__)
    parser.add_argument("--robot", default="fr3", help="a robot's name or YAML file (default: fr3)")
    parser.add_argument("--listen", default="127.0.0.1", metavar="ADDRESS", help="(default: 127.0.0.1)")
    parser.add_argument(
        "--object", type=float, default=0.0, metavar="M", help="width of an object between the fingers"
    )
    parser.add_argument(
        "--free-running",
        action="store_true",
        help="a state each millisecond, whether the last was answered or not",
    )
    parser.add_argument(
        "--shared", type=int, help=argparse.SUPPRESS
    )  # memory shared with the arm's simulator
    parser.add_argument(
        "--fifo-priority",
        type=int,
        default=70,
        help="SCHED_FIFO where the system grants it; 0: none (default: 70)",
    )
    given = parser.parse_args(words)
    if not 0.0 <= given.object <= MAX_WIDTH:
        raise SimError(f"--object: expected 0 to {MAX_WIDTH} m, got {given.object}")
    robot, stopping = load_robot(robot_file(given.robot, Path.cwd())), threading.Event()
    block = None if given.shared is None else Block(given.shared)
    server = Server(
        ControlUnit(robot, None if block is None else SharedArm(block)),
        Hand(ExactFingers(given.object) if block is None else SharedFingers(block)),
        given.listen,
        CYCLE_S if given.free_running else ANSWER_S,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    if block is not None:
        signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # of a terminal, to the simulator: which ends this process, too
    print(f"control unit of {robot.name} on {given.listen}", flush=True)
    if given.fifo_priority:
        request_fifo(given.fifo_priority)
    parent = os.getppid()  # a simulator, perhaps, without which there is no arm
    server.run(lambda: stopping.is_set() or (block is not None and os.getppid() != parent))
    print(f"{server.cycles} states of motions, {server.lost} of them without an answer in time", flush=True)


def main() -> None:
    """Entry point."""
    try:
        run(sys.argv[1:])
    except F2oError as error:
        print(f"f2o-sim-franka: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()

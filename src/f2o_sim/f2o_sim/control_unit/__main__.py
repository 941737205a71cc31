"""``f2o-sim-franka``: a simulated control unit that libfranka programs connect to."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from f2o_control.robot import load_robot
from f2o_nodekit.errors import F2oError
from f2o_nodekit.paths import find_config

from f2o_sim.control_unit.gripper import MAX_WIDTH, Hand
from f2o_sim.control_unit.model import robot_model
from f2o_sim.control_unit.server import Server
from f2o_sim.control_unit.unit import ControlUnit
from f2o_sim.errors import SimError


def run(words: list[str]) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        SimError: the robot is not known, the address cannot be listened on, or the object does not fit the hand.
    """
    parser = argparse.ArgumentParser("f2o-sim-franka", description=__doc__)
    parser.add_argument("--robot", default="fr3", help="<robot> of a robot_<robot>.yaml (default: fr3)")
    parser.add_argument("--listen", default="127.0.0.1", metavar="ADDRESS", help="(default: 127.0.0.1)")
    parser.add_argument(
        "--object", type=float, default=0.0, metavar="M", help="width of an object between the fingers"
    )
    parser.add_argument(
        "--free-running",
        action="store_true",
        help="a state each millisecond, whether the last was answered or not",
    )
    given = parser.parse_args(words)
    if not 0.0 <= given.object <= MAX_WIDTH:
        raise SimError(f"--object: expected 0 to {MAX_WIDTH} m, got {given.object}")
    if not (path := find_config(f"robot_{given.robot}.yaml", "")):
        raise SimError(f"--robot: expected the <robot> of a robot_<robot>.yaml, got {given.robot!r}")
    robot, stopping = load_robot(path), threading.Event()
    server = Server(
        ControlUnit(robot, robot_model(robot)),
        Hand(object_width=given.object),
        given.listen,
        not given.free_running,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    print(f"control unit of {robot.name} on {given.listen}", flush=True)
    server.run(stopping.is_set)
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

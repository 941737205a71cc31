"""``f2o_rt_receiver``: the program on the real-time PC."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from f2o_control.braking import JointState
from f2o_control.datagrams import UNPROVEN, Flag, Target, new_session
from f2o_control.key import key_for, make_key
from f2o_control.limits import Joints
from f2o_control.robot import RobotDescription, load_robot
from f2o_control.wire import pack_target
from f2o_nodekit.config import load_config
from f2o_nodekit.errors import F2oError
from f2o_nodekit.pace import request_fifo
from f2o_nodekit.paths import config_file
from f2o_nodekit.robot import robot_file

from f2o_rt.arm import Arm
from f2o_rt.arms import make_arm, make_stepped_arm
from f2o_rt.config import ReceiverConfig
from f2o_rt.core import CYCLE_NS, Receiver
from f2o_rt.errors import ArmError, ReceiverError
from f2o_rt.loop import Loop
from f2o_rt.stepped import Clock, SteppedSocket

LOCK_NOW_AND_LATER = 3  # mlockall's MCL_CURRENT | MCL_FUTURE
RETRY_S = 0.2
STATUS_PERIOD_S = 1.0  # between two status lines


def parse(words: list[str]) -> tuple[ReceiverConfig, int | None]:
    """The configuration, with the overrides of the command line, and the link to a simulation's clock if there is one.

    Raises:
        ConfigError: the file or a value is wrong.
        ReceiverError: an override that is not ``key=value``, or whose value is not YAML.
    """
    parser = argparse.ArgumentParser(
        "f2o_rt_receiver", description="The real-time PC's end of f2o's udp path."
    )
    parser.add_argument(
        "--config", type=Path, help="robots/ beside it comes first (default: the installed receiver.yaml)"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="e.g. arm=pylibfranka"
    )
    parser.add_argument("--clock", type=int, metavar="FD", help=argparse.SUPPRESS)  # of f2o_rt.stepped
    given = parser.parse_args(without_ros(words))
    if wrong := [word for word in given.set if "=" not in word]:
        raise ReceiverError(f"--set {wrong[0]}: expected key=value")
    changes = {key: _yaml(key, value) for key, value in (word.split("=", 1) for word in given.set)}
    path = given.config or config_file("receiver.yaml")
    return load_config(ReceiverConfig, path, changes), given.clock


def _yaml(key: str, value: str) -> Any:
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ReceiverError(f"--set {key}={value}: expected a YAML value, e.g. 172.16.0.2 or 0.05") from error


def without_ros(words: list[str]) -> list[str]:
    """Translate a node's command line (``--ros-args -p KEY:=VALUE``) to the receiver's own."""
    if "--ros-args" not in words:
        return words
    first = words.index("--ros-args")
    pairs = zip(words[first:], words[first + 1 :], strict=False)
    settings = [value.split(":=", 1) for flag, value in pairs if flag == "-p"]
    given = [("--config", str(_yaml(k, v))) if k == "config" else ("--set", f"{k}={v}") for k, v in settings]
    return [*words[:first], *(word for pair in given for word in pair)]


def listen(config: ReceiverConfig) -> socket.socket:
    """The socket that the bridge sends to.

    Raises:
        ReceiverError: the address is not one of this machine, or the port is taken.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.bind((config.listen, config.port))
    except OSError as error:
        text = (
            f"listen: {config.listen}:{config.port}: {error.strerror}; expected a free port of this machine"
        )
        raise ReceiverError(text) from error
    sock.setblocking(False)
    return sock


def prepare(config: ReceiverConfig) -> str:
    """Ask for real-time priority, locked memory and a core; returns what was granted."""
    if config.cpu >= 0:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {config.cpu})
    locked = ctypes.CDLL(None).mlockall(LOCK_NOW_AND_LATER) == 0
    fifo = config.fifo_priority > 0 and request_fifo(config.fifo_priority)
    gc.collect()
    gc.freeze()
    gc.disable()
    return f"SCHED_FIFO {config.fifo_priority if fifo else 'not granted'}, memory {'' if locked else 'not '}locked"


def warm_up(robot: RobotDescription, config: ReceiverConfig, key: bytes = b"") -> None:
    """Follow, brake and rest once on an simulated clock: first calls take many times as long."""
    home = np.array(robot.home)
    receiver = Receiver(robot, config, 1, home, key)
    state = JointState(home, np.full(len(home), 1e-3), np.zeros(len(home)))
    for cycle in range(200):
        now_ns = cycle * CYCLE_NS + 1
        moving = state if cycle > 8 else JointState.at_rest(home)
        target = Target(receiver.robot, 1, 1, cycle + 1, now_ns, 0.008, moving, None, Flag.TARGET)
        if cycle % 8 == 0 and cycle < 80:
            receiver.receive(pack_target(target, key), None, now_ns)
        receiver.tick(now_ns, int(cycle == 40), state)
        receiver.update_plan()


def open_arm(arm: Arm, wait_s: float, stopping: threading.Event) -> Joints:
    """Connect, trying again for ``wait_s`` seconds while nobody answers; where the first motion begins [rad].

    Raises:
        ArmError: the arm cannot be reached, or refuses.
    """
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return arm.open()
        except ArmError as error:
            if error.flag != "unreachable" or time.monotonic() > deadline or stopping.wait(RETRY_S):
                raise


def status_line(loop: Loop, receiver: Receiver) -> str:
    """One line on the last second; resets the loop's worst values."""
    late_ms, work_ms = loop.worst_late_ns / 1e6, loop.worst_work_ns / 1e6
    loop.worst_late_ns = loop.worst_work_ns = 0
    said = str(replace(loop.touch, contact=tuple(sorted(loop.contacts))))
    loop.contacts = set(loop.touch.contact)
    why, touch = f": {loop.fault}" if receiver.fault else "", f"; {said}" if said else ""
    return (
        f"{receiver.state.name.lower()}{why}; cycles {loop.cycles}, missed {loop.missed}, received {loop.received}"
        f"{_refused(receiver)}{touch}; worst wake-up {late_ms:.2f} ms, worst work {work_ms:.2f} ms"
    )


def _refused(receiver: Receiver) -> str:
    """How many datagrams were refused so far, by reason; those of other versions and strangers in words."""
    counts = dict(receiver.refused)  # a copy: the loop goes on
    if not counts:
        return ""
    parts = [f"{count} {UNPROVEN.get(why, why.name.lower())}" for why, count in sorted(counts.items())]
    return f", refused {sum(counts.values())} ({'; '.join(parts)})"


def _print_status(stopping: threading.Event, loop: Loop, receiver: Receiver) -> None:
    while not stopping.wait(STATUS_PERIOD_S):
        print(status_line(loop, receiver), flush=True)


def run(words: list[str]) -> None:
    """Run until SIGINT or SIGTERM; then brake, end the arm's motion and write the trace."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    config, clock = parse(words)
    if clock is not None:
        return run_stepped(config, clock)
    robot, key = load_robot(robot_file(config.robot)), key_for(config.key, config.listen)
    sock, arm = listen(config), make_arm(robot, config)
    warm_up(robot, config, key)
    receiver = Receiver(robot, config, new_session(), open_arm(arm, config.wait_s, stopping), key)
    loop = Loop(config, receiver, arm, sock)
    printing = threading.Thread(target=_print_status, args=(stopping, loop, receiver), daemon=True)
    printing.start()  # before asking for SCHED_FIFO, which it would inherit
    print(f"{robot.name} by {config.arm}, on {config.listen}:{config.port}; {prepare(config)}", flush=True)
    try:
        while not stopping.is_set():
            loop.step()
        loop.finish()
    finally:  # also after an error: then the trace is needed most
        sock.close()
        print(status_line(loop, receiver), flush=True)
        if config.trace:
            loop.trace.write(config.trace)


def run_stepped(config: ReceiverConfig, file: int) -> None:
    """Run until the simulation at the other end of the socket ``file`` ends, by its clock.

    Raises:
        ArmError: pylibfranka is not installed, or the arm cannot be reached.
        StepError: the simulation has ended.
    """
    robot, datagrams = load_robot(robot_file(config.robot)), SteppedSocket(listen(config))
    link = socket.socket(fileno=file)
    clock = Clock(link, datagrams)
    arm, gripper = make_stepped_arm(robot, config, clock)
    receiver = Receiver(robot, config, new_session(), arm.open(), key_for(config.key, config.listen))
    loop = Loop(config, receiver, arm, datagrams, clock.time_ns)
    while True:
        loop.step()
        clock.end(gripper.goals)


def write_key(words: list[str]) -> None:
    """Make a key in the file that ``words`` name, and say what to do with it.

    Raises:
        ReceiverError: not one word.
        KeyFileError: there is such a file already, or it cannot be written.
    """
    if len(words) != 1:
        raise ReceiverError("key: expected the path of one new file")
    make_key(Path(words[0]))
    print(
        f"{words[0]}: copy it to the other PC; name it in bridge.yaml (udp: key:) and in receiver.yaml (key:)"
    )


def main() -> None:
    """Entry point: the receiver, or ``key FILE``, which makes the key of the link."""
    words = sys.argv[1:]
    try:
        if words[:1] == ["key"]:
            return write_key(words[1:])
        run(words)
    except F2oError as error:
        print(f"f2o_rt_receiver: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()

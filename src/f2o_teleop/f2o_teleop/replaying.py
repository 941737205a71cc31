"""The course of a replay: wait where the arm is, go to the start, follow the recording. No ROS."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from f2o_bags.errors import PlayError
from f2o_nodekit.pace import Pace
from tqdm import tqdm

from f2o_teleop.replay import Replay, ReplayTarget

MODE = "replay"
RATE_HZ = 125.0
AT_REST_S = 0.5  # of the last target, so that the arm comes to rest there


@dataclass(frozen=True)
class Replayed:
    """How a replay went."""

    seconds: float
    worst_rad: float  # between target and measured joints, at any moment
    complete: bool


@runtime_checkable
class Arm(Protocol):
    """Bridge and arm as a replay needs them.

    Attributes:
        mode: of the bridge, as last heard.
    """

    mode: str

    def hear(self) -> None:
        """Take what has come in."""

    def measured(self) -> np.ndarray | None:
        """Joints [rad] and gripper [m]; None before the first."""

    def ask(self, verb: str) -> str:
        """Ask the bridge to arm or disarm; its answer where it says no."""

    def send(self, target: ReplayTarget) -> None:
        """One target, due now."""


def wait(node: Arm, arm: bool, wait_s: float, ended: threading.Event) -> bool:
    """Stay where the arm is until that is known and the bridge follows; False when it is ended first.

    Raises:
        PlayError: it does not within ``wait_s``.
    """
    pace, deadline, refused, asked = Pace(1 / RATE_HZ), time.monotonic() + wait_s, "", 0.0
    while not ended.is_set() and (node.mode != MODE or node.measured() is None):
        pace.wait()
        node.hear()
        here, now = node.measured(), time.monotonic()
        if here is not None:
            node.send(ReplayTarget(here, np.zeros(8)))
            if arm and now - asked > 1.0:
                refused, asked = node.ask("arm"), now
        if now > deadline:
            raise PlayError(_why(node, refused))
    return not ended.is_set()


def _why(node: Arm, refused: str) -> str:
    if node.measured() is None:
        return (
            "replay: no joint states on /franka/joint_states: is the arm's driver or the simulator running?"
        )
    told = f"; arming was refused: {refused}" if refused else ""
    return (
        f"replay: the bridge is {node.mode or 'silent'}, expected replay (f2o-launch replay, then arm){told}"
    )


def run(node: Arm, path: Replay, ended: threading.Event, progress: bool = False) -> Replayed:
    """Send the replay's targets until it is over.

    Raises:
        PlayError: the bridge left its mode.
    """
    pace, begin, worst = Pace(1 / RATE_HZ, phase_s=0.0), time.monotonic(), 0.0
    total = round(path.duration_s + AT_REST_S, 2)
    with tqdm(
        total=total, unit="s", disable=not progress, bar_format="{l_bar}{bar}| {n:.1f}/{total:.1f} s"
    ) as bar:
        while not ended.is_set() and (now := time.monotonic() - begin) < total:
            pace.wait()
            node.hear()
            if node.mode != MODE:
                raise PlayError(
                    f"replay: ended after {now:.1f} of {total:.1f} s: the bridge went to {node.mode}"
                )
            target = path.at(now)
            node.send(target)
            if (here := node.measured()) is not None:
                worst = max(worst, float(np.abs(target.positions[:7] - here[:7]).max()))
            bar.update(round(now, 2) - bar.n)
    return Replayed(time.monotonic() - begin, worst, not ended.is_set())

"""Collects scripted demonstrations without an operator: reset, arm, demonstrate, save or discard. No ROS.

The collector drives a ``Rig``: simulator, bridge and recorder, over topics and services (``rig_node``) or in one
process (``demonstrate.rig``).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from f2o_teleop.ik import DifferentialIk
from jaxtyping import Float64

from f2o_sim.errors import SimError
from f2o_sim.expert import ReachAroundExpert
from f2o_sim.tasks.base import Snapshot, Verdict

RECORDER_S = 10.0
RESTART_S = 1.0  # between two starts of a recording that was refused
SETTLE_S = 0.3  # after arming; the bridge holds the arm for settle_s = 0.2 s first


class RigError(SimError):
    """Simulator, bridge or recorder did not answer; the text names which."""


@dataclass(frozen=True)
class Scene:
    """What the demonstrator sees at one tick."""

    seed: int
    joints: Float64[np.ndarray, " 7"]  # [rad]
    gripper_width: float  # [m]
    objects: dict[str, Float64[np.ndarray, " 7"]]
    verdict: Verdict


@runtime_checkable
class Rig(Protocol):
    """Simulator, bridge and recorder; each call returns when it is done, or raises ``RigError`` after a timeout."""

    def wait_until_complete(self) -> None:
        """Wait for simulator, bridge and recorder."""

    def reset(self, seed: int) -> None:
        """Set up the scene of ``seed``; afterwards ``tick`` shows it."""

    def arm(self) -> None:
        """Arm the bridge."""

    def disarm(self) -> None:
        """Disarm the bridge."""

    def tell_recorder(self, command: str) -> None:
        """Send the recorder an episode ``command``."""

    def recorder_is(self, state: str) -> bool:
        """Whether the recorder is in ``state``; always true where nothing is recorded."""

    def tick(self, target: Float64[np.ndarray, " 8"] | None) -> Scene:
        """Send ``target``, wait for the next tick, and return the scene."""


@dataclass
class Tally:
    """Counts of the episodes so far."""

    saved: int = 0
    discarded: int = 0
    sides: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return f"left {self.sides['left']}, right {self.sides['right']}, discarded {self.discarded}"


class DemonstrationCollector:
    """Runs demonstrations on a rig.

    Args:
        rig: simulator, bridge and recorder.
        tick_s: period of the rig's ticks.
        ended: asked between ticks; True discards the current episode and ends.
    """

    def __init__(self, rig: Rig, tick_s: float, ended: Callable[[], bool] = lambda: False) -> None:
        self._rig, self._tick_s, self._ended = rig, tick_s, ended
        self._ik = DifferentialIk(dt=tick_s)

    def run(self, first_seed: int, episodes: int) -> Iterator[Tally]:
        """Demonstrate until ``episodes`` are saved (0: without end); yields after each one.

        Raises:
            RigError: simulator, bridge or recorder did not answer.
        """
        self._rig.wait_until_complete()
        tally, seed = Tally(), first_seed
        while not self._ended() and (episodes == 0 or tally.saved < episodes):
            verdict = self.episode(seed)
            if verdict.success:
                tally.saved += 1
                tally.sides[verdict.side] += 1
            else:
                tally.discarded += 1
            seed += 1
            yield tally

    def episode(self, seed: int) -> Verdict:
        """One demonstration on the scene of ``seed``, saved if it succeeds, else discarded."""
        rig = self._rig
        rig.disarm()
        rig.reset(seed)
        scene = rig.tick(None)
        start, width = scene.joints, scene.gripper_width
        rng = np.random.default_rng([seed, 1])  # not the stream that placed the objects
        expert = ReachAroundExpert(self._snapshot(scene, 0.0), start, rng, tick_s=self._tick_s, ik=self._ik)
        stand = np.append(start, width)
        rig.arm()
        for _ in range(round(SETTLE_S / self._tick_s)):
            rig.tick(stand)
        labels = {"seed": seed, "strategy": expert.side}
        # The arm holds until the recorder records, so that a demonstration does not begin with a pause.
        self._record("start " + json.dumps(labels), "recording", stand)
        verdict = self._demonstrate(expert, rig.tick(stand))
        self._record(*(("success", "saved") if verdict.success else ("discard", "discarded")), None)
        rig.disarm()
        return verdict

    def _record(self, command: str, then: str, target: Float64[np.ndarray, " 8"] | None) -> None:
        """Send ``command`` and tick until the recorder is in the state ``then``.

        A start is sent again every ``RESTART_S``: the recorder refuses it until each topic's rate has settled.
        """
        repeat = round(RESTART_S / self._tick_s) if command.startswith("start") else 0
        self._rig.tell_recorder(command)
        for tick in range(1, round(RECORDER_S / self._tick_s) + 1):
            if self._rig.recorder_is(then) or self._ended():
                return
            self._rig.tick(target)
            if repeat and tick % repeat == 0:
                self._rig.tell_recorder(command)
        raise RigError(
            f"recorder: expected the state '{then}' within {RECORDER_S:g} s of '{command}'; see its log"
        )

    def _demonstrate(self, expert: ReachAroundExpert, scene: Scene) -> Verdict:
        ticks = 0
        while not scene.verdict.over and not self._ended():
            target = expert.step(self._snapshot(scene, ticks * self._tick_s), scene.gripper_width)
            scene = self._rig.tick(target)
            ticks += 1
        return scene.verdict

    def _snapshot(self, scene: Scene, elapsed_s: float) -> Snapshot:
        tcp = self._ik.forward(scene.joints)[:3, 3].copy()
        return Snapshot(elapsed_s, tcp, scene.objects, frozenset(), False)

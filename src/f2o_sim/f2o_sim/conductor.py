"""A recording session without a person: reset, arm, demonstrate, keep or throw away, again. No ROS.

The conductor talks to a ``Stage``; the node implements it with topics and services, a test with a world of its own.
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
SETTLE_S = 0.3  # after arming: the bridge takes 0.2 s to take over where the arm stands


class StageError(SimError):
    """A part of the recording set-up did not do its part; the text names it."""


@dataclass(frozen=True)
class Scene:
    """What the demonstrator sees at one tick."""

    seed: int
    joints: Float64[np.ndarray, " 7"]  # [rad]
    gripper_width: float  # [m]
    objects: dict[str, Float64[np.ndarray, " 7"]]
    verdict: Verdict


@runtime_checkable
class Stage(Protocol):
    """Simulator, bridge and recorder as the conductor needs them; each call returns when it is done.

    A call that is not answered in time raises ``StageError``.
    """

    def wait_until_complete(self) -> None:
        """Wait for simulator, bridge and recorder."""

    def reset(self, seed: int) -> None:
        """Set up the scene of ``seed``; afterwards ``tick`` shows it."""

    def arm(self) -> None:
        """Let the bridge follow targets."""

    def disarm(self) -> None:
        """Let the bridge stop."""

    def tell_recorder(self, command: str) -> None:
        """Say ``command`` on the episode topic."""

    def recorder_is(self, state: str) -> bool:
        """Whether the recorder is in ``state``; always, where nothing is recorded."""

    def tick(self, target: Float64[np.ndarray, " 8"] | None) -> Scene:
        """Send ``target``, wait for the next tick, and look."""


@dataclass
class Tally:
    """What came of the episodes so far."""

    saved: int = 0
    discarded: int = 0
    sides: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return f"left {self.sides['left']}, right {self.sides['right']}, thrown away {self.discarded}"


class Conductor:
    """Runs demonstrations on a stage.

    Args:
        stage: what to conduct.
        tick_s: period of the stage's ticks.
        ended: asked between ticks; True ends the session with the episode under way thrown away.
    """

    def __init__(self, stage: Stage, tick_s: float, ended: Callable[[], bool] = lambda: False) -> None:
        self._stage, self._tick_s, self._ended = stage, tick_s, ended
        self._ik = DifferentialIk(dt=tick_s)

    def run(self, first_seed: int, episodes: int) -> Iterator[Tally]:
        """Demonstrate until ``episodes`` are saved (0: for ever); yields after each one.

        Raises:
            StageError: a part of the stage did not answer.
        """
        self._stage.wait_until_complete()
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
        """One demonstration on the scene of ``seed``, saved if it succeeds, else thrown away."""
        stage = self._stage
        stage.disarm()
        stage.reset(seed)
        scene = stage.tick(None)
        start, width = scene.joints, scene.gripper_width
        rng = np.random.default_rng([seed, 1])  # not the stream that placed the objects
        expert = ReachAroundExpert(self._see(scene, 0.0), start, rng, tick_s=self._tick_s, ik=self._ik)
        stand = np.append(start, width)
        stage.arm()
        for _ in range(round(SETTLE_S / self._tick_s)):
            stage.tick(stand)
        labels = {"seed": seed, "strategy": expert.side}
        # The arm stands still until the recorder records: a demonstration does not begin with a pause.
        self._record("start " + json.dumps(labels), "recording", stand)
        verdict = self._demonstrate(expert, stage.tick(stand))
        self._record(*(("success", "saved") if verdict.success else ("discard", "discarded")), None)
        stage.disarm()
        return verdict

    def _record(self, command: str, then: str, target: Float64[np.ndarray, " 8"] | None) -> None:
        """Tell the recorder, and tick until it has done so."""
        self._stage.tell_recorder(command)
        for _ in range(round(RECORDER_S / self._tick_s)):
            if self._stage.recorder_is(then) or self._ended():
                return
            self._stage.tick(target)
        raise StageError(
            f"recorder: expected the state '{then}' within {RECORDER_S:g} s of '{command}'; see its log"
        )

    def _demonstrate(self, expert: ReachAroundExpert, scene: Scene) -> Verdict:
        ticks = 0
        while not scene.verdict.over and not self._ended():
            target = expert.step(self._see(scene, ticks * self._tick_s), scene.gripper_width)
            scene = self._stage.tick(target)
            ticks += 1
        return scene.verdict

    def _see(self, scene: Scene, elapsed_s: float) -> Snapshot:
        tcp = self._ik.forward(scene.joints)[:3, 3].copy()
        return Snapshot(elapsed_s, tcp, scene.objects, frozenset(), False)

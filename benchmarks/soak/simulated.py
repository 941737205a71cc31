"""The bridge's core on a simulated clock: every mode must be the one that the injected fault explains."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from f2o_control.robot import RobotDescription, load_robot
from f2o_control.state import Mode
from f2o_control.testing import CONFIG, violations
from f2o_control.testing.rig import Rig, S
from jaxtyping import config as jaxtyping_config
from tqdm import tqdm

from benchmarks.soak.memory import growth, resident_kb

OVERLAP = 4  # commands that two blocks share, so that no difference is left out
SWING_TICKS = 670  # a period of the motion, and a little more


class SoakRig(Rig):
    """A rig whose source oscillates, with a camera; it keeps the last commands only."""

    def __init__(self, robot: RobotDescription) -> None:
        super().__init__(robot)
        self.heal()

    def heal(self) -> None:
        """Take every fault away."""
        self.targets = self.states = self.follows = self.sees = True
        self.spoil: dict[str, Any] = {}
        self.adapter_problem = ""

    def target(self, **changes: Any) -> Any:
        """Offer a target of the oscillation, with the changes that a fault makes."""
        time_s = self.mono_ns / S
        self.shift = 0.16 * np.sin(1.25 * time_s)
        velocity = np.zeros(7)
        velocity[0] = 0.2 * np.cos(1.25 * time_s)
        return super().target(**{"velocities": [*velocity]} | self.spoil | changes)

    def tick(self) -> Any:
        """One tick of the bridge."""
        if self.sees:
            self.observation_ros_ns = self.mono_ns + self.ros_offset_ns
        self.sent.clear()
        return super().tick()


# Each fault returns the mode that it must end in.


def no_targets(rig: SoakRig) -> Mode:
    """The source publishes nothing."""
    rig.targets = False
    return Mode.HOLD


def no_joint_states(rig: SoakRig) -> Mode:
    """The arm publishes nothing."""
    rig.states = False
    return Mode.FAULT


def no_controller(rig: SoakRig) -> Mode:
    """The adapter reports that its controller does not answer."""
    rig.adapter_problem = "receiver: no answer"
    return Mode.FAULT


def arm_blocked(rig: SoakRig) -> Mode:
    """The arm does not move."""
    rig.follows = False
    return Mode.FAULT


def no_observations(rig: SoakRig) -> Mode:
    """The source's observations are stale."""
    rig.sees = False
    return Mode.HOLD


def two_publishers(rig: SoakRig) -> Mode:
    """A second node publishes targets."""
    rig.publish("/f2o/joint_target", ["/a", "/b"])
    return Mode.FAULT


def nan_targets(rig: SoakRig) -> Mode:
    """Targets are NaN."""
    rig.spoil = {"positions": [np.nan] * 7}
    return Mode.HOLD


def disarmed(rig: SoakRig) -> Mode:
    """The operator disarms."""
    rig.bridge.disarm()
    return Mode.DISARMED


FAULTS: tuple[Callable[[SoakRig], Mode], ...] = (
    no_targets,
    no_joint_states,
    no_controller,
    arm_blocked,
    no_observations,
    two_publishers,
    nan_targets,
    disarmed,
)


def run_simulated(ticks: int, seed: int) -> dict[str, Any]:
    """Arm, follow and inject a fault until ``ticks`` have passed; counts, unexplained modes and memory over ticks."""
    jaxtyping_config.update("jaxtyping_disable", True)
    rng, run = np.random.default_rng(seed), _Run()
    began_s = time.monotonic()
    with tqdm(total=ticks, unit="tick", desc="simulated clock") as bar:
        while run.ticks < ticks:
            before = run.ticks
            run.arm()
            run.advance(int(rng.integers(100, 1200)), Mode.POLICY)
            run.inject(FAULTS[rng.integers(len(FAULTS))], int(rng.integers(200)))
            bar.update(run.ticks - before)
    run.found["tick_ms"] = 1e3 * (time.monotonic() - began_s) / run.ticks
    return run.found | {"ticks": run.ticks, "growth": growth(run.found["memory_kb"])}


class _Run:
    """What a run has found so far."""

    def __init__(self) -> None:
        self._rig, self.ticks = SoakRig(load_robot(CONFIG / "robots/panda.yaml")), 0
        faults = {fault.__name__: 0 for fault in FAULTS}
        self.found: dict[str, Any] = {"faults": faults, "memory_kb": [], "violations": 0, "unexplained": []}

    def advance(self, ticks: int, *legal: Mode) -> None:
        """So many ticks; a mode that is not ``legal`` is unexplained."""
        bridge, commands = self._rig.bridge, self._rig.commands
        for _ in range(ticks):
            self._rig.tick()
            if bridge.mode not in legal:
                self.found["unexplained"].append(f"{bridge.mode.value}: {bridge.machine.reason}")
        self.ticks += ticks
        if len(commands) > OVERLAP:
            self.found["violations"] += len(violations(commands, moving=True))
            del commands[:-OVERLAP]
        self.found["memory_kb"].append((self.ticks, resident_kb("self")))

    def arm(self) -> None:
        """Disarm, then arm as soon as the source is near the arm: within half a period."""
        rig = self._rig
        rig.bridge.disarm()
        self.advance(60, Mode.DISARMED)
        if rig.commands and np.abs(rig.commands[-1] - rig.arm_at).max() > 0:
            rig.commands.clear()  # the arm stood while it was sent elsewhere: it begins where it stands
        for _ in range(400):
            if rig.arm().accepted:
                return
            self.advance(1, Mode.DISARMED)

    def inject(self, fault: Callable[[SoakRig], Mode], extra_ticks: int) -> None:
        """One fault, until its mode has been reached; then everything is well again."""
        mode = fault(self._rig)
        least = SWING_TICKS if fault is arm_blocked else 250  # it is far from its command once a period
        self.advance(least + extra_ticks, Mode.POLICY, mode)
        if self._rig.bridge.mode is not mode:
            self.found["unexplained"].append(f"{fault.__name__} ended in {self._rig.bridge.mode.value}")
        self.found["faults"][fault.__name__] += 1
        self._rig.heal()
        self.advance(20, Mode.POLICY, mode)

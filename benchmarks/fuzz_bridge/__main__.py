"""``make fuzz-bridge``: adversarial targets against the whole bridge on a simulated clock, at the end of an adapter.

NaN/Inf, jumps, targets far outside the limits, permuted, missing, repeated and unknown names, wrong stamps, 1 Hz to
2 kHz, two sources, takeovers, silence, joint states that stop; ticks that are late by up to 20 ms or missed, one to
fifty, and a process that is stopped for 20 ms to 3 s. A checker that shares no code with the bridge
(f2o_control.testing) judges every command, and what the arm is told of it once a millisecond: position, velocity,
acceleration, jerk, and the step of the controller's torque. The last line counts targets and violations; 1 where
there was one.
"""

from __future__ import annotations

import argparse
import contextlib
import sys

import numpy as np
from f2o_control.bridge import Bridge
from f2o_control.config import BridgeConfig
from f2o_control.robot import RobotDescription, load_robot
from f2o_control.state import FOLLOWING, Mode
from f2o_control.target import RawTarget
from f2o_control.testing import CONFIG, violations
from f2o_control.testing.executed import MS, WHOLE, torque_share
from jaxtyping import config as jaxtyping_config
from tqdm import tqdm

from benchmarks.fuzz_bridge.far_ends import far_end

TICK_NS, S = 8_000_000, 1_000_000_000
ROS_OFFSET_NS = 77 * S
SEGMENT = 250  # ticks under one kind of attack
OVERLAP = 4  # commands that two blocks share, so that no difference is left out
RATES = (0.008, 0.05, 0.5, 1.0, 4.0, 16.0)  # targets per tick: 1 Hz to 2 kHz
KINDS = ("honest", "drift", "jump", "far", "nonsense", "names", "times", "fast", "silence", "two")


class Attack:
    """Targets of one kind, around a path that an honest source could follow."""

    def __init__(self, rng: np.random.Generator, robot: RobotDescription) -> None:
        self.rng, self.names, self.home = rng, robot.joint_names, np.array(robot.home)
        self.renew(self.home)

    def renew(self, at: np.ndarray) -> None:
        """Another kind, another rate, another path from ``at`` on."""
        self.kind, self.rate = self.rng.choice(KINDS), self.rng.choice(RATES)
        self.at, self.pace = at.copy(), self.rng.uniform(-0.5, 0.5, 7)

    def count(self) -> int:
        """Number of targets in this tick."""
        whole = int(self.rate)
        return 0 if self.kind == "silence" else whole + (self.rng.random() < self.rate - whole)

    def target(self, now_ros_ns: int) -> RawTarget:
        """The next target, attacked in its own way."""
        self.at = self.at + self.pace * 0.008 / max(self.rate, 1.0)
        names, q, v, width = [*self.names], self.at.copy(), self.pace.copy(), 0.04
        due, source, seen = now_ros_ns, "policy", 0
        draw = self.rng.random
        if self.kind == "jump" and draw() < 0.1:
            self.at = self.at + self.rng.uniform(-0.4, 0.4, 7)
        elif self.kind == "far":
            q = self.rng.uniform(-10, 10, 7) * 10 ** self.rng.uniform(-1, 6)
            width = self.rng.uniform(-1, 1) * 10 ** self.rng.uniform(-1, 6)
        elif self.kind == "nonsense" and draw() < 0.5:
            bad = self.rng.choice([np.nan, np.inf, -np.inf, 1e308])
            (q if draw() < 0.5 else v)[self.rng.integers(7)] = bad
            width = bad if draw() < 0.1 else width
        elif self.kind == "names" and draw() < 0.7:
            order = self.rng.permutation(7)
            names, q, v = [names[i] for i in order], q[order], v[order]
            if draw() < 0.5:
                names[self.rng.integers(7)] = self.rng.choice(["elbow", names[0], "gripper_width"])
            if draw() < 0.3:
                names, q = names[:-1], q[: self.rng.integers(8)]
        elif self.kind == "times":
            due += int(self.rng.normal(0, 0.2) * S)
            seen = now_ros_ns + int(self.rng.normal(0, 0.5) * S)
        elif self.kind == "fast":
            v = self.rng.uniform(-50, 50, 7)
        elif self.kind == "two":
            source = self.rng.choice(["policy", "teleop", "expert", "replay", "", "nobody"])
        velocities = [] if draw() < 0.2 else v.tolist()
        sequence = int(self.rng.integers(2**63))
        return RawTarget(tuple(names), q.tolist(), velocities, width, due, source, sequence, seen)


class Delays:
    """When the bridge's ticks come: in time, late, not at all, or its process is stopped."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng, self._missing = rng, 0
        self.renew()

    def renew(self) -> None:
        """Another kind."""
        self.kind = self._rng.choice(("in time", "late", "starved", "missed", "stopped"))
        self.stop_at = int(self._rng.integers(SEGMENT)) if self.kind == "stopped" else -1
        self.stop_ticks = int(self._rng.uniform(0.02, 3.0) / 0.008)

    def late_ms(self) -> int | None:
        """Of the next tick; None: it does not come."""
        if self._missing:
            self._missing -= 1
            return None
        if self.kind == "late" and self._rng.random() < 0.1:
            return int(self._rng.integers(1, 21))
        if self.kind == "starved":
            return min(int(self._rng.exponential(6.0)), 20)
        if self.kind == "missed" and self._rng.random() < 0.02:
            self._missing = int(self._rng.choice((1, 2, 3, 5, 20, 50))) - 1
            return None
        return 0


class AttackedBridge:
    """The bridge under attack, its adapter, the far end, and an arm that is where that tells it to be.

    Attributes:
        commanded: positions of the commands of ticks that came in time, one per tick.
        told: positions and velocities that the arm is told, one per millisecond.
    """

    def __init__(self, robot: RobotDescription, config: BridgeConfig, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.end = far_end(robot, config)
        self.bridge = Bridge(robot, config, self.end.problem, follows_stop=self.end.follows_stop)
        self.attack, self.delays = Attack(self.rng, robot), Delays(self.rng)
        self.arm_at, self.mono_ns, self.awake_ns = np.array(robot.home), 5 * S, 0
        self.waking: list[tuple[int, int]] = []  # when a tick comes, and when it should
        self.commanded, self.told = [self.arm_at], [(self.arm_at, np.zeros(7))]
        self.targets = 0
        self.modes: set[Mode] = set()

    def segment(self) -> None:
        """One kind of attack and of delay; some of them without most joint states."""
        blind = self.rng.random() < 0.1
        before = self.delays.kind
        self.attack.renew(self.arm_at)
        self.delays.renew()
        if (before, self.delays.kind) != ("in time", "in time"):
            self.commanded = []
        for tick in range(SEGMENT):
            if tick == self.delays.stop_at:
                for _ in range(self.delays.stop_ticks):
                    self._tick(True, True)
            self._tick(blind and self.rng.random() < 0.9)

    def _tick(self, blind: bool, stopped: bool = False) -> None:
        self.mono_ns += TICK_NS
        if not blind:
            # Without noise at rest: where it begins, the bridge takes what is measured, and settle_s to get there.
            noise = self.rng.normal(0, 1e-4, 7) * (self.bridge.mode in FOLLOWING)
            self.bridge.offer_joints(self.arm_at + noise, self.mono_ns)
        for _ in range(0 if stopped else self.attack.count()):
            mode = Mode.TELEOP if self.rng.random() < 0.1 else None
            now_ros_ns = self.mono_ns + ROS_OFFSET_NS
            self.bridge.offer_target(self.attack.target(now_ros_ns), now_ros_ns, self.mono_ns, mode)
            self.targets += 1
        if not stopped:
            self._operate()
        if (late_ms := self.delays.late_ms()) is not None:
            self.awake_ns = max(self.mono_ns + late_ms * MS, self.awake_ns)  # one thread
            self.waking.append((self.awake_ns, self.mono_ns))
        for now_ns in range(self.mono_ns, self.mono_ns + TICK_NS, MS):
            if not stopped:
                self._wake(now_ns)
            self.told.append(self.end.step(now_ns))
        self.arm_at = self.told[-1][0]
        self.modes.add(self.bridge.mode)

    def _wake(self, now_ns: int) -> None:
        """The tick that is due, the earliest; the deadlines that it overran are skipped."""
        ready = [(ideal_ns, wake_ns) for wake_ns, ideal_ns in self.waking if wake_ns <= now_ns]
        if not ready:
            return
        ideal_ns, wake_ns = min(ready)
        self.waking = [waits for waits in self.waking if waits[1] > now_ns]
        sent = self.bridge.tick(ideal_ns + TICK_NS + ROS_OFFSET_NS, max(wake_ns, now_ns), ideal_ns)
        if sent is not None:
            self.end.send(sent, now_ns)
        if self.delays.kind == "in time" and (sent is not None or self.commanded):
            self.commanded.append(sent.command.state.position if sent is not None else self.commanded[-1])

    def _operate(self) -> None:
        """The operator arms, homes, takes over, recovers or disarms at random."""
        bridge, draw = self.bridge, self.rng.random()
        if draw < 0.05:
            bridge.arm(self.mono_ns)
        elif draw < 0.06:
            services = (bridge.take_over, bridge.give_back, bridge.home)
            services[self.rng.integers(len(services))](self.mono_ns)
        elif draw < 0.08:
            bridge.recover()
            self.end.recover()
        elif draw < 0.082:
            bridge.disarm()


def judge(under: AttackedBridge, robot: RobotDescription, profile: str) -> list[str]:
    """What the last segment has broken: commands by their profile, set-points by the arm's own limits."""
    found = violations(under.commanded, robot.name, moving=True, profile=profile) if under.commanded else []
    positions = [position for position, _ in under.told]
    if (
        under.end.holds
    ):  # the last position until the next message: no farther than a joint moves within a tick
        steps = np.abs(np.diff(positions, axis=0))
        beyond = steps > robot.limits(profile).velocity * TICK_NS / S * (1 + 1e-6)
        return found + [
            f"joint {j}: set-point leaps {steps[:, j].max()} rad" for j in np.flatnonzero(beyond.any(0))
        ]
    return found + violations(positions, robot.name, moving=True, period=MS / S, scale=WHOLE)


def main() -> int:
    """Attack until enough targets were sent; 1 where a command or a set-point exceeded a limit."""
    parser = argparse.ArgumentParser(prog="benchmarks.fuzz_bridge", description=__doc__)
    parser.add_argument("--targets", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--robot", default="panda", choices=("panda", "fr3"))
    parser.add_argument("--profile", default="normal")
    parser.add_argument("--adapter", default="jtc", choices=("jtc", "crisp", "multipanda", "udp"))
    arguments = parser.parse_args()
    jaxtyping_config.update("jaxtyping_disable", True)
    robot = load_robot(CONFIG / f"robots/{arguments.robot}.yaml")
    config = BridgeConfig(robot=arguments.robot, profile=arguments.profile, adapter=arguments.adapter)
    under, found = AttackedBridge(robot, config, arguments.seed), []
    share = {True: 0.0, False: 0.0}
    bar = tqdm(total=arguments.targets, unit="target", mininterval=5.0)
    with bar, contextlib.suppress(KeyboardInterrupt):  # what was found so far counts
        while under.targets < arguments.targets:
            before = under.targets
            under.segment()
            where = f"targets {under.attack.kind}, ticks {under.delays.kind}"
            found += [f"{where}: {text}" for text in judge(under, robot, arguments.profile)]
            if arguments.adapter == "jtc" and robot.gains is not None:
                q, v = map(np.array, zip(*under.told, strict=True))
                share = {held: max(old, torque_share(q, v, robot.gains, held)) for held, old in share.items()}
            under.commanded, under.told = under.commanded[-OVERLAP:], under.told[-OVERLAP:]
            bar.update(under.targets - before)
            bar.set_postfix(violations=len(found))
    for text in found[:20]:
        print(text)
    refused = sum(sum(source.check.refused.values()) for source in under.bridge.sources.values())
    seen = ", ".join(sorted(m.value for m in under.modes))
    print(
        f"seed {arguments.seed}, modes seen: {seen}; {refused} refused; {under.end.refused} messages came too late"
    )
    if any(share.values()):
        print(
            f"step of the torque within 1 ms, of the FCI's limit: {share[True]:.2f} with an arm that is held, "
            f"{share[False]:.2f} with one that follows"
        )
    print(f"{under.targets} targets, {len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

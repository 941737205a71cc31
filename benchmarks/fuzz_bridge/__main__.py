"""``make fuzz-bridge``: adversarial targets against the whole bridge on a simulated clock.

NaN/Inf, jumps, targets far outside the limits, permuted, missing, repeated and unknown names, wrong stamps, 1 Hz to
2 kHz, two sources, takeovers, silence, joint states that stop. A checker that shares no code with the bridge
(f2o_control.testing) judges every command. The last line counts targets and violations; 1 where there was one.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from f2o_control.bridge import Bridge
from f2o_control.config import BridgeConfig
from f2o_control.robot import RobotDescription, load_robot
from f2o_control.state import FOLLOWING, Mode
from f2o_control.target import RawTarget
from f2o_control.testing import CONFIG, violations
from tqdm import tqdm

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


class AttackedBridge:
    """The bridge under attack, and an arm that is where it is commanded to be."""

    def __init__(self, robot: RobotDescription, config: BridgeConfig, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.bridge = Bridge(robot, config)
        self.attack = Attack(self.rng, robot)
        self.arm_at, self.mono_ns = np.array(robot.home), 5 * S
        self.rows, self.targets = [self.arm_at], 0
        self.modes: set[Mode] = set()

    def segment(self) -> None:
        """One kind of attack; some of them without most joint states."""
        blind = self.rng.random() < 0.1
        self.attack.renew(self.arm_at)
        for _ in range(SEGMENT):
            self._tick(blind and self.rng.random() < 0.9)

    def _tick(self, blind: bool) -> None:
        self.mono_ns += TICK_NS
        if not blind:
            # Without noise at rest: where it begins, the bridge takes what is measured, and settle_s to get there.
            noise = self.rng.normal(0, 1e-4, 7) * (self.bridge.mode in FOLLOWING)
            self.bridge.offer_joints(self.arm_at + noise, self.mono_ns)
        for _ in range(self.attack.count()):
            mode = Mode.TELEOP if self.rng.random() < 0.1 else None
            now_ros_ns = self.mono_ns + ROS_OFFSET_NS
            self.bridge.offer_target(self.attack.target(now_ros_ns), now_ros_ns, self.mono_ns, mode)
            self.targets += 1
        self._operate()
        sent = self.bridge.tick(self.mono_ns + TICK_NS + ROS_OFFSET_NS, self.mono_ns)
        self.modes.add(self.bridge.mode)
        if sent is not None:
            self.arm_at = sent.command.state.position
        self.rows.append(self.arm_at)

    def _operate(self) -> None:
        """The operator arms, homes, takes over, recovers or disarms at random."""
        bridge, draw = self.bridge, self.rng.random()
        if draw < 0.05:
            bridge.arm(1, self.mono_ns)
        elif draw < 0.06:
            services = (bridge.take_over, bridge.give_back, bridge.home)
            services[self.rng.integers(len(services))](self.mono_ns)
        elif draw < 0.08:
            bridge.recover()
        elif draw < 0.082:
            bridge.disarm()


def main() -> int:
    """Attack until enough targets were sent; 1 where a command exceeded a limit."""
    parser = argparse.ArgumentParser(prog="benchmarks.fuzz_bridge", description=__doc__)
    parser.add_argument("--targets", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--robot", default="panda", choices=("panda", "fr3"))
    parser.add_argument("--profile", default="normal")
    arguments = parser.parse_args()
    robot = load_robot(CONFIG / f"robot_{arguments.robot}.yaml")
    config = BridgeConfig(robot=arguments.robot, profile=arguments.profile)
    under, found = AttackedBridge(robot, config, arguments.seed), []
    with tqdm(total=arguments.targets, unit="target") as bar:
        while under.targets < arguments.targets:
            before = under.targets
            under.segment()
            found += violations(under.rows, arguments.robot, moving=True, profile=arguments.profile)
            under.rows = under.rows[-OVERLAP:]
            bar.update(under.targets - before)
            bar.set_postfix(violations=len(found))
    for text in found[:20]:
        print(text)
    refused = sum(sum(source.check.refused.values()) for source in under.bridge.sources.values())
    print(
        f"seed {arguments.seed}, modes seen: {', '.join(sorted(m.value for m in under.modes))}; {refused} refused"
    )
    print(f"{under.targets} targets, {len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

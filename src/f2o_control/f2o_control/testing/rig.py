"""The bridge on a clock that the test turns, an arm that goes where it is told, and a source of targets."""

from typing import Any

import numpy as np

from f2o_control.bridge import Bridge
from f2o_control.config import BridgeConfig
from f2o_control.target import RawTarget

TICK_NS, S = 8_000_000, 1_000_000_000
ROS_OFFSET_NS = 77 * S


class Rig:
    """A bridge, an arm that is where it is told to be, and a source that moves joint 1 at 0.2 rad/s."""

    def __init__(self, robot, **config):
        self.adapter_problem = ""
        self.bridge = Bridge(robot, BridgeConfig(**config), lambda mono_ns: self.adapter_problem)
        self.ros_offset_ns = ROS_OFFSET_NS
        self.home, self.names = np.array(robot.home), robot.joint_names
        self.arm_at, self.mono_ns = self.home.copy(), 5 * S
        self.bridge.offer_gripper(0.08)
        self.targets = self.states = self.follows = True
        self.sent, self.commands, self.source = [], [], "policy"
        self.shift = 0.0
        self.observation_ros_ns = 0  # stamp of what the source has seen; 0: nothing

    def target(self, **changes):
        position = self.home.copy()
        position[0] += self.shift
        velocity = np.zeros(7)
        velocity[0] = 0.2
        fields: dict[str, Any] = {
            "names": self.names,
            "positions": [*position],
            "velocities": [*velocity],
            "gripper_width": 0.04,
            "due_ros_ns": self.mono_ns + self.ros_offset_ns,
            "source": self.source,
            "observation_ros_ns": self.observation_ros_ns,
        }
        return self.bridge.offer_target(
            RawTarget(**fields | changes), self.mono_ns + self.ros_offset_ns, self.mono_ns
        )

    def tick(self):
        self.mono_ns += TICK_NS
        if self.states:
            self.bridge.offer_joints(self.arm_at, self.mono_ns)
        if self.targets:
            self.shift += 0.2 * 0.008
            self.target()
        sent = self.bridge.tick(self.mono_ns + TICK_NS + self.ros_offset_ns, self.mono_ns)
        self.sent.append(sent)
        if sent is not None:
            self.commands.append(sent.command.state.position)
            self.arm_at = self.commands[-1] if self.follows else self.arm_at
        return sent

    def run(self, seconds):
        for _ in range(round(seconds / 0.008)):
            self.tick()

    def arm(self, publishers=("/policy_node",)):
        self.publish("/f2o/joint_target", publishers)
        return self.bridge.arm(self.mono_ns)

    def publish(self, topic, nodes):
        """Say which nodes publish on ``topic``."""
        self.bridge.count_publishers({topic: nodes})

    @property
    def speed(self):
        return abs(self.bridge._limiter.state.velocity[0])

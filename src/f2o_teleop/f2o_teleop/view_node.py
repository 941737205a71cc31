"""The live view as a ROS node of its own: topics in, rerun out; nothing waits for it."""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from functools import partial

import numpy as np
from f2o_nodekit.joints import (
    GRIPPER_WIDTH,
    JointStateError,
    read_gripper_width,
    read_joint_state,
    read_joint_target,
)
from f2o_nodekit.robot import read_robot
from f2o_nodekit.ros import ConfiguredNode, Diagnosis, run
from f2o_perception.convert import rgb_from_msg
from f2o_perception.errors import PerceptionError
from jaxtyping import Float64
from sensor_msgs.msg import Image, JointState, PointCloud2
from std_msgs.msg import String

from f2o_msgs.msg import JointTarget
from f2o_teleop.priority import set_niceness
from f2o_teleop.view import Throttle, View, ViewConfig


class ViewNode(ConfiguredNode):
    """Shows cameras, cloud, joints and episode; each at a limited rate."""

    def __init__(self) -> None:
        super().__init__("view_node", ViewConfig)
        config, topics = self.config, self.config.topics
        self._robot = read_robot(config.robot)
        set_niceness(config.niceness)
        self._view, self._due, self._shown = View(config), Throttle(config.image_hz), 0
        newest = self.best_effort(1)
        for view in config.views:
            name = topics.color.replace("{view}", view)
            self.create_subscription(Image, name, partial(self._on_image, view), newest)
        self.create_subscription(PointCloud2, topics.cloud, self._on_cloud, newest)
        self.create_subscription(JointState, topics.joint_states, self._on_joints, newest)
        self.create_subscription(JointTarget, topics.command, self._on_command, newest)
        self.create_subscription(JointState, topics.gripper_states, self._on_gripper, newest)
        self.create_subscription(String, topics.mode, partial(self._on_text, "mode"), self.latched())
        self.create_subscription(String, topics.episode_state, self._on_episode, self.latched())
        self._episode = ""
        self.add_diagnostics("view", self._diagnose)

    def close(self) -> None:
        """Write out the rest."""
        self._view.close()

    def _is_due(self, what: str) -> bool:
        if not self._due(what, time.monotonic_ns()):
            return False
        self._view.at(self.now_ns())
        self._shown += 1
        return True

    def _on_image(self, view: str, msg: Image) -> None:
        if self._is_due(view):
            try:
                self._view.image(view, rgb_from_msg(msg))
            except PerceptionError as error:
                self._view.text(f"cameras/{view}", str(error))

    def _on_cloud(self, msg: PointCloud2) -> None:
        if self._is_due("cloud"):
            self._view.cloud(np.frombuffer(msg.data, np.float32).reshape(-1, msg.point_step // 4)[:, :3])

    def _on_joints(self, msg: JointState) -> None:
        with suppress(JointStateError):  # a message without the joints is not shown
            positions = read_joint_state(msg, self._robot.joint_names).positions
            self._show("measured", self._robot.canonical_names, positions)

    def _on_command(self, msg: JointTarget) -> None:
        with suppress(JointStateError):
            positions = read_joint_target(msg, self._robot.canonical_names).positions
            names = (*self._robot.canonical_names, GRIPPER_WIDTH)
            self._show("commanded", names, np.append(positions, msg.gripper_width))

    def _on_gripper(self, msg: JointState) -> None:
        with suppress(JointStateError):
            width = read_gripper_width(msg, self._robot.finger_joint_names)
            self._show("measured", (GRIPPER_WIDTH,), np.array([width]))

    def _show(self, what: str, names: tuple[str, ...], positions: Float64[np.ndarray, " n"]) -> None:
        if self._is_due(f"{what} {names[-1]}"):
            self._view.joints(what, names, positions)

    def _on_text(self, what: str, msg: String) -> None:
        self._view.at(self.now_ns())
        self._view.text(what, msg.data)

    def _on_episode(self, msg: String) -> None:
        state = json.loads(msg.data)
        words = f"{state['index']} {state['state']}: {state['note']}"
        if words != self._episode:  # the recorder repeats it twice a second
            self._episode = words
            self._on_text("episode", String(data=words))

    def _diagnose(self) -> Diagnosis:
        return 0, "ok", {"shown": self._shown}


def main() -> None:
    """Entry point of `ros2 run f2o_teleop view_node`."""
    sys.exit(run(ViewNode))


if __name__ == "__main__":
    main()

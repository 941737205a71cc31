"""The perception node: camera and joint topics in, one Observation out, at the rate of the reference camera (ROS)."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

from f2o_nodekit.pace import request_fifo
from f2o_nodekit.ros import ConfiguredNode, Diagnosis, run
from f2o_nodekit.stats import Samples
from sensor_msgs.msg import CameraInfo, Image, JointState, PointCloud2

from f2o_msgs.msg import Observation as ObservationMsg
from f2o_perception.config import PerceptionConfig
from f2o_perception.convert import cloud_to_msg, observation_to_msg
from f2o_perception.frames import Observation
from f2o_perception.intake import CAMERA_INFO, IMAGE, JOINT_STATE, Intake
from f2o_perception.pipeline import ObservationPipeline

# At 125 Hz none is lost while an observation is built, and none is old where the machine is overloaded.
ROBOT_DEPTH = 16
MESSAGES = {
    IMAGE: (Image, 2),
    CAMERA_INFO: (CameraInfo, 2),
    JOINT_STATE: (JointState, ROBOT_DEPTH),
}  # and depth


class PerceptionNode(ConfiguredNode):
    """One thread: an observation costs a few milliseconds, less than a camera frame's share of a core."""

    def __init__(self) -> None:
        super().__init__("perception_node", PerceptionConfig)
        self._pipeline = ObservationPipeline(self.config)
        self._robot, self._intake = self._pipeline.robot, Intake(self._pipeline, self.now_ns)
        self._age_ms = Samples(1000)
        topics = self.config.topics
        self._observations = self.create_publisher(ObservationMsg, topics.observation, self.reliable())
        self._clouds = self.create_publisher(PointCloud2, topics.cloud, self.reliable())
        for topic, kind in self._intake.types.items():
            message, depth = MESSAGES[kind]
            self.create_subscription(message, topic, partial(self._received, topic), self.best_effort(depth))
        self.add_diagnostics("observation", self._diagnose)
        for view in self.config.views:
            self.add_diagnostics(f"camera {view}", partial(self._diagnose_camera, view))
        if self.config.fifo_priority:
            request_fifo(self.config.fifo_priority)  # of this thread; the middleware's keep ordinary priority

    def _received(self, topic: str, msg: Any) -> None:
        for observation in self._intake.push(topic, msg):
            self._publish(observation)

    def _publish(self, observation: Observation) -> None:
        self._observations.publish(observation_to_msg(observation, self._robot.base_frame))
        self._age_ms.add((self.now_ns() - observation.stamp_ros_ns) * 1e-6)
        if self._clouds.get_subscription_count():
            self._clouds.publish(cloud_to_msg(observation, self._robot.base_frame))

    def _diagnose(self) -> Diagnosis:
        status = self._pipeline.status()
        age = {f"age_ms_{key}": value for key, value in self._age_ms.summary().items() if key != "count"}
        return status.level, "; ".join(status.problems) or "ok", status.values() | age

    def _diagnose_camera(self, view: str) -> Diagnosis:
        stream = self._pipeline.status().streams[view]
        received = {f"received_{name}": count for name, count in self._intake.cameras[view].received.items()}
        return stream.level, stream.problem or "ok", stream.values() | received


def main() -> None:
    """Entry point of ``perception_node``."""
    sys.exit(run(PerceptionNode))


if __name__ == "__main__":
    main()

"""The perception node: camera and joint topics in, one Observation out, at the rate of the reference camera (ROS)."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

from f2o_nodekit.joints import JointStateError
from f2o_nodekit.ros import ConfiguredNode, Diagnosis, run
from f2o_nodekit.stats import Samples
from sensor_msgs.msg import CameraInfo, Image, JointState, PointCloud2

from f2o_msgs.msg import Observation as ObservationMsg
from f2o_perception.config import PerceptionConfig
from f2o_perception.convert import (
    cloud_to_msg,
    frame_from_msgs,
    gripper_from_msg,
    joints_from_msg,
    observation_to_msg,
)
from f2o_perception.errors import PerceptionError
from f2o_perception.frames import Observation
from f2o_perception.pairing import CameraInput, ExactPairing, Port
from f2o_perception.pipeline import ObservationPipeline
from f2o_perception.sync import GRIPPER, JOINTS

# At 125 Hz none is lost while an observation is built, and none is old where the machine is overloaded.
ROBOT_DEPTH = 16


class PerceptionNode(ConfiguredNode):
    """One thread: an observation costs a few milliseconds, less than a camera frame's share of a core."""

    def __init__(self) -> None:
        super().__init__("perception_node", PerceptionConfig)
        self._pipeline = ObservationPipeline(self.config)
        self._age_ms = Samples(1000)
        topics = self.config.topics
        self._observations = self.create_publisher(ObservationMsg, topics.observation, self.reliable())
        self._clouds = self.create_publisher(PointCloud2, topics.cloud, self.reliable())
        self._cameras = {view: self._camera(view) for view in self.config.views}
        self._subscribe(JointState, topics.joint_states, self._on_joints, ROBOT_DEPTH)
        self._subscribe(JointState, topics.gripper_joint_states, self._on_gripper, ROBOT_DEPTH)
        self.add_diagnostics("observation", self._diagnose)
        for view in self.config.views:
            self.add_diagnostics(f"camera {view}", partial(self._diagnose_camera, view))

    def _camera(self, view: str) -> CameraInput:
        camera = CameraInput(partial(self._on_images, view), *pairing_classes())
        topics = self.config.topics
        for stream, kind in (("color", Image), ("depth", Image), ("camera_info", CameraInfo)):
            name = getattr(topics, stream).replace("{view}", view)
            self._subscribe(kind, name, partial(camera.push, stream), depth=2)
        return camera

    def _subscribe(self, kind: type, topic: str, callback: Any, depth: int) -> None:
        self.create_subscription(kind, topic, callback, self.best_effort(depth))

    def _on_images(self, view: str, color: Image, depth: Image, camera_info: CameraInfo) -> None:
        try:
            frame = frame_from_msgs(view, color, depth, camera_info)
        except PerceptionError as error:
            return self._pipeline.reject(view, str(error))
        self._publish(self._pipeline.push_frame(frame))

    def _on_joints(self, msg: JointState) -> None:
        try:
            sample = joints_from_msg(msg, self.config.joint_names)
        except JointStateError as error:
            return self._pipeline.reject(JOINTS, str(error))
        self._publish(self._pipeline.push_joints(sample))

    def _on_gripper(self, msg: JointState) -> None:
        try:
            sample = gripper_from_msg(msg, self.config.finger_joint_names)
        except JointStateError as error:
            return self._pipeline.reject(GRIPPER, str(error))
        self._publish(self._pipeline.push_gripper(sample))

    def _publish(self, observation: Observation | None) -> None:
        if observation is None:
            return
        self._observations.publish(observation_to_msg(observation, self.config.base_frame))
        self._age_ms.add((self.now_ns() - observation.stamp_ros_ns) * 1e-6)
        if self._clouds.get_subscription_count():
            self._clouds.publish(cloud_to_msg(observation, self.config.base_frame))

    def _diagnose(self) -> Diagnosis:
        status = self._pipeline.status()
        age = {f"age_ms_{key}": value for key, value in self._age_ms.summary().items() if key != "count"}
        return status.level, "; ".join(status.problems) or "ok", status.values() | age

    def _diagnose_camera(self, view: str) -> Diagnosis:
        stream = self._pipeline.status().streams[view]
        received = {f"received_{name}": count for name, count in self._cameras[view].received.items()}
        return int(bool(stream.problem)), stream.problem or "ok", stream.values() | received


def pairing_classes() -> tuple[Any, Any]:
    """Port and exact pairing of message_filters, or our own of the same interface where it is not installed."""
    try:
        from message_filters import SimpleFilter, TimeSynchronizer
    except ImportError:
        return Port, ExactPairing
    return SimpleFilter, TimeSynchronizer


def main() -> None:
    """Entry point of ``perception_node``."""
    sys.exit(run(PerceptionNode))


if __name__ == "__main__":
    main()

"""Messages of cameras, arm and gripper in, Observations out: the one path, of the perception node and from bags."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from f2o_nodekit.errors import F2oError

from f2o_perception.convert import frame_from_msgs, gripper_from_msg, joints_from_msg
from f2o_perception.frames import Observation
from f2o_perception.pairing import CameraInput
from f2o_perception.pipeline import ObservationPipeline
from f2o_perception.sync import GRIPPER, JOINTS

IMAGE, CAMERA_INFO, JOINT_STATE = (
    f"sensor_msgs/msg/{name}" for name in ("Image", "CameraInfo", "JointState")
)
Naming = Callable[[Sequence[str], Sequence[str]], tuple[str, ...]]
"""Names in a message, names of the configured robot -> under which of the first the second are found."""


def configured(have: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """The ``Naming`` of a live robot: its names are the configured ones."""
    return tuple(wanted)


@dataclass(frozen=True)
class Subscription:
    """One use of a topic, of which one may have several: arm and fingers may come in one."""

    topic: str
    type: str  # of its messages
    stream: str  # view, joints or gripper, to which an unusable message is counted
    take: Callable[[Any], None]


class Intake:
    """Turns messages into Observations; an unusable message is dropped, counted and named, and raises nothing.

    Args:
        pipeline: what makes the Observations.
        now_ros_ns: when the message at hand arrived; 0 where that is not known.
        naming: whose joint names a message may have.

    Attributes:
        cameras: by view, how much of each came.
        subscriptions: what to listen to.
        problems: by stream, why its last unusable message was that.
    """

    def __init__(
        self, pipeline: ObservationPipeline, now_ros_ns: Callable[[], int], naming: Naming = configured
    ) -> None:
        self.pipeline, self._now, self._naming = pipeline, now_ros_ns, naming
        self._robot, self._made = pipeline.robot, list[Observation]()
        self.problems: dict[str, str] = {}
        config = pipeline.config
        self.cameras = {view: CameraInput(partial(self._images, view)) for view in config.views}
        topics = config.topics
        self.subscriptions = [
            Subscription(topics.joint_states, JOINT_STATE, JOINTS, self._joints),
            Subscription(topics.gripper_joint_states, JOINT_STATE, GRIPPER, self._gripper),
        ]
        for view, camera in self.cameras.items():
            pipeline.explain_silence(view, camera.unpaired)
            for stream, kind in zip(CameraInput.STREAMS, (IMAGE, IMAGE, CAMERA_INFO), strict=True):
                topic = getattr(topics, stream).replace("{view}", view)
                self.subscriptions.append(Subscription(topic, kind, view, partial(camera.push, stream)))

    @property
    def types(self) -> dict[str, str]:
        """Topic -> type of its messages."""
        return {one.topic: one.type for one in self.subscriptions}

    def push(self, topic: str, message: Any) -> list[Observation]:
        """Take one message; the Observations that it completes, at most one for each use of its topic.

        Where a topic carries arm and fingers, in each message or in turns, a message is unusable if neither finds its
        own in it.
        """
        self._made, problems = [], []
        uses = [one for one in self.subscriptions if one.topic == topic]
        for one in uses:
            try:
                one.take(message)
            except F2oError as error:
                problems.append((one.stream, str(error)))
        if len(problems) == len(uses):
            for stream, problem in problems:
                self.problems[stream] = problem
                self.pipeline.reject(stream, problem)
        return self._made

    def _keep(self, observation: Observation | None) -> None:
        if observation is not None:
            self._made.append(observation)

    def _images(self, view: str, color: Any, depth: Any, camera_info: Any) -> None:
        frame = frame_from_msgs(view, color, depth, camera_info, self._now())
        self._keep(self.pipeline.push_frame(frame))

    def _joints(self, message: Any) -> None:
        names = self._robot.joint_names
        sample = joints_from_msg(message, self._naming(message.name, names), self._now())
        self._keep(self.pipeline.push_joints(replace(sample, names=names)))

    def _gripper(self, message: Any) -> None:
        fingers = self._naming(message.name, self._robot.finger_joint_names)
        self._keep(self.pipeline.push_gripper(gripper_from_msg(message, fingers, self._now())))

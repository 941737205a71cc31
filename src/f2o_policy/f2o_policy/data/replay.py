"""A recorded bag through perception: what the robot's perception node would have published, and what was sent.

A bag is read without ROS (rosbags); its camera and joint messages go through ``ObservationPipeline`` in the order of
recording.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from f2o_bags.targets import RecordedTarget, recorded_target
from f2o_nodekit.joints import JointStateError
from f2o_nodekit.stamps import to_ns
from f2o_perception.config import PerceptionConfig
from f2o_perception.convert import frame_from_msgs, gripper_from_msg, joints_from_msg
from f2o_perception.frames import Observation
from f2o_perception.pairing import CameraInput
from f2o_perception.pipeline import ObservationPipeline
from jaxtyping import Float64, Int64

from f2o_policy.errors import BagError

COMMAND_TOPIC = "/f2o/joint_command"


class BagReplay:
    """Pushes the messages of a bag through perception and collects the commands."""

    def __init__(self, config: PerceptionConfig) -> None:
        self.config, self.pipeline = config, ObservationPipeline(config)
        self.observations: list[Observation] = []
        self.stamps: list[int] = []
        self._commands: list[RecordedTarget] = []
        topics = config.topics
        self.topics = {
            topics.joint_states: self._joints,
            topics.gripper_states: self._gripper,
            COMMAND_TOPIC: self._command,
        }
        for view in config.views:
            camera = CameraInput(partial(self._images, view))
            for stream in CameraInput.STREAMS:
                name = getattr(topics, stream).replace("{view}", view)
                self.topics[name] = partial(camera.push, stream)

    def push(self, topic: str, message: Any) -> None:
        """Take in one message of the bag."""
        self.topics[topic](message)

    def sent(self, path: Path) -> tuple[Int64[np.ndarray, " t"], Float64[np.ndarray, "t 8"], list[str]]:
        """Commands in the order of the policy's actions, and whose they were; stamps must increase, others go.

        Raises:
            BagError: a command of other joints.
        """
        try:
            rows = [command.row(self.config.joint_names) for command in self._commands]
        except JointStateError as error:
            raise BagError(path, f"{COMMAND_TOPIC}: {error}") from error
        stamps = np.array(self.stamps, np.int64)
        newer = np.concatenate([[True], stamps[1:] > np.maximum.accumulate(stamps)[:-1]])
        sources = [command.source for command, kept in zip(self._commands, newer, strict=True) if kept]
        return stamps[newer], np.array(rows, np.float64)[newer], sources

    def _keep(self, observation: Observation | None) -> None:
        if observation is not None:
            self.observations.append(observation)

    def _images(self, view: str, color: Any, depth: Any, camera_info: Any) -> None:
        self._keep(self.pipeline.push_frame(frame_from_msgs(view, color, depth, camera_info)))

    def _joints(self, message: Any) -> None:
        self._keep(self.pipeline.push_joints(joints_from_msg(message, self.config.joint_names)))

    def _gripper(self, message: Any) -> None:
        self._keep(self.pipeline.push_gripper(gripper_from_msg(message, self.config.finger_joint_names)))

    def _command(self, message: Any) -> None:
        self.stamps.append(to_ns(message.header.stamp))
        self._commands.append(recorded_target(message))


def messages(path: Path, topics: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Messages of ``topics`` in the order of recording, each with its topic.

    Raises:
        BagError: the bag cannot be read, or lacks one of them.
    """
    from rosbags.highlevel import AnyReader

    topics = set(topics)
    try:
        with AnyReader([path]) as reader:
            missing = sorted(topics - {c.topic for c in reader.connections if c.msgcount})
            if missing:
                raise BagError(path, f"no message on {', '.join(missing)}")
            connections = [c for c in reader.connections if c.topic in topics]
            for connection, _, raw in reader.messages(connections):
                yield connection.topic, reader.deserialize(raw, connection.msgtype)
    except BagError:
        raise
    except (
        Exception
    ) as error:  # around rosbags alone: its parsers raise whatever the damage makes of the bytes
        raise BagError(path, f"cannot be read ({error or type(error).__name__})") from error

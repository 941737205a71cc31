"""Replay a bag through perception: the observations that the node would have published, and the commands.

Camera and joint messages go through ``ObservationPipeline`` in the order of recording, and are dropped as by the node.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from f2o_bags.decode import Decoder
from f2o_bags.errors import BagError
from f2o_bags.read import Bag
from f2o_bags.targets import recorded_target
from f2o_bags.topics import JOINT_COMMAND
from f2o_nodekit.errors import F2oError
from f2o_nodekit.stamps import to_ns
from f2o_perception.config import PerceptionConfig
from f2o_perception.convert import frame_from_msgs, gripper_from_msg, joints_from_msg
from f2o_perception.frames import Observation
from f2o_perception.pairing import CameraInput
from f2o_perception.pipeline import ObservationPipeline
from jaxtyping import Float64, Int64

from f2o_perception import sync
from f2o_policy.errors import EpisodeError

Consumer = Callable[[Any], None]  # of one message; raises where it cannot be used


class BagReplay:
    """Pushes the messages of a bag through perception and collects the commands.

    Attributes:
        observations: those that the perception node would have published.
        stamps: of the commands [ROS ns].
    """

    def __init__(self, config: PerceptionConfig) -> None:
        self.config, self.pipeline = config, ObservationPipeline(config)
        self.observations: list[Observation] = []
        self.stamps: list[int] = []
        self._unread: Counter[str] = Counter()  # by topic
        self._rows: list[np.ndarray] = []
        self._sources: list[str] = []
        self._problem = ""  # of the last command that could not be used
        topics = config.topics
        self._consumers: list[
            tuple[str, str, Consumer]
        ] = [  # topic, stream; one topic may carry arm and fingers
            (topics.joint_states, sync.JOINTS, self._joints),
            (topics.gripper_joint_states, sync.GRIPPER, self._gripper),
            (JOINT_COMMAND, JOINT_COMMAND, self._command),
        ]
        for view in config.views:
            camera = CameraInput(partial(self._images, view))
            for stream in CameraInput.STREAMS:
                name = getattr(topics, stream).replace("{view}", view)
                self._consumers.append((name, view, partial(camera.push, stream)))

    @property
    def topics(self) -> set[str]:
        """Topics that a bag must have."""
        return {topic for topic, _, _ in self._consumers}

    @property
    def dropped(self) -> dict[str, int]:
        """Messages that could not be used, by view, joints and gripper, or by topic where they could not be decoded."""
        streams = self.pipeline.status().streams
        malformed = {name: stream.drops.get(sync.Drop.MALFORMED, 0) for name, stream in streams.items()}
        return {name: count for name, count in {**malformed, **self._unread}.items() if count}

    def read(self, bag: Bag) -> None:
        """Process all messages of ``bag``.

        Raises:
            BagError: it is damaged, or a topic lacks its definition.
            EpisodeError: it lacks a topic.
        """
        if missing := sorted(topic for topic in self.topics if not bag.counts.get(topic)):
            raise EpisodeError(bag.path, f"no message on {', '.join(missing)}")
        decode = Decoder(bag)
        decode.learn(self.topics)
        for message in bag.messages(self.topics):
            try:
                decoded = decode(message.topic, message.data)
            except BagError:  # the bytes are no message of this type
                self._unread[message.topic] += 1
            else:
                self.push(message.topic, decoded)

    def push(self, topic: str, message: Any) -> None:
        """Process one message; an unusable one is dropped, as by the node."""
        problems = []
        consumers = [(stream, consume) for name, stream, consume in self._consumers if name == topic]
        for stream, consume in consumers:
            try:
                consume(message)
            except F2oError as error:
                problems.append((stream, str(error)))
        if len(problems) == len(consumers):
            for stream, problem in problems:
                self._reject(stream, problem)

    def sent(self, path: Path) -> tuple[Int64[np.ndarray, " t"], Float64[np.ndarray, "t 8"], list[str]]:
        """Stamps, commands in the order of the policy's actions, and their sources; older stamps are left out.

        Raises:
            EpisodeError: none names this arm and its gripper.
        """
        if not self.stamps:
            raise EpisodeError(path, f"no usable message on {JOINT_COMMAND} ({self._problem})")
        stamps = np.array(self.stamps, np.int64)
        newer = np.concatenate([[True], stamps[1:] > np.maximum.accumulate(stamps)[:-1]])
        sources = [source for source, kept in zip(self._sources, newer, strict=True) if kept]
        return stamps[newer], np.array(self._rows, np.float64)[newer], sources

    def _reject(self, stream: str, problem: str) -> None:
        if stream == JOINT_COMMAND:
            self._unread[stream] += 1
            self._problem = problem
        else:
            self.pipeline.reject(stream, problem)

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
        target = recorded_target(message)
        self._rows.append(target.row(self.config.joint_names))
        self.stamps.append(to_ns(message.header.stamp))
        self._sources.append(target.source)

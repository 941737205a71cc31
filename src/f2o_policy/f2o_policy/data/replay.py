"""Replay a bag through perception: the observations that the node would have published, and the commands.

Camera and joint messages go through ``ObservationPipeline`` in the order of recording, and are dropped as by the node.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from f2o_bags.decode import Decoder
from f2o_bags.errors import BagError
from f2o_bags.read import Bag
from f2o_bags.targets import recorded_target
from f2o_bags.topics import JOINT_COMMAND
from f2o_nodekit.errors import F2oError
from f2o_nodekit.robot import recorded_names
from f2o_nodekit.stamps import to_ns
from f2o_perception.calibration import Calibration
from f2o_perception.config import PerceptionConfig
from f2o_perception.frames import Observation
from f2o_perception.intake import JOINT_STATE, Intake
from f2o_perception.pipeline import ObservationPipeline
from jaxtyping import Float64, Int64

from f2o_perception import sync
from f2o_policy.errors import EpisodeError

COMMANDS = ("f2o_msgs/msg/JointTarget", JOINT_STATE)  # types of commands, of now and of older bags


class BagReplay:
    """Pushes the messages of a bag through perception and collects the commands.

    The joints may have the names of another arm with as many: what an arm did is the same, whatever its driver
    calls it.

    Attributes:
        robot: the arm of the configuration.
        observations: those that the perception node would have published.
        stamps: of the commands [ROS ns].
    """

    def __init__(
        self, config: PerceptionConfig, calibration: Calibration | None = None, pixels: bool = True
    ) -> None:
        """``calibration`` and ``pixels`` as of ``ObservationPipeline``."""
        self._log_ros_ns = 0  # of the message at hand: when the recorder received it
        self.pipeline = ObservationPipeline(config, calibration, clock_mono_ns=self._now, pixels=pixels)
        self._intake = Intake(self.pipeline, self._now, recorded_names)
        self.robot = self.pipeline.robot
        self.observations: list[Observation] = []
        self.stamps: list[int] = []
        self._unread: Counter[str] = Counter()  # by topic
        self._rows: list[np.ndarray] = []
        self._sources: list[str] = []
        self._problems: dict[str, str] = {}  # by topic, of the last message that could not be used

    def _now(self) -> int:
        return self._log_ros_ns

    @property
    def topics(self) -> set[str]:
        """Topics that a bag must have."""
        return {*self._intake.types, JOINT_COMMAND}

    @property
    def dropped(self) -> dict[str, int]:
        """Messages that could not be used, by view, joints and gripper, or by topic where they could not be decoded."""
        streams = self.pipeline.status().streams
        malformed = {name: stream.drops.get(sync.Drop.MALFORMED, 0) for name, stream in streams.items()}
        return {name: count for name, count in {**malformed, **self._unread}.items() if count}

    @property
    def why(self) -> dict[str, str]:
        """By the names of ``dropped``, why the last of these messages could not be used."""
        return self._intake.problems | self._problems

    def read(self, bag: Bag) -> None:
        """Process all messages of ``bag``.

        Raises:
            BagError: it is damaged, or a topic lacks its definition.
            EpisodeError: it lacks a topic, or one has another type.
        """
        if missing := sorted(topic for topic in self.topics if not bag.counts.get(topic)):
            raise EpisodeError(bag.path, f"no message on {', '.join(missing)}")
        self._refuse_other_types(bag)
        decode = Decoder(bag)
        decode.learn(self.topics)
        for message in bag.messages(self.topics):
            self._log_ros_ns = message.log_ros_ns
            try:
                decoded = decode(message.topic, message.data)
            except BagError:  # the bytes are no message of this type
                self._unread[message.topic] += 1
                self._problems[message.topic] = (
                    f"not the bytes of a {bag.topics[message.topic].definition.name}"
                )
            else:
                self.push(message.topic, decoded)

    def _refuse_other_types(self, bag: Bag) -> None:
        kinds = {topic: (kind,) for topic, kind in self._intake.types.items()} | {JOINT_COMMAND: COMMANDS}
        for topic, expected in kinds.items():
            if (kind := bag.topics[topic].definition.name) not in expected:
                raise EpisodeError(bag.path, f"{topic} is {kind or 'of no type'}, expected {expected[0]}")

    def push(self, topic: str, message: Any) -> None:
        """Process one message; an unusable one is dropped, as by the node."""
        if topic == JOINT_COMMAND:
            self._command(message)
        else:
            self.observations += self._intake.push(topic, message)

    def sent(self, path: Path) -> tuple[Int64[np.ndarray, " t"], Float64[np.ndarray, "t 8"], list[str]]:
        """Stamps, commands in the order of the policy's actions, and their sources; older stamps are left out.

        Raises:
            EpisodeError: none names this arm and its gripper.
        """
        if not self.stamps:
            raise EpisodeError(
                path, f"no usable message on {JOINT_COMMAND} ({self._problems.get(JOINT_COMMAND, '')})"
            )
        stamps = np.array(self.stamps, np.int64)
        newer = np.concatenate([[True], stamps[1:] > np.maximum.accumulate(stamps)[:-1]])
        sources = [source for source, kept in zip(self._sources, newer, strict=True) if kept]
        return stamps[newer], np.array(self._rows, np.float64)[newer], sources

    def _command(self, message: Any) -> None:
        try:
            target = recorded_target(message)
            row = target.row(self.robot.canonical_names)
        except F2oError as error:
            self._unread[JOINT_COMMAND] += 1
            self._problems[JOINT_COMMAND] = str(error)
            return
        self._rows.append(row)
        self.stamps.append(to_ns(message.header.stamp))
        self._sources.append(target.source)

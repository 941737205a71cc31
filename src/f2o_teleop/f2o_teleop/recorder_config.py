"""The dataclass of config/recorder.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field, replace
from pathlib import Path
from typing import Annotated, Literal

from f2o_bags.writer import COMPRESSIONS
from f2o_nodekit.config import STRICT, ConfigError, ConfigPath, rules
from f2o_nodekit.fields import (
    Count,
    NotNegative,
    Positive,
    Seed,
    Share,
    TopicName,
    ViewTopicName,
    must,
    one_of,
)
from f2o_nodekit.names import without
from f2o_nodekit.robot import RobotWord
from pydantic import Field
from pydantic.dataclasses import dataclass

MessageType = Annotated[str, Field(pattern=r"^\w+/msg/\w+$", description="package/msg/Type")]
CAMERA_TOPICS = {
    "color/image_raw": "sensor_msgs/msg/Image",
    "color/camera_info": "sensor_msgs/msg/CameraInfo",
    "aligned_depth_to_color/image_raw": "sensor_msgs/msg/Image",
    "aligned_depth_to_color/camera_info": "sensor_msgs/msg/CameraInfo",
}


@dataclass(frozen=True, config=STRICT)
class TopicConfig:
    """How one topic is recorded."""

    type: MessageType
    qos: Literal["sensor", "reliable", "latched"] = "sensor"
    """Sensor: best effort; latched: reliable and transient local."""
    depth: Count = 500  # messages that DDS holds while this process waits for a processor: 4 s at 125 Hz
    command: bool = False  # a command: stored as /f2o/recorded/<topic>; the usual ones are known
    hz: NotNegative = 0.0
    """Expected rate, checked before the start, in the report and by `f2o bag check`; 0: any."""
    optional: bool = False  # not recorded, and said so, where its type is not installed


@dataclass(frozen=True, config=STRICT)
class RecorderConfig:
    """What is recorded, where to, and how safely."""

    topics: dict[TopicName, TopicConfig]  # without those of the cameras
    output: Annotated[ConfigPath, must(bool, "a folder for the episodes")]  # gets one folder per episode
    robot: RobotWord = "panda"  # its name becomes a label
    task: str = ""
    operator: str = ""
    seed: Seed = 0
    episodes: Annotated[int, Field(ge=0)] = 0  # saved ones, after which it ends; 0: unlimited
    cameras: tuple[str, ...] = ()  # realsense2_camera's four topics of each are recorded
    camera: ViewTopicName = "{view}"  # what stands before these topics
    camera_depth: Count = 20  # depth of the cameras' topics, whose messages are large
    camera_hz: NotNegative = 30.0  # expected of each of them
    preflight: bool = True  # refuse to start while a topic is silent or slow
    min_rate: Share = 0.7  # share of its expected rate below which a topic is slow
    calibration: ConfigPath = ""  # file whose text every bag keeps as a label
    compression: Annotated[str, one_of(COMPRESSIONS)] = "lz4"
    queue_mb: Positive = 256.0  # memory for messages while the disk stalls, before they are dropped
    flush_s: Positive = 0.008  # between two writes; a SIGKILL loses this and the time of a write [s]
    sync_s: Positive = 0.25  # the most that a power cut can lose [s]
    niceness: Annotated[int, Field(ge=-20, le=19)] = -10
    """Of the whole process, where the system permits it: messages that are written late are lost at a kill."""
    min_free_gb: NotNegative = 2.0  # no start below this; a recording that reaches it is ended and saved
    extra_labels: dict[str, str] = field(default_factory=dict)

    @rules
    def _something(self) -> Iterator[str]:
        if not self.topics and not self.cameras:
            yield "topics: expected at least one topic or camera, got none"

    def all_topics(self) -> dict[str, TopicConfig]:
        """Every topic to record, those of the cameras included."""
        cameras = {
            f"{self.camera.format(view=camera)}/{name}": TopicConfig(
                kind, depth=self.camera_depth, hz=self.camera_hz
            )
            for camera in self.cameras
            for name, kind in CAMERA_TOPICS.items()
        }
        return {**cameras, **self.topics}

    def within_bag(self, namespace: str) -> RecorderConfig:
        """The same with the topics' names as a bag has them: without the ``namespace`` of the arm, see ``names``."""
        topics = {without(topic, namespace): entry for topic, entry in self.all_topics().items()}
        return replace(self, topics=topics, cameras=())

    def expected_hz(self) -> dict[str, float]:
        """Topic -> rate, of those that have one."""
        return {topic: entry.hz for topic, entry in self.all_topics().items() if entry.hz > 0}


def read_calibration(config: RecorderConfig) -> str:
    """The text of the configured calibration file; '' without one.

    Raises:
        ConfigError: it cannot be read.
    """
    if not config.calibration:
        return ""
    try:
        return Path(config.calibration).read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text"
        raise ConfigError(config.calibration, [f"cannot be read ({reason})"]) from error

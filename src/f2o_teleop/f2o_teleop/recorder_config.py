"""The dataclass of config/recorder.yaml."""

from dataclasses import dataclass, field
from pathlib import Path

from f2o_bags.writer import COMPRESSIONS
from f2o_nodekit.config import ConfigError

QOS_KINDS = ("sensor", "reliable", "latched")
CAMERA_TOPICS = {
    "color/image_raw": "sensor_msgs/msg/Image",
    "color/camera_info": "sensor_msgs/msg/CameraInfo",
    "aligned_depth_to_color/image_raw": "sensor_msgs/msg/Image",
    "aligned_depth_to_color/camera_info": "sensor_msgs/msg/CameraInfo",
}


@dataclass(frozen=True)
class TopicConfig:
    """How one topic is subscribed."""

    type: str  # package/msg/Type
    qos: str = "sensor"  # sensor: best effort; reliable; latched: reliable and transient local
    depth: int = 500  # messages DDS may hold for us while this process waits for a processor: 4 s at 125 Hz
    command: bool = False  # somebody acts on it: stored as /f2o/recorded/<topic>; the usual ones are known
    hz: float = 0.0  # expected rate, looked at before the start, in the report and by `f2o bag check`; 0: any

    def check(self) -> list[str]:
        """Messages about values out of range."""
        problems = []
        if self.type.count("/") != 2 or self.type.split("/")[1] != "msg":
            problems.append(f"type: expected package/msg/Type, got {self.type!r}")
        if self.qos not in QOS_KINDS:
            problems.append(f"qos: expected one of {', '.join(QOS_KINDS)}, got {self.qos!r}")
        if self.depth < 1:
            problems.append(f"depth: expected 1 or more, got {self.depth}")
        if self.hz < 0:
            problems.append(f"hz: expected 0 or more, got {self.hz}")
        return problems


@dataclass(frozen=True)
class RecorderConfig:
    """What is recorded, where to, and how safely."""

    topics: dict[str, TopicConfig]  # besides those of the cameras
    output: str = "bags"  # folder that gets one folder an episode
    task: str = ""
    operator: str = ""
    seed: int = 0
    episodes: int = 0  # saved ones, then it ends; 0: until told to
    cameras: tuple[str, ...] = ()  # realsense2_camera's four topics of each are recorded
    camera_depth: int = 20  # the same of images, which are large
    camera_hz: float = 30.0  # expected of each of them
    preflight: bool = True  # refuse to start while a topic is silent or slow
    min_rate: float = 0.7  # share of its expected rate below which a topic is slow
    calibration: str = ""  # file kept in every bag as a label; relative to this one
    compression: str = "lz4"
    queue_mb: float = 256.0  # what a stalling disk may cost in memory before messages are dropped
    flush_s: float = 0.008  # between two writes; a SIGKILL loses this and the time of a write [s]
    sync_s: float = 0.25  # the most that a power cut can lose [s]
    niceness: int = (
        -10
    )  # of the whole process where the system grants it: what it does late is lost at a kill
    min_free_gb: float = 2.0  # no start below this; recording ends, saved, when it is reached
    extra_labels: dict[str, str] = field(default_factory=dict)

    def check(self) -> list[str]:
        """Messages about values out of range."""
        problems = []
        if self.compression not in COMPRESSIONS:
            legal = ", ".join(COMPRESSIONS)
            problems.append(f"compression: expected one of {legal}, got {self.compression!r}")
        for key in ("queue_mb", "flush_s", "sync_s"):
            if getattr(self, key) <= 0:
                problems.append(f"{key}: expected more than 0, got {getattr(self, key)}")
        if not -20 <= self.niceness <= 19:
            problems.append(f"niceness: expected -20 to 19, got {self.niceness}")
        if not 0 < self.min_rate <= 1:
            problems.append(f"min_rate: expected above 0 and up to 1, got {self.min_rate}")
        for key in ("min_free_gb", "camera_hz", "episodes"):
            if getattr(self, key) < 0:
                problems.append(f"{key}: expected 0 or more, got {getattr(self, key)}")
        if not self.topics and not self.cameras:
            problems.append("topics: expected at least one topic or camera, got none")
        return problems

    def all_topics(self) -> dict[str, TopicConfig]:
        """Every topic to record, those of the cameras included."""
        cameras = {
            f"/{camera}/{name}": TopicConfig(kind, depth=self.camera_depth, hz=self.camera_hz)
            for camera in self.cameras
            for name, kind in CAMERA_TOPICS.items()
        }
        return {**cameras, **self.topics}

    def expected_hz(self) -> dict[str, float]:
        """Topic -> rate, of those that have one."""
        return {topic: entry.hz for topic, entry in self.all_topics().items() if entry.hz > 0}


def read_calibration(config: RecorderConfig, config_path: str) -> str:
    """The text of the calibration that the configuration names; '' where it names none.

    Raises:
        ConfigError: it cannot be read.
    """
    if not config.calibration:
        return ""
    path = Path(config_path).parent / config.calibration
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text"
        raise ConfigError(config_path, [f"calibration: {path} cannot be read ({reason})"]) from error

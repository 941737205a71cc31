"""The configuration of perception: ``config/perception.yaml`` as one dataclass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Annotated

from f2o_nodekit.config import STRICT, ConfigPath, rules
from f2o_nodekit.fields import DIFFERENT, FifoPriority, TopicName, ViewTopicName, one_of
from f2o_nodekit.robot import RobotWord
from f2o_nodekit.stamps import NS_PER_S
from pydantic import Field
from pydantic.dataclasses import dataclass

from f2o_perception.voxel import BACKENDS
from f2o_perception.workspace import Workspace

MAX_VOXELS = 50_000_000  # a 200 MB index; more is a mistake in the box or the voxel
ViewName = Annotated[
    str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", description="letters, digits and underscores")
]
"""Part of a ROS name."""
ViewNames = Annotated[tuple[ViewName, ...], DIFFERENT]


@dataclass(frozen=True, config=STRICT)
class Topics:
    """Topic names; ``{view}`` stands for the name of each view."""

    color: ViewTopicName = "{view}/color/image_raw"
    depth: ViewTopicName = "{view}/aligned_depth_to_color/image_raw"
    camera_info: ViewTopicName = "{view}/color/camera_info"
    joint_states: TopicName = "franka/joint_states"
    gripper_joint_states: TopicName = "franka_gripper/joint_states"
    observation: TopicName = "f2o/observation"
    cloud: TopicName = "f2o/observation/cloud"


@dataclass(frozen=True, config=STRICT)
class PerceptionConfig:
    """What the pipeline needs to know. Times in seconds, lengths in metres."""

    robot: RobotWord = "panda"
    views: ViewNames = ("wrist", "external_1", "external_2")
    """The first is the reference: its stamp and its rate are the Observation's."""
    image_size: Annotated[int, Field(ge=8, le=1024)] = 64  # S [px]
    workspace: Workspace = field(default_factory=Workspace)
    voxel_m: Annotated[float, Field(ge=0.001, le=1)] = 0.005
    points: Annotated[int, Field(ge=1, le=1_000_000)] = 4096
    pixel_stride: Annotated[int, Field(ge=1, le=16)] = 1  # every so many rows and columns; 2 for 640x480
    voxel_backend: Annotated[str, one_of(BACKENDS)] = "numpy"
    camera_hz: Annotated[float, Field(ge=0.1, le=1000)] = 30.0  # nominal rate of the views
    fifo_priority: FifoPriority = 20  # of its one thread, below the policy's
    max_skew_s: Annotated[float, Field(ge=0, le=1)] | None = None
    """A view may be this far from the reference; None: half a frame period."""
    max_age_s: Annotated[float, Field(ge=0.01, le=10)] = 0.25
    """A reference waits this long for the other views; a view older than this has stopped."""
    joint_wait_s: Annotated[float, Field(ge=0, le=1)] = 0.1
    """How long a reference waits for a joint state from after it."""
    max_extrapolation_s: Annotated[float, Field(ge=0, le=0.05)] = 0.01  # of the joints, after that wait
    max_joint_gap_s: Annotated[float, Field(ge=0.001, le=1)] = 0.1
    """Joint states further apart than this are not interpolated."""
    max_gripper_age_s: Annotated[float, Field(ge=0.01, le=60)] = 1.0
    max_ahead_s: Annotated[float, Field(ge=0.001, le=1)] = 0.02
    """A stamp further ahead of its message's arrival is of a clock that differs from the others'."""
    calibration: ConfigPath = "cameras.yaml"
    topics: Topics = field(default_factory=Topics)

    @property
    def period_ns(self) -> int:
        """Nominal time between two frames of a view."""
        return round(NS_PER_S / self.camera_hz)

    @property
    def max_skew_ns(self) -> int:
        """Largest time between a view's frame and the reference."""
        return self.period_ns // 2 + 1 if self.max_skew_s is None else round(self.max_skew_s * NS_PER_S)

    @rules
    def _times_and_box(self) -> Iterator[str]:
        limit = f"expected at most max_age_s ({self.max_age_s:g})"
        if self.max_skew_ns > self.max_age_s * NS_PER_S:
            yield f"max_skew_s: {limit}, got {self.max_skew_ns / NS_PER_S:g}"
        if self.joint_wait_s > self.max_age_s:
            yield f"joint_wait_s: {limit}, got {self.joint_wait_s:g}"
        if (count := self._voxels()) > MAX_VOXELS:
            yield f"voxel_m: expected at most {MAX_VOXELS} voxels in the workspace, got {count:.0f}"

    def _voxels(self) -> float:
        box = self.workspace
        return (box.x[1] - box.x[0]) * (box.y[1] - box.y[0]) * (box.z[1] - box.z[0]) / self.voxel_m**3

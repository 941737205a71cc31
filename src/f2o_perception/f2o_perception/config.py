"""The configuration of perception: ``config/perception.yaml`` as one dataclass."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from f2o_nodekit.config import load_config
from f2o_nodekit.stamps import NS_PER_S

from f2o_perception.voxel import BACKENDS

VIEW_NAME = re.compile(r"[A-Za-z]\w*", re.ASCII)  # part of a ROS name
TOPIC_NAME = re.compile(r"[/~]?[\w/{}]+", re.ASCII)
MAX_VOXELS = 50_000_000  # a 200 MB index; more is a mistake in the box or the voxel
PANDA_JOINTS = tuple(f"panda_joint{i}" for i in range(1, 8))
PANDA_FINGERS = ("panda_finger_joint1", "panda_finger_joint2")


@dataclass(frozen=True)
class Workspace:
    """The box of space that the cloud keeps, in the base frame [m]; each is (lower, upper)."""

    x: tuple[float, float] = (0.2, 0.9)
    y: tuple[float, float] = (-0.45, 0.45)
    z: tuple[float, float] = (0.005, 0.6)  # from just above the table

    def check(self) -> list[str]:
        """Each axis must have a lower and a larger upper bound."""
        axes = {"x": self.x, "y": self.y, "z": self.z}
        return [f"{k}: expected lower < upper, got {list(v)}" for k, v in axes.items() if not v[0] < v[1]]


@dataclass(frozen=True)
class Topics:
    """Topic names; ``{view}`` stands for the name of each view."""

    color: str = "/{view}/color/image_raw"
    depth: str = "/{view}/aligned_depth_to_color/image_raw"
    camera_info: str = "/{view}/color/camera_info"
    joint_states: str = "/franka/joint_states"
    gripper_states: str = "/franka_gripper/joint_states"
    observation: str = "/f2o/observation"
    cloud: str = "/f2o/observation/cloud"

    def check(self) -> list[str]:
        """Names must be legal, and camera topics tell the cameras apart."""
        names = dataclasses.asdict(self)
        wrong = {k: v for k, v in names.items() if not TOPIC_NAME.fullmatch(v)}
        alike = {k: names[k] for k in ("color", "depth", "camera_info") if "{view}" not in names[k]}
        return [
            *(f"{k}: expected a topic name, got {v!r}" for k, v in wrong.items()),
            *(f"{k}: expected a name with {{view}} in it, got {v!r}" for k, v in alike.items()),
        ]


@dataclass(frozen=True)
class PerceptionConfig:
    """What the pipeline needs to know. Times in seconds, lengths in metres."""

    views: tuple[str, ...] = ("wrist", "external_1", "external_2")  # the first is the reference
    image_size: int = 64  # S [px]
    base_frame: str = "panda_link0"
    joint_names: tuple[str, ...] = PANDA_JOINTS
    finger_joint_names: tuple[str, ...] = PANDA_FINGERS  # their positions add up to the width
    workspace: Workspace = field(default_factory=Workspace)
    voxel_m: float = 0.005
    points: int = 4096
    pixel_stride: int = 1  # depth pixels are taken every so many rows and columns; 2 for 640x480
    voxel_backend: str = "numpy"
    camera_hz: float = 30.0  # nominal rate of the views
    max_skew_s: float | None = None  # a view may be this far from the reference; none: half a frame period
    max_age_s: float = (
        0.25  # a reference waits this long for the other views; a view older than this has stopped
    )
    joint_wait_s: float = 0.1  # how long a reference waits for a joint state from after it
    max_extrapolation_s: float = 0.01  # how far joints may be extrapolated after that wait
    max_joint_gap_s: float = 0.1  # joint states further apart than this are not interpolated
    max_gripper_age_s: float = 1.0
    calibration: str = "cameras.yaml"  # relative to the configuration file
    urdf: str = (
        ""  # empty: the Panda of the example-robot-data wheel; else relative to the configuration file
    )
    topics: Topics = field(default_factory=Topics)

    @property
    def period_ns(self) -> int:
        """Nominal time between two frames of a view."""
        return round(NS_PER_S / self.camera_hz)

    @property
    def max_skew_ns(self) -> int:
        """Largest time between a view's frame and the reference."""
        return self.period_ns // 2 + 1 if self.max_skew_s is None else round(self.max_skew_s * NS_PER_S)

    def check(self) -> list[str]:
        """Ranges, and the rules between keys."""
        return [*self._check_names(), *self._check_ranges(), *self._check_rules()]

    def _check_names(self) -> list[str]:
        problems = []
        for key in ("views", "joint_names", "finger_joint_names"):
            names = getattr(self, key)
            if not names or len(set(names)) < len(names):
                problems.append(f"{key}: expected one or more different names, got {list(names)}")
        for view in self.views:
            if not VIEW_NAME.fullmatch(view):
                problems.append(f"views: expected letters, digits and underscores, got {view!r}")
        if self.voxel_backend not in BACKENDS:
            problems.append(
                f"voxel_backend: expected one of {', '.join(BACKENDS)}, got {self.voxel_backend!r}"
            )
        return problems

    def _check_ranges(self) -> list[str]:
        ranges = {
            "image_size": (8, 1024), "points": (1, 1_000_000), "pixel_stride": (1, 16), "voxel_m": (0.001, 1.0),
            "camera_hz": (0.1, 1000.0), "max_skew_s": (0.0, 1.0), "max_age_s": (0.01, 10.0),
            "joint_wait_s": (0.0, 1.0), "max_extrapolation_s": (0.0, 0.05), "max_joint_gap_s": (0.001, 1.0),
            "max_gripper_age_s": (0.01, 60.0),
        }  # fmt: skip
        values = {key: getattr(self, key) for key in ranges}
        return [
            f"{key}: expected {low:g} to {high:g}, got {values[key]:g}"
            for key, (low, high) in ranges.items()
            if values[key] is not None and not low <= values[key] <= high
        ]

    def _check_rules(self) -> list[str]:
        problems = []
        if self.camera_hz > 0 and self.max_skew_ns > self.max_age_s * NS_PER_S:
            problems.append(
                f"max_skew_s: expected at most max_age_s ({self.max_age_s:g}), got {self.max_skew_ns / NS_PER_S:g}"
            )
        if self.joint_wait_s > self.max_age_s:
            problems.append(
                f"joint_wait_s: expected at most max_age_s ({self.max_age_s:g}), got {self.joint_wait_s:g}"
            )
        if self.voxel_m > 0 and (count := self._voxels()) > MAX_VOXELS:
            problems.append(
                f"voxel_m: expected at most {MAX_VOXELS} voxels in the workspace, got {count:.0f}"
            )
        return problems

    def _voxels(self) -> float:
        box = self.workspace
        return (box.x[1] - box.x[0]) * (box.y[1] - box.y[0]) * (box.z[1] - box.z[0]) / self.voxel_m**3


def load_perception_config(path: str | Path, overrides: Mapping[str, Any] | None = None) -> PerceptionConfig:
    """Read ``path`` and make its file names absolute.

    Raises:
        ConfigError: as ``f2o_nodekit.config.load_config``.
    """
    return with_absolute_paths(load_config(PerceptionConfig, path, overrides), path)


def with_absolute_paths(config: PerceptionConfig, config_path: str | Path) -> PerceptionConfig:
    """``config`` with its file names taken relative to the folder of ``config_path``."""
    folder = Path(config_path).resolve().parent
    urdf = str(folder / config.urdf) if config.urdf else ""
    return dataclasses.replace(config, calibration=str(folder / config.calibration), urdf=urdf)

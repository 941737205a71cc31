"""The data of perception: frames and robot states in, Observations out.

Conventions, everywhere in this package:

- A stamp is integer nanoseconds of ROS time (``_ros_ns``): the middle of the exposure as the driver stamps it, or the
  time of the encoder reading. Arrival times never enter an Observation, so equal inputs give equal bits; they only
  tell whether a stamp can be true (``ahead_ns``: stamp minus arrival, above 0 only where two clocks differ).
- Colour is RGB, 8 bit. Depth is 16-bit millimetres along the optical axis, registered to the colour image, 0 = no
  measurement. A pixel (u, v) is (column, row); its centre is at the whole number.
- The optical frame is ROS's: x right, y down, z forward. The base frame is the arm's
  (link0): x forward, z up, metres.
- Joints are in the order of the robot's file, radians; the gripper is its opening width in metres.
- Views are in the order of ``PerceptionConfig.views``; the first is the reference, whose stamp is the Observation's.
- Arrays are never written to once they are in one of these classes; some are views of a message's own memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8, UInt16


@dataclass(frozen=True)
class Intrinsics:
    """A rectified pinhole camera: ``u = fx x / z + cx``, ``v = fy y / z + cy``. All in pixels."""

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int


@dataclass(frozen=True)
class RgbdFrame:
    """Colour and registered depth of one camera at one moment."""

    view: str
    stamp_ros_ns: int
    rgb: UInt8[np.ndarray, "h w 3"]
    depth_mm: UInt16[np.ndarray, "h w"]  # 0 = no measurement
    intrinsics: Intrinsics  # of the colour camera, hence of both images
    ahead_ns: int | None = None  # stamp minus arrival; None: the arrival is not known


@dataclass(frozen=True)
class JointSample:
    """The arm's joints at one moment."""

    stamp_ros_ns: int
    names: tuple[str, ...]
    positions: Float64[np.ndarray, " n"]  # [rad]
    velocities: Float64[np.ndarray, " n"]  # [rad/s]; NaN where it is not measured
    ahead_ns: int | None = None  # stamp minus arrival; None: the arrival is not known


@dataclass(frozen=True)
class GripperSample:
    """The gripper's opening at one moment."""

    stamp_ros_ns: int
    width_m: float
    ahead_ns: int | None = None  # stamp minus arrival; None: the arrival is not known


@dataclass(frozen=True)
class Observation:
    """Everything the policy sees, taken at one reference stamp; V views of S x S pixels, N points, J joints."""

    stamp_ros_ns: int  # of the reference view
    view_names: tuple[str, ...]
    view_stamps_ros_ns: Int64[np.ndarray, " v"]
    rgb: UInt8[np.ndarray, "v s s 3"]
    depth_mm: UInt16[np.ndarray, "v s s"]  # 0 = no measurement
    points: Float32[np.ndarray, "p 3"]  # base frame [m]
    joint_names: tuple[str, ...]
    joint_positions: Float64[np.ndarray, " j"]  # [rad] at stamp_ros_ns
    joint_velocities: Float64[np.ndarray, " j"]  # [rad/s] at stamp_ros_ns
    gripper_width: float  # [m] at stamp_ros_ns
    max_skew_ns: int  # largest |view stamp - stamp_ros_ns|

"""Messages to frames and back (ROS).

Reading is duck-typed: messages of rclpy (``array.array`` fields) and of a bag reader (numpy fields) both do. Writing
fills ``array.array`` fields, for rclpy checks any other sequence element by element (56 ms an image).
"""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
from f2o_nodekit.joints import read_gripper_width, read_joint_state
from f2o_nodekit.stamps import from_ns, to_ns
from jaxtyping import Shaped, UInt8, UInt16

from f2o_perception.errors import ImageError, ObservationError
from f2o_perception.frames import GripperSample, Intrinsics, JointSample, Observation, RgbdFrame

# encoding -> (type, channels): what numpy reads without help
PLAIN = {
    "rgb8": (np.uint8, 3), "bgr8": (np.uint8, 3), "rgba8": (np.uint8, 4), "bgra8": (np.uint8, 4),
    "mono8": (np.uint8, 1), "8UC1": (np.uint8, 1), "8UC3": (np.uint8, 3),
    "16UC1": (np.uint16, 1), "mono16": (np.uint16, 1), "32FC1": (np.float32, 1),
}  # fmt: skip
RGB_CHANNELS = {
    "rgb8": [0, 1, 2], "8UC3": [0, 1, 2], "rgba8": [0, 1, 2], "bgr8": [2, 1, 0], "bgra8": [2, 1, 0],
    "mono8": [0, 0, 0], "8UC1": [0, 0, 0],
}  # fmt: skip
DEPTH_MAX_MM = 65535


def image_to_array(msg: Any) -> Shaped[np.ndarray, "h w *c"]:
    """The pixels of a sensor_msgs/Image of a plain encoding, in native byte order; a view of the message if it can be.

    Raises:
        ImageError: an encoding that is not plain, or data that does not fit the announced size.
    """
    if msg.encoding not in PLAIN:
        raise ImageError(f"encoding {msg.encoding!r}, expected one of {', '.join(PLAIN)}")
    kind, channels = PLAIN[msg.encoding]
    dtype = np.dtype(kind).newbyteorder(">" if msg.is_bigendian else "<")
    used = msg.width * channels * dtype.itemsize
    data = np.frombuffer(msg.data, np.uint8)
    if msg.width == 0 or msg.height == 0 or msg.step < used or data.size < msg.height * msg.step:
        raise ImageError(
            f"{msg.width}x{msg.height} {msg.encoding} image: expected rows of {used} bytes or more, "
            f"got step {msg.step} and {data.size} bytes in all"
        )
    rows = data[: msg.height * msg.step].reshape(msg.height, msg.step)[:, :used]
    pixels = rows.view(dtype) if rows.shape[1] == msg.step else np.ascontiguousarray(rows).view(dtype)
    pixels = pixels.astype(dtype.newbyteorder("="), copy=False)
    return pixels if channels == 1 else pixels.reshape(msg.height, msg.width, channels)


def rgb_from_msg(msg: Any) -> UInt8[np.ndarray, "h w 3"]:
    """Colour of a sensor_msgs/Image; encodings that numpy cannot read go through cv_bridge.

    Raises:
        ImageError: as ``image_to_array``, or cv_bridge is needed and missing.
    """
    if msg.encoding not in RGB_CHANNELS:
        return _through_cv_bridge(msg, "rgb8")
    pixels = image_to_array(msg)
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    order = RGB_CHANNELS[msg.encoding]
    return pixels if pixels.shape[2] == 3 and order == [0, 1, 2] else pixels[:, :, order]


def depth_from_msg(msg: Any) -> UInt16[np.ndarray, "h w"]:
    """Depth [mm, 0 = none] of a sensor_msgs/Image: 16UC1 is millimetres, 32FC1 metres with NaN = none (REP 118).

    Raises:
        ImageError: another encoding, or data that does not fit the announced size.
    """
    if msg.encoding in ("16UC1", "mono16"):
        return image_to_array(msg)
    if msg.encoding != "32FC1":
        raise ImageError(
            f"depth of encoding {msg.encoding!r}: expected 16UC1 [mm] or 32FC1 [m]"
        )  # no unit is agreed
    millimetres = image_to_array(msg) * 1000.0 + 0.5
    millimetres[~((millimetres >= 1.0) & (millimetres <= DEPTH_MAX_MM))] = 0.0  # NaN and infinity fail both
    return millimetres.astype(np.uint16)


def _through_cv_bridge(msg: Any, wanted: str) -> np.ndarray:
    try:
        from cv_bridge import CvBridge, CvBridgeError  # late: not on PyPI, and rarely needed
    except ImportError as error:
        raise ImageError(
            f"encoding {msg.encoding!r} needs cv_bridge, which cannot be imported ({error}); install "
            f"ros-{{distro}}-cv-bridge or publish one of {', '.join(PLAIN)}"
        ) from error
    try:
        pixels = CvBridge().imgmsg_to_cv2(msg, desired_encoding=wanted)
    except (
        CvBridgeError,
        TypeError,
        ValueError,
        RuntimeError,
    ) as error:  # numpy's and OpenCV's come through, too
        raise ImageError(
            f"encoding {msg.encoding!r}: cv_bridge cannot make {wanted} of it ({error})"
        ) from error
    if pixels.shape[:2] != (msg.height, msg.width):  # of rows that are too short it makes a narrow image
        raise ImageError(
            f"encoding {msg.encoding!r}: expected {msg.width}x{msg.height} pixels, got "
            f"{pixels.shape[1]}x{pixels.shape[0]} of rows of {msg.step} bytes"
        )
    return pixels


def intrinsics_from_msg(msg: Any) -> Intrinsics:
    """The lens of a sensor_msgs/CameraInfo; the image must be rectified, as ``k`` is all that is read.

    Raises:
        ImageError: the camera is not calibrated.
    """
    fx, cx, fy, cy = (float(msg.k[i]) for i in (0, 2, 4, 5))
    if not (fx > 0 and fy > 0 and np.isfinite([fx, fy, cx, cy]).all()):
        raise ImageError(f"camera_info: expected focal lengths above 0 in k, got fx {fx:g} and fy {fy:g}")
    return Intrinsics(fx, fy, cx, cy, int(msg.width), int(msg.height))


def frame_from_msgs(
    view: str, color: Any, depth: Any, camera_info: Any, arrived_ros_ns: int = 0
) -> RgbdFrame:
    """One frame of the three messages of one moment; ``arrived_ros_ns``: see ``ahead_ns``.

    Raises:
        ImageError: one of them cannot be used, or they differ in size.
    """
    rgb, depth_mm, lens = rgb_from_msg(color), depth_from_msg(depth), intrinsics_from_msg(camera_info)
    if not rgb.shape[:2] == depth_mm.shape == (lens.height, lens.width):
        raise ImageError(
            f"sizes differ: colour {color.width}x{color.height}, depth {depth.width}x{depth.height}, "
            f"camera_info {lens.width}x{lens.height}"
        )
    stamp = to_ns(color.header.stamp)
    return RgbdFrame(view, stamp, rgb, depth_mm, lens, ahead_ns(stamp, arrived_ros_ns))


def ahead_ns(stamp_ros_ns: int, arrived_ros_ns: int) -> int | None:
    """Stamp minus arrival; None where that is not known: 0, as by ROS time before the first /clock."""
    return stamp_ros_ns - arrived_ros_ns if arrived_ros_ns else None


def joints_from_msg(msg: Any, names: tuple[str, ...], arrived_ros_ns: int = 0) -> JointSample:
    """The joints ``names`` of a sensor_msgs/JointState, whatever else is in it and in whatever order.

    Raises:
        JointStateError: it lacks a usable position of a joint.
    """
    joints = read_joint_state(msg, names)
    stamp = to_ns(msg.header.stamp)
    return JointSample(stamp, names, joints.positions, joints.velocities, ahead_ns(stamp, arrived_ros_ns))


def gripper_from_msg(msg: Any, fingers: tuple[str, ...], arrived_ros_ns: int = 0) -> GripperSample:
    """The opening by a sensor_msgs/JointState of the gripper's topic.

    Raises:
        JointStateError: it lacks a usable position of a finger.
    """
    stamp = to_ns(msg.header.stamp)
    return GripperSample(stamp, read_gripper_width(msg, fingers), ahead_ns(stamp, arrived_ros_ns))


def observation_to_msg(observation: Observation, frame_id: str) -> Any:
    """An f2o_msgs/Observation; ``frame_id`` is the frame of the points (the base frame)."""
    from builtin_interfaces.msg import Duration, Time  # late, here and below: bags are read where ROS is not

    from f2o_msgs.msg import Observation as ObservationMsg

    msg = ObservationMsg()
    msg.header.frame_id = frame_id
    msg.header.stamp = from_ns(observation.stamp_ros_ns, Time)
    msg.view_names = list(observation.view_names)
    msg.view_stamps = [from_ns(stamp, Time) for stamp in observation.view_stamps_ros_ns]
    msg.image_size = observation.rgb.shape[1]
    msg.rgb = _array("B", observation.rgb)
    msg.depth_mm = _array("H", observation.depth_mm)
    msg.points = _array("f", observation.points)
    msg.joint_names = list(observation.joint_names)
    msg.joint_positions = _array("d", observation.joint_positions)
    msg.joint_velocities = _array("d", observation.joint_velocities)
    msg.gripper_width = observation.gripper_width
    msg.max_skew = from_ns(observation.max_skew_ns, Duration)
    return msg


def observation_from_msg(msg: Any) -> Observation:
    """The Observation of an f2o_msgs/Observation of rclpy or of a bag reader.

    Raises:
        ObservationError: an array that does not have the size that the message announces.
    """
    size, names, joints = int(msg.image_size), tuple(msg.view_names), tuple(msg.joint_names)
    pixels = (len(names), size, size)
    return Observation(
        stamp_ros_ns=to_ns(msg.header.stamp),
        view_names=names,
        view_stamps_ros_ns=np.array([to_ns(stamp) for stamp in msg.view_stamps], np.int64),
        rgb=_shaped("rgb", msg.rgb, np.uint8, (*pixels, 3)),
        depth_mm=_shaped("depth_mm", msg.depth_mm, np.uint16, pixels),
        points=_shaped("points", msg.points, np.float32, (len(msg.points) // 3, 3)),
        joint_names=joints,
        joint_positions=_shaped("joint_positions", msg.joint_positions, np.float64, (len(joints),)),
        joint_velocities=_shaped("joint_velocities", msg.joint_velocities, np.float64, (len(joints),)),
        gripper_width=float(msg.gripper_width),
        max_skew_ns=to_ns(msg.max_skew),
    )


def cloud_to_msg(observation: Observation, frame_id: str) -> Any:
    """The points as a sensor_msgs/PointCloud2 (float32 x, y, z), for viewers."""
    from builtin_interfaces.msg import Time
    from sensor_msgs.msg import PointCloud2, PointField

    msg = PointCloud2()
    msg.header.frame_id = frame_id
    msg.header.stamp = from_ns(observation.stamp_ros_ns, Time)
    msg.height, msg.width = 1, len(observation.points)
    msg.fields = [
        PointField(name=axis, offset=4 * i, datatype=PointField.FLOAT32, count=1)
        for i, axis in enumerate("xyz")
    ]
    msg.point_step, msg.row_step, msg.is_dense = 12, 12 * msg.width, True
    msg.data = _array("B", observation.points)
    return msg


def _array(typecode: str, values: np.ndarray) -> array:
    """``values`` as the ``array.array`` that rclpy takes without looking at each element."""
    out = array(typecode)
    out.frombytes(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return out


def _shaped(name: str, values: Any, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    flat = np.frombuffer(values, dtype)
    if flat.size != np.prod(shape):
        raise ObservationError(f"observation: {name}: expected {np.prod(shape)} values, got {flat.size}")
    return flat.reshape(shape)

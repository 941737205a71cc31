"""Messages as rclpy (array.array fields) and as a bag reader (numpy fields) hand them over, without ROS."""

from __future__ import annotations

from array import array
from types import SimpleNamespace as Message

import numpy as np
from scenes import LENS

READERS = {
    "rclpy": lambda data: array("B", data.tobytes()),
    "bag": lambda data: np.frombuffer(data.tobytes(), np.uint8),
}


def stamp(ns):
    return Message(sec=ns // 10**9, nanosec=ns % 10**9)


def header(ns):
    return Message(stamp=stamp(ns), frame_id="")


def image(pixels, encoding, ns=0, reader="rclpy", padding=0):
    """An Image of ``pixels``, each row followed by ``padding`` bytes of rubbish."""
    rows = np.ascontiguousarray(pixels).reshape(len(pixels), -1).view(np.uint8)
    rows = np.hstack([rows, np.full((len(rows), padding), 0xEE, np.uint8)])
    return Message(
        header=header(ns), height=pixels.shape[0], width=pixels.shape[1], encoding=encoding,
        is_bigendian=int(pixels.dtype.byteorder == ">"), step=rows.shape[1], data=READERS[reader](rows),
    )  # fmt: skip


def camera_info(lens=LENS, ns=0):
    k = np.array([lens.fx, 0, lens.cx, 0, lens.fy, lens.cy, 0, 0, 1])
    return Message(header=header(ns), width=lens.width, height=lens.height, k=k)


def joint_state(positions, velocities=None, ns=0):
    velocity = [] if velocities is None else list(velocities.values())
    return Message(
        header=header(ns),
        name=list(positions),
        position=array("d", positions.values()),
        velocity=array("d", velocity),
    )

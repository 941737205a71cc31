"""The two datagrams between bridge and receiver: 100 bytes each, little-endian, CRC-32 (zlib's) over the first 96.

    target, bridge to receiver                      status, receiver to bridge
     0  2s  "f2"                                     0  2s  "f2"
     2  B   version                                  2  B   version
     3  B   flags: 1 target, 2 recover               3  B   128 + state
     4  H   robot (robot_id)                         4  H   robot
     6  H   session of the bridge, not 0             6  H   session of the receiver, not 0
     8  H   session of the receiver, 0 unknown       8  H   session of the followed bridge, 0 none
    10  H   lead from sending to due, 10 us         10  BB  last refusal, fault (index in FAULTS)
    12  I   sequence                                12  I   sequence of the newest accepted target
    16  Q   sent, bridge's monotonic clock, ns      16  Q   when it was sent, bridge's clock, ns
    24  7i  positions, 2^-28 rad                    24  7i  measured positions, 2^-28 rad
    52  7f  velocities, rad/s                       52  7f  measured velocities, rad/s
    80  7h  accelerations, mrad/s2                  80  HH  age of these, age of the newest target, 10 us
                                                    84  HH  measured gripper width, 10 um (65535 none); 0
                                                    88  II  cycles missed, datagrams refused
    94  H   gripper width, 10 um (65535 none)
    96  I   CRC                                     96  I   CRC

A target is a whole plan: a state to be in when it is due, from which ``braking.plan_stop`` says how to come to rest.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from f2o_control.braking import JointState
from f2o_control.datagrams import FAULTS, Flag, Refusal, State, Status, Target
from f2o_control.limits import Joints

SIZE, JOINTS = 100, 7
MAGIC, VERSION = b"f2", 1
TARGET = struct.Struct("<2sBBHHHHIQ7i7f7hH")
STATUS = struct.Struct("<2sBBHHHBBIQ7i7f4H2I")
CRC = struct.Struct("<I")
RAD, MILLI, TEN_MICRO = 2.0**-28, 1e-3, 1e-5
NO_WIDTH = 0xFFFF
IS_STATUS = 128


class DatagramError(ValueError):
    """Bytes that are not a datagram of this protocol."""


def pack_target(target: Target) -> bytes:
    """``target`` as 100 bytes. Numbers must be finite; they are clipped to their fields."""
    body = TARGET.pack(
        MAGIC,
        VERSION,
        target.flags,
        target.robot,
        target.session,
        target.peer,
        _short(target.lead_s),
        target.sequence & 0xFFFFFFFF,
        target.sent_ns,
        *_integers(target.state.position, RAD, 31),
        *target.state.velocity.tolist(),
        *_integers(target.state.acceleration, MILLI, 15),
        NO_WIDTH if target.gripper_width is None else _short(target.gripper_width),
    )
    return body + CRC.pack(zlib.crc32(body))


def unpack_target(data: bytes) -> Target:
    """The target in ``data``.

    Raises:
        DatagramError: ``data`` is not one; the text says why.
    """
    fields = TARGET.unpack(_checked(data))
    flags, robot, session, peer, lead, sequence, sent_ns = fields[2:9]
    if flags >= IS_STATUS or not session:
        raise DatagramError("not from a bridge")
    position, velocity, acceleration = (
        np.array(fields[9 + 7 * k : 16 + 7 * k], dtype=float) for k in range(3)
    )
    return Target(
        robot,
        session,
        peer,
        sequence,
        sent_ns,
        lead * TEN_MICRO,
        JointState(position * RAD, velocity, acceleration * MILLI),
        _width(fields[30]),
        Flag(flags & 3),
    )


def pack_status(status: Status) -> bytes:
    """``status`` as 100 bytes."""
    body = STATUS.pack(
        MAGIC,
        VERSION,
        IS_STATUS + status.state,
        status.robot,
        status.session,
        status.peer,
        status.refusal,
        FAULTS.index(status.fault) if status.fault in FAULTS else FAULTS.index("other"),
        status.sequence,
        status.echo_ns,
        *_integers(status.positions, RAD, 31),
        *status.velocities.tolist(),
        _short(status.joints_age_s),
        _short(status.target_age_s),
        NO_WIDTH if status.gripper_width is None else _short(status.gripper_width),
        0,
        status.missed & 0xFFFFFFFF,
        status.refused & 0xFFFFFFFF,
    )
    return body + CRC.pack(zlib.crc32(body))


def unpack_status(data: bytes) -> Status:
    """The status in ``data``.

    Raises:
        DatagramError: ``data`` is not one.
    """
    fields = STATUS.unpack(_checked(data))
    kind, robot, session, peer, refusal, fault, sequence, echo_ns = fields[2:10]
    if kind < IS_STATUS or kind - IS_STATUS not in State._value2member_map_ or not session:
        raise DatagramError("not from a receiver")
    age, target_age, width, _, missed, refused = fields[24:]
    return Status(
        robot,
        session,
        peer,
        State(kind - IS_STATUS),
        sequence,
        echo_ns,
        np.array(fields[10:17]) * RAD,
        np.array(fields[17:24]),
        age * TEN_MICRO,
        _width(width),
        target_age * TEN_MICRO,
        missed,
        refused,
        Refusal(refusal) if refusal in Refusal._value2member_map_ else Refusal.DAMAGED,
        FAULTS[min(fault, len(FAULTS) - 1)],
    )


def _checked(data: bytes) -> bytes:
    """The body of a datagram, with length, magic, version and CRC checked."""
    if len(data) != SIZE:
        raise DatagramError(f"{len(data)} bytes, expected {SIZE}")
    body = data[: SIZE - CRC.size]
    if CRC.unpack(data[SIZE - CRC.size :])[0] != zlib.crc32(body):
        raise DatagramError("wrong CRC")
    if body[:2] != MAGIC or body[2] != VERSION:
        raise DatagramError(f"not version {VERSION} of this protocol")
    return body


def _integers(values: Joints, unit: float, bits: int) -> list[int]:
    top = 2**bits - 1
    return np.clip(np.rint(values / unit), -top, top).astype(int).tolist()


def _short(value: float) -> int:
    """A length or a time in 16 unsigned bits; NaN and larger values become the largest."""
    return round(value / TEN_MICRO) if 0 <= value <= 0.65534 else 0xFFFE * (value != value or value > 0)


def _width(raw: int) -> float | None:
    return None if raw == NO_WIDTH else raw * TEN_MICRO

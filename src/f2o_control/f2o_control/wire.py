"""The two datagrams between bridge and receiver: 128 bytes each, little-endian, the last 16 a MAC over all before.

    target, bridge to receiver                      status, receiver to bridge
     0  2s  "f2"                                     0  2s  "f2"
     2  B   version                                  2  B   version
     3  B   flags: 1 target, 2 recover               3  B   128 + 16 * bond + state
     4  H   robot (robot_id)                         4  H   robot
     6  H   lead from sending to due, 10 us          6  BB  last refusal, fault (index in FAULTS)
     8  Q   session of the bridge, not 0             8  Q   session of the receiver, not 0
    16  Q   session of the receiver, 0 unknown      16  Q   session of the bridge that this is for, not 0
    24  I   sequence                                24  I   sequence of the newest accepted target
    28  Q   sent, bridge's monotonic clock, ns      28  Q   when it was sent, bridge's clock, ns
    36  7i  positions, 2^-28 rad                    36  7i  measured positions, 2^-28 rad
    64  7f  velocities, rad/s                       64  7f  measured velocities, rad/s
    92  7h  accelerations, mrad/s2                  92  HH  age of these, age of the newest target, 10 us
                                                    96  HH  measured gripper width, 10 um (65535 none); contacts,
                                                            a bit each from the lowest on, in the order of CONTACTS
                                                   100  II  cycles missed, datagrams refused
   106  H   gripper width, 10 um (65535 none)      108  I   number of this status
   108  4x                                         112  16s MAC
   112  16s MAC

A target is a whole plan: a state to be in when it is due, from which ``braking.plan_stop`` says how to come to rest.

The MAC is BLAKE2s (RFC 7693) under the key that both PCs have; without a key, which only loopback may be, it is a check
sum. It covers both sessions, random numbers of 64 bits, so that what was recorded in another session is refused.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import struct

import numpy as np

from f2o_control.braking import JointState
from f2o_control.datagrams import CONTACTS, FAULTS, Bond, Flag, Refusal, State, Status, Target
from f2o_control.limits import Joints

SIZE, MAC_SIZE = 128, 16
MAGIC, VERSION = b"f2", 2  # 1, of 100 bytes with a CRC, had no MAC
PURPOSE = b"f2o udp"  # of the key, mixed into each MAC
TARGET = struct.Struct("<2sBBHHQQIQ7i7f7hH4x")
STATUS = struct.Struct("<2sBBHBBQQIQ7i7f4H3I")
RAD, MILLI, TEN_MICRO = 2.0**-28, 1e-3, 1e-5
NO_WIDTH = 0xFFFF
IS_STATUS, BOND = 128, 16


class DatagramError(ValueError):
    """Bytes that are not a datagram of this protocol and key; ``refusal`` says why in a word."""

    def __init__(self, refusal: Refusal, text: str) -> None:
        super().__init__(text)
        self.refusal = refusal


def pack_target(target: Target, key: bytes = b"") -> bytes:
    """``target`` as 128 bytes under ``key``. Numbers must be finite; they are clipped to their fields."""
    body = TARGET.pack(
        MAGIC,
        VERSION,
        target.flags,
        target.robot,
        _short(target.lead_s),
        target.session,
        target.peer,
        target.sequence & 0xFFFFFFFF,
        target.sent_ns,
        *_integers(target.state.position, RAD, 31),
        *target.state.velocity.tolist(),
        *_integers(target.state.acceleration, MILLI, 15),
        NO_WIDTH if target.gripper_width is None else _short(target.gripper_width),
    )
    return body + mac(body, key)


def unpack_target(data: bytes, key: bytes = b"") -> Target:
    """The target in ``data``, which was packed under ``key``.

    Raises:
        DatagramError: ``data`` is not one; the text says why.
    """
    fields = TARGET.unpack(_checked(data, key))
    flags, robot, lead, session, peer, sequence, sent_ns = fields[2:9]
    if flags >= IS_STATUS or not session:
        raise DatagramError(Refusal.DAMAGED, "not from a bridge")
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


def pack_status(status: Status, key: bytes = b"") -> bytes:
    """``status`` as 128 bytes under ``key``."""
    body = STATUS.pack(
        MAGIC,
        VERSION,
        IS_STATUS + BOND * status.bond + status.state,
        status.robot,
        status.refusal,
        FAULTS.index(status.fault) if status.fault in FAULTS else FAULTS.index("other"),
        status.session,
        status.peer,
        status.sequence,
        status.echo_ns,
        *_integers(status.positions, RAD, 31),
        *status.velocities.tolist(),
        _short(status.joints_age_s),
        _short(status.target_age_s),
        NO_WIDTH if status.gripper_width is None else _short(status.gripper_width),
        sum(1 << bit for bit, name in enumerate(CONTACTS) if name in status.contact),
        status.missed & 0xFFFFFFFF,
        status.refused & 0xFFFFFFFF,
        status.number & 0xFFFFFFFF,
    )
    return body + mac(body, key)


def unpack_status(data: bytes, key: bytes = b"") -> Status:
    """The status in ``data``, which was packed under ``key``.

    Raises:
        DatagramError: ``data`` is not one.
    """
    fields = STATUS.unpack(_checked(data, key))
    kind, robot, refusal, fault, session, peer, sequence, echo_ns = fields[2:10]
    bond, state = divmod(kind - IS_STATUS, BOND)
    if bond not in Bond._value2member_map_ or state not in State._value2member_map_ or not session:
        raise DatagramError(Refusal.DAMAGED, "not from a receiver")
    age, target_age, width, contact, missed, refused, number = fields[24:]
    return Status(
        robot,
        session,
        peer,
        State(state),
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
        FAULTS[fault] if fault < len(FAULTS) else "other",  # of a receiver that knows more
        tuple(name for bit, name in enumerate(CONTACTS) if contact >> bit & 1),
        Bond(bond),
        number,
    )


def mac(body: bytes, key: bytes) -> bytes:
    """The MAC of all of a datagram before it; ``key`` of at most 32 bytes, b"" for a check sum."""
    keyed = _keyed(key).copy()
    keyed.update(body)
    return keyed.digest()


@functools.lru_cache(maxsize=4)
def _keyed(key: bytes) -> hashlib.blake2s:
    """BLAKE2s that has taken in the key: half of the work."""
    return hashlib.blake2s(key=key, digest_size=MAC_SIZE, person=PURPOSE)


def _checked(data: bytes, key: bytes) -> bytes:
    """The body of a datagram, with version, length and MAC checked."""
    if data[:2] == MAGIC and data[2:3] != bytes([VERSION]):
        version = data[2] if len(data) > 2 else "none"
        raise DatagramError(Refusal.VERSION, f"version {version} of this protocol, expected {VERSION}")
    if len(data) != SIZE:
        raise DatagramError(Refusal.DAMAGED, f"{len(data)} bytes, expected {SIZE}")
    if data[:2] != MAGIC:
        raise DatagramError(Refusal.DAMAGED, "not of this protocol")
    body = data[:-MAC_SIZE]
    if not hmac.compare_digest(mac(body, key), data[-MAC_SIZE:]):
        raise DatagramError(Refusal.STRANGER, "wrong MAC")
    return body


def _integers(values: Joints, unit: float, bits: int) -> list[int]:
    top = 2**bits - 1
    return np.clip(np.rint(values / unit), -top, top).astype(int).tolist()


def _short(value: float) -> int:
    """A length or a time in 16 unsigned bits; NaN and larger values become the largest."""
    return round(value / TEN_MICRO) if 0 <= value <= 0.65534 else 0xFFFE * (value != value or value > 0)


def _width(raw: int) -> float | None:
    return None if raw == NO_WIDTH else raw * TEN_MICRO

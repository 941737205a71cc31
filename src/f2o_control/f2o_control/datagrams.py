"""The content of the datagrams between bridge and receiver; ``wire`` has their layout."""

from __future__ import annotations

import enum
import secrets
import zlib
from dataclasses import dataclass

from f2o_control.braking import JointState
from f2o_control.limits import Joints

FAULTS = (  # names as in franka_msgs/Errors; the index is sent: only append
    "",
    "other",
    "communication_constraints_violation",
    "joint_position_motion_generator_start_pose_invalid",
    "joint_motion_generator_position_limits_violation",
    "joint_motion_generator_velocity_limits_violation",
    "joint_motion_generator_velocity_discontinuity",
    "joint_motion_generator_acceleration_discontinuity",
    "joint_reflex",
    "cartesian_reflex",
    "joint_position_limits_violation",
    "joint_velocity_violation",
    "self_collision_avoidance_violation",
    "power_limit_violation",
    "tau_j_range_violation",
    "instability_detected",
    "user_stopped",
    "unreachable",
    "safety_function_activated",
    "force_control_safety_violation",
    "cartesian_position_limits_violation",
    "cartesian_velocity_violation",
    "controller_torque_discontinuity",
)
CONTACTS = (
    *(f"joint {joint}" for joint in range(1, 8)),
    *("x", "y", "z", "about x", "about y", "about z"),
)
"""Where an arm can say that it touches something: a joint, or a direction of the stiffness frame; a bit each."""


class Flag(enum.IntFlag):
    """What a datagram of the bridge requests; without TARGET it is a keep-alive."""

    NONE = 0
    TARGET = 1
    RECOVER = 2  # an operator's request to leave a fault


class State(enum.IntEnum):
    """A state of the receiver."""

    WAITING = 0  # at rest, follows no bridge
    FOLLOWING = 1
    BRAKING = 2  # targets are missing: comes to rest
    FAULT = 3  # the arm stopped by itself, or cannot be reached


class Bond(enum.IntEnum):
    """What the receiver is to the bridge that a status is for."""

    FREE = 0  # it follows no bridge; one that sends under the session of this status is followed
    YOURS = 1
    ANOTHERS = 2


class Refusal(enum.IntEnum):
    """Why a datagram was refused."""

    NONE = 0
    DAMAGED = 1  # not 128 bytes, or not of this protocol
    ROBOT = 2  # for another arm
    SENDER = 3  # another bridge is followed, or this one from another address
    RESTARTED = 4  # of another session: for the receiver before its restart, or a recording
    ORDER = 5  # not newer than the last one: late, or a recording
    OLD = 6  # sent too long ago
    NUMBERS = 7  # not finite, or outside the limits
    START = 8  # a start must be at rest and near the arm
    NO_PLAN = 9  # no plan within the limits leads there
    STRANGER = 10  # wrong MAC
    VERSION = 11  # of another version of the protocol


UNPROVEN = {
    Refusal.DAMAGED: "not of f2o",
    Refusal.STRANGER: "under another key than this PC's, or a stranger's",
    Refusal.VERSION: "of another version of f2o, which must be the same on both PCs",
}
"""Refusals of what may come from anybody, in words for an operator; they say nothing about the bridge."""


@dataclass(frozen=True)
class Target:
    """From the bridge to the receiver."""

    robot: int
    session: int
    peer: int  # session in the receiver's statuses; 0 while it is not known
    sequence: int  # of every datagram of the bridge, not only of targets
    sent_ns: int  # the bridge's monotonic clock
    lead_s: float  # from sending to the due time
    state: JointState
    gripper_width: float | None  # m
    flags: Flag


@dataclass(frozen=True)
class Status:
    """From the receiver to the bridge."""

    robot: int
    session: int
    peer: int  # session of the bridge that this is for
    state: State
    sequence: int  # of the newest accepted target; of the datagram that this answers for a bridge that is not followed
    echo_ns: int  # when it was sent, bridge's clock
    positions: Joints  # rad, measured
    velocities: Joints  # rad/s, measured
    joints_age_s: float
    gripper_width: float | None  # m, measured
    target_age_s: float
    missed: int  # cycles
    refused: int  # datagrams
    refusal: Refusal  # the last
    fault: str  # one of FAULTS
    contact: tuple[str, ...] = ()  # those of CONTACTS since the last regular status
    bond: Bond = Bond.YOURS
    number: int = 0  # rises from status to status


def new_session() -> int:
    """A random number of 64 bits that is not 0: nobody has used it before."""
    return secrets.randbelow(2**64 - 1) + 1


def robot_id(name: str, joint_names: tuple[str, ...]) -> int:
    """A 16-bit checksum of an arm, so that a datagram does not move the wrong one."""
    return zlib.crc32(" ".join((name, *joint_names)).encode()) & 0xFFFF

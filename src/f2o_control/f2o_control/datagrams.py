"""The content of the datagrams between bridge and receiver; ``wire`` has their layout."""

from __future__ import annotations

import enum
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
)


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


class Refusal(enum.IntEnum):
    """Why a datagram was refused."""

    NONE = 0
    DAMAGED = 1  # not 100 bytes, not of this protocol, or wrong CRC
    ROBOT = 2  # for another arm
    SENDER = 3  # another bridge is followed
    RESTARTED = 4  # for the receiver before its restart
    ORDER = 5  # older than the last one
    OLD = 6  # sent too long ago
    NUMBERS = 7  # not finite, or outside the limits
    START = 8  # a start must be at rest and near the arm
    NO_PLAN = 9  # no plan within the limits leads there


@dataclass(frozen=True)
class Target:
    """From the bridge to the receiver."""

    robot: int
    session: int
    peer: int  # session in the receiver's statuses; 0 before the first
    sequence: int
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
    peer: int  # session of the followed bridge; 0: none
    state: State
    sequence: int  # of the newest accepted target
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


def robot_id(name: str, joint_names: tuple[str, ...]) -> int:
    """A 16-bit checksum of an arm, so that a datagram does not move the wrong one."""
    return zlib.crc32(" ".join((name, *joint_names)).encode()) & 0xFFFF

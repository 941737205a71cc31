"""What bridge and receiver say to each other; ``wire`` says how."""

from __future__ import annotations

import enum
import zlib
from dataclasses import dataclass

from f2o_control.braking import JointState
from f2o_control.limits import Joints

FAULTS = (  # names as in franka_msgs/Errors; the place in the list is what travels: only append
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
    """What a datagram of the bridge asks for; without TARGET it only says that the bridge is there."""

    NONE = 0
    TARGET = 1
    RECOVER = 2  # a person asks to leave a fault


class State(enum.IntEnum):
    """What the receiver does."""

    WAITING = 0  # at rest, follows nobody
    FOLLOWING = 1
    BRAKING = 2  # targets are missing: comes to rest
    FAULT = 3  # the arm stopped by itself, or cannot be reached


class Refusal(enum.IntEnum):
    """Why a datagram did not count."""

    NONE = 0
    DAMAGED = 1  # not 100 bytes, not ours, or its CRC is wrong
    ROBOT = 2  # meant for another arm
    SENDER = 3  # another bridge is listened to
    RESTARTED = 4  # meant for a receiver that was here before
    ORDER = 5  # a newer one was here before
    OLD = 6  # sent too long ago
    NUMBERS = 7  # not finite, or outside the limits
    START = 8  # a start must be at rest and near the arm
    NO_PLAN = 9  # no legal way leads there


@dataclass(frozen=True)
class Target:
    """What the bridge says."""

    robot: int
    session: int
    peer: int  # session of the receiver as heard; 0 before the first status
    sequence: int
    sent_ns: int  # the bridge's monotonic clock
    lead_s: float  # the state is due so long after sending
    state: JointState
    gripper_width: float | None  # m
    flags: Flag


@dataclass(frozen=True)
class Status:
    """What the receiver says."""

    robot: int
    session: int
    peer: int  # session of the bridge that is listened to; 0: of none
    state: State
    sequence: int  # of the newest target that counted
    echo_ns: int  # when that one was sent, the bridge's clock
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
    """Sixteen bits that differ between arms, so that a datagram does not move the wrong one."""
    return zlib.crc32(" ".join((name, *joint_names)).encode()) & 0xFFFF

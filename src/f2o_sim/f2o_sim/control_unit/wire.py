"""What goes over the wire between libfranka and a control unit: packed, little-endian.

Source: frankarobotics/libfranka-common, research_interface/robot/{rbk_types,service_types,error}.h and
gripper/types.h, version 10 (robot) and 3 (gripper). Matrices are column-major.
"""

from __future__ import annotations

import enum
import struct

import numpy as np

VERSION, GRIPPER_VERSION = 10, 3
PORT, GRIPPER_PORT = 1337, 1338
HEADER = struct.Struct("<III")  # command, id, size of the whole message
GRIPPER_HEADER = struct.Struct("<HII")
MAX_MESSAGE = 4096  # bytes; the longest request has 428


class Command(enum.IntEnum):
    """Requests to the robot."""

    CONNECT = 0
    MOVE = 1
    STOP_MOVE = 2
    COLLISION_BEHAVIOR = 3
    JOINT_IMPEDANCE = 4
    CARTESIAN_IMPEDANCE = 5
    GUIDING_MODE = 6
    EE_TO_K = 7
    NE_TO_EE = 8
    LOAD = 9
    RECOVERY = 10
    ROBOT_MODEL = 11


REQUEST_SIZES = {
    Command.CONNECT: 16,
    Command.MOVE: 125,
    Command.STOP_MOVE: 12,
    Command.COLLISION_BEHAVIOR: 428,
    Command.JOINT_IMPEDANCE: 68,
    Command.CARTESIAN_IMPEDANCE: 60,
    Command.EE_TO_K: 140,
    Command.NE_TO_EE: 140,
    Command.LOAD: 116,
    Command.RECOVERY: 12,
    Command.ROBOT_MODEL: 12,
}
"""Bytes of each request with its header; that of the guiding mode was not seen."""


class Status(enum.IntEnum):
    """Answers to every request but Move."""

    SUCCESS = 0
    NOT_POSSIBLE = 1  # to Connect: another version of the library
    INVALID_ARGUMENT = 2  # of the setters


class MoveStatus(enum.IntEnum):
    """Answers to Move: started at once, then how it ended; or refused."""

    SUCCESS = 0
    STARTED = 1
    PREEMPTED = 2
    PREEMPTED_BY_SAFETY = 3  # e.g. a person has put the arm elsewhere
    NOT_POSSIBLE = 5
    INVALID_ARGUMENT = 7
    REFLEX = 8


class RobotMode(enum.IntEnum):
    """What the robot is doing."""

    IDLE = 1
    MOVE = 2
    REFLEX = 4


class Generator(enum.IntEnum):
    """Motion generators, as a state names them; a Move request has one less."""

    IDLE = 0
    JOINT_POSITION = 1
    JOINT_VELOCITY = 2


CONTROLLER_OTHER = 3  # no motion under way
EXTERNAL_CONTROLLER = 2  # torques

ERRORS = (
    "joint_position_limits_violation",
    "cartesian_position_limits_violation",
    "self_collision_avoidance_violation",
    "joint_velocity_violation",
    "cartesian_velocity_violation",
    "force_control_safety_violation",
    "joint_reflex",
    "cartesian_reflex",
    "max_goal_pose_deviation_violation",
    "max_path_pose_deviation_violation",
    "cartesian_velocity_profile_safety_violation",
    "joint_position_motion_generator_start_pose_invalid",
    "joint_motion_generator_position_limits_violation",
    "joint_motion_generator_velocity_limits_violation",
    "joint_motion_generator_velocity_discontinuity",
    "joint_motion_generator_acceleration_discontinuity",
    "cartesian_position_motion_generator_start_pose_invalid",
    "cartesian_motion_generator_elbow_limit_violation",
    "cartesian_motion_generator_velocity_limits_violation",
    "cartesian_motion_generator_velocity_discontinuity",
    "cartesian_motion_generator_acceleration_discontinuity",
    "cartesian_motion_generator_elbow_sign_inconsistent",
    "cartesian_motion_generator_start_elbow_invalid",
    "force_controller_desired_force_tolerance_violation",
    "start_elbow_sign_inconsistent",
    "communication_constraints_violation",
)
"""Names of the first of the 41 error flags, in their order; a joint motion can meet none of the others."""
ERROR_FLAGS = 41

STATE = np.dtype(
    [("message_id", "<u8")]
    + [(name, "<f4", 16) for name in ("O_T_EE", "O_T_EE_d", "F_T_EE", "EE_T_K", "F_T_NE", "NE_T_EE")]
    + [("m_ee", "<f4"), ("I_ee", "<f4", 9), ("F_x_Cee", "<f4", 3)]
    + [
        ("m_load", "<f4"),
        ("I_load", "<f4", 9),
        ("F_x_Cload", "<f4", 3),
        ("elbow", "<f4", 2),
        ("elbow_d", "<f4", 2),
    ]
    + [(name, "<f4", 7) for name in ("tau_J", "tau_J_d", "dtau_J", "q", "q_d", "dq", "dq_d", "ddq_d")]
    + [("joint_contact", "<f4", 7), ("cartesian_contact", "<f4", 6)]
    + [("joint_collision", "<f4", 7), ("cartesian_collision", "<f4", 6), ("tau_ext_hat_filtered", "<f4", 7)]
    + [(name, "<f4", 6) for name in ("O_F_ext_hat_K", "K_F_ext_hat_K", "O_dP_EE_d")]
    + [("O_ddP_O", "<f4", 3), ("elbow_c", "<f4", 2), ("delbow_c", "<f4", 2), ("ddelbow_c", "<f4", 2)]
    + [("O_T_EE_c", "<f4", 16), ("O_dP_EE_c", "<f4", 6), ("O_ddP_EE_c", "<f4", 6)]
    + [("theta", "<f4", 7), ("dtheta", "<f4", 7)]
    + [("accelerometer_top", "<f4", (6, 3)), ("accelerometer_bottom", "<f4", (6, 3))]
    + [
        ("generator", "u1"),
        ("controller", "u1"),
        ("errors", "?", ERROR_FLAGS),
        ("reflex_reason", "?", ERROR_FLAGS),
    ]
    + [("robot_mode", "u1"), ("success_rate", "<f4")]
)
"""The state that the unit sends every millisecond: rad, m, N, Nm, kg."""

COMMAND = np.dtype(
    [
        ("message_id", "<u8"),  # of the state that it answers
        ("q_c", "<f8", 7),
        ("dq_c", "<f8", 7),
        ("O_T_EE_c", "<f8", 16),
        ("O_dP_EE_c", "<f8", 6),
        ("elbow_c", "<f8", 2),
        ("valid_elbow", "?"),
        ("finished", "?"),
        ("tau_J_d", "<f8", 7),
        ("torque_finished", "?"),
    ]
)
"""The answer to a state."""

COLLISION = np.dtype(
    [
        (f"{level}_{what}_{phase}", "<f8", count)
        for what, count in (("torque", 7), ("force", 6))
        for phase in ("acceleration", "nominal")
        for level in ("lower", "upper")
    ]
)
"""Thresholds of contact (lower) and collision (upper): N m a joint; N and N m in the stiffness frame."""
LOAD = np.dtype([("mass", "<f8"), ("center", "<f8", 3), ("inertia", "<f8", 9)])
GRIPPER_STATE = np.dtype(
    [
        ("message_id", "<u4"),
        ("width", "<f8"),
        ("max_width", "<f8"),
        ("is_grasped", "?"),
        ("temperature", "<u2"),
    ]
)

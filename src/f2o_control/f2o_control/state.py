"""The modes of the bridge and the one table that says how it gets from one to another."""

from __future__ import annotations

import enum


class Mode(enum.Enum):
    """What the bridge is doing; the value is what /f2o/mode says."""

    DISARMED = "disarmed"  # says nothing to the controller once the arm is at rest
    HOMING = "homing"  # goes to the robot's home by itself, slowly
    TELEOP = "teleop"  # follows a person's targets, or the scripted expert's
    POLICY = "policy"  # follows the policy's targets
    REPLAY = "replay"  # follows a recorded episode's targets
    HOLD = "hold"  # targets or observations are late: brakes, stays, waits
    FAULT = "fault"  # cannot see the arm, or was told nonsense, or failed itself: brakes, then says nothing


class Event(enum.Enum):
    """What may change the mode."""

    ARM_TELEOP = "arm teleop"
    ARM_POLICY = "arm policy"
    ARM_REPLAY = "arm replay"
    DISARM = "disarm"
    TAKE_OVER = "take over"
    GIVE_BACK = "give back"
    HOME = "home"
    AT_HOME = "at home"
    TARGETS_LATE = "targets late"
    OBSERVATIONS_STALE = "observations stale"
    TARGETS_BACK_TELEOP = "targets back (teleop)"
    TARGETS_BACK_POLICY = "targets back (policy)"
    TARGETS_BACK_REPLAY = "targets back (replay)"
    FAILURE = "failure"


FOLLOWING = (Mode.TELEOP, Mode.POLICY, Mode.REPLAY)
MOVING = (*FOLLOWING, Mode.HOMING)
SOURCES = {"policy": Mode.POLICY, "teleop": Mode.TELEOP, "expert": Mode.TELEOP, "replay": Mode.REPLAY}
"""Source of a target -> the mode in which it counts."""
ARM = {Mode.TELEOP: Event.ARM_TELEOP, Mode.POLICY: Event.ARM_POLICY, Mode.REPLAY: Event.ARM_REPLAY}
RESUME = {
    Mode.TELEOP: Event.TARGETS_BACK_TELEOP,
    Mode.POLICY: Event.TARGETS_BACK_POLICY,
    Mode.REPLAY: Event.TARGETS_BACK_REPLAY,
}

TABLE: dict[tuple[Mode, Event], Mode] = {
    **{(Mode.DISARMED, ARM[mode]): mode for mode in FOLLOWING},
    **{(Mode.HOLD, ARM[mode]): mode for mode in FOLLOWING},
    **{(Mode.HOLD, RESUME[mode]): mode for mode in FOLLOWING},
    **{(mode, Event.TARGETS_LATE): Mode.HOLD for mode in FOLLOWING},
    (Mode.POLICY, Event.OBSERVATIONS_STALE): Mode.HOLD,
    (Mode.POLICY, Event.TAKE_OVER): Mode.TELEOP,
    (Mode.HOLD, Event.TAKE_OVER): Mode.TELEOP,  # a person rescues a policy that died
    (Mode.TELEOP, Event.GIVE_BACK): Mode.POLICY,
    (Mode.DISARMED, Event.HOME): Mode.HOMING,
    (Mode.HOMING, Event.AT_HOME): Mode.DISARMED,
    **{(mode, Event.DISARM): Mode.DISARMED for mode in Mode},
    **{(mode, Event.FAILURE): Mode.FAULT for mode in (*MOVING, Mode.HOLD, Mode.FAULT)},
}
"""Every legal transition; what is not here does not change the mode. A fault is left through disarm or recover only."""


class Machine:
    """The current mode and why it is that one."""

    def __init__(self) -> None:
        self.mode = Mode.DISARMED
        self.reason = "started"

    def fire(self, event: Event, reason: str) -> bool:
        """Apply ``event``; False (and nothing changed) where the table has no such transition."""
        after = TABLE.get((self.mode, event))
        if after is None:
            return False
        self.mode, self.reason = after, reason
        return True

"""The modes of the bridge and the one table that says how it gets from one to another."""

from __future__ import annotations

import enum


class Mode(enum.Enum):
    """What the bridge is doing; the value is what /f2o/mode says."""

    DISARMED = "disarmed"  # says nothing to the controller once the arm is at rest
    TELEOP = "teleop"  # follows a person's targets, or the scripted expert's
    POLICY = "policy"  # follows the policy's targets
    HOLD = "hold"  # targets are late: brakes, stays, waits
    FAULT = "fault"  # cannot see the arm or failed itself: brakes, then says nothing


class Event(enum.Enum):
    """What may change the mode."""

    ARM_TELEOP = "arm teleop"
    ARM_POLICY = "arm policy"
    DISARM = "disarm"
    TARGETS_LATE = "targets late"
    TARGETS_BACK_TELEOP = "targets back (teleop)"
    TARGETS_BACK_POLICY = "targets back (policy)"
    FAILURE = "failure"


TABLE: dict[tuple[Mode, Event], Mode] = {
    (Mode.DISARMED, Event.ARM_TELEOP): Mode.TELEOP,
    (Mode.DISARMED, Event.ARM_POLICY): Mode.POLICY,
    (Mode.HOLD, Event.ARM_TELEOP): Mode.TELEOP,
    (Mode.HOLD, Event.ARM_POLICY): Mode.POLICY,
    (Mode.HOLD, Event.TARGETS_BACK_TELEOP): Mode.TELEOP,
    (Mode.HOLD, Event.TARGETS_BACK_POLICY): Mode.POLICY,
    (Mode.TELEOP, Event.TARGETS_LATE): Mode.HOLD,
    (Mode.POLICY, Event.TARGETS_LATE): Mode.HOLD,
    **{(mode, Event.DISARM): Mode.DISARMED for mode in Mode},
    **{(mode, Event.FAILURE): Mode.FAULT for mode in (Mode.TELEOP, Mode.POLICY, Mode.HOLD, Mode.FAULT)},
}
"""Every legal transition; what is not here does not change the mode. A fault is left through disarm only."""

FOLLOWING = (Mode.TELEOP, Mode.POLICY)
SOURCES = {"policy": Mode.POLICY, "teleop": Mode.TELEOP, "expert": Mode.TELEOP}
"""Source of a target (its frame_id) -> the mode in which it counts."""
ARM = {Mode.TELEOP: Event.ARM_TELEOP, Mode.POLICY: Event.ARM_POLICY}
RESUME = {Mode.TELEOP: Event.TARGETS_BACK_TELEOP, Mode.POLICY: Event.TARGETS_BACK_POLICY}


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

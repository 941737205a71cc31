"""The modes of the bridge and the table of legal transitions."""

from __future__ import annotations

import enum


class Mode(enum.Enum):
    """A mode of the bridge; the value is published on /f2o/mode."""

    DISARMED = "disarmed"  # sends nothing to the controller once the arm is at rest
    HOMING = "homing"  # follows the homing trajectory
    TELEOP = "teleop"  # follows the operator's targets, or the scripted expert's
    POLICY = "policy"  # follows the policy's targets
    REPLAY = "replay"  # follows a recorded episode's targets
    HOLD = "hold"  # targets or observations are stale, or the enable switch is released: brakes and waits
    FAULT = (
        "fault"  # joint states, the arm, the first target or the bridge failed: brakes, then sends nothing
    )


class Event(enum.Enum):
    """A cause of a transition."""

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
    RELEASED = "released"  # the enable switch
    TARGETS_BACK_TELEOP = "targets back (teleop)"
    TARGETS_BACK_POLICY = "targets back (policy)"
    TARGETS_BACK_REPLAY = "targets back (replay)"
    FAILURE = "failure"


FOLLOWING = (Mode.TELEOP, Mode.POLICY, Mode.REPLAY)
MOVING = (*FOLLOWING, Mode.HOMING)
SOURCES = {"policy": Mode.POLICY, "teleop": Mode.TELEOP, "expert": Mode.TELEOP, "replay": Mode.REPLAY}
"""Source of a target -> the mode in which it is followed."""
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
    **{(mode, Event.RELEASED): Mode.HOLD for mode in (*FOLLOWING, Mode.HOLD)},
    (Mode.HOMING, Event.RELEASED): Mode.DISARMED,  # from hold, a source would be followed
    (Mode.POLICY, Event.TAKE_OVER): Mode.TELEOP,
    (Mode.HOLD, Event.TAKE_OVER): Mode.TELEOP,  # the operator takes over from a policy that died
    (Mode.TELEOP, Event.GIVE_BACK): Mode.POLICY,
    (Mode.DISARMED, Event.HOME): Mode.HOMING,
    (Mode.HOMING, Event.AT_HOME): Mode.DISARMED,
    **{(mode, Event.DISARM): Mode.DISARMED for mode in Mode},
    **{(mode, Event.FAILURE): Mode.FAULT for mode in (*MOVING, Mode.HOLD, Mode.FAULT)},
}
"""Every legal transition; other events do not change the mode. A fault is left by disarm or recover only."""


class StateMachine:
    """The current mode and the reason for it."""

    def __init__(self) -> None:
        self.mode = Mode.DISARMED
        self.reason = "started"

    def fire(self, event: Event, reason: str) -> bool:
        """Apply ``event``; returns False and changes nothing if the table has no such transition."""
        after = TABLE.get((self.mode, event))
        if after is None:
            return False
        self.mode, self.reason = after, reason
        return True

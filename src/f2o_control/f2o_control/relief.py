"""In a fault the arm must not keep pressing against what stopped it.

A controller holds its last command with all its stiffness. Where the arm could not get there, something is in the way:
the command goes back to where the arm is.
"""

from __future__ import annotations

import numpy as np

from f2o_control.limits import Joints
from f2o_control.reference import Reference

PRESSING_RAD = (
    0.005  # from an arm to its command; with the robots' files' gains that is 3 N m of the strong joints
)
GIVE_RAD = 0.05  # a soft thing pushes the arm back as it gives way: so far it may, and no further
TOLD_NS = 100_000_000  # the command is repeated for so long first: a receiver wants a start at rest
ARRIVED_RAD = 1e-4


class Relief:
    """Where a bridge in a fault sends an arm that presses against something. One thread.

    The arm gives way again as often as it is found pressing, but by ``GIVE_RAD`` in all from where it stood first: one
    whose load is not what its control unit was told would sink for ever. Once joint states were in doubt, or there was
    no way, it is left as it is until the fault is left.
    """

    def __init__(self) -> None:
        self._left_alone = self._hindered = False
        self._first: Joints | None = None  # where the arm stood first, in this fault
        self._goal: Joints | None = None
        self._from_ns, self._set_out = 0, False

    def watch(self, in_fault: bool, doubt: str, hindrance: str) -> None:
        """Take what there is to know in this tick.

        Args:
            in_fault: whether the bridge is; otherwise all is forgotten.
            doubt: why joint states may not be the arm's, or ''; counts until the fault is left.
            hindrance: why nothing may be sent now, or ''.
        """
        if not in_fault:
            self._left_alone, self._first = False, None
        self._left_alone, self._hindered = self._left_alone or bool(doubt), bool(hindrance)
        if not in_fault or self._left_alone or self._hindered:
            self._goal = None

    def wanted(self, command: Joints, measured: Joints, moving: str, mono_ns: int) -> bool:
        """Whether an arm whose command is at rest gives way.

        Args:
            command: where it is sent [rad].
            measured: where it is [rad].
            moving: that it moves, or ''.
            mono_ns: now.
        """
        if self._goal is not None and not self._set_out:
            return True
        if self._goal is not None:
            self._left_alone = bool(np.abs(self._goal - command).max() > 10 * ARRIVED_RAD)
            self._goal = None
        if self._left_alone or self._hindered or moving:
            return False
        self._first = measured if self._first is None else self._first
        goal = np.clip(measured, self._first - GIVE_RAD, self._first + GIVE_RAD)
        if np.abs(goal - command).max() <= PRESSING_RAD:
            return False
        self._goal, self._from_ns, self._set_out = goal, mono_ns + TOLD_NS, False
        return True

    def reference(self, command: Joints, mono_ns: int) -> Reference | None:
        """Where to go; None: brake, and stay."""
        if self._goal is None or mono_ns < self._from_ns:
            return None
        self._set_out = True
        if np.abs(self._goal - command).max() <= ARRIVED_RAD:
            return None
        return Reference(self._goal, np.zeros(len(command)))

"""The hand behind port 1338: fingers that are driven at the speed asked for. Time is the caller's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from f2o_sim.control_unit.wire import GRIPPER_STATE

MAX_WIDTH = 0.08  # m, Franka Hand data sheet
HOMING_SPEED = 0.05  # m/s
MOVING_FORCE = 40.0  # N, of a move; a grasp says its own
ARRIVED = 5e-4  # m
STILL_S, STILL_M = 0.1, 2e-4  # fingers that move less than that in so long are blocked
CONNECT, HOMING, GRASP, MOVE, STOP = range(5)
SUCCESS, FAIL, UNSUCCESSFUL, ABORTED = range(4)
SIZES = {HOMING: 0, GRASP: 40, MOVE: 16, STOP: 0}  # bytes of a request after its header
Reply = tuple[int, int, int]  # command, id, status


@runtime_checkable
class Fingers(Protocol):
    """What moves; all widths in m."""

    @property
    def width(self) -> float:
        """Measured."""
        ...

    def fresh(self) -> bool:
        """Whether the width was measured since the last call."""
        ...

    def drive(self, width: float, force: float) -> None:
        """Go to ``width``, pressing with ``force`` [N] at the most on what is in the way."""
        ...

    def placed(self) -> float | None:
        """The width at which somebody has put them since the last call; None: nobody has."""
        ...


@dataclass
class ExactFingers:
    """Fingers that are where they are sent; an object between them is ``object_width`` wide, 0: there is none."""

    object_width: float = 0.0
    width: float = MAX_WIDTH

    def fresh(self) -> bool:
        """It is always known."""
        return True

    def drive(self, width: float, force: float) -> None:
        """Be at ``width``, or at the object."""
        blocked = self.object_width > 0 and width <= self.object_width <= self.width
        self.width = self.object_width if blocked else width

    def placed(self) -> float | None:
        """Nobody puts them anywhere."""
        return None


@dataclass
class Hand:
    """Commands of the gripper, one at a time."""

    fingers: Fingers = field(default_factory=ExactFingers)
    grasped: bool = False
    _goals: list[float] = field(default_factory=list)
    _speed: float = 0.0
    _force: float = MOVING_FORCE
    _tolerance: tuple[float, float] | None = None  # of a grasp: inner, outer [m]
    _asked: tuple[int, int] | None = None  # command and id under way
    _sent: float | None = None  # m, where the fingers are driven
    _still_s: float = 0.0
    _still_at: float = -1.0  # m

    def request(self, command: int, number: int, payload: bytes) -> list[Reply]:
        """Begin what is asked for; the replies that are due at once. A new command aborts the one under way."""
        if command not in SIZES:
            return []
        numbers = np.frombuffer(payload, "<f8") if len(payload) == SIZES[command] else np.array([np.nan])
        aborted = [(*self._asked, ABORTED)] if self._asked else []
        self._asked, self._goals = None, []
        if command == STOP:
            self._sent = self.fingers.width
            return [*aborted, (command, number, SUCCESS)]
        if not np.isfinite(numbers).all() or (len(numbers) and not 0 <= numbers[0] <= MAX_WIDTH):
            return [*aborted, (command, number, FAIL)]
        self._asked, self.grasped, self._tolerance = (command, number), False, None
        self._force, self._still_s, self._sent = MOVING_FORCE, 0.0, self.fingers.width
        if command == HOMING:
            self._goals, self._speed = [0.0, MAX_WIDTH], HOMING_SPEED
        elif command == MOVE:
            self._goals, self._speed = [float(numbers[0])], numbers[1]
        else:
            width, inner, outer, self._speed, self._force = map(float, numbers)
            self._goals, self._tolerance = [width], (width - inner, width + outer)
        return aborted

    def step(self, seconds: float) -> list[Reply]:
        """Pass ``seconds``; the reply of a command that ends."""
        if (placed := self.fingers.placed()) is not None:
            return self._abandon(placed)
        if self._sent is None:
            return []
        if not self._goals or self._asked is None:
            self.fingers.drive(self._sent, self._force)  # a grasp keeps its force
            return []
        reach = max(self._speed, 0.0) * seconds
        self._sent += float(np.clip(self._goals[0] - self._sent, -reach, reach))
        self.fingers.drive(self._sent, self._force)
        arrived = self._sent == self._goals[0] and abs(self.fingers.width - self._sent) <= ARRIVED
        if not arrived and not self._blocked(self._sent, seconds):
            return []
        self._goals.pop(0)
        if self._goals:  # homing: open again
            return []
        (command, number), self._asked = self._asked, None
        return [(command, number, self._verdict(not arrived))]

    def state(self, message_id: int) -> bytes:
        """The state that is sent, of dtype wire.GRIPPER_STATE."""
        return np.array(
            (message_id, self.fingers.width, MAX_WIDTH, self.grasped, 30), GRIPPER_STATE
        ).tobytes()

    def _blocked(self, sent: float, seconds: float) -> bool:
        """Whether the fingers have stopped short of ``sent`` [m], where they are driven."""
        width = self.fingers.width
        if abs(width - self._still_at) > STILL_M or abs(width - sent) <= ARRIVED:
            self._still_s, self._still_at = 0.0, width
        if self.fingers.fresh():
            self._still_s += seconds
        return self._still_s >= STILL_S

    def _abandon(self, width: float) -> list[Reply]:
        aborted = [(*self._asked, ABORTED)] if self._asked else []
        self._asked, self._goals, self._sent, self.grasped = None, [], width, False
        return aborted

    def _verdict(self, blocked: bool) -> int:
        if self._tolerance is None:
            return UNSUCCESSFUL if blocked else SUCCESS
        low, high = self._tolerance
        self.grasped = low <= self.fingers.width <= high
        return SUCCESS if self.grasped else UNSUCCESSFUL

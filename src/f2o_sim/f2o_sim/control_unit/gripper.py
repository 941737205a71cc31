"""The hand behind port 1338: a width that moves at the speed asked for. Time is the caller's."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from f2o_sim.control_unit.wire import GRIPPER_STATE

MAX_WIDTH = 0.08  # m, Franka Hand data sheet
HOMING_SPEED = 0.05  # m/s
CONNECT, HOMING, GRASP, MOVE, STOP = range(5)
SUCCESS, FAIL, UNSUCCESSFUL, ABORTED = range(4)
SIZES = {HOMING: 0, GRASP: 40, MOVE: 16, STOP: 0}  # bytes of a request after its header
Reply = tuple[int, int, int]  # command, id, status


@dataclass
class Hand:
    """The fingers; an object between them is ``object_width`` wide, 0: there is none."""

    width: float = MAX_WIDTH  # m
    object_width: float = 0.0  # m
    grasped: bool = False
    _goals: list[float] = field(default_factory=list)
    _speed: float = 0.0
    _tolerance: tuple[float, float] | None = None  # of a grasp: inner, outer [m]
    _asked: tuple[int, int] | None = None  # command and id under way

    def request(self, command: int, number: int, payload: bytes) -> list[Reply]:
        """Begin what is asked for; the replies that are due at once. A new command aborts the one under way."""
        if command not in SIZES:
            return []
        numbers = np.frombuffer(payload, "<f8") if len(payload) == SIZES[command] else np.array([np.nan])
        aborted = [(*self._asked, ABORTED)] if self._asked else []
        self._asked, self._goals = None, []
        if command == STOP:
            return [*aborted, (command, number, SUCCESS)]
        if not np.isfinite(numbers).all() or (len(numbers) and not 0 <= numbers[0] <= MAX_WIDTH):
            return [*aborted, (command, number, FAIL)]
        self._asked, self.grasped, self._tolerance = (command, number), False, None
        if command == HOMING:
            self._goals, self._speed = [0.0, MAX_WIDTH], HOMING_SPEED
        elif command == MOVE:
            self._goals, self._speed = [numbers[0]], numbers[1]
        else:
            width, inner, outer, self._speed, _ = numbers
            self._goals, self._tolerance = (
                [0.0 if self.object_width else width],
                (width - inner, width + outer),
            )
        return aborted

    def step(self, seconds: float) -> list[Reply]:
        """Pass ``seconds``; the reply of a command that ends."""
        if not self._goals or self._asked is None:
            return []
        reach = max(self._speed, 0.0) * seconds
        closing = self._goals[0] < self.width
        wanted = self.width + float(np.clip(self._goals[0] - self.width, -reach, reach))
        blocked = closing and self.object_width > 0 and wanted <= self.object_width <= self.width
        self.width = self.object_width if blocked else wanted
        if not blocked and self.width != self._goals[0]:
            return []
        self._goals.pop(0)
        if self._goals:  # homing: open again
            return []
        (command, number), self._asked = self._asked, None
        return [(command, number, self._verdict(blocked))]

    def state(self, message_id: int) -> bytes:
        """The state that is sent, of dtype wire.GRIPPER_STATE."""
        return np.array((message_id, self.width, MAX_WIDTH, self.grasped, 30), GRIPPER_STATE).tobytes()

    def _verdict(self, blocked: bool) -> int:
        if self._tolerance is None:
            return UNSUCCESSFUL if blocked else SUCCESS
        low, high = self._tolerance
        self.grasped = low <= self.width <= high
        return SUCCESS if self.grasped else UNSUCCESSFUL

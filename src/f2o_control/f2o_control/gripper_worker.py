"""Goals of a gripper, one at a time, as each takes up to a second.

franka_gripper's goals block each other (libfranka#18, #28; franka_ros2#113): a goal is sent only when the one before
has ended, which is cancelled as soon as there is a newer request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from f2o_nodekit.latest import Latest
from f2o_nodekit.stamps import NS_PER_S

LIMIT_S = 20.0  # for a goal: homing, the longest, takes some ten seconds


@runtime_checkable
class GripperDevice(Protocol):
    """A gripper; its methods do not wait."""

    def ready(self) -> bool:
        """Whether its server is available."""
        ...

    def begin(self, width: float, opening: bool, done: Callable[[str], None]) -> None:
        """Go to ``width`` [m]; ``done`` is called with the problem, or ''."""
        ...

    def stop(self) -> None:
        """Cancel the current goal; its ``done`` is still called."""
        ...


class GripperWorker:
    """Sends one goal at a time; of the requests meanwhile the newest wins.

    ``request`` is called by the loop and does not wait; ``step`` regularly by the thread on which the gripper answers.
    A goal without an answer for ``limit_s`` has failed.
    """

    def __init__(self, gripper: GripperDevice, limit_s: float = LIMIT_S) -> None:
        self._gripper, self._requests, self._limit_ns = gripper, Latest[float](), limit_s * NS_PER_S
        self._next: float | None = None  # the newest request that was not begun
        self._goal: float | None = None  # under way
        self._width = float("nan")  # m, where the last goal led
        self._stopping = False
        self._count = 0  # of goals, so that a late answer is not taken for another's
        self._since_ns: int | None = None  # when the goal under way was first looked at
        self.failures, self.last_problem = 0, ""

    def request(self, width: float) -> None:
        """Ask for ``width`` [m]."""
        self._requests.put(width)

    def step(self, mono_ns: int) -> None:
        """Send the newest request, or cancel the goal before it; give up on one that has timed out."""
        self._give_up(mono_ns)
        self._advance()

    def _advance(self) -> None:
        if (newer := self._requests.take()) is not None:
            self._next = newer if newer != self._goal or self._stopping else None
        if self._next is None or not self._gripper.ready():
            return
        if self._goal is None:
            self._begin(self._next)
        elif not self._stopping:
            self._stopping = True
            self._gripper.stop()

    def _begin(self, width: float) -> None:
        self._goal, self._next, self._stopping = width, None, False
        opening = not width < self._width  # the first goal is a move, whatever the fingers hold
        self._count, self._since_ns = self._count + 1, None
        mine = self._count
        self._gripper.begin(width, opening, lambda problem: self._ended(problem, mine))

    def _give_up(self, mono_ns: int) -> None:
        """A server that died with a goal must not block all later ones."""
        if self._goal is None:
            return
        since_ns = mono_ns if self._since_ns is None else self._since_ns
        self._since_ns = since_ns
        if mono_ns - since_ns > self._limit_ns:
            self._stopping = False
            self._ended(f"no answer for {self._limit_ns / NS_PER_S:g} s", self._count)

    def _ended(self, problem: str, which: int) -> None:
        if which != self._count or self._goal is None:
            return
        if problem and not self._stopping:
            self.failures, self.last_problem = self.failures + 1, problem
        self._width, self._goal = self._goal, None
        self._advance()

"""Recovery from a robot's own fault, in asynchronous steps.

franka_ros2's sequence (its documentation, "Error recovery", since 2.4.0 and 3.3.0): error-recovery action, hardware
component active again, controller active again. franka_convert makes the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from f2o_nodekit.stamps import NS_PER_S

Done = Callable[[str], None]  # is called with the problem, or ""


@dataclass(frozen=True)
class Step:
    """An asynchronous step; ``begin`` must return at once."""

    name: str
    begin: Callable[[Done], None]


class Recovery:
    """Runs steps in order, each within ``step_timeout_s``; one run at a time.

    ``start``, ``check`` and the steps' answers belong to one thread. ``finish`` is called once a run: with what went
    wrong in one sentence, or with nothing.
    """

    def __init__(self, steps: Sequence[Step], step_timeout_s: float, finish: Callable[[str], None]) -> None:
        self._steps, self._limit_ns, self._finish = steps, step_timeout_s * NS_PER_S, finish
        self._run = 0  # answers of an earlier run, or of a step that came too late, do not count
        self._left: list[Step] = []
        self._since_ns: int | None = None  # None: since the next check
        self.running = False

    def start(self, mono_ns: int) -> bool:
        """Begin the first step; returns False if a run is under way."""
        if self.running:
            return False
        self.running, self._left = True, list(self._steps)
        self._next(mono_ns)
        return True

    def check(self, mono_ns: int) -> None:
        """Give up on a step that has timed out; to be called regularly."""
        self._since_ns = mono_ns if self._since_ns is None else self._since_ns
        if self.running and mono_ns - self._since_ns > self._limit_ns:
            self._end(f"{self._left[0].name}: no answer for {self._limit_ns / NS_PER_S:g} s")

    def _next(self, mono_ns: int | None = None) -> None:
        if not self._left:
            self._end("")
            return
        self._run, self._since_ns = self._run + 1, mono_ns
        mine, step = self._run, self._left[0]

        def done(problem: str) -> None:
            if mine != self._run or not self.running:
                return
            if problem:
                self._end(f"{step.name}: {problem}")
                return
            self._left.pop(0)
            self._next()

        step.begin(done)

    def _end(self, problem: str) -> None:
        self.running = False
        self._finish(problem)

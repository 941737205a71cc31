"""Which instant of the arm's time a command is for, where the arm follows commands and their stops in time."""

from __future__ import annotations

from f2o_nodekit.stamps import NS_PER_S


class Timeline:
    """Steps of one period each, one after the other, that begin when the arm can have heard of them.

    A step must not change what the arm executes already. So it begins a whole number of periods after its tick's
    deadline, one at least, and ``transport_s`` after the tick at the earliest; where the last command was due before,
    the arm is on that one's stop by then, and the step goes on from there. After a late tick one that is in time is
    left out, so that the delay does not stay.

    Args:
        period_s: of the ticks.
        transport_s: from a tick to the arm.
    """

    def __init__(self, period_s: float, transport_s: float) -> None:
        self._period_ns, self._transport_ns = round(period_s * NS_PER_S), round(transport_s * NS_PER_S)
        self.delay_ns = self._periods_ns(0) + self._period_ns
        """From the deadline of a tick that is in time to where its command is due."""
        self.restart()

    def restart(self) -> None:
        """Begin anew, at rest."""
        self.due_mono_ns = 0  # when the arm is at the last command; 0: it stands there

    def _periods_ns(self, late_ns: int) -> int:
        """From a tick's deadline to the beginning of its step, if the tick is so late."""
        return max(-(-(late_ns + self._transport_ns) // self._period_ns), 1) * self._period_ns

    def begin(self, mono_ns: int, ideal_mono_ns: int) -> float | None:
        """Begin a step.

        Args:
            mono_ns: now.
            ideal_mono_ns: the tick's deadline, a multiple of the period from the others.

        Returns:
            How long the arm will have followed the last stop by then [s]; None if no step is due yet.
        """
        earliest_ns = ideal_mono_ns + self._periods_ns(mono_ns - ideal_mono_ns)
        self.due_mono_ns = self.due_mono_ns or earliest_ns
        if earliest_ns < self.due_mono_ns:
            return None
        passed_ns, self.due_mono_ns = earliest_ns - self.due_mono_ns, earliest_ns
        return passed_ns / NS_PER_S

    def end(self) -> int:
        """End the step; when the arm is there [monotonic ns], 0 if it stands there."""
        self.due_mono_ns += self._period_ns if self.due_mono_ns else 0
        return self.due_mono_ns


class Ticks:
    """The timeline of an arm that stays at the last command: each command is due at the end of its own tick."""

    def __init__(self, period_s: float) -> None:
        self.delay_ns = self._period_ns = round(period_s * NS_PER_S)
        self.due_mono_ns = 0

    def restart(self) -> None:
        """See ``Timeline``."""

    def begin(self, mono_ns: int, ideal_mono_ns: int) -> float | None:
        """See ``Timeline``; a step is always due."""
        self.due_mono_ns = ideal_mono_ns
        return 0.0

    def end(self) -> int:
        """See ``Timeline``."""
        self.due_mono_ns += self._period_ns
        return self.due_mono_ns

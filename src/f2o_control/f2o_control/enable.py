"""The hold-to-run switch: the arm moves only while a person holds it.

Whatever device it is, it says many times a second whether it is held. Released and not heard of are the same: stop.
"""

from __future__ import annotations

from f2o_nodekit.config import STRICT
from f2o_nodekit.fields import Positive
from f2o_nodekit.stamps import NS_PER_S
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, config=STRICT)
class EnableRules:
    """Whether there must be a switch, and how long it may be silent."""

    required: bool = False  # the launch files require it with a real robot
    timeout_s: Positive = 0.1  # without a word of it


class EnableSwitch:
    """What was last heard of the switch. ``offer`` and ``problem`` may be different threads.

    Args:
        rules: see there.
        topic: on which it is heard of, for the sentences.
    """

    def __init__(self, rules: EnableRules, topic: str) -> None:
        self._rules, self._topic = rules, topic
        self._newest: tuple[bool, int] | None = None

    def offer(self, held: bool, mono_ns: int) -> None:
        """Take what the switch says, at monotonic time ``mono_ns``."""
        self._newest = (held, mono_ns)

    def problem(self, mono_ns: int) -> str:
        """Why the arm may not move, or ''."""
        if not self._rules.required:
            return ""
        if self._newest is None:
            return f"nothing heard of the enable switch on {self._topic} yet"
        held, heard_mono_ns = self._newest
        silent_s, limit_s = (mono_ns - heard_mono_ns) / NS_PER_S, self._rules.timeout_s
        if silent_s > limit_s:
            return f"nothing heard of the enable switch on {self._topic} for {silent_s:.3f} s (limit {limit_s:g} s)"
        return "" if held else f"the enable switch is released ({self._topic})"

    def state(self, mono_ns: int) -> str:
        """For the diagnostics."""
        return (self.problem(mono_ns) or "held") if self._rules.required else "not required"

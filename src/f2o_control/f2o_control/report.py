"""The bridge's entry in /diagnostics.

'ok' is said of commands, not of inputs: targets or joint states that come and cannot be used are an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from f2o_control.bridge import Bridge
from f2o_control.datagrams import CONTACTS
from f2o_control.limiter import Verdict
from f2o_control.loop import Loop
from f2o_control.state import Mode
from f2o_control.target import Refusal

LEVELS = {Mode.HOLD: 1, Mode.FAULT: 2}  # diagnostic_msgs: 0 OK, 1 WARN, 2 ERROR
COUNTED = (
    Verdict.POSITION,
    Verdict.LEAD,
    Verdict.VELOCITY,
    Verdict.GUARDED,
    Verdict.NOT_FINITE,
    Verdict.NO_PLAN,
    Verdict.WORKSPACE,
    Verdict.TOOL_SPEED,
    Verdict.SLOWED,
)


class Contacts:
    """What of the arm has touched something since it was last asked; filled by the loop, asked by another thread."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def add(self, names: Iterable[str]) -> None:
        """Note some of ``datagrams.CONTACTS``."""
        self._seen.update(names)

    def take(self) -> str:
        """In words, e.g. 'joint 2, z', and forget them; '' where there were none."""
        seen, self._seen = self._seen, set()
        return ", ".join(name for name in CONTACTS if name in seen)


def diagnose(
    bridge: Bridge,
    loop: Loop,
    mono_ns: int,
    more: Mapping[str, int | str] | None = None,
    unread: str = "",
    contact: str = "",
) -> tuple[int, str, dict[str, float | int | str]]:
    """Level, sentence and values of the diagnostics.

    Args:
        bridge: the core.
        loop: its loop.
        mono_ns: now, monotonic clock.
        more: added to the values.
        unread: why gripper states that come cannot be read, or ''.
        contact: what of the arm has touched something, where its adapter says that; no problem by itself.
    """
    mode, reason = bridge.mode, bridge.machine.reason
    values: dict[str, float | int | str] = {"mode": mode.value, "reason": reason}
    for name, samples in (("period_ms", loop.period_ms), ("work_ms", loop.work_ms)):
        values |= {f"{name}.{key}": number for key, number in samples.summary().items() if key != "count"}
    values |= {
        "ticks": loop.period_ms.count,
        "missed_ticks": loop.missed,
        "overran_ticks": bridge.overran,
        "failures": loop.failures,
        "real_time_priority": str(loop.real_time).lower(),
        "target_age_ms": bridge.target_age_s(mono_ns) * 1e3,
        "joint_states_age_ms": bridge.joints_age_s(mono_ns) * 1e3,
    }
    checks = [source.check for source in bridge.sources.values()]
    values["lost_targets"] = sum(source.lost for source in bridge.sources.values())
    values |= {f"refused.{r.value}": sum(check.refused[r] for check in checks) for r in Refusal}
    values |= {f"limited.{str(v.name).lower()}": bridge.verdicts[v] for v in COUNTED}
    values["contact"] = contact
    values["last_refusal"] = "; ".join(check.last_text for check in checks if check.last_text)
    level, problem = _problem(bridge, loop, mono_ns, unread)
    more_said = (problem, f"contact: {contact}" if contact else "")
    sentence = "; ".join([f"{mode.value}: {reason}", *(text for text in more_said if text)])
    return max(level, LEVELS.get(mode, 0)), sentence, values | dict(more or {})


def _problem(bridge: Bridge, loop: Loop, mono_ns: int, unread: str) -> tuple[int, str]:
    """What keeps it from commanding beside what its mode says, and its level; '' where nothing does."""
    if stalled_s := loop.stalled_s(mono_ns):
        return 2, f"the loop has not ticked for {stalled_s:.1f} s"
    if problem := bridge.useless(mono_ns):
        return 2, problem
    if bridge.mode is Mode.DISARMED and (problem := bridge.unready(mono_ns)):
        return 1, f"cannot be armed: {problem}"
    others = (unread, *(source.refusing(mono_ns) for source in bridge.sources.values()))
    return next(((1, problem) for problem in others if problem), (0, ""))

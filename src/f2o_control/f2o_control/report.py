"""The bridge's entry in /diagnostics."""

from __future__ import annotations

from collections.abc import Mapping

from f2o_control.bridge import Bridge
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
)


def diagnose(
    bridge: Bridge, loop: Loop, mono_ns: int, more: Mapping[str, int | str] | None = None
) -> tuple[int, str, dict[str, float | int | str]]:
    """Level, sentence and values of the diagnostics; ``more`` is added to the values."""
    mode, reason = bridge.mode, bridge.machine.reason
    values: dict[str, float | int | str] = {"mode": mode.value, "reason": reason}
    for name, samples in (("period_ms", loop.period_ms), ("work_ms", loop.work_ms)):
        values |= {f"{name}.{key}": number for key, number in samples.summary().items() if key != "count"}
    values |= {
        "ticks": loop.period_ms.count,
        "missed_ticks": loop.missed,
        "failures": loop.failures,
        "real_time_priority": str(loop.real_time).lower(),
        "target_age_ms": bridge.target_age_s(mono_ns) * 1e3,
        "joint_states_age_ms": bridge.joints_age_s(mono_ns) * 1e3,
    }
    checks = [source.check for source in bridge.sources.values()]
    values["lost_targets"] = sum(source.lost for source in bridge.sources.values())
    values |= {f"refused.{r.value}": sum(check.refused[r] for check in checks) for r in Refusal}
    values |= {f"limited.{str(v.name).lower()}": bridge.verdicts[v] for v in COUNTED}
    values["last_refusal"] = "; ".join(check.last_text for check in checks if check.last_text)
    return LEVELS.get(mode, 0), f"{mode.value}: {reason}", values | dict(more or {})

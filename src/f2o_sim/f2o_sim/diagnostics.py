"""The simulator's diagnostics: level, sentence, values."""

from __future__ import annotations

from f2o_nodekit.diagnosis import Diagnosis

from f2o_sim.simulator import Simulator

MIN_REAL_TIME_FACTOR = 0.95  # below it: a warning
MIN_CAMERA_HZ = 15.0


def physics(simulator: Simulator, refused: int, why: str) -> Diagnosis:
    """Real-time factor, lateness, and how many commands were ``refused``; ``why`` the last one was."""
    factor, late = simulator.real_time_factor(), simulator.lateness_ms.summary()
    values = {"real_time_factor": factor, "slips": simulator.slips, "refused_commands": refused}
    values |= {f"lateness_ms_{key}": late[key] for key in ("p50", "p99", "max")}
    if 0.0 < factor < MIN_REAL_TIME_FACTOR:
        return 1, f"slower than real time: {factor:.2f}", values
    return (1, why, values) if refused else (0, "in real time", values)


def cameras(simulator: Simulator, wanted_hz: float) -> Diagnosis:
    """Frame rate and time to render all views."""
    hz, render = simulator.frames.hz(), simulator.render_ms.summary()
    values = {"camera_hz": hz, "render_ms_p50": render["p50"], "render_ms_p99": render["p99"]}
    return int(0.0 < hz < MIN_CAMERA_HZ), f"{hz:.1f} of {wanted_hz:g} frames a second", values

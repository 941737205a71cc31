"""The demo's numbers as a table."""

from __future__ import annotations

from typing import Any


def print_table(report: dict[str, Any]) -> None:
    """Print what a person wants to know first."""
    print("\nThrough the ROS nodes, in real time")
    for label, text in live_rows(report):
        print(f"  {label:<34}{text}")


def live_rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    """Label and text of every line of the first table."""
    period, inference, age = (report[k] for k in ("tick_period_ms", "inference_ms", "observation_age_ms"))
    return [
        ("success", f"{report['success_rate']:.2f} of {report['episodes']} episodes"),
        ("left / right / collisions", f"{report['left']} / {report['right']} / {report['collisions']}"),
        ("ticks", f"{report['tick_hz']:.2f} Hz over {report['ticks']} ticks"),
        (
            "tick period p50 / p99 / max",
            f"{period['p50']:.2f} / {period['p99']:.2f} / {period['max']:.2f} ms",
        ),
        ("deadline misses", f"{report['deadline_misses']}"),
        ("inference p50 / p99", f"{inference['p50']:.2f} / {inference['p99']:.2f} ms"),
        ("observation age p50 / p99", f"{age['p50']:.0f} / {age['p99']:.0f} ms"),
        ("cameras, real-time factor", f"{report['camera_hz']:.1f} Hz, {report['real_time_factor']:.3f}"),
    ]

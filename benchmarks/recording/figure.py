"""Pictures beside the numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

ALLOWED_MS = 33.0  # a period of a camera: what a kill may lose


def draw_crash(report: dict[str, Any], path: Path) -> None:
    """What each kill lost, over the moment of the kill."""
    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    after = [k["after_s"] for k in report["each"]]
    axes.scatter(after, [k["lost_ms"] for k in report["each"]], s=14, label="of what was sent")
    received = [k["lost_received_ms"] for k in report["each"]]
    axes.scatter(after, received, s=14, marker="x", label="of what the recorder had received")
    axes.axhline(ALLOWED_MS, color="0.6", lw=1)
    left = axes.get_yaxis_transform()
    axes.text(0.01, ALLOWED_MS * 1.02, "33 ms: one frame", color="0.4", fontsize=8, transform=left)
    axes.set(xlabel="killed after [s] of recording", ylabel="lost [ms]")
    axes.set_ylim(-1, 1.2 * max(ALLOWED_MS, *(k["lost_ms"] for k in report["each"])))
    axes.legend(fontsize=8, loc="upper right")
    axes.set_title(f"{report['kills']} kills at {report['load']}", fontsize=9)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_latency(report: dict[str, Any], path: Path) -> None:
    """Distribution of the time from a device report to the target that answers it."""
    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    axes.hist(report["each_ms"], bins=60)
    for name in ("p50", "p99"):
        axes.axvline(report["latency_ms"][name], color="0.4", lw=1, ls=":")
        axes.annotate(f" {name}", (report["latency_ms"][name], axes.get_ylim()[1] * 0.9), fontsize=8)
    axes.set(xlabel="device report to target on the topic [ms]", ylabel="reports")
    figure.savefig(path, dpi=110)
    plt.close(figure)

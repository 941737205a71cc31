"""``make soak``: the bridge for a long time, with faults. The last line is the verdict; writes soak.json, soak.png.

Live: the real process at 125 Hz with a policy, a camera and an arm as processes beside it, and a fault every few
seconds. Simulated clock: the same core for a million ticks. In both, every fault must end in its mode, no command may
exceed a limit, and memory must not grow by more than 2 % after the warm-up. Ends with 1 where something did.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from f2o_control.testing import ENVIRONMENT

from benchmarks.common.record import write_result

matplotlib.use("Agg")
MAX_GROWTH = 0.02  # of memory


def main() -> int:
    """Run both parts; 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="of the real process; 0 leaves it out")
    parser.add_argument(
        "--ticks", type=int, default=1_000_000, help="on the simulated clock; 0 leaves them out"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/soak"))
    given = parser.parse_args()
    os.environ.update(ENVIRONMENT)
    given.out.mkdir(parents=True, exist_ok=True)
    parts = run(given.minutes, given.ticks, given.seed)
    draw(parts, given.out / "soak.png")
    wrong = [f"{name}: {text}" for name, part in parts.items() for text in complaints(part)]
    for part in parts.values():
        part["memory_kb"] = part["memory_kb"][:: max(len(part["memory_kb"]) // 100, 1)]
    write_result(given.out / "soak.json", {"seed": given.seed, **parts, "complaints": wrong})
    for text in wrong:
        print(text)
    grown = ", ".join(f"{name}: memory {100 * part['growth']:+.1f} %" for name, part in parts.items())
    beyond = sum(part["violations"] for part in parts.values())
    print(f"soak: {'bad' if wrong else 'good'}; {grown}, {beyond} violations")
    return 1 if wrong else 0


def run(minutes: float, ticks: int, seed: int) -> dict[str, dict[str, Any]]:
    """The parts that are asked for, by name."""
    parts = {}
    if minutes:
        from benchmarks.soak.live_node import run_live

        parts["live"] = run_live(minutes, seed)
    if ticks:
        from benchmarks.soak.simulated import run_simulated

        parts["simulated"] = run_simulated(ticks, seed)
    return parts


def complaints(part: dict[str, Any]) -> list[str]:
    """What is wrong with a part."""
    wrong, strange = list(part.get("problems", [])), part["unexplained"]
    if strange:
        wrong.append(f"{len(strange)} unexplained modes: {', '.join(strange[:3])}")
    if part["violations"]:
        wrong.append(f"{part['violations']} commands beyond a limit")
    if part["growth"] > MAX_GROWTH:
        wrong.append(f"memory grew by {100 * part['growth']:.1f} %")
    if part.get("failures"):
        wrong.append(f"{part['failures']:.0f} ticks raised")
    return wrong


def draw(parts: dict[str, dict[str, Any]], path: Path) -> None:
    """Memory over time of each part."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(parts), figsize=(5 * len(parts), 3.2), squeeze=False)
    for axis, (name, part) in zip(axes[0], parts.items(), strict=True):
        at, kb = np.array(part["memory_kb"]).T
        axis.plot(at, kb / 1024)
        axis.set(title=name, xlabel="s" if name == "live" else "ticks")
        axis.set(ylabel="resident memory [MiB]", ylim=(0, 1.2 * kb.max() / 1024))
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    sys.exit(main())

"""The udp path as real processes over a bad cable: ``python -m benchmarks.udp --out out/udp``.

Receiver and sender run in two network namespaces, and between them a relay that spoils what goes through, both ways.
Writes ``udp.json`` and ``udp.png``. Needs root and iproute2.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.common.record import write_result
from benchmarks.udp.analysis import ages_ms
from benchmarks.udp.cable import Cable, LabError, unavailable
from benchmarks.udp.relay import Impairment
from benchmarks.udp.run import judge, run_case

CASES = {
    "good cable": Impairment(),
    "loss 1 %": Impairment(loss=0.01),
    "loss 5 %": Impairment(loss=0.05),
    "bursts of 40 ms": Impairment(burst_s=0.04, every_s=0.7),
    "jitter 20 ms": Impairment(jitter_s=0.02),
    "duplicates 20 %": Impairment(duplicate=0.2, jitter_s=0.002),
    "cut": Impairment(),
}


def draw(results: dict[str, dict[str, object]], path: Path, out: Path) -> None:
    """Set-point age of every case as a cumulative curve, and the share of cycles above it."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4.5))
    for name in results:
        ages = np.sort(ages_ms(np.load(out / _folder(name) / "receiver.npz")))
        axes.plot(ages, 1 - np.arange(len(ages)) / len(ages), label=name)
    axes.set(
        xlabel="set-point age at the receiver [ms]",
        ylabel="share of cycles above",
        yscale="log",
        xlim=(0, 60),
    )
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def _folder(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name)


def run(robot_path: Path, seconds: float, out: Path) -> dict[str, dict[str, object]]:
    """Every case.

    Raises:
        LabError: there can be no namespaces here.
    """
    if problem := unavailable():
        raise LabError(problem)
    results = {}
    for name, impairment in tqdm(CASES.items(), unit="case"):
        folder = out / _folder(name)
        with Cable(impairment) as cable:
            problem = run_case(cable, robot_path, seconds, folder, 0.6 * seconds if name == "cut" else None)
        results[name] = judge(folder, robot_path) | {"problem": problem}
    write_result(out / "udp.json", {"cases": results})
    draw(results, out / "udp.png", out)
    return results


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="benchmarks.udp", description=__doc__)
    parser.add_argument("--robot", required=True, type=Path, help="YAML file of the robot")
    parser.add_argument("--seconds", default=20.0, type=float)
    parser.add_argument("--out", default="out/udp", type=Path)
    given = parser.parse_args()
    try:
        print(json.dumps(run(given.robot.resolve(), given.seconds, given.out.resolve()), indent=1))
    except LabError as error:
        print(f"udp: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()

"""The udp path as real processes over a bad cable: ``python -m f2o_control.receiver.bench --out out/udp``.

Receiver and sender run in two network namespaces, and between them a relay that spoils what goes through, both ways.
Writes ``udp.json`` and ``udp.png``. Needs root and iproute2.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from f2o_control.receiver.analysis import ages_ms, braking_ms, shares, tracking_error, until_fault
from f2o_control.receiver.bad_cable import Fate
from f2o_control.receiver.lab import BRIDGE_SENDS_TO, RECEIVER_LISTENS, Cable, LabError, why_not
from f2o_control.robot import load_robot

CASES = {
    "good cable": Fate(),
    "loss 1 %": Fate(loss=0.01),
    "loss 5 %": Fate(loss=0.05),
    "bursts of 40 ms": Fate(burst_s=0.04, every_s=0.7),
    "jitter 20 ms": Fate(jitter_s=0.02),
    "duplicates 20 %": Fate(duplicate=0.2, jitter_s=0.002),
    "cut": Fate(),
}


def run_case(cable: Cable, robot_path: Path, seconds: float, out: Path, cut_s: float | None = None) -> str:
    """One run, its records in ``out``; the first problem that the sender saw."""
    out.mkdir(parents=True, exist_ok=True)
    settings = (
        f"robot={robot_path.stem.removeprefix('robot_')}",
        f"listen={RECEIVER_LISTENS}",
        f"trace={out / 'receiver.npz'}",
    )
    changes = [word for setting in settings for word in ("--set", setting)]
    config = robot_path.with_name("receiver.yaml")
    words = [sys.executable, "-m", "f2o_rt", "--config", str(config), *changes]
    with (out / "receiver.log").open("w") as log:
        receiver = subprocess.Popen(cable.command("receiver", words), stdout=log, stderr=subprocess.STDOUT)
    words = [sys.executable, "-m", "f2o_rt.sender", str(robot_path)]
    words += ["--host", BRIDGE_SENDS_TO, "--seconds", str(seconds), "--out", str(out / "sent.npz")]
    try:
        sender = subprocess.Popen(cable.command("bridge", words), stdout=subprocess.PIPE, text=True)
        if cut_s is not None:
            time.sleep(cut_s)
            cable.cut()
        problem, _ = sender.communicate(timeout=seconds + 60)
        time.sleep(0.5)  # for the arm to come to rest
    finally:
        receiver.send_signal(signal.SIGINT)
        receiver.wait(20)
    return problem.strip()


def judge(out: Path, robot_path: Path) -> dict[str, object]:
    """The numbers of one run."""
    whole, sent = np.load(out / "receiver.npz"), np.load(out / "sent.npz")
    robot, trace = load_robot(robot_path), until_fault(whole)
    ages = ages_ms(trace)
    p50, p99 = np.percentile(ages, [50, 99])
    brake = braking_ms(trace)
    return {
        "age_ms": {"p50": float(p50), "p99": float(p99), "max": float(ages.max())},
        "share_of_limit": shares(trace, robot),
        "error_mrad": 1e3 * tracking_error(trace, sent),
        "braking_ms": {"until_begun": brake[0], "until_rest": brake[1]} if brake else None,
        "wake_up_ms": _percentiles(trace["late_ns"]),
        "answer_ms": _percentiles(trace["answer_ns"]),
        "work_ms": _percentiles(trace["work_ns"]),
        "cycles": len(trace["mono_ns"]),
        "missed": int(trace["missed"].sum()),
        "stopped": len(whole["mono_ns"]) > len(trace["mono_ns"]),  # by itself: the machine gave it no cycles
    }


def _percentiles(nanoseconds: np.ndarray) -> dict[str, float]:
    values = np.percentile(nanoseconds / 1e6, [50, 99, 99.9, 100])
    return dict(zip(("p50", "p99", "p99.9", "max"), map(float, values), strict=True))


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
    if problem := why_not():
        raise LabError(problem)
    results = {}
    for name, fate in tqdm(CASES.items(), unit="case"):
        folder = out / _folder(name)
        with Cable(fate) as cable:
            problem = run_case(cable, robot_path, seconds, folder, 0.7 * seconds if name == "cut" else None)
        results[name] = judge(folder, robot_path) | {"problem": problem}
    (out / "udp.json").write_text(json.dumps(results, indent=1))
    draw(results, out / "udp.png", out)
    return results


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser("bench", description=__doc__)
    parser.add_argument("--robot", required=True, type=Path, help="robot_<name>.yaml")
    parser.add_argument("--seconds", default=20.0, type=float)
    parser.add_argument("--out", default="out/udp", type=Path)
    given = parser.parse_args()
    try:
        print(json.dumps(run(given.robot.resolve(), given.seconds, given.out.resolve()), indent=1))
    except LabError as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()

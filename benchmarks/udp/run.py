"""One run of receiver and sender in two network namespaces, and its numbers."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
from f2o_control.key import make_key
from f2o_control.robot import load_robot
from f2o_nodekit.paths import config_file

from benchmarks.common.processes import command
from benchmarks.udp.analysis import ages_ms, braking_ms, shares, tracking_error, until_fault
from benchmarks.udp.cable import BRIDGE_SENDS_TO, RECEIVER_LISTENS, Cable

START_S = 30.0  # for receiver and sender to find each other


def run_case(cable: Cable, robot_path: Path, seconds: float, out: Path, cut_s: float | None = None) -> str:
    """One run, its records in ``out``; the first problem that the sender saw.

    ``cut_s`` after the receiver has followed for the first time the cable is cut.
    """
    out.mkdir(parents=True, exist_ok=True)
    key = out / "key"
    key.unlink(missing_ok=True)
    make_key(key)
    settings = (
        f"robot={robot_path}",
        f"listen={RECEIVER_LISTENS}",
        f"key={key}",
        f"trace={out / 'receiver.npz'}",
    )
    changes = [word for setting in settings for word in ("--set", setting)]
    words = command("f2o_rt", "--config", config_file("receiver.yaml"), *changes)
    with (out / "receiver.log").open("w") as log:
        receiver = subprocess.Popen(cable.command("receiver", words), stdout=log, stderr=subprocess.STDOUT)
    words = command("f2o_rt.sender", robot_path, "--key", key)
    words += ["--host", BRIDGE_SENDS_TO, "--seconds", str(seconds), "--out", str(out / "sent.npz")]
    try:
        sender = subprocess.Popen(cable.command("bridge", words), stdout=subprocess.PIPE, text=True)
        if cut_s is not None:
            _wait_until_following(out / "receiver.log")
            time.sleep(cut_s)
            cable.cut()
        problem, _ = sender.communicate(timeout=seconds + 60)
        time.sleep(0.5)  # for the arm to come to rest
    finally:
        receiver.send_signal(signal.SIGINT)
        receiver.wait(20)
    return problem.strip()


def _wait_until_following(log: Path) -> None:
    """Until the receiver reports so, once a second; no longer than the sender waits for it."""
    until_s = time.monotonic() + START_S
    while "following; " not in log.read_text() and time.monotonic() < until_s:
        time.sleep(0.05)


def judge(out: Path, robot_path: Path) -> dict[str, Any]:
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

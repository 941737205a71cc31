"""The bridge as a real process at 125 Hz, with a fault every few seconds (ROS)."""

from __future__ import annotations

import time
from contextlib import closing
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from f2o_control.robot import load_robot
from tqdm import tqdm

from benchmarks.faults.faults_node import QUICK, Fault
from benchmarks.faults.lab_node import FaultLab
from benchmarks.faults.run_node import ROBOT, StarvedError, run_fault
from benchmarks.soak.memory import growth, resident_kb

NEEDS_RESTART = ("policy killed", "bridge restarted in motion")  # another process's memory says nothing
HEALTHY_S = 5.0  # between two faults
OVERLAP = 4  # commands that two blocks share, so that no difference is left out
REPORTED = (
    "ticks",
    "missed_ticks",
    "failures",
    "period_ms.p50",
    "period_ms.p99",
    "work_ms.p50",
    "work_ms.p99",
)


def run_live(minutes: float, seed: int) -> dict[str, Any]:
    """Inject faults for ``minutes``; counts, problems, memory over time and what the bridge reported.

    ``unexplained`` lists modes that no fault explains; ``starved`` those seen while the machine gave the processes no
    time. A fault that does not end is a problem, and the run goes on with new processes; Ctrl-C ends it early. What was
    found until then is reported in either case.
    """
    rng, faults = np.random.default_rng(seed), [f for f in QUICK if f.name not in NEEDS_RESTART]
    # Without a trace: its 24 bytes per target are 10 MB an hour, and meant to grow.
    with TemporaryDirectory() as folder, closing(FaultLab(load_robot(ROBOT), folder)) as lab:
        run = _Run(lab)
        with tqdm(total=round(60 * minutes), unit="s", desc="live") as bar:
            try:
                while run.seconds() < 60 * minutes:
                    run.turn(faults[rng.integers(len(faults))])
                    bar.update(round(run.seconds()) - bar.n)
            except (KeyboardInterrupt, AssertionError) as error:
                run.found["problems"].append(f"ended after {run.seconds():.0f} s: {error!r}")
        ran_s = run.seconds()
        values, log = lab.diagnosis, lab.end("bridge")[1] if "bridge" in lab.processes else ""
    found = run.found | {key: float(values[key]) for key in REPORTED if key in values}
    found["log"] = [line.split("]: ")[-1] for line in log.splitlines() if "]: " in line]
    grown = growth(found["memory_kb"]) if found["memory_kb"] else 0.0
    return found | {"minutes": round(ran_s / 60, 1), "growth": grown}


class _Run:
    """What a run has found so far."""

    def __init__(self, lab: FaultLab) -> None:
        lab.ready()
        self._lab, self._began_s, self._checked = lab, time.monotonic(), 0
        lists = {name: [] for name in ("problems", "memory_kb", "unexplained", "starved")}
        counts = {"faults": 0, "restarts": 0, "violations": 0, "commands": 0, "milliseconds": 0, "refused": 0}
        self.found: dict[str, Any] = {**counts, "share": 0.0, "torque_held": 0.0, **lists}

    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self._began_s

    def turn(self, fault: Fault) -> None:
        """A while without a fault, then this one."""
        try:
            self._stay_healthy()
            self._inject(fault)
        except AssertionError as error:  # of a state that was waited for
            self.found["problems"].append(f"{fault.name}: {error}")
            self._start_anew()

    def _start_anew(self) -> None:
        """Other processes; memory is counted from here on."""
        self.found["restarts"] += 1
        self.found["memory_kb"].clear()
        for name in list(self._lab.processes):
            self._lab.kill(name)
        self._lab.forget()
        self._checked = len(self._lab.commands)
        self._lab.ready()
        self._lab.judge()

    def _stay_healthy(self) -> None:
        """Sample memory for a while in which the mode must not change."""
        self._lab.ready()
        self._lab.begin()
        until_s, modes = self.seconds() + HEALTHY_S, len(self._lab.modes)
        while self.seconds() < until_s:
            time.sleep(0.5)
            self.found["memory_kb"].append((self.seconds(), resident_kb(self._lab.processes["bridge"].pid)))
        kind = "starved" if self._lab.starved() else "unexplained"
        reason = self._lab.diagnosis.get("reason", "")
        self.found[kind] += [f"{name}: {reason}" for _, name in self._lab.modes[modes:]]

    def _inject(self, fault: Fault) -> None:
        """One fault, and the limits of every command since the one before."""
        delayed = len(self._lab.delayed)
        try:
            row = run_fault(self._lab, fault)
            self.found["faults"] += 1
            self.found["problems"] += [f"{row['fault']}: {problem}" for problem in row["problems"]]
            for key in ("milliseconds", "refused"):
                self.found[key] += row[key]
            for key in ("share", "torque_held"):
                self.found[key] = max(self.found[key], row[key])
        except StarvedError as error:
            self.found["starved"].append(str(error))
        self.found["starved"] += [f"{fault.name}: {text}" for text in self._lab.delayed[delayed:]]
        self.found["violations"] += len(self._lab.violations(max(self._checked - OVERLAP, 0)))
        self.found["commands"] += len(self._lab.commands) - self._checked
        self._lab.forget()
        self._checked = len(self._lab.commands)

"""``make soak``: the bridge for a long time, with faults. The last line is the verdict; writes soak.json, soak.png.

Live: the real process at 125 Hz, a policy, a camera and an arm beside it, a fault every few seconds, each of which must
end as faults.py says; between two faults nothing but ``policy`` may be said. Turned: the same core on a clock that the
script turns, a million ticks. Both: memory at the end within 2 % of what it was after the beginning, no limit left.
"""

import argparse
import os
import sys
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from f2o_control.robot import load_robot
from f2o_control.state import Mode
from f2o_control.testing import CONFIG, ENVIRONMENT, violations
from f2o_control.testing.rig import Rig, S
from jaxtyping import config as jaxtyping_config
from tqdm import tqdm

from benchmarks.common.record import write_result

GROWTH = 0.02  # of memory, at most
WARM = 0.2  # of the run: until then memory may still grow
OVERLAP = 4  # commands that two blocks share, so that no difference is left out
NEEDS_RESTART = ("policy killed", "bridge restarted in motion")  # another process's memory says nothing
SWING_TICKS = 670  # one to and fro of the turned motion, and a little more
HEALTHY_S = 5.0  # between two live faults


def memory_kb(pid):
    """Resident memory of a process [KiB]."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def growth(samples):
    """How much memory grew from the end of the warm-up to the end of the run, as a share."""
    kb = np.array(samples)[:, 1]
    begin, end = kb[int(WARM * len(kb)) :][: max(len(kb) // 20, 1)], kb[-max(len(kb) // 20, 1) :]
    return float(np.median(end) / np.median(begin) - 1)


def live(minutes, seed):
    """The real process."""
    from benchmarks.faults.faults_node import QUICK
    from benchmarks.faults.lab_node import FaultLab
    from benchmarks.faults.run_node import ROBOT, StarvedError, run_fault

    rng, until = np.random.default_rng(seed), time.monotonic() + 60 * minutes
    faults = [fault for fault in QUICK if fault.name not in NEEDS_RESTART]
    found: dict[str, Any] = {"faults": 0, "problems": [], "memory_kb": [], "violations": 0, "commands": 0}
    found |= {"unexplained": [], "starved": []}  # of the second kind: the machine gave the processes no time
    bar = tqdm(total=round(60 * minutes), unit="s", desc="live")
    # Without a trace: its 24 bytes a target are 10 MB an hour, and meant to grow.
    with TemporaryDirectory() as folder, closing(FaultLab(load_robot(ROBOT).home, folder)) as lab:
        lab.ready()
        began_s, pid, checked = time.monotonic(), lab.processes["bridge"].pid, 0
        while time.monotonic() < until:
            lab.ready()
            lab.begin()
            quiet_s, modes = time.monotonic() + HEALTHY_S, len(lab.modes)
            while time.monotonic() < min(quiet_s, until):
                time.sleep(0.5)
                found["memory_kb"].append((time.monotonic() - began_s, memory_kb(pid)))
            why = "starved" if lab.starved() else "unexplained"
            found[why] += [f"{name}: {lab.diagnosis.get('reason', '')}" for _, name in lab.modes[modes:]]
            try:
                row = run_fault(lab, faults[rng.integers(len(faults))])
                found["faults"] += 1
                found["problems"] += [f"{row['fault']}: {problem}" for problem in row["problems"]]
            except StarvedError as error:
                found["starved"].append(str(error))
            found["violations"] += len(lab.violations(max(checked - OVERLAP, 0)))
            found["commands"] += len(lab.commands) - checked
            lab.forget()
            checked = len(lab.commands)
            bar.update(round(time.monotonic() - began_s) - bar.n)
        lab.ready()
        values, (_, said) = lab.diagnosis, lab.end("bridge")
    bar.close()
    keys = (
        "ticks",
        "missed_ticks",
        "failures",
        "period_ms.p50",
        "period_ms.p99",
        "work_ms.p50",
        "work_ms.p99",
    )
    found |= {key: float(values[key]) for key in keys}
    found["log"] = [line.split("]: ")[-1] for line in said.splitlines() if "]: " in line]
    return found | {"minutes": minutes, "growth": growth(found["memory_kb"])}


def silent(rig):
    rig.targets = False
    return Mode.HOLD


def numb(rig):
    rig.states = False
    return Mode.FAULT


def gone(rig):
    rig.adapter_problem = "receiver: no answer"
    return Mode.FAULT


def stuck(rig):
    rig.follows = False
    return Mode.FAULT


def blind(rig):
    rig.sees = False
    return Mode.HOLD


def doubled(rig):
    rig.bridge.count_publishers({Mode.POLICY: 2})
    return Mode.FAULT


def nonsense(rig):
    rig.spoil = {"positions": [np.nan] * 7}
    return Mode.HOLD


def stopped(rig):
    rig.bridge.disarm()
    return Mode.DISARMED


class SoakRig(Rig):
    """As Rig, its motion to and fro for ever, with a camera, and nothing kept but the last commands."""

    def __init__(self, robot):
        super().__init__(robot)
        self.healthy()

    def healthy(self):
        self.targets = self.states = self.follows = self.sees = True
        self.spoil, self.adapter_problem = {}, ""

    def target(self, **changes):
        time_s = self.mono_ns / S
        self.shift = 0.16 * np.sin(1.25 * time_s)
        velocity = np.zeros(7)
        velocity[0] = 0.2 * np.cos(1.25 * time_s)
        return super().target(**{"velocities": [*velocity]} | self.spoil | changes)

    def tick(self):
        if self.sees:
            self.observation_ros_ns = self.mono_ns + self.ros_offset_ns
        self.sent.clear()
        return super().tick()


FAULTS = (silent, numb, gone, stuck, blind, doubled, nonsense, stopped)


def turned(ticks, seed):
    """The core, on a clock of its own; every status must be the one that its fault explains."""
    jaxtyping_config.update("jaxtyping_disable", True)
    rng, rig, done = np.random.default_rng(seed), SoakRig(load_robot(CONFIG / "robot_panda.yaml")), 0
    found: dict[str, Any] = {
        "faults": {fault.__name__: 0 for fault in FAULTS},
        "memory_kb": [],
        "violations": 0,
        "unexplained": [],
    }

    def run(many, *legal):
        """So many ticks; a mode that is not ``legal`` is unexplained."""
        nonlocal done
        for _ in range(many):
            rig.tick()
            if rig.bridge.mode not in legal:
                found["unexplained"].append(f"{rig.bridge.mode.value}: {rig.bridge.machine.reason}")
        done += many
        if len(rig.commands) > OVERLAP:
            found["violations"] += len(violations(rig.commands, moving=True))
            del rig.commands[:-OVERLAP]
        found["memory_kb"].append((done, memory_kb("self")))

    began_s, bar = time.monotonic(), tqdm(total=ticks, unit="tick", desc="turned")
    while done < ticks:
        before = done
        rig.bridge.disarm()
        run(60, Mode.DISARMED)
        if rig.commands and np.abs(rig.commands[-1] - rig.arm_at).max() > 0:
            rig.commands.clear()  # the arm stood while it was sent elsewhere: it begins where it stands
        for _ in range(400):  # the source is near the arm again within half a period
            if rig.arm().accepted:
                break
            run(1, Mode.DISARMED)
        run(int(rng.integers(100, 1200)), Mode.POLICY)
        fault = FAULTS[rng.integers(len(FAULTS))]
        mode = fault(rig)
        least = (
            SWING_TICKS if fault is stuck else 250
        )  # an arm that stands is far from its command once a swing
        run(int(rng.integers(least, least + 200)), Mode.POLICY, mode)
        if rig.bridge.mode is not mode:
            found["unexplained"].append(f"{fault.__name__} ended in {rig.bridge.mode.value}")
        found["faults"][fault.__name__] += 1
        rig.healthy()
        run(20, Mode.POLICY, mode)
        bar.update(done - before)
    bar.close()
    found["tick_ms"] = 1e3 * (time.monotonic() - began_s) / done
    return found | {"ticks": done, "growth": growth(found["memory_kb"])}


def complaints(name, part):
    """What keeps a part from being good."""
    wrong, strange = list(part.get("problems", [])), part["unexplained"]
    if strange:
        wrong.append(f"{len(strange)} unexplained statuses: {', '.join(strange[:3])}")
    if part["violations"]:
        wrong.append(f"{part['violations']} commands beyond a limit")
    if part["growth"] > GROWTH:
        wrong.append(f"memory grew by {100 * part['growth']:.1f} %")
    if part.get("failures"):
        wrong.append(f"{part['failures']:.0f} ticks raised")
    return [f"{name}: {text}" for text in wrong]


def draw(parts, path):
    """Memory over time of each part."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(parts), figsize=(5 * len(parts), 3.2), squeeze=False)
    for axis, (name, part) in zip(axes[0], parts.items(), strict=True):
        at, kb = np.array(part["memory_kb"]).T
        axis.plot(at, kb / 1024)
        axis.set(
            title=name,
            xlabel="s" if name == "live" else "ticks",
            ylabel="resident memory [MiB]",
            ylim=(0, None),
        )
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="of the real process; 0 leaves it out")
    parser.add_argument("--ticks", type=int, default=1_000_000, help="on the turned clock; 0 leaves them out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/soak"))
    given = parser.parse_args()
    os.environ.update(ENVIRONMENT)
    given.out.mkdir(parents=True, exist_ok=True)
    parts: dict[str, dict[str, Any]] = {}
    if given.minutes:
        parts["live"] = live(given.minutes, given.seed)
    if given.ticks:
        parts["turned"] = turned(given.ticks, given.seed)
    draw(parts, given.out / "soak.png")
    wrong = [text for name, part in parts.items() for text in complaints(name, part)]
    for part in parts.values():
        part["memory_kb"] = part["memory_kb"][:: max(len(part["memory_kb"]) // 100, 1)]
    report = {"seed": given.seed, **parts, "complaints": wrong}
    write_result(given.out / "soak.json", report)
    for text in wrong:
        print(text)
    grown = ", ".join(f"{name}: memory {100 * part['growth']:+.1f} %" for name, part in parts.items())
    print(
        f"soak: {'bad' if wrong else 'good'}; {grown}, {sum(p['violations'] for p in parts.values())} violations"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

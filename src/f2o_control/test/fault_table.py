"""``make faults``: faults injected into the real processes, and where each one ends, as docs/faults.md and .json.

The tests run the quick ones of the same list (faults.py). Ends with 1 where a fault did not end as it should.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from bridge_lab import ENVIRONMENT
from conftest import CONFIG
from f2o_control.receiver.analysis import shares, until_fault
from f2o_control.receiver.bench import judge, run_case
from f2o_control.receiver.lab import Cable, why_not
from f2o_control.robot import load_robot
from fault_lab import FaultLab, SmallDisk
from faults import CABLES, QUICK, SLOW, UDP

ATTEMPTS = 3
ROBOT = CONFIG / "robot_panda.yaml"
HEAD = """# Faults

Each is injected into the real bridge process over DDS, with a policy, a camera and (udp) `f2o_rt_receiver` beside it
as processes, and ends in the mode named here. Commands are judged by a checker that shares no code with the limiter
(`test/checker.py`), the 1 kHz output of the receiver by differences of its set-points. Made by `make faults` on
{machine}. Times are seconds from the injection (of the cut: from the first missing target at the receiver); the
receiver's share is that of the arm's own velocity, acceleration and jerk limits. At the ends of a bad cable are the
bridge's limiter and adapter alone (`receiver/sender.py`) and the receiver, as processes in two network namespaces;
commands are then cycles of 1 ms.

| fault | injected by | ends in | after | braking from | at rest | commands | beyond a limit | receiver's share |
|---|---|---|---|---|---|---|---|---|
"""


@contextlib.contextmanager
def alone():
    """The domain in which no real arm is."""
    before = {key: os.environ.get(key) for key in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    yield
    for key, value in before.items():
        os.environ.pop(key) if value is None else os.environ.update({key: value})


class StarvedError(Exception):
    """The machine gave the processes no time, whenever it was tried: what came of the fault says nothing."""


def run_fault(lab, fault):
    """Make it happen; what came of it, ``problems`` included. Again where the machine gave somebody no time.

    A command beyond a limit counts whatever the machine did.
    """
    for _ in range(ATTEMPTS):
        try:
            row = _run_once(lab, fault)
        except AssertionError:
            if not lab.starved():
                raise
            continue
        if row["violations"] or not row["problems"] or not lab.starved():
            return row
    raise StarvedError(f"{fault.name}: {ATTEMPTS} times no time for the arm, the bridge or the policy")


def _run_once(lab, fault):
    lab.begin()
    lab.ready()
    began_s, first, modes = time.monotonic(), len(lab.commands), len(lab.modes)
    fault.inject(lab)
    lab.wait(lambda: fault.mode in (lab.mode, *(name for _, name in lab.modes[modes:])))
    lab.wait(lambda: fault.because in lab.diagnosis.get("reason", ""))
    problem = fault.later(lab)
    found = lab.report(began_s, first, fault.mode)
    if fault.within_s is None and (left := [name for _, name in lab.modes[modes:]]):
        found["left_policy"] = left
    return _row(fault.name, fault.how, fault.mode, found, [problem] if problem else [])


def _row(name, how, mode, found, problems):
    return {"fault": name, "how": how, "ends_in": mode, **found, "problems": found["violations"] + problems}


def run_disk_full(lab, disk):
    """The bridge is told to end, in motion, when the disk that its trace and its log lie on is full."""
    lab.ready()
    disk.fill()
    began_s, first = time.monotonic(), len(lab.commands)
    lab.wait_commands(60)
    status, said = lab.end("bridge")
    wrong = {
        f"it ended with status {status}": status != 0,
        f"it said {said[-400:]}": "Traceback" in said,
        "it said nothing of the trace that could not be written": "trace: " not in said,
        "the last command moves": any(lab.commands[-1][2][:7]),
    }
    how, found = "1 MiB for trace and log, filled; SIGINT", lab.report(began_s, first, "disarmed")
    return _row(
        "disk full while logging", how, "disarmed", found, [text for text, bad in wrong.items() if bad]
    )


@contextlib.contextmanager
def lab_on_a_small_disk():
    """A lab for the faults of ``QUICK``, and the disk that its bridge writes to."""
    with tempfile.TemporaryDirectory() as folder, SmallDisk() as disk:
        before, os.environ["ROS_LOG_DIR"] = os.environ.get("ROS_LOG_DIR"), str(disk.path)
        lab = FaultLab(load_robot(ROBOT).home, folder, parameters=[f"trace:={disk.path / 'trace.npz'}"])
        try:
            yield lab, disk
        finally:
            lab.close()
            os.environ.pop("ROS_LOG_DIR") if before is None else os.environ.update(ROS_LOG_DIR=before)


@contextlib.contextmanager
def lab_with_a_receiver():
    """A lab whose arm is that of f2o_rt_receiver."""
    with tempfile.TemporaryDirectory() as folder:
        lab = FaultLab(load_robot(ROBOT).home, folder, receiver=True)
        try:
            yield lab
        finally:
            lab.close()


def run_udp(lab, faults):
    """Each of ``faults``; the receiver's own record is judged too, where it can still write one."""
    for fault in faults:
        row = run_fault(lab, fault)
        if "receiver" in lab.processes:
            lab.end("receiver")
            row["receiver"] = shares(until_fault(np.load(lab.receiver_trace)), load_robot(ROBOT))
            if max(row["receiver"].values()) > 1:
                row["problems"].append(f"the receiver left a limit: {row['receiver']}")
        yield row


def run_all():
    """Every fault that this machine can inject, as rows."""
    with alone(), lab_on_a_small_disk() as (lab, disk):
        for fault in SLOW + QUICK:
            yield run_fault(lab, fault)
        if disk.why_not:
            print(f"disk full while logging: left out ({disk.why_not})")
        else:
            yield run_disk_full(lab, disk)
    with alone(), lab_with_a_receiver() as lab:
        yield from run_udp(lab, UDP)
    if problem := why_not():
        print(f"faults of a cable: left out ({problem})")
        return
    for name, (fate, cut_s) in CABLES.items():
        with tempfile.TemporaryDirectory() as folder, Cable(fate) as cable:
            yield run_cable(name, cable, cut_s, Path(folder))


def run_cable(name, cable, cut_s, folder):
    """The bridge's end of the udp path alone (limiter and adapter) and f2o_rt_receiver, in two network namespaces."""
    told = run_case(cable, ROBOT, 8.0, folder, cut_s)
    found, trace = judge(folder, ROBOT), np.load(folder / "receiver.npz")
    brake = found["braking_ms"] or {"until_begun": None, "until_rest": None}
    ends_in = "no answer" if "no answer" in told else "followed"
    begun_s, rest_s = (ms and ms / 1e3 for ms in (brake["until_begun"], brake["until_rest"]))
    wrong = {
        f"it was told: {told}": told != "" and not (cut_s and "no answer" in told),
        "nobody noticed the cut": cut_s is not None and "no answer" not in told,
        "the arm still moves": cut_s is not None and bool(np.ptp(trace["set_point"][-50:], axis=0).any()),
        f"the receiver left a limit: {found['share_of_limit']}": max(found["share_of_limit"].values()) > 1,
    }
    row = {
        "fault": name,
        "how": "link down in a namespace" if cut_s else "relay between two network namespaces",
        "ends_in": ends_in,
        "until_mode_s": None,
        "until_braking_s": begun_s if cut_s else None,
        "until_rest_s": begun_s + rest_s if cut_s and begun_s is not None else None,
        "commands": found["cycles"],
        "violations": [],
        "receiver": found["share_of_limit"],
        "age_ms": found["age_ms"],
        "missed": found["missed"],
        "error_mrad": found["error_mrad"],
    }
    return row | {"problems": [text for text, bad in wrong.items() if bad]}


def until_starved(rows):
    """``rows``, and one sentence instead of a traceback where the machine has no time for them."""
    try:
        yield from rows
    except StarvedError as error:
        sys.exit(f"faults: {error}")


def too_slow(row):
    """What took longer than it should on a quiet machine, or left ``policy`` where it should not."""
    within_s = {fault.name: fault.within_s for fault in (*QUICK, *SLOW, *UDP)}.get(row["fault"])
    if row.get("left_policy"):
        return f"it was {', '.join(row['left_policy'])} meanwhile"
    if within_s is not None and row["until_mode_s"] is not None and row["until_mode_s"] > within_s:
        return f"{row['until_mode_s']:.2f} s, expected {within_s:g} s at most"
    return ""


def line(row):
    """A row of the table."""
    numbers = [row[key] for key in ("until_mode_s", "until_braking_s", "until_rest_s")]
    cells = [row["fault"], row["how"], row["ends_in"], *("-" if n is None else f"{n:.2f}" for n in numbers)]
    share = f"{max(row['receiver'].values()):.2f}" if row.get("receiver") else "-"
    return f"| {' | '.join([*cells, str(row['commands']), str(len(row['violations'])), share])} |\n"


def main():
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=CONFIG.parent / "docs", help="folder of faults.md and .json"
    )
    parser.add_argument("--machine", default=f"{os.cpu_count()} cores that other work shared")
    given = parser.parse_args()
    rows = []
    for row in until_starved(run_all()):
        rows.append(row)
        row["problems"] += [slow] if (slow := too_slow(row)) else []
        print(
            f"{'BAD' if row['problems'] else 'ok '} {line(row).strip()} {'; '.join(row['problems'])}",
            flush=True,
        )
    (given.out / "faults.json").write_text(
        json.dumps({"machine": given.machine, "rows": rows}, indent=1) + "\n"
    )
    (given.out / "faults.md").write_text(HEAD.format(machine=given.machine) + "".join(map(line, rows)))
    bad = sum(bool(row["problems"]) for row in rows)
    print(f"{len(rows)} faults, {bad} did not end as they should")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

"""Injects each fault into the real processes and reports how it ended (ROS)."""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from f2o_control.robot import load_robot
from f2o_control.testing import CONFIG, ENVIRONMENT

from benchmarks.faults.faults_node import CABLES, QUICK, SLOW, UDP, Fault
from benchmarks.faults.lab_node import FaultLab, SmallDisk
from benchmarks.udp.analysis import shares, until_fault
from benchmarks.udp.cable import Cable, unavailable
from benchmarks.udp.run import judge, run_case

ATTEMPTS = 3
DISK_FULL = "disk full while logging"
ROBOT = CONFIG / "robots/panda.yaml"
Row = dict[str, Any]
"""One fault as it is recorded; ``problems`` says in sentences what did not end as it should."""


@contextmanager
def changed_environment(**values: str) -> Iterator[None]:
    """Environment variables for as long as this lasts."""
    before = {key: os.environ.get(key) for key in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            os.environ.pop(key) if value is None else os.environ.update({key: value})


@contextmanager
def isolated() -> Iterator[None]:
    """A ROS domain that no real arm is in."""
    with changed_environment(**ENVIRONMENT):
        yield


class StarvedError(Exception):
    """The machine gave the processes no time at every attempt; the outcome of the fault says nothing."""


def run_fault(lab: FaultLab, fault: Fault) -> Row:
    """Inject one fault, again where the machine gave the processes no time.

    A command beyond a limit counts, whatever the machine did. Once more, too, where the policy's process failed by
    itself: what it did then is a warning.

    Raises:
        StarvedError: the processes had no time in any of three attempts.
    """
    for attempt in range(ATTEMPTS):
        if attempt and lab.measures:
            lab.judge()  # without time for the processes messages arrive whenever they do: not judged
        try:
            row = _run_once(lab, fault) | {"starved_attempts": attempt}
        except AssertionError as error:
            if not lab.starved() and (attempt or not lab.policy_failed):
                raise
            warnings.warn(f"{fault.name}: {error}", stacklevel=2)
            continue
        if row["violations"] or not row["problems"] or not lab.starved():
            return row
    raise StarvedError(f"{fault.name}: {ATTEMPTS} times no time for the arm, the bridge or the policy")


def _run_once(lab: FaultLab, fault: Fault) -> Row:
    lab.begin()
    lab.ready()
    delayed = len(lab.delayed)
    before = lab.judge()  # of arming, and of what came before
    began_s, first, modes = time.monotonic(), len(lab.commands), len(lab.modes)
    fault.inject(lab)
    lab.wait(lambda: fault.mode in (lab.mode, *(name for _, name in lab.modes[modes:])))
    lab.wait(lambda: fault.explains(lab.diagnosis.get("reason", "")) or lab.stood_still)
    problems = [problem] if (problem := fault.check(lab)) else []
    found = lab.report(began_s, first, fault.mode)
    if lab.stood_still:
        found["stood_still"] = True
    elif fault.within_s is None and (left := [name for _, name in lab.modes[modes:]]):
        found["left_policy"] = left
    if lab.measures:
        after = lab.judge()
        found |= {
            "milliseconds": before.milliseconds + after.milliseconds,
            "refused": before.refused + after.refused,
            "share": round(max(before.share, after.share), 3),
            "torque_held": round(max(before.torque, after.torque), 3),
        }
        found |= {"delayed": lab.delayed[delayed:]} if lab.delayed[delayed:] else {}
        problems += [f"before it, {text}" for text in before.problems] + after.problems
    return _row(fault.name, fault.how, fault.mode, found, problems)


def _row(name: str, how: str, mode: str, found: Row, problems: list[str]) -> Row:
    return {"fault": name, "how": how, "ends_in": mode, **found, "problems": found["violations"] + problems}


def run_disk_full(lab: FaultLab, disk: SmallDisk) -> Row:
    """End the bridge in motion while the disk with its trace and its log is full."""
    lab.ready()
    disk.fill()
    began_s, first = time.monotonic(), len(lab.commands)
    lab.wait_commands(60)
    status, log = lab.end("bridge")
    wrong = {
        f"it ended with status {status}": status != 0,
        f"it logged {log[-400:]}": "Traceback" in log,
        "it did not report the trace that could not be written": "trace: " not in log,
        "the last command moves": any(lab.commands[-1][2][:7]),
    }
    how, found = "1 MiB for trace and log, filled; SIGINT", lab.report(began_s, first, "disarmed")
    return _row(DISK_FULL, how, "disarmed", found, [text for text, bad in wrong.items() if bad])


@contextmanager
def lab_on_a_small_disk() -> Iterator[tuple[FaultLab, SmallDisk]]:
    """A lab for the faults of ``QUICK``, and the disk that its bridge writes to."""
    with (
        tempfile.TemporaryDirectory() as folder,
        SmallDisk() as disk,
        changed_environment(ROS_LOG_DIR=str(disk.path)),
    ):
        lab = FaultLab(load_robot(ROBOT), folder, parameters=[f"trace:={disk.path / 'trace.npz'}"])
        try:
            yield lab, disk
        finally:
            lab.close()


@contextmanager
def lab_with_a_receiver() -> Iterator[FaultLab]:
    """A lab whose arm is that of f2o_rt_receiver."""
    with tempfile.TemporaryDirectory() as folder:
        lab = FaultLab(load_robot(ROBOT), folder, receiver=True)
        try:
            yield lab
        finally:
            lab.close()


def run_udp(lab: FaultLab, faults: tuple[Fault, ...]) -> Iterator[Row]:
    """Each of ``faults``; the receiver's trace is judged too, where it could still write one."""
    for fault in faults:
        row = run_fault(lab, fault)
        if "receiver" in lab.processes:
            lab.end("receiver")
            row["receiver"] = shares(until_fault(np.load(lab.receiver_trace)), load_robot(ROBOT))
            if max(row["receiver"].values()) > 1:
                row["problems"].append(f"the receiver exceeded a limit: {row['receiver']}")
        yield row


def run_all(only: str = "") -> Iterator[Row]:
    """Every fault that this machine can inject and whose name contains ``only``.

    Raises:
        StarvedError: the machine gave the processes no time.
    """

    def wanted(faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
        return tuple(fault for fault in faults if only in fault.name)

    disk_full = only in DISK_FULL
    if wanted(SLOW + QUICK) or disk_full:
        with isolated(), lab_on_a_small_disk() as (lab, disk):
            for fault in wanted(SLOW + QUICK):
                yield run_fault(lab, fault)
            if disk_full and disk.unavailable:
                print(f"{DISK_FULL}: left out ({disk.unavailable})")
            elif disk_full:
                yield run_disk_full(lab, disk)
    if wanted(UDP):
        with isolated(), lab_with_a_receiver() as lab:
            yield from run_udp(lab, wanted(UDP))
    yield from _run_cables([name for name in CABLES if only in name])


def _run_cables(names: list[str]) -> Iterator[Row]:
    if names and (problem := unavailable()):
        print(f"faults of a cable: left out ({problem})")
        return
    for name in names:
        impairment, cut_s = CABLES[name]
        with tempfile.TemporaryDirectory() as folder, Cable(impairment) as cable:
            yield run_cable(name, cable, cut_s, Path(folder))


def run_cable(name: str, cable: Cable, cut_s: float | None, folder: Path) -> Row:
    """The bridge's end of the udp path (limiter and adapter) and f2o_rt_receiver, in two network namespaces."""
    problem = run_case(cable, ROBOT, 8.0, folder, cut_s)
    found, trace = judge(folder, ROBOT), np.load(folder / "receiver.npz")
    brake = found["braking_ms"] or {"until_begun": None, "until_rest": None}
    begun_s, rest_s = (ms and ms / 1e3 for ms in (brake["until_begun"], brake["until_rest"]))
    wrong = {
        f"the sender reported: {problem}": problem != "" and not (cut_s and "no answer" in problem),
        "the cut was not noticed": cut_s is not None and "no answer" not in problem,
        "the arm still moves": cut_s is not None and bool(np.ptp(trace["set_point"][-50:], axis=0).any()),
        f"the receiver exceeded a limit: {found['share_of_limit']}": max(found["share_of_limit"].values())
        > 1,
    }
    return {
        "fault": name,
        "how": "link down in a namespace" if cut_s else "relay between two network namespaces",
        "ends_in": "no answer" if "no answer" in problem else "followed",
        "until_mode_s": None,
        "until_braking_s": begun_s if cut_s else None,
        "until_rest_s": begun_s + rest_s if cut_s and begun_s is not None else None,
        "commands": found["cycles"],
        "violations": [],
        "receiver": found["share_of_limit"],
        "age_ms": found["age_ms"],
        "missed": found["missed"],
        "error_mrad": found["error_mrad"],
        "problems": [text for text, bad in wrong.items() if bad],
    }

"""Makes each fault happen to the real processes, and says what came of it."""

import contextlib
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from f2o_control.robot import load_robot
from f2o_control.testing import CONFIG, ENVIRONMENT

from benchmarks.faults.faults_node import CABLES, QUICK, SLOW, UDP
from benchmarks.faults.lab_node import FaultLab, SmallDisk
from benchmarks.udp.analysis import shares, until_fault
from benchmarks.udp.cable import Cable, why_not
from benchmarks.udp.run import judge, run_case

ATTEMPTS = 3
DISK_FULL = "disk full while logging"
ROBOT = CONFIG / "robot_panda.yaml"


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
    return _row(DISK_FULL, how, "disarmed", found, [text for text, bad in wrong.items() if bad])


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


def run_all(only=""):
    """Every fault that this machine can inject and whose name contains ``only``, as rows."""

    def wanted(faults):
        return [fault for fault in faults if only in fault.name]

    disk_full = only in DISK_FULL
    if wanted(SLOW + QUICK) or disk_full:
        with alone(), lab_on_a_small_disk() as (lab, disk):
            for fault in wanted(SLOW + QUICK):
                yield run_fault(lab, fault)
            if disk_full and disk.why_not:
                print(f"{DISK_FULL}: left out ({disk.why_not})")
            elif disk_full:
                yield run_disk_full(lab, disk)
    if wanted(UDP):
        with alone(), lab_with_a_receiver() as lab:
            yield from run_udp(lab, wanted(UDP))
    cables = {name: how for name, how in CABLES.items() if only in name}
    if cables and (problem := why_not()):
        print(f"faults of a cable: left out ({problem})")
        return
    for name, (fate, cut_s) in cables.items():
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

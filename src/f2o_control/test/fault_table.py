"""Faults injected into the real processes, and where each one ends: ``python fault_table.py --out ../../../docs``.

The tests run ``QUICK``; ``make faults`` runs all of them, writes faults.json and faults.md, and ends with 1 where one
did not end as it should. Each ends in the mode named here, without a command beyond a limit (checker.py).
"""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from bridge_lab import ENVIRONMENT
from conftest import CONFIG
from f2o_control.receiver.analysis import shares
from f2o_control.receiver.bad_cable import Fate
from f2o_control.robot import load_robot
from fault_lab import FaultLab, SmallDisk, stops_within_limits
from sensor_msgs.msg import JointState

S = 1_000_000_000


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: what happens, in words.
        how: how it is made to happen.
        inject: makes it happen to a lab that moves, and returns once it is over or stands.
        mode: the mode that the bridge must reach, and be in at the end.
        within_s: until then at most, on a quiet machine; what ``make faults`` holds it to.
        because: in the reason that the bridge gives.
        later: what else must be true once the mode is reached; returns what is wrong, or nothing.
    """

    name: str
    how: str
    inject: Callable[[FaultLab], None]
    mode: str
    within_s: float
    because: str = ""
    later: Callable[[FaultLab], str] = field(default=lambda lab: "")


def kill(name):
    return lambda lab: lab.kill(name)


def pause(name, seconds):
    return lambda lab: lab.pause(name, seconds)


def freeze_camera(lab):
    lab.processes["camera"].send_signal(signal.SIGUSR1)


def states(change):
    def inject(lab):
        lab.spoil = change

    return inject


def late_states(lab):
    """Nothing for 0.12 s, then everything that late."""
    queue, late = [], 15

    def spoil(msg):
        queue.append(msg)
        return [queue.pop(0)] if len(queue) > late else []

    lab.spoil = spoil


def reordered_states(lab):
    """Five at a time, in any order."""
    rng, held = random.Random(0), []

    def spoil(msg):
        held.append(msg)
        if len(held) < 5:
            return []
        out = rng.sample(held, 5)
        held.clear()
        return out

    lab.spoil = spoil


def steps(seconds, *names):
    return lambda lab: lab.step_clock(seconds, *names)


def second_publisher(lab):
    lab.second = lab.node.create_publisher(JointState, "/f2o/joint_target", 1)


def remove_second(lab):
    lab.wait(lambda: lab.mode == "fault")
    lab.node.destroy_publisher(lab.second)
    return ""


def reflex(lab):
    lab.stands = True


def restart(lab):
    lab.kill("bridge")
    time.sleep(0.3)  # what was under way has arrived
    lab.wait(lambda: True)
    lab.last_trajectory, lab.mode = lab.trajectories[-1], ""
    lab.start("bridge")


def stopped_by_itself(lab):
    """The last trajectory of the killed bridge is a stop within the limits, and the new one is quiet until armed."""
    if not stops_within_limits(lab.last_trajectory):
        return "the trajectory that was left does not end in a legal stop"
    before = len(lab.commands)
    time.sleep(0.3)
    return "" if len(lab.commands) == before else "the new bridge commands without being armed"


def stays(lab):
    """Targets come back after too long: still on hold, until somebody arms."""
    lab.wait_commands(60)
    if lab.mode != "hold":
        return f"the bridge left the hold by itself: {lab.mode}"
    return "" if lab.call("arm").success else "it cannot be armed again"


def thaws(lab):
    problem = rests(lab)
    lab.kill("camera")  # its successor is not frozen
    return problem


def follows(lab):
    lab.wait_commands(60)
    return "" if lab.mode == "policy" else f"the bridge is {lab.mode}"


def rests(lab):
    lab.wait_commands(40)
    return "" if not any(lab.commands[-1][2][:7]) else "the arm still moves"


EVERY_CLOCK = ("policy", "bridge", "camera", "arm")
QUICK = (
    Fault("policy paused 50 ms", "SIGSTOP, SIGCONT", pause("policy", 0.05), "policy", 0.0, "", follows),
    Fault("policy paused 0.5 s", "SIGSTOP, SIGCONT", pause("policy", 0.5), "policy", 1.0, "came back", follows),
    Fault("policy paused 3 s", "SIGSTOP, SIGCONT", pause("policy", 3.0), "hold", 0.25, "no target for", stays),
    Fault("perception killed", "SIGKILL of what sends observations", kill("camera"), "hold", 0.8, "no new observation", rests),
    Fault("one camera frozen", "observations go on with one stamp", freeze_camera, "hold", 0.8, "no new observation", thaws),
    Fault("joint states late", "none for 0.12 s, then all 0.12 s late", late_states, "policy", 0.0, "", follows),
    Fault("joint states reordered", "five at a time in any order", reordered_states, "policy", 0.0, "", follows),
    Fault("joint states silent", "none", states(lambda msg: []), "fault", 0.35, "no joint states for"),
    Fault("policy's clock 5 s ahead", "CLOCK_REALTIME of its process", steps(5, "policy"), "hold", 0.25, "no target for", rests),
    Fault("policy's clock 5 s back", "CLOCK_REALTIME of its process", steps(-5, "policy"), "hold", 0.25, "no target for", rests),
    Fault("machine's clock 5 s ahead", "CLOCK_REALTIME of all processes", steps(5, *EVERY_CLOCK), "policy", 0.0, "", follows),
    Fault("machine's clock 5 s back", "CLOCK_REALTIME of all processes", steps(-5, *EVERY_CLOCK), "hold", 0.25, "no target for", stays),
    Fault("two policies", "a second publisher of targets", second_publisher, "fault", 0.5, "2 publishers", remove_second),
    Fault("reflex that nobody reports", "the arm stands, joint states go on", reflex, "fault", 4.0, "does not follow"),
    Fault("bridge restarted in motion", "SIGKILL, started again", restart, "disarmed", 10.0, "", stopped_by_itself),
    Fault("policy killed", "SIGKILL", kill("policy"), "hold", 0.25, "no target for", rests),
)  # fmt: skip
WHOLE = (
    Fault("policy paused 10 s", "SIGSTOP, SIGCONT", pause("policy", 10.0), "hold", 0.25, "no target for", stays),
)  # fmt: skip


def starve(lab):
    lab.pause("receiver", 0.04)


def cut(lab):
    lab._cable.cut()


def keeps(lab):
    """Five seconds of a bad cable, followed all the while."""
    lab.wait_commands(600)
    return follows(lab)


UDP = (
    Fault("reflex reported by the robot", "receiver stopped for 40 ms: 21 set-points missing", starve, "fault", 0.4, "communication_constraints_violation"),
    Fault("adapter's far end gone", "SIGKILL of f2o_rt_receiver", kill("receiver"), "fault", 0.3, "no answer for"),
)  # fmt: skip
CABLES = (
    (Fate(loss=0.05), (Fault("5 % loss", "relay between two network namespaces", bool, "policy", 0.0, "", keeps),)),
    (Fate(jitter_s=0.02), (Fault("20 ms jitter", "relay between two network namespaces", bool, "policy", 0.0, "", keeps),)),
    (
        Fate(duplicate=0.2),
        (
            Fault("20 % duplicated", "relay between two network namespaces", bool, "policy", 0.0, "", keeps),
            Fault("network cut", "link of the receiver's namespace down", cut, "fault", 0.3, "no answer for"),
        ),
    ),
)  # fmt: skip
LIMITS = "the 1 kHz output"


def run_fault(lab, fault):
    """Make it happen; what came of it, ``problems`` included."""
    lab.ready()
    first, began_s, modes = len(lab.commands), time.monotonic(), len(lab.modes)
    fault.inject(lab)
    reached = [name for _, name in lab.modes[modes:]]
    lab.wait(lambda: lab.mode == fault.mode or fault.mode in [name for _, name in lab.modes[modes:]])
    problems = []
    if fault.because:
        lab.wait(lambda: fault.because in lab.diagnosis.get("reason", ""))
    if problem := fault.later(lab):
        problems.append(problem)
    found = lab.report(began_s, first, fault.mode)
    problems += found["violations"]
    return {
        "fault": fault.name,
        "how": fault.how,
        "ends_in": fault.mode,
        "reached": reached,
        **found,
        "problems": problems,
    }


def run_disk_full(lab, disk):
    """The bridge is told to end, in motion, with the disk full that its trace and its log lie on."""
    lab.ready()
    disk.fill()
    first, began_s = len(lab.commands), time.monotonic()
    lab.wait_commands(60)
    status, said = lab.end("bridge")
    found = lab.report(began_s, first, "disarmed")
    wrong = {
        f"it ended with status {status}": status != 0,
        f"it said {said[-400:]}": "Traceback" in said,
        "nothing was said about the trace that could not be written": "trace: " not in said,
        "the last command moves": any(lab.commands[-1][2][:7]),
    }
    problems = found["violations"] + [text for text, is_so in wrong.items() if is_so]
    how = "64 KiB for trace and log, filled; then SIGINT"
    return {
        "fault": "disk full while logging",
        "how": how,
        "ends_in": "disarmed",
        **found,
        "problems": problems,
    }


def judge_receiver(lab, robot):
    """What the receiver's own record says of its 1 kHz output: shares of the arm's limits."""
    if "receiver" not in lab.processes:
        return {}
    lab.end("receiver")
    return shares(np.load(lab.receiver_trace), robot)


def run_all(quick, say=print):
    """Every fault that this machine can inject; rows, and why the others were left out."""
    robot = load_robot(CONFIG / "robot_panda.yaml")
    rows, left_out = [], []

    def add(row):
        rows.append(row)
        say(
            f"{'ok ' if not row['problems'] else 'BAD'} {row['fault']}: {row['ends_in']} after {row['until_mode_s']} s {row['problems'] or ''}"
        )

    with tempfile.TemporaryDirectory() as folder, SmallDisk() as disk:
        os.environ["ROS_LOG_DIR"] = str(disk.path)
        lab = FaultLab(robot.home, folder, parameters=(f"trace:={disk.path / 'trace.npz'}",))
        try:
            for fault in QUICK if quick else QUICK + WHOLE:
                add(run_fault(lab, fault))
            if disk.why_not:
                left_out.append(f"disk full while logging: no small file system here ({disk.why_not})")
            else:
                add(run_disk_full(lab, disk))
        finally:
            lab.close()
            os.environ.pop("ROS_LOG_DIR")
    return rows, left_out


if __name__ == "__main__":
    os.environ.update(ENVIRONMENT)
    print(run_all(True))

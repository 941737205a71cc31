"""The faults that the bridge must survive: how each is made to happen, and where it must end."""

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.faults.lab_node import FaultLab, stops_within_limits
from benchmarks.udp.bad_cable import Fate
from f2o_msgs.msg import JointTarget


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: what happens.
        how: how it is made to happen.
        inject: makes it happen to a lab that moves, and returns once it is over or stands.
        mode: the mode that the bridge must come to, and stay in.
        within_s: until then at most; what ``make faults`` holds a quiet machine to. None: it must not leave ``policy``.
        because: in the reason that the bridge gives.
        later: what else must be true then; returns what is wrong, or nothing.
    """

    name: str
    how: str
    inject: Callable[[FaultLab], object]
    mode: str
    within_s: float | None
    because: str = ""
    later: Callable[[FaultLab], str] = lambda lab: ""


# ways to make it happen


def kill(name):
    return lambda lab: lab.kill(name)


def pause(name, seconds):
    return lambda lab: lab.pause(name, seconds)


def step(seconds, *names):
    return lambda lab: lab.step_clock(seconds, *names)


def freeze(lab):
    lab.processes["camera"].send_signal(signal.SIGUSR1)


def silence(lab):
    lab.spoil = lambda msg: []


def late_states(lab):
    """Nothing for 0.12 s, then everything that late."""
    queue = []

    def spoil(msg):
        queue.append(msg)
        return [queue.pop(0)] if len(queue) > 15 else []

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


def second_publisher(lab):
    lab.second = lab.node.create_publisher(JointTarget, "/f2o/joint_target", 1)


def stand(lab):
    lab.stands = True


def restart(lab):
    lab.kill("bridge")
    time.sleep(0.3)  # what was under way has arrived
    lab.left, lab.mode = lab.trajectories[-1], ""
    lab.start("bridge")


# what must be true afterwards


def follows(lab):
    lab.wait_commands(60)
    return "" if lab.mode == "policy" else f"the bridge is {lab.mode}"


def rests(lab):
    lab.wait_commands(40)
    return "the arm still moves" if any(lab.commands[-1][2][:7]) else ""


def thaws(lab):
    problem = rests(lab)
    lab.kill("camera")  # its successor is not frozen
    return problem


def stays(lab):
    """Targets came back after too long: on hold until somebody arms."""
    lab.wait_commands(60)
    if lab.mode != "hold":
        return f"the bridge left the hold by itself: {lab.mode}"
    return "" if lab.call("arm").success else "it cannot be armed again"


def needs_recovery(lab):
    """A fault is not left by arming."""
    if lab.call("arm").success or lab.mode != "fault":
        return "it was armed out of a fault"
    return ""


def cannot_arm(lab):
    """The fault is left, and what caused it is looked at again."""
    left = lab.call("disarm").success
    return "" if left and not lab.call("arm").success else "it was armed without its far end"


def lone_again(lab):
    problem = needs_recovery(lab)
    lab.node.destroy_publisher(lab.second)
    return problem


def stopped_by_itself(lab):
    """What the killed bridge had said last is a stop within the limits, and the new one is quiet until armed."""
    if not stops_within_limits(lab.left):
        return "the trajectory that was left does not end in a legal stop"
    before = len(lab.commands)
    time.sleep(0.3)
    return "" if len(lab.commands) == before else "the new bridge commands without being armed"


SIGNALS, CLOCK = "SIGSTOP, SIGCONT", "CLOCK_REALTIME of "
EVERY_CLOCK = ("policy", "bridge", "camera", "arm")
LATE, BLIND = "no target for", "no new observation"

QUICK = (
    Fault("policy paused 50 ms", SIGNALS, pause("policy", 0.05), "policy", None, "", follows),
    Fault("policy paused 0.5 s", SIGNALS, pause("policy", 0.5), "policy", 1.0, "came back", follows),
    Fault("policy paused 3 s", SIGNALS, pause("policy", 3.0), "hold", 0.25, LATE, stays),
    Fault("perception killed", "SIGKILL", kill("camera"), "hold", 0.8, BLIND, rests),
    Fault("camera frozen", "observations go on with one stamp", freeze, "hold", 0.8, BLIND, thaws),
    Fault(
        "joint states late", "none for 0.12 s, then all that late", late_states, "policy", None, "", follows
    ),
    Fault("joint states reordered", "five at a time", reordered_states, "policy", None, "", follows),
    Fault("joint states silent", "none", silence, "fault", 0.35, "no joint states for", needs_recovery),
    Fault("policy's clock 5 s ahead", CLOCK + "one", step(5, "policy"), "hold", 0.25, LATE, rests),
    Fault("policy's clock 5 s back", CLOCK + "one", step(-5, "policy"), "hold", 0.25, LATE, rests),
    Fault("every clock 5 s ahead", CLOCK + "all", step(5, *EVERY_CLOCK), "policy", None, "", follows),
    Fault("every clock 5 s back", CLOCK + "all", step(-5, *EVERY_CLOCK), "hold", 0.25, LATE, stays),
    Fault("two policies", "a second publisher", second_publisher, "fault", 0.5, "2 publishers", lone_again),
    Fault("reflex that nobody reports", "the arm stands", stand, "fault", 5.0, "does not follow"),
    Fault("bridge restarted in motion", "SIGKILL", restart, "disarmed", 15.0, "", stopped_by_itself),
    Fault("policy killed", "SIGKILL", kill("policy"), "hold", 0.25, LATE, rests),
)
"""On one set of processes, in an order that needs the fewest starts."""
SLOW = (Fault("policy paused 10 s", SIGNALS, pause("policy", 10.0), "hold", 0.25, LATE, stays),)
UDP = (
    Fault(
        "reflex reported by the robot",
        "receiver paused 40 ms: 21 set-points missing",
        pause("receiver", 0.04),
        "fault",
        0.4,
        "communication_constraints_violation",
        needs_recovery,
    ),
    Fault(
        "far end gone", "SIGKILL of f2o_rt_receiver", kill("receiver"), "fault", 0.3, "no answer", cannot_arm
    ),
)
CABLES = {
    "5 % loss": (Fate(loss=0.05), None),
    "20 ms jitter": (Fate(jitter_s=0.02), None),
    "20 % duplicated": (Fate(duplicate=0.2), None),
    "network cut": (Fate(), 5.0),
}
"""What a relay between two network namespaces does to the datagrams, or after how many seconds a link goes down."""

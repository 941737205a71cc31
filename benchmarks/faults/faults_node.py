"""The faults that the bridge must survive: how each is injected, and the mode that it must end in (ROS)."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from sensor_msgs.msg import JointState

from benchmarks.faults.lab_node import FaultLab, stops_within_limits
from benchmarks.udp.relay import Impairment
from f2o_msgs.msg import JointTarget

Inject = Callable[[FaultLab], object]


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: what happens.
        how: how it is injected.
        inject: injects it into a lab whose arm moves; returns once it is over or lasts.
        mode: the mode that the bridge must reach and stay in.
        within_s: longest time to that mode on a quiet machine, as ``make faults`` judges. None: it must stay in
            ``policy``.
        because: part of the reason that the bridge must report, or parts of several that may come first.
        check: what else must hold then; returns what is wrong, or nothing.
    """

    name: str
    how: str
    inject: Inject
    mode: str
    within_s: float | None
    because: str | tuple[str, ...] = ""
    check: Callable[[FaultLab], str] = lambda lab: ""

    def explains(self, reason: str) -> bool:
        """Whether a reason of the bridge is one that this fault may have."""
        parts = (self.because,) if isinstance(self.because, str) else self.because
        return any(part in reason for part in parts)


# ways to inject it


def kill(name: str) -> Inject:
    """SIGKILL of a process."""
    return lambda lab: lab.kill(name)


def pause(name: str, seconds: float) -> Inject:
    """SIGSTOP of a process for so long."""
    return lambda lab: lab.pause(name, seconds)


def step(seconds: float, *names: str) -> Inject:
    """A step of the clocks of these processes."""
    return lambda lab: lab.step_clock(seconds, *names)


def freeze(lab: FaultLab) -> None:
    """Observations go on with one stamp."""
    lab.processes["camera"].send_signal(signal.SIGUSR1)


def silence(lab: FaultLab) -> None:
    """No joint states."""
    lab.spoil = lambda msg: []


def late_states(lab: FaultLab) -> None:
    """No joint states for 0.12 s, then all of them that late."""
    queue: list[JointState] = []

    def spoil(msg: JointState) -> list[JointState]:
        queue.append(msg)
        return [queue.pop(0)] if len(queue) > 15 else []

    lab.spoil = spoil


def reordered_states(lab: FaultLab) -> None:
    """Joint states five at a time, in random order."""
    rng = random.Random(0)
    held: list[JointState] = []

    def spoil(msg: JointState) -> list[JointState]:
        held.append(msg)
        if len(held) < 5:
            return []
        out = rng.sample(held, 5)
        held.clear()
        return out

    lab.spoil = spoil


def second_publisher(lab: FaultLab) -> None:
    """A second publisher of targets."""
    lab.second_publisher = lab.node.create_publisher(JointTarget, "/f2o/joint_target", 1)


def block(lab: FaultLab) -> None:
    """The arm does not move."""
    lab.stands = True


def restart(lab: FaultLab) -> None:
    """SIGKILL of the bridge in motion, and a new one."""
    lab.kill("bridge")
    time.sleep(0.3)  # what was under way has arrived
    lab.left, lab.mode = lab.trajectories[-1], ""
    lab.start("bridge")


# what must hold afterwards


def follows(lab: FaultLab) -> str:
    """The bridge follows the policy."""
    lab.wait_commands(60)
    return "" if lab.mode == "policy" else f"the bridge is {lab.mode}"


def goes_on(lab: FaultLab) -> str:
    """As ``follows``; or, where it was stopped just while it sent, it has noticed that, and the arm rests."""
    until = len(lab.commands) + 60
    lab.wait(lambda: len(lab.commands) >= until or lab.stood_still)
    if not lab.stood_still:
        return follows(lab)
    return needs_recovery(lab)


def rests(lab: FaultLab) -> str:
    """The arm is at rest."""
    lab.wait_commands(40)
    return "the arm still moves" if any(lab.commands[-1][2][:7]) else ""


def rests_and_thaws(lab: FaultLab) -> str:
    """The arm is at rest; the next camera is not frozen."""
    problem = rests(lab)
    lab.kill("camera")
    return problem


def stays(lab: FaultLab) -> str:
    """Targets came back too late: the bridge holds until it is armed."""
    lab.wait_commands(60)
    if lab.mode != "hold":
        return f"the bridge left the hold by itself: {lab.mode}"
    return "" if lab.call("arm").success else "it cannot be armed again"


def needs_recovery(lab: FaultLab) -> str:
    """A fault is not left by arming."""
    if lab.call("arm").success or lab.mode != "fault":
        return "it was armed out of a fault"
    return ""


def cannot_arm(lab: FaultLab) -> str:
    """Disarming leaves the fault; arming checks its cause again."""
    left = lab.call("disarm").success
    return "" if left and not lab.call("arm").success else "it was armed without its receiver"


def recovers_alone(lab: FaultLab) -> str:
    """A fault is not left by arming; the second publisher goes."""
    problem = needs_recovery(lab)
    lab.node.destroy_publisher(lab.second_publisher)
    return problem


def stops_by_itself(lab: FaultLab) -> str:
    """The last trajectory of the killed bridge ends in a stop within the limits; the new one waits to be armed."""
    if not stops_within_limits(lab.left):
        return "the last trajectory does not end in a stop within the limits"
    before = len(lab.commands)
    time.sleep(0.3)
    return "" if len(lab.commands) == before else "the new bridge commands without being armed"


SIGNALS, CLOCK = "SIGSTOP, SIGCONT", "CLOCK_REALTIME of "
EVERY_CLOCK = ("policy", "bridge", "camera", "arm")
LATE, BLIND = "no target for", "no new observation"
STALE = ("no joint states for", "s ago: late")  # nobody can say which a bridge that was stopped meets first

QUICK = (
    Fault("policy paused 50 ms", SIGNALS, pause("policy", 0.05), "policy", None, "", follows),
    Fault("policy paused 0.5 s", SIGNALS, pause("policy", 0.5), "policy", 1.0, "came back", follows),
    Fault("policy paused 3 s", SIGNALS, pause("policy", 3.0), "hold", 0.25, LATE, stays),
    Fault("bridge paused 20 ms", SIGNALS, pause("bridge", 0.02), "policy", None, "", follows),
    Fault("bridge paused 0.15 s", SIGNALS, pause("bridge", 0.15), "policy", None, "", goes_on),
    Fault(
        "bridge paused 0.5 s",
        SIGNALS,
        pause("bridge", 0.5),
        "fault",
        1.5,
        STALE,
        needs_recovery,
    ),
    Fault(
        "bridge paused 3 s",
        SIGNALS,
        pause("bridge", 3.0),
        "fault",
        4.0,
        STALE,
        needs_recovery,
    ),
    Fault("perception killed", "SIGKILL", kill("camera"), "hold", 0.8, BLIND, rests),
    Fault("camera frozen", "observations go on with one stamp", freeze, "hold", 0.8, BLIND, rests_and_thaws),
    Fault(
        "joint states late", "none for 0.12 s, then all that late", late_states, "policy", None, "", follows
    ),
    Fault("joint states reordered", "five at a time", reordered_states, "policy", None, "", follows),
    Fault("joint states silent", "none", silence, "fault", 0.35, "no joint states for", needs_recovery),
    Fault("policy's clock 5 s ahead", CLOCK + "one", step(5, "policy"), "hold", 0.25, LATE, rests),
    Fault("policy's clock 5 s back", CLOCK + "one", step(-5, "policy"), "hold", 0.25, LATE, rests),
    Fault("every clock 5 s ahead", CLOCK + "all", step(5, *EVERY_CLOCK), "policy", None, "", follows),
    Fault("every clock 5 s back", CLOCK + "all", step(-5, *EVERY_CLOCK), "hold", 0.25, LATE, stays),
    Fault(
        "two policies", "a second publisher", second_publisher, "fault", 0.5, "2 publishers", recovers_alone
    ),
    Fault("reflex that is not reported", "the arm is blocked", block, "fault", 5.0, "does not follow"),
    Fault("bridge restarted in motion", "SIGKILL", restart, "disarmed", 15.0, "", stops_by_itself),
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
        "receiver killed",
        "SIGKILL of f2o_rt_receiver",
        kill("receiver"),
        "fault",
        0.3,
        "no answer",
        cannot_arm,
    ),
)
CABLES = {
    "5 % loss": (Impairment(loss=0.05), None),
    "20 ms jitter": (Impairment(jitter_s=0.02), None),
    "20 % duplicated": (Impairment(duplicate=0.2), None),
    "network cut": (Impairment(), 4.0),
}
"""What the relay does to the datagrams, and after how many seconds of following the link goes down."""

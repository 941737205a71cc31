"""Every guard of the receiver: how it is taken away, and a scenario that only it keeps safe. As mutations.py."""

import dataclasses

import numpy as np
from f2o_control.adapters.udp import UdpAdapter
from f2o_control.braking import JointState
from f2o_control.datagrams import Flag, Refusal, State
from f2o_rt.core import Receiver
from f2o_rt.testing import Rig, oscillate

from benchmarks.mutations.bridge import GuardCase, replace
from f2o_control import wire
from f2o_rt import core

OFF_RAD = 2e-3  # from the bridge's own path: more than a guarded receiver ever is


def moving(seconds=1.2, **given):
    rig = Rig(**given)
    rig.wanted = oscillate(rig.home)
    return rig.run(seconds)


def off(rig):
    """Does the output keep to the bridge's own path, and its limits?"""
    error = rig.error(1.0)
    return ([] if error < OFF_RAD else [f"{1e3 * error:.1f} mrad off"]) + rig.violations()


def damaged(_):
    """A bit of a sequence number flips: nothing that follows would be newer."""
    rig = moving()

    def spoil(data):
        data = bytearray(data)
        data[24 + 3] ^= 0x40 * (rig.ms % 160 == 0)
        return bytes(data)

    rig.there.spoil = spoil
    rig.run(0.6)
    return off(rig)


def brakes_late(rig):
    """Does braking begin 20 ms after the first missing target, as promised, when the link is cut now?"""
    missing_ms = rig.sent[-1][0] + 8.2
    first = rig.ms
    rig.there.fate = lambda data, rng: []
    rig.run(0.45)
    begun = next((k for k in range(first, rig.ms) if rig.states[k] is State.BRAKING), rig.ms)
    late = [] if begun + 1 - missing_ms <= 20 else [f"braking begins {begun + 1 - missing_ms:.0f} ms late"]
    return late + rig.violations()


def repeated(_):
    """Every datagram comes again, up to 40 ms later: that is no news, and does not put braking off."""
    rig = moving()
    rig.there.fate = lambda data, rng: [0.0002, 0.01, 0.02, 0.03, 0.04]
    rig.run(0.2)
    return brakes_late(rig)


def second_bridge(_):
    """Another bridge wants the arm 20 mrad away, while the first one moves it."""
    rig = moving()
    first, limiter = rig.adapter, rig.limiter
    rig.start_bridge(rig.out[-1] + 0.02)
    second, rig.adapter, rig.limiter = rig.adapter, first, limiter
    second._session = first._session % 0xFFFF + 1
    peers = set()
    for _ in range(300):
        rig.step()
        peers.add(rig.receiver.peer)
        if rig.ms % 8 == 4:
            second._peer, second._asked = rig.receiver.offered, None
            second._command = limiter.command(0.008)
            second.send(dataclasses.replace(limiter.command(0.008), duration_s=0.008), 0.05)
            second._send(second._clock(), Flag.TARGET)
    return [] if peers == {first._session} else ["another bridge took over"]


def restarted(_):
    """A receiver that was started again in motion follows nobody who has not heard of it."""
    rig = moving()
    rig.start_receiver(rig.out[-1])
    rig.back.fate = lambda data, rng: []  # the bridge hears nothing of it
    rig.limiter.reset(rig.out[-1])
    start = rig.out[-1].copy()
    rig.wanted = lambda t: (start, np.zeros(7))
    rig.run(0.3)
    return ["it follows a bridge that takes it for another"] if rig.receiver.state is State.FOLLOWING else []


def late(_):
    rig = moving(1.0)
    rig.there.fate = lambda data, rng: [0.09]
    rig.run(0.5)
    return [] if rig.receiver.state is State.WAITING else ["it follows what is 90 ms old"]


def cut(_):
    return brakes_late(moving())


def other_robot(_):
    rig, other = Rig("panda"), Rig("fr3")
    rig.adapter._robot = other.adapter._robot
    rig.began_ms = 0  # and it sends although it is told so
    rig.run(0.3)
    return ["it follows targets of another arm"] if rig.receiver.state is State.FOLLOWING else []


def far_start(_):
    rig = Rig()
    rig.limiter.reset(rig.home + 0.06)
    rig.wanted = lambda t: (rig.home + 0.06, np.zeros(7))
    rig.run(0.4)
    return [] if np.array_equal(rig.receiver.position, rig.home) else ["it went to a start 60 mrad away"]


def start_after_silence(_):
    """Who lost the arm for long has to begin again at rest, near it."""
    rig = moving()
    rig.there.fate = lambda data, rng: []
    rig.run(0.5)
    rig.there.fate = lambda data, rng: [0.0002]
    rig.run(0.3)
    return (
        [] if rig.receiver.state is State.WAITING else ["a moving target was taken up after a long silence"]
    )


def reflex(_):
    rig = moving()
    rig.asleep = lambda ms: True
    rig.run(0.03)
    rig.asleep = lambda ms: False
    rig.limiter.reset(rig.measured)
    start = rig.measured.copy()
    rig.wanted = lambda t: (start, np.zeros(7))
    rig.run(0.3)
    return [] if rig.receiver.state is State.FAULT else ["the fault was left without being asked"]


def nonsense(_):
    """A target whose numbers no arm could have."""
    rig = moving()
    pack = wire.pack_target
    before = rig.receiver.refused[Refusal.NUMBERS]

    def spoil(data):
        target = wire.unpack_target(data)
        fast = dataclasses.replace(target.state, velocity=np.full(7, np.nan))
        return pack(dataclasses.replace(target, state=fast)) if rig.ms % 3 == 0 else data

    rig.there.spoil = spoil
    rig.run(0.4)
    wrong = [] if np.isfinite(np.array(rig.out)).all() else ["the output is not finite"]
    counted = rig.receiver.refused[Refusal.NUMBERS] > before
    return wrong + ([] if counted else ["nonsense counted as a target"])


def forged(_):
    """A stranger who has read the wire and has no key sends a set-point 20 mrad away, and an open gripper."""
    rig = moving()
    for _ in range(400):
        last = wire.unpack_target(rig.near.record[-1][0])
        state = JointState.at_rest(rig.receiver.position + 0.02)
        ahead = {"sequence": last.sequence + 1, "sent_ns": last.sent_ns + 1, "state": state}
        rig.there.inject(wire.pack_target(dataclasses.replace(last, **ahead), bytes(32)), ("bridge", 1))
        rig.step()
    return off(rig)


def recorded(_):
    """The first session is played back once another bridge has come and gone."""
    rig = Rig()
    rig.wanted = lambda t: (rig.home + 0.04 * np.sin(3 * t) ** 2, 0.12 * np.sin(6 * t) * np.ones(7))
    rig.run(2.0)
    record = [data for data, _ in rig.near.record]
    rig.sending = False
    rig.run(1.0)
    rig.start_bridge(rig.measured)
    rig.run(2.0)
    rig.there.fate = lambda data, rng: []
    rig.run(1.6)
    before = len(rig.out)
    for data in record:
        rig.there.inject(data, ("stranger", 9))
        for _ in range(8):
            rig.step()
    return [] if np.ptp(rig.out[before:], axis=0).max() == 0 else ["a recording moved the arm"]


def moved_address(_):
    """Datagrams of the followed bridge that come from elsewhere."""
    rig = moving()
    rig.near._mine = ("another", 2)
    rig.run(0.6)
    return [] if rig.receiver.state is State.WAITING else ["it follows the session from another address"]


def old_statuses(_):
    """Statuses of a second ago come again and again: where the arm was, the bridge would take it to be."""
    rig = moving()
    record = [data for data, _ in rig.far.record[20:30]]
    far = 0.0
    for k in range(300):
        rig.back.inject(record[k % 10], ("receiver", 1))
        rig.step()
        far = max(far, float(np.abs(rig.measured - rig.receiver.position).max()))
    return [] if far < 0.05 else [f"the bridge takes the arm to be {1e3 * far:.0f} mrad from where it is"]


def no_mac(patch):
    patch.setattr(wire, "_checked", lambda data, key: data[: -wire.MAC_SIZE])


def before_judging(change):
    """Removal by a change to the receiver before it looks at a datagram."""

    def remove(patch):
        judge = Receiver._judge

        def bare(self, data, sender, mono_ns):
            change(self)
            return judge(self, data, sender, mono_ns)

        patch.setattr(Receiver, "_judge", bare)

    return remove


def no_order(receiver):
    receiver._newest = -1


def no_age(receiver):
    receiver._timing = dataclasses.replace(receiver._timing, max_staleness_s=0.9)


def no_patience(receiver):
    receiver._timing = dataclasses.replace(receiver._timing, brake_after_s=0.1)


def no_start(receiver):
    receiver._config = dataclasses.replace(receiver._config, max_start_error_rad=0.2)


def never_lost(receiver):
    receiver._timing = dataclasses.replace(receiver._timing, restart_after_s=1e9)


def any_address(receiver):
    if receiver.peer:
        receiver.address = Anywhere()


class Anywhere:
    """An address that is like every other."""

    def __ne__(self, other):
        return False


def as_if_ours(patch):
    unpack = core.unpack_target
    patch.setattr(
        core, "unpack_target", lambda data, key: dataclasses.replace(unpack(data, key), robot=MINE[0])
    )


def any_session(patch):
    begin = Receiver._begin

    def bare(self, target, sender):
        begin(self, target, sender)
        self.session = target.peer

    patch.setattr(Receiver, "_begin", bare)
    patch.setattr(Receiver, "_may_begin", lambda self, target, mono_ns: target.peer and self.free(mono_ns))


def forgiving(patch):
    fail = Receiver.fail

    def bare(self, fault):
        fail(self, fault)
        self.recovery_wanted = True

    patch.setattr(Receiver, "fail", bare)


MINE = [Rig("panda").receiver.robot]
RECEIVER = [
    GuardCase("receiver: MAC against damage", no_mac, damaged),
    GuardCase("receiver: MAC against a stranger", no_mac, forged),
    GuardCase("receiver: a session is offered once", any_session, recorded),
    GuardCase("receiver: address of the bridge", before_judging(any_address), moved_address),
    GuardCase("bridge: statuses in order", replace(UdpAdapter, "_is_news", lambda *_: True), old_statuses),
    GuardCase("receiver: order", before_judging(no_order), repeated),
    GuardCase("receiver: one bridge at a time", replace(Receiver, "free", lambda *_: True), second_bridge),
    GuardCase("receiver: session of its own", any_session, restarted),
    GuardCase("receiver: age", before_judging(no_age), late),
    GuardCase("receiver: own watchdog", before_judging(no_patience), cut),
    GuardCase("receiver: robot", as_if_ours, other_robot),
    GuardCase("receiver: start near the arm", before_judging(no_start), far_start),
    GuardCase("receiver: new beginning after silence", before_judging(never_lost), start_after_silence),
    GuardCase("receiver: a fault is left when asked", forgiving, reflex),
    GuardCase("receiver: possible numbers", replace(Receiver, "_possible", lambda *_: True), nonsense),
]

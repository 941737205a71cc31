"""The bridge's limiter and UDP adapter, a network, the receiver and the simulated arm on one simulated clock."""

import heapq

import numpy as np
from f2o_control.adapters.udp import UdpAdapter, UdpRules
from f2o_control.key import key_for
from f2o_control.limiter import TargetLimiter
from f2o_control.reference import Reference
from f2o_control.robot import load_robot
from f2o_control.testing import CONFIG, violations
from f2o_nodekit.pace import Tick
from scipy.interpolate import CubicSpline

from f2o_rt.config import ReceiverConfig
from f2o_rt.core import Receiver
from f2o_rt.loop import Loop
from f2o_rt.mock_arm import MockArm

MS, START_NS = 1_000_000, 10**12
OFFSET_NS = 5 * 10**11  # the bridge's clock is another machine's
WHOLE = {"velocity": 1.0, "acceleration": 1.0, "jerk": 1.0}  # after missed cycles
SCALE = {
    "velocity": 1.0,
    "acceleration": 0.95,
    "jerk": 0.6,
}  # of receiver.yaml, which the checker does not read


class Network:
    """Datagrams in flight. ``fate(data, rng)`` says after how many seconds each copy arrives; [] is a loss."""

    def __init__(self, seed):
        self.now_ns, self._rng, self._flying, self._count = START_NS, np.random.default_rng(seed), [], 0
        self.fate = lambda data, rng: [0.0002]
        self.spoil = lambda data: data

    def sendto(self, data, sender):
        for seconds in self.fate(data, self._rng):
            self.inject(self.spoil(data), sender, seconds)

    def inject(self, data, sender, seconds=0.0002):
        """A datagram that nothing happens to."""
        self._count += 1
        heapq.heappush(self._flying, (self.now_ns + int(seconds * 1e9), self._count, data, sender))

    def recvfrom(self, size):
        if not self._flying or self._flying[0][0] > self.now_ns:
            raise BlockingIOError
        _, _, data, sender = heapq.heappop(self._flying)
        return data[:size], sender


class Socket:
    """One end.

    Attributes:
        record: every datagram that was sent, and where to.
    """

    def __init__(self, out, back, mine):
        self._out, self._in, self._mine, self.record = out, back, mine, []

    def sendto(self, data, address):
        self.record.append((data, address))
        self._out.sendto(data, self._mine)

    def recvfrom(self, size):
        return self._in.recvfrom(size)

    def recv(self, size):
        return self._in.recvfrom(size)[0]

    def close(self):
        pass


class Rig:
    """Steps by a millisecond; the bridge's side sends every eighth."""

    def __init__(self, name="panda", seed=0, profile="normal", **config):
        self.robot = load_robot(CONFIG / f"robots/{name}.yaml")
        self.home = np.array(self.robot.home)
        self.there, self.back = Network(seed), Network(seed + 1)
        self.ms, self.turned_ms, self.asleep = 0, 0, lambda ms: False  # when the receiver gets no time
        self.config = ReceiverConfig(robot=name, **config)
        self.profile, self.sending, self.session = profile, True, 0
        self.began_ms: int | None = None
        self.start_bridge()
        self.start_receiver(self.home)
        self.wanted = lambda t: (self.home, np.zeros(7))
        self.sent, self.out, self.states, self.problems, self.measured = [], [], [], [], self.home

    @property
    def now_ns(self):
        return START_NS + self.ms * MS

    def start_bridge(self, position=None, address=("bridge", 1)):
        self.limiter = TargetLimiter(self.robot.limits(self.profile), 0.008)
        self.limiter.reset(self.home if position is None else position)
        self.near = Socket(self.there, self.back, address)
        self.adapter = UdpAdapter(
            self.robot, UdpRules(key=self.config.key), lambda: self.now_ns + OFFSET_NS, self.near
        )

    def start_receiver(self, position):
        self.session += 1
        self.arm = MockArm(self.robot, self._tick)
        self.arm._measured = np.array(position)
        key = key_for(self.config.key, self.config.listen)
        self.receiver = Receiver(self.robot, self.config, self.session, self.arm.open(), key)
        self.far = Socket(self.back, self.there, ("receiver", 1))
        self.loop = Loop(self.config, self.receiver, self.arm, self.far, lambda: self.now_ns + 600_000)

    def _tick(self):
        skipped, self.turned_ms = self.ms - self.turned_ms - 1, self.ms
        return Tick(self.ms, self.now_ns, 50_000, skipped)

    def run(self, seconds):
        for _ in range(round(seconds * 1000)):
            self.step()
        return self

    def step(self):
        self.ms += 1
        self.there.now_ns = self.back.now_ns = self.now_ns + 500_000
        if self.ms % 8 == 0:
            self._bridge()
        if not self.asleep(self.ms):
            self.loop.step()
            self.out.append(self.receiver.position.copy())
        else:
            self.out.append(missing_set_point(self.out))
        self.states.append(self.receiver.state)

    def _bridge(self):
        far = self.adapter.poll(0)
        self.measured = far.joints.positions if far.joints else self.measured
        self.problems.append(far.problem)
        if self.sending and self.began_ms is None and not far.problem:
            self.began_ms = self.ms  # armed
        if self.sending and self.began_ms is not None:
            reference = Reference(*self.wanted((self.ms - self.began_ms) / 1000))
            command, _ = self.limiter.step(reference, self.limiter.state.position)
            self.sent.append((self.ms, command.state.position))
            self.adapter.send(command, 0.05)

    def violations(self, scale=SCALE):
        return violations(self.out, self.robot.name, period=0.001, scale=scale)

    def error(self, since_s=0.1):
        """The largest distance between the output and the bridge's own motion, delayed by the way there [rad]."""
        way_ms = (self.receiver._offset.ns + OFFSET_NS) / 1e6
        due_ms = np.array([ms for ms, _ in self.sent]) + 8 + way_ms
        path = CubicSpline(due_ms, np.array([q for _, q in self.sent]))
        times = np.arange(1, len(self.out) + 1) + 0.05
        inside = (times > max(due_ms[0], 1000 * since_s)) & (times < due_ms[-1])
        return float(np.abs(np.array(self.out) - path(times))[inside].max())


def missing_set_point(rows):
    """The arm's extrapolation of a missing set-point: constant acceleration."""
    q = rows[-1]
    velocity, before = (q - rows[-2], rows[-2] - rows[-3]) if len(rows) > 2 else (0 * q, 0 * q)
    return q + velocity + (velocity - before)


def oscillate(home, amplitude=0.35, hz=0.35):
    """As ``sender.oscillate``, of any amplitude [rad] and frequency."""

    def at(t):
        grown = 1 - np.exp(-((t / 0.6) ** 3))
        return home + amplitude * np.linspace(1.0, 0.3, 7) * np.sin(2 * np.pi * hz * t) * grown

    return lambda t: (at(t), (at(t + 1e-4) - at(t - 1e-4)) / 2e-4)

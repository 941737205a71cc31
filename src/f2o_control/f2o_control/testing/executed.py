"""What the arm is told to do, once a millisecond: a bridge whose ticks come late, or not at all, and its far end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from f2o_nodekit.robot import Gains

from f2o_control.adapters import JtcAdapter, make_adapter
from f2o_control.bridge import Bridge, Sent
from f2o_control.config import BridgeConfig
from f2o_control.far_end import Impedance, JointTrajectoryController, PastTrajectoryError
from f2o_control.robot import RobotDescription
from f2o_control.target import RawTarget

MS, S = 1_000_000, 1_000_000_000
TICK_NS = 8 * MS
ROS_OFFSET_NS = 77 * S
TORQUE_RATE = 1000.0
"""Largest change of a commanded torque that the FCI takes [N m/s]: libfranka, rate_limiting.h, kMaxTorqueRate."""
WHOLE = {"velocity": 1.0, "acceleration": 1.0, "jerk": 1.0}
"""Of the arm's own limits: what it checks set-points against, whatever the profile."""
Path = Callable[[float], tuple[np.ndarray, np.ndarray]]
"""Seconds since arming to joint positions [rad] and velocities [rad/s] that a source asks for."""


@dataclass
class Executed:
    """A run.

    Attributes:
        positions: the set-points of the arm, (n, joints) [rad], one per millisecond.
        velocities: those that the controller is given with them, (n, joints) [rad/s].
        modes: the bridge's mode in each millisecond.
        refused: trajectories that the controller refused because they were over.
    """

    positions: np.ndarray
    velocities: np.ndarray
    modes: list[str] = field(default_factory=list)
    refused: int = 0


class FarEnd:
    """An adapter, the way to its controller, and the controller: what the bridge sends becomes the arm's set-points.

    Args:
        robot: the arm, at home.
        config: of the bridge; names the adapter (not udp: f2o_rt is the far end there).
        transport_s: of a message with this number [s].
        clock_s: how much the controller's clock is ahead of the bridge's.

    Attributes:
        follows_stop: as of the adapter.
        holds: whether set-points stay what the last message said.
        refused: trajectories that the controller refused because they were over.
    """

    def __init__(
        self,
        robot: RobotDescription,
        config: BridgeConfig,
        transport_s: Callable[[int], float] = lambda message: 0.001,
        clock_s: float = 0.0,
    ) -> None:
        self._adapter = make_adapter(config.adapter, robot, config.udp)
        self.follows_stop = self._adapter.follows_stop
        home = np.array(robot.home)
        timed = isinstance(self._adapter, JtcAdapter)
        self._controller: Any = JointTrajectoryController(home) if timed else Impedance(home)
        self.holds = not timed
        self._transport_s, self._clock_ns = transport_s, round(clock_s * S)
        self._due: list[tuple[int, Any]] = []
        self.refused = self._messages = 0

    def send(self, sent: Sent, mono_ns: int) -> None:
        """Send one tick's command."""
        self._messages += 1
        outgoing = self._adapter.send(sent.command, sent.gripper_width)
        self._due.append((mono_ns + round(self._transport_s(self._messages) * S), outgoing))

    def step(self, mono_ns: int) -> tuple[np.ndarray, np.ndarray]:
        """The set-point of this millisecond: positions [rad] and velocities [rad/s]."""
        now_ns = mono_ns + ROS_OFFSET_NS + self._clock_ns
        for item in [d for d in self._due if d[0] <= mono_ns]:
            self._due.remove(item)
            self.refused += not self._take(item[1], now_ns)
        position, velocity = self._controller.at(now_ns)
        return position.copy(), velocity.copy()

    def problem(self, mono_ns: int) -> str:
        """Why the adapter cannot be used: a topic says nothing."""
        return ""

    def recover(self) -> None:
        """There is nothing to recover."""

    def _take(self, outgoing: Any, now_ns: int) -> bool:
        if isinstance(self._controller, Impedance):
            values = getattr(outgoing, "values", None)
            if values is not None:
                self._controller.take(values, np.zeros_like(values))
            else:
                self._controller.take(outgoing.positions, outgoing.velocities)
            return True
        start_ns, times_ns = outgoing.start_ros_ns, outgoing.times_ns
        try:
            self._controller.take(start_ns, times_ns, outgoing.positions, outgoing.velocities, now_ns)
        except PastTrajectoryError:
            return False
        return True


class TimedBridge:
    """A bridge, an adapter, a source and the far end, on a clock of milliseconds.

    Args:
        robot: the arm.
        path: what the source asks for.
        late_s: of the tick with this number [s]; None: it does not come.
        work_s: of the tick with this number, from its reading of the clock to its sending [s].
        send_s: how long it takes to hand the message with this number over to the middleware [s].
        stopped: (from, to) [s since arming] in which the bridge's process stands still; after it the ticks go on.
        transport_s: of a message from bridge to controller with this number [s].
        clock_s: how much the controller's clock is ahead of the bridge's.
        arm: where the arm is [rad], given its set-point and the seconds since arming; it follows at once by itself.
        far_end: in the place of ``FarEnd``: f2o_rt, for the adapter udp; transport and clock are its own then.
        config: of the bridge.
    """

    def __init__(
        self,
        robot: RobotDescription,
        path: Path,
        late_s: Callable[[int], float | None] = lambda tick: 0.0,
        work_s: Callable[[int], float] = lambda tick: 0.0,
        send_s: Callable[[int], float] = lambda message: 0.0,
        stopped: tuple[float, float] = (np.inf, np.inf),
        transport_s: Callable[[int], float] = lambda message: 0.001,
        clock_s: float = 0.0,
        arm: Callable[[np.ndarray, float], np.ndarray] = lambda set_point, seconds: set_point,
        far_end: Any = None,
        **config: Any,
    ) -> None:
        self._config = BridgeConfig(robot=robot.name, **config)
        self._robot, self._path, self._late_s, self._stopped = robot, path, late_s, stopped
        self._work_s, self._send_s = work_s, send_s
        self._sending: tuple[int, Sent] | None = None
        self._arm = arm
        self._far_end = far_end or FarEnd(robot, self._config, transport_s, clock_s)
        self.bridge = Bridge(
            robot, self._config, self._far_end.problem, follows_stop=self._far_end.follows_stop
        )
        self._at = np.array(robot.home)

    def run(self, seconds: float) -> Executed:
        """Arm, and follow the path for ``seconds``."""
        modes, rows, waking = [], [], list[tuple[int, int]]()
        working: tuple[int, Sent | None] | None = None  # until when a tick works, and what it sends then
        begin = 5 * S
        armed_ns = awake = 0
        for mono in range(begin, begin + round((seconds + 0.3) * S), MS):
            tick, since_s = (mono - begin) // TICK_NS, (mono - armed_ns) / S if armed_ns else -1.0
            still = self._stopped[0] <= since_s < self._stopped[1]
            if (mono - begin) % TICK_NS == 0:
                if not still:
                    self._feed(mono, since_s)
                if not armed_ns and tick == 12 and self.bridge.arm(mono).accepted:
                    armed_ns = mono
                if (late_s := self._late_s(tick)) is not None:
                    awake = max(mono + round(late_s * S), awake)  # one thread: a late tick delays the next
                    waking.append((awake, mono))
            if not still:
                self._hand_over(mono)
            if working and working[0] <= mono and not still:
                self._send(working[1], mono)
                working = None
            ready = [(ideal, wake) for wake, ideal in waking if wake <= mono]
            if ready and not still and not working and not self._sending:
                ideal, wake = min(ready)
                waking = [w for w in waking if w[1] > mono]  # deadlines that it overran are skipped
                sent = self.bridge.tick(ideal + TICK_NS + ROS_OFFSET_NS, max(wake, mono), ideal)
                if work_ns := round(self._work_s((ideal - begin) // TICK_NS) * S):
                    working = mono + work_ns, sent
                else:
                    self._send(sent, mono)
            rows.append(self._far_end.step(mono))
            self._at = self._arm(rows[-1][0], since_s)
            modes.append(self.bridge.mode.value)
        positions, velocities = map(np.array, zip(*rows, strict=True))
        return Executed(positions, velocities, modes, self._far_end.refused)

    def _send(self, sent: Sent | None, mono: int) -> None:
        if sent is not None and self.bridge.in_time(sent, mono):
            self._sending = mono + round(self._send_s(sent.sequence) * S), sent
            self._hand_over(mono)

    def _hand_over(self, mono: int) -> None:
        if self._sending and self._sending[0] <= mono:
            self._far_end.send(self._sending[1], mono)
            self.bridge.handed_over(self._sending[1], mono)
            self._sending = None

    def _feed(self, mono: int, since_s: float) -> None:
        self.bridge.offer_joints(self._at, mono, mono + ROS_OFFSET_NS)
        q, v = self._path(max(since_s - 0.3, 0.0))
        names, due = self._robot.joint_names, mono + ROS_OFFSET_NS
        self.bridge.offer_target(RawTarget(names, q.tolist(), v.tolist(), 0.04, due, "policy"), due, mono)


def torque_share(positions: np.ndarray, velocities: np.ndarray, gains: Gains, held: bool = True) -> float:
    """The largest step of the controller's torque from one millisecond to the next, as a share of what the FCI takes.

    joint_trajectory_controller's law for effort (joint_trajectory_controller.cpp, ``update``; control_toolbox's PID):
    torque = p (q_d - q) + d (dq_d - dq). Of its step the set-points cause p times theirs and d times that of their
    velocities, less p times what the arm moves meanwhile.

    Args:
        positions: set-points, (n, joints) [rad], one per millisecond.
        velocities: of them, (n, joints) [rad/s].
        gains: of the robot's file.
        held: the arm does not move, the worst case; otherwise it goes on as the set-points did a millisecond before.
    """
    ahead = np.diff(positions, axis=0)
    moved = np.zeros_like(ahead) if held else np.vstack([ahead[:1], ahead[:-1]])
    steps = np.array(gains.p) * (ahead - moved) + np.array(gains.d) * np.diff(velocities, axis=0)
    return float(np.abs(steps).max(initial=0.0)) / (TORQUE_RATE * MS / S)


def swing(robot: RobotDescription, speed: float, joints: tuple[int, ...] = (0,)) -> Path:
    """A path that swings ``joints`` at up to ``speed`` [rad/s] around home."""
    home = np.array(robot.home)

    def path(seconds: float) -> tuple[np.ndarray, np.ndarray]:
        q, v = home.copy(), np.zeros(len(home))
        for number, joint in enumerate(joints):
            rate = 2.0 + 0.7 * number
            q[joint] += speed / rate * (1 - np.cos(rate * seconds))
            v[joint] = speed * np.sin(rate * seconds)
        return q, v

    return path

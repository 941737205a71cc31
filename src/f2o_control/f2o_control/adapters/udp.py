"""UDP to ``f2o_rt_receiver`` on the real-time PC; ``wire`` has the layout of the datagrams."""

from __future__ import annotations

import contextlib
import secrets
import socket
import time
from collections.abc import Callable
from typing import Annotated

import numpy as np
from f2o_nodekit.config import STRICT
from f2o_nodekit.fields import Port
from f2o_nodekit.stamps import NS_PER_S
from pydantic import Field
from pydantic.dataclasses import dataclass

from f2o_control.adapters.base import Adapter, AdapterStatus, NamedJoints
from f2o_control.braking import JointState
from f2o_control.datagrams import Flag, State, Status, Target, robot_id
from f2o_control.limiter import Command
from f2o_control.robot import RobotDescription
from f2o_control.wire import SIZE, DatagramError, pack_target, unpack_status

GAP_PERIODS = 3  # longest gap between two commands that give an acceleration
KEEP_ALIVE_S = 0.02  # between two datagrams while there is no command
RECOVERS = 5  # datagrams that request a recovery, as one may be lost
MAX_STATUSES = 16  # read per tick
TYPE_OF_SERVICE = 0xB8  # expedited forwarding (RFC 3246), for switches that support it


@dataclass(frozen=True, config=STRICT)
class UdpRules:
    """Address and timeout of the receiver."""

    host: str = "127.0.0.1"
    port: Port = 47110
    status_timeout_s: Annotated[float, Field(ge=0.02, le=1)] = 0.1
    """Without an answer, or with targets that are refused; then fault."""


class UdpAdapter(Adapter):
    """One datagram per tick; measured joints and the receiver's state come back.

    A command due later than the next tick (the first after arming) is repeated until it is due, as a datagram may be
    lost. The acceleration sent is the difference of the last two velocities, not the limiter's at the end of the tick:
    the receiver extrapolates with it when a target is lost.

    Args:
        robot: the arm.
        rules: address and timeout of the receiver.
        clock: the monotonic clock [ns].
    """

    commands_gripper = True

    def __init__(
        self, robot: RobotDescription, rules: UdpRules, clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._names, self._rules, self._clock = robot.joint_names, rules, clock
        self._robot, self._session = robot_id(robot.name, robot.joint_names), secrets.randbelow(0xFFFF) + 1
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, TYPE_OF_SERVICE)
        self._socket.setblocking(False)
        self._sequence = self._peer = 0
        self._status: Status | None = None
        self._begun_ns = self._heard_ns = self._clock()
        self._sent_ns = self._sent_first_ns = self._sent_last_ns = -(10**18)
        self._stalled_ns: int | None = None  # since when the receiver has not followed a moving command
        self._command: Command | None = None
        self._state, self._width, self._due_ns = JointState.at_rest(np.zeros(len(self._names))), 0.0, 0
        self._recover_left = 0  # datagrams left that request a recovery

    def send(self, command: Command, gripper_width: float) -> None:
        """Send ``command``, due after its own duration."""
        now_ns, before = self._clock(), self._command
        contiguous = (
            before is not None and now_ns - self._sent_last_ns < GAP_PERIODS * NS_PER_S * command.duration_s
        )
        acceleration = np.zeros(len(self._names))
        if contiguous and command.stop.duration > 0:
            acceleration = (command.state.velocity - before.state.velocity) / command.duration_s
        self._state = JointState(command.state.position, command.state.velocity, acceleration)
        self._command, self._width = command, gripper_width
        self._sent_first_ns = self._sent_first_ns if contiguous else now_ns
        self._sent_last_ns, self._due_ns = now_ns, now_ns + round(command.duration_s * NS_PER_S)
        self._send(now_ns, Flag.TARGET)

    def poll(self, mono_ns: int) -> AdapterStatus:
        """Read statuses, repeat a command that is not due yet or send a keep-alive, and return the status."""
        now_ns = self._clock()
        changed, news = self._read(now_ns)
        if now_ns - self._sent_ns >= KEEP_ALIVE_S * NS_PER_S:
            self._send(now_ns, Flag.TARGET if now_ns < self._due_ns else Flag.NONE)
        problem = changed or self._problem(now_ns)
        where = f"receiver at {self._rules.host}:{self._rules.port}"
        joints = NamedJoints(self._names, news.positions, news.velocities) if news else None
        return AdapterStatus(
            f"{where}: {problem}" if problem else "", joints, news.gripper_width if news else None
        )

    def recover(self) -> None:
        """Request a recovery with the next ``RECOVERS`` datagrams, until the receiver has left its fault."""
        self._recover_left = RECOVERS

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _send(self, now_ns: int, what: Flag) -> None:
        self._sequence += 1
        self._sent_ns = now_ns
        target = Target(
            self._robot,
            self._session,
            self._peer,
            self._sequence,
            now_ns,
            (self._due_ns - now_ns) / NS_PER_S,
            self._state,
            self._width,
            what | (Flag.RECOVER if self._recover_left else Flag.NONE),
        )
        self._recover_left = max(self._recover_left - 1, 0)
        with contextlib.suppress(OSError):  # a network that is down shows in missing answers
            self._socket.sendto(pack_target(target), (self._rules.host, self._rules.port))

    def _read(self, now_ns: int) -> tuple[str, Status | None]:
        """Read all statuses; returns that the receiver was restarted, or '', and the newest status."""
        changed, news = "", None
        for _ in range(MAX_STATUSES):
            try:
                news = unpack_status(self._socket.recv(SIZE + 1))
            except DatagramError:
                continue
            except OSError:
                break
            changed = changed or ("it was started again" if self._peer not in (0, news.session) else "")
            self._peer, self._status, self._heard_ns = news.session, news, now_ns
            if news.state is not State.FAULT:
                self._recover_left = 0
        return changed, news

    def _problem(self, now_ns: int) -> str:
        """Why the receiver cannot be used, or ''."""
        status, limit_ns = self._status, self._rules.status_timeout_s * NS_PER_S
        if status is None or now_ns - self._heard_ns > limit_ns:
            return f"no answer for {(now_ns - self._heard_ns) / NS_PER_S:.3f} s; is f2o_rt_receiver running there?"
        if status.robot != self._robot:
            return "it drives another arm; robot must be the same in bridge.yaml and receiver.yaml"
        if status.peer != self._session:
            return "it listens to another bridge"
        if status.state is State.FAULT:
            return f"the arm stopped by itself: {status.fault}"
        silent = now_ns - self._sent_last_ns > limit_ns  # no commands are sent
        # As of its last answer: if it falls silent, that is the reason to give.
        if not silent and self._heard_ns - max(self._sent_first_ns, status.echo_ns) > limit_ns:
            return f"targets do not count there (last refusal: {status.refusal.name.lower()})"
        return self._stall(status, now_ns)

    def _stall(self, status: Status, now_ns: int) -> str:
        """Why the receiver does not follow a moving command, or ''; it may lag by ``status_timeout_s`` at first."""
        moving = self._command is not None and self._command.stop.duration > 0 and now_ns <= self._due_ns
        if status.state is not State.WAITING or not moving:
            self._stalled_ns = None
            return ""
        self._stalled_ns = self._stalled_ns or now_ns
        if now_ns - self._stalled_ns <= self._rules.status_timeout_s * NS_PER_S:
            return ""
        return f"it does not follow (last refusal: {status.refusal.name.lower()})"

"""UDP to ``f2o_rt_receiver`` on the real-time PC; ``wire`` has the layout of the datagrams."""

from __future__ import annotations

import contextlib
import math
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Protocol, runtime_checkable

import numpy as np
from f2o_nodekit.config import STRICT, ConfigPath
from f2o_nodekit.fields import Port
from f2o_nodekit.stamps import NS_PER_S
from pydantic import Field
from pydantic.dataclasses import dataclass

from f2o_control.adapters.base import Adapter, AdapterStatus, NamedJoints
from f2o_control.braking import JointState
from f2o_control.datagrams import UNPROVEN, Bond, Flag, Refusal, State, Status, Target, new_session, robot_id
from f2o_control.key import key_for
from f2o_control.limiter import Command
from f2o_control.robot import RobotDescription
from f2o_control.wire import SIZE, DatagramError, pack_target, unpack_status

GAP_PERIODS = 3  # longest gap between two commands that give an acceleration
KEEP_ALIVE_S = 0.02  # between two datagrams while there is no command
RECOVERS = 5  # datagrams that request a recovery, as one may be lost
MAX_STATUSES = 16  # read per tick
MAX_DATAGRAMS = 128  # ... with those of strangers, which cost less
TYPE_OF_SERVICE = 0xB8  # expedited forwarding (RFC 3246), for switches that support it


@dataclass(frozen=True, config=STRICT)
class UdpRules:
    """Address, key and timeout of the receiver."""

    host: str = "127.0.0.1"
    port: Port = 47110
    key: ConfigPath = ""
    """File with the key that the receiver has, too (``key.make_key``); without one only this machine is spoken to."""
    status_timeout_s: Annotated[float, Field(ge=0.02, le=1)] = 0.1
    """Without an answer, or with targets that are refused; then fault."""


@runtime_checkable
class Datagrams(Protocol):
    """A non-blocking UDP socket."""

    def sendto(self, data: bytes, address: Any, /) -> object:
        """Send a datagram."""
        ...

    def recv(self, size: int, /) -> bytes:
        """The next datagram; OSError if there is none."""
        ...

    def close(self) -> None:
        """Close the socket."""
        ...


def open_socket() -> socket.socket:
    """A UDP socket whose datagrams go first where switches support that."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, TYPE_OF_SERVICE)
    sock.setblocking(False)
    return sock


class UdpAdapter(Adapter):
    """One datagram per tick; measured joints and the receiver's state come back.

    A command due later than the next tick (the first after arming) is repeated until it is due, as a datagram may be
    lost. The acceleration sent is the difference of the last two velocities, not the limiter's at the end of the tick:
    the receiver extrapolates with it when a target is lost.

    Every datagram is under the key, and only statuses under it are read, which are for this session and newer than the
    one before. While the receiver does not answer, the bridge sends what any receiver answers: a datagram of no session
    of the receiver's. The answer names a session that nobody has used, and must be to this question.

    Args:
        robot: the arm.
        rules: address and timeout of the receiver.
        clock: the monotonic clock [ns].
        datagrams: to the receiver; None: a socket of its own.

    Raises:
        KeyFileError: a key that is wrong, or none although the receiver is not on this machine.
    """

    commands_gripper = True

    def __init__(
        self,
        robot: RobotDescription,
        rules: UdpRules,
        clock: Callable[[], int] = time.monotonic_ns,
        datagrams: Datagrams | None = None,
    ) -> None:
        self._names, self._rules, self._clock = robot.joint_names, rules, clock
        self._key = key_for(rules.key, rules.host)
        self._robot, self._session = robot_id(robot.name, robot.joint_names), new_session()
        self._socket = datagrams or open_socket()
        self._sequence = self._peer = 0
        self._asked: int | None = 1  # the first datagram that asks who is there; None: the receiver answers
        self._unproven: Counter[Refusal] = Counter()  # datagrams since the last status
        self._status: Status | None = None
        self._begun_ns = self._heard_ns = self._clock()
        self._sent_ns = self._sent_first_ns = self._sent_last_ns = -(10**18)
        self._stalled_ns: int | None = None  # since when the receiver has not followed a moving command
        self._command: Command | None = None
        self._state, self._due_ns = JointState.at_rest(np.zeros(len(self._names))), 0
        self._width: float | None = None  # nobody has asked for one
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
        self._command, self._width = command, None if math.isnan(gripper_width) else gripper_width
        self._sent_first_ns = self._sent_first_ns if contiguous else now_ns
        self._sent_last_ns, self._due_ns = now_ns, now_ns + round(command.duration_s * NS_PER_S)
        self._send(now_ns, Flag.TARGET)

    def poll(self, mono_ns: int) -> AdapterStatus:
        """Read statuses, repeat a command that is not due yet or send a keep-alive, and return the status."""
        now_ns = self._clock()
        changed, news, contact = self._read(now_ns)
        begins = news is not None and news.bond is Bond.FREE
        if begins or now_ns - self._sent_ns >= KEEP_ALIVE_S * NS_PER_S:
            self._send(now_ns, Flag.TARGET if now_ns < self._due_ns else Flag.NONE)
        problem = changed or self._problem(now_ns)
        where = f"receiver at {self._rules.host}:{self._rules.port}"
        joints = NamedJoints(self._names, news.positions, news.velocities) if news else None
        width = news.gripper_width if news else None
        return AdapterStatus(f"{where}: {problem}" if problem else "", joints, width, contact)

    def recover(self) -> None:
        """Request a recovery with the next ``RECOVERS`` datagrams, until the receiver has left its fault."""
        self._recover_left = RECOVERS

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _send(self, now_ns: int, what: Flag) -> None:
        self._sequence += 1
        self._sent_ns = now_ns
        if self._asked is None and now_ns - self._heard_ns > self._rules.status_timeout_s * NS_PER_S:
            self._asked = self._sequence
        target = Target(
            self._robot,
            self._session,
            self._peer if self._asked is None else 0,
            self._sequence,
            now_ns,
            (self._due_ns - now_ns) / NS_PER_S,
            self._state,
            self._width,
            what | (Flag.RECOVER if self._recover_left else Flag.NONE),
        )
        self._recover_left = max(self._recover_left - 1, 0)
        with contextlib.suppress(OSError):  # a network that is down shows in missing answers
            self._socket.sendto(pack_target(target, self._key), (self._rules.host, self._rules.port))

    def _read(self, now_ns: int) -> tuple[str, Status | None, tuple[str, ...]]:
        """Read all statuses; returns that the receiver was restarted, or '', the newest status, and all contacts."""
        changed, news, contact = "", None, ()
        for status in self._statuses():
            another = self._peer not in (0, status.session)
            changed = changed or ("it was started again, or has followed another bridge" if another else "")
            self._peer, self._status, self._heard_ns, self._asked = status.session, status, now_ns, None
            self._unproven.clear()
            news, contact = status, (*contact, *status.contact)
            if status.state is not State.FAULT:
                self._recover_left = 0
        return changed, news, contact

    def _statuses(self) -> Iterator[Status]:
        """What the socket has of the receiver."""
        found = 0
        for _ in range(MAX_DATAGRAMS):
            try:
                status = unpack_status(self._socket.recv(SIZE + 1), self._key)
            except DatagramError as error:
                self._unproven[error.refusal] += 1
                continue
            except OSError:
                return
            if self._is_news(status):
                yield status
            found += 1
            if found >= MAX_STATUSES:
                return

    def _is_news(self, status: Status) -> bool:
        """Whether ``status`` is for this bridge, and no recording."""
        if status.peer != self._session:
            return False
        if self._status is not None and status.session == self._peer:
            return status.number > self._status.number
        return self._asked is not None and status.sequence >= self._asked

    def _problem(self, now_ns: int) -> str:
        """Why the receiver cannot be used, or ''."""
        status, limit_ns = self._status, self._rules.status_timeout_s * NS_PER_S
        if status is None or now_ns - self._heard_ns > limit_ns:
            return f"no answer for {(now_ns - self._heard_ns) / NS_PER_S:.3f} s; {self._silence()}"
        if status.robot != self._robot:
            return "it drives another arm; robot must be the same in bridge.yaml and receiver.yaml"
        if status.bond is Bond.ANOTHERS:
            return "it listens to another bridge"
        if status.bond is Bond.FREE:
            return "it follows no bridge yet, or none any more"
        if status.state is State.FAULT:
            return f"the arm stopped by itself: {status.fault}"
        silent = now_ns - self._sent_last_ns > limit_ns  # no commands are sent
        # As of its last answer: if it falls silent, that is the reason to give.
        if not silent and self._heard_ns - max(self._sent_first_ns, status.echo_ns) > limit_ns:
            return f"targets do not count there (last refusal: {status.refusal.name.lower()})"
        return self._stall(status, now_ns)

    def _silence(self) -> str:
        """What to look for when the receiver does not answer, in words."""
        if not self._unproven:
            return "is f2o_rt_receiver running there, with the same key and of the same version?"
        what = next(refusal for refusal in reversed(UNPROVEN) if self._unproven[refusal])
        return f"what comes from there is {UNPROVEN[what]}"

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

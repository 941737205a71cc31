"""Datagrams to ``f2o_rt_receiver`` on the real-time PC, and its answers; receiver/wire.py has their layout."""

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

GAP_PERIODS = 3  # between two commands whose velocities are compared
HELLO_S = 0.02  # between two signs of life while there is nothing to send
RECOVERS = 5  # datagrams that ask for a recovery: one may be lost
MAX_STATUSES = 16  # read in one tick
TYPE_OF_SERVICE = 0xB8  # expedited forwarding (RFC 3246): switches that know it let these go first


@dataclass(frozen=True, config=STRICT)
class UdpRules:
    """Where the receiver is, and when it counts as gone."""

    host: str = "127.0.0.1"
    port: Port = 47110
    status_timeout_s: Annotated[float, Field(ge=0.02, le=1)] = 0.1
    """Without an answer, or with targets that do not arrive; then fault."""


class UdpAdapter(Adapter):
    """One datagram a tick; measured joints and the receiver's state come back.

    A command due later than the next tick (the first after arming) is repeated until it is due, so that a lost datagram
    does not matter. The acceleration that is sent is the one from command to command: the limiter's own at
    the end of a tick says little about the next, and the receiver goes on with it when a target is lost.

    Args:
        robot: the arm.
        rules: where the receiver is.
        clock: the monotonic clock in ns, for tests.
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
        self._lost_ns: int | None = None  # since when the receiver stands while the command moves
        self._command: Command | None = None
        self._state, self._width, self._due_ns = JointState.at_rest(np.zeros(len(self._names))), 0.0, 0
        self._recover_left = 0  # datagrams that still ask for a recovery

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
        self._say(now_ns, Flag.TARGET)

    def poll(self, mono_ns: int) -> AdapterStatus:
        """Read what came, repeat what is still to come or say hello, and judge."""
        now_ns = self._clock()
        changed, news = self._read(now_ns)
        if now_ns - self._sent_ns >= HELLO_S * NS_PER_S:
            self._say(now_ns, Flag.TARGET if now_ns < self._due_ns else Flag.NONE)
        problem = changed or self._problem(now_ns)
        where = f"receiver at {self._rules.host}:{self._rules.port}"
        joints = NamedJoints(self._names, news.positions, news.velocities) if news else None
        return AdapterStatus(
            f"{where}: {problem}" if problem else "", joints, news.gripper_width if news else None
        )

    def recover(self) -> None:
        """Ask the receiver to leave its fault, with the next datagrams, until it has or they are used up."""
        self._recover_left = RECOVERS

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _say(self, now_ns: int, what: Flag) -> None:
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
        with contextlib.suppress(OSError):  # a network that is down shows in the answers that do not come
            self._socket.sendto(pack_target(target), (self._rules.host, self._rules.port))

    def _read(self, now_ns: int) -> tuple[str, Status | None]:
        """Take in what came: a restart of the receiver, if that is what it says, and the newest status."""
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
        """Why the receiver cannot be used, or nothing."""
        status, limit_ns = self._status, self._rules.status_timeout_s * NS_PER_S
        if status is None or now_ns - self._heard_ns > limit_ns:
            return f"no answer for {(now_ns - self._heard_ns) / NS_PER_S:.3f} s; is f2o_rt_receiver running there?"
        if status.robot != self._robot:
            return "it drives another arm; robot must be the same in bridge.yaml and receiver.yaml"
        if status.peer != self._session:
            return "it listens to another bridge"
        if status.state is State.FAULT:
            return f"the arm stopped by itself: {status.fault}"
        silent = now_ns - self._sent_last_ns > limit_ns  # then nothing is said that could count
        # As of its last answer: once it falls silent that is the reason, not what it had not answered yet.
        if not silent and self._heard_ns - max(self._sent_first_ns, status.echo_ns) > limit_ns:
            return f"targets do not count there (last refusal: {status.refusal.name.lower()})"
        return self._stands(status, now_ns)

    def _stands(self, status: Status, now_ns: int) -> str:
        """Does the receiver stand while the command moves? For a moment that is how it begins."""
        moving = self._command is not None and self._command.stop.duration > 0 and now_ns <= self._due_ns
        if status.state is not State.WAITING or not moving:
            self._lost_ns = None
            return ""
        self._lost_ns = self._lost_ns or now_ns
        if now_ns - self._lost_ns <= self._rules.status_timeout_s * NS_PER_S:
            return ""
        return f"it does not follow (last refusal: {status.refusal.name.lower()})"

"""The receiver on a simulated clock: a simulation says when a millisecond begins, and waits until it has ended.

Simulation and receiver are processes that are joined by a socket of their own, beside the datagrams and libfranka's
connection. What either has sent is counted there, and the other reads exactly that much; so what happens in which
millisecond does not depend on how fast the machine is.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from f2o_nodekit.stamps import NS_PER_S

from f2o_rt.errors import RtError
from f2o_rt.gripper import ASK, ASKED, WIDTH_PERIOD_S, GripperProcess

ORDER = struct.Struct(
    "<QQQ"
)  # time [ns]; datagrams sent to the receiver, and calls of the gripper that have ended, so far
REPORT = struct.Struct("<QQ")  # datagrams sent by the receiver, and goals given to the gripper, so far
WAIT_S = 0.001  # between two looks at what else there is to do
PATIENCE_S = 20.0  # with the other process; on a busy machine it gets no time for a while


class StepError(RtError):
    """The other process has ended, or does not answer."""


class SteppedSocket:
    """A UDP socket that has received what was sent before, and nothing else.

    Attributes:
        sent: datagrams sent so far.
        expected: datagrams that the other end has sent so far.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(PATIENCE_S)
        self._socket, self.sent, self.expected, self._received = sock, 0, 0, 0

    def sendto(self, data: bytes, address: Any) -> None:
        """Send a datagram."""
        self._socket.sendto(data, address)
        self.sent += 1

    def recvfrom(self, size: int) -> tuple[bytes, Any]:
        """The next datagram and its sender; BlockingIOError if there is none.

        Raises:
            StepError: it does not come.
        """
        if self._received >= self.expected:
            raise BlockingIOError
        try:
            datagram = self._socket.recvfrom(size)
        except TimeoutError as error:
            raise StepError(f"a datagram that was sent has not come within {PATIENCE_S:g} s") from error
        self._received += 1
        return datagram

    def recv(self, size: int) -> bytes:
        """The next datagram; BlockingIOError if there is none."""
        return self.recvfrom(size)[0]

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class Clock:
    """The receiver's end.

    Attributes:
        now_ns: the simulation's time.
        ended: calls of the gripper that have ended so far.

    Args:
        link: to the simulation, of type SOCK_SEQPACKET.
        datagrams: to the bridge.
    """

    def __init__(self, link: socket.socket, datagrams: SteppedSocket) -> None:
        self._link, self._datagrams, self._begun = link, datagrams, False
        self.now_ns = self.ended = 0

    def time_ns(self) -> int:
        """The simulation's time."""
        return self.now_ns

    def begin(self) -> int:
        """Wait for the order that belongs to the arm's state just read; the time.

        Raises:
            StepError: the simulation has ended.
        """
        try:
            order = self._link.recv(ORDER.size)
        except ConnectionError:
            order = b""
        if not order:
            raise StepError("the simulation has ended")
        self.now_ns, self._datagrams.expected, self.ended = ORDER.unpack(order)
        self._begun = True
        return self.now_ns

    def end(self, goals: int) -> None:
        """Report the end of a millisecond, also of one that the arm ended; the gripper has got ``goals`` so far."""
        if not self._begun:
            self.begin()
        self._begun = False
        self._link.send(REPORT.pack(self._datagrams.sent, goals))


class Simulation:
    """The simulation's end.

    Args:
        link: to the receiver, of type SOCK_SEQPACKET.
    """

    def __init__(self, link: socket.socket) -> None:
        self._link = link

    def begin(self, now_ns: int, sent: int, ended: int) -> None:
        """Begin a millisecond, before the arm's state is sent.

        Args:
            now_ns: the time.
            sent: datagrams sent to the receiver so far.
            ended: calls of the gripper that have ended so far.

        Raises:
            StepError: the receiver has ended.
        """
        try:
            self._link.send(ORDER.pack(now_ns, sent, ended))
        except OSError as error:
            raise StepError("f2o_rt has ended") from error

    def end(self, meanwhile: Callable[[], None]) -> tuple[int, int]:
        """Wait until the receiver has ended it; the datagrams that it has sent and the gripper's goals so far.

        Args:
            meanwhile: is called every millisecond; after a reflex libfranka asks the arm for more than set-points.

        Raises:
            StepError: the receiver has ended, or does not answer.
        """
        deadline = time.monotonic() + PATIENCE_S
        while not select.select([self._link], [], [], WAIT_S)[0]:
            if time.monotonic() > deadline:
                raise StepError(f"f2o_rt has not answered for {PATIENCE_S:g} s")
            meanwhile()
        try:
            report = self._link.recv(REPORT.size)
        except OSError:
            report = b""
        if not report:
            raise StepError("f2o_rt has ended")
        sent, goals = REPORT.unpack(report)
        return sent, goals

    def close(self) -> None:
        """Close the link, which ends the receiver."""
        self._link.close()


class SteppedGripper(GripperProcess):
    """The gripper's process, which is asked for its width where it would tell it by itself.

    Attributes:
        goals: given to it so far.

    Args:
        command: of the process.
        ended: how many of its calls have ended by now; each is followed by a width.
        time_ns: the simulation's time.
    """

    def __init__(self, command: list[str], ended: Callable[[], int], time_ns: Callable[[], int]) -> None:
        super().__init__([*command, ASKED])
        self._calls_ended, self._time_ns = ended, time_ns
        self.goals = self._seen = self._due_ns = 0
        self._busy = self._queued = False  # a call is under way; another will follow it

    def grip(self, width: float) -> None:
        """Pass on ``width`` [m] if it differs from the last goal."""
        before = self._goal
        super().grip(width)
        if self._goal != before:
            self.goals += 1
            self._queued, self._busy = self._busy, True

    def read(self) -> None:
        """Read the width after each call that has ended, and ask for one where none is under way.

        Raises:
            StepError: the process does not answer.
        """
        ended = self._calls_ended()
        for _ in range(ended - self._seen):
            self._await_width()
            self._busy, self._queued = self._queued, False
        self._seen = ended
        if not self._busy and self._goals is not None and self._time_ns() >= self._due_ns:
            self._goals.write(ASK + b"\n")
            self._await_width()

    def _await_width(self) -> None:
        """Wait for one width."""
        self._due_ns = self._time_ns() + round(WIDTH_PERIOD_S * NS_PER_S)
        while not self._take_line():
            assert self._widths is not None  # open
            if not select.select([self._widths], [], [], PATIENCE_S)[0]:
                raise StepError(f"the gripper's process has not answered for {PATIENCE_S:g} s")
            if self._fill():
                raise StepError("the gripper's process has ended")

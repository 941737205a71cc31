"""The control unit's sockets: TCP 1337 and UDP for the arm, TCP 1338 and UDP for the hand. One thread."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
from f2o_rt.fci import CYCLE_S

from f2o_sim.control_unit.gripper import CONNECT, Hand
from f2o_sim.control_unit.unit import ControlUnit
from f2o_sim.control_unit.wire import (
    COMMAND,
    GRIPPER_HEADER,
    GRIPPER_PORT,
    GRIPPER_VERSION,
    HEADER,
    MAX_MESSAGE,
    PORT,
    VERSION,
    Command,
)
from f2o_sim.errors import SimError

HAND_CYCLES = 10  # milliseconds between two states of the hand
SEND_S = 1.0  # for an answer; a client that reads takes none of it
ANSWER_S = 0.02  # how long lock-step waits for the answer to a state


class Link:
    """One TCP port and the client at it, with the UDP socket for its states."""

    def __init__(self, address: str, port: int, header: struct.Struct) -> None:
        self._header, self._client, self._text = header, None, b""
        self._client: socket.socket | None
        self.peer: tuple[str, int] | None = None  # where states go
        self._last, self._sending = b"", threading.Lock()  # state
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._server = socket.socket()
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self.udp.bind((address, 0))
            self._server.bind((address, port))
        except OSError as error:
            self.close()
            raise SimError(
                f"listen: {address}:{port}: {error.strerror}; expected a free port of this machine"
            ) from error
        self._server.listen(1)
        self._server.setblocking(False)
        self.udp.setblocking(False)

    def requests(self) -> Iterator[tuple[int, int, bytes]]:
        """What has come: command, id, and what follows the header. A client that breaks the format is dropped."""
        self._read()
        self._accept()  # after a client's end is read: it may be back already
        while len(self._text) >= self._header.size:
            command, number, size = self._header.unpack_from(self._text)
            if not self._header.size <= size <= MAX_MESSAGE:
                self.drop()
                return
            if len(self._text) < size:
                return
            payload, self._text = self._text[self._header.size : size], self._text[size:]
            yield command, number, payload

    def connect(self, payload: bytes, version: int, status: struct.Struct) -> bytes:
        """Where the states go from now on; the answer to Connect."""
        if len(payload) != 4 or self._client is None:
            return status.pack(1, version)
        asked, port = struct.unpack("<HH", payload)
        if asked != version:
            return status.pack(1, version)
        self.peer = (self._client.getpeername()[0], port)
        return status.pack(0, version)

    def answer(self, command: int, number: int, payload: bytes) -> None:
        """Send an answer; a client that does not take it is dropped."""
        if self._client is None:
            return
        try:
            self._client.settimeout(SEND_S)
            self._client.sendall(
                self._header.pack(command, number, self._header.size + len(payload)) + payload
            )
            self._client.setblocking(False)
        except OSError:
            self.drop()

    def send(self, state: bytes) -> None:
        """Send a state to the client."""
        with self._sending:
            self._last = state
            self._send_last()

    def repeat(self) -> None:
        """Send the last state again: no news, but libfranka gives up after a second without any."""
        with self._sending:  # else an older one could follow a newer one
            self._send_last()

    def _send_last(self) -> None:
        if (peer := self.peer) is not None and self._last:
            with contextlib.suppress(OSError):
                self.udp.sendto(self._last, peer)

    def drop(self) -> None:
        """Forget the client."""
        if self._client is not None:
            self._client.close()
        self._client, self.peer, self._text, self._last = None, None, b"", b""

    def close(self) -> None:
        """Close every socket."""
        self.drop()
        self._server.close()
        self.udp.close()

    def _read(self) -> None:
        if self._client is None:
            return
        try:
            more = self._client.recv(MAX_MESSAGE)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        self._text += more
        if not more:
            self.drop()

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            client, _ = self._server.accept()
            if self._client is not None:
                client.close()  # one client at a time, as the real unit
                return
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._client = client


class Server:
    """A control unit on the network.

    Args:
        unit: the arm behind it.
        hand: the hand behind it.
        address: of this machine, on which both ports listen.
        answer_s: how long to wait for the answer to a state before the next one, so that a busy machine loses no
            command; with a millisecond, free running, the next state goes out whatever came.

    Attributes:
        cycles: states of motions.
        lost: those of them that got no answer in time.
        hand_asked: commands that the hand was asked for.
        hand_ended: those of them that have ended.
        hand_ms: of the hand's clock, by which its states are sent.

    Raises:
        SimError: a port is taken, or the address is not one of this machine.
    """

    def __init__(self, unit: ControlUnit, hand: Hand, address: str, answer_s: float = ANSWER_S) -> None:
        self._unit, self._hand, self._answer_s = unit, hand, answer_s
        self._arm = Link(address, PORT, HEADER)
        try:
            self._gripper = Link(address, GRIPPER_PORT, GRIPPER_HEADER)
        except SimError:
            self._arm.close()
            raise
        self.cycles = self.lost = self.hand_asked = self.hand_ended = self.hand_ms = 0

    def run(self, stopped: Callable[[], bool]) -> None:
        """One state a millisecond until ``stopped``; then the sockets are closed.

        After a late one it makes up for as long as it waits for an answer, for the state's number is the client's
        clock; free running it does not, for a client that finds several states skips all but the newest.
        """
        due = time.monotonic()
        try:
            while not stopped():
                due = max(due + CYCLE_S, time.monotonic() - self._answer_s)
                time.sleep(max(due - time.monotonic(), 0.0))
                self.step_arm()
                self.step_hand()
        finally:
            self.close()

    def close(self) -> None:
        """Close every socket."""
        self._arm.close()
        self._gripper.close()

    @property
    def hand_connected(self) -> bool:
        """Whether the hand has a client."""
        return self._gripper.peer is not None

    def repeat(self) -> None:
        """Send the last states again; from any thread."""
        self._arm.repeat()
        self._gripper.repeat()

    def step_arm(self) -> None:
        """Serve the arm's client for a millisecond: requests, a state, and the command that answers it."""
        was_connected = self._arm.peer is not None
        for command, number, payload in self._arm.requests():
            self._request(command, number, payload)
        if was_connected and self._arm.peer is None:
            self._unit.disconnect()
        state = self._unit.state()
        self._arm.send(state.tobytes())
        command = self._command() if self._unit.wants_command else self._drain()
        for answer in self._unit.step(command):
            self._arm.send(self._unit.state().tobytes())  # the state after the motion comes before its answer
            self._arm.answer(answer.command, answer.id, bytes([answer.status]) + answer.payload)

    def _request(self, command: int, number: int, payload: bytes) -> None:
        if command == Command.CONNECT:
            self._arm.answer(command, number, self._arm.connect(payload, VERSION, struct.Struct("<BH")))
            return
        answers = self._unit.request(command, number, payload)
        if command in (Command.RECOVERY, Command.STOP_MOVE):
            self._arm.send(self._unit.state().tobytes())  # else the client goes on with a state from before
        for answer in answers:
            self._arm.answer(answer.command, answer.id, bytes([answer.status]) + answer.payload)

    def _command(self) -> np.ndarray | None:
        """The answer to the state just sent, or None; a late one to an earlier state is lost."""
        self.cycles += 1
        deadline = time.monotonic() + self._answer_s
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self._arm.udp], [], [], left)[0]:
                break
            command = self._drain()
            if command is not None and command["message_id"] == self._unit.message_id:
                return command
        self.lost += 1
        return None

    def _drain(self) -> np.ndarray | None:
        """The newest command that has come from the client's machine, if any."""
        newest = None
        while True:
            try:
                data, sender = self._arm.udp.recvfrom(MAX_MESSAGE)
            except OSError:
                return newest
            if len(data) == COMMAND.itemsize and self._arm.peer == sender:
                newest = np.frombuffer(data, COMMAND)[0]

    def step_hand(self) -> None:
        """Serve the hand's client for a millisecond: requests, a state now and then, and replies."""
        self.take_hand_requests()
        replies = self._hand.step(CYCLE_S)
        self.hand_ms += 1
        if self.hand_ms % HAND_CYCLES == 0:
            self._gripper.send(self._hand.state(self._unit.message_id))
        self._reply(replies)

    def take_hand_requests(self) -> None:
        """Take in what the hand is asked for; no time passes."""
        for command, number, payload in self._gripper.requests():
            if command == CONNECT:
                reply = self._gripper.connect(payload, GRIPPER_VERSION, struct.Struct("<HH"))
                self._gripper.answer(command, number, reply)
                continue
            self.hand_asked += 1
            self._reply(self._hand.request(command, number, payload))

    def _reply(self, replies: list[tuple[int, int, int]]) -> None:
        self.hand_ended += len(replies)
        for command, number, status in replies:
            self._gripper.answer(command, number, struct.pack("<H", status))

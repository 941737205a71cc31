"""The loop of the receiver: wait for the arm's cycle, answer with a set-point, read the socket."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from f2o_control.datagrams import UNPROVEN, Bond, State, Status, Target
from f2o_control.wire import SIZE, pack_status
from f2o_nodekit.stamps import NS_PER_S

from f2o_rt.arm import Arm, Cycle, Touch
from f2o_rt.config import ReceiverConfig
from f2o_rt.core import CYCLE_S, Receiver
from f2o_rt.errors import ArmError
from f2o_rt.trace import Trace

STATUS_CYCLES = 8  # between two statuses
MAX_DATAGRAMS = 16  # of bridges, read per cycle: a flood must not cost the arm its set-point
MAX_UNPROVEN = 64  # of strangers, which cost less
REST_WITHIN_CYCLES = 600  # of braking on exit


@runtime_checkable
class Datagrams(Protocol):
    """A non-blocking UDP socket."""

    def recvfrom(self, size: int, /) -> tuple[bytes, Any]:
        """The next datagram and its sender; OSError if there is none."""
        ...

    def sendto(self, data: bytes, address: Any, /) -> object:
        """Send a datagram."""
        ...


class Loop:
    """Connects arm, socket and receiver, in one thread: pylibfranka holds Python's lock while it waits."""

    def __init__(
        self,
        config: ReceiverConfig,
        receiver: Receiver,
        arm: Arm,
        sock: Datagrams,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._receiver, self._arm, self._socket, self._clock = receiver, arm, sock, clock
        self.trace = Trace(len(receiver.position), round(config.trace_s * 1000) if config.trace else 0)
        self.cycles = self.missed = self.received = self._steps = self._statuses = 0
        self.worst_work_ns = self.worst_late_ns = 0  # since the last status line
        self.fault = ""  # text of the arm's last error
        self.touch, self.contacts = Touch(), set[str]()  # newest; all contacts since the last status line
        self._contacts = set[str]()  # ... and since the last regular status, for the bridge
        self._last: Cycle | None = None

    def step(self) -> None:
        """One cycle: the set-point first, then whatever may take longer."""
        self._steps += 1
        try:
            cycle = self._arm.cycle()
            positions = self._receiver.tick(cycle.mono_ns, cycle.missed, cycle.extrapolated, cycle.lost)
            self._arm.command(positions)
            answered_ns = self._clock()
            self._receive()
            self._recover_if_asked()
            self._receiver.update_plan()
            if self._receiver.gripper_width is not None and self._receiver.state is State.FOLLOWING:
                self._arm.grip(self._receiver.gripper_width)
        except ArmError as error:
            self._failed(error)
        else:
            self._count(cycle, answered_ns)
        if self._last is None:
            return
        self._answer(self._last)
        if self._steps % STATUS_CYCLES == 0 and self._receiver.peer:
            self._send(self._status(self._last), self._receiver.address)
            self._contacts = set()

    def finish(self) -> None:
        """Brake, and end the arm's motion at rest."""
        self._receiver.brake()
        for _ in range(REST_WITHIN_CYCLES):
            if self._receiver.at_rest:
                break
            self.step()
        with contextlib.suppress(ArmError):
            self._arm.close()

    def _failed(self, error: ArmError) -> None:
        """The arm raised: enter the fault and drop the requests from before it; recover if asked since."""
        asked_since = self._receiver.state is State.FAULT
        self._receive()  # else they lie in the socket until the arm answers again
        if (
            asked_since and self._receiver.recovery_wanted
        ):  # an arm that cannot be read can be connected again
            try:
                return self._recover_if_asked()
            except ArmError as again:
                error = again
        self.fault = str(error)
        self._receiver.fail(error.flag)
        time.sleep(CYCLE_S)  # an arm that fails at once must not have a loop at FIFO priority spin

    def _receive(self) -> None:
        proven = unproven = 0
        while proven < MAX_DATAGRAMS and unproven < MAX_UNPROVEN:
            try:
                data, sender = self._socket.recvfrom(SIZE + 1)
            except OSError:  # nothing to read, or the network reports that the bridge is gone
                return
            self.received += 1
            if self._receiver.receive(data, sender, self._clock()) in UNPROVEN:
                unproven += 1
            else:
                proven += 1

    def _answer(self, cycle: Cycle) -> None:
        """Tell a bridge that is not followed what it must say to be; one in a cycle, as a recording can ask, too."""
        receiver = self._receiver
        if receiver.question is None:
            return
        (asked, sender), receiver.question = receiver.question, None
        bond = Bond.FREE if receiver.free(self._clock()) else Bond.ANOTHERS
        self._send(self._status(cycle, asked, bond), sender)

    def _recover_if_asked(self) -> None:
        if self._receiver.recovery_wanted:
            self._receiver.recovery_wanted = False  # one attempt per request
            self._receiver.reset(self._arm.recover())

    def _status(self, cycle: Cycle, asked: Target | None = None, bond: Bond | None = None) -> bytes:
        """A status for the followed bridge, or for the one that has ``asked``."""
        receiver, now_ns = self._receiver, self._clock()
        self._statuses += 1
        return pack_status(
            Status(
                receiver.robot,
                receiver.offered if asked else receiver.session,
                asked.session if asked else receiver.peer,
                receiver.state,
                asked.sequence if asked else max(receiver.sequence, 0),
                asked.sent_ns if asked else max(receiver.echo_ns, 0),
                cycle.positions,
                cycle.velocities,
                (now_ns - cycle.mono_ns) / NS_PER_S,
                cycle.gripper_width,
                receiver.target_age_s(now_ns),
                self.missed,
                sum(receiver.refused.values()),
                receiver.last_refusal,
                receiver.fault,
                tuple(self._contacts),
                receiver.bond if bond is None else bond,
                self._statuses,
            ),
            receiver.key,
        )

    def _send(self, data: bytes, address: tuple[str, int]) -> None:
        with contextlib.suppress(OSError):  # the bridge notices a cut link by the missing statuses
            self._socket.sendto(data, address)

    def _count(self, cycle: Cycle, answered_ns: int) -> None:
        self._last = cycle
        if cycle.touch is not self.touch:
            self.touch = cycle.touch
            self.contacts.update(cycle.touch.contact)
            self._contacts.update(cycle.touch.contact)
        work_ns = self._clock() - cycle.mono_ns
        self.cycles, self.missed = self.cycles + 1, self.missed + cycle.missed + cycle.lost
        self.worst_work_ns = max(self.worst_work_ns, work_ns)
        self.worst_late_ns = max(self.worst_late_ns, cycle.late_ns)
        self.trace.add(
            self._receiver.position,
            cycle.positions,
            mono_ns=cycle.mono_ns,
            late_ns=cycle.late_ns,
            answer_ns=answered_ns - cycle.mono_ns,
            work_ns=work_ns,
            missed=cycle.missed + cycle.lost,
            state=self._receiver.state,
            sequence=self._receiver.sequence,
            sent_ns=self._receiver.echo_ns,
        )

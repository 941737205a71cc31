"""Adapter ``udp`` on the simulated clock: from the bridge's adapter over f2o_rt and libfranka to the world's arm.

f2o_rt is a process of its own, and so is its gripper. In each simulated millisecond the control unit sends a state,
f2o_rt answers it and reads the bridge's datagrams, and then the world goes on; whoever sends is waited for
(f2o_rt.stepped). So nothing depends on how fast the machine is.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from f2o_control.adapters.base import AdapterStatus
from f2o_control.adapters.udp import UdpAdapter, UdpRules, open_socket
from f2o_control.bridge import Sent
from f2o_control.robot import RobotDescription
from f2o_rt.stepped import PATIENCE_S, Simulation, StepError, SteppedSocket

from f2o_sim.control_unit.gripper import Hand
from f2o_sim.control_unit.server import Server
from f2o_sim.control_unit.shared import CYCLE_NS, SharedArm, SharedFingers
from f2o_sim.control_unit.unit import ControlUnit
from f2o_sim.errors import SimError
from f2o_sim.fci import SharedWorld
from f2o_sim.world import STEP_NS, World

START_S = 60.0  # for f2o_rt to begin its motion; importing takes seconds on a busy machine
POLL_S = 0.0005  # while it begins
REPEAT_S = 0.002  # between two repetitions of a state; libfranka gives up after a second without one
BEGIN_NS = 10**9  # of the chain's own time, which also passes before an episode
STATUS_CYCLES = 8  # of f2o_rt, between two statuses
GREETINGS = 20  # statuses within which f2o_rt must have accepted the bridge


class UdpChain:
    """One episode's chain from commands to the arm of ``world``, from where that stands.

    Attributes:
        cycles: milliseconds in which f2o_rt moved or held the arm.
        lost: those of them without an answer.

    Args:
        path: YAML file of the robot.
        robot: what it says.
        rules: of the adapter; its host is another, this machine's.
        world: whose arm is moved.

    Raises:
        SimError: a part does not begin; the text says which, and why.
    """

    follows_stop = UdpAdapter.follows_stop

    def __init__(self, path: Path, robot: RobotDescription, rules: UdpRules, world: World) -> None:
        self._world, self._now_ns, self._covered = world, BEGIN_NS, 0
        self._shared = SharedWorld(world, lambda ns: ns - world.time_ns + self._now_ns)
        block, address = self._shared.block, _free_address()
        self._unit = ControlUnit(robot, SharedArm(block, lambda: self._now_ns))
        self._server = Server(self._unit, Hand(SharedFingers(block)), address, PATIENCE_S)
        self._datagrams = SteppedSocket(open_socket())
        rules = replace(rules, host=address, key="")  # within this machine
        self._adapter = UdpAdapter(robot, rules, lambda: self._now_ns, self._datagrams)
        self._receiver = ReceiverProcess(path, rules)
        self._closing = threading.Event()
        self._repeating = threading.Thread(target=self._repeat, daemon=True)
        self._repeating.start()
        try:
            self._begin_motion()
            self.status = self._greet()
        except BaseException:
            self.close()
            raise

    @property
    def cycles(self) -> int:
        """Milliseconds in which f2o_rt moved or held the arm."""
        return self._server.cycles

    @property
    def lost(self) -> int:
        """Those of them without an answer."""
        return self._server.lost

    def send(self, sent: Sent) -> None:
        """Send a command and the gripper's goal."""
        self._adapter.send(sent.command, sent.gripper_width)

    def poll(self) -> AdapterStatus:
        """What f2o_rt has said since the last call."""
        return self._adapter.poll(self._now_ns)

    def step_to(self, time_ns: int) -> None:
        """Run everything up to the world's time ``time_ns``, rounded down to a whole millisecond.

        Raises:
            SimError: f2o_rt has ended.
        """
        while self._world.time_ns + STEP_NS <= time_ns:
            self._step()
            self._world.step_to(self._world.time_ns + STEP_NS)
            self._shared.exchange()
            self._now_ns += CYCLE_NS

    def close(self) -> None:
        """End every process and close every socket."""
        self._closing.set()
        self._repeating.join()
        self._receiver.close()
        self._adapter.close()
        self._server.close()
        self._shared.close()

    def _step(self) -> None:
        """What control unit and f2o_rt do in a millisecond."""
        server = self._server
        try:
            self._receiver.steps.begin(self._now_ns, self._datagrams.sent, server.hand_ended)
            server.step_arm()
            self._datagrams.expected, goals = self._receiver.steps.end(self._serve_idle_arm)
            self._await_hand(goals)
            server.step_hand()
            self._await_hand(
                goals
            )  # a goal that has waited for the end of a call, before the next one can come
        except StepError as error:
            raise SimError(f"adapter udp: {error}{self._receiver.last_words()}") from error

    def _serve_idle_arm(self) -> None:
        """After a reflex libfranka asks for more, and reads states; the world stands still meanwhile."""
        if not self._unit.moving:
            self._server.step_arm()

    def _await_hand(self, goals: int) -> None:
        """Wait for the request that follows from a goal, which the gripper's process makes when its hand is free."""
        server, deadline = self._server, time.monotonic() + PATIENCE_S
        if goals == self._covered or server.hand_asked > server.hand_ended:
            return
        asked = server.hand_asked
        while server.hand_asked == asked:
            if time.monotonic() > deadline:
                raise StepError(f"the gripper's process has asked for nothing for {PATIENCE_S:g} s")
            time.sleep(POLL_S)
            server.take_hand_requests()
        self._covered = goals

    def _begin_motion(self) -> None:
        """Serve f2o_rt until its motion has begun and the gripper's process is connected; the world stands still."""
        deadline = time.monotonic() + START_S
        while not self._unit.wants_command:
            self._await_start(deadline)
            self._server.step_arm()
            self._server.step_hand()
            self._now_ns += CYCLE_NS
        while not self._server.hand_connected:
            self._await_start(deadline)
            self._server.take_hand_requests()
        self._server.hand_ms = 0  # else it depended on how long all that has taken

    def _await_start(self, deadline: float) -> None:
        if self._receiver.ended() or time.monotonic() > deadline:
            raise SimError(f"adapter udp: f2o_rt does not begin{self._receiver.last_words()}")
        time.sleep(POLL_S)

    def _greet(self) -> AdapterStatus:
        """Let f2o_rt hear of the bridge, and hear from it; the world stands still."""
        status = self.poll()
        for _ in range(GREETINGS):
            if status.joints is not None and not status.problem:
                return status
            for _ in range(STATUS_CYCLES):
                self._step()
                self._now_ns += CYCLE_NS
            status = self.poll()
        raise SimError(f"adapter udp: {status.problem}")

    def _repeat(self) -> None:
        while not self._closing.wait(REPEAT_S):
            self._server.repeat()


def _free_address() -> str:
    """One of this machine's 16 million: libfranka's ports cannot be chosen, and sessions may run side by side."""
    return f"127.{1 + secrets.randbelow(254)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"


class ReceiverProcess:
    """f2o_rt on the clock of this process, and its gripper's process.

    Attributes:
        steps: this end of its clock.

    Args:
        path: YAML file of the robot.
        rules: where it listens; the arm's control unit is at the same address.
    """

    def __init__(self, path: Path, rules: UdpRules) -> None:
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        settings = {
            "robot": path,
            "arm": "pylibfranka",
            "robot_ip": rules.host,
            "realtime": "ignore",
            "listen": rules.host,
            "port": rules.port,
            "key": "''",
        }
        words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        # What it says: not through a pipe, which would fill, or be held open by the gripper's process.
        self._said = os.memfd_create("f2o_rt")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "f2o_rt", "--clock", str(far.fileno()), *words],
            pass_fds=[far.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            start_new_session=True,  # to be ended as a whole
        )
        far.close()
        self.steps = Simulation(near)

    def ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._process.poll() is not None

    def last_words(self) -> str:
        """End it; what it wrote last, after a colon."""
        self._end()
        said = os.pread(self._said, os.fstat(self._said).st_size, 0)
        lines = said.decode(errors="replace").strip().splitlines()
        return f": {lines[-1]}" if lines else ""

    def close(self) -> None:
        """End it."""
        self._end()
        self.steps.close()
        os.close(self._said)

    def _end(self) -> None:
        with contextlib.suppress(
            ProcessLookupError
        ):  # it has ended before, and the gripper's process with it
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

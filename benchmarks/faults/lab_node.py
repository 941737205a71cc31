"""The bridge, a policy and a camera as processes that a fault can hit, and a simulated arm (ROS)."""

from __future__ import annotations

import gc
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from f2o_bringup.middleware import fifo_receive
from f2o_control.robot import RobotDescription
from f2o_control.testing import CONFIG, violations
from f2o_control.testing.lab_node import NAMES, Lab, command_line
from f2o_nodekit.ros import best_effort
from f2o_nodekit.stamps import from_ns, to_ns
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory

from benchmarks.common.processes import command, environment
from benchmarks.faults.watched import Judged, WatchedController
from f2o_msgs.msg import JointTarget

HERE = Path(__file__).parent
S = 1_000_000_000
PORT = 47113
STARVED_S = 0.1  # half of what the bridge waits for joint states
STOOD_STILL = "this process stood still"  # Bridge.handed_over
ARMED_AGAIN = 4  # times
RELEASED_S = 0.5
IN_FLIGHT_S = 0.02  # a joint state's way to the bridge
JUDGED_AFTER_NS = 50_000_000  # what is on its way belongs to the next judgement
ON_ITS_WAY_S = 0.002  # half of timeouts.transport_s: what the bridge leaves to the middleware at least
STEP_S = 1.0  # no way is so long; the clocks of processes are set by more
SILENT_S = 5.0  # of the policy, longer than any fault
LATE_S = 0.03  # at ordinary priority: half of what the bridge waits for a target beyond a fault's pause
BRAKES = 3.0  # rad/s2: the motion itself has a sixth of that, braking reaches twice as much within two ticks
WHOLE = {"velocity": 1.0, "acceleration": 1.0, "jerk": 1.0}  # the arm's own limits


Spoil = Callable[[JointState], list[JointState]]
"""What is published in the place of a joint state."""


def unchanged(msg: JointState) -> list[JointState]:
    """The joint state itself."""
    return [msg]


class Clock:
    """CLOCK_REALTIME of the processes that are started with ``environment``; see clock_step.c."""

    def __init__(self, folder: Path, name: str) -> None:
        self._file = folder / f"{name}.clock"
        self._file.write_bytes(bytes(8))
        library = folder / "clock_step.so"
        if not library.exists():
            subprocess.run(
                ["cc", "-shared", "-fPIC", "-o", library, HERE / "clock_step.c", "-ldl"], check=True
            )
        self.environment = {"LD_PRELOAD": str(library), "F2O_CLOCK": str(self._file)}

    def step(self, seconds: float) -> None:
        """Set the clock so many seconds ahead of the machine's."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("<q", round(seconds * S)))


class SmallDisk:
    """``with SmallDisk() as disk``: a file system of 1 MiB at ``disk.path``.

    ``unavailable`` says why none could be mounted.
    """

    def __enter__(self) -> SmallDisk:
        self.path = Path(tempfile.mkdtemp())
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", self.path], capture_output=True, text=True
        )
        self.unavailable = done.stderr.strip()
        return self

    def fill(self) -> None:
        """Fill it."""
        with (self.path / "full").open("wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "-l", self.path], capture_output=True)
        shutil.rmtree(self.path, ignore_errors=True)


class FaultLab(Lab):
    """A lab whose targets and observations come from processes; its arm can be blocked and its joint states changed.

    The arm, at home at first, goes where a joint_trajectory_controller tells it to, whose set-points are judged once a
    millisecond. With ``receiver`` the arm is the simulated one of f2o_rt_receiver. Without ``preload`` clocks cannot be
    stepped.
    """

    def __init__(
        self,
        robot: RobotDescription,
        folder: Path | str,
        receiver: bool = False,
        parameters: Sequence[str] = (),
        preload: bool = True,
    ) -> None:
        self.stands = self._stepped = False
        self._controller = WatchedController(robot, time.time_ns())
        self._arm_off_ns = self._clock_set_ns = 0
        self._late_s = self._gap_s = 0.0  # the latest wake-up, and the longest time between two joint states
        self._sent_s = time.monotonic()  # the last joint state
        self._late_way_s = (
            0.0  # the slowest way of a trajectory that came after its step, since the last judgement
        )
        self._bridge_off_s = 0.0  # the bridge's clock ahead of this one
        self.delayed: list[str] = []  # what is not the bridge's: see ``judge``
        gc.disable()  # it would stop the arm for as long as it takes to walk all of pytest's objects
        self.spoil: Spoil = unchanged
        self.arrivals: list[float] = []  # of commands [s, monotonic]
        self.modes: list[tuple[float, str]] = []  # with their arrival [s, monotonic]
        self._folder = Path(folder)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.second_publisher: Any = None  # of targets
        self.left: JointTrajectory = JointTrajectory()  # the last one of a bridge that was killed
        self.measures, self._parameters = not receiver, [*parameters]
        if receiver:
            self._parameters += ["adapter:=udp", f"udp.port:={PORT}"]
        self._target_s = time.monotonic()  # the policy's last
        self.policy_failed = False  # it fell silent although no fault hit it
        self._names = ("bridge", "camera", "policy", *(["receiver"] if receiver else []))
        self._clocks = {name: Clock(self._folder, name) for name in self._names if preload}
        super().__init__(robot.home)
        self.node.create_subscription(JointTarget, "/f2o/joint_target", self._on_target, best_effort())
        if receiver:  # the bridge publishes them; it does not arm beside a second publisher
            self.states = False
            time.sleep(0.02)  # the last one may be on its way
            self.node.destroy_publisher(self._states)
        threading.Thread(target=self._watch_wake_ups, daemon=True).start()

    # the arm

    def starved(self) -> bool:
        """Whether the arm, or processes such as the policy, got no time; the outcome then says nothing."""
        return self._gap_s > STARVED_S or self._late_s > LATE_S

    def _watch_wake_ups(self) -> None:
        while not self._ending.is_set():
            until_s = time.monotonic() + 0.02
            time.sleep(0.02)
            self._late_s = max(self._late_s, time.monotonic() - until_s)

    def _say_states(self) -> None:
        now_s = time.monotonic()
        self._gap_s, self._sent_s = max(self._gap_s, now_s - self._sent_s), now_s
        with self._news:
            arm_ns = self._arm_ns()
            if not self.stands:
                self.arm_at = self._controller.at(arm_ns)
            msg = JointState(name=NAMES, position=list(self.arm_at))
            msg.header.stamp = from_ns(arm_ns, type(msg.header.stamp))
            for spoiled in self.spoil(msg):
                self._states.publish(spoiled)

    def _on_command(self, msg: JointTarget) -> None:
        with self._news:
            told = self.arm_at  # by trajectories
            self.arrivals.append(time.monotonic())
            super()._on_command(msg)
            self.arm_at = told

    def _on_trajectory(self, msg: JointTrajectory, info: Any) -> None:
        """A trajectory, from the moment at which the middleware received it, whenever Python comes to it."""
        points, received_ns = msg.points, info["received_timestamp"]
        with self._news:
            if received_ns <= self._clock_set_ns:  # it was on its way while the clock was set
                return
            late = self._controller.take(
                received_ns + self._arm_off_ns,
                to_ns(msg.header.stamp),
                [to_ns(point.time_from_start) for point in points],
                [point.positions for point in points],
                [point.velocities for point in points],
            )
            way_s = (received_ns - info["source_timestamp"]) / S + self._bridge_off_s
            if late and way_s < STEP_S:  # else a clock was set meanwhile
                self._late_way_s = max(self._late_way_s, way_s)
            super()._on_trajectory(msg, info)

    @property
    def stood_still(self) -> bool:
        """Whether the bridge is in fault because it was stopped while it sent a command."""
        return self.mode == "fault" and STOOD_STILL in self.diagnosis.get("reason", "")

    def _arm_ns(self) -> int:
        """Now, on the clock of the arm and its controller."""
        return time.time_ns() + self._arm_off_ns

    def judge(self) -> Judged:
        """Judge what the arm was told in every millisecond since this was last asked for.

        Where a trajectory of that time came after its step had begun because the middleware took longer for it than the
        bridge leaves it, problems are not the bridge's: they go to ``delayed``, with the way's length, and shares are
        left out.
        """
        found = self._controller.judge(self._arm_ns() - JUDGED_AFTER_NS)
        slowest_s, self._late_way_s = self._late_way_s, 0.0
        if found.problems and slowest_s > ON_ITS_WAY_S:
            on_its_way = f"a trajectory was {1e3 * slowest_s:.1f} ms on its way"
            self.delayed += [f"{problem}; {on_its_way}" for problem in found.problems]
            return Judged(found.milliseconds, found.refused, [], 0.0, 0.0)
        return found

    def _on_target(self, _: JointTarget) -> None:
        self._target_s = time.monotonic()

    def _on_mode(self, msg: String) -> None:
        self.modes.append((time.monotonic(), msg.data))
        super()._on_mode(msg)

    # the processes

    def start(self, name: str) -> None:
        """Start the bridge, the policy, the camera or the receiver."""
        words = command("benchmarks.faults.source_node", name, *self.home)
        if name == "bridge":
            words = command_line(*self._parameters)
        elif name == "receiver":
            words = command("f2o_rt", "--config", CONFIG / "receiver.yaml")
            words += ["--set", f"port={PORT}", "--set", f"trace={self.receiver_trace}"]
        # As the launch does for the bridge; in shared memory a process that was stopped may not be heard again.
        env = environment() | {"PYTHONFAULTHANDLER": "1"} | fifo_receive(lambda name: str(CONFIG / name))
        env |= self._clocks[name].environment if name in self._clocks else {}
        # A file, not a pipe: one that is not read is full after ten minutes and stops the logger.
        with self._log(name).open("wb") as log:
            self.processes[name] = subprocess.Popen(words, env=env, stdout=log, stderr=log)

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def wait(self, condition: Callable[[], bool], timeout: float = 30.0) -> None:
        """As ``Lab.wait``; in vain, the error says what every process does, and the next ``ready`` starts new ones."""
        try:
            super().wait(condition, timeout)
        except AssertionError as error:
            self.policy_failed = "policy" in self.processes and time.monotonic() - self._target_s > SILENT_S
            raise AssertionError(f"{error}; {self._autopsy()}") from error

    def _autopsy(self) -> str:
        """End every process; how each ended or, if it ran, the stack of each of its threads."""
        said = []
        for name, process in list(self.processes.items()):
            ran = process.poll() is None
            if ran:
                process.send_signal(signal.SIGABRT)  # PYTHONFAULTHANDLER
                process.send_signal(signal.SIGCONT)
            status = self.processes.pop(name).wait(timeout=20)
            how = "ran" if ran else f"had ended with {status}"
            said.append(f"the {name} {how}: {self._log(name).read_text(errors='replace')[-3000:]}")
        return "; ".join(said)

    @property
    def receiver_trace(self) -> Path:
        """Where the receiver writes its trace."""
        return self._folder / "receiver.npz"

    def end(self, name: str) -> tuple[int, str]:
        """SIGINT, and wait for the end; exit status, and the log of the bridge."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        return process.returncode, self._log(name).read_text() if name == "bridge" else ""

    def kill(self, name: str) -> None:
        """SIGKILL, and wait for the end."""
        process = self.processes.pop(name)
        process.kill()
        process.communicate()

    def call(self, name: str) -> Any:
        """As ``Lab.call``; without an answer, the error is as that of ``wait``."""
        try:
            return super().call(name)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self._autopsy()}") from error

    def pause(self, name: str, seconds: float) -> None:
        """SIGSTOP for so long."""
        self.processes[name].send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.processes[name].send_signal(signal.SIGCONT)

    def step_clock(self, seconds: float, *names: str) -> None:
        """Set the clocks of these processes, or of the arm, so many seconds ahead of the machine's.

        No joint state is on its way meanwhile: one of before would come from another clock.
        """
        with self._news:
            if "arm" in names and self._arm_off_ns != round(seconds * S):
                time.sleep(IN_FLIGHT_S)
                before_ns, self._arm_off_ns = self._arm_ns(), round(seconds * S)
                self._controller.set_clock(before_ns, self._arm_ns())
                self._clock_set_ns = time.time_ns()
            for name in names:
                if name != "arm":
                    self._clocks[name].step(seconds)
            if "bridge" in names:
                self._bridge_off_s = seconds
        self._stepped = seconds != 0

    def close(self) -> None:
        """Kill every process and leave the graph."""
        for name in list(self.processes):
            self.kill(name)
        super().close()
        gc.enable()

    # what a fault begins and ends with

    def begin(self) -> None:
        """From here on ``starved`` counts."""
        self._gap_s, self._late_s, self._sent_s = 0.0, 0.0, time.monotonic()
        self.policy_failed = False

    def ready(self) -> None:
        """Start what does not run, arm, and wait until the arm moves.

        After a policy was killed the bridge is started anew: the next policy would be the second publisher until DDS
        has given up the first (20 s).
        """
        if "policy" not in self.processes and "bridge" in self.processes:
            self.end("bridge")
        for name in self._names:
            if name not in self.processes:
                self.start(name)
        blocked = self.stands
        self.states, self.stands, self.spoil = self.measures, False, unchanged
        if blocked:  # it leaps to where its controller is, which no arm does: known before it is armed
            time.sleep(RELEASED_S)
        stepped = self._stepped
        self.step_clock(0, "arm", *self._clocks)
        if stepped or self.mode != "policy":
            self._arm_again()
        for _ in range(ARMED_AGAIN):
            self.wait(lambda: self.mode != "policy" or self._moves())
            if self.mode == "policy":
                return
            # A process that starts may hold up what the others send (config/dds.xml), or know of them after a second.
            self._arm_again()
        self.wait(lambda: self.mode == "policy" and self._moves())

    def _arm_again(self) -> None:
        self.call("disarm")
        self.arm()

    def _moves(self) -> bool:
        """Whether the arm has followed the policy for a fifth of a second, smoothly and not slowly."""
        last = self.commands[-25:]
        speeds = np.array([command[2][0] for command in last])
        follows = len(last) == 25 and all(command[3] == "policy" for command in last)
        return bool(follows and np.abs(speeds).min() > 0.12 and np.abs(np.diff(speeds)).max() < 0.012)

    def forget(self, keep: int = 200) -> None:
        """Drop all but the newest messages: collecting garbage among all of them stops the arm."""
        with self._news:
            for received in (self.commands, self.arrivals, self.trajectories, self.modes):
                del received[:-keep]

    def report(self, began_s: float, first_command: int, mode: str) -> dict[str, Any]:
        """Times since ``began_s`` until the mode, braking and rest [s], and the violations of the commands since."""
        commands, arrivals = self.commands[first_command:], self.arrivals[first_command:]
        speeds = np.array([c[2][:7] for c in commands]).reshape(-1, 7)
        slowing = np.abs(np.diff(speeds, axis=0)).max(axis=1, initial=0) / 0.008 > BRAKES
        begun = 1 + int(slowing.argmax()) if slowing.any() else None
        still = np.flatnonzero(~speeds.any(axis=1))
        rest = next((k for k in still if begun is not None and k >= begun), None)
        reached = next((at for at, name in self.modes if at >= began_s and name == mode), None)

        def after(at: float | None) -> float | None:
            return None if at is None else round(at - began_s, 3)

        return {
            "until_mode_s": after(reached),
            "until_braking_s": after(None if begun is None else arrivals[begun]),
            "until_rest_s": after(None if rest is None else arrivals[rest]),
            "commands": len(commands),
            "violations": self.violations(first_command),
        }


def interpolate(trajectory: JointTrajectory) -> np.ndarray:
    """Joint positions every 8 ms of a controller that executes ``trajectory``: cubics between its points."""
    times = np.array([p.time_from_start.sec + p.time_from_start.nanosec / 1e9 for p in trajectory.points])
    positions = np.array([list(p.positions) for p in trajectory.points])
    velocities = np.array([list(p.velocities) for p in trajectory.points])
    if len(times) == 1:
        return positions
    from scipy.interpolate import CubicHermiteSpline

    path = CubicHermiteSpline(times, positions, velocities)
    return path(np.append(np.arange(times[0], times[-1], 0.008), times[-1]))


def stops_within_limits(trajectory: JointTrajectory) -> bool:
    """Whether a controller that executes ``trajectory`` brings the arm to rest within its own limits."""
    if any(trajectory.points[-1].velocities):
        return False
    return len(trajectory.points) == 1 or not violations(interpolate(trajectory), moving=True, scale=WHOLE)

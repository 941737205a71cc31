"""The world in real time: a physics thread with absolute deadlines, and a camera thread that never delays it. No ROS.

A stamp is the ROS time of the physics state, however late it was computed. When the processor falls behind by more than
``SLIP_NS``, simulated time slips against real time and the real-time factor drops; catching up in a burst would throw
the arm.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import mujoco
from f2o_nodekit.clocks import ClockOffset
from f2o_nodekit.pace import Pace, request_fifo
from f2o_nodekit.robot import read_robot
from f2o_nodekit.stamps import NS_PER_S
from f2o_nodekit.stats import RateMeter, Samples

from f2o_sim.cameras import Renderer, RgbdImage
from f2o_sim.config import SimConfig
from f2o_sim.controller import Trajectory
from f2o_sim.errors import SimError
from f2o_sim.fci import FCI, ControlUnitProcess
from f2o_sim.rate_divider import RateDivider
from f2o_sim.statelog import HZ as LOG_HZ
from f2o_sim.statelog import StateLog
from f2o_sim.world import STEP_NS, World, pose

CHUNK_S = 0.002  # physics per turn of the thread
SLIP_NS = 100_000_000
LOG_TAIL_NS = NS_PER_S  # logged after the end of an episode


@dataclass(frozen=True)
class Outputs:
    """Callbacks for states and images, called from the simulator's threads with a stamp in ROS time [ns].

    The first three are called while the world is locked and must be quick.
    """

    joints: Callable[[World, int], None]
    gripper: Callable[[World, int], None]
    task: Callable[[World, int], None]
    image: Callable[[RgbdImage, int], None]


class Simulator:
    """Owns the world while it runs; every method may be called from any thread."""

    def __init__(self, config: SimConfig, outputs: Outputs, clock_ros_ns: Callable[[], int]) -> None:
        self._config, self._outputs, self._ros_offset = config, outputs, ClockOffset(clock_ros_ns)
        self.world = World(config.task, config.seed, read_robot(config.robot))
        self.failure: Exception | None = None
        self.lateness_ms, self.render_ms, self.frames = Samples(2000), Samples(300), RateMeter(60)
        self.slips, self.last_words = 0, ""
        self._lock = threading.Lock()
        self._stopping, self._cameras_ready = threading.Event(), threading.Event()
        self._log = StateLog(config.task) if config.state_log else None
        self._simulated_ns, self._commanded = 0, False
        self._marks: list[tuple[int, int]] = []
        self._dues = {
            outputs.joints: RateDivider(config.joint_state_hz),
            outputs.gripper: RateDivider(config.gripper_state_hz),
            outputs.task: RateDivider(config.task_state_hz),
        }
        self._log_due = RateDivider(LOG_HZ)
        logs = [self._log_due] if self._log is not None else []
        self._stops = [*self._dues.values(), *logs]
        self._anchor()
        self._unit = ControlUnitProcess(self.world, self._mono_ns) if config.adapter == FCI else None
        priority = config.fifo_priority
        loops = ((self._physics, priority and priority + 1), (self._cameras, priority))
        self._threads = [threading.Thread(target=self._guard, args=loop) for loop in loops]

    def start(self) -> None:
        """Start both threads and wait until the cameras work.

        Raises:
            GraphicsError: the machine cannot draw off screen.
            SimError: the control unit does not start.
        """
        if self._unit is not None:
            self._unit.start(self._config.fci, self._config.robot)
        for thread in self._threads:
            thread.start()
        self._cameras_ready.wait()
        if self.failure is not None:
            self.stop()
            raise self.failure

    def stop(self) -> None:
        """End both threads and write the log of states."""
        self._stopping.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        if self._unit is not None:
            self.last_words = self._unit.stop()
        if self._log is not None:
            self._log.end_episode(self.world, self._commanded)
            self._log.save(self._config.state_log)
            self._log = None

    def reset(self, task: str, seed: int) -> None:
        """Start the episode of ``seed``.

        Raises:
            SimError: another task than the one that the simulator was started with.
        """
        if task not in ("", self._config.task):
            raise SimError(
                f"reset: expected the task that is running, {self._config.task}, or '', got '{task}'"
            )
        with self._lock:
            if self._log is not None:
                self._log.end_episode(self.world, self._commanded)
            self.world.reset(seed)
            self._commanded = False
            self._anchor()

    def command(self, trajectory: Trajectory) -> None:
        """Execute a trajectory; its start, unless 0, is in ROS time.

        Raises:
            TrajectoryError: it is malformed.
        """
        with self._lock:
            if trajectory.start_ns:
                start = trajectory.start_ns - self._stamp_ros_ns() + self.world.time_ns
                trajectory = Trajectory(
                    start, trajectory.times_ns, trajectory.positions, trajectory.velocities
                )
            self.world.command(trajectory)
            self._commanded = True

    def grip(self, width: float) -> None:
        """Open or close the gripper to ``width`` [m].

        Raises:
            TrajectoryError: the width is not finite.
        """
        with self._lock:
            self.world.grip(width)

    def real_time_factor(self) -> float:
        """Simulated over real time since about ten seconds ago; 0.0 before the first measurement."""
        self._marks = [*self._marks[-10:], (self._simulated_ns, time.monotonic_ns())]
        (first_sim, first_real), (sim, real) = self._marks[0], self._marks[-1]
        return (sim - first_sim) / (real - first_real) if real > first_real else 0.0

    def _guard(self, loop: Callable[[], None], priority: int) -> None:
        """Run a thread's ``loop``; if it raises, keep the error in ``failure`` and stop the other thread."""
        if priority:
            request_fifo(priority)
        try:
            loop()
        except Exception as error:  # the node ends with it rather than go on with half a simulator
            self.failure = error
            self._stopping.set()
        finally:
            self._cameras_ready.set()

    def _anchor(self) -> None:
        """Map the present simulated time to the present monotonic time."""
        self._anchor_mono_ns, self._anchor_sim_ns = time.monotonic_ns(), self.world.time_ns
        for due in (*self._dues.values(), self._log_due):
            due.restart(self.world.time_ns)

    def _mono_ns(self, time_ns: int) -> int:
        """Monotonic time of a time of the world."""
        return self._anchor_mono_ns + time_ns - self._anchor_sim_ns

    def _stamp_ros_ns(self) -> int:
        """ROS time of the world's state."""
        return self._ros_offset.read() + self._mono_ns(self.world.time_ns)

    def _physics(self) -> None:
        pace = Pace(CHUNK_S)
        while not self._stopping.is_set():
            tick = pace.wait()
            with self._lock:
                self._advance(tick.ideal_mono_ns)
                if self._unit is not None:
                    self._unit.exchange()
                    self._commanded = self._unit.moved
                    self._unit.check()
            self.lateness_ms.add(tick.late_ns * 1e-6)

    def _advance(self, mono_ns: int) -> None:
        """Step the world to the monotonic instant ``mono_ns`` and publish what is due on the way."""
        goal_ns = self._anchor_sim_ns + mono_ns - self._anchor_mono_ns
        if goal_ns - self.world.time_ns > SLIP_NS:
            self.slips += 1
            self._anchor_mono_ns += goal_ns - self.world.time_ns - SLIP_NS
            goal_ns = self.world.time_ns + SLIP_NS
        while (before := self.world.time_ns) + STEP_NS <= goal_ns:
            self.world.step_to(min(goal_ns, *(due.at_ns for due in self._stops)))
            self._simulated_ns += self.world.time_ns - before
            self._publish_due()

    def _publish_due(self) -> None:
        now, stamp = self.world.time_ns, 0
        for output, due in self._dues.items():
            if due(now):
                stamp = stamp or self._stamp_ros_ns()
                output(self.world, stamp)
        if self._log is not None and self._log_due(now) and self._worth_logging():
            self._log.add(self.world.state())

    def _worth_logging(self) -> bool:
        verdict = self.world.verdict
        return not verdict.over or self.world.elapsed_s < verdict.elapsed_s + LOG_TAIL_NS / NS_PER_S

    def _cameras(self) -> None:
        renderer = Renderer(self.world.model, self._config.width, self._config.height)
        try:
            data, views = mujoco.MjData(self.world.model), list(self._config.views)
            renderer.render(data, views)  # the first image compiles shaders
            self._cameras_ready.set()
            pace = Pace(1.0 / self._config.camera_hz)
            while not self._stopping.is_set():
                pace.wait()
                begin_s = time.thread_time()
                self._render(renderer, data, views)
                # With real-time priority, half a processor at most: the rest is for whoever has none. Time on the
                # processor counts: a thread that waited for one has taken nothing from others.
                self._stopping.wait(
                    max(2 * (time.thread_time() - begin_s) - 1.0 / self._config.camera_hz, 0.0)
                )
        finally:
            renderer.close()

    def _render(self, renderer: Renderer, data: mujoco.MjData, views: list[str]) -> None:
        begin = time.monotonic_ns()
        with self._lock:
            state, stamp = self.world.state(), self._stamp_ros_ns()
        pose(self.world.model, data, state)
        for view in views:
            self._outputs.image(renderer.render(data, [view])[0], stamp)
        self.render_ms.add((time.monotonic_ns() - begin) * 1e-6)
        self.frames.tick(time.monotonic_ns())

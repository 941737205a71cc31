"""Runs episodes through the live graph: reset, arm, watch the simulator's verdict, disarm (ROS)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from f2o_nodekit.ros import make_executor, reliable
from f2o_nodekit.stamps import to_ns
from f2o_perception.convert import observation_from_msg
from f2o_sim.errors import SimError
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from std_srvs.srv import Trigger

from benchmarks.demo.episodes import Episode, Run
from f2o_msgs.msg import JointTarget, TaskState
from f2o_msgs.msg import Observation as ObservationMsg
from f2o_msgs.srv import ResetWorld

T = TypeVar("T")
KEEP_EVERY = 25  # of the observations received
STOPPED = "the arm stopped by itself"
ASK_AGAIN_S = 0.1  # a recovery takes some of it
SILENCE_S = 0.2  # without a command: the bridge is done
SETTLE_NS = 250_000_000  # age of the scene that the first observation of an episode must show


class EpisodeError(SimError):
    """The live graph did not do its part: the text names the part."""


class EpisodesNode(Node):
    """Client of the simulator and the bridge; spins itself while it waits."""

    def __init__(self, alive: Callable[[], None]) -> None:
        super().__init__("episodes")
        self._alive = alive  # raises when a process of the graph has ended
        self._spinner = make_executor()
        self._spinner.add_node(self)
        self._task: TaskState | None = None
        self._newest: bytes | None = None  # serialised, as it came: most are only counted
        self._received = 0
        self.run = Run()
        self.create_subscription(TaskState, "/sim/task_state", self._on_task, reliable())
        self.create_subscription(
            ObservationMsg, "/f2o/observation", self._on_observation, reliable(), raw=True
        )
        self._commanded = False
        self.create_subscription(JointTarget, "/f2o/joint_command", self._on_command, reliable(), raw=True)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, reliable(10))
        self._remote = {
            "/sim/reset": self.create_client(ResetWorld, "/sim/reset"),
            "/f2o/arm": self.create_client(Trigger, "/f2o/arm"),
            "/f2o/disarm": self.create_client(Trigger, "/f2o/disarm"),
            "/f2o/recover": self.create_client(Trigger, "/f2o/recover"),
        }

    def wait_until_live(self, timeout_s: float) -> None:
        """Wait for every service, an observation and a policy that is warm.

        Raises:
            EpisodeError: something is missing after ``timeout_s``; the text names it.
        """
        for name, client in self._remote.items():
            self._wait(client.service_is_ready, timeout_s, f"service {name} did not appear")
        self._wait(
            lambda: self._newest is not None, timeout_s, "no /f2o/observation came: is every camera alive?"
        )
        warm = "policy_node: loop/embed_hz"
        self._wait(lambda: bool(self.run.diagnostics.get(warm)), timeout_s, "the policy node did not report")
        self.run.diagnostics.clear()

    def arm_and_disarm(self, timeout_s: float) -> None:
        """Arm as soon as the bridge does: joint states, observations and the targets of a warm policy are there.

        Raises:
            EpisodeError: it refuses after ``timeout_s``; the text says what is missing.
        """
        ready = self._remote["/f2o/arm"].service_is_ready
        self._wait(ready, timeout_s, "service /f2o/arm did not appear")
        self._arm(timeout_s)
        self._call("/f2o/disarm", Trigger.Request())

    def play(self, seed: int, timeout_s: float) -> Episode:
        """One episode with the scene of ``seed``."""
        self._disarm()
        self._call("/sim/reset", ResetWorld.Request(seed=seed))
        settled = self.get_clock().now().nanoseconds + SETTLE_NS
        self._task = None
        fresh = self._wait(lambda: self._shows(settled), 10.0, "no fresh observation after a reset")
        self.run.first[seed] = observation_from_msg(fresh)
        self._arm()
        task = self._wait(self._ended, timeout_s, "the episode did not end")
        self._disarm()
        episode = Episode(seed, task.success, task.collision, task.side, task.elapsed)
        self.run.episodes.append(episode)
        return episode

    def _shows(self, stamp_ns: int) -> ObservationMsg | None:
        """The newest observation, if it was made after ``stamp_ns`` and the scene is the new one."""
        if self._task is None or self._newest is None:
            return None
        newest = _observation(self._newest)
        return newest if to_ns(newest.header.stamp) > stamp_ns else None

    def _ended(self) -> TaskState | None:
        return self._task if self._task is not None and not self._task.running else None

    def _disarm(self) -> None:
        """Disarm, and wait until the bridge has braked the arm and fallen silent.

        A command on its way would reach the world after the reset and drag the arm back to where it was.
        """
        self._call("/f2o/disarm", Trigger.Request())
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < SILENCE_S:
            self._commanded = False
            self._spinner.spin_once(timeout_sec=0.05)
            if self._commanded:
                quiet_since = time.monotonic()

    def _arm(self, patience_s: float = 5.0) -> None:
        """Arm; the bridge refuses until its inputs are live, so ask again for a while.

        An arm behind a control unit has stopped by itself when the reset took it elsewhere: it needs a recovery.
        """
        deadline = time.monotonic() + patience_s
        while not (answer := self._call("/f2o/arm", Trigger.Request())).success:
            if time.monotonic() > deadline:
                raise EpisodeError(f"/f2o/arm: refused: {answer.message}")
            if STOPPED in answer.message:
                self._call("/f2o/recover", Trigger.Request())
            again = time.monotonic() + ASK_AGAIN_S
            while (left := again - time.monotonic()) > 0:
                self._spinner.spin_once(timeout_sec=left)

    def _call(self, name: str, request: Any) -> Any:
        future = self._remote[name].call_async(request)
        self._wait(future.done, 10.0, f"service {name} did not answer")
        return future.result()

    def _wait(self, condition: Callable[[], T | None], timeout_s: float, failure: str) -> T:
        """What ``condition`` returns once that is something."""
        deadline = time.monotonic() + timeout_s
        while not (found := condition()):
            self._alive()
            if time.monotonic() > deadline:
                raise EpisodeError(f"{failure} (waited {timeout_s:g} s)")
            self._spinner.spin_once(timeout_sec=0.1)
        return found

    def _on_command(self, data: Any) -> None:
        self._commanded = True

    def _on_task(self, msg: TaskState) -> None:
        self._task = msg

    def _on_observation(self, data: Any) -> None:  # bytes: rclpy's types know no raw=True
        self._newest = data
        self._received += 1
        if self._received % KEEP_EVERY == 0:
            self.run.observations.append(observation_from_msg(_observation(data)))

    def _on_diagnostics(self, msg: DiagnosticArray) -> None:
        for status in msg.status:
            for pair in status.values:
                try:
                    self.run.diagnostics.setdefault(f"{status.name}/{pair.key}", []).append(float(pair.value))
                except ValueError:
                    continue  # a text, not a number


def _observation(data: bytes) -> ObservationMsg:
    return deserialize_message(data, ObservationMsg)


def run_episodes(
    seeds: list[int],
    alive: Callable[[], None],
    progress: Callable[[Episode], None],
    start_timeout_s: float = 60.0,
    episode_timeout_s: float = 20.0,
) -> Run:
    """Run one episode per seed through the live graph.

    Raises:
        EpisodeError: a part of the graph did not answer in time.
    """
    rclpy.init(signal_handler_options=rclpy.signals.SignalHandlerOptions.NO)
    node = EpisodesNode(alive)
    try:
        node.wait_until_live(start_timeout_s)
        for seed in seeds:
            progress(node.play(seed, episode_timeout_s))
        return node.run
    finally:
        node.destroy_node()
        rclpy.try_shutdown()

"""The policy node: observations and joint states in, a chunk and a joint target out, 125 times a second (ROS)."""

from __future__ import annotations

import gc
import sys
import threading
import time
from array import array
from pathlib import Path

import numpy as np
from builtin_interfaces.msg import Duration, Time
from f2o_nodekit.pace import Pace, Tick, request_fifo
from f2o_nodekit.ros import ConfiguredNode, Diagnosis, run
from f2o_nodekit.stamps import from_ns, to_ns
from f2o_nodekit.stats import RateMeter, Samples
from f2o_perception.convert import observation_from_msg
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from f2o_msgs.msg import Observation as ObservationMsg
from f2o_policy.runtime.config import PolicyConfig
from f2o_policy.runtime.inputs import JointReader
from f2o_policy.runtime.load import open_engine
from f2o_policy.runtime.policy import Policy, TickResult, TickStatus
from f2o_policy.runtime.trace import Trace, summarise


class PolicyNode(ConfiguredNode):
    """Subscriptions on the main thread, embedding on a second, the paced loop on a third."""

    def __init__(self) -> None:
        super().__init__("policy_node", PolicyConfig)
        sys.setswitchinterval(
            5e-4
        )  # the loop's thread gets the interpreter from the others within half a millisecond
        self._load()
        self._wire()
        self._stopping = threading.Event()
        self._mode = ""
        self._status = TickStatus.NO_OBSERVATION
        self._embed_ms, self._embed_rate = Samples(300), RateMeter()
        self._trace = Trace()
        self.add_diagnostics("loop", self._diagnose)
        # The threads share Python's lock: were one preempted while it holds it, the loop would wait with it. So all of
        # them get a priority just below the loop's; those started from here inherit it.
        if self.config.fifo_priority > 1:
            request_fifo(self.config.fifo_priority - 1)
        self._threads = [
            threading.Thread(target=f, name=f.__name__, daemon=True) for f in (self._embed, self._loop)
        ]
        for thread in self._threads:
            thread.start()

    def _load(self) -> None:
        config = self.config
        path = Path(config.checkpoint)
        engine = open_engine(path, config.hypotheses, config.backend, config.precision)
        self._policy, spec = Policy(engine, config), engine.spec
        self._policy.warm_up()
        self._names = list(spec.action_names)
        self._reader = JointReader(spec.action_names)
        self._chunk_msg = chunk_message(self._names, spec.horizon, spec.dt_s)
        self.get_logger().info(f"{config.checkpoint}: {config.hypotheses} hypotheses on {engine.name}, warm")

    def _wire(self) -> None:
        topics = self.config.topics
        self._target_pub = self.create_publisher(JointState, topics.joint_target, self.reliable())
        self._chunk_pub = self.create_publisher(JointTrajectory, topics.action_chunk, self.reliable())
        self.create_subscription(ObservationMsg, topics.observation, self._on_observation, self.reliable())
        self.create_subscription(JointState, topics.joint_states, self._on_joints, self.best_effort())
        self.create_subscription(JointState, topics.gripper_states, self._on_joints, self.best_effort())
        self.create_subscription(String, topics.mode, self._on_mode, self.latched())

    def _on_observation(self, msg: ObservationMsg) -> None:
        self._policy.observe(observation_from_msg(msg))

    def _on_joints(self, msg: JointState) -> None:
        joints = self._reader.read(to_ns(msg.header.stamp), msg.name, msg.position)
        if joints is not None:
            self._policy.feel(joints)

    def _on_mode(self, msg: String) -> None:
        entered = msg.data == "policy" and self._mode != "policy"
        self._mode = msg.data
        if entered:
            self._policy.begin()
        elif msg.data != "policy":
            self._policy.end()

    def _embed(self) -> None:
        while not self._stopping.is_set():
            seconds = self._policy.embed_newest(timeout_s=0.2)
            if seconds is not None:
                self._embed_ms.add(seconds * 1e3)
                self._embed_rate.tick(time.monotonic_ns())

    def _loop(self) -> None:
        fifo = self.config.fifo_priority > 0 and request_fifo(self.config.fifo_priority)
        self.get_logger().info(
            f"loop at {self.config.rate_hz:g} Hz, SCHED_FIFO {'granted' if fifo else 'not granted'}"
        )
        gc.collect()
        gc.freeze()  # what is loaded stays; the collector need not walk it between ticks
        pace = Pace(1 / self.config.rate_hz)
        while not self._stopping.is_set():
            self._turn(pace.wait())

    def _turn(self, tick: Tick) -> None:
        now_ros_ns = self.now_ns()
        result = self._policy.tick(now_ros_ns)
        self._status = result.status
        if result.target is not None:
            self._publish(result, now_ros_ns)
        done_ns = time.monotonic_ns() - tick.ideal_mono_ns
        armed = self._mode == "policy"
        switches = self._policy.mode_switches
        self._trace.add(tick.ideal_mono_ns, tick.late_ns, tick.skipped, armed, result, done_ns, switches)

    def _publish(self, result: TickResult, due_ros_ns: int) -> None:
        """The target is stamped with the time it is for, not with the time inference took."""
        msg = JointState(name=self._names)
        msg.header.stamp = from_ns(due_ros_ns, Time)
        msg.header.frame_id = "policy"
        msg.position = array("d", result.target)
        msg.velocity = array("d", result.velocity)
        self._target_pub.publish(msg)
        if self._chunk_pub.get_subscription_count():
            fill_chunk(self._chunk_msg, result)
            self._chunk_pub.publish(self._chunk_msg)

    def _diagnose(self) -> Diagnosis:
        recent = {
            name: self._trace.column(name)[-1000:]
            for name in ("ideal_mono_ns", "late_ns", "skipped", "armed")
        }
        recent |= {
            name: self._trace.column(name)[-1000:] for name in ("ok", "age_s", "inference_s", "done_ns")
        }
        recent["armed"] = np.ones_like(recent["armed"])
        values = {"mode": self._mode, "embed_hz": self._embed_rate.hz(time.monotonic_ns())}
        values |= {f"embed_ms.{k}": v for k, v in self._embed_ms.summary().items()}
        for key, value in summarise(recent).items():
            values |= {f"{key}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {key: value}
        return (0 if self._status is TickStatus.OK else 1), self._status.value, values

    def close(self) -> None:
        """Stop both threads, then write the trace."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=1.0)
        if self.config.trace:
            self._trace.save(self.config.trace, checkpoint=self.config.checkpoint, seed=self.config.seed)


def chunk_message(names: list[str], horizon: int, dt_s: float) -> JointTrajectory:
    """A trajectory message with ``horizon`` points ``dt_s`` seconds apart, to be filled every tick."""
    msg = JointTrajectory(joint_names=names)
    times = [from_ns(round(k * dt_s * 1e9), Duration) for k in range(horizon)]
    msg.points = [JointTrajectoryPoint(time_from_start=t) for t in times]
    return msg


def fill_chunk(msg: JointTrajectory, result: TickResult) -> None:
    """Write the chosen chunk of ``result`` into ``msg``, stamped with the chunk's time zero."""
    msg.header.stamp = from_ns(result.chunk_stamp_ros_ns, Time)
    for point, values in zip(msg.points, result.chunks[result.chosen], strict=True):
        point.positions = array("d", values)


def main() -> None:
    """Entry point of ``ros2 run f2o_policy policy_node``."""
    sys.exit(run(PolicyNode))

"""Simulator, bridge and recorder over topics and services, for the collector."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

import numpy as np
from f2o_nodekit.latest import Latest
from f2o_nodekit.pace import Pace
from f2o_nodekit.robot import read_robot
from f2o_nodekit.ros import best_effort, latched, reliable
from f2o_nodekit.stamps import NS_PER_S, to_ns
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger

from f2o_msgs.msg import JointTarget, TaskState
from f2o_msgs.srv import ResetWorld
from f2o_sim import expert_convert
from f2o_sim.collector import RigError, Scene
from f2o_sim.config import ExpertConfig

M = TypeVar("M")
POLL_S = 0.02


class RosRig:
    """Used from the collector's thread while another thread spins ``node``."""

    def __init__(self, node: Node, config: ExpertConfig, stopping: threading.Event) -> None:
        self._node, self._config, self._stopping = node, config, stopping
        topics, self._period_s = config.topics, 1.0 / config.rate_hz
        self._pace, self._robot = Pace(self._period_s), read_robot(config.robot)
        self._joints: Latest[JointState] = Latest()
        self._fingers: Latest[JointState] = Latest()
        self._task: Latest[TaskState] = Latest()
        self._recorder: Latest[String] = Latest()
        node.create_subscription(JointState, topics.joint_states, self._joints.put, best_effort(1))
        node.create_subscription(JointState, topics.gripper_states, self._fingers.put, best_effort(1))
        node.create_subscription(TaskState, topics.task_state, self._task.put, reliable(1))
        node.create_subscription(String, topics.episode_state, self._recorder.put, latched())
        self._reset = node.create_client(ResetWorld, topics.reset)
        self._arm = node.create_client(Trigger, topics.arm)
        self._disarm = node.create_client(Trigger, topics.disarm)
        self._targets = node.create_publisher(JointTarget, topics.target, reliable(1))
        self._sequence = count()
        self._commands = node.create_publisher(String, topics.episode_command, reliable(10))

    def wait_until_complete(self) -> None:
        """Wait for the services of simulator and bridge, and for a recorder connected both ways."""
        for client in (self._reset, self._arm, self._disarm):
            self._wait(client.service_is_ready, f"service {client.srv_name} did not appear")
        if self._config.record:
            self._wait(
                lambda: self._recorder.get() is not None, "no recorder: nothing received on its state topic"
            )
            self._wait(
                self._commands.get_subscription_count, "no recorder: nobody subscribes to episode commands"
            )

    def reset(self, seed: int) -> None:
        """Set up the scene of ``seed`` and wait until it can be seen."""
        request = ResetWorld.Request(task=self._config.task, seed=seed)
        if not (answer := self._call(self._reset, request)).success:
            raise RigError(f"{self._reset.srv_name}: refused: {answer.message}")
        asked_ns = self._node.get_clock().now().nanoseconds
        for slot in (self._task, self._joints, self._fingers):
            self._wait(lambda s=slot: _stamp_ns(s.get()) > asked_ns, "simulator: no new states after a reset")

    def arm(self) -> None:
        """Arm, retrying while the bridge is still braking."""
        refusal = ""

        def armed() -> bool:
            nonlocal refusal
            answer = self._call(self._arm, Trigger.Request())
            refusal = answer.message
            return answer.success

        self._wait(armed, lambda: f"{self._arm.srv_name}: refused: {refusal}")

    def disarm(self) -> None:
        """Disarm in any mode."""
        self._call(self._disarm, Trigger.Request())

    def tell_recorder(self, command: str) -> None:
        """Publish ``command``."""
        if self._config.record:
            self._commands.publish(String(data=command))

    def recorder_is(self, state: str) -> bool:
        """Whether the recorder is in ``state``."""
        return not self._config.record or json.loads(_heard(self._recorder).data)["state"] == state

    def tick(self, target: np.ndarray | None) -> Scene:
        """Send ``target``, wait for the next tick, and return the scene."""
        if target is not None:
            due_ns = self._node.get_clock().now().nanoseconds + round(self._period_s * NS_PER_S)
            self._targets.publish(expert_convert.target_message(target, due_ns, next(self._sequence)))
        self._pace.wait()
        return expert_convert.scene_from_msgs(
            _heard(self._joints), _heard(self._fingers), _heard(self._task), self._robot
        )

    def _call(self, client: Any, request: Any) -> Any:
        done = threading.Event()
        future = client.call_async(request)
        future.add_done_callback(lambda _: done.set())
        self._wait(done.is_set, f"service {client.srv_name} did not answer")
        return future.result()

    def _wait(self, condition: Callable[[], object], failure: str | Callable[[], str]) -> None:
        for _ in range(round(self._config.wait_s / POLL_S)):
            if condition():
                return
            if self._stopping.wait(POLL_S):
                raise RigError("stopped")
        raise RigError(
            f"{failure if isinstance(failure, str) else failure()} (waited {self._config.wait_s:g} s)"
        )


def _heard(slot: Latest[M]) -> M:
    """The newest message in ``slot``; what fills it was waited for."""
    if (msg := slot.get()) is None:
        raise RigError("simulator, bridge or recorder: nothing heard yet")
    return msg


def _stamp_ns(msg: Any) -> int:
    return to_ns(msg.header.stamp) if msg is not None else 0

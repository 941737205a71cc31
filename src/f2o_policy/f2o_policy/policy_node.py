"""The policy node: observations and joint states in, chunks and joint targets out, at 125 Hz (ROS)."""

from __future__ import annotations

import itertools
import sys
import time

from f2o_nodekit.pace import Tick
from f2o_nodekit.robot import read_robot
from f2o_nodekit.ros import ConfiguredNode, Diagnosis, run
from f2o_nodekit.unread import Unread
from f2o_perception.convert import observation_from_msg
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory

from f2o_msgs.msg import JointTarget, PolicyTick
from f2o_msgs.msg import Observation as ObservationMsg
from f2o_policy import convert
from f2o_policy.robots import check_robot
from f2o_policy.runtime.config import PolicyConfig
from f2o_policy.runtime.health import Now, diagnose
from f2o_policy.runtime.inputs import JointInput
from f2o_policy.runtime.load import engine_of
from f2o_policy.runtime.loop import Loop
from f2o_policy.runtime.policy import Policy, TickResult


class PolicyNode(ConfiguredNode):
    """Subscriptions on the main thread, embedding on a second, the paced loop on a third."""

    def __init__(self) -> None:
        # Parameters
        super().__init__("policy_node", PolicyConfig)
        config, topics = self.config, self.config.topics
        # Core
        robot, engine = read_robot(config.robot), engine_of(config, self.get_logger().info)
        self._policy, spec = Policy(engine, config), engine.spec
        check_robot(spec, config.checkpoint, robot)
        self._policy.warm_up()
        self._loop = Loop(self._policy, config, self.now_ns, self._publish, self._publish_details)
        # Outputs
        self._names = list(spec.action_names)
        self._chunk = convert.chunk_message(self._names, spec.horizon, spec.dt_s)
        self._targets = self.create_publisher(JointTarget, topics.joint_target, self.reliable())
        self._sequence = itertools.count()
        self._chunks = self.create_publisher(JointTrajectory, topics.action_chunk, self.reliable())
        self._ticks = self.create_publisher(PolicyTick, topics.policy_tick, self.reliable())
        # Inputs
        self._inputs, self._unread = JointInput(robot), Unread()
        self.create_subscription(ObservationMsg, topics.observation, self._on_observation, self.reliable())
        self.create_subscription(JointState, topics.joint_states, self._on_joints, self.best_effort())
        self.create_subscription(JointState, topics.gripper_states, self._on_gripper, self.best_effort())
        self.create_subscription(String, topics.mode, self._on_mode, self.latched())
        # Diagnostics
        self.add_diagnostics("loop", self._diagnose)
        self.get_logger().info(f"{config.checkpoint}: {config.hypotheses} hypotheses on {engine.name}, warm")
        self._loop.start()

    def close(self) -> None:
        """Stop both threads, then write the trace."""
        self._loop.stop()
        if self.config.trace:
            config = self.config
            self._loop.trace.save(config.trace, checkpoint=config.checkpoint, seed=config.seed)

    def _on_observation(self, msg: ObservationMsg) -> None:
        self._policy.push_observation(observation_from_msg(msg))

    def _on_joints(self, msg: JointState) -> None:
        with self._unread.reading(self.config.topics.joint_states):
            joints = self._inputs.arm(msg)
            if joints is not None:
                self._policy.push_joint_state(joints)

    def _on_gripper(self, msg: JointState) -> None:
        with self._unread.reading(self.config.topics.gripper_states):
            self._inputs.gripper(msg)

    def _on_mode(self, msg: String) -> None:
        self._loop.set_mode(msg.data)

    def _publish(self, result: TickResult, due_ros_ns: int) -> None:
        self._targets.publish(
            convert.target_message(self._names[:-1], result, due_ros_ns, next(self._sequence))
        )

    def _publish_details(self, tick: Tick, result: TickResult, due_ros_ns: int) -> None:
        """Publish the adopted chunk and the tick, where somebody subscribes."""
        if result.chunks is not None and self._chunks.get_subscription_count():
            convert.fill_chunk(self._chunk, result)
            self._chunks.publish(self._chunk)
        if self._ticks.get_subscription_count():
            switches = self._policy.mode_switches
            self._ticks.publish(convert.tick_message(tick, result, due_ros_ns, switches))

    def _diagnose(self) -> Diagnosis:
        topics, now = self.config.topics, Now(self.now_ns(), time.monotonic_ns())
        unread = [self._unread.coming(topic) for topic in (topics.joint_states, topics.gripper_states)]
        level, text = diagnose(self._loop, self._policy.inputs, self.config, now, *unread)
        return level, text, self._loop.values() | self._unread.values()


def main() -> None:
    """Entry point of ``ros2 run f2o_policy policy_node``."""
    sys.exit(run(PolicyNode))


if __name__ == "__main__":
    main()

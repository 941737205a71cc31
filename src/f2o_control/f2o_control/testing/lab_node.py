"""The bridge as a real process over DDS, and beside it an arm, a source of targets, and ears."""

import signal
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from f2o_nodekit.pace import Pace, request_fifo
from f2o_nodekit.ros import best_effort, latched, reliable
from f2o_nodekit.stamps import from_ns, to_ns
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float64MultiArray, String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from f2o_control.testing import CONFIG, violations
from f2o_msgs.msg import JointTarget

NAMES = [f"panda_joint{i}" for i in range(1, 8)]
SPEED = 0.2  # rad/s of joint 1, back and forth


def to_and_fro(home, time_s, hz, stamp_ns):
    """A target that moves joint 1 about ``home``, ``time_s`` seconds after the start."""
    phase, positions, velocities = 2 * np.pi * hz * time_s, [*home], [0.0] * 7
    positions[0] += SPEED / (2 * np.pi * hz) * np.sin(phase)
    velocities[0] = SPEED * np.cos(phase)
    msg = JointTarget(source="policy", joint_names=NAMES, gripper_width=0.05)
    msg.joint_positions, msg.joint_velocities = positions, velocities
    msg.header.stamp = from_ns(stamp_ns, type(msg.header.stamp))
    return msg


FINGERS = ["panda_finger_joint1", "panda_finger_joint2"]


class Lab:
    """An arm that goes where it is told, a source of targets, and ears for what the bridge says."""

    def __init__(self, home):
        self.home, self.arm_at = home, list(home)
        self.states = self.targets = False
        self.held: bool | None = None  # what the enable switch says; None: there is none
        self.change = lambda msg: msg  # spoils a target
        self.state_names, self.frozen_ns = NAMES, 0  # of the joint states; their stamp
        self.commands, self.trajectories, self.widths = [], [], []
        self.mode, self.diagnosis, self.last_target_ns = "", {}, 0
        self.reasons: set[str] = set()  # of all diagnoses: there may be two bridges
        self._news, self._ending = threading.Condition(), threading.Event()
        self.context = rclpy.Context()
        rclpy.init(context=self.context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = rclpy.create_node("lab", context=self.context)
        self._states = self.node.create_publisher(JointState, "/franka/joint_states", reliable())
        self._fingers = self.node.create_publisher(JointState, "/franka_gripper/joint_states", reliable())
        self._switch = self.node.create_publisher(Bool, "/f2o/enable", best_effort())
        self._targets = None  # a second publisher is a fault: made when it is to say something
        hear = self.node.create_subscription
        hear(JointTarget, "/f2o/joint_command", self._on_command, reliable(50))
        hear(
            JointTrajectory,
            "/joint_trajectory_controller/joint_trajectory",
            self._on_trajectory,
            reliable(50),
        )
        hear(Float64MultiArray, "/gripper_position_controller/commands", self._on_width, reliable(10))
        hear(String, "/f2o/mode", self._on_mode, latched())
        hear(DiagnosticArray, "/diagnostics", self._on_diagnostics, reliable(10))
        self.clients = {name: self.node.create_client(Trigger, f"/f2o/{name}") for name in ("arm", "disarm")}
        self._threads = [threading.Thread(target=f) for f in (self._spin, self._publish)]
        for thread in self._threads:
            thread.start()

    def close(self):
        self._ending.set()
        for thread in self._threads:
            thread.join(5.0)
        self.node.destroy_node()
        self.context.try_shutdown()

    def _spin(self):
        request_fifo(30)  # where it is granted, what else runs on the machine does not matter
        executor = SingleThreadedExecutor(context=self.context)
        executor.add_node(self.node)
        while not self._ending.is_set():
            executor.spin_once(timeout_sec=0.05)

    def _publish(self):
        request_fifo(31)
        pace, began = Pace(0.008), time.monotonic()
        while not self._ending.is_set():
            pace.wait()
            if self.states:
                self._say_states()
            if self.held is not None:
                self._switch.publish(Bool(data=self.held))
            if self.targets:
                self._targets = self._targets or self.node.create_publisher(
                    JointTarget, "/f2o/joint_target", reliable()
                )
                self._targets.publish(self.change(self.target(time.monotonic() - began)))

    def _say_states(self):
        names = ["panda_finger_joint1", *reversed(self.state_names)]  # order is no promise
        msg = JointState(name=names, position=[0.02, *reversed(self.arm_at)])
        msg.header.stamp = from_ns(self.frozen_ns, type(msg.header.stamp))
        self._states.publish(msg)
        self._fingers.publish(JointState(name=FINGERS, position=[0.02, 0.02]))

    def target(self, t):
        self.last_target_ns = self.node.get_clock().now().nanoseconds
        return to_and_fro(self.home, t, 0.4, self.last_target_ns)

    def _on_command(self, msg):
        with self._news:
            self.arm_at = list(msg.joint_positions)
            self.commands.append(
                (to_ns(msg.header.stamp), self.arm_at, list(msg.joint_velocities), msg.source)
            )
            self._news.notify_all()

    def _on_trajectory(self, msg, info):
        self.trajectories.append(msg)

    def _on_width(self, msg):
        self.widths.append(list(msg.data))

    def _on_mode(self, msg):
        with self._news:
            self.mode = msg.data
            self._news.notify_all()

    def _on_diagnostics(self, msg):
        for status in msg.status:
            if status.name == "bridge_node: bridge":
                with self._news:
                    self.diagnosis = {pair.key: pair.value for pair in status.values}
                    self.diagnosis["level"], self.diagnosis["message"] = status.level, status.message
                    self.reasons.add(self.diagnosis["reason"])
                    self._news.notify_all()

    def wait(self, condition, timeout=30.0):
        with self._news:
            assert self._news.wait_for(condition, timeout), (self.mode, self.reasons, self.diagnosis)

    def wait_commands(self, count):
        until = len(self.commands) + count
        self.wait(lambda: len(self.commands) >= until)

    def call(self, name: str) -> Any:
        """Ask a service; again after a while, because the first request may go to a bridge that was killed."""
        client, deadline = self.clients[name], time.monotonic() + 30.0
        while time.monotonic() < deadline:
            assert client.wait_for_service(timeout_sec=30.0)
            done, future = threading.Event(), client.call_async(Trigger.Request())
            future.add_done_callback(lambda _, done=done: done.set())
            if done.wait(3.0):
                return future.result()
        raise AssertionError(f"{name}: no answer")

    def arm(self):
        """Arm as soon as the bridge has seen a joint state."""
        deadline = time.monotonic() + 30.0
        while not (answer := self.call("arm")).success and time.monotonic() < deadline:
            time.sleep(0.02)
        assert (answer.success, answer.message) == (True, "armed: policy")

    def until_policy(self):
        """Wait until targets are followed; arm again where they came back too late for that."""
        deadline = time.monotonic() + 30.0
        while self.mode != "policy" and time.monotonic() < deadline:
            time.sleep(0.05)
            if self.mode == "hold" and time.monotonic() > deadline - 28.0:
                self.call("arm")
        assert self.mode == "policy"

    def violations(self, first=0):
        """Limits left by the commands from the ``first`` on, wherever none is missing between two."""
        runs, before = [[]], None
        for stamp, position, *_ in self.commands[first:]:
            if before is not None and stamp - before > 13_000_000:
                runs.append([])
            runs[-1].append(position)
            before = stamp
        return [text for run in runs if len(run) > 3 for text in violations(run, moving=True)]


def command_line(*parameters):
    """What starts the bridge, with ROS parameters ``name:=value``."""
    given = [word for p in (f"config:={CONFIG / 'bridge.yaml'}", *parameters) for word in ("-p", p)]
    return [sys.executable, "-m", "f2o_control.bridge_node", "--ros-args", *given]


def start(*parameters):
    """The bridge as a process."""
    return subprocess.Popen(
        command_line(*parameters), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def end(process, number=signal.SIGINT):
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert "Traceback" not in out + err and "nanobind" not in err
    return process.returncode

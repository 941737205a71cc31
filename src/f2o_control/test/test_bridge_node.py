"""The bridge as a real process over DDS."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from checker import violations
from conftest import CONFIG

rclpy = pytest.importorskip("rclpy", reason="rclpy is not installed: no node can run")

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from f2o_nodekit.pace import Pace, request_fifo  # noqa: E402
from f2o_nodekit.ros import latched, reliable  # noqa: E402
from f2o_nodekit.stamps import from_ns, to_ns  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.signals import SignalHandlerOptions  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_msgs.msg import Float64MultiArray, String  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402
from trajectory_msgs.msg import JointTrajectory  # noqa: E402

NAMES = [f"panda_joint{i}" for i in range(1, 8)]
ALL = [*NAMES, "gripper_width"]
SPEED = 0.2  # rad/s of joint 1, back and forth
ENVIRONMENT = {"ROS_DOMAIN_ID": "33", "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}  # never a real arm


class Lab:
    """An arm that goes where it is told, a source of targets, and ears for what the bridge says."""

    def __init__(self, home):
        self.home, self.arm_at = home, list(home)
        self.states = self.targets = False
        self.change = lambda msg: msg  # spoils a target
        self.commands, self.trajectories, self.widths = [], [], []
        self.mode, self.diagnosis, self.last_target_ns = "", {}, 0
        self._news, self._ending = threading.Condition(), threading.Event()
        self.context = rclpy.Context()
        rclpy.init(context=self.context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = rclpy.create_node("lab", context=self.context)
        self._states = self.node.create_publisher(JointState, "/franka/joint_states", reliable())
        self._targets = self.node.create_publisher(JointState, "/f2o/joint_target", reliable())
        hear = self.node.create_subscription
        hear(JointState, "/f2o/joint_command", self._on_command, reliable(50))
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
                names = ["panda_finger_joint1", *reversed(NAMES)]  # order is no promise
                self._states.publish(JointState(name=names, position=[0.02, *reversed(self.arm_at)]))
            if self.targets:
                self._targets.publish(self.change(self.target(time.monotonic() - began)))

    def target(self, t):
        phase = 2 * np.pi * 0.4 * t
        msg = JointState(name=ALL, position=[*self.home, 0.05], velocity=[0.0] * 8)
        msg.position[0] += SPEED / (2 * np.pi * 0.4) * np.sin(phase)
        msg.velocity[0] = SPEED * np.cos(phase)
        msg.header.frame_id = "policy"
        self.last_target_ns = self.node.get_clock().now().nanoseconds
        msg.header.stamp = from_ns(self.last_target_ns, type(msg.header.stamp))
        return msg

    def _on_command(self, msg):
        with self._news:
            self.arm_at = list(msg.position[:7])
            self.commands.append(
                (to_ns(msg.header.stamp), list(msg.position), list(msg.velocity), msg.header.frame_id)
            )
            self._news.notify_all()

    def _on_trajectory(self, msg):
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
                    self._news.notify_all()

    def wait(self, condition, timeout=30.0):
        with self._news:
            assert self._news.wait_for(condition, timeout), (self.mode, self.diagnosis)

    def wait_commands(self, count):
        until = len(self.commands) + count
        self.wait(lambda: len(self.commands) >= until)

    def call(self, name):
        client = self.clients[name]
        assert client.wait_for_service(timeout_sec=30.0)
        done, future = threading.Event(), client.call_async(Trigger.Request())
        future.add_done_callback(lambda _: done.set())
        assert done.wait(30.0)
        return future.result()

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

    def violations(self):
        """Limits left by the commands, wherever none is missing between two."""
        runs, before = [[]], None
        for stamp, position, *_ in self.commands:
            if before is not None and stamp - before > 13_000_000:
                runs.append([])
            runs[-1].append(position[:7])
            before = stamp
        return [text for run in runs if len(run) > 3 for text in violations(run, moving=True)]


@pytest.fixture(scope="module", autouse=True)
def alone():
    before = {key: os.environ.get(key) for key in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    yield
    for key, value in before.items():
        os.environ.pop(key) if value is None else os.environ.__setitem__(key, value)


@pytest.fixture
def lab(home):
    lab = Lab([float(q) for q in home])
    yield lab
    lab.close()


def start(*parameters):
    given = [word for p in (f"config:={CONFIG / 'bridge.yaml'}", *parameters) for word in ("-p", p)]
    return subprocess.Popen(
        [sys.executable, "-m", "f2o_control.bridge_node", "--ros-args", *given],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process, number=signal.SIGINT):
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert "Traceback" not in out + err and "nanobind" not in err
    return process.returncode


@pytest.fixture
def bridge():
    process = start()
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_without_joint_states_arming_is_refused_and_ctrl_c_is_quiet(bridge, lab):
    lab.wait(lambda: lab.mode == "disarmed")
    answer = lab.call("arm")
    assert not answer.success
    assert answer.message.startswith("not armed: no joint states with panda_joint1, ")
    assert lab.commands == [] and lab.trajectories == []
    began = time.monotonic()
    assert end(bridge) == 0
    assert time.monotonic() - began < 3.0


def test_armed_it_follows_and_holds_when_the_targets_stop(bridge, lab):
    lab.states = lab.targets = True
    lab.arm()
    lab.wait(lambda: lab.mode == "policy")
    lab.wait_commands(200)
    *_, velocity, source = lab.commands[-1]
    assert source == "policy" and abs(velocity[0]) <= SPEED * 1.1
    trajectory = lab.trajectories[-1]
    assert trajectory.joint_names == NAMES and not any(trajectory.points[-1].velocities)
    assert trajectory.points[0].time_from_start.nanosec == 8_000_000
    lab.targets = False
    lab.wait(lambda: lab.mode == "hold")
    lab.wait_commands(60)
    held = next(c for c in lab.commands if c[3] == "hold")
    assert (held[0] - lab.last_target_ns) / 1e9 < 0.150
    assert lab.commands[-1][2][:7] == [0.0] * 7
    assert lab.violations() == []
    assert lab.widths == [[0.05]]
    lab.wait(lambda: lab.diagnosis.get("mode") == "hold")
    assert lab.diagnosis["level"] == b"\x01" and lab.diagnosis["message"].startswith(
        "hold: no target for 0.1"
    )
    assert float(lab.diagnosis["period_ms.p50"]) == pytest.approx(8.0, abs=0.2)
    assert end(bridge, signal.SIGTERM) == 0


def spoil_nan(msg):
    msg.position[2] = float("nan")
    return msg


def spoil_names(msg):
    msg.name = [*NAMES, "elbow"]
    return msg


def drop_name(msg):
    msg.name, msg.position, msg.velocity = ALL[1:], list(msg.position)[1:], []
    return msg


def spoil_stamp(msg):
    msg.header.stamp.sec -= 3
    return msg


def permute(msg):
    msg.name = ALL[::-1]
    msg.position, msg.velocity = list(msg.position)[::-1], list(msg.velocity)[::-1]
    return msg


BAD = {
    spoil_nan: "refused.not_finite",
    spoil_names: "refused.names_unknown",
    drop_name: "refused.names_missing",
    spoil_stamp: "refused.stale",
}


def test_bad_targets_end_in_hold_and_permuted_ones_are_followed(bridge, lab):
    lab.states = lab.targets = True
    lab.change = permute
    lab.arm()
    for spoil in BAD:
        lab.until_policy()
        lab.wait_commands(30)
        assert abs(lab.commands[-1][1][0] - lab.home[0]) < 0.2
        lab.change = spoil
        lab.wait(lambda: lab.mode == "hold")
        lab.change = permute
    lab.wait(lambda: all(int(lab.diagnosis.get(key, 0)) > 5 for key in BAD.values()))
    assert lab.violations() == []
    assert end(bridge) == 0


def test_the_wrong_configuration_is_one_sentence():
    process = start("adapter:=ros1")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2 and out == ""
    assert err.strip().endswith("adapter: expected crisp or jtc or multipanda or null or udp, got 'ros1'")
    assert err.count("\n") == 1

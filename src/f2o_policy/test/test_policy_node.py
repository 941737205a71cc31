"""The policy node as a process over real DDS, with inputs that come and are of no use."""

import contextlib
import dataclasses
import itertools
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: no node can run")
pytest.importorskip("f2o_msgs.msg", reason="f2o_msgs is not built (colcon build)")
import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from f2o_nodekit.ros import reliable
from f2o_nodekit.stamps import from_ns
from f2o_perception.convert import observation_to_msg
from f2o_policy.checkpoint import save_checkpoint
from f2o_policy.data.normalise import MinMax
from rclpy.executors import SingleThreadedExecutor
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from test_engine import checkpoint_of
from toys import observation

from f2o_msgs.msg import JointTarget, Observation

ARM = tuple(f"panda_joint{i}" for i in range(1, 8))
FINGERS = ("panda_finger_joint1", "panda_finger_joint2")
DOMAIN = int(os.environ.get("ROS_DOMAIN_ID", "32"))
LOCAL = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST", "ROS_DOMAIN_ID": str(DOMAIN)}


def fitting(checkpoint):
    """The checkpoint as of demonstrations within a Panda's limits."""
    limits = MinMax(
        (-2.0, -1.5, -2.0, -3.0, -2.0, 0.0, -2.0, 0.0), (2.0, 1.5, 2.0, -0.1, 2.0, 3.0, 2.0, 0.08)
    )
    normaliser = dataclasses.replace(checkpoint.normaliser, proprio=limits, action=limits)
    return dataclasses.replace(checkpoint, normaliser=normaliser)


class Cell:
    """A perception and a robot that publish at 30 and 125 Hz; ``shift_s``: what their clocks are ahead."""

    def __init__(self):
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=DOMAIN)
        self.node = rclpy.create_node("cell", context=self.context)
        self.targets, self.told = [], ("", b"")
        self.timed_targets = []  # of the node that lives by /clock
        self.make_well()
        self._observations = self.node.create_publisher(Observation, "/f2o/observation", reliable())
        self._arm = self.node.create_publisher(JointState, "/franka/joint_states", reliable())
        self._fingers = self.node.create_publisher(JointState, "/franka_gripper/joint_states", reliable())
        self.node.create_subscription(JointTarget, "/f2o/joint_target", self.targets.append, reliable())
        self.node.create_subscription(
            JointTarget, "/timed/joint_target", self.timed_targets.append, reliable()
        )
        self._clock = self.node.create_publisher(Clock, "/clock", 10)
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._hear, reliable())
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._publish)
        self._thread.start()

    def make_well(self):
        self.shift_s = {"observation": 0.0, "joints": 0.0}
        self.seeing, self.names, self.positions = True, list(ARM), [0.0] * 7
        self.clocking = True

    def close(self):
        self._end.set()
        self._thread.join()
        self.node.destroy_node()
        self.context.try_shutdown()

    def wait(self, condition, timeout_s=40.0):
        end = time.monotonic() + timeout_s
        while not (result := condition()) and time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.1)
        return result

    def _publish(self):
        rng = np.random.default_rng(0)
        for tick in itertools.count():
            if self._end.wait(0.008):
                return
            now = self.node.get_clock().now().nanoseconds
            if self.clocking:
                self._clock.publish(Clock(clock=from_ns(now, Time)))
            self._send(self._arm, now, self.names, self.positions)
            self._send(self._fingers, now, FINGERS, [0.02, 0.02])
            if tick % 4 == 0 and self.seeing:
                stamp = now + round(self.shift_s["observation"] * 1e9)
                seen = observation(rng, stamp, np.zeros(7))
                self._observations.publish(observation_to_msg(seen, "panda_link0"))

    def _send(self, publisher, now, names, positions):
        msg = JointState(name=names, position=positions)
        msg.header.stamp = from_ns(now + round(self.shift_s["joints"] * 1e9), Time)
        publisher.publish(msg)

    def _hear(self, msg):
        for status in msg.status:
            if status.name == "policy_node: loop":
                self.told = (status.message, status.level)


def start(folder, *words):
    """A policy node that is configured in ``folder``."""
    arguments = ["--ros-args", "-p", f"config:={folder}/policy.yaml", *words]
    command = [sys.executable, "-m", "f2o_policy.policy_node", *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


@contextlib.contextmanager
def running(folder, checkpoint):
    """A cell with a policy node that runs ``checkpoint``."""
    before = {key: os.environ.get(key) for key in LOCAL}
    os.environ.update(LOCAL)
    save_checkpoint(folder / "student.pt", checkpoint)
    (folder / "policy.yaml").write_text("checkpoint: student.pt\nbackend: torch\nfifo_priority: 0\n")
    process = start(folder)
    cell = Cell()
    try:
        yield cell, process
    finally:
        cell.close()
        process.kill()
        process.communicate()
        for key, value in before.items():
            os.environ.pop(key) if value is None else os.environ.__setitem__(key, value)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("policy")


@pytest.fixture(scope="module")
def cell(folder):
    with running(folder, fitting(checkpoint_of("student"))) as (cell, process):
        assert cell.wait(lambda: cell.targets or process.poll() is not None, 90.0)
        assert process.poll() is None, process.stderr.read()
        yield cell


@pytest.fixture(autouse=True)
def all_is_well(cell):
    cell.make_well()
    assert cell.wait(lambda: cell.told == ("ok", b"\x00")), cell.told


def is_error(cell, sentence):
    """Whether the node comes to say it, in error and without targets."""
    if not cell.wait(lambda: cell.told[0].startswith(sentence) and cell.told[1] == b"\x02"):
        return False
    cell.targets.clear()
    cell.wait(lambda: cell.targets, 0.5)
    return not cell.targets


def test_observations_that_come_too_old_are_an_error_with_age_and_limit(cell):
    cell.shift_s["observation"] = -2.0
    assert is_error(cell, "observations come 2.0"), cell.told
    assert cell.told[0].endswith(" s old; 0.3 s is the most: a slow link, or two clocks that differ")


def test_observations_from_the_future_are_an_error_with_the_offset(cell):
    cell.shift_s["observation"] = 5.0
    assert is_error(cell, "observations come stamped "), cell.told
    assert cell.told[0].endswith(" s ahead of this PC's clock; 0.3 s is the most: two clocks differ")


def test_observations_that_stop_are_an_error_with_the_time_since(cell):
    cell.seeing = False
    assert is_error(cell, "no observation for "), cell.told


def test_joint_states_that_come_too_old_are_an_error_with_age_and_limit(cell):
    cell.shift_s["joints"] = -0.25
    assert is_error(cell, "joint states come 0.2"), cell.told


def test_joint_states_of_another_robot_are_an_error_that_names_both(cell):
    cell.names = [name.replace("panda", "fr3") for name in ARM]
    assert is_error(cell, "no joint state for "), cell.told
    assert ": /franka/joint_states: no position for panda_joint1, " in cell.told[0]
    assert "only for fr3_joint1, " in cell.told[0]


def test_joint_states_without_positions_are_an_error(cell):
    cell.positions = []
    assert is_error(cell, "no joint state for "), cell.told
    assert "expected 7 positions for 7 names" in cell.told[0]


def test_targets_stop_with_the_clock_and_come_again_with_it(cell, folder):
    renamed = ("-r", "__node:=timed_policy", "-r", "/f2o/joint_target:=/timed/joint_target")
    process = start(folder, *renamed, "-p", "use_sim_time:=true")
    try:
        assert cell.wait(lambda: cell.timed_targets or process.poll() is not None, 90.0)
        assert process.poll() is None, process.stderr.read()
        cell.clocking = False
        cell.wait(lambda: False, 1.0)
        cell.timed_targets.clear()
        cell.wait(lambda: cell.timed_targets, 1.0)
        assert not cell.timed_targets
        cell.clocking = True
        assert cell.wait(lambda: cell.timed_targets)
    finally:
        process.kill()
        process.communicate()

"""enable_node as a process over DDS, with a stand-in for evdev: this machine has no input devices."""

import signal
import time

import pytest

rclpy = pytest.importorskip("rclpy", reason="no rclpy: no node can run")
from f2o_nodekit.ros import best_effort  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from std_msgs.msg import Bool  # noqa: E402
from test_processes import WAIT_S, Node  # noqa: E402

EVDEV = """
from pathlib import Path
from types import SimpleNamespace
HERE = Path(__file__).parent
ecodes = SimpleNamespace(ecodes={"KEY_B": 48})
def list_devices():
    return ["/dev/input/event7"]
class InputDevice:
    name = "pedal"
    def __init__(self, path): pass
    def capabilities(self): return {1: [48]}
    def grab(self): pass
    def close(self): pass
    def active_keys(self):
        if (HERE / "unplugged").exists():
            raise OSError(19, "No such device")
        return [48] if (HERE / "down").exists() else []
"""


@pytest.fixture
def ears(monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", "34")  # test_processes.environment
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("ears", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    said = []
    node.create_subscription(Bool, "/f2o/enable", lambda msg: said.append(msg.data), best_effort(100))

    def until(met):
        said.clear()
        deadline = time.monotonic() + WAIT_S
        while not met(said):
            assert time.monotonic() < deadline, said
            executor.spin_once(timeout_sec=0.1)

    yield until
    node.destroy_node()
    context.try_shutdown()


def test_it_says_again_and_again_whether_the_pedal_is_held(ears, tmp_path, monkeypatch):
    stand_in = tmp_path / "stand_in"
    stand_in.mkdir()
    (stand_in / "evdev.py").write_text(EVDEV)
    monkeypatch.syspath_prepend(str(stand_in))
    node = Node("enable_node", "device: pedal\n", tmp_path)
    try:
        ears(lambda said: len(said) >= 10 and not any(said))
        (stand_in / "down").touch()
        ears(lambda said: said[-10:] == [True] * 10)
        (stand_in / "unplugged").touch()
        ears(lambda said: said[-10:] == [False] * 10)
    finally:
        status, said = node.end(signal.SIGINT)
    assert status == 0 and "enable switch: pedal has disappeared (No such device)" in said, said


def test_without_a_device_it_ends_with_one_sentence(tmp_path):
    node = Node("enable_node", "key: KEY_B\n", tmp_path)
    assert node.process.wait(WAIT_S) == 2
    said = node.errors.read_text()
    assert "device: expected the name or the path of an input device" in said and "Traceback" not in said

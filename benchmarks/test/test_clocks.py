"""Commands that live 0.1 s arrive at a PC whose clock is another: their life is counted where they are sent."""

import os
import subprocess
import sys
import time

import pytest

rclpy = pytest.importorskip("rclpy", reason="rclpy is not installed: no node can run")
from f2o_control.convert import COMMAND_LIFESPAN_S  # noqa: E402
from f2o_nodekit.ros import reliable  # noqa: E402
from std_msgs.msg import String  # noqa: E402

from benchmarks.faults.lab_node import Clock  # noqa: E402

LISTENER = """
import sys, time
import rclpy
from rclpy.qos import QoSProfile
from std_msgs.msg import String

ages, wanted = [], int(sys.argv[1])
rclpy.init()
node = rclpy.create_node("listener")
heard = lambda msg: ages.append(time.time() - float(msg.data))
node.create_subscription(String, "command", heard, QoSProfile(depth=10))
end = time.monotonic() + 60
while len(ages) < wanted and time.monotonic() < end:
    rclpy.spin_once(node, timeout_sec=0.1)
print(len(ages), min(ages, default=0), flush=True)
"""
WANTED = 50
OFF_S = (0.0, 1.0, -1.0, 3600.0)  # the first shows that it is the others' clocks that are set


def test_no_command_is_too_old_for_a_clock_that_is_ahead(tmp_path, monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", "47")  # whatever the shell says: other packages test at the same time
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("sender", context=context)
    commands = node.create_publisher(String, "command", reliable(1, COMMAND_LIFESPAN_S))
    listeners = []
    try:
        for k, off_s in enumerate(OFF_S):
            clock = Clock(tmp_path, f"pc{k}")
            clock.step(off_s)
            words = [sys.executable, "-c", LISTENER, str(WANTED)]
            listeners.append(
                subprocess.Popen(words, env=os.environ | clock.environment, stdout=subprocess.PIPE, text=True)
            )
        while any(listener.poll() is None for listener in listeners):
            commands.publish(String(data=str(time.time())))
            time.sleep(0.02)  # the bridge's pace, not a wait
        for listener, off_s in zip(listeners, OFF_S, strict=True):
            count, age_s = listener.stdout.read().split()
            assert int(count) == WANTED, f"a clock that is {off_s:g} s ahead"
            assert off_s <= float(age_s) + 1e-3 < off_s + 0.5
    finally:
        for listener in listeners:
            listener.kill()
            listener.wait()
            listener.stdout.close()
        node.destroy_node()
        rclpy.shutdown(context=context)

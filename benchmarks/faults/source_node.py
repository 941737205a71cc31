"""A process that a test may kill: ``source_node policy Q1 .. Q7`` sends targets that move joint 1 to and fro about
the posture given, ``source_node camera`` observations, whose stamp SIGUSR1 freezes.
"""

import argparse
import os
import signal
import time

import numpy as np
import rclpy
from f2o_control.testing.lab_node import ALL, SPEED
from f2o_nodekit.pace import Pace, request_fifo
from f2o_nodekit.ros import reliable
from f2o_nodekit.stamps import from_ns
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState

from f2o_msgs.msg import Observation

HZ = 0.2  # of the motion: 0.16 rad to either side


def target(home, time_s, stamp_ns):
    """Where joint 1 shall be ``time_s`` seconds after the start."""
    phase = 2 * np.pi * HZ * time_s
    msg = JointState(name=ALL, position=[*home, 0.05], velocity=[0.0] * 8)
    msg.position[0] += SPEED / (2 * np.pi * HZ) * np.sin(phase)
    msg.velocity[0] = SPEED * np.cos(phase)
    msg.header.frame_id = "policy"
    msg.header.stamp = from_ns(stamp_ns, type(msg.header.stamp))
    return msg


def observation(stamp_ns):
    """An observation whose images say nothing."""
    msg = Observation(view_names=["wrist"], image_size=64, rgb=bytes(64 * 64 * 3))
    msg.header.stamp = from_ns(stamp_ns, type(msg.header.stamp))
    return msg


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("policy", "camera"))
    parser.add_argument("home", type=float, nargs="*")
    given = parser.parse_args()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node(f"fault_{given.kind}_{os.getpid()}")
    policy = given.kind == "policy"
    kind, topic = (JointState, "/f2o/joint_target") if policy else (Observation, "/f2o/observation")
    out = node.create_publisher(kind, topic, reliable())
    request_fifo(31)
    pace, began, frozen = Pace(0.008 if policy else 0.033), time.monotonic(), []
    signal.signal(signal.SIGUSR1, lambda *_: frozen.append(time.time_ns()))
    while True:
        pace.wait()
        if policy:
            out.publish(target(given.home, time.monotonic() - began, time.time_ns()))
        else:
            out.publish(observation(frozen[0] if frozen else time.time_ns()))


if __name__ == "__main__":
    main()

"""Sources that a fault may hit (ROS): ``source_node policy Q1 .. Q7`` or ``source_node camera``.

The policy publishes targets that move joint 1 to and fro about the posture given, stamped with the last observation.
The camera publishes observations; SIGUSR1 freezes their stamp.
"""

from __future__ import annotations

import argparse
import os
import signal
import time

import rclpy
from f2o_control.testing.lab_node import to_and_fro
from f2o_nodekit.pace import Pace, request_fifo
from f2o_nodekit.ros import patient_publisher, reliable
from f2o_nodekit.stamps import from_ns
from rclpy.signals import SignalHandlerOptions

from f2o_msgs.msg import JointTarget, Observation

HZ = 0.2  # of the motion: 0.16 rad to either side


def observation(stamp_ns: int) -> Observation:
    """An observation with black images."""
    msg = Observation(view_names=["wrist"], image_size=64, rgb=bytes(64 * 64 * 3))
    msg.header.stamp = from_ns(stamp_ns, type(msg.header.stamp))
    return msg


def main() -> None:
    """Publish until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("policy", "camera"))
    parser.add_argument("home", type=float, nargs="*")
    given = parser.parse_args()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node(f"fault_{given.kind}_{os.getpid()}")
    policy, seen = given.kind == "policy", []
    kind, topic = (JointTarget, "/f2o/joint_target") if policy else (Observation, "/f2o/observation")
    out = patient_publisher(node, kind, topic, reliable())
    if policy:
        node.create_subscription(Observation, "/f2o/observation", seen.append, reliable())
    request_fifo(31)
    pace, began, frozen = Pace(0.008 if policy else 0.033), time.monotonic(), []
    signal.signal(signal.SIGUSR1, lambda *_: frozen.append(time.time_ns()))
    while True:
        pace.wait()
        if policy:
            rclpy.spin_once(node, timeout_sec=0.0)
            msg = to_and_fro(given.home, time.monotonic() - began, HZ, time.time_ns())
            if seen:
                msg.observation_stamp = seen[-1].header.stamp
                del seen[:-1]
            out.publish(msg)
        else:
            out.publish(observation(frozen[0] if frozen else time.time_ns()))


if __name__ == "__main__":
    main()

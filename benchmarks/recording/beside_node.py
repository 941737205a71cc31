"""Arms a policy, and has a recorder come and go beside it (ROS)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rclpy
from f2o_bringup.processes import Running
from f2o_teleop.testing.operator_node import Operator
from tqdm import tqdm

WARM_S = 5.0


def in_turns(
    running: Running, turns: int, seconds: float, recording: Callable[[], Any]
) -> list[tuple[bool, int, int]]:
    """Phases (the recorder recorded, begin, end [ROS ns]) of a policy that runs all the time.

    Raises:
        TeleopError: a node does not get ready in a minute. EndedError: a node has ended.
    """
    rclpy.init()
    operator = Operator(running.check)
    try:
        operator.arm("policy")
        operator.spin(WARM_S)
        phases = []
        for _ in tqdm(range(turns), unit="turn"):
            operator.arm("policy")
            phases.append((False, *_phase(operator, seconds)))
            with recording() as recorder:
                operator.recorder = ""
                operator.until(lambda: operator.recorder == "ready", "the recorder")
                operator.command("start", "recording")
                recorder.begin()
                operator.arm("policy")
                phases.append((True, *_phase(operator, seconds)))
                recorder.end()
                operator.command("success", "saved")
        return phases
    finally:
        operator.destroy_node()
        rclpy.try_shutdown()


def _phase(operator: Operator, seconds: float) -> tuple[int, int]:
    begin = operator.get_clock().now().nanoseconds
    operator.spin(seconds)
    return begin, operator.get_clock().now().nanoseconds

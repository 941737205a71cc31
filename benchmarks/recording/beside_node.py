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
        TeleopError: somebody does not do their part. EndedError: a node has ended.
    """
    rclpy.init()
    company = Operator(running.check)
    try:
        company.arm("policy")
        company.spin(WARM_S)
        phases = []
        for _ in tqdm(range(turns), unit="turn"):
            company.arm("policy")
            phases.append((False, *_phase(company, seconds)))
            with recording() as recorder:
                company.recorder = ""
                company.until(lambda: company.recorder == "ready", "the recorder")
                company.command("start", "recording")
                recorder.begin()
                company.arm("policy")
                phases.append((True, *_phase(company, seconds)))
                recorder.end()
                company.command("success", "saved")
        return phases
    finally:
        company.destroy_node()
        rclpy.try_shutdown()


def _phase(company: Operator, seconds: float) -> tuple[int, int]:
    begin = company.get_clock().now().nanoseconds
    company.spin(seconds)
    return begin, company.get_clock().now().nanoseconds

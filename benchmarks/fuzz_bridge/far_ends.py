"""What the arm is told at the end of each adapter, a millisecond at a time."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from f2o_control.bridge import Sent
from f2o_control.config import BridgeConfig
from f2o_control.robot import RobotDescription
from f2o_control.testing.executed import FarEnd
from f2o_rt.testing import Rig


class End(Protocol):
    """An adapter and what is behind it.

    Attributes:
        follows_stop: as of the adapter.
        holds: whether set-points stay what the last message said.
        refused: messages that came too late.
    """

    follows_stop: bool
    holds: bool
    refused: int

    def send(self, sent: Sent, mono_ns: int) -> None:
        """Send one tick's command."""

    def step(self, mono_ns: int) -> tuple[np.ndarray, np.ndarray]:
        """The set-point of this millisecond: positions [rad] and velocities [rad/s]."""

    def problem(self, mono_ns: int) -> str:
        """Why the adapter cannot be used; '' where it can."""

    def recover(self) -> None:
        """Recover the far end."""


class _Receiver(Rig):
    """f2o_rt, its simulated arm and a network of 0.2 ms; whoever has it sends."""

    far_problem = ""

    def _bridge(self) -> None:
        self.far_problem = self.adapter.poll(0).problem


class UdpEnd:
    """f2o_rt itself."""

    holds, refused = False, 0

    def __init__(self, robot: RobotDescription) -> None:
        self._receiver = _Receiver(robot.name)
        self.follows_stop = self._receiver.adapter.follows_stop

    def send(self, sent: Sent, mono_ns: int) -> None:
        """Send one tick's command."""
        self._receiver.adapter.send(sent.command, sent.gripper_width)

    def step(self, mono_ns: int) -> tuple[np.ndarray, np.ndarray]:
        """The set-point of this millisecond: positions [rad] and velocities [rad/s]."""
        self._receiver.step()
        told = self._receiver.out
        del told[:-3], self._receiver.states[:-1]
        return told[-1], (told[-1] - told[max(len(told) - 2, 0)]) * 1000.0

    def problem(self, mono_ns: int) -> str:
        """What the adapter reports."""
        return self._receiver.far_problem

    def recover(self) -> None:
        """Ask the receiver to."""
        self._receiver.adapter.recover()


def far_end(robot: RobotDescription, config: BridgeConfig) -> End:
    """The far end of the adapter that ``config`` names."""
    return UdpEnd(robot) if config.adapter == "udp" else FarEnd(robot, config)

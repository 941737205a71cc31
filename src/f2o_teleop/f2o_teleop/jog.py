"""The device's twist as a stream of joint targets; the core of teleop_node."""

from dataclasses import dataclass

import numpy as np

from f2o_teleop.device import Axes
from f2o_teleop.frames import DeviceFrame, base_frame
from f2o_teleop.ik import DifferentialIk, IkStatus, Joints
from f2o_teleop.mapping import TwistMapping


@dataclass(frozen=True)
class JogTarget:
    """Target of arm and gripper, one period from now."""

    positions: Joints  # rad
    velocities: Joints  # rad/s
    gripper_width: float  # m


@dataclass(frozen=True)
class Measured:
    """Measured state of arm and gripper."""

    positions: Joints  # rad
    gripper_width: float  # m


class Jog:
    """Integrates twists into joint targets while the arm follows; otherwise the target is where the arm is."""

    def __init__(
        self,
        ik: DifferentialIk,
        mapping: TwistMapping,
        open_width: float = 0.08,
        closed_width: float = 0.0,
        max_lag_rad: float = 0.25,
        frame: DeviceFrame = base_frame,
    ) -> None:
        """`max_lag_rad`: the target waits while the arm is further behind than this, in any joint."""
        self._frame = frame
        self._ik, self._mapping = ik, mapping
        self._open, self._closed, self._max_lag = open_width, closed_width, max_lag_rad
        self._width: float | None = None
        self.lag_rad = 0.0

    @property
    def status(self) -> IkStatus:
        """Result of the newest step."""
        return self._ik.status

    def step(self, axes: Axes | None, toggle_gripper: bool, measured: Measured, following: bool) -> JogTarget:
        """One period: the next target; with axes of None it stands still, also in the null space."""
        if not following:
            return self._anchor(measured)
        if self._width is None:
            self._width = measured.gripper_width
        if toggle_gripper:
            closing = self._width > (self._open + self._closed) / 2
            self._width = self._closed if closing else self._open
        before = self._ik.q
        self.lag_rad = float(np.abs(before - measured.positions).max())
        if axes is None:
            return JogTarget(before, np.zeros(7), self._width)
        waits = self.lag_rad > self._max_lag
        after = self._ik.step_twist(np.zeros(6) if waits else self._twist(axes, before))
        return JogTarget(after, (after - before) / self._ik.dt, self._width)

    def _twist(self, axes: Axes, q: Joints) -> Axes:
        """The device's twist in base axes."""
        linear, angular = self._mapping(axes).reshape(2, 3)
        rotation = self._frame(q)
        return np.concatenate([rotation @ linear, rotation @ angular])

    def _anchor(self, measured: Measured) -> JogTarget:
        """Move the target to where the arm is, so that a later start has no jump."""
        self._ik.reset(measured.positions)
        self._width = measured.gripper_width
        self.lag_rad = 0.0
        return JogTarget(self._ik.q, np.zeros(7), measured.gripper_width)

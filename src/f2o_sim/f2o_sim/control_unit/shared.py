"""Memory that a control unit and the simulator of its arm share, each in a process of its own.

Set-points and the fingers' goal go one way, measurements the other. Neither side waits for the other: the control unit
keeps its millisecond whatever the simulator is doing, and the simulator reads set-points by their time.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Callable

import numpy as np
from f2o_control.limits import Joints
from f2o_rt.clock import CycleClock
from jaxtyping import Float64

from f2o_sim.control_unit.arm import Measured

KEPT = 512  # set-points, one a millisecond: more than the simulator may be behind
CYCLE_NS = 1_000_000
DELAY_NS = 5 * CYCLE_NS  # of the arm behind its set-points, so that a set-point that is late is still in time
COAST_NS = 20 * CYCLE_NS  # how long the velocity of the last set-point counts
SET_POINT = [("mono_ns", "<i8"), ("placed", "<u8"), ("position", "<f8", 7), ("velocity", "<f8", 7)]
MEASURED = [
    *((name, "<f8", 7) for name in ("position", "velocity", "torque", "external")),
    ("width", "<f8"),
]
BLOCK = np.dtype(
    [
        ("set_points", SET_POINT, KEPT),
        ("newest", "<u8"),  # how many there have been
        ("mass", "<f8"),
        ("center", "<f8", 3),
        ("goal", "<f8"),  # of the fingers [m]
        ("force", "<f8"),
        ("goal_placed", "<u8"),
        ("measured", MEASURED),
        ("version", "<u8"),  # of the measurement: odd while it is written
        ("placed", "<u8"),  # how often somebody has put arm and fingers elsewhere
        ("placed_position", "<f8", 7),
        ("placed_width", "<f8"),
    ]
)


def new_block() -> int:
    """The file descriptor of new shared memory; it is inherited."""
    file = os.memfd_create("f2o_control_unit", 0)
    os.ftruncate(file, BLOCK.itemsize)
    return file


class Block:
    """One side's view of the memory behind a file descriptor."""

    def __init__(self, file: int) -> None:
        self._map = mmap.mmap(file, BLOCK.itemsize)
        whole = np.frombuffer(self._map, BLOCK)
        self.of = {name: whole[name] for name in BLOCK.names or ()}  # arrays with one row
        self.set_points, self._measured = whole["set_points"][0], whole["measured"]
        self._last = self._measured[0].copy()

    def count(self, name: str) -> int:
        """A whole number."""
        return int(self.of[name][0])

    def number(self, name: str) -> float:
        """A number."""
        return float(self.of[name][0])

    def write_measured(self, measured: Measured, width: float) -> None:
        """For the control unit."""
        version = self.of["version"]
        version[0] += 1
        into = self._measured
        into["position"][0], into["velocity"][0] = measured.position, measured.velocity
        into["torque"][0], into["external"][0], into["width"][0] = measured.torque, measured.external, width
        version[0] += 1

    def read_measured(self) -> np.void:
        """The newest whole measurement."""
        before = self.count("version")
        seen = self._measured[0].copy()
        if before % 2 == 0 and before == self.count("version"):
            self._last = seen
        return self._last

    def place(self, position: Joints, width: float) -> None:
        """Tell the control unit that arm and fingers have been put elsewhere."""
        self.of["placed_position"][0], self.of["placed_width"][0] = position, width
        self.of["placed"][0] += 1


class SharedArm:
    """The arm as the control unit sees it.

    Args:
        block: shared with the simulator.
        mono_ns: the monotonic clock.
    """

    def __init__(self, block: Block, mono_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._block, self._mono_ns, self._placed = block, mono_ns, block.count("placed")
        self._clock = CycleClock(CYCLE_NS)

    def follow(self, position: Joints, velocity: Joints) -> None:
        """Leave a set-point for the simulator, which executes it ``DELAY_NS`` later."""
        newest = self._block.count("newest")
        row = self._block.set_points[newest % KEPT]
        now_ns = self._mono_ns()
        if (
            abs(now_ns - (self._clock.ns or now_ns)) > COAST_NS
        ):  # a machine too slow for the millisecond: not slewed
            self._clock = CycleClock(CYCLE_NS)
        row["mono_ns"], row["placed"] = self._clock.step(now_ns, 0), self._placed
        row["position"], row["velocity"] = position, velocity
        self._block.of["newest"][0] = newest + 1

    def measure(self) -> Measured:
        """The simulator's newest measurement."""
        seen = self._block.read_measured()
        return Measured(*(np.array(seen[name]) for name in ("position", "velocity", "torque", "external")))

    def placed(self) -> Joints | None:
        """Where the simulator has put the arm since the last call."""
        if (placed := self._block.count("placed")) == self._placed:
            return None
        self._placed, self._clock = placed, CycleClock(CYCLE_NS)
        return self._block.of["placed_position"][0].copy()

    def carry(self, mass: float, center: Float64[np.ndarray, " 3"]) -> None:
        """Have the simulated arm hold up a load."""
        self._block.of["mass"][0], self._block.of["center"][0] = mass, center


class SharedFingers:
    """The fingers as the control unit sees them."""

    def __init__(self, block: Block) -> None:
        self._block, self._placed, self._version = block, block.count("placed"), 0

    @property
    def width(self) -> float:
        """The simulator's newest measurement [m]."""
        return float(self._block.read_measured()["width"])

    def fresh(self) -> bool:
        """Whether the simulator has measured since the last call."""
        before, self._version = self._version, self._block.count("version")
        return self._version != before

    def drive(self, width: float, force: float) -> None:
        """Leave a goal [m] and a force [N] for the simulator."""
        of = self._block.of
        of["goal"][0], of["force"][0], of["goal_placed"][0] = width, force, self._placed

    def placed(self) -> float | None:
        """Where the simulator has put the fingers since the last call [m]."""
        if (placed := self._block.count("placed")) == self._placed:
            return None
        self._placed = placed
        return self._block.number("placed_width")

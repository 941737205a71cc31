"""The simulated arm under a control unit of its own: set-points come from the FCI's clients, not from topics."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
from f2o_nodekit.stamps import NS_PER_S
from f2o_rt.fci import START_RAD
from jaxtyping import Float64

from f2o_sim.control_unit.arm import Measured
from f2o_sim.control_unit.end_effector import HAND_TIP
from f2o_sim.control_unit.shared import COAST_NS, CYCLE_NS, DELAY_NS, KEPT, Block, new_block
from f2o_sim.controller import Trajectory
from f2o_sim.errors import SimError, TrajectoryError
from f2o_sim.robot import FINGER_STIFFNESS
from f2o_sim.world import World

FCI = "udp"  # the adapter whose commands reach the arm through a control unit
END_S = 2.0  # for the process to end


class SetPoints:
    """The arm's controller: the control unit's set-points, by their time.

    Args:
        block: shared with the control unit.
        mono_ns: the monotonic time of a time of the world [ns].
    """

    def __init__(self, block: Block, mono_ns: Callable[[int], int]) -> None:
        self._block, self._mono_ns = block, mono_ns
        self._rest = np.zeros(7)

    def reset(self, q: Float64[np.ndarray, " 7"]) -> None:
        """Rest at ``q`` [rad] until the control unit has heard of it."""
        self._rest = np.array(q)

    def accept(self, trajectory: Trajectory, now_ns: int) -> None:
        """Refuse a trajectory.

        Raises:
            TrajectoryError: always.
        """
        raise TrajectoryError("trajectory: refused: the arm follows the clients of its control unit")

    def leads_away(self) -> bool:
        """Whether the newest set-point lies elsewhere than the arm was put: a client that holds still moves nothing."""
        newest, placed = self._block.count("newest"), self._block.count("placed")
        row = self._block.set_points[(newest - 1) % KEPT]
        if not newest or row["placed"] != placed:
            return False
        return bool(np.abs(row["position"] - self._block.of["placed_position"][0]).max() > START_RAD)

    def desired(self, now_ns: int) -> tuple[Float64[np.ndarray, " 7"], Float64[np.ndarray, " 7"]]:
        """Position [rad] and velocity [rad/s] at the world's time ``now_ns``."""
        due_ns, rows = self._mono_ns(now_ns) - DELAY_NS, self._block.set_points
        number, oldest = self._block.count("newest") - 1, max(self._block.count("newest") - KEPT // 2, 0)
        if number >= 0:  # they are a millisecond apart, or somewhat more
            number -= max((int(rows[number % KEPT]["mono_ns"]) - due_ns) // CYCLE_NS, 0)
        for k in range(number, oldest - 1, -1):
            row = rows[k % KEPT]
            if row["placed"] != self._block.count("placed"):
                break
            if row["mono_ns"] <= due_ns:
                return self._after(row, due_ns - int(row["mono_ns"]))
        return self._rest.copy(), np.zeros(7)

    def _after(self, row: np.void, since_ns: int) -> tuple[np.ndarray, np.ndarray]:
        coasts = since_ns <= COAST_NS
        velocity = np.array(row["velocity"]) if coasts else np.zeros(7)
        self._rest = row["position"] + min(since_ns, COAST_NS) / NS_PER_S * row["velocity"]
        return self._rest.copy(), velocity


class FingerGoal:
    """The gripper's controller: the goal that the control unit's hand leaves."""

    def __init__(self, block: Block, measure: Callable[[], float]) -> None:
        self._block, self._measure, self._rest = block, measure, 0.0

    def reset(self, width: float) -> None:
        """Rest at ``width`` [m] until the hand has heard of it."""
        self._rest = width

    def accept(self, width: float, now_ns: int) -> None:
        """Refuse a goal.

        Raises:
            TrajectoryError: always.
        """
        raise TrajectoryError("gripper: refused: it follows the clients of its control unit")

    def desired(self, now_ns: int) -> float:
        """The width to go to [m], no farther from the fingers than the force asked for reaches."""
        if self._block.count("goal_placed") != self._block.count("placed"):
            return self._rest
        reach = 2 * self._block.number("force") / FINGER_STIFFNESS
        width = self._measure()
        return min(max(self._block.number("goal"), width - reach), width + reach)


class SharedWorld:
    """The world whose arm a control unit moves, and the memory that they share.

    Attributes:
        moved: whether a client has sent the arm anywhere since the world's last reset.

    Args:
        world: obeys the control unit from now on.
        mono_ns: the monotonic time of a time of the world [ns].
    """

    def __init__(self, world: World, mono_ns: Callable[[int], int]) -> None:
        self._world, self._file = world, new_block()
        self.block, self.moved = Block(self._file), False
        self._resets = -1
        self._set_points = SetPoints(self.block, mono_ns)
        world.obey(self._set_points, FingerGoal(self.block, world.gripper_width))
        self.exchange()

    def exchange(self) -> None:
        """Give the measured state, and take the load that the arm is to hold up; a reset of the world is told."""
        world, block = self._world, self.block
        measured = Measured(
            world.joint_positions(), world.joint_velocities(), world.joint_torques(), world.external_torques()
        )
        block.write_measured(measured, world.gripper_width())
        if world.resets != self._resets:
            self._resets, self.moved = world.resets, False
            block.place(measured.position, world.gripper_width())
        self.moved = self.moved or self._set_points.leads_away()
        mass = block.number("mass")
        center = HAND_TIP[:3, :3].T @ (block.of["center"][0] - HAND_TIP[:3, 3])
        world.carry(mass, center)

    def close(self) -> None:
        """Give the memory back; the world needs other controllers then."""
        os.close(self._file)


class ControlUnitProcess(SharedWorld):
    """A control unit in a process of its own."""

    _process: subprocess.Popen[str] | None = None

    def start(self, listen: str, robot: str, *words: str) -> None:
        """Start the process; it listens at the address ``listen`` for clients of ``robot``.

        Raises:
            SimError: it ended at once; the text is its own.
        """
        command = [sys.executable, "-m", "f2o_sim.control_unit", "--robot", robot, "--listen", listen]
        self._process = subprocess.Popen(
            [*command, "--shared", str(self._file), *words],
            pass_fds=[self._file],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None  # as asked for above
        if not self._process.stdout.readline():
            raise SimError(self._last_words(self._process))

    def check(self) -> None:
        """Look whether it still runs.

        Raises:
            SimError: it has ended; the text is its own.
        """
        if self._process is not None and self._process.poll() is not None:
            raise SimError(self._last_words(self._process))

    def stop(self) -> str:
        """End the process; its last line."""
        if self._process is None:
            return ""
        self._process.terminate()
        try:
            out, _ = self._process.communicate(timeout=END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            out, _ = self._process.communicate()
        self._process = None
        return out.strip()

    def _last_words(self, process: subprocess.Popen[str]) -> str:
        _, error = process.communicate()
        return error.strip().splitlines()[-1] if error.strip() else "the control unit has ended"

"""joint_trajectory_controller: one short trajectory per tick, in the controller's own time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from f2o_nodekit.stamps import NS_PER_S
from jaxtyping import Float64, Int64

from f2o_control.adapters.base import Adapter, RosOutput, TrajectoryPlan
from f2o_control.braking import JointState, StopPlan
from f2o_control.limiter import Command

REPEATED_NS = 32_000_000  # of the motion before the step; half of it lies before now: clocks may differ
SAME_NS = 1_000  # two times that mean one


@dataclass(frozen=True)
class _Motion:
    """States at rising times, between which the controller interpolates."""

    times_ns: Int64[np.ndarray, " n"]  # monotonic clock
    states: Float64[np.ndarray, "n 2 joints"]  # position [rad], velocity [rad/s]

    @staticmethod
    def at(mono_ns: int, state: JointState) -> _Motion:
        return _Motion(np.array([mono_ns]), np.stack([state.position, state.velocity])[None])

    @staticmethod
    def stopping(due_ns: int, stop: StopPlan) -> _Motion:
        """What follows on the state at ``due_ns``."""
        after_s = stop.knots[1:]
        states = np.stack(stop.sample(after_s), axis=1)
        states[-1:, 1] = 0.0  # a microsecond before the end it is not quite
        return _Motion(due_ns + np.rint(after_s * NS_PER_S).astype(np.int64), states)

    def then(self, other: _Motion) -> _Motion:
        return _Motion(
            np.concatenate([self.times_ns, other.times_ns]), np.concatenate([self.states, other.states])
        )

    def cut(self, which: slice | np.ndarray) -> _Motion:
        return _Motion(self.times_ns[which], self.states[which])


class JtcAdapter(Adapter):
    """Each trajectory is the motion under way, then the step to the command, then the stop from there.

    It begins at an absolute time and repeats what the arm executes already, so that it may arrive at any moment before
    the step begins: nothing is spliced, however late the tick was. While ticks fail to come the arm is on the stop, and
    the next trajectory goes on from that place on it (``Bridge.tick``). When the bridge dies, the arm follows the stop
    to its end. The stop's points are those at which a joint's jerk changes, between which the controller's cubics
    are the stop itself, so it keeps every limit. The controller requires the zero velocity at the end, and has to
    splice from the desired state instead of the measured one: config/controllers.yaml.

    The first trajectory after arming has no start: it brings the controller, whatever it holds, to where the arm is.
    """

    output = RosOutput(TrajectoryPlan, "trajectory")
    controller = "joint_trajectory_controller"
    says_what_it_holds = True
    follows_stop = True

    def __init__(self, joint_names: tuple[str, ...]) -> None:
        self._joint_names = joint_names
        self._motion: _Motion | None = None  # up to the last command
        self._last: Command | None = None
        self._before: tuple[_Motion | None, Command | None] = (None, None)  # the last one was sent

    def send(self, command: Command, gripper_width: float) -> TrajectoryPlan:
        """The trajectory for ``command``."""
        self._before = self._motion, self._last
        duration_ns = round(command.duration_s * NS_PER_S)
        if not command.due_mono_ns:
            self._motion = self._last = None
            return self._plan(_Motion.at(duration_ns, command.state), 0, 0)
        start_ns = command.due_mono_ns - duration_ns
        motion = self._until(start_ns, command.start)
        motion = motion.cut(slice(max(int((motion.times_ns <= start_ns - REPEATED_NS).sum()) - 1, 0), None))
        self._motion = motion.then(_Motion.at(command.due_mono_ns, command.state))
        self._last = command
        whole = self._motion.then(_Motion.stopping(command.due_mono_ns, command.stop))
        first_ns = int(whole.times_ns[0])
        return self._plan(whole, first_ns, first_ns + command.ros_offset_ns)

    def take_back(self) -> None:
        """See ``Adapter``."""
        self._motion, self._last = self._before

    def _until(self, start_ns: int, start: JointState) -> _Motion:
        """The motion up to the beginning of the step: along the last stop where ticks were left out."""
        if self._motion is None or self._last is None:
            return _Motion.at(start_ns - REPEATED_NS, start).then(_Motion.at(start_ns, start))
        if start_ns - self._last.due_mono_ns <= SAME_NS:
            return self._motion
        stop = _Motion.stopping(self._last.due_mono_ns, self._last.stop)
        passed = stop.cut(stop.times_ns < start_ns - SAME_NS)
        return self._motion.then(passed).then(_Motion.at(start_ns, start))

    def _plan(self, motion: _Motion, first_ns: int, start_ros_ns: int) -> TrajectoryPlan:
        positions, velocities = motion.states[:, 0], motion.states[:, 1]
        return TrajectoryPlan(
            self._joint_names, start_ros_ns, motion.times_ns - first_ns, positions, velocities
        )

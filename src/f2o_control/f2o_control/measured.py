"""The measured joints, whether they can be believed, and whether the arm follows its commands."""

from __future__ import annotations

from collections import deque

import numpy as np
from f2o_nodekit.latest import Latest
from f2o_nodekit.stamps import NS_PER_S

from f2o_control.limits import Joints
from f2o_control.staleness import StampOrder

DOUBT_NS = 500_000_000  # for so long after a joint state that cannot be the arm's no motion begins
HELD_RAD = 0.05  # from where a controller holds an arm to where it is: a servo sags less
STILL_NS, STILL_RAD = 200_000_000, 0.01  # an arm at rest has moved by less within that time
JUMP_RAD, FASTER = (
    0.05,
    2.0,
)  # a joint state may be so far from the last, and so much faster than the arm can move
KEPT = 256  # joint states
SWING_NS, SWING_RAD, SWING_SHARE = (
    500_000_000,
    0.05,
    0.1,
)  # commands that went so far move an arm by this share at least


LOOK_NS = 32_000_000  # between two looks at whether it does


class MeasuredJoints:
    """The newest joint states. ``offer`` and the other methods may be different threads.

    A joint state that cannot be the arm's is not taken, or casts doubt on them all: one stamped longer ago than
    ``limit_s`` (a bag that is played, another clock), and one further from the last than the arm can move (a second
    publisher, another arm).

    Args:
        names: of the joints.
        topic: of the joint states.
        limit_s: age beyond which they are stale.
        fastest: of each joint [rad/s].
        ahead_s: a stamp further ahead of its arrival is of another clock.
    """

    def __init__(
        self, names: tuple[str, ...], topic: str, limit_s: float, fastest: Joints, ahead_s: float = 0.02
    ) -> None:
        self._names, self._topic, self._limit_s, self._fastest = names, topic, limit_s, fastest
        self._oldest_ns, self._ahead_ns = -round(limit_s * NS_PER_S), round(ahead_s * NS_PER_S)
        self._newest: Latest[tuple[Joints, int]] = Latest()
        self._recent: deque[tuple[Joints, int]] = deque(maxlen=KEPT)  # those within STILL_NS
        self._order = StampOrder()
        self._repeated = 0  # states since the newest whose stamps are not newer
        self._doubt: tuple[str, int] | None = None  # why they may not be the arm's, and since when
        self.doubted = 0  # states that cast doubt
        self._silence = ""  # see take_silence

    def offer(self, positions: Joints, mono_ns: int, stamp_ns: int = 0, arrived_ros_ns: int = 0) -> None:
        """Take ``positions`` [rad] if they are finite and newer than the last.

        Args:
            positions: in the robot's order.
            mono_ns: when they came, monotonic clock.
            stamp_ns: when they were measured, ROS time; 0: unknown.
            arrived_ros_ns: when they came, ROS time; 0: unknown.
        """
        if not np.isfinite(positions).all():
            return
        if stamp_ns and arrived_ros_ns and (problem := self._of_another_clock(stamp_ns - arrived_ros_ns)):
            return self._cast_doubt(problem, mono_ns)
        if stamp_ns and not self._order.is_news(stamp_ns):
            self._repeated += 1
            return
        if problem := self._jump(positions, mono_ns):
            self._cast_doubt(problem, mono_ns)
        if (last := self._newest.get()) is not None and mono_ns - last[1] > -self._oldest_ns:
            self._silence = f"no joint states for {(mono_ns - last[1]) / NS_PER_S:.3f} s"
        self._newest.put((positions, mono_ns))
        self._recent.append((positions, mono_ns))
        self._repeated = 0

    def take_silence(self) -> str:
        """Why nothing was known of the arm for a while since this was last asked, or ''.

        After a pause of the process the newest joint state may be read before the first tick, and looks fresh.
        """
        silence, self._silence = self._silence, ""
        return silence

    def _of_another_clock(self, ahead_ns: int) -> str:
        if self._oldest_ns <= ahead_ns <= self._ahead_ns:
            return ""
        size = f"{abs(ahead_ns) / NS_PER_S:.3f} s " + ("ahead" if ahead_ns > 0 else "ago")
        late = "late, " if ahead_ns < 0 else ""
        return (
            f"joint states on {self._topic} are stamped {size}: {late}another clock, or a bag that is played"
        )

    def _jump(self, positions: Joints, mono_ns: int) -> str:
        last = self._newest.get()
        if last is None:
            return ""
        away, since_s = np.abs(positions - last[0]), max((mono_ns - last[1]) / NS_PER_S, 0.0)
        beyond = away - FASTER * self._fastest * since_s - JUMP_RAD
        worst = int(beyond.argmax())
        if beyond[worst] <= 0:
            return ""
        size = f"{self._names[worst]} by {away[worst]:.2f} rad within {since_s * 1e3:.0f} ms"
        return f"joint states on {self._topic} jump, {size}: two publishers, or another arm"

    def _cast_doubt(self, problem: str, mono_ns: int) -> None:
        self._doubt, self.doubted = (problem, mono_ns), self.doubted + 1

    @property
    def position(self) -> Joints | None:
        """The newest [rad]; None before the first."""
        newest = self._newest.get()
        return None if newest is None else newest[0]

    def doubt(self, mono_ns: int) -> str:
        """Why what came lately may not be the arm's, or ''."""
        doubt = self._doubt
        return doubt[0] if doubt is not None and mono_ns - doubt[1] <= DOUBT_NS else ""

    def moving(self, mono_ns: int) -> str:
        """Which joint has moved within the last ``STILL_NS``, or ''."""
        rows = [positions for positions, ns in list(self._recent) if mono_ns - ns <= STILL_NS]
        if len(rows) < 2:
            return ""
        ranges = np.ptp(np.array(rows), axis=0)
        worst = int(ranges.argmax())
        if ranges[worst] <= STILL_RAD:
            return ""
        return (
            f"the arm moves: {self._names[worst]} by {ranges[worst]:.3f} rad within {STILL_NS / NS_PER_S:g} s"
        )

    def older_than(self, mono_ns: int) -> str:
        """Why the newest does not say where the arm is since it moved until ``mono_ns``, or ''."""
        newest = self._newest.get()
        if newest is not None and newest[1] > mono_ns:
            return ""
        return f"no joint state on {self._topic} since the arm came to rest; try again"

    def frozen(self, mono_ns: int) -> str:
        """That they come without any change, which an arm's sensors never do, or ''."""
        rows = [positions for positions, ns in list(self._recent) if mono_ns - ns <= STILL_NS]
        if len(rows) > 1 and np.ptp(np.array(rows), axis=0).any():
            return ""
        return f"joint states on {self._topic} have not changed for {STILL_NS / NS_PER_S:g} s"

    def age_s(self, mono_ns: int) -> float:
        """Seconds since the newest came; infinite before the first."""
        newest = self._newest.get()
        return float("inf") if newest is None else (mono_ns - newest[1]) / NS_PER_S

    def stale(self, mono_ns: int) -> str:
        """How long there have been no joint states, if too long; else ''."""
        age_s = self.age_s(mono_ns)
        return f"no joint states for {age_s:.3f} s" if age_s > self._limit_s else ""

    def unfit(self, mono_ns: int) -> str:
        """Why a motion must not begin, or ''."""
        if problem := self.doubt(mono_ns):
            return problem
        if self.position is None:
            return f"no joint states with {', '.join(self._names)} on {self._topic} yet"
        if not self.stale(mono_ns):
            return ""
        if problem := self.standing_still(mono_ns):
            return problem
        age_s, limit_s = self.age_s(mono_ns), self._limit_s
        return f"the last joint states on {self._topic} came {age_s:.1f} s ago (limit {limit_s:g} s)"

    def standing_still(self, mono_ns: int) -> str:
        """Since when they come with stamps that do not advance, if for too long; else ''."""
        if not self._repeated or not self.stale(mono_ns):
            return ""
        since = f"their stamps have not advanced for {self.age_s(mono_ns):.1f} s"
        return f"joint states come on {self._topic}, {since}"


class TrackingMonitor:
    """Watches the tracking error, and whether the arm moves when it is told to.

    After a reflex a controller keeps publishing while the arm stands still; joint states may freeze while their stamps
    go on. Where the commands swing by less than the tracking error, only the ranges of both tell it.

    Args:
        joint_names: of the arm.
        max_error_rad: largest distance of a joint from its command.
        limit_s: how long it may be exceeded, and how much later than its commands an arm may begin to move.
    """

    def __init__(self, joint_names: tuple[str, ...], max_error_rad: float, limit_s: float) -> None:
        self._names, self._max_error_rad, self._limit_ns = joint_names, max_error_rad, limit_s * NS_PER_S
        self._since_ns: int | None = None
        self._rows: deque[tuple[int, Joints, Joints]] = deque()  # when, commands and measured joints

    def problem(self, command: Joints, measured: Joints, mono_ns: int) -> str:
        """Which joint does not follow its commands, or ''."""
        return self._far(command, measured, mono_ns) or self._standing(command, measured, mono_ns)

    def _standing(self, command: Joints, measured: Joints, mono_ns: int) -> str:
        """Which joint has stood still while its commands moved, or ''."""
        rows = self._rows
        if rows and mono_ns - rows[-1][0] > self._limit_ns:
            rows.clear()  # nobody asked for a while
        if rows and mono_ns - rows[-1][0] < LOOK_NS:
            return ""  # what takes half a second need not be looked at in every tick
        rows.append((mono_ns, command, measured))
        if mono_ns - rows[0][0] < SWING_NS + self._limit_ns:
            return ""
        while mono_ns - rows[0][0] >= SWING_NS + self._limit_ns:
            rows.popleft()
        told = np.ptp([row[1] for row in rows if mono_ns - row[0] >= self._limit_ns], axis=0)
        if told.max() <= SWING_RAD:
            return ""
        moved = np.ptp([row[2] for row in rows], axis=0)
        still = (told > SWING_RAD) & (moved < SWING_SHARE * told)
        if not still.any():
            return ""
        worst = int(np.where(still, told, 0.0).argmax())
        size = f"{moved[worst]:.3f} rad while its commands went {told[worst]:.2f} rad"
        return f"the arm does not follow: {self._names[worst]} moved {size}; stopped, or frozen joint states"

    def _far(self, command: Joints, measured: Joints, mono_ns: int) -> str:
        """Which joint has exceeded the tracking error for too long, or ''."""
        error = np.abs(command - measured)
        worst = int(error.argmax())
        if error[worst] < self._max_error_rad:
            self._since_ns = None
            return ""
        self._since_ns = mono_ns if self._since_ns is None else self._since_ns
        if mono_ns - self._since_ns < self._limit_ns:
            return ""
        return f"the arm does not follow: {self._names[worst]} is {error[worst]:.2f} rad from its command"


class HeldJoints:
    """What the controller says it holds, where it says so: a second witness of where the arm is.

    Args:
        names: of the joints.
        limit_s: what was said longer ago does not count.
    """

    def __init__(self, names: tuple[str, ...], limit_s: float) -> None:
        self._names, self._limit_ns = names, limit_s * NS_PER_S
        self._newest: Latest[tuple[Joints, int]] = Latest()

    def offer(self, positions: Joints, mono_ns: int) -> None:
        """Take ``positions`` [rad] if they are finite."""
        if np.isfinite(positions).all():
            self._newest.put((positions, mono_ns))

    def contradicts(self, measured: Joints, mono_ns: int) -> str:
        """Which joint the controller holds elsewhere than at ``measured`` [rad], or ''; '' where it is not heard."""
        newest = self._newest.get()
        if newest is None or mono_ns - newest[1] > self._limit_ns:
            return ""
        away = np.abs(newest[0] - measured)
        worst = int(away.argmax())
        if away[worst] <= HELD_RAD:
            return ""
        told, seen = f"{newest[0][worst]:.2f} rad", f"{measured[worst]:.2f} rad"
        return f"the controller holds {self._names[worst]} at {told}, joint states say {seen}"


class ReportedArm:
    """What the arm's control unit says of the arm, where it says so.

    Args:
        limit_s: what was said longer ago does not count: its driver has ended.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_ns = limit_s * NS_PER_S
        self._newest: Latest[tuple[str, int]] = Latest()

    def offer(self, stopped: str, mono_ns: int) -> None:
        """Take why the arm cannot move, or '' where it can."""
        self._newest.put((stopped, mono_ns))

    def problem(self, mono_ns: int) -> str:
        """Why the arm cannot move, or ''; '' where nothing is heard."""
        newest = self._newest.get()
        return newest[0] if newest is not None and mono_ns - newest[1] <= self._limit_ns else ""

    def state(self, mono_ns: int) -> str:
        """What is heard, for the diagnostics."""
        newest = self._newest.get()
        if newest is None:
            return "nothing heard yet"
        silent_ns = mono_ns - newest[1]
        return (
            f"silent for {silent_ns / NS_PER_S:.1f} s" if silent_ns > self._limit_ns else newest[0] or "heard"
        )

"""Frames of several cameras and the robot's state, joined at the stamp of a reference frame.

No clock is read: what is joined depends only on the stamps and the order of arrival, so a recording
played back gives the same sets. Waiting is therefore measured in stamps, too: by the later
frames of the reference view.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, StrEnum

import numpy as np
from f2o_nodekit.stamps import NS_PER_S
from jaxtyping import Float64

from f2o_perception.config import PerceptionConfig
from f2o_perception.frames import GripperSample, JointSample, RgbdFrame
from f2o_perception.pairing import RESET_NS
from f2o_perception.sentences import ahead, behind, span
from f2o_perception.tracks import GripperTrack, JointTrack

RESET_RUN = 3  # so are as many stamps in a row that fall back by less
OUTCOMES = 60  # references: 2 s at 30 Hz
JOINTS, GRIPPER = "joints", "gripper"  # sources beside the views


class Drop(StrEnum):
    """Why an input did not become part of an Observation."""

    DUPLICATE = "duplicate"  # the stamp of the frame before
    OUT_OF_ORDER = "out_of_order"  # older than the frame before
    MALFORMED = "malformed"  # cannot be read; the status says what is wrong
    NO_PARTNER = "no_partner"  # this view had no frame near enough to a reference
    NO_JOINTS = "no_joints"  # no joint state near enough to a reference
    NO_GRIPPER = "no_gripper"
    AHEAD = (
        "ahead"  # stamps ahead of their arrival: another clock, so that nobody knows what belongs together
    )
    SUPERSEDED = "superseded"  # a newer reference was complete first
    EMPTY_CLOUD = "empty_cloud"  # not one measured point in the workspace


@dataclass(frozen=True)
class Miss:
    """Why a reference did not become an Observation."""

    source: str  # view, joints or gripper
    reason: Drop
    text: str  # the cause with its size and the limit


@dataclass(frozen=True)
class FrameSet:
    """One frame of each view, and the robot's state at the reference stamp."""

    stamp_ros_ns: int
    frames: tuple[RgbdFrame, ...]  # in the order of the views
    arm_at_frames: tuple[Float64[np.ndarray, " j"] | None, ...]  # joints at each frame's stamp, where needed
    joints: JointSample
    gripper_width: float
    max_skew_ns: int


class _Order(Enum):
    NEW = 0
    DUPLICATE = 1
    LATE = 2
    RESET = 3


class _Stream:
    """The order of one stream's stamps."""

    def __init__(self) -> None:
        self.newest_ros_ns: int | None = None
        self._backwards = 0

    def judge(self, stamp_ros_ns: int) -> _Order:
        if self.newest_ros_ns is None or stamp_ros_ns > self.newest_ros_ns:
            self.newest_ros_ns, self._backwards = stamp_ros_ns, 0
            return _Order.NEW
        if stamp_ros_ns == self.newest_ros_ns:
            return _Order.DUPLICATE
        self._backwards += 1
        if self.newest_ros_ns - stamp_ros_ns > RESET_NS or self._backwards >= RESET_RUN:
            return _Order.RESET
        return _Order.LATE


class Synchroniser:
    """Joins the newest complete set; every frame that is not part of one is counted under its reason.

    Args:
        config: tolerances and names.
        on_arm: views carried by the arm, whose frames need the joints at their own stamps.
    """

    def __init__(self, config: PerceptionConfig, on_arm: Collection[str] = ()) -> None:
        self._config, self._on_arm = config, frozenset(on_arm)
        self._reference, *self._others = config.views
        self._max_age_ns = round(config.max_age_s * NS_PER_S)
        self._capacity = self._max_age_ns // config.period_ns + 4  # frames of a view: more than ever wait
        self._joint_wait_ns = round(config.joint_wait_s * NS_PER_S)
        self._joints = JointTrack(
            round(config.max_joint_gap_s * NS_PER_S), round(config.max_extrapolation_s * NS_PER_S)
        )
        self._gripper = GripperTrack(round(config.max_gripper_age_s * NS_PER_S))
        self._joint_limit_ns = self._joint_wait_ns + round(config.max_extrapolation_s * NS_PER_S)
        self._gripper_limit_ns = round(config.max_gripper_age_s * NS_PER_S)
        self._max_ahead_ns = round(config.max_ahead_s * NS_PER_S)
        self.drops: Counter[tuple[str, Drop]] = Counter()  # (view, joints or gripper; reason) -> how many
        self.taken: Counter[str] = Counter()  # messages whose stamps are news, by source
        self.resets: Counter[str] = Counter()  # steps of the clock, by the source that showed them
        self.outcomes: deque[Miss | None] = deque(maxlen=OUTCOMES)  # of the last references; None: a set
        self.clear()

    def clear(self) -> None:
        """Forget all frames and samples; the counters stay."""
        self._streams = {name: _Stream() for name in (*self._config.views, JOINTS, GRIPPER)}
        self._frames: dict[str, list[RgbdFrame]] = {view: [] for view in self._config.views}
        self._joints.clear()
        self._gripper.clear()

    @property
    def clock_resets(self) -> int:
        """How often a clock was set back, or a recording began anew."""
        return self.resets.total()

    def newest_ros_ns(self, source: str) -> int | None:
        """Newest stamp of a view, of ``joints`` or of ``gripper``; None before the first."""
        return self._streams[source].newest_ros_ns

    def push_frame(self, frame: RgbdFrame) -> FrameSet | None:
        """Take one frame; the newest set that it completes, if any."""
        if not self._accept(frame.view, frame.stamp_ros_ns):
            return None
        frames = self._frames[frame.view]
        frames.append(frame)
        if len(frames) > self._capacity:
            del frames[0]
        return self._newest_complete()

    def push_joints(self, sample: JointSample) -> FrameSet | None:
        """Take one joint state, in the order of the configured names; the newest set that it completes, if any."""
        if not self._accept(JOINTS, sample.stamp_ros_ns):
            return None
        self._joints.push(sample)
        return self._newest_complete()

    def push_gripper(self, sample: GripperSample) -> FrameSet | None:
        """Take one gripper state; the newest set that it completes, if any."""
        if not self._accept(GRIPPER, sample.stamp_ros_ns):
            return None
        self._gripper.push(sample)
        return self._newest_complete()

    def _accept(self, source: str, stamp_ros_ns: int) -> bool:
        order = self._streams[source].judge(stamp_ros_ns)
        if order is _Order.RESET:
            self.resets[source] += 1
            self.clear()
            self._streams[source].judge(stamp_ros_ns)
        elif order is _Order.DUPLICATE:
            self.drops[source, Drop.DUPLICATE] += 1
        elif order is _Order.LATE:
            self.drops[source, Drop.OUT_OF_ORDER] += 1
        taken = order in (_Order.NEW, _Order.RESET)
        self.taken[source] += taken
        return taken

    def _newest_complete(self) -> FrameSet | None:
        """The newest complete set. References before it are superseded; those that cannot complete are dropped."""
        references = self._frames[self._reference]
        waiting: list[RgbdFrame] = []
        for index in reversed(range(len(references))):
            outcome = self._complete(references[index])
            if isinstance(outcome, FrameSet):
                self.drops[self._reference, Drop.SUPERSEDED] += index
                self._forget_before(outcome.stamp_ros_ns)
                self._frames[self._reference] = waiting[::-1]
                self.outcomes.append(None)
                return outcome
            if outcome is None:
                waiting.append(references[index])
            else:
                self.drops[outcome.source, outcome.reason] += 1
                self.outcomes.append(outcome)
        self._frames[self._reference] = waiting[::-1]
        return None

    def _complete(self, reference: RgbdFrame) -> FrameSet | Miss | None:
        """The set of ``reference``; None while it waits; or why there will be none."""
        stamp = reference.stamp_ros_ns
        waited_ns = (self._streams[self._reference].newest_ros_ns or stamp) - stamp
        frames = [reference]
        for view in self._others:
            frame, final = self._partner(view, stamp)
            if frame is None or not final:
                if not final and waited_ns <= self._max_age_ns:
                    return None
                if frame is None:
                    return self._no_partner(view, stamp)
            frames.append(frame)
        return self._with_robot(tuple(frames), stamp, waited_ns)

    def _partner(self, view: str, stamp_ros_ns: int) -> tuple[RgbdFrame | None, bool]:
        """The frame of ``view`` nearest to the stamp, if near enough, and whether no nearer one can come."""
        frames = self._frames[view]
        if not frames:
            return None, False
        nearest = min(frames, key=lambda frame: abs(frame.stamp_ros_ns - stamp_ros_ns))
        distance = abs(nearest.stamp_ros_ns - stamp_ros_ns)
        final = frames[-1].stamp_ros_ns >= stamp_ros_ns or 2 * distance <= self._config.period_ns
        return (nearest if distance <= self._config.max_skew_ns else None), final

    def _with_robot(
        self, frames: tuple[RgbdFrame, ...], stamp: int, waited_ns: int
    ) -> FrameSet | Miss | None:
        stamps = [frame.stamp_ros_ns for frame in frames]
        on_arm = [frame.view in self._on_arm for frame in frames]
        last_needed = max([stamp, *(s for s, moving in zip(stamps, on_arm, strict=True) if moving)])
        may_wait = waited_ns < self._joint_wait_ns
        if may_wait and not self._joints.covers(last_needed):
            return None
        joints = self._joints.at(stamp)
        at_frames = [self._joints.at(s) if moving else None for s, moving in zip(stamps, on_arm, strict=True)]
        if joints is None or any(m and a is None for m, a in zip(on_arm, at_frames, strict=True)):
            needed = [stamp, *(s for s, moving in zip(stamps, on_arm, strict=True) if moving)]
            return self._no_joints(next(s for s in needed if self._joints.at(s) is None))
        gripper = self._gripper.at(stamp)
        if gripper is None:
            return None if may_wait else self._no_gripper(stamp)
        if miss := self._ahead(frames, joints, gripper):
            return miss
        return FrameSet(
            stamp_ros_ns=stamp,
            frames=frames,
            arm_at_frames=tuple(a.positions if a is not None else None for a in at_frames),
            joints=joints,
            gripper_width=gripper.width_m,
            max_skew_ns=max(abs(s - stamp) for s in stamps),
        )

    def _ahead(
        self, frames: tuple[RgbdFrame, ...], joints: JointSample, gripper: GripperSample
    ) -> Miss | None:
        """Which stamps are of another clock, if any: no message arrives before it is stamped.

        Where all of them are ahead it is this PC's clock that is behind. They are then compared with each other, with
        room for the time that an image takes.
        """
        given = {frame.view: frame.ahead_ns for frame in frames}
        given |= {JOINTS: joints.ahead_ns, GRIPPER: gripper.ahead_ns}
        known = {source: ns for source, ns in given.items() if ns is not None}
        if not known:
            return None
        worst, least_ns = max(known, key=lambda source: known[source]), min(known.values())
        base_ns = least_ns + self._joint_wait_ns if least_ns > 0 else 0
        if known[worst] - base_ns <= self._max_ahead_ns:
            return None
        return Miss(worst, Drop.AHEAD, ahead(worst, known[worst], base_ns + self._max_ahead_ns))

    def _no_partner(self, view: str, stamp: int) -> Miss:
        newest, name = self.newest_ros_ns(view), self._reference
        if newest is None or not self._frames[view]:
            return Miss(view, Drop.NO_PARTNER, f"{view} has no frame")
        late_ns = (self.newest_ros_ns(name) or stamp) - newest
        if late_ns > self._max_age_ns:
            return Miss(view, Drop.NO_PARTNER, behind(f"{view} is", name, late_ns, self._max_age_ns))
        away_ns = min(abs(frame.stamp_ros_ns - stamp) for frame in self._frames[view])
        size = f"{span(away_ns)} from the frame of {name}; {span(self._config.max_skew_ns)} is the most"
        return Miss(view, Drop.NO_PARTNER, f"the nearest frame of {view} is {size}")

    def _no_joints(self, stamp: int) -> Miss:
        newest, oldest = self._joints.newest_ros_ns, self._joints.oldest_ros_ns
        if newest is None or oldest is None:
            return Miss(JOINTS, Drop.NO_JOINTS, "no joint state has come")
        if newest < stamp:
            late_ns = (self.newest_ros_ns(self._reference) or stamp) - newest
            text = behind("joints are", "the cameras", late_ns, self._joint_limit_ns)
        elif oldest >= stamp:
            text = f"joints are {span(oldest - stamp)} ahead of the cameras: none is as old as the frame"
        else:
            limit = span(self._config.max_joint_gap_s * NS_PER_S)
            text = f"joint states are {span(self._joints.gap_ns(stamp))} apart; {limit} is the most"
        return Miss(JOINTS, Drop.NO_JOINTS, text)

    def _no_gripper(self, stamp: int) -> Miss:
        newest, oldest = self._gripper.newest_ros_ns, self._gripper.oldest_ros_ns
        if newest is None or oldest is None:
            text = "no gripper state has come"
        elif oldest > stamp:
            text = (
                f"the gripper is {span(oldest - stamp)} ahead of the cameras: no state is as old as the frame"
            )
        elif newest > stamp:
            text = f"gripper states are more than {span(self._gripper_limit_ns)} apart"
        else:
            late_ns = (self.newest_ros_ns(self._reference) or stamp) - newest
            text = behind("the gripper is", "the cameras", late_ns, self._gripper_limit_ns)
        return Miss(GRIPPER, Drop.NO_GRIPPER, text)

    def _forget_before(self, stamp_ros_ns: int) -> None:
        """Drop the other views' frames that no later reference can use."""
        oldest = stamp_ros_ns - self._config.max_skew_ns
        for view in self._others:
            self._frames[view] = [frame for frame in self._frames[view] if frame.stamp_ros_ns >= oldest]

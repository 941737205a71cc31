"""Frames and robot states in, Observations out: the whole of perception without ROS."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeVar

import numpy as np
from f2o_nodekit.joints import JointStateError, joint_values
from f2o_nodekit.robot import BASE, read_robot
from f2o_nodekit.stamps import NS_PER_S
from f2o_nodekit.stats import RateMeter, Samples
from jaxtyping import Float64

from f2o_perception.calibration import Calibration, load_calibration
from f2o_perception.config import PerceptionConfig
from f2o_perception.depth import CloudBuilder, DepthView
from f2o_perception.errors import PerceptionError
from f2o_perception.frames import GripperSample, JointSample, Observation, RgbdFrame
from f2o_perception.health import PipelineStatus, StreamHealth, StreamStatus, all_astray, useless
from f2o_perception.image import resize_depth, resize_rgb
from f2o_perception.kinematics import ForwardKinematics
from f2o_perception.sentences import span
from f2o_perception.sync import GRIPPER, JOINTS, Drop, FrameSet, Synchroniser

BLIND = "depth comes, not one of its pixels is measured: lens, distance, or the depth stream's profile"
SILENT_S = 1.0  # without an Observation, although every stream comes
JUMPS, JUMPS_NS = 4, 5_000_000_000  # so many steps of the clock in so short a time are no clock

LinkPose = Callable[[np.ndarray], np.ndarray]
"""Joint positions [rad] -> pose (4,4) of a link's frame in the base frame."""
Pushed = TypeVar("Pushed", RgbdFrame, JointSample, GripperSample)


class ObservationPipeline:
    """Synchronises, deprojects, crops, filters and resizes; each push returns the Observation it completes, or None.

    The same pushes in the same order give the same Observations, bit for bit. Bad input is dropped, counted and named
    by ``status()``; it raises nothing.

    Args:
        config: see ``PerceptionConfig``.
        calibration: camera poses; read from ``config.calibration`` if not given.
        kinematics: of the arm that carries a camera; made from the robot's description if not given.
        pixels: False: to pair alone; Observations then have no images and no points.
        clock_mono_ns: monotonic clock for rates, ages and durations in the status; never for content.

    Raises:
        CalibrationError, KinematicsError, BackendError, ConfigError: the configuration cannot work.
    """

    def __init__(
        self,
        config: PerceptionConfig,
        calibration: Calibration | None = None,
        kinematics: ForwardKinematics | None = None,
        clock_mono_ns: Callable[[], int] = time.monotonic_ns,
        pixels: bool = True,
    ) -> None:
        self.config, self._pixels = config, pixels
        calibration = calibration or load_calibration(config.calibration)
        self.robot = read_robot(config.robot)
        self._names = self.robot.joint_names
        self._mounts = {view: calibration.mount(view) for view in config.views}
        self._in_parent = {view: mount.matrix() for view, mount in self._mounts.items()}
        parents = {view: self.robot.canonical_frame(mount.parent) for view, mount in self._mounts.items()}
        on_arm = {view: parent for view, parent in parents.items() if parent != BASE}
        self._link_poses = self._link_poses_of(on_arm, kinematics)
        self._clouds = CloudBuilder(config)
        self._sync = Synchroniser(config, list(on_arm))
        self._clock = clock_mono_ns
        self._health = self._streams()
        self._jumps: deque[tuple[int, str]] = deque(
            maxlen=JUMPS
        )  # when (mono), and the stream that showed it
        self._last_mono_ns = 0  # of the last Observation
        self._rate, self._skew_ms, self._build_ms = RateMeter(60), Samples(1000), Samples(1000)
        self._count = 0
        self._empty = False
        self._blind: dict[str, str] = {}  # views whose last depth image has no measurement

    def _streams(self) -> dict[str, StreamHealth]:
        """The health of each stream; what lags by more than half of what is dropped is told."""
        config, ahead_s = self.config, self.config.max_ahead_s
        age_s, joints_s = config.max_age_s, (config.joint_wait_s + config.max_extrapolation_s) / 2
        found = {view: StreamHealth(view, "frame", age_s, age_s / 2, ahead_s) for view in config.views}
        found[JOINTS] = StreamHealth(JOINTS, "joint state", age_s, joints_s, ahead_s)
        width_s = config.max_gripper_age_s
        return found | {GRIPPER: StreamHealth(GRIPPER, "gripper state", width_s, width_s / 2, ahead_s)}

    def explain_silence(self, view: str, why: Callable[[], str]) -> None:
        """Let the status ask ``why()`` where no frame of ``view`` comes."""
        self._health[view].explain = why

    def _link_poses_of(self, on_arm: dict[str, str], arm: ForwardKinematics | None) -> dict[str, LinkPose]:
        """Per view on the arm: the pose of the frame that it is mounted on."""
        if not on_arm:
            return {}
        arm = arm or ForwardKinematics(self.robot)
        for parent in on_arm.values():
            arm.frame_id(parent)  # raises where the arm has no such frame
        return {view: partial(arm.pose, parent) for view, parent in on_arm.items()}

    def push_frame(self, frame: RgbdFrame) -> Observation | None:
        """Take one frame of one view.

        Raises:
            PerceptionError: a view that the configuration does not name.
        """
        if frame.view not in self._mounts:
            raise PerceptionError(f"no view named {frame.view!r}, expected one of {', '.join(self._mounts)}")
        intrinsics = frame.intrinsics
        sizes = {frame.rgb.shape[:2], frame.depth_mm.shape, (intrinsics.height, intrinsics.width)}
        if len(sizes) > 1:
            colour, depth = frame.rgb.shape[:2], frame.depth_mm.shape
            return self.reject(frame.view, f"sizes differ: colour {_size(colour)}, depth {_size(depth)}, "
                               f"camera_info {intrinsics.width}x{intrinsics.height}")  # fmt: skip
        size = (intrinsics.width, intrinsics.height)
        return self._push(frame.view, frame, self._sync.push_frame, size)

    def push_joints(self, sample: JointSample) -> Observation | None:
        """Take one joint state; its names may come in any order and hold others."""
        names = self._names
        try:
            joints = joint_values(sample.names, sample.positions, sample.velocities, names)
        except JointStateError as error:
            return self.reject(JOINTS, str(error))
        ordered = replace(sample, names=names, positions=joints.positions, velocities=joints.velocities)
        return self._push(JOINTS, ordered, self._sync.push_joints)

    def push_gripper(self, sample: GripperSample) -> Observation | None:
        """Take one gripper state."""
        if not np.isfinite(sample.width_m):
            return self.reject(GRIPPER, "gripper width that is not finite")
        return self._push(GRIPPER, sample, self._sync.push_gripper)

    def _push(
        self,
        source: str,
        item: Pushed,
        push: Callable[[Pushed], FrameSet | None],
        resolution: tuple[int, int] | None = None,
    ) -> Observation | None:
        """Pass a readable message to the synchroniser, and note what became of it."""
        sync, now = self._sync, self._clock()
        taken, resets = sync.taken[source], sync.clock_resets
        frames = push(item)
        if sync.clock_resets > resets:
            self._jumps.append((now, source))
        news = sync.taken[source] > taken
        self._health[source].arrived(now, item.stamp_ros_ns, news, item.ahead_ns, resolution)
        return self._finish(frames)

    def reject(self, source: str, sentence: str) -> None:
        """Count a message of a view, ``joints`` or ``gripper`` that cannot be used; the status says ``sentence``."""
        self._health[source].failed(self._clock(), sentence)
        self._sync.drops[source, Drop.MALFORMED] += 1

    def reset(self) -> None:
        """Forget all frames and samples, as after a jump of the clock; the counters stay."""
        self._sync.clear()

    def status(self) -> PipelineStatus:
        """The status of every stream now."""
        now = self._clock()
        streams = {name: health.status(now, self._drops_of(name)) for name, health in self._health.items()}
        silent_s = self._silent_s(now)
        return PipelineStatus(
            problems=tuple(self._problems(now, streams, silent_s)),
            blocked=self._empty or silent_s > 0 or any(stream.blocked for stream in streams.values()),
            streams=streams,
            observations=self._count,
            observation_hz=self._rate.hz(now),
            clock_resets=self._sync.clock_resets,
            skew_ms=self._skew_ms.summary(),
            build_ms=self._build_ms.summary(),
        )

    def _problems(self, now: int, streams: Mapping[str, StreamStatus], silent_s: float) -> list[str]:
        found = {name: stream.problem for name, stream in streams.items() if stream.problem}
        found = self._blind | self._slow_views() | found
        if self._empty:
            cause = "not one measured point in the workspace; check calibration, depth and workspace"
            return [*found.values(), f"cloud: {cause}"]
        if any(stream.blocked for stream in streams.values()):
            return list(found.values())
        source, cause = useless(self._sync.outcomes, silent_s, self._health, self._jumping(now))
        if source and self._health[source].astray:  # said by the cause
            found.pop(source, None)
        problems = [one] if (one := all_astray(self._health)) else list(found.values())
        return [cause, *problems] if cause else problems

    def _jumping(self, now: int) -> str:
        """The stream whose stamps go back again and again, or ''."""
        often = len(self._jumps) == JUMPS and now - self._jumps[0][0] <= JUMPS_NS
        return self._jumps[-1][1] if often else ""

    def _silent_s(self, now: int) -> float:
        """How long every stream has come and no Observation; 0 if not long enough to say so."""
        running_s = min(stream.running_s(now) for stream in self._health.values())
        silent_s = min(running_s, (now - self._last_mono_ns) / NS_PER_S)
        return silent_s if silent_s > max(SILENT_S, 2 * self.config.max_age_s) else 0.0

    def _slow_views(self) -> dict[str, str]:
        """Views that arrive a frame or more later than the reference: by their stamps they may match a wrong frame."""
        reference, *others = self.config.views
        first = self._health[reference].ahead_ns
        late = {view: first - self._health[view].ahead_ns for view in others}
        why = "a slow camera, or two clocks that differ"
        return {
            view: f"{view}: its frames come {span(ns)} later than those of {reference}: {why}"
            for view, ns in late.items()
            if ns > self.config.period_ns
        }

    def _drops_of(self, name: str) -> dict[str, int]:
        return {
            reason.value: count
            for (source, reason), count in self._sync.drops.items()
            if source == name and count
        }

    def _finish(self, frames: FrameSet | None) -> Observation | None:
        if frames is None:
            return None
        start = self._clock()
        observation = self._build(frames)
        now = self._clock()
        if observation is not None:
            self._build_ms.add((now - start) * 1e-6)
            self._skew_ms.add(frames.max_skew_ns * 1e-6)
            self._rate.tick(now)
            self._count, self._last_mono_ns = self._count + 1, now
        return observation

    def _build(self, frames: FrameSet) -> Observation | None:
        size, count = self.config.image_size, len(frames.frames)
        rgb, depth_mm = np.zeros((count, 0, 0, 3), np.uint8), np.zeros((count, 0, 0), np.uint16)
        points = np.zeros((0, 3), np.float32)
        if self._pixels:
            views = [
                DepthView(frame.depth_mm, frame.intrinsics, self._pose(frame.view, arm))
                for frame, arm in zip(frames.frames, frames.arm_at_frames, strict=True)
            ]
            cloud = self._clouds.build(views)
            self._empty = cloud.voxels == 0
            if self._empty:
                self._sync.drops[self.config.views[0], Drop.EMPTY_CLOUD] += 1
                return None
            points = cloud.points
            rgb = np.stack([resize_rgb(frame.rgb, size) for frame in frames.frames])
            depth_mm = np.stack([resize_depth(frame.depth_mm, size) for frame in frames.frames])
            seen = zip(self.config.views, depth_mm, strict=True)
            self._blind = {view: f"{view}: {BLIND}" for view, depth in seen if not depth.any()}
        return Observation(
            stamp_ros_ns=frames.stamp_ros_ns,
            view_names=self.config.views,
            view_stamps_ros_ns=np.array([frame.stamp_ros_ns for frame in frames.frames], np.int64),
            rgb=rgb,
            depth_mm=depth_mm,
            points=points,
            joint_names=self.robot.canonical_names,
            joint_positions=frames.joints.positions,
            joint_velocities=frames.joints.velocities,
            gripper_width=frames.gripper_width,
            max_skew_ns=frames.max_skew_ns,
        )

    def _pose(self, view: str, arm: Float64[np.ndarray, " j"] | None) -> Float64[np.ndarray, "4 4"]:
        """Pose of the view's optical frame in the base frame, with the arm as it was when the image was taken."""
        if arm is None:
            return self._in_parent[view]
        return self._link_poses[view](arm) @ self._in_parent[view]


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"

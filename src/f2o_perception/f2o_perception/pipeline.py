"""Frames and robot states in, Observations out: the whole of perception without ROS."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
from f2o_nodekit.joints import JointStateError, joint_values
from f2o_nodekit.stats import RateMeter, Samples
from jaxtyping import Float64

from f2o_perception.calibration import Calibration, load_calibration
from f2o_perception.config import PerceptionConfig
from f2o_perception.depth import CloudBuilder, DepthView
from f2o_perception.errors import PerceptionError
from f2o_perception.frames import GripperSample, JointSample, Observation, RgbdFrame
from f2o_perception.health import PipelineStatus, StreamHealth
from f2o_perception.image import resize_depth, resize_rgb
from f2o_perception.kinematics import ForwardKinematics
from f2o_perception.sync import GRIPPER, JOINTS, Drop, FrameSet, Synchroniser

LinkPose = Callable[[np.ndarray], np.ndarray]
"""Joint positions [rad] -> pose (4,4) of a link's frame in the base frame."""


class ObservationPipeline:
    """Synchronises, deprojects, crops, filters and resizes; each push returns the Observation it completes, or None.

    The same pushes in the same order give the same Observations, bit for bit. Bad input is dropped, counted and named
    by ``status()``; it raises nothing.

    Args:
        config: see ``PerceptionConfig``.
        calibration: camera poses; read from ``config.calibration`` if not given.
        kinematics: of the arm that carries a camera; made from ``config.urdf`` if not given.
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
    ) -> None:
        self.config = config
        calibration = calibration or load_calibration(config.calibration)
        self._mounts = {view: calibration.mount(view) for view in config.views}
        self._in_parent = {view: mount.matrix() for view, mount in self._mounts.items()}
        on_arm = [view for view, mount in self._mounts.items() if mount.parent != config.base_frame]
        self._link_poses = self._link_poses_of(on_arm, kinematics)
        self._clouds = CloudBuilder(config)
        self._sync = Synchroniser(config, on_arm)
        self._clock = clock_mono_ns
        self._health = {view: StreamHealth(view, "frame", config.max_age_s) for view in config.views}
        self._health[JOINTS] = StreamHealth(JOINTS, "joint state", config.max_age_s)
        self._health[GRIPPER] = StreamHealth(GRIPPER, "gripper state", config.max_gripper_age_s)
        self._rate, self._skew_ms, self._build_ms = RateMeter(60), Samples(1000), Samples(1000)
        self._count = 0
        self._empty = False

    def _link_poses_of(self, on_arm: list[str], arm: ForwardKinematics | None) -> dict[str, LinkPose]:
        """Per view on the arm: the pose of the frame it is mounted on."""
        if not on_arm:
            return {}
        config = self.config
        arm = arm or ForwardKinematics(config.urdf or None, config.joint_names, config.base_frame)
        parents = {view: self._mounts[view].parent for view in on_arm}
        for parent in parents.values():
            arm.frame_id(parent)  # raises where the arm has no such frame
        return {view: partial(arm.pose, parent) for view, parent in parents.items()}

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
        self._health[frame.view].arrived(
            self._clock(), self._lag_ns(frame), (intrinsics.width, intrinsics.height)
        )
        return self._finish(self._sync.push_frame(frame))

    def push_joints(self, sample: JointSample) -> Observation | None:
        """Take one joint state; its names may come in any order and hold others."""
        names = self.config.joint_names
        try:
            joints = joint_values(sample.names, sample.positions, sample.velocities, names)
        except JointStateError as error:
            return self.reject(JOINTS, str(error))
        self._health[JOINTS].arrived(self._clock())
        ordered = JointSample(sample.stamp_ros_ns, names, joints.positions, joints.velocities)
        return self._finish(self._sync.push_joints(ordered))

    def push_gripper(self, sample: GripperSample) -> Observation | None:
        """Take one gripper state."""
        if not np.isfinite(sample.width_m):
            return self.reject(GRIPPER, "gripper width that is not finite")
        self._health[GRIPPER].arrived(self._clock())
        return self._finish(self._sync.push_gripper(sample))

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
        problems = [stream.problem for stream in streams.values() if stream.problem]
        if self._empty:
            problems.append(
                "cloud: not one measured point in the workspace; check calibration, depth and workspace"
            )
        return PipelineStatus(
            problems=tuple(problems),
            blocked=self._empty or any(health.stopped(now) for health in self._health.values()),
            streams=streams,
            observations=self._count,
            observation_hz=self._rate.hz(now),
            clock_resets=self._sync.clock_resets,
            skew_ms=self._skew_ms.summary(),
            build_ms=self._build_ms.summary(),
        )

    def _lag_ns(self, frame: RgbdFrame) -> int:
        """How far the frame's stamp is behind the newest joint state's; 0 while there is none to compare with."""
        newest = self._sync.joints_ros_ns
        if newest is None or self._health[JOINTS].stopped(self._clock()):
            return 0
        return newest - frame.stamp_ros_ns

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
            self._count += 1
        return observation

    def _build(self, frames: FrameSet) -> Observation | None:
        views = [
            DepthView(frame.depth_mm, frame.intrinsics, self._pose(frame.view, arm))
            for frame, arm in zip(frames.frames, frames.arm_at_frames, strict=True)
        ]
        cloud = self._clouds.build(views)
        self._empty = cloud.voxels == 0
        if self._empty:
            self._sync.drops[self.config.views[0], Drop.EMPTY_CLOUD] += 1
            return None
        size = self.config.image_size
        return Observation(
            stamp_ros_ns=frames.stamp_ros_ns,
            view_names=self.config.views,
            view_stamps_ros_ns=np.array([frame.stamp_ros_ns for frame in frames.frames], np.int64),
            rgb=np.stack([resize_rgb(frame.rgb, size) for frame in frames.frames]),
            depth_mm=np.stack([resize_depth(frame.depth_mm, size) for frame in frames.frames]),
            points=cloud.points,
            joint_names=self.config.joint_names,
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

"""The whole loop without ROS and without waiting: world, cameras, perception and the bridge's limiter in one call.

What a policy meets here is what it meets on the nodes: the same renderer, the same observation pipeline, observations
that arrive late, targets limited as the bridge limits them, ``guard_workspace`` included, and interpolated as the
controller interpolates them. What the bridge watches for (silence, a second publisher) does not happen here.
The same seed and the same targets give the same episode.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from f2o_control.adapters import JtcAdapter
from f2o_control.config import BridgeConfig
from f2o_control.gripper import GripperGoal
from f2o_control.limiter import TargetLimiter
from f2o_control.reference import PathClock, ReferenceTrack
from f2o_control.robot import load_robot
from f2o_control.space import Space
from f2o_control.target import Target
from f2o_nodekit.stamps import NS_PER_S
from f2o_perception.calibration import Calibration
from f2o_perception.calibration import CameraMount as Pose
from f2o_perception.config import PerceptionConfig
from f2o_perception.frames import GripperSample, JointSample, Observation, RgbdFrame
from f2o_perception.pipeline import ObservationPipeline
from jaxtyping import Float64

from f2o_sim.cameras import CAMERAS, Renderer, camera
from f2o_sim.controller import Trajectory
from f2o_sim.every import Every
from f2o_sim.paths import config_file
from f2o_sim.robot import ARM_JOINTS
from f2o_sim.world import World

GRIPPER_HZ = 15.0  # franka_gripper's state_publish_rate


@dataclass(frozen=True)
class Step:
    """What the robot side knows after a tick."""

    time_ns: int  # simulated, both the ROS and the monotonic clock of an episode
    joints: JointSample
    gripper_width: float  # [m]; as on the robot it is measured 15 times a second
    observation: Observation | None  # the newest that has arrived since the step before
    done: bool
    command: Float64[np.ndarray, " 8"]  # what was really commanded: joints [rad] and gripper width [m]


@dataclass(frozen=True)
class Outcome:
    """The simulator's judgement of an episode."""

    seed: int
    success: bool
    collision: bool
    side: str  # "left", "right" or ""
    duration_s: float


class Session:
    """Episodes one after the other, as fast as the processor allows. Use it in the thread that made it.

    Args:
        task: name of the task.
        tick_s: period of ``step``.
        camera_hz: frame rate of the cameras, which all expose at once.
        perception: views, sizes, workspace; the camera poses are the simulator's own.
        observation_delay_s: from exposure to the observation's arrival.
        width, height: of the cameras' images [px].
        robot: YAML file with the arm's limits; by default the workspace's robot_panda.yaml.

    Raises:
        UnknownTaskError, GraphicsError, ConfigFileError: the session cannot start.
    """

    def __init__(
        self,
        task: str = "reach_around",
        tick_s: float = 0.008,
        camera_hz: float = 30.0,
        perception: PerceptionConfig | None = None,
        observation_delay_s: float = 0.05,
        width: int = 240,
        height: int = 180,
        robot: str | Path = "",
    ) -> None:
        self.world = World(task)
        self._perception = perception or PerceptionConfig()
        self._views = {view: camera(view).intrinsics(width, height) for view in self._perception.views}
        self._renderer = Renderer(self.world.model, width, height)
        self._tick_ns, self._frame_ns = round(tick_s * NS_PER_S), NS_PER_S / camera_hz
        self._delay_ns = round(observation_delay_s * NS_PER_S)
        self._bridge = _Bridge(robot or config_file("robot_panda.yaml"), tick_s)
        self._gripper_due = Every(GRIPPER_HZ)
        # One pipeline for all episodes (it reads a URDF); its own reset makes each start from nothing.
        self._pipeline = ObservationPipeline(self._perception, calibration())

    def reset(self, seed: int, arm: Float64[np.ndarray, " 7"] | None = None) -> Step:
        """Start the episode of ``seed``, with the arm at the joints ``arm`` [rad] if given; all is at rest."""
        self.world.reset(seed)
        if arm is not None:
            self.world.place_arm(arm, self.world.placement.gripper_width)
        self._pipeline.reset()
        self._bridge.reset(self.world)
        self._start_ns, self._frames = self.world.time_ns, 0
        self._pending: deque[tuple[int, Observation]] = deque()
        self._gripper_due.restart(self._start_ns)
        self._feel_gripper()
        self._shoot()
        arrived = [observation for _, observation in self._pending]
        self._pending.clear()
        return self._step(arrived[-1] if arrived else None)

    def step(
        self, target: Float64[np.ndarray, " 8"] | None, rate: Float64[np.ndarray, " 8"] | None = None
    ) -> Step:
        """Run one tick towards ``target``: seven joints [rad] and the gripper's width [m]; None lets the arm stop.

        With its ``rate`` per second the target is for now, as the policy node sends it; without, for the tick's end.
        """
        end_ns = self.world.time_ns + self._tick_ns
        self._bridge.send(target, rate, self.world, end_ns)
        while (exposure_ns := self._start_ns + round(self._frames * self._frame_ns)) <= end_ns:
            self.world.step_to(exposure_ns)
            self._shoot()
        self.world.step_to(end_ns)
        self._pipeline.push_joints(self._joints())
        if self._gripper_due(end_ns):
            self._feel_gripper()
        newest = None
        while self._pending and self._pending[0][0] <= end_ns:
            newest = self._pending.popleft()[1]
        return self._step(newest)

    def outcome(self) -> Outcome:
        """The judgement so far; final once a step said ``done``."""
        verdict = self.world.verdict
        return Outcome(self.world.seed, verdict.success, verdict.collision, verdict.side, verdict.elapsed_s)

    def close(self) -> None:
        """Free the renderer."""
        self._renderer.close()

    def _shoot(self) -> None:
        """Expose all cameras now; what perception makes of it arrives later."""
        now = self.world.time_ns
        self._frames += 1
        self._pipeline.push_joints(self._joints())
        for picture in self._renderer.render(self.world.data, list(self._views)):
            lens = self._views[picture.view]
            frame = RgbdFrame(picture.view, now, picture.rgb, picture.depth_mm, lens)
            observation = self._pipeline.push_frame(frame)
            if observation is not None:
                self._pending.append((now + self._delay_ns, observation))

    def _feel_gripper(self) -> None:
        self._width = self.world.gripper_width()
        self._pipeline.push_gripper(GripperSample(self.world.time_ns, self._width))

    def _joints(self) -> JointSample:
        world = self.world
        return JointSample(world.time_ns, ARM_JOINTS, world.joint_positions(), world.joint_velocities())

    def _step(self, observation: Observation | None) -> Step:
        world = self.world
        command = self._bridge.command
        return Step(world.time_ns, self._joints(), self._width, observation, world.verdict.over, command)


class _Bridge:
    """Limiter, adapter and gripper rule of f2o_control's bridge, on simulated time; always armed."""

    def __init__(self, robot: str | Path, tick_s: float) -> None:
        self._robot, self._config = load_robot(robot), BridgeConfig()
        limits = self._robot.limits(self._config.profile)
        space = Space(self._robot.workspace) if self._config.guard_workspace else None
        self._limiter, self._pace = TargetLimiter(limits, tick_s, space), PathClock(limits, tick_s)
        self._adapter = JtcAdapter(ARM_JOINTS, self._config.stop_points)
        self._track = ReferenceTrack(self._config.targets.max_extrapolation_s)

    def reset(self, world: World) -> None:
        """Stand still where the arm stands."""
        gripper, rule = self._robot.gripper, self._config.gripper
        self._gripper = GripperGoal(
            gripper.min_width, gripper.max_width, rule.hysteresis_m, rule.min_interval_s
        )
        self._gripper.measured(world.gripper_width())
        self._limiter.reset(world.joint_positions())
        self._track.restart()
        self._pace.restart()
        self._moving = False

    @property
    def command(self) -> Float64[np.ndarray, " 8"]:
        """What was commanded last."""
        return np.append(self._limiter.state.position, self._gripper.width)

    def send(
        self,
        target: Float64[np.ndarray, " 8"] | None,
        rate: Float64[np.ndarray, " 8"] | None,
        world: World,
        end_ns: int,
    ) -> None:
        """The tick that ends at ``end_ns``: limit ``target``, hand it to the arm's and the gripper's controllers."""
        if target is not None and np.isfinite(target).all():
            joints, width = np.array(target[:7], np.float64), float(target[7])
            velocity = None if rate is None else np.array(rate[:7], np.float64)
            due_ns = end_ns if rate is None else world.time_ns
            self._track.update(Target(joints, velocity, width, due_ns, world.time_ns, "policy"))
            self._gripper.wish(width)
            self._moving = True
        if not self._moving:
            return
        command, _ = self._limiter.step(self._pace.next(self._track, end_ns), world.joint_positions())
        plan = self._adapter.send(command, self._gripper.width)
        times_ns = np.round(plan.times_s * NS_PER_S).astype(np.int64)
        world.command(Trajectory(0, times_ns, plan.positions, plan.velocities))
        if (goal := self._gripper.due(world.time_ns)) is not None:
            world.grip(goal)


def calibration() -> Calibration:
    """The camera poses as perception wants them: exactly what the renderer uses."""
    return Calibration(
        {m.name: Pose(m.parent, m.xyz, tuple(float(c) for c in m.quaternion_xyzw)) for m in CAMERAS}
    )

"""Simulator, perception and bridge in one call, without ROS and without waiting.

Renderer, observation pipeline, delayed observations, bridge and adapter (``bridge_loop``) are those of the nodes, on
the simulated clock. The same seed and the same targets give the same episode, bit for bit.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np
from f2o_control.bridge import Bridge
from f2o_control.config import BridgeConfig
from f2o_nodekit.robot import read_robot, robot_file
from f2o_nodekit.stamps import NS_PER_S
from f2o_perception.calibration import Calibration
from f2o_perception.calibration import CameraMount as Pose
from f2o_perception.config import PerceptionConfig
from f2o_perception.frames import GripperSample, JointSample, Observation, RgbdFrame
from f2o_perception.pipeline import ObservationPipeline
from jaxtyping import Float64

from f2o_sim.bridge_loop import BridgeLoop, Way
from f2o_sim.cameras import CAMERAS, Renderer, camera
from f2o_sim.rate_divider import RateDivider
from f2o_sim.world import World

GRIPPER_HZ = 15.0  # franka_gripper's state_publish_rate


@dataclass(frozen=True)
class Step:
    """The state after a tick."""

    time_ns: int  # simulated clock, which is both the ROS and the monotonic clock of an episode
    joints: JointSample
    gripper_width: float  # [m]; held between measurements at 15 Hz, as on the robot
    observation: Observation | None  # the newest that arrived during the tick
    done: bool
    mode: str  # of the bridge
    command: Float64[np.ndarray, " 8"]  # what was commanded last: joints [rad] and gripper width [m] ...
    command_ns: int  # ... and for when; 0 before the first


@dataclass(frozen=True)
class Outcome:
    """The simulator's judgement of an episode."""

    seed: int
    success: bool
    collision: bool
    side: str  # "left", "right" or ""
    duration_s: float


class Session:
    """Episodes one after the other, as fast as the processor allows. Use it in the thread that created it.

    Args:
        task: name of the task.
        camera_hz: frame rate of the cameras, which all expose at once.
        perception: views, sizes, workspace; the camera poses are the simulator's own.
        bridge: configuration of the bridge; its rate is that of ``step``, its source that of the targets, its adapter
            the way to the arm (bridge_loop).
        observation_delay_s: from exposure to the observation's arrival.
        width, height: of the cameras' images [px].
        robot: name or YAML file of the robot; by default the one of ``perception``.

    Raises:
        UnknownTaskError, GraphicsError, ConfigError, SimError: the session cannot start.
    """

    def __init__(
        self,
        task: str = "reach_around",
        camera_hz: float = 30.0,
        perception: PerceptionConfig | None = None,
        bridge: BridgeConfig | None = None,
        observation_delay_s: float = 0.05,
        width: int = 240,
        height: int = 180,
        robot: str = "",
    ) -> None:
        self._perception = perception or PerceptionConfig()
        if robot:
            self._perception = replace(self._perception, robot=robot)
        path = robot_file(self._perception.robot)
        self.world = World(task, robot=read_robot(str(path)))
        self._views = {view: camera(view).intrinsics(width, height) for view in self._perception.views}
        self._renderer = Renderer(self.world.model, width, height)
        self._arm = BridgeLoop(path, bridge or BridgeConfig())
        self._tick_ns, self._frame_ns = self._arm.period_ns, NS_PER_S / camera_hz
        self._delay_ns = round(observation_delay_s * NS_PER_S)
        self._gripper_due = RateDivider(GRIPPER_HZ)
        # One pipeline for all episodes, because it reads a URDF; every reset empties it.
        self._pipeline = ObservationPipeline(self._perception, calibration())

    def reset(self, seed: int, arm: Float64[np.ndarray, " 7"] | None = None) -> Step:
        """Set up the episode of ``seed``, disarmed and at rest, with the arm at the joints ``arm`` [rad] if given."""
        self.world.reset(seed)
        if arm is not None:
            self.world.place_arm(arm, self.world.placement.gripper_width)
        self._pipeline.reset()
        self._arm.reset(self.world)
        self._start_ns, self._frames = self.world.time_ns, 0
        self._pending: deque[tuple[int, Observation]] = deque()
        self._gripper_due.restart(self._start_ns)
        self._measure_joints()
        self._measure_gripper()
        self._render()
        arrived = [observation for _, observation in self._pending]
        self._pending.clear()
        return self._step(arrived[-1] if arrived else None)

    @property
    def tick_s(self) -> float:
        """Period of ``step`` [s]."""
        return self._tick_ns / NS_PER_S

    @property
    def bridge(self) -> Bridge:
        """The bridge of this episode."""
        return self._arm.bridge

    @property
    def way(self) -> Way:
        """From the bridge to the arm of this episode."""
        return self._arm.way

    def arm(self) -> None:
        """Arm the bridge.

        Raises:
            NotArmedError: it refuses.
        """
        self._arm.arm()

    def step(
        self,
        target: Float64[np.ndarray, " 8"] | None,
        rate: Float64[np.ndarray, " 8"] | None = None,
        observed_ns: int = 0,
    ) -> Step:
        """Run one tick, in which the bridge gets ``target``: seven joints [rad] and the gripper's width [m].

        With its ``rate`` per second the target is for now, as the policy node sends it; without, for the tick's end, as
        teleop and the scripted expert send theirs. ``observed_ns``: stamp of the observation behind it; 0 for none.
        """
        now_ns = self.world.time_ns
        end_ns = now_ns + self._tick_ns
        if target is not None:
            due_ns = end_ns if rate is None else now_ns
            self._arm.offer(target, rate, due_ns, observed_ns)
        self._run_to(now_ns + self._arm.phase_ns)
        self._arm.tick()
        self._run_to(end_ns)
        self._measure_joints()
        if self._gripper_due(end_ns):
            self._measure_gripper()
        newest = None
        while self._pending and self._pending[0][0] <= end_ns:
            newest = self._pending.popleft()[1]
        return self._step(newest)

    def _run_to(self, time_ns: int) -> None:
        """Step the world, rendering at every exposure on the way."""
        while (exposure_ns := self._start_ns + round(self._frames * self._frame_ns)) <= time_ns:
            self._arm.way.step_to(exposure_ns)
            self._render()
        self._arm.way.step_to(time_ns)

    def outcome(self) -> Outcome:
        """The verdict so far; final once a step is ``done``."""
        verdict = self.world.verdict
        return Outcome(self.world.seed, verdict.success, verdict.collision, verdict.side, verdict.elapsed_s)

    def close(self) -> None:
        """Free the renderer, and end the way to the arm."""
        self._arm.close()
        self._renderer.close()

    def _render(self) -> None:
        """Render all cameras; the observation arrives ``observation_delay_s`` later."""
        now = self.world.time_ns
        self._frames += 1
        self._pipeline.push_joints(self._joints())
        for image in self._renderer.render(self.world.data, list(self._views)):
            lens = self._views[image.view]
            frame = RgbdFrame(image.view, now, image.rgb, image.depth_mm, lens)
            observation = self._pipeline.push_frame(frame)
            if observation is not None:
                self._pending.append((now + self._delay_ns, observation))

    def _measure_joints(self) -> None:
        self._pipeline.push_joints(self._joints())
        self._arm.measure_joints()

    def _measure_gripper(self) -> None:
        self._width = self._arm.width
        self._arm.bridge.offer_gripper(self._width)
        self._pipeline.push_gripper(GripperSample(self.world.time_ns, self._width))

    def _joints(self) -> JointSample:
        """What perception is given: the world's state, to which it would have to interpolate the adapter's."""
        world = self.world
        return JointSample(
            world.time_ns, world.robot.joint_names, world.joint_positions(), world.joint_velocities()
        )

    def _step(self, observation: Observation | None) -> Step:
        world, arm, heard = self.world, self._arm, self._arm.joints
        joints = JointSample(world.time_ns, heard.joint_names, heard.positions, heard.velocities)
        done, mode = world.verdict.over, arm.bridge.mode.value
        return Step(world.time_ns, joints, self._width, observation, done, mode, arm.command, arm.command_ns)


def calibration() -> Calibration:
    """The camera poses as perception wants them: exactly what the renderer uses."""
    return Calibration(
        {m.name: Pose(m.parent, m.xyz, tuple(float(c) for c in m.quaternion_xyzw)) for m in CAMERAS}
    )

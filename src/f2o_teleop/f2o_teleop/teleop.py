"""Teleoperation without ROS: device, buttons, keys and jog put together, one call per period.

Inputs (`offer_*`, `mode`, `recording`) and `tick` may be different threads: each input is one reference, swapped.
"""

import queue
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from f2o_nodekit.stamps import NS_PER_S

from f2o_teleop.device import ScriptedDevice, SpacenavDevice, TeleopDevice, load_script
from f2o_teleop.drift import ZeroOffset
from f2o_teleop.frames import device_frame
from f2o_teleop.hidfile import PipedHid, ReplayedHid, load_reports
from f2o_teleop.ik import DifferentialIk, Joints
from f2o_teleop.jog import Jog, JogTarget, Measured
from f2o_teleop.keyboard import KeyboardDevice
from f2o_teleop.mapping import Buttons, TwistMapping, within_dead_zone
from f2o_teleop.spacemouse import SpaceMouse
from f2o_teleop.takeover import Takeover
from f2o_teleop.teleop_config import GRIPPER_KEY, TeleopConfig

UNDER_WAY = ("recording", "review")  # the recorder's states in which the record button saves
FOLLOWING = "teleop"  # the bridge's mode in which targets move the arm


@dataclass(frozen=True)
class TeleopTick:
    """Output of one period."""

    target: JogTarget | None  # None without fresh joint states
    commands: tuple[str, ...]  # for /f2o/episode/command
    take_over: bool | None = None  # ask the bridge for the arm, or give it back


class Teleop:
    """Turns readings of a teleop device into targets and commands.

    Attributes:
        mode: the bridge's mode, as last received.
        recording: whether an episode is under way, as last received.
        device_status: '' while the device works, else a sentence.
    """

    def __init__(self, config: TeleopConfig, device: TeleopDevice) -> None:
        """Builds the IK.

        Raises:
            RobotModelError: the arm's description is missing or does not fit the joint names.
            FrameError: the frame of the device is not known.
        """
        dt, urdf, box = 1.0 / config.rate_hz, config.urdf or None, config.workspace.corners()
        ik = DifferentialIk(
            urdf, dt, config.home, config.joint_names, config.tcp_frame, config.velocity_scale, box
        )
        mapping = config.mapping
        frame = device_frame(mapping.frame, ik, Path(mapping.calibration), mapping.camera)
        widths = (config.open_width, config.closed_width)
        self.jog = Jog(ik, TwistMapping(mapping), *widths, config.max_lag_rad, frame)
        self._zero, self._takeover = ZeroOffset(config.drift), Takeover(config.takeover)
        self._device, self._buttons, self._keys = device, Buttons(config.buttons), config.keys
        self._dead_zone = mapping.dead_zone
        self._typed: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._joints: tuple[Joints, int] | None = None
        self._sent: tuple[Measured, int] | None = None
        self._joints_ns = round(config.max_joint_state_age_s * NS_PER_S)
        self._width = config.open_width
        self.mode, self.recording, self.device_status = "", False, ""

    def offer_joints(self, positions: Joints, mono_ns: int) -> None:
        """The measured joints [rad]."""
        self._joints = (positions, mono_ns)

    def offer_command(self, positions: Joints, width_m: float, mono_ns: int) -> None:
        """The bridge's last command: a takeover begins there, so that neither arm nor gripper slackens."""
        self._sent = (Measured(positions, width_m), mono_ns)

    def offer_width(self, width_m: float) -> None:
        """The measured gripper width [m]."""
        self._width = width_m

    def offer_key(self, key: str) -> None:
        """A character that was typed."""
        if not (
            isinstance(self._device, KeyboardDevice) and self._device.offer_key(key, time.monotonic_ns())
        ):
            self._typed.put(key)

    def tick(self, mono_ns: int) -> TeleopTick:
        """One period at monotonic time `mono_ns`."""
        following, joints = self.mode == FOLLOWING, self._joints
        reading = self._device.read(mono_ns, following)
        self.device_status = reading.status
        axes = self._zero(reading.axes, mono_ns)
        requests = self._buttons.update(reading.buttons, self.recording, mono_ns)
        typed = self._typed_actions()
        commands = (*requests.commands, *(action for action in typed if action != GRIPPER_KEY))
        if joints is None or mono_ns - joints[1] > self._joints_ns:
            return TeleopTick(None, commands)
        toggle = requests.toggle_gripper or GRIPPER_KEY in typed
        take_over = self._takeover.tick(within_dead_zone(axes, self._dead_zone), toggle, self.mode, mono_ns)
        start = Measured(joints[0], self._width) if following else self._start(joints[0], mono_ns)
        return TeleopTick(self.jog.step(axes, toggle, start, following), commands, take_over)

    def values(self) -> dict[str, float | str]:
        """Numbers for the diagnostics."""
        return {
            "lag_rad": self.jog.lag_rad,
            "ik": self.jog.status.value,
            "mode": self.mode or "unknown",
            "zero_offset": float(np.abs(self._zero.offset).max()),
        }

    def _start(self, measured: Joints, mono_ns: int) -> Measured:
        """Where motion would begin now: at the bridge's last command, or without one where the arm is."""
        if self._sent is not None and mono_ns - self._sent[1] <= self._joints_ns:
            return self._sent[0]
        return Measured(measured, self._width)

    def _typed_actions(self) -> list[str]:
        typed = [self._typed.get_nowait() for _ in range(self._typed.qsize())]
        return [self._keys[key] for key in typed if key in self._keys]


def make_device(config: TeleopConfig) -> TeleopDevice:
    """Open the device that the configuration names.

    Raises:
        ScriptError: the script, or the file of HID reports, cannot be used.
    """
    if config.source == "scripted":
        return ScriptedDevice(load_script(Path(config.script)))
    if config.source == "hidfile":
        path = Path(config.script)
        if path.is_fifo():
            return SpaceMouse(lambda: PipedHid(path))
        reports = load_reports(path)
        return SpaceMouse(lambda: ReplayedHid(reports, config.repeat))
    if config.source == "keyboard":
        return KeyboardDevice()
    return SpacenavDevice() if config.source == "spacenav" else SpaceMouse()

"""Teleoperation without ROS: device, buttons, keys and jog put together, one call per period.

Inputs (`offer_*`, `mode`, `recording`) and `tick` may be different threads: each input is one reference, swapped.
"""

import queue
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from f2o_nodekit.robot import read_robot
from f2o_nodekit.stamps import NS_PER_S

from f2o_teleop.device import ScriptedDevice, SpacenavDevice, TeleopDevice, load_script
from f2o_teleop.drift import ZeroOffset
from f2o_teleop.errors import RobotModelError
from f2o_teleop.frames import device_frame
from f2o_teleop.hidfile import PipedHid, ReplayedHid, load_reports
from f2o_teleop.ik import DifferentialIk, Joints
from f2o_teleop.jog import Jog, JogTarget, Measured
from f2o_teleop.keyboard import KeyboardDevice
from f2o_teleop.mapping import Buttons, TwistMapping, within_dead_zone
from f2o_teleop.rest import LetGo
from f2o_teleop.spacemouse import SpaceMouse
from f2o_teleop.takeover import Hand, Takeover
from f2o_teleop.teleop_config import GIVE_BACK_KEY, GRIPPER_KEY, NOT_COMMANDS, TeleopConfig

JOINTS = 7  # of the arm: the redundancy is resolved for one spare joint
UNDER_WAY = ("recording", "review")  # the recorder's states in which the record button saves
FOLLOWING, HOLD = (
    "teleop",
    "hold",
)  # the bridge's modes in which targets move the arm, and in which it waits for them
HELD = {"keyboard": "keys", "scripted": "script"}  # what a hand is on, by the source


@dataclass(frozen=True)
class TeleopTick:
    """Output of one period."""

    target: JogTarget | None  # None without fresh joint states, or a device that works
    commands: tuple[str, ...]  # for /f2o/episode/command
    take_over: bool | None = None  # ask the bridge for the arm, or give it back
    enabled: bool = False  # the hold-to-run button is held


class Teleop:
    """Turns readings of a teleop device into targets and commands.

    Attributes:
        robot: the arm.
        mode: the bridge's mode, as last received.
        recording: whether an episode is under way, as last received.
        device_status: '' while the device works, else a sentence.
        unread_gripper: why gripper states that come cannot be read, or ''; set by the caller. Before the first width
            there is then no target: it would open the gripper, whatever it holds.
    """

    def __init__(self, config: TeleopConfig, device: TeleopDevice) -> None:
        """Builds the IK.

        Raises:
            ConfigError, RobotModelError: the robot's file or description is missing, or it has not seven joints.
            FrameError: the frame of the device is not known.
        """
        self.robot = read_robot(config.robot)
        if (count := len(self.robot.joint_names)) != JOINTS:
            raise RobotModelError(f"robot {self.robot.name}: expected {JOINTS} joints, got {count}")
        box = config.workspace.corners()
        ik = DifferentialIk(self.robot, 1.0 / config.rate_hz, None, config.velocity_scale, box)
        mapping = config.mapping
        frame = device_frame(mapping.frame, ik, Path(mapping.calibration), mapping.camera, self.robot)
        widths = (config.open_width, config.closed_width)
        self.jog = Jog(ik, TwistMapping(mapping), *widths, config.max_lag_rad, frame)
        self._zero, self._takeover = ZeroOffset(config.drift), Takeover(config.takeover)
        self._let_go, self._held = LetGo(), HELD.get(config.source, "SpaceMouse")
        self._gives_back = config.takeover.gives_back if config.takeover.enabled else "to nobody"
        self._followed = False
        self._device, self._buttons, self._keys = device, Buttons(config.buttons), config.keys
        self._dead_zone = mapping.dead_zone
        self._typed: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._joints: tuple[Joints, int] | None = None
        self._sent: tuple[Measured, int] | None = None
        self._joints_ns = round(config.max_joint_state_age_s * NS_PER_S)
        self._width, self._width_seen = config.open_width, False
        self.unread_gripper = ""
        self.mode, self.recording, self.device_status = "", False, ""

    def offer_joints(self, positions: Joints, mono_ns: int) -> None:
        """The measured joints [rad]."""
        self._joints = (positions, mono_ns)

    def offer_command(self, positions: Joints, width_m: float, mono_ns: int) -> None:
        """The bridge's last command: a takeover begins there, so that neither arm nor gripper slackens."""
        self._sent = (Measured(positions, width_m), mono_ns)

    def offer_width(self, width_m: float) -> None:
        """The measured gripper width [m]."""
        self._width, self._width_seen = width_m, True

    def offer_key(self, key: str) -> None:
        """A character that was typed."""
        if not (
            isinstance(self._device, KeyboardDevice) and self._device.offer_key(key, time.monotonic_ns())
        ):
            self._typed.put(key)

    def tick(self, mono_ns: int) -> TeleopTick:
        """One period at monotonic time `mono_ns`."""
        following, joints = self.mode == FOLLOWING, self._joints
        if following != self._followed:
            self._followed = following
            self._let_go.restart()
        reading = self._device.read(mono_ns, following)
        self.device_status = reading.status
        typed = self._typed_actions()
        commands = tuple(action for action in typed if action not in NOT_COMMANDS)
        if reading.status:
            self._forget_device()
            return TeleopTick(None, commands)
        requests = self._buttons.update(reading.buttons, self.recording, mono_ns)
        commands, enabled = (*requests.commands, *commands), self._buttons.enables(reading.buttons)
        wanted = within_dead_zone(self._zero(reading.axes, mono_ns), self._dead_zone)
        axes = self._let_go(wanted, mono_ns)
        if joints is None or mono_ns - joints[1] > self._joints_ns or self._unknown_width():
            return TeleopTick(None, commands, enabled=enabled)
        toggle = requests.toggle_gripper or GRIPPER_KEY in typed
        hand = Hand(wanted, self._let_go.seen, toggle, requests.give_back or GIVE_BACK_KEY in typed)
        take_over = self._takeover.tick(hand, self.mode, mono_ns)
        start = Measured(joints[0], self._width) if following else self._start(joints[0], mono_ns)
        target = self.jog.step(axes, toggle, start, following)
        return TeleopTick(target, commands, take_over, enabled)

    def _forget_device(self) -> None:
        """A device that fails is not a person at rest: no targets, so the bridge holds, and nothing is given back."""
        self._buttons.forget()
        self._let_go.forget()
        self._takeover.forget()

    def no_target(self, mono_ns: int, unread: str) -> tuple[int, str]:
        """Why there are no targets at monotonic time `mono_ns`, and the level of that; (0, '') where they come.

        Args:
            mono_ns: now.
            unread: why joint states that come cannot be read, or ''.
        """
        age_ns = None if self._joints is None else mono_ns - self._joints[1]
        if age_ns is not None and age_ns <= self._joints_ns:
            return self._no_own_target()
        if unread:
            return 2, f"no targets: {unread}"
        if age_ns is None:
            return 1, "waiting for the first joint state"
        limit_s = self._joints_ns / NS_PER_S
        return 2, f"no targets: no joint state for {age_ns / NS_PER_S:.1f} s; {limit_s:g} s is the most"

    def _no_own_target(self) -> tuple[int, str]:
        """As ``no_target``, with joint states that come."""
        if unknown := self._unknown_width():
            return 2, f"no targets: {unknown}"
        if status := self.device_status:
            ours = self.mode in (FOLLOWING, HOLD)
            return (2, f"no targets, the bridge holds: {status}") if ours else (1, f"no targets: {status}")
        return (1, f"let go of the {self._held} once") if self._let_go.wanted else (0, "")

    def values(self) -> dict[str, float | str]:
        """Numbers for the diagnostics."""
        return {
            "lag_rad": self.jog.lag_rad,
            "ik": self.jog.status.value,
            "mode": self.mode or "unknown",
            "device": self._device_state(),
            "gives_back": self._gives_back,
            "zero_offset": float(np.abs(self._zero.offset).max()),
        }

    def _device_state(self) -> str:
        """What the device says, in a word: a device that is gone is told from one at rest."""
        if self.device_status:
            return "gone"
        if self._let_go.wanted:
            return "to be let go"
        return "deflected" if self._let_go.deflected else "at rest"

    def _unknown_width(self) -> str:
        """Why the gripper's width is not known although it has a gripper that says something, or ''."""
        return "" if self._width_seen else self.unread_gripper

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

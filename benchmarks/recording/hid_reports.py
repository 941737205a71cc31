"""HID reports of a SpaceMouse during one demonstration."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

from f2o_teleop.hidfile import Report

PERIOD_S = 0.016  # of a device's reports while its cap is deflected
RAMP_S = 0.15
# Seconds, and the deflection in f2o's axes (x forward, y left, z up, roll, pitch, yaw).
MOVES = (
    (0.9, (0.7, 0.0, -0.4, 0.0, 0.0, 0.0)),
    (0.7, (0.0, 0.6, -0.5, 0.0, 0.0, 0.3)),
    (0.7, (0.0, -0.6, 0.5, 0.0, 0.0, -0.3)),
    (0.9, (-0.7, 0.0, 0.4, 0.0, 0.0, 0.0)),
)
GRIPPER, RECORD = 1, 2  # bits of buttons 0 and 1
STARTED_S = 1.3  # by then the recorder has received the first press


def demonstration(seed: int | None = None) -> list[Report]:
    """Start, go out, close the gripper, come back, open it, save: one episode and the pause after it.

    With a ``seed`` the way out bends to a side and as far as this seed says; the way back is the same one.
    """
    reports: list[Report] = [(0.0, _axes((0.0,) * 6))]
    clock = _press(reports, 0.5, RECORD) + 0.7
    for number, (seconds, axes) in enumerate(MOVES if seed is None else _varied(seed)):
        clock = _push(reports, clock, seconds, axes)
        if number in (1, 3):
            clock = _press(reports, clock + 0.1, GRIPPER) + 0.4
    clock = _press(reports, clock, RECORD)
    reports.append((clock + 1.2, _axes((0.0,) * 6)))
    return reports


def _varied(seed: int) -> list[tuple[float, tuple[float, ...]]]:
    """The moves, mirrored or not, each of the two that go out stronger or weaker, and undone alike."""
    draw = random.Random(seed)
    side = draw.choice((-1, 1))
    out, aside = draw.uniform(0.7, 1.2), draw.uniform(0.7, 1.2)
    turn = (1, side, 1, side, 1, side)
    return [
        (seconds, tuple(share * t * value for value, t in zip(axes, turn, strict=True)))
        for (seconds, axes), share in zip(MOVES, (out, aside, aside, out), strict=True)
    ]


def _push(reports: list[Report], begin_s: float, seconds: float, axes: tuple[float, ...]) -> float:
    for into in _steps(seconds):
        share = min(1.0, into / RAMP_S, (seconds - into) / RAMP_S)
        reports.append((begin_s + into, _axes(tuple(share * value for value in axes))))
    reports.append((begin_s + seconds, _axes((0.0,) * 6)))
    return begin_s + seconds


def _steps(seconds: float) -> Iterator[float]:
    for k in range(int(seconds / PERIOD_S)):
        yield k * PERIOD_S


def _press(reports: list[Report], at_s: float, button: int) -> float:
    reports.append((at_s, bytes([3, button, 0])))
    reports.append((at_s + 0.25, bytes([3, 0, 0])))
    return at_s + 0.25


def _axes(axes: tuple[float, ...]) -> bytes:
    """Report 1 with all six axes, in the device's own: x right, y towards the person, z down."""
    x, y, z, roll, pitch, yaw = (round(350 * value) for value in axes)
    return b"\x01" + struct.pack("<6h", -y, -x, -z, -pitch, -roll, -yaw)

"""Counts violations of a robot file's limits in a sequence of positions. Shares no code with what it checks."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import sqrt
from pathlib import Path

import numpy as np
import yaml

CONFIG = Path(__file__).resolve().parents[4] / "config"  # of the source tree
PERIOD = 0.008


def violations(
    positions: Sequence[Sequence[float] | np.ndarray] | np.ndarray,
    name: str = "panda",
    start: Sequence[float] | np.ndarray | None = None,
    moving: bool = False,
    profile: str = "normal",
    period: float = PERIOD,
    scale: Mapping[str, float] | None = None,
) -> list[str]:
    """Messages about every joint and limit that a motion breaks.

    Args:
        positions: one row of joint positions [rad] per ``period`` [s].
        name: of the robot file, ``config/robots/<name>.yaml``.
        start: joint positions [rad] outside the limits from which the motion may begin, but not go farther out.
        moving: whether the arm moves before the first row; otherwise it is at rest.
        profile: of the robot's limits.
        period: time between two rows [s].
        scale: replaces that of the profile.
    """
    limits = yaml.safe_load((CONFIG / f"robots/{name}.yaml").read_text())
    scale = scale or limits["profiles"][profile]
    rows = ([] if moving else [list(map(float, positions[0]))] * 3) + [
        list(map(float, row)) for row in positions
    ]
    found = []
    for joint in range(len(limits["joint_names"])):
        q = [row[joint] for row in rows]
        low = limits["position_min"][joint] + limits["position_margin"]
        high = limits["position_max"][joint] - limits["position_margin"]
        if start is not None:  # begun outside: no farther out than that
            low, high = min(low, start[joint]), max(high, start[joint])
        series = {"velocity": _differences(q, period)}
        series["acceleration"] = _differences(series["velocity"], period)
        series["jerk"] = _differences(series["acceleration"], period)
        if not all(low - 1e-6 <= x <= high + 1e-6 for x in q):
            found.append(f"joint {joint}: position {min(q)}..{max(q)} outside {low}..{high}")
        for key, values in series.items():
            limit = limits[key][joint] * scale[key]
            if not all(abs(x) <= limit * (1 + 1e-6) + 1e-9 for x in values):
                found.append(f"joint {joint}: {key} {max(map(abs, values))} above {limit}")
        if (curve := limits.get("velocity_curve")) is not None:
            found += _beyond_curve(joint, pairwise(q), curve, scale["velocity"], period)
    return found


def _beyond_curve(
    joint: int,
    pairs: Iterable[tuple[float, float]],
    curve: Mapping[str, list[float]],
    scale: float,
    period: float,
) -> list[str]:
    """The mean velocity over a period against the bound at the end where it is wider."""
    low, high, gain, offset = (curve[key][joint] for key in ("lower", "upper", "gain", "offset"))
    for before, after in pairs:
        room = high - before if after > before else before - low
        bound = scale * max(0.0, sqrt(max(0.0, gain * room)) - offset)
        if abs(after - before) / period > bound * (1 + 1e-6) + 1e-9:
            return [f"joint {joint}: velocity {(after - before) / period} above {bound} at {before}"]
    return []


def _differences(values: Sequence[float], period: float) -> list[float]:
    return [(after - before) / period for before, after in pairwise(values)]

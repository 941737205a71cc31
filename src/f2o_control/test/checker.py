"""Counts violations of a robot file's limits in a sequence of positions. Shares no code with what it checks."""

from itertools import pairwise
from pathlib import Path

import yaml

CONFIG = Path(__file__).resolve().parents[3] / "config"
PERIOD = 0.008


def violations(positions, name="panda", start=None, moving=False):
    """Messages about every joint and limit; ``positions`` is a list of lists [rad], one a period.

    Before the first the arm is at rest, unless ``moving``.
    """
    limits = yaml.safe_load((CONFIG / f"robot_{name}.yaml").read_text())
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
        series = {"velocity": _differences(q)}
        series["acceleration"] = _differences(series["velocity"])
        series["jerk"] = _differences(series["acceleration"])
        if not all(low - 1e-6 <= x <= high + 1e-6 for x in q):
            found.append(f"joint {joint}: position {min(q)}..{max(q)} outside {low}..{high}")
        for key, values in series.items():
            limit = limits[key][joint] * limits["scale"][key]
            if not all(abs(x) <= limit * (1 + 1e-6) + 1e-9 for x in values):
                found.append(f"joint {joint}: {key} {max(map(abs, values))} above {limit}")
    return found


def _differences(values):
    return [(after - before) / PERIOD for before, after in pairwise(values)]

"""What every bag says of itself, whoever moved the arm."""

import json
from collections.abc import Mapping

from f2o_bags.labels import EXPECTED_HZ, OPERATOR, SEED, SUCCESS, TASK

from f2o_teleop.recorder_config import RecorderConfig


def standing_labels(
    config: RecorderConfig, index: int, software: Mapping[str, str], calibration: str
) -> dict[str, str]:
    """The labels of episode ``index`` before anybody has said more about it."""
    return {
        TASK: config.task,
        OPERATOR: config.operator,
        SEED: str(config.seed),
        SUCCESS: "unknown",
        "index": str(index),
        "versions": json.dumps(software),
        EXPECTED_HZ: json.dumps(config.expected_hz()),
        "calibration": calibration,
        **config.extra_labels,
    }

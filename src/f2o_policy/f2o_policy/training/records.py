"""Provenance of a run, for its checkpoint and for summary.json."""

from __future__ import annotations

import dataclasses
import platform
from typing import Any

import numpy as np
import torch
from f2o_nodekit.joints import GRIPPER_WIDTH
from f2o_nodekit.robot import read_robot

from f2o_policy.data.arm import ToolPositions, tool_positions
from f2o_policy.data.normalise import Normaliser
from f2o_policy.data.store import Dataset
from f2o_policy.provenance import learning_code
from f2o_policy.training.config import Config
from f2o_policy.training.loop import Progress
from f2o_policy.training.optimise import Precision
from f2o_policy.training.process_group import ProcessGroup


def provenance(dataset: Dataset, normaliser: Normaliser, config: Config) -> dict[str, Any]:
    """The fields of a checkpoint that follow from the data and the configuration."""
    return {
        "config": dataclasses.asdict(config.model),
        "normaliser": normaliser,
        "action_space": config.window.action_space,
        "robot": config.window.robot,
        "horizon": config.window.horizon,
        "dt_s": config.window.dt_s,
        "history_dt_s": config.window.history_dt_s,
        "validation_fraction": config.window.validation_fraction,
        "visual_lag_s": config.window.visual_lag_s,
        "action_names": (*dataset.joint_names, GRIPPER_WIDTH),
        "views": dataset.view_names,
        "image_size": dataset.image_size,
        "points": config.model.points,
        "workspace": tuple(zip(normaliser.point.low, normaliser.point.high, strict=True)),
        "seed": config.seed,
        "data_sha256": dataset.sha256,
        "tool_m": dataset.tool_m or _tool_positions(config),
        "versions": versions(),
    }


def _tool_positions(config: Config) -> ToolPositions | None:
    """Of the arm whose poses the actions are, where the data do not say which arm they are of."""
    tcp = config.window.action_space == "tcp"
    return tool_positions(read_robot(config.window.robot)) if tcp else None


def versions() -> dict[str, str]:
    """Versions of the packages and the code of the run."""
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": str(np.__version__),
        "code_sha256": learning_code(),
    }


def summary(
    config: Config, data_sha256: str, steps: int, done: Progress, precision: Precision, group: ProcessGroup
) -> dict[str, Any]:
    """The contents of summary.json."""
    return {
        "seed": config.seed,
        "data_sha256": data_sha256,
        "steps": steps,
        "wall_s": round(done.seconds, 1),
        "steps_per_s": round(steps / max(done.seconds, 1e-9), 3),
        "device": str(precision.device),
        "precision": str(precision.dtype),
        "threads": torch.get_num_threads(),
        "processes": group.world_size,
        "metrics": done.metrics,
        "versions": versions(),
        "config": dataclasses.asdict(config),
    }

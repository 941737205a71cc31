"""Checks before training: data, weights and methods must fit each other."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from f2o_nodekit.joints import GRIPPER_WIDTH

from f2o_policy.checkpoint import Checkpoint
from f2o_policy.data.arm import SAME_TOOL_M, tools_apart_m
from f2o_policy.data.store import Dataset
from f2o_policy.errors import CheckpointError, DatasetError, UnknownNameError
from f2o_policy.methods import METHODS
from f2o_policy.training.config import Config


def check_fits(dataset: Dataset, config: Config) -> None:
    """Check that the model's input sizes are those of the data.

    Raises:
        DatasetError: they are not; the text names every difference.
    """
    views, size, points = len(dataset.view_names), dataset.image_size, dataset["points"].shape[1]
    model, problems = config.model, []
    if views != model.views:
        problems.append(f"has {views} views, model.views is {model.views}")
    if size != model.image_size:
        problems.append(f"has images of {size} px, model.image_size is {model.image_size}")
    if lacking := [name for name in dataset.lacks if name in model.modalities]:
        have = [name for name in model.modalities if name not in lacking]
        problems.append(f"has no {' and no '.join(lacking)}, set model.modalities to {have}")
    if points < model.points and "points" in model.modalities:
        problems.append(f"has {points} points per observation, model.points is {model.points}")
    if problems:
        raise DatasetError(dataset.path, "; ".join(problems))


def check_robot(checkpoint: Checkpoint, source: str | Path, dataset: Dataset) -> None:
    """Check that the weights are of the robot in the data.

    Raises:
        CheckpointError: its joints have other names, or its arm another shape.
    """
    theirs, ours = checkpoint.action_names, (*dataset.joint_names, GRIPPER_WIDTH)
    if theirs != ours:
        raise CheckpointError(source, f"drives {', '.join(theirs)}; {dataset.path} has {', '.join(ours)}")
    if (away := tools_apart_m(checkpoint.tool_m, dataset.tool_m)) > SAME_TOOL_M:
        raise CheckpointError(
            source,
            f"is of another arm than {dataset.path}: with the same joints their tools are {1e3 * away:.0f} mm apart",
        )


def check_cameras(checkpoint: Checkpoint, source: str | Path, dataset: Dataset) -> None:
    """Check that the weights are of the robot, the views and the image size in the data.

    Raises:
        CheckpointError: they are not.
    """
    check_robot(checkpoint, source, dataset)
    theirs = (checkpoint.views, checkpoint.image_size)
    ours = (dataset.view_names, dataset.image_size)
    if theirs != ours:
        seen, has = (f"{', '.join(views)} of {size} px" for views, size in (theirs, ours))
        raise CheckpointError(source, f"sees {seen}; {dataset.path} has {has}")


def warn_about_seen_episodes(given: Mapping[str, Checkpoint], dataset: Dataset, config: Config) -> None:
    """Warn on stderr of each of ``given`` (by option) that may have been trained on episodes that are now held out.

    The split follows from the number of episodes, the seed and the fraction; a data set that has grown is split anew.
    """
    for option, checkpoint in given.items():
        fraction = checkpoint.window_config(config.window).validation_fraction
        split = (dataset.sha256, config.seed, config.window.validation_fraction)
        if (checkpoint.data_sha256, checkpoint.seed, fraction) != split:
            print(
                f"f2o train: warning: --{option} was trained on other data than {dataset.path}, or with another seed "
                "or validation_fraction: it may know episodes that are held out, which lowers validation_loss",
                file=sys.stderr,
            )


def stage_options(config: Config, name: str, kind: str) -> Any:
    """Options of the method ``name`` in ``config``; it must be of ``kind``.

    Raises:
        UnknownNameError: no such method, or one of the other kind.
    """
    legal = [known for known, cls in METHODS.items() if cls.kind == kind]
    if name not in legal:
        raise UnknownNameError(f"{kind} method", name, legal)
    return getattr(config, name)

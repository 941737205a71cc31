"""What is refused before anything is trained: data, weights and methods that do not fit each other."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from f2o_nodekit.joints import GRIPPER_WIDTH

from f2o_policy.checkpoint import Checkpoint
from f2o_policy.data.store import Dataset
from f2o_policy.errors import CheckpointError, DatasetError, UnknownNameError
from f2o_policy.methods import METHODS
from f2o_policy.training.config import Config


def check_fits(dataset: Dataset, config: Config) -> None:
    """The model's input sizes must be those of the data."""
    views, size, points = len(dataset.view_names), dataset.image_size, dataset["points"].shape[1]
    problems = [
        *([] if views == config.model.views else [f"has {views} views, model.views is {config.model.views}"]),
        *(
            []
            if size == config.model.image_size
            else [f"has images of {size} px, model.image_size is {config.model.image_size}"]
        ),
        *(
            []
            if points >= config.model.points
            else [f"has {points} points an observation, model.points is {config.model.points}"]
        ),
    ]
    if problems:
        raise DatasetError(dataset.path, "; ".join(problems))


def check_robot(checkpoint: Checkpoint, source: str | Path, dataset: Dataset) -> None:
    """Refuse the weights of another robot: its joints would mean something else."""
    theirs, ours = checkpoint.action_names, (*dataset.joint_names, GRIPPER_WIDTH)
    if theirs != ours:
        raise CheckpointError(source, f"drives {', '.join(theirs)}; {dataset.path} has {', '.join(ours)}")


def check_cameras(checkpoint: Checkpoint, source: str | Path, dataset: Dataset) -> None:
    """Refuse a network that saw another robot, or this one through other cameras."""
    check_robot(checkpoint, source, dataset)
    theirs = (checkpoint.views, checkpoint.image_size)
    ours = (dataset.view_names, dataset.image_size)
    if theirs != ours:
        seen, has = (f"{', '.join(views)} of {size} px" for views, size in (theirs, ours))
        raise CheckpointError(source, f"sees {seen}; {dataset.path} has {has}")


def warn_of_seen(given: Mapping[str, Checkpoint], dataset: Dataset, config: Config) -> None:
    """One line on stderr for each of ``given`` (by option) that may have been trained on episodes now held out.

    Which episodes are held out follows from the number of episodes, the seed and the fraction: a data set that has
    grown is divided anew.
    """
    for option, checkpoint in given.items():
        divided = (dataset.sha256, config.seed, config.window.validation_fraction)
        before = (
            checkpoint.data_sha256,
            checkpoint.seed,
            checkpoint.window_config(config.window).validation_fraction,
        )
        if before != divided:
            print(
                f"f2o train: warning: --{option} was trained on other data than {dataset.path}, or with another seed "
                "or validation_fraction: it may know episodes that are held out now, which flatters validation_loss",
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

"""Fans of hypotheses at the fork, one policy beside the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from f2o_policy.evaluation.contender import Contender
from f2o_sim.demo.pictures import side_colours, tool_paths
from f2o_sim.video import draw_fan, save_picture

from benchmarks.forks.forks import ForkScenes, draw, fork_engine


def save_fans(path: Path, task: str, seed: int, fans: list[Contender]) -> None:
    """Sixteen hypotheses of each contender at the fork of one scene, one picture beside the other."""
    scenes = ForkScenes()
    try:
        arm, observation = scenes.arm(seed), scenes.look(seed)
    finally:
        scenes.close()
    pictures = []
    for contender in fans:
        engine, shape = fork_engine(contender)
        paths = tool_paths(draw(engine, observation, shape, seed))
        pictures.append(draw_fan(task, seed, arm, paths, side_colours(paths), contender.name))
    save_picture(np.hstack(pictures), path)

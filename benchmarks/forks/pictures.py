"""Fans of hypotheses at the fork, one policy beside the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from f2o_sim.rollout.episode import PolicyUnderTest

from benchmarks.common.video import draw_fan, save_image
from benchmarks.demo.pictures import side_colours, tool_paths
from benchmarks.forks.forks import ForkScenes, draw, fork_engine


def save_fans(path: Path, task: str, seed: int, fans: list[PolicyUnderTest]) -> None:
    """Sixteen hypotheses of each policy at the fork of one scene, one picture beside the other."""
    scenes = ForkScenes()
    try:
        arm, observation = scenes.arm(seed), scenes.observe(seed)
    finally:
        scenes.close()
    pictures = []
    for policy in fans:
        engine, shape = fork_engine(policy)
        paths = tool_paths(draw(engine, observation, shape, seed))
        pictures.append(draw_fan(task, seed, arm, paths, side_colours(paths), policy.name))
    save_image(np.hstack(pictures), path)

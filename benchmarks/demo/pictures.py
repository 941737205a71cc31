"""What to look at after a run: an episode of each side, everything for rerun."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rerun as rr
from f2o_nodekit.robot import TCP
from f2o_perception.frames import Observation
from f2o_perception.kinematics import ForwardKinematics
from f2o_policy.checkpoint import Checkpoint
from f2o_policy.runtime.load import load_engine
from jaxtyping import Float64

from benchmarks.demo.episodes import Episode

HYPOTHESES = 16


def hypotheses(student: Checkpoint, observation: Observation, seed: int = 0) -> Float64[np.ndarray, "16 H 8"]:
    """Sixteen chunks of the student on one observation."""
    engine = load_engine(student, HYPOTHESES, "torch")
    noise = np.random.default_rng(seed).standard_normal(
        (HYPOTHESES, student.horizon, student.action_size), dtype=np.float32
    )
    joints = np.append(observation.joint_positions, observation.gripper_width)
    return engine.plan(engine.embed(observation), joints, noise)


def tool_paths(chunks: Float64[np.ndarray, "K H 8"]) -> Float64[np.ndarray, "K H 3"]:
    """Positions of the tool centre point along each chunk, in the base frame [m]."""
    kinematics = ForwardKinematics()
    return np.array([[kinematics.pose(TCP, q[:7])[:3, 3] for q in chunk] for chunk in chunks])


def one_of_each_side(episodes: list[Episode]) -> list[int]:
    """Indices of a successful episode to the left and one to the right; as many as there are."""
    chosen = {}
    for index, episode in enumerate(episodes):
        if episode.success and episode.side:
            chosen.setdefault(episode.side, index)
    return list(chosen.values())


def save_rerun(path: Path, first: dict[int, Observation], student: Checkpoint) -> None:
    """Clouds, images and hypotheses of every episode's first observation as one .rrd."""
    recording = rr.RecordingStream("f2o_demo")
    recording.save(str(path))
    for index, (seed, observation) in enumerate(first.items()):
        recording.set_time("episode", sequence=index)
        recording.log("seed", rr.TextLog(f"seed {seed}"))
        recording.log("scene/cloud", rr.Points3D(observation.points, radii=0.004))
        paths = tool_paths(hypotheses(student, observation))
        recording.log(
            "scene/hypotheses", rr.LineStrips3D(list(paths), colors=side_colours(paths), radii=0.002)
        )
        for name, rgb, depth in zip(
            observation.view_names, observation.rgb, observation.depth_mm, strict=True
        ):
            recording.log(f"views/{name}/rgb", rr.Image(rgb))
            recording.log(f"views/{name}/depth", rr.DepthImage(depth, meter=1000.0))
    recording.flush()
    recording.disconnect()


def side_colours(paths: Float64[np.ndarray, "K H 3"]) -> list[tuple[int, int, int]]:
    """Orange for paths that swing to the left (y > 0) of where they start, blue for the others."""
    swing = paths[..., 1] - paths[:, :1, 1]
    extreme = np.take_along_axis(swing, np.abs(swing).argmax(axis=1)[:, None], axis=1)[:, 0]
    return [(255, 140, 40) if y > 0 else (60, 140, 255) for y in extreme]

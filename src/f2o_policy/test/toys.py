"""Small stand-ins: observations, a data set, a network's size, a normaliser."""

import numpy as np
from f2o_perception.frames import Observation
from f2o_policy.data.normalise import MinMax, Normaliser
from f2o_policy.data.store import DatasetWriter
from f2o_policy.model.config import ModelConfig

VIEWS = ("wrist", "front")
JOINTS = tuple(f"joint{i}" for i in range(1, 8))
TINY = ModelConfig(
    views=2, image_size=32, points=16, horizon=8, trunk_width=8, token_dim=16, attention_heads=2, pool_queries=2,
    visual_dim=16, point_widths=(8, 16), point_dim=8, proprio_dim=8, unet_widths=(16, 32), groups=4, step_dim=16,
)  # fmt: skip
HZ_NS = 33_000_000


def normaliser():
    limits = MinMax((-2.0,) * 7 + (0.0,), (2.0,) * 7 + (0.08,))
    return Normaliser(limits, limits, MinMax((0.2, -0.5, 0.0), (0.8, 0.5, 0.6)), action_std=0.5)


def observation(rng, stamp_ns, joints, width=0.08):
    return Observation(
        stamp_ros_ns=stamp_ns, view_names=VIEWS, view_stamps_ros_ns=np.full(2, stamp_ns),
        rgb=rng.integers(0, 256, (2, 32, 32, 3)).astype(np.uint8),
        depth_mm=rng.integers(0, 2000, (2, 32, 32)).astype(np.uint16),
        points=rng.uniform(0, 1, (32, 3)).astype(np.float32), joint_names=JOINTS, joint_positions=joints,
        joint_velocities=np.zeros(7), gripper_width=width, max_skew_ns=0,
    )  # fmt: skip


def episode(rng, observations=10, start_ns=10**18):
    """Observations at 30 Hz and commands at 125 Hz of a straight motion."""
    seconds = observations * HZ_NS * 1e-9
    times = np.arange(0, seconds, 0.008)
    goal = rng.uniform(-1, 1, 8) * np.array([1.0] * 7 + [0.04])
    commands = goal * (times / seconds)[:, None]
    stamps = start_ns + np.round(times * 1e9).astype(np.int64)
    seen = [
        observation(rng, start_ns + i * HZ_NS, commands[min(i * 4, len(commands) - 1), :7])
        for i in range(observations)
    ]
    return seen, stamps, commands


def write_dataset(path, episodes=4, seed=0):
    rng = np.random.default_rng(seed)
    with DatasetWriter(path) as writer:
        for index in range(episodes):
            writer.add_episode(*episode(rng, start_ns=10**18 + index * 10**11), {"source": f"toy{index}"})
    return path

"""One observation at the fork: the arm stands before the post, each policy draws sixteen chunks, and each chunk is
checked against the geometry: does it pass the post on the left, on the right, or run into it?

Closed loop, a policy that answers with the mean of both sides may be saved by chance: a centimetre of noise to one
side, and the next answer is no longer the mean. One observation shows its answer while both sides are still open.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from f2o_nodekit.robot import TCP
from f2o_perception.frames import Observation
from f2o_perception.kinematics import ForwardKinematics
from f2o_policy.checkpoint import load_checkpoint
from f2o_policy.runtime.engine import NetworkEngine
from f2o_policy.runtime.load import load_engine
from f2o_sim.rollout.episode import PolicyUnderTest
from f2o_sim.session import Session
from f2o_sim.tasks.reach_around import FORK_M, FORK_Z, HOME, POST
from f2o_sim.world import World
from f2o_teleop.ik import DifferentialIk
from jaxtyping import Float64
from tqdm import tqdm

CHUNKS = 16
TRIES_A_KNOT = 4  # poses checked between two points of a chunk: every 25 ms
DOWN = np.diag([1.0, -1.0, -1.0])
IK_TICKS = 1500  # from home to the fork: within a millimetre of it after 50
ANSWERS = ("left", "right", "into the post", "stays before it")


def evaluate_forks(
    policies: list[PolicyUnderTest], seeds: list[int], progress: bool = True
) -> dict[str, dict[str, float]]:
    """Shares of the chunks by what they do, and of the scenes in which both sides are among the sixteen.

    Args:
        policies: whose chunks.
        seeds: scenes; each policy draws the same noise.
        progress: show a bar.
    """
    scenes = ForkScenes()
    try:
        seen = [scenes.observe(seed) for seed in seeds]
        rows: dict[str, dict[str, float]] = {}
        for policy in tqdm(policies, desc="at the fork", unit="policy", disable=not progress):
            engine, shape = fork_engine(policy)
            answers = []
            for seed, observation in zip(seeds, seen, strict=True):
                chunks = draw(engine, observation, shape, seed)
                answers.append(Counter(scenes.judge(seed, chunk[:, :7]) for chunk in chunks))
            rows[policy.name] = _row(answers)
        return rows
    finally:
        scenes.close()


def observe_forks(seeds: list[int]) -> list[Observation]:
    """What a policy sees at the fork of each scene."""
    scenes = ForkScenes()
    try:
        return [scenes.observe(seed) for seed in seeds]
    finally:
        scenes.close()


def fork_engine(policy: PolicyUnderTest) -> tuple[NetworkEngine, tuple[int, int, int]]:
    """Its engine for sixteen noises, and their shape."""
    checkpoint = load_checkpoint(policy.config.checkpoint)
    shape = (CHUNKS, checkpoint.horizon, checkpoint.action_size)
    return load_engine(checkpoint, CHUNKS, "torch", steps=policy.config.steps), shape


def draw(
    engine: NetworkEngine, observation: Observation, shape: tuple[int, int, int], seed: int
) -> Float64[np.ndarray, "16 H 8"]:
    """Sixteen chunks on one observation."""
    noise = np.random.default_rng([seed, 7]).standard_normal(shape, dtype=np.float32)
    joints = np.append(observation.joint_positions, observation.gripper_width)
    return engine.plan(engine.embed(observation), joints, noise)


class ForkScenes:
    """Scenes with the arm at the fork: pictures of them, and the geometry to try chunks on."""

    def __init__(self) -> None:
        self._session, self._world = Session(), World()
        self._ik, self._kinematics = DifferentialIk(home=HOME), ForwardKinematics()

    def arm(self, seed: int) -> Float64[np.ndarray, " 7"]:
        """Joints [rad] with the gripper straight before the post of the scene ``seed``, where the two sides part."""
        x, y = self._post(seed)
        goal = np.eye(4)
        goal[:3, :3], goal[:3, 3] = DOWN, (x - FORK_M, y, FORK_Z)
        q = np.array(HOME)
        self._ik.reset(q)
        for _ in range(IK_TICKS):
            q = self._ik.step_pose(goal)
        return q.copy()

    def observe(self, seed: int) -> Observation:
        """What the policy sees there."""
        observation = self._session.reset(seed, self.arm(seed)).observation
        assert observation is not None  # a reset shows the scene at rest
        return observation

    def judge(self, seed: int, chunk: Float64[np.ndarray, "H 7"]) -> str:
        """One of ``ANSWERS`` for a chunk that begins at the fork."""
        if self._world.seed != seed:
            self._world.reset(seed)
        knots = np.arange(len(chunk))
        fine = np.linspace(0, knots[-1], TRIES_A_KNOT * (len(chunk) - 1) + 1)
        path = np.column_stack([np.interp(fine, knots, joint) for joint in chunk.T])
        if self._world.would_touch(path):
            return "into the post"
        x, y = self._post(seed)
        for q in chunk:
            tool = self._kinematics.pose(TCP, q)[:2, 3]
            if tool[0] > x:
                return "left" if tool[1] > y else "right"
        return "stays before it"

    def _post(self, seed: int) -> Float64[np.ndarray, " 2"]:
        return self._world.task.place(seed).objects[POST][:2]

    def close(self) -> None:
        """Free the renderer."""
        self._session.close()


def _row(answers: list[Counter[str]]) -> dict[str, float]:
    total = sum(answers, Counter())
    chunks = max(total.total(), 1)
    both = sum(bool(answer["left"] and answer["right"]) for answer in answers)
    shares = {answer: round(total[answer] / chunks, 3) for answer in ANSWERS}
    return shares | {"scenes_with_both_sides": round(both / max(len(answers), 1), 3)}

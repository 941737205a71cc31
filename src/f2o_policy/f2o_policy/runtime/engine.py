"""One interface to the network for every backend, without torch.

``embed`` is called when a camera frame arrives, ``plan`` every tick; together they are the whole network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from f2o_perception.frames import Observation
from jaxtyping import Float32, Float64

from f2o_policy.solver import euler
from f2o_policy.spec import PolicySpec

Array = Float32[np.ndarray, "..."]
Call = Callable[..., np.ndarray]


class Engine(Protocol):
    """What the runtime needs of a backend."""

    name: str
    spec: PolicySpec

    def embed(self, observation: Observation) -> Float32[np.ndarray, " F"]:
        """The visual and point embedding of one observation."""

    def plan(
        self,
        embedding: Float32[np.ndarray, " E"],
        joints: Float64[np.ndarray, " P"],
        noise: Float32[np.ndarray, "M H D"],
    ) -> Float64[np.ndarray, "M H D"]:
        """M chunks of actions (``action_space``), one for each noise; ``joints`` [rad], with the gripper's width [m].

        With a history, embeddings and joints of its instants are concatenated, the oldest first (runtime/history.py);
        those of a single instant are repeated, as for a robot at rest.
        """


class NetworkEngine:
    """Embeds and plans with two callables that a backend made from a policy's network.

    Args:
        spec: of the policy; a teacher (``steps`` > 0) is integrated from noise with ``steps`` Euler steps.
        embed: ``(rgb, depth, points) -> (1, F)``.
        head: ``(x, embedding, proprio[, t]) -> (M, H, D)`` normalised.
        name: of the backend, for reports.
        steps: Euler steps of a teacher; 0 for a one-step student.

    Attributes:
        difference_rad: of its joints from eager float32 torch, measured when it was loaded [rad].
    """

    def __init__(self, spec: PolicySpec, embed: Call, head: Call, name: str, steps: int = 0) -> None:
        self._embed, self._head, self._steps = embed, head, steps
        self.spec, self.name, self.difference_rad = spec, name, 0.0
        self._proprio_size = spec.history * spec.joint_size

    def embed(self, observation: Observation) -> Float32[np.ndarray, " F"]:
        """See ``Engine.embed``."""
        return self.embed_arrays(*observation_arrays(observation, self.spec))

    def embed_arrays(self, rgb: np.ndarray, depth_mm: Array, points: Array) -> Float32[np.ndarray, " F"]:
        """As ``embed``, of (1,V,S,S,3) uint8, (1,V,S,S) float32 and (1,P,3) float32."""
        return self._embed(rgb, depth_mm, points)[0]

    def plan(
        self,
        embedding: Float32[np.ndarray, " E"],
        joints: Float64[np.ndarray, " P"],
        noise: Float32[np.ndarray, "M H D"],
    ) -> Float64[np.ndarray, "M H D"]:
        """See ``Engine.plan``."""
        embedding = _whole(embedding, self.spec.embedding_size)
        proprio = _whole(joints.astype(np.float32), self._proprio_size)[None]
        if self._steps == 0:
            chunks = self._head(noise, embedding[None], proprio)
        else:
            chunks = self._integrate(noise, embedding[None], proprio)
        return self.spec.normaliser.action.decode(chunks.astype(np.float64))

    def _integrate(self, x: Array, embedding: Array, proprio: Array) -> Array:
        """Euler steps of the data-predicting teacher, as ``methods.cfm`` samples it."""
        for t, keep in euler(self._steps, self.spec.spacing):
            a = np.float32(keep)
            x = a * x + (1 - a) * self._head(x, embedding, proprio, np.full(1, t, np.float32))
        return x


def observation_arrays(observation: Observation, spec: PolicySpec) -> tuple[np.ndarray, Array, Array]:
    """The network's inputs from an observation; every n-th point of the cloud is taken, as in training."""
    stride = max(len(observation.points) // spec.points, 1)
    points = observation.points[::stride][: spec.points]
    depth = observation.depth_mm.astype(np.float32)
    return observation.rgb[None], depth[None], np.ascontiguousarray(points, np.float32)[None]


def _whole(instant: Array, size: int) -> Array:
    """A single instant repeated to a whole history; a whole history unchanged."""
    return instant if len(instant) == size else np.tile(instant, size // len(instant))

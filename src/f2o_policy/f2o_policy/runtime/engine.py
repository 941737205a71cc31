"""The network behind one interface, whatever executes it.

``embed`` is called when a camera frame arrives, ``plan`` every tick: the network is a concatenation of both, so
splitting it changes nothing but the moment of evaluation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from f2o_perception.frames import Observation
from jaxtyping import Float32, Float64

from f2o_policy.checkpoint import Checkpoint
from f2o_policy.errors import EngineError
from f2o_policy.methods.cfm import euler
from f2o_policy.runtime.parts import EmbedPart, HeadPart, build_network, observation_tensors

Array = Float32[np.ndarray, "..."]
BACKENDS = ("auto", "torch", "openvino")


class Engine(Protocol):
    """What the runtime needs of a backend."""

    name: str
    embedding_size: int

    def embed(self, observation: Observation) -> Float32[np.ndarray, " F"]:
        """The visual and point embedding of one observation."""

    def plan(
        self,
        embedding: Float32[np.ndarray, " E"],
        joints: Float64[np.ndarray, " P"],
        noise: Float32[np.ndarray, "M H D"],
    ) -> Float64[np.ndarray, "M H D"]:
        """M chunks of joint targets [rad] and gripper width [m], one for each noise; ``joints`` likewise.

        Where the policy sees a history, embeddings and joints of its instants stand side by side, the oldest first
        (runtime/history.py); those of one instant alone stand for a robot at rest.
        """


class NetworkEngine:
    """Embeds and plans with two callables that a backend made from the checkpoint's network.

    Args:
        checkpoint: what to run; a teacher (``steps`` > 0) is integrated from noise with ``steps`` Euler steps.
        embed: ``(rgb, depth, points) -> (1, E)``.
        head: ``(x, embedding, proprio[, t]) -> (M, H, D)`` normalised.
        name: of the backend, for reports.
        steps: Euler steps of a teacher; 0 for a one-step student.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        embed: Callable[..., np.ndarray],
        head: Callable[..., np.ndarray],
        name: str,
        steps: int = 0,
    ) -> None:
        self._embed, self._head = embed, head
        self._checkpoint, self._steps = checkpoint, steps
        self.name = name
        self.embedding_size = checkpoint.model_config.embedding_dim
        self._proprio_size = checkpoint.history * checkpoint.action_size

    def embed(self, observation: Observation) -> Float32[np.ndarray, " F"]:
        """See ``Engine.embed``."""
        return self._embed(*observation_tensors(observation, self._checkpoint))[0]

    def plan(
        self,
        embedding: Float32[np.ndarray, " E"],
        joints: Float64[np.ndarray, " P"],
        noise: Float32[np.ndarray, "M H D"],
    ) -> Float64[np.ndarray, "M H D"]:
        """See ``Engine.plan``."""
        embedding = _whole(embedding, self.embedding_size)
        proprio = _whole(joints.astype(np.float32), self._proprio_size)[None]
        if self._steps == 0:
            chunks = self._head(noise, embedding[None], proprio)
        else:
            chunks = self._integrate(noise, embedding[None], proprio)
        return self._checkpoint.normaliser.action.decode(chunks.astype(np.float64))

    def _integrate(self, x: Array, embedding: Array, proprio: Array) -> Array:
        """Euler steps of the data-predicting teacher, as ``methods.cfm`` samples it."""
        spacing = self._checkpoint.method_options.get("spacing", "uniform")
        for t, keep in euler(self._steps, spacing):
            a = np.float32(keep)
            x = a * x + (1 - a) * self._head(x, embedding, proprio, np.full(1, t, np.float32))
        return x


def _whole(instant: Array, size: int) -> Array:
    """The history of a robot at rest from one instant; a whole history as it is."""
    return instant if len(instant) == size else np.tile(instant, size // len(instant))


def load_engine(
    checkpoint: Checkpoint, hypotheses: int, backend: str = "auto", precision: str = "f32", steps: int = 0
) -> NetworkEngine:
    """Make an engine for ``hypotheses`` noises a call and check it against eager float32 torch.

    Args:
        checkpoint: teacher or student; ``steps`` must be positive for a teacher and 0 for a student.
        hypotheses: M, fixed because compiled backends fix shapes.
        backend: one of ``auto`` (OpenVINO where installed), ``torch``, ``openvino``.
        precision: ``f32`` or ``bf16`` (OpenVINO only).
        steps: Euler steps of a teacher.

    Raises:
        EngineError: unknown or missing backend, steps that do not fit, or a backend that disagrees with torch.
    """
    if (checkpoint.kind == "teacher") != (steps > 0):
        raise EngineError(
            f"checkpoint of kind {checkpoint.kind!r} with {steps} steps: a teacher needs 1 or more, a student 0"
        )
    eager = _torch_engine(checkpoint, steps)
    if resolve_backend(backend) == "torch":
        return eager
    from f2o_policy.runtime.openvino_backend import openvino_callables

    embed, head = openvino_callables(checkpoint, hypotheses, precision, timed=steps > 0)
    engine = NetworkEngine(checkpoint, embed, head, f"openvino-{precision}", steps)
    check_equal(engine, eager, checkpoint, hypotheses, tolerance_rad=2e-4 if precision == "f32" else 2e-2)
    return engine


def resolve_backend(backend: str) -> str:
    """``torch`` or ``openvino`` for ``backend``; ``auto`` takes OpenVINO where it is installed."""
    if backend not in BACKENDS:
        raise EngineError(f"backend {backend!r}: expected one of {', '.join(BACKENDS)}")
    if backend == "torch":
        return backend
    try:
        import openvino  # noqa: F401
    except ImportError as error:
        if backend == "openvino":
            raise EngineError(
                "backend 'openvino' is not installed: pip install openvino, or use 'torch'"
            ) from error
        return "torch"
    return "openvino"


def check_equal(
    engine: NetworkEngine, truth: NetworkEngine, checkpoint: Checkpoint, hypotheses: int, tolerance_rad: float
) -> float:
    """Largest difference of two engines' plans over random inputs [rad or m].

    Raises:
        EngineError: it exceeds ``tolerance_rad``.
    """
    rng = np.random.default_rng(0)
    proprio = checkpoint.normaliser.proprio
    differences = []
    for _ in range(3):
        inputs = _random_inputs(rng, checkpoint)
        noise = rng.standard_normal(
            (hypotheses, checkpoint.horizon, checkpoint.action_size), dtype=np.float32
        )
        joints = proprio.decode(rng.uniform(-1, 1, checkpoint.action_size))
        plans = [e.plan(e._embed(*inputs)[0], joints, noise) for e in (engine, truth)]
        differences.append(np.abs(plans[0] - plans[1]).max())
    worst = float(np.max(differences))  # unlike max(), keeps a nan, which is refused
    if not worst <= tolerance_rad:
        raise EngineError(
            f"backend {engine.name} disagrees with eager float32 torch by {worst * 1e3:.2f} mrad, "
            f"expected {tolerance_rad * 1e3:.2f} or less; use backend torch or precision f32"
        )
    return worst


def _random_inputs(rng: np.random.Generator, checkpoint: Checkpoint) -> tuple[np.ndarray, ...]:
    views, size = len(checkpoint.views), checkpoint.image_size
    rgb = rng.integers(0, 256, (1, views, size, size, 3)).astype(np.uint8)
    depth = rng.uniform(300, 1500, (1, views, size, size)).astype(np.float32)
    points = rng.uniform(-0.5, 0.8, (1, checkpoint.points, 3)).astype(np.float32)
    return rgb, depth, points


def _torch_engine(checkpoint: Checkpoint, steps: int) -> NetworkEngine:
    network = build_network(checkpoint)
    parts = EmbedPart(network), HeadPart(network)
    return NetworkEngine(checkpoint, *(_numpy_call(part) for part in parts), name="torch-f32", steps=steps)


def _numpy_call(module: torch.nn.Module) -> Callable[..., np.ndarray]:
    @torch.inference_mode()
    def call(*arrays: np.ndarray) -> np.ndarray:
        return module(*(torch.from_numpy(array) for array in arrays)).numpy()

    return call

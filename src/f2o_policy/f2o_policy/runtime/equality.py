"""Does a backend compute what eager float32 torch computes? Asked once, when the engine is loaded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from f2o_policy.errors import EngineError
from f2o_policy.runtime.engine import NetworkEngine

CASES, NOISES = 3, 4
TOLERANCE_RAD = {"f32": 2e-4, "bf16": 2e-2, "f16": 2e-2}
"""Of the untrained inputs below, which stress a network more than observations do; by precision."""


@dataclass(frozen=True)
class Reference:
    """Random inputs of a policy, and the plans that eager float32 torch makes of them (physical units).

    Every array has one row a case, ``noise`` and ``plans`` then NOISES chunks.
    """

    rgb: np.ndarray
    depth_mm: np.ndarray
    points: np.ndarray
    joints: np.ndarray
    noise: np.ndarray
    plans: np.ndarray


def record(truth: NetworkEngine, seed: int = 0) -> Reference:
    """The reference that ``truth`` gives: random pictures, clouds, joints within the data's range, noise."""
    spec, rng = truth.spec, np.random.default_rng(seed)
    views, size = len(spec.views), spec.image_size
    rgb = rng.integers(0, 256, (CASES, views, size, size, 3)).astype(np.uint8)
    depth = rng.uniform(300, 1500, (CASES, views, size, size)).astype(np.float32)
    points = rng.uniform(-0.5, 0.8, (CASES, spec.points, 3)).astype(np.float32)
    joints = spec.normaliser.proprio.decode(rng.uniform(-1, 1, (CASES, spec.action_size)))
    noise = rng.standard_normal((CASES, NOISES, spec.horizon, spec.action_size), dtype=np.float32)
    inputs = rgb, depth, points, joints, noise
    return Reference(
        *inputs, plans=np.stack([_plan(truth, NOISES, *case) for case in zip(*inputs, strict=True)])
    )


def check_equal(engine: NetworkEngine, reference: Reference, hypotheses: int, tolerance_rad: float) -> float:
    """Largest difference from the reference's plans [rad or m]; ``hypotheses`` is what a call must bring.

    Raises:
        EngineError: it exceeds ``tolerance_rad``, or is not a number.
    """
    r = reference
    cases = zip(r.rgb, r.depth_mm, r.points, r.joints, r.noise, strict=True)
    plans = np.stack([_plan(engine, hypotheses, *case) for case in cases])
    worst = float(np.abs(plans - r.plans).max())
    if not worst <= tolerance_rad:
        raise EngineError(
            f"backend {engine.name} disagrees with eager float32 torch by {worst * 1e3:.2f} mrad, "
            f"expected {tolerance_rad * 1e3:.2f} or less; use backend torch or precision f32"
        )
    return worst


def _plan(
    engine: NetworkEngine,
    hypotheses: int,
    rgb: np.ndarray,
    depth_mm: np.ndarray,
    points: np.ndarray,
    joints: np.ndarray,
    noise: np.ndarray,
) -> np.ndarray:
    """The plans of all noises, ``hypotheses`` at a time: compiled backends take no other number."""
    embedding = engine.embed_arrays(rgb[None], depth_mm[None], points[None])
    groups = -(-len(noise) // hypotheses)
    filled = np.resize(noise, (groups * hypotheses, *noise.shape[1:]))  # begins anew where it ends
    plans = [engine.plan(embedding, joints, part) for part in np.split(filled, groups)]
    return np.concatenate(plans)[: len(noise)]

"""Check once, when an engine is loaded, that its backend computes what eager float32 torch computes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from f2o_policy.errors import EngineError
from f2o_policy.runtime.engine import NetworkEngine
from f2o_policy.spec import PolicySpec

CASES, NOISES = 3, 4
TOLERANCE = {"f32": (1e-5, 1e-6), "bf16": (1e-3, 1e-4), "f16": (1e-3, 1e-4)}
"""Of joints [rad] and gripper [m] by precision. The published student: f32 4e-7 rad, f16 5e-4 rad, bf16 4e-3 rad."""


@dataclass(frozen=True)
class Reference:
    """Random inputs of a policy, and the plans that eager float32 torch makes of them (physical units).

    Every array has one row per case; ``noise`` and ``plans`` have NOISES chunks in each.
    """

    rgb: np.ndarray
    depth_mm: np.ndarray
    points: np.ndarray
    joints: np.ndarray
    noise: np.ndarray
    plans: np.ndarray


def random_case(rng: np.random.Generator, spec: PolicySpec, noises: int) -> tuple[np.ndarray, ...]:
    """A random input: images, depth [mm], cloud [m], joints of all instants within the data's range, and noise."""
    views, size = len(spec.views), spec.image_size
    joints = spec.normaliser.proprio.decode(rng.uniform(-1, 1, (spec.history, spec.joint_size)))
    return (
        rng.integers(0, 256, (views, size, size, 3)).astype(np.uint8),
        rng.uniform(300, 1500, (views, size, size)).astype(np.float32),
        rng.uniform(-0.5, 0.8, (spec.points, 3)).astype(np.float32),
        joints.flatten(),
        rng.standard_normal((noises, spec.horizon, spec.action_size), dtype=np.float32),
    )


def record(truth: NetworkEngine, seed: int = 0) -> Reference:
    """The plans of ``truth`` for random inputs."""
    rng = np.random.default_rng(seed)
    cases = [random_case(rng, truth.spec, NOISES) for _ in range(CASES)]
    plans = np.stack([_plan(truth, NOISES, *case) for case in cases])
    return Reference(*(np.stack(column) for column in zip(*cases, strict=True)), plans=plans)


def check_equal(
    engine: NetworkEngine, reference: Reference, hypotheses: int, tolerance: tuple[float, float]
) -> float:
    """Largest difference of the joints from the reference's plans [rad]; the engine takes ``hypotheses`` per call.

    Raises:
        EngineError: joints or gripper differ by more than ``tolerance`` (rad, m), or are NaN/Inf.
    """
    r = reference
    cases = zip(r.rgb, r.depth_mm, r.points, r.joints, r.noise, strict=True)
    plans = np.stack([_plan(engine, hypotheses, *case) for case in cases])
    joints, gripper = (float(np.abs(d).max()) for d in np.split(plans - r.plans, [-1], axis=-1))
    if not (joints <= tolerance[0] and gripper <= tolerance[1]):
        raise EngineError(
            f"backend {engine.name} disagrees with eager float32 torch by {joints * 1e3:.2g} mrad and "
            f"{gripper * 1e3:.2g} mm, expected {tolerance[0] * 1e3:g} and {tolerance[1] * 1e3:g} or less; "
            "use backend torch or precision f32"
        )
    return joints


def _plan(
    engine: NetworkEngine,
    hypotheses: int,
    rgb: np.ndarray,
    depth_mm: np.ndarray,
    points: np.ndarray,
    joints: np.ndarray,
    noise: np.ndarray,
) -> np.ndarray:
    """The plans of all noises, ``hypotheses`` per call, because compiled backends accept no other number."""
    embedding = engine.embed_arrays(rgb[None], depth_mm[None], points[None])
    groups = -(-len(noise) // hypotheses)
    filled = np.resize(noise, (groups * hypotheses, *noise.shape[1:]))  # repeated to fill the last call
    plans = [engine.plan(embedding, joints, part) for part in np.split(filled, groups)]
    return np.concatenate(plans)[: len(noise)]

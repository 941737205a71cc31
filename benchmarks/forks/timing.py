"""Teacher against student: the same observations, precision and backend, in one process."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from f2o_perception.frames import Observation
from f2o_policy.checkpoint import Checkpoint
from f2o_policy.runtime.load import load_engine, resolve_backend

TEACHER_STEPS = 50


def compare(
    teacher: Checkpoint, student: Checkpoint, observations: list[Observation], plans: int = 60, seed: int = 0
) -> dict[str, Any]:
    """Median time of one plan (head from noise to joint targets, and with the embedding), per backend.

    The two are timed in turn on every observation, so that a busy neighbour slows both; on one thread, as deployed.
    """
    backends = ["torch"] if resolve_backend("auto") == "torch" else ["torch", "openvino"]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {b: _compare(teacher, student, observations, b, plans, seed) for b in backends}
    finally:
        torch.set_num_threads(threads)


def _compare(
    teacher: Checkpoint,
    student: Checkpoint,
    observations: list[Observation],
    backend: str,
    plans: int,
    seed: int,
) -> dict[str, float]:
    engines = {
        "teacher": load_engine(teacher, 1, backend, steps=TEACHER_STEPS),
        "student": load_engine(student, 1, backend),
    }
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((1, student.horizon, student.action_size), dtype=np.float32)
    times: dict[str, list[float]] = {name: [] for name in ("embed", "teacher", "student")}
    for observation in itertools.islice(itertools.cycle(observations), plans):
        joints = np.append(observation.joint_positions, observation.gripper_width)
        embedding = _timed(times["embed"], lambda o=observation: engines["student"].embed(o))
        for name, engine in engines.items():
            _timed(times[name], lambda e=engine, v=embedding, j=joints: e.plan(v, j, noise))
    ms = {f"{name}_ms": round(float(np.median(values)) * 1e3, 3) for name, values in times.items()}
    whole = {name: ms["embed_ms"] + ms[f"{name}_ms"] for name in engines}
    return ms | {
        "ratio_head_only": round(ms["teacher_ms"] / ms["student_ms"], 1),
        "ratio_end_to_end": round(whole["teacher"] / whole["student"], 1),
    }


def _timed(into: list[float], call: Callable[[], np.ndarray]) -> np.ndarray:
    begin = time.perf_counter()
    result = call()
    into.append(time.perf_counter() - begin)
    return result

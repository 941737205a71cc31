"""Whether this machine runs the policy in time (entry point group f2o.doctor).

A line is (name, level, text, remedy), as ``f2o_bringup.doctor.Finding``, which this package does not import.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from f2o_nodekit.config import load_config
from f2o_nodekit.errors import F2oError
from f2o_nodekit.paths import config_file

from f2o_policy.runtime.config import PolicyConfig
from f2o_policy.runtime.engine import NetworkEngine
from f2o_policy.runtime.equality import random_case

Line = tuple[str, str, str, str]
TIMES = 30
SHARE = 0.6  # of the time from one plan to the next: the rest is the loop's


def check(machine: Any) -> Iterator[Line]:
    """The engine of the policy that would be launched; ``machine`` is ``f2o_bringup.doctor.Machine``."""
    arguments = machine.arguments
    given = {"checkpoint": arguments["checkpoint"]} if arguments.get("checkpoint") else {}
    try:
        config = load_config(PolicyConfig, config_file("policy.yaml", arguments.get("config", "")), given)
        from f2o_policy.runtime.load import engine_of

        yield judged(engine_of(config), config)
    except F2oError as error:
        yield "policy", "fail", str(error), "checkpoint:= and backend, docs/deploying.md"


def judged(engine: NetworkEngine, config: PolicyConfig) -> Line:
    """How long it takes for an observation and for a plan, of random inputs."""
    rng, took = np.random.default_rng(0), []
    for _ in range(TIMES):
        rgb, depth, points, joints, noise = random_case(rng, engine.spec, config.hypotheses)
        began_s = time.perf_counter()
        embedding = engine.embed_arrays(rgb[None], depth[None], points[None])
        embedded_s = time.perf_counter()
        engine.plan(embedding, joints, noise)
        took.append((embedded_s - began_s, time.perf_counter() - embedded_s))
    embed_ms, plan_ms = (1e3 * float(np.median(column)) for column in zip(*took, strict=True))
    every_ms = 1e3 * config.replan_ticks / config.rate_hz
    text = f"{engine.name}: {plan_ms:.1f} ms a plan, one every {every_ms:.0f} ms; {embed_ms:.1f} ms an observation"
    if plan_ms > SHARE * every_ms:
        return "policy", "warn", text, "replan_ticks or backend in policy.yaml, or a faster machine"
    return "policy", "ok", text, ""

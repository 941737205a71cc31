"""``f2o eval``: success of policies over paired seeds, headless."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

from f2o_policy.commands.common import positive, seed


def add(commands: Any) -> None:
    """Add ``eval`` to the parser of ``f2o`` (entry point group f2o.commands)."""
    command = commands.add_parser("eval", help="success over paired seeds in simulation")
    command.set_defaults(run=run)
    command.add_argument(
        "--policy",
        type=Path,
        action="append",
        required=True,
        help="run folder or checkpoint; repeat to compare",
    )
    command.add_argument("--task", default="reach_around", help="task to play (default reach_around)")
    command.add_argument("--episodes", type=positive, default=20)
    command.add_argument(
        "--seed", type=seed, default=1000, help="first seed; every policy gets the same ones"
    )
    command.add_argument("--steps", type=positive, default=50, help="Euler steps of a teacher (default 50)")
    command.add_argument(
        "--camera-hz", type=positive, default=30, help="frame rate (default 30; 15 is nearly twice as fast)"
    )
    command.add_argument("--replan", type=positive, default=4, help="8 ms ticks between plans (default 4)")
    command.add_argument(
        "--teacher-replan",
        type=positive,
        default=25,
        help="the same for teachers, whose 50 passes take longer (default 25)",
    )
    command.add_argument(
        "--latency",
        type=latency,
        default="none",
        metavar="none|measured|S,S,...",
        help="measured: a plan is taken up as late as this machine needs for it, and the next begins then; or seconds, "
        "one per policy",
    )
    command.add_argument(
        "--backend", default="auto", help="auto, torch, openvino or cuda; of all policies (default auto)"
    )
    command.add_argument(
        "--hypotheses", type=positive, default=2, help="chunks drawn for each plan (default 2)"
    )
    command.add_argument(
        "--adapter",
        choices=("jtc", "udp"),
        default="jtc",
        help="how commands reach the arm; udp: f2o_rt, the real libfranka and a simulated control unit (default jtc)",
    )
    command.add_argument("--processes", type=positive, default=1)
    command.add_argument("--out", type=Path, help="JSON report; an interrupted command continues")


def run(arguments: argparse.Namespace) -> int:
    """Play, print the table, write the report.

    Raises:
        CheckpointError, EngineError, UnknownTaskError, JournalError, SimError: before the first episode.
    """
    from f2o_policy.data.files import write_json

    from f2o_sim.rollout.evaluate import evaluate, table

    policies = policies_of(arguments)
    if arguments.latency != "none":
        policies = late(policies, arguments.latency, arguments.out)
    seeds = list(range(arguments.seed, arguments.seed + arguments.episodes))
    journal = arguments.out.with_suffix(".jsonl") if arguments.out else None
    report = evaluate(
        arguments.task,
        policies,
        seeds,
        arguments.processes,
        camera_hz=float(arguments.camera_hz),
        journal=journal,
        adapter=arguments.adapter,
    )
    print(table(report))
    if arguments.out is not None:
        write_json(arguments.out, report)
    return 0


def policies_of(arguments: argparse.Namespace) -> list[Any]:
    """Each policy with its configuration; teachers and students have options of their own."""
    from f2o_policy.runtime.config import PolicyConfig
    from f2o_policy.runtime.load import read_spec

    from f2o_sim.rollout.episode import PolicyUnderTest

    found = []
    for path in dict.fromkeys(arguments.policy):
        teacher = read_spec(path).kind == "teacher"
        steps, replan = (arguments.steps, arguments.teacher_replan) if teacher else (0, arguments.replan)
        config = PolicyConfig(
            checkpoint=str(path),
            steps=steps,
            replan_ticks=replan,
            hypotheses=arguments.hypotheses,
            backend=arguments.backend,
        )
        found.append(PolicyUnderTest(str(path), config))
    return found


def latency(text: str) -> str | tuple[float, ...]:
    """Argument type: ``none``, ``measured``, or seconds."""
    if text in ("none", "measured"):
        return text
    try:
        seconds = tuple(float(part) for part in text.split(","))
    except ValueError:
        seconds = (math.nan,)
    if not all(0 <= s < 60 for s in seconds):
        raise argparse.ArgumentTypeError(f"expected none, measured or seconds such as 0.005,0.7, got {text}")
    return seconds


def late(policies: list[Any], latency: str | tuple[float, ...], out: Path | None) -> list[Any]:
    """The policies with a latency from observation to plan; the next plan begins when it is over.

    Raises:
        SimError: seconds are given, but not one for each policy.
    """
    from dataclasses import replace

    from f2o_sim.errors import SimError

    seconds = latency if isinstance(latency, tuple) else measured(policies, out)
    if len(seconds) != len(policies):
        raise SimError(f"--latency: expected {len(policies)} numbers, one per policy, got {len(seconds)}")
    for policy, late_s in zip(policies, seconds, strict=True):
        print(f"{policy.name}: {late_s * 1e3:.1f} ms from observation to plan")
    return [
        replace(policy, config=replace(policy.config, plan_latency_s=late_s, replan_ticks=1))
        for policy, late_s in zip(policies, seconds, strict=True)
    ]


def measured(policies: list[Any], out: Path | None) -> tuple[float, ...]:
    """The time that planning takes on this machine [s].

    They are kept beside ``out``, so that an interrupted evaluation continues with the same ones.
    """
    from f2o_policy.data.files import write_json

    from f2o_sim.rollout.evaluate import plan_latency

    kept = out.with_suffix(".latencies.json") if out else None
    known = json.loads(kept.read_text()) if kept and kept.exists() else {}
    known |= {one.name: plan_latency(one.config) for one in policies if one.name not in known}
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_json(kept, known)
    return tuple(known[one.name] for one in policies)

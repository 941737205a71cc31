"""``f2o eval``, ``modes``, ``latency-report``: what a policy is worth."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from f2o_policy.commands.common import positive


def add(commands: Any) -> None:
    """Add them to the parser of ``f2o``."""
    evaluate = commands.add_parser("eval", help="success over paired seeds in simulation")
    evaluate.set_defaults(run=run_eval)
    evaluate.add_argument(
        "--policy",
        type=Path,
        action="append",
        required=True,
        help="run folder or checkpoint; repeat to compare",
    )
    evaluate.add_argument(
        "--task", default="reach_around", help="environment to play in (default reach_around)"
    )
    evaluate.add_argument("--episodes", type=positive, default=20)
    evaluate.add_argument(
        "--seed", type=int, default=1000, help="first seed; every policy gets the same ones"
    )
    evaluate.add_argument("--steps", type=positive, default=50, help="Euler steps of a teacher (default 50)")
    evaluate.add_argument(
        "--camera-hz", type=positive, default=30, help="frame rate (default 30; 15 is nearly twice as fast)"
    )
    evaluate.add_argument("--replan", type=positive, default=4, help="8 ms ticks between plans (default 4)")
    evaluate.add_argument(
        "--teacher-replan",
        type=positive,
        default=25,
        help="the same for teachers, whose 50 passes take longer (default 25)",
    )
    evaluate.add_argument(
        "--latency",
        choices=("none", "measured"),
        default="none",
        help="measured: a plan arrives as late as this machine needs for it, and the next begins then",
    )
    evaluate.add_argument(
        "--backend", default="auto", help="auto, torch, openvino or cuda; of all policies (default auto)"
    )
    evaluate.add_argument(
        "--hypotheses", type=positive, default=2, help="chunks drawn for each plan (default 2)"
    )
    evaluate.add_argument("--processes", type=positive, default=1)
    evaluate.add_argument(
        "--out", type=Path, help="write the report here as JSON; stopped, the same command goes on"
    )

    modes = commands.add_parser(
        "modes", help="which of its teacher's modes a student kept, numbers and pictures"
    )
    modes.set_defaults(run=run_modes)
    modes.add_argument("--policy", type=Path, required=True, help="run folder or checkpoint of a student")
    modes.add_argument("--teacher", type=Path, required=True, help="run folder or checkpoint of its teacher")
    modes.add_argument(
        "--data", type=Path, required=True, help="data set; its validation episodes are looked at"
    )
    modes.add_argument("--observations", type=positive, default=64)
    modes.add_argument("--count", type=positive, default=32, help="trajectories an observation (default 32)")
    modes.add_argument(
        "--out", type=Path, required=True, help="folder for modes.json, modes.png, report.html"
    )

    latency = commands.add_parser("latency-report", help="where the time goes from exposure to command")
    latency.set_defaults(run=run_latency)
    latency.add_argument("trace", type=Path, help="what policy_node wrote (its parameter trace)")
    latency.add_argument("--bridge", type=Path, help="what bridge_node wrote (its parameter trace)")
    latency.add_argument("--out", type=Path, required=True, help="folder for latency.json and latency.png")


def run_eval(arguments: argparse.Namespace) -> int:
    """``f2o eval``."""
    from f2o_policy.data.files import write_json
    from f2o_policy.evaluation.rollout import evaluate, table

    contenders = _contenders(arguments)
    if arguments.latency == "measured":
        contenders = _late(contenders, arguments.out)
    seeds = list(range(arguments.seed, arguments.seed + arguments.episodes))
    journal = arguments.out.with_suffix(".jsonl") if arguments.out else None
    where = (arguments.task, contenders, seeds, arguments.processes)
    report = evaluate(*where, camera_hz=arguments.camera_hz, journal=journal)
    print(table(report))
    if arguments.out is not None:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        write_json(arguments.out, report)
    return 0


def _contenders(arguments: argparse.Namespace) -> list[Any]:
    from f2o_policy.evaluation.contender import Contender
    from f2o_policy.runtime.load import read_spec

    found = []
    for path in dict.fromkeys(arguments.policy):
        teacher = read_spec(path).kind == "teacher"
        steps, replan = (arguments.steps, arguments.teacher_replan) if teacher else (0, arguments.replan)
        found.append(Contender(str(path), path, steps, replan, arguments.hypotheses, arguments.backend))
    return found


def _late(contenders: list[Any], out: Path | None) -> list[Any]:
    """The contenders with what planning takes on this machine.

    A stopped evaluation goes on with the latencies that it began with: measured again, they would be others.
    """
    from dataclasses import replace

    from f2o_policy.data.files import write_json
    from f2o_policy.evaluation.rollout import plan_latency

    kept = out.with_suffix(".latencies.json") if out else None
    known = json.loads(kept.read_text()) if kept and kept.exists() else {}
    for one in contenders:
        if one.name not in known:
            known[one.name] = plan_latency(one)
        print(f"{one.name}: {known[one.name] * 1e3:.1f} ms from a look to its plan")
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_json(kept, known)
    return [replace(one, latency_s=known[one.name], replan_ticks=1) for one in contenders]


def run_modes(arguments: argparse.Namespace) -> int:
    """``f2o modes``."""
    from f2o_policy.evaluation.report import write_report

    numbers = write_report(
        arguments.policy,
        arguments.teacher,
        arguments.data,
        arguments.out,
        arguments.observations,
        arguments.count,
    )
    for name, value in numbers.items():
        print(f"{name:<24} {value:.3f}")
    print(f"{arguments.out}/report.html")
    return 0


def run_latency(arguments: argparse.Namespace) -> int:
    """``f2o latency-report``."""
    from f2o_policy.runtime.latency import report, table

    print(table(report(arguments.trace, arguments.bridge, arguments.out)))
    print(f"{arguments.out}/latency.png")
    return 0

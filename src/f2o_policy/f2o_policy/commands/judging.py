"""``f2o eval``, ``modes``, ``latency-report``: what a policy is worth."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from f2o_policy.commands.common import positive, seed


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
        "--seed", type=seed, default=1000, help="first seed; every policy gets the same ones"
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
        type=_latency,
        default="none",
        metavar="none|measured|S,S,...",
        help="measured: a plan arrives as late as this machine needs for it, and the next begins then; or seconds, "
        "one for each policy",
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
    if arguments.latency != "none":
        contenders = _late(contenders, arguments.latency, arguments.out)
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


def _latency(text: str) -> str | tuple[float, ...]:
    if text in ("none", "measured"):
        return text
    try:
        seconds = tuple(float(part) for part in text.split(","))
    except ValueError:
        seconds = (-1.0,)
    if not all(0 <= s < 60 for s in seconds):
        raise argparse.ArgumentTypeError(f"expected none, measured or seconds such as 0.005,0.7, got {text}")
    return seconds


def _late(contenders: list[Any], latency: str | tuple[float, ...], out: Path | None) -> list[Any]:
    """The contenders with the time from a look to its plan.

    Raises:
        PolicyError: seconds are given, but not one for each policy.
    """
    from dataclasses import replace

    from f2o_policy.errors import PolicyError

    seconds = _measured(contenders, out) if latency == "measured" else latency
    if len(seconds) != len(contenders):
        raise PolicyError(f"--latency: expected {len(contenders)} numbers, one a policy, got {len(seconds)}")
    for one, late_s in zip(contenders, seconds, strict=True):
        print(f"{one.name}: {late_s * 1e3:.1f} ms from a look to its plan")
    pairs = zip(contenders, seconds, strict=True)
    return [replace(one, latency_s=late_s, replan_ticks=1) for one, late_s in pairs]


def _measured(contenders: list[Any], out: Path | None) -> tuple[float, ...]:
    """What planning takes on this machine [s].

    A stopped evaluation goes on with the latencies that it began with: measured again, they would be others.
    """
    from f2o_policy.data.files import write_json
    from f2o_policy.evaluation.rollout import plan_latency

    kept = out.with_suffix(".latencies.json") if out else None
    known = json.loads(kept.read_text()) if kept and kept.exists() else {}
    known |= {one.name: plan_latency(one) for one in contenders if one.name not in known}
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_json(kept, known)
    return tuple(known[one.name] for one in contenders)


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

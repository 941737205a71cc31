"""``python -m benchmarks.forks``: teacher, its one-step cut and an MSE student on the scenes of ``make demo``.

Adds to OUT/report.json, where the demo has written what the live nodes did: the time of a plan with 50 steps beside the
student's, the chunks from one observation at the fork, and the same seeds in closed loop without ROS. Writes
hypotheses.png.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from f2o_nodekit.errors import F2oError
from f2o_policy.checkpoint import load_checkpoint
from f2o_policy.commands.common import positive, seed

from benchmarks.common.record import write_result
from benchmarks.forks.baselines import Checkpoints, policies, run_baselines
from benchmarks.forks.forks import evaluate_forks, observe_forks
from benchmarks.forks.pictures import save_fans
from benchmarks.forks.timing import compare

TASK = "reach_around"


def main() -> int:
    """Compare; 2 with one sentence when something is missing, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="benchmarks.forks", description=__doc__)
    parser.add_argument("--episodes", type=positive, default=20)
    parser.add_argument("--seed", type=seed, default=1000, help="of the first scene; the others follow")
    parser.add_argument("--out", type=Path, default=Path("out/demo"))
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints") / TASK)
    arguments = parser.parse_args()
    try:
        report = measure(arguments)
    except F2oError as error:
        print(f"forks: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nforks: stopped", file=sys.stderr)
        return 130
    path = arguments.out / "report.json"
    write_result(path, (json.loads(path.read_text()) if path.is_file() else {}) | report)
    print_comparison(report)
    print(f"\nreport and picture: {arguments.out}/")
    return 0


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """The three comparisons on the same seeds.

    Raises:
        F2oError: a checkpoint is missing.
    """
    arguments.out.mkdir(parents=True, exist_ok=True)
    checkpoints = Checkpoints(arguments.checkpoints)
    chamfer, *_, mse = everybody = policies(checkpoints)
    student, teacher = load_checkpoint(checkpoints.student), load_checkpoint(checkpoints.teacher)
    seeds = list(range(arguments.seed, arguments.seed + arguments.episodes))
    save_fans(arguments.out / "hypotheses.png", TASK, seeds[0], [chamfer, mse])
    return {
        "teacher_50_against_student": compare(teacher, student, observe_forks(seeds)),
        "at_the_fork": evaluate_forks(everybody, seeds),
        "headless": run_baselines(TASK, checkpoints, seeds, processes=os.cpu_count() or 1),
    }


def print_comparison(report: dict[str, Any]) -> None:
    """Print the three comparisons."""
    print("\nTeacher with 50 steps against the student, one plan on the same observations")
    for backend, row in report["teacher_50_against_student"].items():
        print(
            f"  {backend:<10} teacher {row['teacher_ms']:8.2f} ms   student {row['student_ms']:6.2f} ms, and "
            f"{row['embed_ms']:.1f} ms of embedding: ratio end to end {row['ratio_end_to_end']:.1f}, "
            f"head only {row['ratio_head_only']:.1f}"
        )
    print("\nWhy Chamfer: sixteen chunks per scene from one observation, the arm before the post")
    for name, row in report["at_the_fork"].items():
        print(
            f"  {name:<28} left {row['left']:.2f}  right {row['right']:.2f}  into the post "
            f"{row['into the post']:.2f}  stays {row['stays before it']:.2f}   "
            f"both sides in {row['scenes_with_both_sides']:.0%} of the scenes"
        )
    print("\nThe same seeds in closed loop, without ROS, faster than real time")
    for row in report["headless"]["policies"]:
        low, high = row["interval"]
        print(
            f"  {row['name']:<28} success {row['success_rate']:.2f} [{low:.2f}, {high:.2f}]   "
            f"left {row['left']:>2}  right {row['right']:>2}  collisions {row['collisions']:>2}"
        )


if __name__ == "__main__":
    sys.exit(main())

"""``python -m benchmarks.dither``: rules of commitment over re-plan periods, in closed loop on the same seeds.

Rows: a new chunk followed each time (fresh or fixed noise), the hypothesis nearest to the plan, the default (those of
the plan's mode correct it), and a prefix-conditioned student (methods/prefix.py) where one is given. Columns: ticks
between two plans. Measured: mode switches, jump of the target at a new plan, jerk of the arm, success.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
from f2o_nodekit.errors import F2oError
from f2o_policy.commands.common import positive, rate, seed
from f2o_policy.runtime.config import PolicyConfig
from f2o_policy.runtime.executor import ExecutorConfig
from f2o_policy.runtime.load import read_spec
from f2o_sim.rollout.episode import PolicyUnderTest
from f2o_sim.rollout.evaluate import evaluate

from benchmarks.common.record import write_result

matplotlib.use("Agg")
PERIODS = (1, 2, 4, 8, 16)  # ticks between plans; n_exec of the literature, in ticks
NEWEST = ExecutorConfig(selection="newest")
MEASURES = {
    "mode_switches": "mode switches per episode",
    "jump_mrad": "jump at a new plan [mrad]",
    "jerk": "jerk of the arm, RMS [rad/s³]",
    "success_rate": "success",
}


def policies(student: Path, prefix: Path | None, periods: tuple[int, ...]) -> list[PolicyUnderTest]:
    """Every rule at every period; names are ``rule @ ticks``."""
    base = PolicyConfig(checkpoint=str(student))
    rules = {
        "newest, fresh noise": replace(base, hypotheses=1, executor=NEWEST),
        "newest, fixed noise": replace(base, hypotheses=1, executor=NEWEST, noise="fixed"),
        "nearest of 4": replace(base, hypotheses=4, executor=ExecutorConfig(selection="nearest")),
        "agreement of 2 (default)": base,
    }
    if prefix is not None:
        rules["prefix-conditioned"] = replace(base, checkpoint=str(prefix), hypotheses=1, executor=NEWEST)
    return [
        PolicyUnderTest(f"{rule} @ {n}", replace(config, replan_ticks=n))
        for n in periods
        for rule, config in rules.items()
    ]


def rows(report: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a policy, per episode."""
    found = []
    for row in report["policies"]:
        rule, ticks = row["name"].split(" @ ")
        measured = {
            "mode_switches": row["mode_switches"] / row["episodes_run"],
            "jump_mrad": row["jump"] * 1e3,
        }
        kept = (
            "jerk",
            "success_rate",
            "interval",
            "collisions",
            "left",
            "right",
            "episodes_run",
            "p_against_first",
        )
        found.append({"rule": rule, "ticks": int(ticks), **measured, **{key: row[key] for key in kept}})
    return found


def draw(table: list[dict[str, Any]], path: Path) -> None:
    """The four measures over the re-plan period, one line a rule."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(MEASURES), figsize=(16, 4), constrained_layout=True)
    for axes, (key, label) in zip(panels, MEASURES.items(), strict=True):
        for rule in dict.fromkeys(row["rule"] for row in table):
            line = [row for row in table if row["rule"] == rule]
            axes.plot([r["ticks"] for r in line], [r[key] for r in line], "o-", label=rule)
        axes.set(xlabel="ticks of 8 ms between plans", title=label, xscale="log")
        axes.set_xticks(sorted({row["ticks"] for row in table}))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.set_ylim(bottom=0)
    panels[0].legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def show(table: list[dict[str, Any]]) -> str:
    """The table as text."""
    lines = [f"{'rule':<26}{'ticks':>6}{'switches':>10}{'jump mrad':>11}{'jerk':>9}{'success':>9}"]
    lines += [
        f"{r['rule']:<26}{r['ticks']:>6}{r['mode_switches']:>10.2f}{r['jump_mrad']:>11.2f}{r['jerk']:>9.1f}"
        f"{r['success_rate']:>9.2f}"
        for r in table
    ]
    return "\n".join(lines)


def main() -> int:
    """Run and write dither.json and dither.png; 2 with one sentence when something is missing."""
    parser = argparse.ArgumentParser(prog="benchmarks.dither", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/dither"))
    parser.add_argument("--student", type=Path, default=Path("checkpoints/reach_around/student.pt"))
    parser.add_argument("--prefix", type=Path, help="a student distilled with --method prefix")
    parser.add_argument("--episodes", type=positive, default=20)
    parser.add_argument("--seed", type=seed, default=3000)
    parser.add_argument("--periods", type=positive, nargs="+", default=list(PERIODS))
    parser.add_argument("--camera-hz", type=rate, default=15.0)
    parser.add_argument("--processes", type=positive, default=1)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    seeds = list(range(arguments.seed, arguments.seed + arguments.episodes))
    try:
        if arguments.prefix is not None and not read_spec(arguments.prefix).prefix:
            print(f"dither: {arguments.prefix}: expected a student of method prefix", file=sys.stderr)
            return 2
        played = evaluate(
            "reach_around",
            policies(arguments.student, arguments.prefix, tuple(arguments.periods)),
            seeds,
            arguments.processes,
            camera_hz=arguments.camera_hz,
            journal=arguments.out / "episodes.jsonl",
        )
    except F2oError as error:
        print(f"dither: {error}", file=sys.stderr)
        return 2
    table = rows(played)
    where = {
        "student": read_spec(arguments.student).source_sha256,
        "prefix": arguments.prefix and read_spec(arguments.prefix).source_sha256,
        "seeds": seeds,
        "camera_hz": arguments.camera_hz,
    }
    write_result(arguments.out / "dither.json", {**where, "rows": table})
    draw(table, arguments.out / "dither.png")
    print(show(table))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""``python -m benchmarks.modes``: every toy with every seed, the table, modes.json and modes.png."""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch
from f2o_nodekit.workers import workers
from tqdm import tqdm

from benchmarks.common.record import write_result
from benchmarks.modes.study import StudyConfig, run_job
from benchmarks.modes.tasks import TOYS

matplotlib.use("Agg")
T_95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}  # two-sided quantiles of Student's t by number of seeds
COLUMNS = ("valid", "scenes_with_every_mode", "spread_error")
DRAWN = ("teacher, 50 steps", "teacher, 1 step", "Chamfer, K = 16", "unpaired MSE")


def main() -> int:
    """Run the study; 0, or 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="benchmarks.modes", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/modes"))
    parser.add_argument("--seeds", type=int, default=3, choices=sorted(T_95), help="how many (default 3)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the training steps (default 1)")
    arguments = parser.parse_args()
    config = StudyConfig().shortened(arguments.scale)
    jobs = list(product(TOYS, range(arguments.seeds), [config]))
    runs = []
    with workers(arguments.processes) as pool:
        try:
            for result in tqdm(pool.imap(run_job, jobs), total=len(jobs), desc="toys x seeds", unit="run"):
                runs.append(result)
        except KeyboardInterrupt:
            print("\nmodes: stopped", file=sys.stderr)
            return 130
    report = summarise(runs, config)
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_result(arguments.out / "modes.json", report)
    draw(runs, arguments.out / "modes.png")
    print(table(report))
    print(f"\n{arguments.out}/modes.json, modes.png")
    return 0


def summarise(runs: list[dict[str, Any]], config: StudyConfig) -> dict[str, Any]:
    """Mean and 95 % half width over the seeds of every number, by toy and row."""
    values: dict[str, Any] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for one in runs:
        for name, row in one["results"].items():
            for key, value in row.items():
                values[one["toy"]][name][key].append(value)
    toys = {
        toy: {name: {key: interval(v) for key, v in row.items()} for name, row in rows.items()}
        for toy, rows in values.items()
    }
    seeds = sorted({one["seed"] for one in runs})
    return {"seeds": seeds, "config": asdict(config), "torch": torch.__version__, "toys": toys}


def interval(values: list[float]) -> dict[str, float]:
    """Mean and half width of its 95 % interval, by Student's t."""
    half = T_95[len(values)] * float(np.std(values, ddof=1)) / len(values) ** 0.5
    return {"mean": round(float(np.mean(values)), 4), "half_width": round(half, 4)}


def table(report: dict[str, Any]) -> str:
    """The report as text."""
    lines = []
    for toy, rows in report["toys"].items():
        lines.append(f"\n{toy}, {len(report['seeds'])} seeds, mean +- 95 %")
        lines.append(f"  {'':<18}  on a mode      every mode kept   |spread ratio - 1|   modes found")
        for name, row in rows.items():
            cells = [f"{row[key]['mean']:.3f} +-{row[key]['half_width']:.3f}" for key in COLUMNS]
            found = row["modes"]["mean"]
            lines.append(f"  {name:<18}  {cells[0]}   {cells[1]}      {cells[2]}        {found:.2f}")
    return "\n".join(lines)


def draw(runs: list[dict[str, Any]], path: Path) -> None:
    """What four of the rows draw for one condition of each toy."""
    import matplotlib.pyplot as plt

    firsts = [next(one for one in runs if one["toy"] == toy) for toy in TOYS]
    size = (3 * len(DRAWN), 3 * len(firsts))
    figure, axes = plt.subplots(len(firsts), len(DRAWN), figsize=size, constrained_layout=True)
    for line, one in zip(axes, firsts, strict=True):
        for axis, name in zip(line, DRAWN, strict=True):
            chunks = np.array(one["drawn"][name])
            if chunks.shape[1] == 1:
                axis.plot(*chunks[:, 0].T, ".", alpha=0.6)
                axis.plot(*one["condition"], "k+")
            else:
                axis.plot(*chunks.transpose(2, 1, 0), "-", color="tab:blue", alpha=0.4)
                axis.add_patch(plt.Circle(one["condition"][:2], 0.25, color="grey"))
            valid = one["results"][name]["valid"]
            axis.set(
                title=f"{name}\n{valid:.1%} on a mode", aspect="equal", xlim=(-1.7, 1.7), ylim=(-1.7, 1.7)
            )
    figure.suptitle("One condition, 64 samples (seed 0)")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    sys.exit(main())

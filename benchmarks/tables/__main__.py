"""``python -m benchmarks.tables``: the ablations as tables.json and tables.png.

Everything stands on one teacher, trained before: its encoder is frozen (over the horizon and the mask the U-Net
learns anew), or its two ResNets alone (over the modalities everything after them learns anew). Rows therefore compare
what is named, on one encoder and one budget, and not whole trainings. Interrupted, the same command goes on.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from pathlib import Path
from typing import Any

import matplotlib
from f2o_nodekit.errors import F2oError
from f2o_nodekit.paths import config_file
from f2o_nodekit.workers import workers
from f2o_policy.checkpoint import file_sha256, load_checkpoint
from f2o_policy.data.store import Dataset
from f2o_policy.evaluation.statistics import mcnemar
from f2o_policy.model.network import PolicyNetwork
from f2o_policy.plain_values import checkpoint_file
from f2o_policy.training.encoders import embeddings
from f2o_policy.training.optimise import Precision
from tqdm import tqdm

from benchmarks.common.record import write_result
from benchmarks.report.tables import tables
from benchmarks.tables.rows import Budget, rows, teachers
from benchmarks.tables.stages import Place, judge, train_teacher

matplotlib.use("Agg")
TABLES = ("horizon", "count", "mask", "modality")


def main() -> int:
    """Run what is asked for; 0, 2 (a mistake) or 130 (stopped, resumable)."""
    arguments = _parser().parse_args()
    place = Place(
        arguments.data,
        arguments.teacher,
        arguments.sets,
        arguments.config or config_file("policy_small.yaml"),
        arguments.out,
    )
    given = {f.name: getattr(arguments, f.name) for f in dataclasses.fields(Budget)}
    budget = Budget(**given)
    try:
        results = run(place, budget, arguments.tables, arguments.processes)
        report = summarise(results, budget, place, Dataset(place.data).sha256)
        write_result(place.out / "tables.json", report)
        draw(report, place.out / "tables.png")
    except F2oError as error:
        print(f"tables: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ntables: stopped; the same command goes on", file=sys.stderr)
        return 130
    print(tables(report))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.tables", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="data set folder")
    parser.add_argument("--teacher", type=Path, required=True, help="run folder of a teacher trained on it")
    parser.add_argument("--sets", type=Path, required=True, help="its sets of 16, for the table over K")
    parser.add_argument("--config", type=Path, help="default: the installed policy_small.yaml")
    parser.add_argument("--out", type=Path, default=Path("out/tables"))
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=TABLES)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    for field in dataclasses.fields(Budget):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=int, default=field.default)
    return parser


def run(place: Place, budget: Budget, tables: list[str], processes: int) -> list[dict[str, Any]]:
    """Teachers, then students and their judgement; one result a row."""
    wanted = [row for row in rows(budget) if row.table in tables]
    needed = {row.teacher for row in wanted}
    with_sets = {row.teacher for row in wanted if row.student is not None}
    jobs = [(place, t, budget, t.name in with_sets) for t in teachers(budget) if t.name in needed]
    place.out.mkdir(parents=True, exist_ok=True)
    if any(teacher.keep == "encoder" for _, teacher, _, _ in jobs):
        _embed_once(place)
    with workers(processes) as pool:
        list(tqdm(pool.imap_unordered(train_teacher, jobs), total=len(jobs), desc="teachers", unit="run"))
        judged = pool.imap(judge, [(place, row, budget) for row in wanted])
        return list(tqdm(judged, total=len(wanted), desc="rows", unit="row"))


def _embed_once(place: Place) -> None:
    """So that the processes do not all do it."""
    network: PolicyNetwork = load_checkpoint(place.teacher).build_network()
    embeddings(place.teacher, network, Dataset(place.data), Precision(place.configuration({})))


def summarise(
    results: list[dict[str, Any]], budget: Budget, place: Place, data_sha256: str
) -> dict[str, Any]:
    """Rows by table, each paired with the first of its table."""
    found: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        lines = found.setdefault(result["table"], [])
        played = result["played"]
        won = [e["success"] for e in played["episodes"]]
        first = lines[0]["won"] if lines else won
        lines.append(
            {
                "name": result["name"],
                "success": played["success_rate"],
                "interval": played["interval"],
                "p_against_first": mcnemar(first, won),
                "left_right": [played["left"], played["right"]],
                "collisions": played["collisions"],
                "into_the_post": result["forks"]["into the post"],
                "both_sides": result["forks"]["scenes_with_both_sides"],
                "won": won,
            }
        )
    return {
        "budget": dataclasses.asdict(budget),
        "teacher_sha256": file_sha256(checkpoint_file(place.teacher)),
        "data_sha256": data_sha256,
        "tables": found,
    }


def draw(report: dict[str, Any], path: Path) -> None:
    """Success with its interval, one panel a table."""
    import matplotlib.pyplot as plt

    tables = report["tables"]
    figure, axes = plt.subplots(
        1, len(tables), figsize=(4 * len(tables), 4), constrained_layout=True, squeeze=False
    )
    for axis, (name, entries) in zip(axes[0], tables.items(), strict=True):
        where = range(len(entries))
        success = [e["success"] for e in entries]
        # Not below 0: with all or none won, the interval's end may miss the share by a rounding error.
        errors = [[max(0.0, s - e["interval"][0]) for s, e in zip(success, entries, strict=True)],
                  [max(0.0, e["interval"][1] - s) for s, e in zip(success, entries, strict=True)]]  # fmt: skip
        axis.barh(where, success, xerr=errors, color="tab:blue", alpha=0.7)
        axis.set(title=name, xlim=(0, 1), xlabel="success")
        axis.set_yticks(where, [e["name"] for e in entries])
        axis.invert_yaxis()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    sys.exit(main())

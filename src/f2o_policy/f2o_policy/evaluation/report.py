"""A page about a student: its modes in numbers and in a figure, its training curve, and what it was made from.

``modes.png`` shows the held-out observation on which the teacher's set is widest: two camera images, the demonstrations
of the most similar observations, and sixteen trajectories each of teacher and student.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from f2o_nodekit.provenance import origin
from jaxtyping import Float

from f2o_policy.checkpoint import Checkpoint, load_checkpoint
from f2o_policy.data.files import write_json, write_text
from f2o_policy.data.store import Dataset
from f2o_policy.data.windows import Windows
from f2o_policy.evaluation.modes import (
    GRIPPER_WEIGHT,
    Sets,
    compare_modes,
    compare_sets,
    draw_sets,
    windows_of,
)
from f2o_policy.methods.base import component_weights
from f2o_policy.methods.chamfer import spread
from f2o_policy.page import Tool, figure_of, page
from f2o_policy.provenance import learning_code

SHOWN = 16  # trajectories of each
NOTE = "What each number means: f2o_policy.evaluation.modes."


def write_report(
    student: Path, teacher: Path, data: Path, out: Path, observations: int = 64, count: int = 32
) -> dict[str, float]:
    """Write modes.json, modes.png and report.html below ``out``; the numbers of ``evaluation.modes``.

    Raises:
        CheckpointError, DatasetError: as ``mode_report``.
    """
    sets = draw_sets(student, teacher, data, observations, count)
    weights = component_weights(sets.teacher.shape[-1], GRIPPER_WEIGHT)
    numbers = compare_sets(sets.teacher, sets.again, sets.student, weights) | compare_modes(sets, weights)
    out.mkdir(parents=True, exist_ok=True)
    checkpoint, dataset = load_checkpoint(student), Dataset(data)
    about = {
        **origin(),
        "code_sha256": learning_code(),
        "student": str(student),
        "teacher": str(teacher),
        "data": str(data),
        "data_sha256": dataset.sha256,
        "method": checkpoint.method,
        "method_options": checkpoint.method_options,
        "seed": checkpoint.seed,
        "observations": len(sets.rows),
        "trajectories": count,
    }
    write_json(out / "modes.json", {**about, "numbers": numbers})
    widest = int(spread(sets.teacher, weights).argmax())
    draw_modes(out / "modes.png", checkpoint, windows_of(load_checkpoint(teacher), dataset), sets, widest)
    images = [out / "modes.png", *(p for p in [Path(student) / "curve.png"] if p.exists())]
    rows = [["measure", "value"], *([name, f"{value:.3f}"] for name, value in numbers.items())]
    write_text(out / "report.html", page(str(student), images, rows, about, NOTE))
    return numbers


def draw_modes(path: Path, checkpoint: Checkpoint, windows: Windows, sets: Sets, which: int) -> None:
    """Draw ``modes.png`` for the observation ``which`` of ``sets``."""
    row = int(sets.rows[which])
    decode = checkpoint.normaliser.action.decode
    groups = {
        "most similar demonstrations": most_similar(windows, row),
        "teacher": decode(sets.teacher[which, :SHOWN].double().numpy()),
        "student": decode(sets.student[which, :SHOWN].double().numpy()),
    }
    figure, flat = figure_of((13, 6.5), (2, 4))
    axes = np.reshape(flat, (2, 4))
    for axis, view in zip(axes[:, 0], (0, len(windows.dataset.view_names) - 1), strict=True):
        axis.imshow(windows.dataset["rgb"][row, view])
        axis.set(title=windows.dataset.view_names[view], xticks=[], yticks=[])
    tool = Tool(checkpoint.action_names[:-1])
    of_pose = checkpoint.action_space == "tcp"
    paths = {name: chunks[..., :3] if of_pose else tool.positions(chunks) for name, chunks in groups.items()}
    low, high = (f([f(p.reshape(-1, 3), axis=0) for p in paths.values()], axis=0) for f in (np.min, np.max))
    room = 0.05 * (high - low) + 0.01
    for column, (name, chunks) in zip(axes.T[1:], groups.items(), strict=True):
        _draw_paths(column[0], paths[name], name, low - room, high + room, tool.axes)
        times = np.arange(chunks.shape[1]) * checkpoint.dt_s
        column[1].plot(times, chunks[..., -1].T * 1e3, color="tab:green", alpha=0.5)
        column[1].set(xlabel="time [s]", ylabel="gripper width [mm]", ylim=(-5, 85))
    figure.suptitle(f"observation {row}: {SHOWN} trajectories each")
    figure.savefig(path, dpi=110)


def _draw_paths(
    axis: Any, paths: np.ndarray, name: str, low: np.ndarray, high: np.ndarray, labels: Sequence[str]
) -> None:
    """From above, as seen from behind the robot: x up, y to the left."""
    for path in paths:
        axis.plot(path[:, 1], path[:, 0], color="tab:blue", alpha=0.5)
        axis.plot(path[-1, 1], path[-1, 0], ".", color="tab:red", alpha=0.7)
    axis.set(title=name, xlabel=labels[1], ylabel=labels[0], xlim=(high[1], low[1]), ylim=(low[0], high[0]))
    axis.grid(alpha=0.3)


def most_similar(windows: Windows, row: int) -> Float[np.ndarray, "k h d"]:
    """Demonstrated chunks of the ``SHOWN`` observations most similar to ``row`` in joints and mean colour.

    Of each episode only the observation with the nearest joint state is considered.
    """
    data = windows.dataset
    joints = np.array(data["joints"])
    scale = joints.std(0) + 1e-6
    apart = np.abs((joints - joints[row]) / scale).mean(1)
    nearest = [
        first + int(apart[first:last].argmin()) for first, last in (e.observations for e in data.episodes)
    ]
    images = data["rgb"][np.array(nearest)].astype(np.float32)
    colour = np.abs(images - data["rgb"][row].astype(np.float32)).mean((1, 2, 3, 4)) / 25.0
    best = np.argsort(apart[nearest] + colour)[:SHOWN]
    return np.stack([windows.window(nearest[i]).actions for i in best])

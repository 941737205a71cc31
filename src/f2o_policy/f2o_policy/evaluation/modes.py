"""Does a student keep its teacher's modes? Numbers on held-out observations, against the teacher's own floor.

coverage      mean distance from a teacher trajectory to the nearest of the student's
fidelity      mean distance from a student's trajectory to the nearest of the teacher's
floor         the same between two independent sets of the teacher: 1.0 x floor cannot be beaten honestly
spread        mean pairwise distance of the student's set over the teacher's, per observation; 0 = collapsed
averaging     share of the student's trajectories that lie nearer to the middle of the teacher's set than to any of
              its trajectories, and further from those than 95 % of the teacher's own: between the modes
spread_*_modes the same over the observations in which the teacher has several modes: where it has one, its own spread
              is so small that the ratio says little
modes_kept    of the teacher's modes (clusters of its set) the share that the student's set reaches
mode_tv       total variation between the teacher's and the student's frequencies of those modes
entropy       of those frequencies, for teacher and student (1 = two modes alike or more); conditional, per observation
demo_kept     share of the observations whose demonstrated trajectory is of a mode that the student's set reaches
within_mode_rad, between_modes_rad
              RMS distance of the joints of two of the teacher's trajectories [rad], as the executor measures it: 90 %
              of those of one mode are nearer, 99 % of those of different modes further apart; between the two lies
              ``agree_rad``
transitions   recall and precision of the gripper's opening and closing, within two steps of the demonstrated one

Distances are those of the Chamfer loss, in normalised units (methods.md 7).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from torch import Tensor

from f2o_policy.checkpoint import Checkpoint, load_checkpoint
from f2o_policy.data.batches import ObservationBatch, load_batch
from f2o_policy.data.store import Dataset
from f2o_policy.data.windows import WindowConfig, Windows, spaced
from f2o_policy.errors import CheckpointError, DatasetError
from f2o_policy.methods.base import component_weights, repeat
from f2o_policy.methods.chamfer import chamfer, distances, distinct, spread

GRIPPER_WEIGHT = 0.3
MODE_GAP = 0.25  # groups of trajectories further apart on average are different modes, normalised units
NEAR_STEPS = 2  # a gripper transition this near to the demonstrated one counts as found


@dataclass(frozen=True)
class Sets:
    """Normalised chunks (B,K,H,D) for the same observations.

    Attributes:
        teacher: a set of the teacher.
        again: a second, independent one.
        student: a set of the student.
        demonstrated: (B,1,H,D).
        rows: the observations in the data set.
        joints_half: half of the range of each joint [rad], which 1 stands for; None where actions are poses.
    """

    teacher: Tensor
    again: Tensor
    student: Tensor
    demonstrated: Tensor
    rows: np.ndarray
    joints_half: np.ndarray | None = None


def mode_report(
    student: str | Path, teacher: str | Path, data: str | Path, observations: int = 64, count: int = 32
) -> dict[str, float]:
    """The measures listed above for ``student`` on validation observations.

    Raises:
        CheckpointError: the two were not trained on the data set, or one has the wrong kind.
        DatasetError: no episode was held out.
    """
    sets = draw_sets(student, teacher, data, observations, count)
    weights = component_weights(sets.teacher.shape[-1], GRIPPER_WEIGHT)
    return compare_sets(sets.teacher, sets.again, sets.student, weights) | compare_modes(sets, weights)


def draw_sets(
    student: str | Path, teacher: str | Path, data: str | Path, observations: int = 64, count: int = 32
) -> Sets:
    """``count`` chunks of both policies on evenly spaced validation observations.

    Raises:
        CheckpointError, DatasetError: as ``mode_report``.
    """
    theirs, ours, dataset = load_checkpoint(teacher), load_checkpoint(student), Dataset(data)
    for checkpoint, path, kind in ((theirs, teacher, "teacher"), (ours, student, "student")):
        if checkpoint.kind != kind:
            raise CheckpointError(path, f"expected a {kind}, got a {checkpoint.kind}")
        if checkpoint.data_sha256 != dataset.sha256:
            raise CheckpointError(path, f"was trained on other data than {data}")
    grids = [(one.action_space, one.horizon, one.dt_s) for one in (theirs, ours)]
    if grids[0] != grids[1]:
        raise CheckpointError(
            student,
            f"has another action space, horizon or step than {teacher}: their chunks cannot be compared",
        )
    windows = windows_of(theirs, dataset)
    _, validation = windows.split(theirs.seed)
    if not len(validation):
        raise DatasetError(data, "no episode was held out to compare modes on")
    rows = spaced(validation, observations)
    batch = load_batch(windows, theirs.normaliser, rows, np.random.default_rng(0), theirs.points)
    once, again = (sample_sets(theirs, batch, count, seed) for seed in (1, 2))
    half = theirs.normaliser.action.half[:-1] if theirs.action_space == "joints" else None
    return Sets(once, again, sample_sets(ours, batch, count, 3), batch.actions[:, None], rows, half)


def windows_of(checkpoint: Checkpoint, dataset: Dataset) -> Windows:
    """Windows as the checkpoint was trained on."""
    return Windows(dataset, checkpoint.window_config(WindowConfig()))


@torch.inference_mode()
def sample_sets(checkpoint: Checkpoint, batch: ObservationBatch, count: int, seed: int) -> Tensor:
    """(B,count,H,D) normalised chunks of a policy for the observations of ``batch``."""
    network, method = checkpoint.build_network(), checkpoint.build_method()
    embedding = network.stack(network.embed(batch.rgb, batch.depth_mm, batch.points))
    generator = torch.Generator().manual_seed(seed)
    shape = (len(embedding) * count, checkpoint.horizon, checkpoint.action_size)
    noise = torch.randn(shape, generator=generator)
    chunks = method.sample(network.head, noise, repeat(embedding, count), repeat(batch.proprio, count))
    return chunks.unflatten(0, (-1, count))


def compare_sets(teacher: Tensor, again: Tensor, student: Tensor, weights: Tensor) -> dict[str, float]:
    """Distances and spread from three sets (B,K,H,D); ``again`` is the teacher's second."""
    floor = chamfer(distances(teacher, again, weights))
    dist = distances(teacher, student, weights)
    terms = chamfer(dist)
    ratio = spread(student, weights) / spread(teacher, weights).clamp_min(1e-6)
    hit, used = distinct(dist)
    return {
        "coverage": float(terms.coverage.mean()),
        "fidelity": float(terms.fidelity.mean()),
        "floor": float(floor.coverage.mean()),
        "coverage_ratio": float(terms.coverage.mean() / floor.coverage.mean()),
        "fidelity_ratio": float(terms.fidelity.mean() / floor.fidelity.mean()),
        "spread_ratio": float(ratio.mean()),
        "spread_error": float((ratio - 1).abs().mean()),
        "teacher_hit": hit,
        "student_used": used,
        "averaging": averaging_index(teacher, again, student, weights),
    }


def averaging_index(teacher: Tensor, again: Tensor, student: Tensor, weights: Tensor) -> float:
    """Share of ``student`` between the modes; see ``averaging`` above."""
    usual = distances(teacher, again, weights).amin(1).quantile(0.95)
    middle = teacher.mean(1, keepdim=True)
    nearest = distances(teacher, student, weights).amin(1)  # (B,M)
    to_middle = distances(middle, student, weights)[:, 0]
    return float(((nearest > usual) & (to_middle < nearest)).float().mean())


def compare_modes(sets: Sets, weights: Tensor, gap: float = MODE_GAP) -> dict[str, float]:
    """Modes, their frequencies, and the gripper's transitions; measures without any observation are left out."""
    within = distances(sets.teacher, sets.teacher, weights).numpy()
    rows = [
        _modes_of_one(*one, gap)
        for one in zip(
            within,
            distances(sets.teacher, sets.student, weights).numpy(),
            distances(sets.teacher, sets.demonstrated, weights).numpy(),
            strict=True,
        )
    ]
    several = [row for row in rows if row["modes"] > 1]
    where = torch.tensor([row["modes"] > 1 for row in rows])
    ratio = spread(sets.student[where], weights) / spread(sets.teacher[where], weights)
    report = {
        "modes": float(np.mean([row["modes"] for row in rows])),
        "observations_with_modes": len(several) / len(rows),
    }
    report["spread_ratio_modes"] = float(ratio.mean()) if several else float("nan")
    report["spread_error_modes"] = float((ratio - 1).abs().mean()) if several else float("nan")
    for name in ("modes_kept", "mode_tv", "entropy_teacher", "entropy_student", "demo_kept"):
        report[name] = float(np.mean([row[name] for row in several])) if several else float("nan")
    for name, chunks in (("teacher", sets.teacher), ("student", sets.student)):
        recall, precision = transition_scores(sets.demonstrated[:, 0, :, -1], chunks[..., -1])
        report |= {f"transition_recall_{name}": recall, f"transition_precision_{name}": precision}
    if sets.joints_half is not None:
        report |= joint_distances(
            sets.teacher.double().numpy() * np.append(sets.joints_half, 0.0), within, gap
        )
    return {name: value for name, value in report.items() if np.isfinite(value)}


def joint_distances(
    teacher: Float[np.ndarray, "b k h d"], normalised: Float[np.ndarray, "b k k"], gap: float
) -> dict[str, float]:
    """``within_mode_rad`` and ``between_modes_rad`` of the module's text.

    Args:
        teacher: sets [rad]; the last dimension, the gripper's, is not looked at.
        normalised: distances of their trajectories, by which modes are told apart.
        gap: see ``clusters``.
    """
    one, two = np.triu_indices(teacher.shape[1], 1)
    same, other = [np.zeros(0)], [np.zeros(0)]
    for chunks, distance in zip(teacher[..., :-1], normalised, strict=True):
        labels = clusters(distance, gap)
        modes = np.bincount(labels)[labels] > 1  # a single one is an outlier
        rad = np.sqrt(((chunks[one] - chunks[two]) ** 2).mean(axis=(1, 2)))
        both, alike = modes[one] & modes[two], labels[one] == labels[two]
        same.append(rad[both & alike])
        other.append(rad[both & ~alike])
    within, between = np.concatenate(same), np.concatenate(other)
    return {
        "within_mode_rad": float(np.quantile(within, 0.9)) if len(within) else float("nan"),
        "between_modes_rad": float(np.quantile(between, 0.01)) if len(between) else float("nan"),
    }


def agreement(numbers: Mapping[str, float], agree_rad: float) -> str:
    """Whether an executor's ``agree_rad`` tells the modes of these numbers apart; "" where there is one mode only."""
    if not {"within_mode_rad", "between_modes_rad"} <= set(numbers):
        return ""
    low, high = numbers["within_mode_rad"], numbers["between_modes_rad"]
    said = f"executor.agree_rad: {agree_rad:g} rad"
    if low >= high:
        return (
            f"{said}; the modes overlap (within {low:.3f}, between {high:.3f} rad): no value tells them apart"
        )
    if agree_rad >= high:
        return f"{said} is too large: modes {high:.3f} rad apart would be averaged; expected {low:.3f} to {high:.3f}"
    if agree_rad <= low:
        return (
            f"{said} is too small: chunks of one mode would not correct it; expected {low:.3f} to {high:.3f}"
        )
    return f"{said} tells the modes apart (expected {low:.3f} to {high:.3f})"


def clusters(within: Float[np.ndarray, "k k"], gap: float) -> Int[np.ndarray, " k"]:
    """Mode of each trajectory from 0, by average linkage: groups further apart than ``gap`` are different modes."""
    square = (within + within.T) / 2
    np.fill_diagonal(square, 0.0)
    return fcluster(linkage(squareform(square, checks=False), "average"), gap, "distance") - 1


def _modes_of_one(
    within: np.ndarray, to_student: np.ndarray, to_demo: np.ndarray, gap: float
) -> dict[str, float]:
    """One observation: (K,K), (K,M) and (K,1) distances. A mode of a single trajectory is an outlier, not a mode."""
    labels = clusters(within, gap)
    modes = [m for m in np.unique(labels) if (labels == m).sum() > 1] or [0]
    mean_to = np.stack([to_student[labels == m].mean(0) for m in modes])  # (modes, M)
    demo = int(np.argmin([to_demo[labels == m].mean() for m in modes]))
    theirs = np.array([(labels == m).sum() for m in modes], float)
    ours = np.bincount(mean_to.argmin(0), minlength=len(modes)).astype(float)
    p, q = theirs / theirs.sum(), ours / ours.sum()
    return {
        "modes": float(len(modes)),
        "modes_kept": float((ours > 0).mean()),
        "mode_tv": float(np.abs(p - q).sum() / 2),
        "entropy_teacher": _entropy(p),
        "entropy_student": _entropy(q),
        "demo_kept": float(ours[demo] > 0),
    }


def _entropy(p: np.ndarray) -> float:
    """In units of the entropy of equally frequent modes."""
    some = p[p > 0]
    return float(-(some * np.log(some)).sum() / np.log(max(len(p), 2)))


def transition_scores(demo: Float[Tensor, "b h"], chunks: Float[Tensor, "b k h"]) -> tuple[float, float]:
    """Recall and precision of the gripper's transitions in ``chunks``, normalised widths; NaN where there is none.

    A transition is a crossing of the middle of the range. It counts as found within ``NEAR_STEPS`` and in the same
    direction; step accuracy would call a policy that copies the observed width nearly perfect.
    """
    wanted, given = _crossings(demo[:, None].expand_as(chunks)), _crossings(chunks)
    found, right = wanted & _near(given), given & _near(wanted)
    recall = float(found.sum() / wanted.sum()) if bool(wanted.any()) else float("nan")
    precision = float(right.sum() / given.sum()) if bool(given.any()) else float("nan")
    return recall, precision


def _crossings(width: Float[Tensor, "b k h"]) -> Bool[Tensor, "b k 2 h1"]:
    """Closing and opening at each step."""
    wide = width > 0
    return torch.stack([wide[..., :-1] & ~wide[..., 1:], ~wide[..., :-1] & wide[..., 1:]], 2)


def _near(events: Bool[Tensor, "b k 2 h"]) -> Bool[Tensor, "b k 2 h"]:
    """Steps with an event at most ``NEAR_STEPS`` away."""
    flat = events.flatten(0, 2).float()[:, None]
    near = torch.nn.functional.max_pool1d(flat, 2 * NEAR_STEPS + 1, 1, NEAR_STEPS)
    return near[:, 0].unflatten(0, events.shape[:3]).bool()

"""``f2o sample``: K trajectories of the frozen teacher for each observation, for the student to match.

The noise of an observation depends only on the seed and the observation, so the same command gives the same sets, also
with another batch size or after an interruption.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from f2o_policy.checkpoint import Checkpoint, file_sha256, load_checkpoint
from f2o_policy.data.batches import load_batch
from f2o_policy.data.sets import SetShape, SetStore
from f2o_policy.data.shard import WHOLE, Shard
from f2o_policy.data.store import Dataset
from f2o_policy.data.windows import Windows
from f2o_policy.errors import CheckpointError, SetsError
from f2o_policy.methods.base import repeat
from f2o_policy.plain_values import checkpoint_file
from f2o_policy.provenance import learning_code
from f2o_policy.training.checks import check_cameras
from f2o_policy.training.config import Config
from f2o_policy.training.optimise import Precision
from f2o_policy.training.process_group import ProcessGroup
from f2o_policy.training.runs import StopSignal

CLIP = 1.05  # normalised range of what is stored: the data's, plus 5 %


def sample(
    teacher: str | Path,
    data: str | Path,
    out: str | Path,
    config: Config,
    progress: bool = True,
    other_data: bool = False,
) -> bool:
    """Fill ``out`` with teacher sets; True when complete, False when stopped by Ctrl-C (resumable).

    Several ranks (``training.process_group``) divide the observations; the result does not depend on their number.
    A set needs an observation and a teacher but no demonstration: with ``other_data`` the observations may be others
    than the teacher was trained on, for instance those of a student's rollouts.

    Raises:
        CheckpointError: not a teacher, of another robot or other cameras, or trained on other data without
            ``other_data``.
        DatasetError, SetsError, FullDiskError: data, sets or disk cannot be used.
    """
    checkpoint, dataset = open_teacher(teacher, data, other_data)
    windows = Windows(dataset, checkpoint.window_config(config.window))
    training, validation = windows.split(checkpoint.seed)
    chosen, is_training = choose(training, validation, config.sets.observations)
    shape = set_shape(checkpoint, len(chosen), config.sets.count)
    with ProcessGroup() as group, StopSignal() as stop:
        precision = Precision(config, group.device)
        manifest = {
            "shape": vars(shape),
            "seed": config.seed,
            "method": checkpoint.method,
            "teacher_sha256": file_sha256(checkpoint_file(teacher)),
            "data_sha256": dataset.sha256,
            "code_sha256": learning_code(),
            "observation_limit": config.sets.observations,
            "precision": str(precision.dtype),
        }
        if group.is_rank0:
            check_space(Path(out), shape)
            created = SetStore.create_or_continue(out, manifest)
            created["observation"][:], created["training"][:] = chosen, is_training
        group.barrier()
        store = SetStore.create_or_continue(out, manifest)
        sampler = SetSampler(checkpoint, windows, precision, shape, config.seed)
        if progress and group.is_rank0 and store.done < len(chosen):
            print(prediction(sampler, chosen, store.done, group.world_size), file=sys.stderr)
        jump = jump_limit(windows, training, checkpoint.normaliser.action.half)
        began = time.perf_counter()
        with tqdm(
            total=len(chosen), initial=store.done, disable=not (progress and group.is_rank0), unit="obs"
        ) as bar:
            for rows in blocks(len(chosen), config.sets.batch, group.shard):
                if stop.requested:
                    break
                if store["filled"][rows].all():
                    continue
                fill(store, rows, sampler.draw(chosen[rows]), jump, 1 + config.sets.range_margin)
                bar.update(store.done - bar.n)
                rate = (bar.format_dict["rate"] or 0.0) * shape.k
                bar.set_postfix(bad=int(store["bad"].sum()), trajectories_per_s=f"{rate:.0f}")
        group.barrier()
        if group.is_rank0:
            finish(store, time.perf_counter() - began)
        return store.done == len(chosen)


def set_shape(checkpoint: Checkpoint, observations: int, count: int) -> SetShape:
    """The shape of a teacher's sets."""
    model = checkpoint.model_config
    proprio = checkpoint.history * len(checkpoint.normaliser.proprio.low)
    return SetShape(observations, count, model.horizon, model.action_dim, model.embedding_dim, proprio)


def check_space(out: Path, shape: SetShape) -> None:
    """Check that the disk can hold new sets.

    Raises:
        SetsError: it cannot.
    """
    out.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(out).free
    if shape.bytes > free and not (out / "manifest.json").exists():
        raise SetsError(out, f"need {shape.bytes / 1e6:.0f} MB, {free / 1e6:.0f} MB are free")


def prediction(sampler: SetSampler, chosen: np.ndarray, done: int, processes: int) -> str:
    """A line that predicts time and size, measured on a few observations."""
    some = chosen[: min(8, len(chosen))]
    sampler.draw(some[:1])  # first-call costs
    began = time.perf_counter()
    sampler.draw(some)
    rate = processes * len(some) / (time.perf_counter() - began)
    shape, left = sampler.shape, len(chosen) - done
    return (
        f"{left} observations x {shape.k} trajectories, {rate * shape.k:.0f} trajectories/s: about "
        f"{left / rate / 60:.1f} min; {shape.bytes / 1e6:.0f} MB on disk"
    )


def fill(store: SetStore, rows: np.ndarray, raw: dict[str, Tensor], jump: float, limit: float) -> None:
    """Check the sets that were drawn for ``rows`` and store them."""
    checked = replace_bad(raw["trajectories"], raw["noise"], jump, limit)
    raw |= {"trajectories": checked.chunks.clamp(-CLIP, CLIP), "noise": checked.noise}
    raw |= {"usable": checked.usable, "bad": checked.bad}
    for name, value in raw.items():
        store[name][rows] = value.numpy()
    store.commit(rows)


def finish(store: SetStore, seconds: float) -> None:
    """Counts and wall time for the manifest."""
    filled = store["filled"]
    store.update_manifest(
        done=store.done,
        bad=int(store["bad"][filled].sum()),
        unusable=int((~store["usable"][filled]).sum()),
        wall_s=round(store.manifest.get("wall_s", 0.0) + seconds, 1),
    )


def open_teacher(
    teacher: str | Path, data: str | Path, other_data: bool = False
) -> tuple[Checkpoint, Dataset]:
    """The teacher and its observations.

    Raises:
        CheckpointError, DatasetError: as ``sample``.
    """
    checkpoint, dataset = load_checkpoint(teacher), Dataset(data)
    if checkpoint.kind != "teacher":
        raise CheckpointError(teacher, f"expected a teacher, got a {checkpoint.kind} ({checkpoint.method})")
    check_cameras(checkpoint, teacher, dataset)
    if checkpoint.data_sha256 != dataset.sha256 and not other_data:
        ours, theirs = checkpoint.data_sha256[:12], dataset.sha256[:12]
        raise CheckpointError(
            teacher,
            f"was trained on other data than {data} (sha256 {ours}..., not {theirs}...); --other-data allows it",
        )
    return checkpoint, dataset


class SetSampler:
    """The frozen teacher: EMA weights, eval mode, no augmentation."""

    def __init__(
        self, checkpoint: Checkpoint, windows: Windows, precision: Precision, shape: SetShape, seed: int
    ) -> None:
        self._network = checkpoint.build_network().to(precision.device)
        self._method, self._normaliser = checkpoint.build_method(), checkpoint.normaliser
        self._points = checkpoint.points
        self._windows, self._precision, self.shape, self._seed = windows, precision, shape, seed

    def draw(self, observations: np.ndarray) -> dict[str, Tensor]:
        """Noise, trajectories (B,K,H,D), embedding and proprio of ``observations``."""
        lags = [self._windows.draw_lag_ns(np.random.default_rng([self._seed, int(i)])) for i in observations]
        batch = load_batch(self._windows, self._normaliser, observations, lags, self._points)
        noise = torch.stack([draw_noise(self._seed, int(i), self.shape) for i in observations])
        inputs = (batch.rgb, batch.depth_mm, batch.points, batch.proprio, noise.flatten(0, 1))
        *images, proprio, x = (part.to(self._precision.device) for part in inputs)
        with torch.inference_mode(), self._precision.autocast():
            embedding = self._network.stack(self._network.embed(*images).float())
            k = self.shape.k
            chunks = self._method.sample(self._network.head, x, repeat(embedding, k), repeat(proprio, k))
        sets = chunks.float().cpu().unflatten(0, (-1, k))
        return {"trajectories": sets, "noise": noise, "embedding": embedding.cpu(), "proprio": batch.proprio}


def choose(training: np.ndarray, validation: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """``limit`` observations, evenly spaced over both splits, and which of them are for training.

    All of them where there are fewer; one more than ``limit`` where both splits are rounded up.
    """
    stride = max(1.0, (len(training) + len(validation)) / limit)
    picked = [part[np.unique(np.arange(0, len(part), stride).astype(int))] for part in (training, validation)]
    flags = [np.full(len(part), kind) for part, kind in zip(picked, (True, False), strict=True)]
    return np.concatenate(picked), np.concatenate(flags)


def blocks(count: int, size: int, shard: Shard = WHOLE) -> Iterator[np.ndarray]:
    """Rows [0, count) in blocks of ``size``, every ``world_size``-th of them for this rank."""
    for first in range(shard.rank * size, count, shard.world_size * size):
        yield np.arange(first, min(first + size, count))


def draw_noise(seed: int, observation: int, shape: SetShape) -> Tensor:
    """(K,H,D) standard normal, rounded to what is stored, so that the stored noise is the noise used."""
    rng = np.random.default_rng([seed, observation, 11])
    values = rng.standard_normal((shape.k, shape.h, shape.d), np.float32)
    return torch.from_numpy(values.astype(np.float16).astype(np.float32))


def jump_limit(windows: Windows, observations: np.ndarray, half: np.ndarray) -> float:
    """Three times the largest step between actions of the demonstrations, plus a margin for the teacher's noise."""
    some = observations[:: max(1, len(observations) // 1000)]
    actions = np.stack([windows.window(int(i)).actions for i in some]) / half
    return 0.1 + 3.0 * float(np.abs(np.diff(actions[..., :-1], axis=1)).max())


@dataclass(frozen=True)
class Checked:
    """Sets without bad trajectories.

    Attributes:
        chunks: (B,K,H,D) trajectories.
        noise: (B,K,H,D) that each was integrated from; ``methods.paired`` learns the pairs.
        usable: (B,) whether there is a good one.
        bad: (B,) how many were replaced.
    """

    chunks: Tensor
    noise: Tensor
    usable: Tensor
    bad: Tensor


def replace_bad(chunks: Tensor, noise: Tensor, jump_limit: float, range_limit: float) -> Checked:
    """Replace trajectories that are not finite, leave the data's range or jump by a good one of the same set.

    Each keeps the noise it was integrated from. A bad trajectory in a set would be a target that the student must
    cover; a set without a good one is unusable. The gripper's column is ignored: around a closing it overshoots its
    two values, and the gripper stops there.
    """
    finite = chunks.isfinite().flatten(2).all(2)
    clean = chunks.nan_to_num(0.0, 0.0, 0.0)
    inside = clean[..., :-1].abs().amax((2, 3)) <= range_limit
    smooth = clean[..., :-1].diff(dim=2).abs().amax((2, 3)) <= jump_limit
    good = finite & inside & smooth  # (B,K)
    first = good.float().argmax(1)  # a good one, where there is one
    index = torch.where(good, torch.arange(chunks.shape[1]), first[:, None])
    rows = torch.arange(len(chunks))[:, None]
    return Checked(clean[rows, index], noise[rows, index], good.any(1), (~good).sum(1))

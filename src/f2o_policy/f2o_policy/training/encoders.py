"""Reuse a trained encoder: its weights in another network, its embeddings computed once.

A frozen encoder gives an observation the same embedding every time. Computed once for the whole data set they leave
the U-Net as the only cost of a step, so that horizons, masks and methods can be compared on two CPU cores.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from f2o_policy.checkpoint import Checkpoint, file_sha256
from f2o_policy.data.batches import thin
from f2o_policy.data.files import write_file
from f2o_policy.data.store import Dataset
from f2o_policy.errors import CheckpointError
from f2o_policy.model.config import ModelConfig
from f2o_policy.model.network import PolicyNetwork
from f2o_policy.plain_values import checkpoint_file
from f2o_policy.training.optimise import Precision

FROZEN_PARTS = {
    "encoder": ("visual.", "point."),
    "trunks": ("visual.colour.", "visual.depth.", "visual.project_colour.", "visual.project_depth."),
}


def copy_weights(network: nn.Module, checkpoint: Checkpoint, source: Path, prefixes: tuple[str, ...]) -> None:
    """Copy the weights whose names begin with one of ``prefixes`` from ``checkpoint`` into ``network``.

    Raises:
        CheckpointError: a weight of the network is missing there or has another shape.
    """
    own = {name: w for name, w in network.state_dict().items() if name.startswith(prefixes)}
    for name, weight in own.items():
        theirs = checkpoint.state.get(name)
        if theirs is None or theirs.shape != weight.shape:
            shape = "missing" if theirs is None else f"of shape {tuple(theirs.shape)}"
            raise CheckpointError(
                source,
                f"{name} is {shape}, this network has {tuple(weight.shape)}; the sizes of model must agree",
            )
    network.load_state_dict({name: checkpoint.state[name].float() for name in own}, strict=False)


def freeze(network: nn.Module, prefixes: tuple[str, ...]) -> None:
    """Exclude the weights whose names begin with one of ``prefixes`` from training."""
    for name, parameter in network.named_parameters():
        if name.startswith(prefixes):
            parameter.requires_grad_(False)


def embeddings(source: Path, network: PolicyNetwork, dataset: Dataset, precision: Precision) -> np.ndarray:
    """(N,F) float32, the embedding of every observation; cached beside the checkpoint ``source``.

    Images are not augmented where the encoder is frozen.
    """
    file = checkpoint_file(source)
    parts = (file_sha256(file), dataset.sha256, _settings_sha256(network.config, precision))
    kept = file.with_name(f"embeddings_{'_'.join(part[:12] for part in parts)}.npy")
    if not kept.exists():
        computed = compute_embeddings(network, dataset, precision)
        write_file(kept, lambda part: part.write_bytes(_npy(computed)))
    return np.load(kept, mmap_mode="r")


def _settings_sha256(config: ModelConfig, precision: Precision) -> str:
    """Hash of the settings that an embedding depends on, besides weights and data."""
    settings = (config.modalities, config.points, config.depth_range_m, str(precision.dtype))
    return hashlib.sha256(repr(settings).encode()).hexdigest()


def compute_embeddings(
    network: PolicyNetwork, dataset: Dataset, precision: Precision, batch: int = 64
) -> np.ndarray:
    """As ``embeddings``, without the cache."""
    network.eval()
    out = np.empty((len(dataset), network.config.frame_dim), np.float32)
    for first in tqdm(
        range(0, len(dataset), batch), desc="embedding observations", unit="batch", mininterval=1.0
    ):
        rows = slice(first, first + batch)
        points = thin(dataset["points"][rows], network.config.points).astype(np.float32)
        images = (dataset["rgb"][rows].copy(), dataset["depth_mm"][rows].astype(np.float32), points)
        inputs = (torch.from_numpy(x).to(precision.device) for x in images)
        with torch.inference_mode(), precision.autocast():
            out[rows] = network.embed(*inputs).float().cpu().numpy()
    return out


def _npy(array: np.ndarray) -> bytes:
    text = io.BytesIO()
    np.save(text, array)
    return text.getvalue()

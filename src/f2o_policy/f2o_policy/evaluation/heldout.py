"""``python -m f2o_policy.evaluation.heldout``: errors of a policy's chunks in held-out episodes, in radians and metres.

Two baselines are measured with every policy: its network with random weights, and an arm that stands still. ``mean`` is
over all chunks drawn, ``nearest`` over the nearest one of each observation: where there are several ways, a correct
chunk need not be the demonstrated one.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import torch
from f2o_nodekit.errors import F2oError
from f2o_nodekit.provenance import origin
from jaxtyping import Float

from f2o_policy.action_space import TCP_SIZE, poses_of
from f2o_policy.checkpoint import Checkpoint, load_checkpoint
from f2o_policy.data.batches import ObservationBatch, load_batch
from f2o_policy.data.files import write_json
from f2o_policy.data.store import Dataset
from f2o_policy.data.windows import spaced
from f2o_policy.errors import CheckpointError, DatasetError
from f2o_policy.evaluation.modes import sample_sets, windows_of
from f2o_policy.model.network import PolicyNetwork
from f2o_policy.provenance import learning_code

SEED = 3  # of the noise, of the random weights, and of the lags of the windows
Errors = dict[str, float]


def held_out(
    policy: str | Path, data: str | Path, observations: int = 96, count: int = 4
) -> dict[str, Errors]:
    """Errors of ``policy``, of its network untrained and of standing still, on evenly spaced held-out observations.

    Raises:
        CheckpointError: the policy was trained on other data.
        DatasetError: no episode was held out.
    """
    checkpoint, dataset = load_checkpoint(policy), Dataset(data)
    if checkpoint.data_sha256 != dataset.sha256:
        raise CheckpointError(policy, f"was trained on other data than {data}")
    windows = windows_of(checkpoint, dataset)
    _, validation = windows.split(checkpoint.seed)
    if not len(validation):
        raise DatasetError(data, "no episode was held out to compare with")
    rows = spaced(validation, observations)
    batch = load_batch(windows, checkpoint.normaliser, rows, np.random.default_rng(SEED), checkpoint.points)
    shown = checkpoint.normaliser.action.decode(batch.actions.numpy().astype(np.float64))
    still = batch.proprio.numpy().astype(np.float64)[:, -len(checkpoint.action_names) :]  # the newest instant
    if windows.tcp is not None:
        still = windows.tcp.actions(still)
    still = np.broadcast_to(still[:, None, None], (len(rows), 1, *shown.shape[1:]))
    measure = errors if windows.tcp is None else pose_errors
    return {
        "policy": measure(chunks(checkpoint, batch, count), shown),
        "untrained": measure(chunks(untrained(checkpoint), batch, count), shown),
        "standing still": measure(still, shown),
    }


def untrained(checkpoint: Checkpoint) -> Checkpoint:
    """The same policy with random weights."""
    torch.manual_seed(SEED)
    network = PolicyNetwork(
        checkpoint.model_config, checkpoint.normaliser, timed=checkpoint.kind == "teacher"
    )
    return dataclasses.replace(checkpoint, state=dict(network.state_dict()))


def chunks(checkpoint: Checkpoint, batch: ObservationBatch, count: int) -> Float[np.ndarray, "b k h d"]:
    """``count`` chunks of each observation, in the units of the actions."""
    drawn = sample_sets(checkpoint, batch, count, SEED).numpy().astype(np.float64)
    return checkpoint.normaliser.action.decode(drawn)


def errors(drawn: Float[np.ndarray, "b k h d"], shown: Float[np.ndarray, "b h d"]) -> Errors:
    """Mean absolute errors: joints [rad] of all chunks and of the nearest of each observation, gripper [m]."""
    apart = np.abs(drawn - shown[:, None])
    joints = apart[..., :-1].mean((2, 3))  # (B,K)
    return {
        "mean_rad": round(float(joints.mean()), 5),
        "nearest_rad": round(float(joints.min(1).mean()), 5),
        "gripper_m": round(float(apart[..., -1].mean()), 5),
    }


def pose_errors(drawn: Float[np.ndarray, "b k h d"], shown: Float[np.ndarray, "b h d"]) -> Errors:
    """As ``errors``, of tool poses: distance [m], angle [deg], gripper [m]."""
    metres = np.linalg.norm((drawn - shown[:, None])[..., :3], axis=-1).mean(2)  # (B,K)
    rotations = [
        poses_of(x.reshape(-1, TCP_SIZE))[0][:, :3, :3] for x in np.broadcast_arrays(drawn, shown[:, None])
    ]
    cosines = ((rotations[0] * rotations[1]).sum((1, 2)) - 1) / 2
    return {
        "mean_m": round(float(metres.mean()), 5),
        "nearest_m": round(float(metres.min(1).mean()), 5),
        "mean_deg": round(float(np.degrees(np.arccos(cosines.clip(-1, 1))).mean()), 3),
        "gripper_m": round(float(np.abs(drawn - shown[:, None])[..., -1].mean()), 5),
    }


def _source(policy: Path) -> dict[str, str]:
    """Hashes of the weights and of their data."""
    checkpoint = load_checkpoint(policy)
    return {"weights_sha256": checkpoint.source_sha256, "data_sha256": checkpoint.data_sha256}


def main() -> int:
    """The command line; exit status 2 and one sentence on an error."""
    parser = argparse.ArgumentParser(prog="python -m f2o_policy.evaluation.heldout", description=__doc__)
    parser.add_argument("--policy", type=Path, required=True, help="run folder or checkpoint")
    parser.add_argument("--data", type=Path, required=True, help="data set that it was trained on")
    parser.add_argument("--out", type=Path, help="JSON file")
    arguments = parser.parse_args()
    try:
        found = held_out(arguments.policy, arguments.data)
    except F2oError as error:
        print(f"heldout: {error}", file=sys.stderr)
        return 2
    print(json.dumps(found, indent=1))
    if arguments.out is not None:
        made = {**origin(), "code_sha256": learning_code()}
        write_json(arguments.out, {"made": made, **_source(arguments.policy), "seed": SEED, **found})
    return 0


if __name__ == "__main__":
    sys.exit(main())

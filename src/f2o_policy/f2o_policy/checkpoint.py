"""One file with a whole policy: weights and everything needed to use them, written atomically.

Only tensors and plain values are stored, so that loading executes no code.
"""

from __future__ import annotations

import dataclasses
import hashlib
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from f2o_nodekit.config import build_config
from f2o_nodekit.robot import canonical

from f2o_policy.action_space import SPACES, action_size
from f2o_policy.data.arm import ToolPositions
from f2o_policy.data.files import write_file
from f2o_policy.data.normalise import Normaliser
from f2o_policy.data.windows import WindowConfig
from f2o_policy.errors import CheckpointError
from f2o_policy.methods import create
from f2o_policy.methods.base import Method
from f2o_policy.model.config import ModelConfig
from f2o_policy.model.network import PolicyNetwork
from f2o_policy.plain_values import checkpoint_file
from f2o_policy.spec import PolicySpec

SCHEMA = "f2o_checkpoint/1"


@dataclass(frozen=True)
class Checkpoint:
    """A trained policy. Units: joints [rad], gripper width [m], points [m] in the base frame.

    ``workspace`` documents the training points; the runtime does not use it.
    """

    kind: Literal["teacher", "student"]
    method: str
    method_options: dict[str, Any]
    state: dict[str, torch.Tensor]  # averaged (EMA) weights
    config: dict[str, Any]  # of the model, see ``model_config``
    normaliser: Normaliser
    horizon: int
    dt_s: float
    action_names: tuple[str, ...]  # of what it drives: 7 joints, then "gripper_width"
    views: tuple[str, ...]  # in the order the network expects
    image_size: int
    points: int  # used by the network; it takes them evenly spaced from the observation's
    workspace: tuple[tuple[float, float], ...]  # limits of x, y, z [m] of the training points
    seed: int
    data_sha256: str
    history_dt_s: float = 0.1  # between the instants that the policy sees, where it sees more than one
    validation_fraction: float | None = None  # of the episodes its teacher held out; None: an older file
    visual_lag_s: tuple[float, float] | None = None  # range of its teacher's windows; None: an older file
    versions: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    action_space: str = "joints"  # see ``action_space``
    robot: str = "panda"  # the arm in its data, see ``WindowConfig``
    tool_m: ToolPositions | None = None  # of the arm in its data, see ``data.arm``; None: not recorded
    source_sha256: str = ""  # of the file it was read from; not stored in it

    @property
    def action_size(self) -> int:
        """Width D of an action."""
        return action_size(self.action_space, len(self.action_names))

    @property
    def model_config(self) -> ModelConfig:
        """The sizes of the network."""
        return build_config(ModelConfig, self.config, "model configuration of the checkpoint")

    @property
    def history(self) -> int:
        """Instants that the policy sees, the newest last."""
        return self.model_config.history

    def window_config(self, base: WindowConfig) -> WindowConfig:
        """Windows as in its teacher's training; what the file does not say is as in ``base``."""
        known = ("action_space", "robot", "horizon", "dt_s", "history", "history_dt_s")
        known += ("validation_fraction", "visual_lag_s")
        values = {name: getattr(self, name) for name in known}
        return dataclasses.replace(base, **{k: v for k, v in values.items() if v is not None})

    @property
    def spec(self) -> PolicySpec:
        """What the runtime must know of it."""
        own = {field.name for field in dataclasses.fields(PolicySpec)} - {
            "embedding_size",
            "spacing",
            "prefix",
        }
        return PolicySpec(
            **{name: getattr(self, name) for name in own},
            embedding_size=self.model_config.embedding_dim,
            spacing=self.method_options.get("spacing", "uniform"),
            prefix=self.method_options.get("prefix", 0),
        )

    def build_network(self) -> PolicyNetwork:
        """The network with these weights, float32, in eval mode."""
        network = PolicyNetwork(self.model_config, self.normaliser, timed=self.kind == "teacher")
        network.load_state_dict({name: tensor.float() for name, tensor in self.state.items()})
        return network.eval()

    def build_method(self) -> Method:
        """The method with its options: its ``sample`` turns noise into chunks."""
        return create(self.method, self.method_options)


def save_checkpoint(path: str | Path, checkpoint: Checkpoint, half: bool = True) -> None:
    """Write to ``path`` atomically.

    ``half`` stores the weights as float16: the small model takes 10 MB, and 5e-4 of a weight is far less than one
    optimiser step.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tree = {f.name: getattr(checkpoint, f.name) for f in dataclasses.fields(checkpoint)}
    del tree["source_sha256"]
    tree["normaliser"] = checkpoint.normaliser.to_dict()
    cast = torch.float16 if half else torch.float32
    tree["state"] = {name: tensor.detach().cpu().to(cast) for name, tensor in checkpoint.state.items()}
    write_file(path, lambda part: torch.save({"schema": SCHEMA, **tree}, part))


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint file, or the one in a run folder.

    Raises:
        CheckpointError: no such file, not a checkpoint, another schema, or missing fields.
    """
    path = checkpoint_file(path)
    tree = _read(path)
    if tree["schema"] != SCHEMA:
        raise CheckpointError(
            path, f"expected schema {SCHEMA}, got {tree['schema']!r}; train again or update f2o"
        )
    known = dataclasses.fields(Checkpoint)
    optional = {f.name for f in known if f.default is not dataclasses.MISSING} | {"versions", "metrics"}
    missing = sorted({f.name for f in known} - optional - set(tree))
    if missing:
        raise CheckpointError(path, f"has no {', '.join(missing)}")
    if (space := tree.get("action_space", "joints")) not in SPACES:
        raise CheckpointError(
            path, f"expected an action space of {', '.join(SPACES)}, got {space!r}; update f2o"
        )
    given = {f.name: tree[f.name] for f in known if f.name in tree}
    fields = given | {"normaliser": Normaliser.from_dict(tree["normaliser"])}
    for name in ("action_names", "views", "workspace"):
        fields[name] = tuple(tuple(v) if isinstance(v, list) else v for v in fields[name])
    fields["action_names"] = canonical(fields["action_names"])
    if fields.get("tool_m") is not None:
        fields["tool_m"] = tuple(map(tuple, fields["tool_m"]))
    return Checkpoint(**fields, source_sha256=file_sha256(path))


def file_sha256(path: Path) -> str:
    """Hash of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        tree = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(path, f"cannot be read ({error.strerror})") from error
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError) as error:
        raise CheckpointError(path, "is not a checkpoint file, or is cut short") from error
    if not isinstance(tree, dict) or "schema" not in tree:
        raise CheckpointError(
            path, "is a torch file, but not a checkpoint written by f2o train or f2o distill"
        )
    return tree

"""The description of a policy that the runtime needs besides its network, without torch."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from f2o_nodekit.robot import canonical

from f2o_policy.action_space import SPACES, action_size
from f2o_policy.data.arm import ToolPositions
from f2o_policy.data.files import write_json
from f2o_policy.data.normalise import Normaliser
from f2o_policy.errors import ExportError

EXPORTED, SCHEMA = "policy.json", "f2o_export/1"  # what makes a folder an export (export.py)


@dataclass(frozen=True)
class PolicySpec:
    """Inputs, outputs and time grid of a trained policy. Units: rad, m, s."""

    kind: str  # teacher (integrated from noise) or student (one forward pass)
    method: str
    action_names: tuple[str, ...]  # of what it drives: 7 joints, then "gripper_width"
    views: tuple[str, ...]  # in the order the network expects
    image_size: int
    points: int  # taken evenly spaced from the observation's
    horizon: int
    dt_s: float  # between the points of a chunk
    history: int  # instants in the input, the newest last
    history_dt_s: float
    embedding_size: int  # of all instants concatenated
    normaliser: Normaliser
    spacing: str = "uniform"  # of a teacher's Euler steps
    prefix: int = 0  # steps of the current plan that replace the beginning of the noise (methods/prefix.py)
    source_sha256: str = ""  # of the checkpoint file it was made from
    data_sha256: str = ""
    action_space: str = "joints"  # see ``action_space``
    tool_m: ToolPositions | None = None  # of the arm in its data, see ``data.arm``; None: not recorded

    @property
    def action_size(self) -> int:
        """Width D of an action."""
        return action_size(self.action_space, len(self.action_names))

    @property
    def joint_size(self) -> int:
        """Width of a joint state, with the gripper."""
        return len(self.action_names)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return dataclasses.asdict(self) | {"normaliser": self.normaliser.to_dict()}

    @classmethod
    def from_dict(cls, tree: dict[str, Any]) -> PolicySpec:
        """Inverse of ``to_dict``.

        Raises:
            KeyError, TypeError: fields are missing or unknown.
            ValueError: it has an unknown action space.
        """
        if (space := tree.get("action_space", "joints")) not in SPACES:
            raise ValueError(f"action_space: expected one of {', '.join(SPACES)}, got {space!r}")
        fields = tree | {"normaliser": Normaliser.from_dict(tree["normaliser"])}
        fields |= {"action_names": canonical(tree["action_names"]), "views": tuple(tree["views"])}
        if (tool_m := tree.get("tool_m")) is not None:
            fields["tool_m"] = tuple(map(tuple, tool_m))
        return cls(**fields)


def is_export(folder: Path) -> bool:
    """Whether ``folder`` holds an exported policy, and not a checkpoint."""
    return (folder / EXPORTED).is_file()


def write_spec(folder: Path, spec: PolicySpec, versions: dict[str, str]) -> None:
    """Write the description of an export, and the versions of the packages that made it."""
    write_json(folder / EXPORTED, {"schema": SCHEMA, "versions": versions, "policy": spec.to_dict()})


def read_exported_spec(folder: Path) -> PolicySpec:
    """The description of the export in ``folder``.

    Raises:
        ExportError: it is missing, unreadable or of another version.
    """
    try:
        tree = json.loads((folder / EXPORTED).read_text())
        if tree.get("schema") != SCHEMA:
            raise ExportError(
                f"export {folder}: expected schema {SCHEMA}, got {tree.get('schema')!r}; export again"
            )
        return PolicySpec.from_dict(tree["policy"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExportError(f"export {folder}: {EXPORTED} cannot be read ({error!r})") from error

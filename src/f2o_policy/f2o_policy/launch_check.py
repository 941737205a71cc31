"""Whether the policy that is to be launched fits the robot, before anything starts (entry point group f2o.checks).

Imports no torch: what is asked of a checkpoint are its plain values, and those are read without its weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from f2o_nodekit.errors import F2oError
from f2o_nodekit.robot import canonical

from f2o_policy.data.normalise import Normaliser
from f2o_policy.plain_values import checkpoint_file, read_values
from f2o_policy.robots import check_arm
from f2o_policy.spec import is_export, read_exported_spec


def mismatches(launch: Any) -> list[str]:
    """What does not fit; ``launch`` is ``f2o_bringup.checks.Launch``."""
    if "policy_node" not in launch.nodes:
        return []
    path = str(launch.values.get("checkpoint") or "")
    if not path and (found := launch.configuration("policy.yaml")):
        path = str(found[0].parent / str(found[1].get("checkpoint", "")))
    if not path:
        return []
    try:
        source = Path(path).resolve()
        if is_export(source):
            spec = read_exported_spec(source)
            check_arm(source, spec.action_names, spec.normaliser, spec.tool_m, launch.robot)
        else:
            values = read_values(checkpoint_file(source))
            normaliser = Normaliser.from_dict(values["normaliser"])
            names = canonical(values["action_names"])
            check_arm(source, names, normaliser, values.get("tool_m"), launch.robot)
    except F2oError as error:
        return [f"checkpoint: {error}"]
    except (KeyError, TypeError):
        return [f"checkpoint: {path} is not a checkpoint written by f2o train or f2o distill"]
    return []

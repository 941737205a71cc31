"""The pinocchio model of an arm: its URDF, reduced to the arm's joints."""

from pathlib import Path

import pinocchio as pin
from f2o_perception.errors import PerceptionError
from f2o_perception.kinematics import panda_urdf_path

from f2o_teleop.errors import RobotModelError

ARM_JOINTS = tuple(f"panda_joint{i}" for i in range(1, 8))


def arm_model(urdf_path: str | Path | None, joints: tuple[str, ...] = ARM_JOINTS) -> pin.Model:
    """The model of the arm alone: every joint of the URDF that is not in `joints` is locked at zero.

    Raises:
        RobotModelError: no such file, not a URDF, a joint is missing, or the joints have another order.
    """
    path = Path(urdf_path) if urdf_path else _panda()
    try:
        full = pin.buildModelFromUrdf(str(path))
    except (ValueError, RuntimeError) as error:
        raise RobotModelError(f"{path}: not a readable URDF: {error}") from None
    names = list(full.names)[1:]
    missing = [joint for joint in joints if joint not in names]
    if missing:
        raise RobotModelError(f"{path}: no joint {', '.join(missing)}; it has {', '.join(names)}")
    locked = [full.getJointId(name) for name in names if name not in joints]
    model = pin.buildReducedModel(full, locked, pin.neutral(full))
    if list(model.names)[1:] != list(joints):
        raise RobotModelError(
            f"{path}: joints have the order {', '.join(list(model.names)[1:])}, expected {', '.join(joints)}"
        )
    return model


def _panda() -> Path:
    try:
        return panda_urdf_path()
    except PerceptionError as error:
        raise RobotModelError(str(error)) from error

"""Contacts and collisions: external torques and forces against the thresholds that a client has set."""

from __future__ import annotations

import numpy as np
from f2o_control.limits import Joints
from jaxtyping import Bool, Float64

from f2o_sim.control_unit.wire import COLLISION

FILTER = 0.2  # share of a new measurement a millisecond: 5 ms; how the real unit filters is not known here
SPEEDS_UP = 0.1  # rad/s2, from which on the thresholds are those of acceleration


class Contacts:
    """Torques of seven joints and the six parts of a force, each below, at or beyond its thresholds.

    Until a client sets thresholds there are neither contacts nor collisions: those that the real unit starts with are
    not known here.
    """

    def __init__(self) -> None:
        self._thresholds: np.ndarray | None = None  # of dtype wire.COLLISION
        self.torques, self.force = np.zeros(7), np.zeros(6)  # filtered: N m; N and N m
        self.joint_contact, self.cartesian_contact = np.zeros(7, bool), np.zeros(6, bool)
        self.joint_collision, self.cartesian_collision = np.zeros(7, bool), np.zeros(6, bool)

    @property
    def thresholds(self) -> np.ndarray | None:
        """What was set last, of dtype wire.COLLISION."""
        return self._thresholds

    def set(self, payload: bytes) -> bool:
        """Take thresholds from a request; returns whether they are legal: none below 0, none above its upper one."""
        given = np.frombuffer(payload, COLLISION)[0]
        names = [name for name in COLLISION.names or () if name.startswith("lower")]
        if any((given[n] < 0).any() or (given[n] > given[n.replace("lower", "upper")]).any() for n in names):
            return False
        self._thresholds = given.copy()
        return True

    def update(self, external: Joints) -> Joints:
        """Filter the external torques [N m]; they are returned."""
        self.torques = self.torques + FILTER * (external - self.torques)
        return self.torques

    def judge(self, force: Float64[np.ndarray, " 6"], acceleration: Joints) -> tuple[str, ...]:
        """The reflexes [joint_reflex, cartesian_reflex] that the torques and ``force`` [N, N m] call for.

        Args:
            force: in the stiffness frame.
            acceleration: of the set-points [rad/s2].
        """
        self.force = force
        if (given := self._thresholds) is None:
            return ()
        phase = "acceleration" if np.abs(acceleration).max() > SPEEDS_UP else "nominal"
        torques, forces = np.abs(self.torques), np.abs(force)
        self.joint_contact = torques > given[f"lower_torque_{phase}"]
        self.cartesian_contact = forces > given[f"lower_force_{phase}"]
        beyond_joint = torques > given[f"upper_torque_{phase}"]
        beyond_force = forces > given[f"upper_force_{phase}"]
        self.joint_collision = self.joint_collision | beyond_joint  # kept until recovery
        self.cartesian_collision = self.cartesian_collision | beyond_force
        return _reflexes(beyond_joint, beyond_force)

    def recover(self) -> None:
        """Forget the collisions."""
        self.joint_collision, self.cartesian_collision = np.zeros(7, bool), np.zeros(6, bool)


def _reflexes(joints: Bool[np.ndarray, " 7"], forces: Bool[np.ndarray, " 6"]) -> tuple[str, ...]:
    named = {"joint_reflex": joints, "cartesian_reflex": forces}
    return tuple(name for name, beyond in named.items() if beyond.any())

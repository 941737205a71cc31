"""No arm."""

from __future__ import annotations

from f2o_control.adapters.base import Adapter
from f2o_control.limiter import Command


class NullAdapter(Adapter):
    """Sends nothing; /f2o/joint_command holds what would have been sent."""

    def send(self, command: Command, gripper_width: float) -> None:
        """Drop ``command``."""

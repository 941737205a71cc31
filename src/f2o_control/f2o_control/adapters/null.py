"""No arm: everything runs, nothing moves."""

from __future__ import annotations

from f2o_control.limiter import Command


class NullAdapter:
    """Sends nothing. /f2o/joint_command still says what would have been sent."""

    def send(self, command: Command) -> None:
        """Drop ``command``."""

    def close(self) -> None:
        """Nothing to free."""

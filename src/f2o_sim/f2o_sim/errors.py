"""Everything a user of the simulator can get wrong or lack."""

from __future__ import annotations

from collections.abc import Sequence

from f2o_nodekit.errors import F2oError


class SimError(F2oError):
    """Base of the simulator's errors."""


class RobotModelError(SimError):
    """The robot's description is missing or lacks something the simulator needs."""


class GraphicsError(SimError):
    """No library on this machine can draw off screen."""

    def __init__(self, attempts: Sequence[str]) -> None:
        super().__init__(
            "cameras: cannot open an off-screen OpenGL context: "
            + "; ".join(attempts)
            + "; expected one of EGL (Debian: apt install libegl1 libgl1-mesa-dri) or OSMesa (apt install libosmesa6)"
        )


class UnknownTaskError(SimError):
    """A task name that the simulator does not have."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"task: unknown task '{name}', expected one of {', '.join(sorted(known))}")


class UnknownCameraError(SimError):
    """A camera name that the scene does not have."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"camera: unknown camera '{name}', expected one of {', '.join(known)}")


class TrajectoryError(SimError):
    """A trajectory the controller refuses, as the real one would."""


class NotArmedError(SimError):
    """The bridge refused to be armed; the text is its answer."""


class JournalError(SimError):
    """A journal of episodes that cannot be continued."""


class StateLogError(SimError):
    """A log of states that cannot be read, or an episode that it does not have."""

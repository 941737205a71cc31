"""A trace of the targets' times, kept in memory and written on exit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from f2o_nodekit.rows import Rows

from f2o_control.target import Target

ROW = np.dtype([("target_ros_ns", "i8"), ("received_mono_ns", "i8"), ("sent_mono_ns", "i8")])


class Trace(Rows):
    """One row per followed target: its stamp, when it was received, when its command was sent.

    With the policy's trace (``f2o latency-report``) these are the last two stages from a camera to the arm. The two
    clocks agree because both processes run on one machine.
    """

    def __init__(self) -> None:
        super().__init__(ROW)

    def target(self, target: Target, sent_mono_ns: int) -> None:
        """Append one target."""
        self.add((target.due_ros_ns, target.received_mono_ns, sent_mono_ns))

    def try_save(self, path: str) -> str:
        """Write the trace; returns why that failed, or ''. The arm rests by then: a full disk is no failed bridge."""
        try:
            self.save(path)
        except OSError as error:
            Path(f"{path}.partial").unlink(missing_ok=True)
            return f"trace: {path}: not written ({error.strerror or error}); expected room for it"
        return ""

"""The recorder, which notes what it received where a SIGKILL does not reach (ROS)."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from f2o_bags.stamps import stamp_of
from f2o_nodekit.ros import run
from f2o_teleop.recorder_node import RecorderNode

from benchmarks.recording.ledger import LEDGER, Ledger


class WatchedRecorder(RecorderNode):
    """As it is used, and one line in the ledger for every message that it took in."""

    def __init__(self) -> None:
        super().__init__()
        self._ledger = Ledger(Path(os.environ[LEDGER]))
        self._number = {topic: number for number, topic in enumerate(sorted(self.config.all_topics()))}

    def _received(self, topic: str, data: bytes, info: dict[str, Any]) -> None:
        super()._received(topic, data, info)
        if self.session.recording:
            self._ledger.add(self._number[topic], stamp_of(data) or 0)


if __name__ == "__main__":
    sys.exit(run(WatchedRecorder))

"""The scripted demonstrator as a ROS node, in place of an operator with a SpaceMouse."""

from __future__ import annotations

import sys
import threading

from f2o_nodekit.ros import ConfiguredNode, run
from tqdm import tqdm

from f2o_sim.collector import DemonstrationCollector
from f2o_sim.config import ExpertConfig
from f2o_sim.rig_node import RosRig


class ExpertNode(ConfiguredNode):
    """Collects on its own thread while the executor serves topics and services; ends when done."""

    events_executor = (
        False  # the node ends by an exception from a callback, which that executor reports as fatal
    )

    def __init__(self) -> None:
        super().__init__("expert_node", ExpertConfig)
        self._stopping = threading.Event()
        self._failure: Exception | None = None
        self._rig = RosRig(self, self.config, self._stopping)
        self._thread = threading.Thread(target=self._collect)
        self.create_timer(0.2, self._watch)
        self._thread.start()

    def close(self) -> None:
        """Discard the current episode and stop."""
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        if not self._thread.is_alive():
            raise self._failure or SystemExit(0)

    def _collect(self) -> None:
        config = self.config
        try:
            collector = DemonstrationCollector(self._rig, 1.0 / config.rate_hz, self._stopping.is_set)
            with tqdm(total=config.episodes or None, desc="demonstrations", unit="episode") as bar:
                for tally in collector.run(config.seed, config.episodes):
                    bar.set_postfix_str(str(tally))
                    bar.update(tally.saved - bar.n)
        except Exception as error:  # the main thread raises it
            self._failure = None if self._stopping.is_set() else error


def main() -> None:
    """Run the node."""
    sys.exit(run(ExpertNode))


if __name__ == "__main__":
    main()

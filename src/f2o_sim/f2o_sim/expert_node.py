"""The scripted demonstrator as a ROS node: it takes the place of the person with the SpaceMouse."""

from __future__ import annotations

import sys
import threading

from f2o_nodekit.ros import ConfiguredNode, run
from tqdm import tqdm

from f2o_sim.conductor import Conductor
from f2o_sim.config import ExpertConfig
from f2o_sim.stage_node import RosStage


class ExpertNode(ConfiguredNode):
    """Conducts in a thread of its own, while the executor hears topics and answers of services; ends when done."""

    events_executor = (
        False  # it ends by an exception from a callback, which that executor reports as fatal first
    )

    def __init__(self) -> None:
        super().__init__("expert_node", ExpertConfig)
        self._stopping = threading.Event()
        self._failure: Exception | None = None
        self._stage = RosStage(self, self.config, self._stopping)
        self._thread = threading.Thread(target=self._conduct)
        self.create_timer(0.2, self._watch)
        self._thread.start()

    def close(self) -> None:
        """Throw the episode under way away and stop."""
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        if not self._thread.is_alive():
            raise self._failure or SystemExit(0)

    def _conduct(self) -> None:
        config = self.config
        try:
            conductor = Conductor(self._stage, 1.0 / config.rate_hz, self._stopping.is_set)
            with tqdm(total=config.episodes or None, desc="demonstrations", unit="episode") as bar:
                for tally in conductor.run(config.seed, config.episodes):
                    bar.set_postfix_str(str(tally))
                    bar.update(tally.saved - bar.n)
        except Exception as error:  # whatever it is: the main thread ends the node with it
            self._failure = None if self._stopping.is_set() else error


def main() -> None:
    """Run the node."""
    sys.exit(run(ExpertNode))


if __name__ == "__main__":
    main()

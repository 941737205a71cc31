"""Topics whose messages come and cannot be used, for a node's diagnosis. Imports no ROS."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from f2o_nodekit.joints import JointStateError
from f2o_nodekit.stamps import NS_PER_S


class Unread:
    """Notes of each topic why its newest message was of no use; a good one clears it.

    Args:
        clock: monotonic [ns].
    """

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._why: dict[str, tuple[str, int]] = {}

    @contextmanager
    def reading(self, topic: str) -> Iterator[None]:
        """Ends quietly where the message inside cannot be used."""
        try:
            yield
        except JointStateError as error:
            self._why[topic] = str(error), self._clock()
        else:
            self._why.pop(topic, None)

    def coming(self, topic: str) -> str:
        """Why messages that come on ``topic`` now cannot be used; '' where they can, or none come."""
        why, at_ns = self._why.get(topic, ("", 0))
        return f"{topic}: {why}" if why and self._clock() - at_ns <= NS_PER_S else ""

    def values(self) -> dict[str, str]:
        """Reasons by topic, for the values of a diagnosis."""
        return {f"unread {topic}": why for topic, (why, _) in self._why.copy().items()}

"""Present rates of topics, and messages lost in transport."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping

from f2o_nodekit.stamps import NS_PER_S

SILENCE_S = 0.3  # a longer pause starts the rate afresh
SILENT_PERIODS = 5


class Rate:
    """Arrivals of one topic over the last second, or since its last silence."""

    def __init__(self, expected_hz: float) -> None:
        self._times: deque[int] = deque(maxlen=max(3, round(expected_hz)))
        self._silence_ns = round(max(SILENCE_S, SILENT_PERIODS / expected_hz) * NS_PER_S)

    def arrived(self, ros_ns: int) -> None:
        """Note that a message was received."""
        if self._times and not 0 <= ros_ns - self._times[-1] <= self._silence_ns:
            self._times.clear()
        self._times.append(ros_ns)

    def hz(self, now_ros_ns: int) -> float:
        """Messages per second; 0 when the topic is silent."""
        times = self._times
        if len(times) < 2 or now_ros_ns - times[-1] > self._silence_ns or times[-1] == times[0]:
            return 0.0
        return (len(times) - 1) * NS_PER_S / (times[-1] - times[0])


class Rates:
    """The rates of all topics that have an expected one."""

    def __init__(self, expected_hz: Mapping[str, float]) -> None:
        self._expected = {topic: hz for topic, hz in expected_hz.items() if hz > 0}
        self._rates = {topic: Rate(hz) for topic, hz in self._expected.items()}

    def arrived(self, topic: str, ros_ns: int) -> None:
        """Note that a message of ``topic`` was received."""
        if topic in self._rates:
            self._rates[topic].arrived(ros_ns)

    def hz(self, now_ros_ns: int) -> dict[str, float]:
        """Present rate of each topic."""
        return {topic: rate.hz(now_ros_ns) for topic, rate in self._rates.items()}

    def too_slow(self, now_ros_ns: int, share: float) -> list[str]:
        """A sentence on each topic whose rate is below ``share`` of the expected one."""
        problems = []
        for topic, hz in self.hz(now_ros_ns).items():
            expected = self._expected[topic]
            if hz < share * expected:
                problems.append(
                    f"{topic} {f'comes at {hz:.1f} Hz' if hz else 'is silent'}, expected {expected:g} Hz"
                )
        return problems


class Losses:
    """Counts messages lost in transport, by the gaps in their publishers' numbers.

    Attributes:
        lost: how many since ``start``, by topic.
        uncounted: topics whose losses cannot be counted.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[str, bytes | None], int] = {}
        self.lost: Counter[str] = Counter()
        self.uncounted: set[str] = set()

    def start(self) -> None:
        """Start counting from 0."""
        self.lost.clear()
        self.uncounted.clear()

    def arrived(self, topic: str, publisher: bytes | None, number: int | None) -> None:
        """Note that a message was received.

        Args:
            topic: topic of the message.
            publisher: its publisher's id; None: unknown (rclpy of Jazzy). The numbers are then used as long as they
                rise; where one does not, the topic has a second publisher, or its publisher has restarted.
            number: counts the messages of its publisher; None: unknown.
        """
        last = self._last.get((topic, publisher))
        if number is None or (publisher is None and last is not None and number <= last):
            self.uncounted.add(topic)
            self.lost.pop(topic, None)
        elif last is not None and number > last + 1 and topic not in self.uncounted:
            self.lost[topic] += number - last - 1
        if number is not None:
            self._last[topic, publisher] = number

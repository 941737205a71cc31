"""``f2o bag play`` as a ROS node: publishes serialised messages with the QoS that was recorded."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import rclpy
from f2o_nodekit.ros import patient_publisher
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rclpy.time import Time
from rosgraph_msgs.msg import Clock

from f2o_bags.convert import message_class
from f2o_bags.errors import DefinitionError, PlayError
from f2o_bags.latched import TRANSFORMS
from f2o_bags.play import Played, Player, PlayOptions, select_topics
from f2o_bags.read import Bag
from f2o_bags.signals import ended_by_signals
from f2o_bags.writer import BagTopic

DISCOVERY_S = 1.0  # time to discover other publishers and subscribers
SETTLED_S = 0.3  # without a new subscriber
MOST_HELD = 100  # messages of a topic that its publisher holds


def recorded_qos(topic: BagTopic) -> QoSProfile:
    """The QoS of the topic's recorded publisher; reliable where the bag does not say."""
    profile = topic.offered_qos[0] if topic.offered_qos else {}
    best_effort = str(profile.get("reliability", "reliable")) in ("best_effort", "2")
    latched = str(profile.get("durability", "volatile")) in ("transient_local", "1")
    depth = int(profile.get("depth") or 10)
    if latched:  # one publisher plays what several sent; DDS does not tell the recorder their depths
        sent = sum(int(offered.get("depth") or 1) for offered in topic.offered_qos)
        depth = MOST_HELD if topic.definition.name == TRANSFORMS else sent
    return QoSProfile(
        depth=max(1, min(depth, MOST_HELD)),
        reliability=ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


class PlayerNode(Node):
    """The ``Output`` of a ``Player``: one publisher per topic."""

    def __init__(self, bag: Bag, options: PlayOptions) -> None:
        super().__init__("bag_player")
        self._names = {
            topic: options.namespace + options.remap.get(topic, topic)
            for topic in select_topics(bag, options)
        }
        self._outputs = {
            topic: patient_publisher(
                self, message_class(bag.topics[topic].definition.name), name, recorded_qos(bag.topics[topic])
            )
            for topic, name in self._names.items()
        }
        self._clock_output = self.create_publisher(Clock, "/clock", 10) if options.clock_hz else None

    def publish(self, topic: str, data: bytes) -> None:
        """Publish one serialised message."""
        self._outputs[topic].publish(data)

    def publish_clock(self, ros_ns: int) -> None:
        """Publish the time of the bag on /clock."""
        if self._clock_output is not None:
            self._clock_output.publish(Clock(clock=Time(nanoseconds=ros_ns).to_msg()))

    def now_ros_ns(self) -> int:
        """Present ROS time."""
        return self.get_clock().now().nanoseconds

    def wait_for_subscribers(self, wait_s: float, ended: threading.Event) -> int:
        """Wait up to ``wait_s`` for subscribers, until no new ones appear; returns how many topics have one.

        Raises:
            PlayError: somebody else publishes on one of the topics.
        """
        begin, found, since = time.monotonic(), -1, time.monotonic()
        while not ended.wait(0.05):
            now, count = time.monotonic(), sum(p.get_subscription_count() for p in self._outputs.values())
            found, since = (count, now) if count != found else (found, since)
            settled = found > 0 and now - since > SETTLED_S and now - begin > DISCOVERY_S
            if settled or now - begin > max(wait_s, DISCOVERY_S):
                break
        self._refuse_other_publishers()
        return sum(p.get_subscription_count() > 0 for p in self._outputs.values())

    def _refuse_other_publishers(self) -> None:
        for name in self._names.values():
            others = [
                i.node_name for i in self.get_publishers_info_by_topic(name) if i.node_name != self.get_name()
            ]
            if others:
                raise PlayError(
                    f"{name}: {others[0]} publishes it too; stop that, or leave it out with --exclude {name}"
                )

    def finish(self) -> None:
        """Wait until reliable subscribers have received everything; say what the middleware did not take."""
        for publisher in self._outputs.values():
            publisher.wait_for_all_acked(Duration(seconds=1.0))
            if publisher.refused:
                lost = f"{publisher.topic_name}: {publisher.refused} messages were not sent"
                self.get_logger().warning(f"{lost}: the middleware did not take them")


def playable(bag: Bag, options: PlayOptions) -> tuple[PlayOptions, list[str]]:
    """The options without topics whose type is not installed, and a sentence for each; one that is named stays.

    Raises:
        BagError: no topic is left.
    """
    lacking = {}
    for topic in select_topics(bag, options):
        try:
            message_class(bag.topics[topic].definition.name)
        except DefinitionError as error:
            if topic not in options.topics:
                lacking[topic] = f"{topic} is left out: {error}"
    options = replace(options, exclude=(*options.exclude, *lacking))
    select_topics(bag, options)
    return options, list(lacking.values())


def play(
    bag: Bag, options: PlayOptions, wait_s: float, progress: bool = True
) -> tuple[Played | None, int, bool]:
    """Play ``bag``; returns the result, how many topics had a subscriber, and whether a signal ended it.

    Raises:
        BagError: no such topic, no message on the topics, or a damaged file.
        PlayError: somebody else publishes on one of the topics.
        DefinitionError: a message type of a topic that is named is not installed.
    """
    with ended_by_signals() as ended:
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        try:
            options, lacking = playable(bag, options)
            node = PlayerNode(bag, options)
            for sentence in lacking:
                node.get_logger().warning(sentence)
            subscribed = node.wait_for_subscribers(wait_s, ended)
            played = None
            if not ended.is_set():
                played = Player(bag, options, node, ended.wait).play(progress)
                node.finish()
            node.destroy_node()
            return played, subscribed, ended.is_set()
        finally:
            rclpy.try_shutdown()

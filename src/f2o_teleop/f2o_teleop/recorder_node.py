"""The recorder as a ROS node: subscribes to every topic raw, takes commands and publishes its state."""

import sys
from dataclasses import replace
from functools import partial
from typing import Any

from f2o_bags.convert import message_class, qos_to_metadata
from f2o_bags.definitions import find_definition
from f2o_bags.errors import DefinitionError
from f2o_nodekit.errors import F2oError
from f2o_nodekit.ros import ConfiguredNode, Diagnosis, best_effort, latched, reliable, run
from rclpy.qos import QoSProfile
from std_msgs.msg import String
from std_srvs.srv import Trigger

from f2o_nodekit import names
from f2o_teleop.episode import Verb
from f2o_teleop.priority import set_niceness
from f2o_teleop.recorder_config import RecorderConfig, TopicConfig, read_calibration
from f2o_teleop.session import Session


def subscription_qos(entry: TopicConfig) -> QoSProfile:
    """The QoS of a topic's subscription."""
    if entry.qos == "latched":
        return latched(entry.depth)
    return best_effort(entry.depth) if entry.qos == "sensor" else reliable(entry.depth)


def recordable(config: RecorderConfig) -> tuple[RecorderConfig, list[str]]:
    """The configuration without optional topics whose type is not installed, and a sentence for each of them."""
    kept, lacking = dict(config.topics), []
    for topic, entry in config.topics.items():
        try:
            message_class(entry.type)
        except DefinitionError as error:
            if entry.optional:
                del kept[topic]
                lacking.append(f"{topic} is not recorded: {error}")
    return replace(config, topics=kept), lacking


class RecorderNode(ConfiguredNode):
    """Records one bag per episode, controlled by /f2o/episode/command."""

    events_executor = False  # message info holds the times of publishing and of reception

    def __init__(self) -> None:
        super().__init__("recorder_node", RecorderConfig)
        set_niceness(self.config.niceness)
        config, lacking = recordable(self.config)
        topics, namespace = config.all_topics(), names.namespace(self.get_namespace())
        self._topics = {names.without(topic, namespace): topic for topic in topics}  # by their names in a bag
        definitions = {entry.type: find_definition(entry.type) for entry in topics.values()}
        calibration = read_calibration(config)
        kept = config.within_bag(namespace)
        self.session = Session(kept, definitions, self._offered_qos, calibration)
        self._state = self.create_publisher(String, "f2o/episode/state", latched())
        for kept_as, topic in self._topics.items():
            entry = topics[topic]
            kind, qos = message_class(entry.type), subscription_qos(entry)
            self.create_subscription(kind, topic, partial(self._received, kept_as), qos, raw=True)
        self.create_subscription(String, "f2o/episode/command", self._command, reliable(10))
        for verb in Verb:
            self.create_service(Trigger, f"f2o/episode/{verb.value}", partial(self._serve, verb.value))
        self.create_timer(0.5, self._tick)
        self.add_diagnostics("recorder", self._diagnose)
        for sentence in lacking:
            self.get_logger().warning(sentence)
        self._log(self.session.state().note)
        self._publish_state()

    def _received(self, topic: str, data: bytes, info: dict[str, Any]) -> None:
        now = info["received_timestamp"] or self.now_ns()
        publisher = info.get("publisher_gid", {}).get("data")  # missing in rclpy of Jazzy
        number = info.get("publication_sequence_number")
        self.session.message(topic, data, now, info["source_timestamp"], publisher, number)

    def _command(self, message: String) -> None:
        self._perform(message.data)

    def _serve(self, verb: str, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = self._perform(verb)
        return response

    def _perform(self, text: str) -> tuple[bool, str]:
        """Carry out a command; returns whether it succeeded, and a sentence."""
        try:
            done, report = True, self.session.command(text, self.now_ns())
            self._log(report)
        except F2oError as error:
            done, report = False, str(error)
            self.get_logger().error(report)
        self._publish_state()
        return done, report

    def _tick(self) -> None:
        self._log(self.session.tick())
        self._publish_state()
        if 0 < self.config.episodes <= self.session.saved:
            raise SystemExit(0)

    def _offered_qos(self, topic: str) -> tuple[dict[str, Any], ...]:
        ends = self.get_publishers_info_by_topic(self._topics[topic])
        return tuple(qos_to_metadata(end.qos_profile) for end in ends)

    def _publish_state(self) -> None:
        self._state.publish(String(data=self.session.state().to_json()))

    def _log(self, text: str) -> None:
        if text:
            self.get_logger().info(text)

    def _diagnose(self) -> Diagnosis:
        state = self.session.state()
        values = {"index": state.index, "messages": state.messages, "drops": state.drops, "path": state.path}
        values |= {f"hz {topic}": hz for topic, hz in self.session.rates(self.now_ns()).items()}
        return (1 if state.drops else 0), state.state, values

    def close(self) -> None:
        """Save the episode under way."""
        self._log(self.session.close())
        self._publish_state()


def main() -> None:
    """Entry point of `ros2 run f2o_teleop recorder_node`."""
    sys.exit(run(RecorderNode))


if __name__ == "__main__":
    main()

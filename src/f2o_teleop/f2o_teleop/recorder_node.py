"""The recorder as a ROS node: subscribes to every topic raw, takes commands and publishes its state."""

import sys
from functools import partial
from typing import Any

from f2o_bags.convert import message_class, qos_to_metadata
from f2o_bags.definitions import find_definition
from f2o_nodekit.errors import F2oError
from f2o_nodekit.ros import ConfiguredNode, Diagnosis, best_effort, latched, reliable, run
from rclpy.qos import QoSProfile
from std_msgs.msg import String
from std_srvs.srv import Trigger

from f2o_teleop.episode import Verb
from f2o_teleop.priority import set_niceness
from f2o_teleop.recorder_config import RecorderConfig, TopicConfig, read_calibration
from f2o_teleop.session import Session


def subscription_qos(entry: TopicConfig) -> QoSProfile:
    """The QoS of a topic's subscription."""
    if entry.qos == "latched":
        return latched()
    return best_effort(entry.depth) if entry.qos == "sensor" else reliable(entry.depth)


class RecorderNode(ConfiguredNode):
    """Records one bag per episode, controlled by /f2o/episode/command."""

    events_executor = False  # message info holds the times of publishing and of reception

    def __init__(self) -> None:
        super().__init__("recorder_node", RecorderConfig)
        set_niceness(self.config.niceness)
        topics = self.config.all_topics()
        definitions = {entry.type: find_definition(entry.type) for entry in topics.values()}
        calibration = read_calibration(self.config)
        self.session = Session(self.config, definitions, self._offered_qos, calibration)
        self._state = self.create_publisher(String, "/f2o/episode/state", latched())
        for topic, entry in topics.items():
            kind, qos = message_class(entry.type), subscription_qos(entry)
            self.create_subscription(kind, topic, partial(self._received, topic), qos, raw=True)
        self.create_subscription(String, "/f2o/episode/command", self._command, reliable(10))
        for verb in Verb:
            self.create_service(Trigger, f"/f2o/episode/{verb.value}", partial(self._serve, verb.value))
        self.create_timer(0.5, self._tick)
        self.add_diagnostics("recorder", self._diagnose)
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
        return tuple(qos_to_metadata(end.qos_profile) for end in self.get_publishers_info_by_topic(topic))

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

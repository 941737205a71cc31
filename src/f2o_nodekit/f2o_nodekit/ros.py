"""The base class of every node: parameters from a dataclass, diagnostics, clean start and shutdown (ROS)."""

from __future__ import annotations

import difflib
import signal
import sys
import threading
from array import array
from collections.abc import Callable
from typing import Any, cast

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rclpy.timer import Timer

from f2o_nodekit.config import ConfigError, describe, flatten, has_key, keys, load_config
from f2o_nodekit.diagnosis import Diagnosis
from f2o_nodekit.entry import end_at_once_on_signal
from f2o_nodekit.errors import F2oError
from f2o_nodekit.hearing import DeafError, Hearing, start_anew
from f2o_nodekit.names import namespace
from f2o_nodekit.parameters import parameter_names
from f2o_nodekit.paths import find_config

STEADY = Clock(clock_type=ClockType.STEADY_TIME)
"""For timers: on a clock that is set back, they would pause for as long."""
ROS_PARAMETERS = ("config", "use_sim_time", "start_type_description_service")  # every node has them
QOS_PARAMETERS = "qos_overrides."
# The configuration checks types: rclpy would refuse 100 for 100.0, with a traceback.
ANY_TYPE = ParameterDescriptor(dynamic_typing=True)


def best_effort(depth: int = 1) -> QoSProfile:
    """For sensor data: matches publishers of either reliability."""
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=ReliabilityPolicy.BEST_EFFORT)


def reliable(depth: int = 1, lifespan_s: float = 0.0) -> QoSProfile:
    """For commands and results; standard controllers subscribe with it, too.

    ``lifespan_s``: of a publisher, after which a message that did not arrive is not sent again; 0: never too late.
    """
    profile = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=ReliabilityPolicy.RELIABLE)
    if lifespan_s:
        profile.lifespan = Duration(seconds=lifespan_s)
    return profile


def latched(depth: int = 1) -> QoSProfile:
    """For state that late subscribers must still receive; ``depth``: of a subscription to several publishers."""
    return QoSProfile(
        depth=depth, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
    )


class PatientPublisher(Publisher):
    """A publisher that counts what the middleware did not take, where rclpy's raises and so ends its process.

    Fast DDS gives up a reliable message after 100 ms without its locks, some of them in memory that is shared with
    processes that may be stopped or starved.
    """

    refused = 0
    """Messages that were lost for that."""

    def publish(self, msg: Any) -> None:
        """Send ``msg``, a message or its serialised bytes."""
        self.send(msg)

    def send(self, msg: Any) -> bool:
        """As ``publish``; whether the middleware took it."""
        try:
            super().publish(msg)
        except rclpy_implementation.RCLError:
            self.refused += 1
            return False
        return True


def patient_publisher(node: Node, kind: type, topic: str, qos: QoSProfile) -> PatientPublisher:
    """As ``node.create_publisher``."""
    return cast(PatientPublisher, node.create_publisher(kind, topic, qos, publisher_class=PatientPublisher))


class ConfiguredNode(Node):
    """A node whose parameters are the leaves of one configuration dataclass.

    The file named by the parameter ``config`` is read first; any leaf may then be overridden by a ROS parameter of
    its dotted name (``-p rate_hz:=100.0``). A path in the file is relative to the file, one given as a parameter
    to the shell that gave it. The result is ``self.config``; names of topics are in this node's namespace there.
    What the middleware did not take is reported in the diagnostics, by topic.

    Raises:
        ConfigError: the file or an override is wrong, or a parameter given to this node is none of its leaves; the
            text names every wrong key. Parameters for all nodes (``/**``) may be meant for others.
        F2oError: the middleware refuses the node.
    """

    events_executor = True  # False for nodes whose callbacks take MessageInfo; see make_executor
    best_effort = staticmethod(best_effort)
    reliable = staticmethod(reliable)
    latched = staticmethod(latched)

    def __init__(self, name: str, config_cls: type) -> None:
        try:
            super().__init__(name)
        except RuntimeError as error:  # rclpy's RCLError: security without keys, or without support for it
            raise F2oError(f"the middleware refuses it: {' '.join(str(error).split())}") from None
        self.config_path = str(
            self.declare_parameter(
                "config", find_config(f"{name.removesuffix('_node')}.yaml"), ANY_TYPE
            ).value
        )
        if not self.config_path:
            raise F2oError(f"{name}: parameter config: expected the path of a YAML file, got nothing")
        self.config = self._configure(config_cls)
        self._diagnoses: dict[str, Callable[[], Diagnosis]] = {}
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", reliable(10))
        self.create_timer(1.0, self.publish_diagnostics)
        self.create_timer(1.0, Hearing().look)

    def create_publisher(self, *args: Any, **more: Any) -> PatientPublisher:
        """As rclpy's; it never ends the process for a message that cannot be sent."""
        more.setdefault("publisher_class", PatientPublisher)
        return cast(PatientPublisher, super().create_publisher(*args, **more))

    def create_timer(self, *args: Any, **more: Any) -> Timer:
        """As rclpy's, on the steady clock unless another is given."""
        more.setdefault("clock", STEADY)
        return super().create_timer(*args, **more)

    def _configure(self, config_cls: type) -> Any:
        given = self._given(config_cls)
        config = load_config(config_cls, self.config_path, given, namespace(self.get_namespace()))
        for key, value in flatten(config).items():
            value = (list(value) or None) if isinstance(value, tuple) else value  # rclpy: [] has no type
            words = ParameterDescriptor(dynamic_typing=True, additional_constraints=describe(config_cls, key))
            self.declare_parameter(key, value, words)
        return config

    def _given(self, config_cls: type) -> dict[str, Any]:
        """The parameters given to this node that are keys of its configuration.

        Raises:
            ConfigError: others were given to it by name.
        """
        named = parameter_names(self.get_fully_qualified_name(), sys.argv)
        given, problems = {}, []
        for name, parameter in self._parameter_overrides.items():
            if name in ROS_PARAMETERS or name.startswith(QOS_PARAMETERS):
                continue
            if has_key(config_cls, name):
                value = parameter.value
                given[name] = list(value) if isinstance(value, array) else value
            elif name in named:
                near = difflib.get_close_matches(name, keys(config_cls), 1, 0.0)[0]
                problems.append(f"{name}: no such parameter, expected a key of this file, e.g. {near}")
        if problems:
            raise ConfigError(self.config_path, sorted(problems))
        return given

    def add_diagnostics(self, name: str, diagnose: Callable[[], Diagnosis]) -> None:
        """Report ``diagnose()`` on /diagnostics once a second under ``<node>: <name>``, with the namespace."""
        self._diagnoses[name] = diagnose

    def publish_diagnostics(self) -> None:
        """Publish every diagnosis now."""
        message, node = DiagnosticArray(), self.get_fully_qualified_name().removeprefix("/")
        not_sent = self._not_sent()
        message.header.stamp = self.get_clock().now().to_msg()
        for name, diagnose in self._diagnoses.items():
            level, text, values = diagnose()
            values = {**values, **not_sent}
            pairs = [KeyValue(key=key, value=_text(value)) for key, value in values.items()]
            status = DiagnosticStatus(level=bytes([level]), name=f"{node}: {name}", message=text)
            status.values = pairs
            message.status.append(status)
        self._diagnostics.publish(message)

    def _not_sent(self) -> dict[str, int]:
        """Messages that the middleware did not take, by topic."""
        ends = [end for end in self.publishers if isinstance(end, PatientPublisher) and end.refused]
        return {f"not_sent.{end.topic_name}": end.refused for end in ends}

    def now_ns(self) -> int:
        """ROS time [ns]."""
        return self.get_clock().now().nanoseconds

    def close(self) -> None:
        """Stop threads and release resources; called once, at shutdown."""


def _text(value: float | int | str) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def run(node_cls: Callable[[], ConfiguredNode]) -> int:
    """Run a node to its end: the ``main`` of every executable. Returns the process's exit status.

    Ctrl-C and SIGTERM end it with 0 and no traceback; an ``F2oError`` prints one sentence and ends it with 2. A node
    that the middleware has made deaf is closed, says so, and starts anew.
    """
    end_at_once_on_signal()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node: ConfiguredNode | None = None
    deaf = False
    try:
        node = node_cls()
        _spin(node, _stop_when_signalled())
    except ExternalShutdownException:
        return 0
    except SystemExit as done:
        return int(done.code or 0)
    except F2oError as error:
        deaf = isinstance(error, DeafError)
        more = "; it starts anew" if deaf else ""
        print(f"{node.get_name() if node else node_cls.__name__}: {error}{more}", file=sys.stderr)
        return 2
    finally:
        _shut_down(node)
        if deaf:
            start_anew()
    return 0


def _stop_when_signalled() -> threading.Event:
    """From now on a signal sets an event: an exception inside rclpy makes its destructors print tracebacks."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def make_executor(events: bool = True) -> Executor:
    """The events executor where this rclpy has one (Kilted), else the single-threaded one (Jazzy).

    It needs half the processor time per message, because it does not rebuild a wait set for each. Two traps of rclpy
    9.1: only ``spin_once`` may be called (``spin`` fires no timers and ignores signals), and a callback that takes
    MessageInfo ends it with a SystemError, so a node with such callbacks asks for no ``events``.
    """
    if not events:
        return SingleThreadedExecutor()
    try:
        from rclpy.experimental import EventsExecutor
    except ImportError:
        return SingleThreadedExecutor()
    return EventsExecutor()


def _spin(node: ConfiguredNode, stop: threading.Event) -> None:
    executor = make_executor(node.events_executor)
    executor.add_node(node)
    while rclpy.ok() and not stop.is_set():
        executor.spin_once(timeout_sec=0.2)  # a bounded wait lets Python see the signal


def _shut_down(node: ConfiguredNode | None) -> None:
    """Close once, whatever other signals arrive meanwhile (launch sends several)."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if node is not None:
        node.close()
        node.destroy_node()
    rclpy.try_shutdown()


__all__ = [
    "ConfiguredNode",
    "Diagnosis",
    "PatientPublisher",
    "best_effort",
    "latched",
    "make_executor",
    "patient_publisher",
    "reliable",
    "run",
]

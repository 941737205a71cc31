"""A recording session: commands and messages in, one bag per episode out, numbered across restarts and crashes."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from f2o_bags.definitions import MessageDefinition
from f2o_bags.errors import BagError
from f2o_bags.labels import EXPECTED_HZ, OPERATOR, ROBOT, SEED, SUCCESS, TASK, versions
from f2o_bags.latched import Latched
from f2o_bags.numbering import episode_name, next_index, partial_bags
from f2o_bags.quality import TopicTimes
from f2o_bags.saving import discard_bag, save_bag
from f2o_bags.spool import Spool
from f2o_bags.writer import LATCHED_QOS, BagMessage, BagSummary, BagTopic, BagWriter
from f2o_nodekit.robot import read_robot

from f2o_teleop.episode import SUCCESS_LABEL, Command, State, Verb, advance, parse_command
from f2o_teleop.errors import DiskSpaceError, RateError
from f2o_teleop.rates import Losses, Rates
from f2o_teleop.recorder_config import RecorderConfig, TopicConfig
from f2o_teleop.report import Missing, episode_report

GB = 1_000_000_000


@dataclass(frozen=True)
class SessionState:
    """The state on /f2o/episode/state, as JSON."""

    state: str
    index: int  # of the episode under way or last ended; before the first, its number
    path: str  # of its bag, '' without one
    messages: int
    drops: int
    success: str  # "true", "false" or "unknown"
    note: str  # the last report or error

    def to_json(self) -> str:
        """The state as one line of JSON."""
        return json.dumps(asdict(self))


class Session:
    """Records episodes. Called from one thread; the spool's threads write.

    Attributes:
        saved: number of episodes saved so far.
    """

    def __init__(
        self,
        config: RecorderConfig,
        definitions: Mapping[str, MessageDefinition],
        offered_qos: Callable[[str], tuple[dict[str, object], ...]] = lambda topic: (),
        calibration: str = "",
    ) -> None:
        """Prepare the output folder.

        Args:
            config: from recorder.yaml.
            definitions: message type -> definition, for every topic of the config.
            offered_qos: topic -> QoS profiles that its publishers offer, called at each start.
            calibration: text that every bag keeps.

        Raises:
            BagError: the output folder cannot be made.
        """
        self._config = config
        self._definitions = definitions
        self._offered_qos = offered_qos
        self._output = Path(config.output)
        try:
            self._output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BagError(f"output {self._output}: cannot be made: {error.strerror}") from error
        self._topics, self._calibration, self._versions = config.all_topics(), calibration, versions()
        self._rates = Rates(config.expected_hz())
        self._losses = Losses()
        self.saved = 0
        self._times: dict[str, TopicTimes] = {}
        self._latched = Latched()
        self._state = State.READY
        self._index = next_index(self._output)
        self._path: Path | None = None
        self._spool: Spool | None = None
        self._summary: BagSummary | None = None
        self._missing = Missing()
        self._labels: dict[str, str] = {}
        left = partial_bags(self._output)
        self._note = f"unfinished bags of earlier sessions, kept: {', '.join(left)}" if left else ""

    @property
    def recording(self) -> bool:
        """Whether messages are being recorded."""
        return self._state is State.RECORDING

    def message(
        self,
        topic: str,
        data: bytes,
        log_ros_ns: int,
        publish_ros_ns: int = 0,
        publisher: bytes | None = None,
        number: int | None = None,
    ) -> None:
        """Take in one serialised message: recorded while recording, and remembered when its topic is latched.

        The middleware supplies ``publisher`` and ``number``, see ``Losses``.
        """
        self._rates.arrived(topic, log_ros_ns)
        self._losses.arrived(topic, publisher, number)
        if (entry := self._topics[topic]).qos == "latched":
            self._latched.keep(topic, entry.type, data)
        if self._spool is None or self._state is not State.RECORDING:
            return
        if self._spool.put(BagMessage(topic, data, log_ros_ns, publish_ros_ns or log_ros_ns)):
            self._times[topic].add(data, log_ros_ns)

    def command(self, text: str, now_ros_ns: int) -> str:
        """Carry out an episode command and return a sentence about it.

        Raises:
            CommandError: unknown, or not possible now; nothing changed.
            DiskSpaceError: too little room to start; nothing changed.
            RateError: a topic is silent or slow; nothing changed.
            BagError: the bag could not be opened, finished or renamed; the text says where it lies.
        """
        try:
            command = parse_command(text)
            target = advance(self._state, command.verb)
            self._note = self._perform(command, target, now_ros_ns)
        except Exception as error:
            self._note = str(error)
            raise
        return self._note

    def tick(self) -> str:
        """Call about once a second: ends a recording whose disk fails or fills; returns a sentence about it, or ''."""
        if not self.recording or self._spool is None:
            return ""
        reason = self._spool.failure or self._disk_problem()
        return f"{self._end_now()} ({reason})" if reason else ""

    def close(self) -> str:
        """Save the episode under way or in review, success unknown; returns a sentence about it, or ''."""
        return self._end_now() if self._state in (State.RECORDING, State.REVIEW) else ""

    def rates(self, now_ros_ns: int) -> dict[str, float]:
        """Present rate [Hz] of every topic with an expected rate."""
        return self._rates.hz(now_ros_ns)

    def state(self) -> SessionState:
        """The state to publish."""
        messages = self._summary.messages if self._summary else self._spool.accepted if self._spool else 0
        drops = (self._spool.drops if self._spool else self._missing.dropped).total()
        path = "" if self._path is None else str(self._path)
        success = self._labels.get(SUCCESS, "unknown")
        return SessionState(self._state.value, self._index, path, messages, drops, success, self._note)

    def _perform(self, command: Command, target: State, now_ros_ns: int) -> str:
        """Carry out one legal transition."""
        if command.verb is Verb.START:
            return self._start(command, now_ros_ns)
        self._labels.update(command.labels)
        self._labels[SUCCESS] = SUCCESS_LABEL.get(command.verb, self._labels[SUCCESS])
        if self._spool is not None:
            self._finish(self._spool)
        assert self._summary is not None and self._path is not None  # of the bag just finished
        report = episode_report(self._summary, self._missing, self._times, self._config)
        if target is State.SAVED:
            self._path = save_bag(self._path, self._labels)
            self.saved += 1
        elif target is State.DISCARDED:
            discard_bag(self._path)
            self._path = None
        self._state = target
        return f"{self._name()} {target.value} ({self._labels['success']}): {report}"

    def _start(self, command: Command, now_ros_ns: int) -> str:
        free = self._free_gb()
        if free < self._config.min_free_gb:
            needed = self._config.min_free_gb
            raise DiskSpaceError(f"start: {self._output}: {free:.1f} GB free, expected {needed:g} GB or more")
        slow = self._rates.too_slow(now_ros_ns, self._config.min_rate) if self._config.preflight else []
        if slow:
            raise RateError(f"start: {'; '.join(slow)} (recorder.yaml: preflight: false starts all the same)")
        self._index = next_index(self._output)
        self._labels = {**self._initial_labels(), **command.labels}
        topics = {topic: self._bag_topic(topic, entry) for topic, entry in self._topics.items()}
        self._times = {topic: TopicTimes(info.definition) for topic, info in topics.items()}
        bag = BagWriter(self._output, self._name(), topics, self._labels, self._config.compression)
        queue_bytes = int(self._config.queue_mb * 1e6)
        self._spool = Spool(bag, queue_bytes, self._config.flush_s, self._config.sync_s)
        self._path, self._summary, self._missing = bag.folder, None, Missing()
        self._losses.start()
        for message in self._latched.messages(now_ros_ns):  # as `ros2 bag record --repeat-transient-local`
            self._spool.put(message)
        self._state = State.RECORDING
        return f"{self._name()} recording"

    def _bag_topic(self, topic: str, entry: TopicConfig) -> BagTopic:
        """A topic with the QoS of its publishers; a latched one is latched in the bag also before there is any."""
        offered = self._offered_qos(topic) or ((LATCHED_QOS,) if entry.qos == "latched" else ())
        return BagTopic(self._definitions[entry.type], offered, entry.command)

    def _initial_labels(self) -> dict[str, str]:
        config = self._config
        return {
            ROBOT: read_robot(config.robot).name,
            TASK: config.task,
            OPERATOR: config.operator,
            SEED: str(config.seed),
            SUCCESS: "unknown",
            "index": str(self._index),
            "versions": json.dumps(self._versions),
            EXPECTED_HZ: json.dumps(config.expected_hz()),
            "calibration": self._calibration,
            **config.extra_labels,
        }

    def _finish(self, spool: Spool) -> None:
        """Complete the bag under its partial name; a failing disk leaves it truncated."""
        self._missing = Missing(
            spool.drops.copy(), self._losses.lost.copy(), frozenset(self._losses.uncounted)
        )
        try:
            self._summary = spool.close({**self._labels, **self._missing.labels()})
        except BagError:
            self._state, self._spool = State.READY, None
            raise
        self._state, self._spool = State.REVIEW, None

    def _end_now(self) -> str:
        try:
            return self.command(Verb.SAVE.value, 0)
        except BagError as error:
            return str(error)

    def _name(self) -> str:
        return episode_name(self._index)

    def _disk_problem(self) -> str:
        """Why a recording cannot continue, or ''."""
        try:
            enough = self._free_gb() >= self._config.min_free_gb
        except BagError as error:
            return str(error)
        return "" if enough else f"less than {self._config.min_free_gb:g} GB left on the disk"

    def _free_gb(self) -> float:
        try:
            return shutil.disk_usage(self._output).free / GB
        except OSError as error:
            raise BagError(f"output {self._output}: {error.strerror}; expected a folder on a disk") from error

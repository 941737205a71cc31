"""The followed command source and the reference made of its targets."""

from __future__ import annotations

from f2o_control.config import BridgeConfig
from f2o_control.limits import Limits
from f2o_control.reference import PathTimeScaling, Reference, ReferenceTrack
from f2o_control.robot import RobotDescription
from f2o_control.slowing import Slowing
from f2o_control.sources import CommandSource
from f2o_control.state import Mode
from f2o_control.target import Target


class Follower:
    """Follows one of the command sources.

    Attributes:
        sources: by mode: the configured source, and beside a policy the operator's.
        own: the configured source.
        source: the followed source.
    """

    def __init__(
        self, robot: RobotDescription, config: BridgeConfig, limits: Limits, slowing: Slowing | None = None
    ) -> None:
        topics = {Mode(config.source): config.topics.target}
        if Mode.POLICY in topics:
            topics[Mode.TELEOP] = config.topics.takeover_target
        self.sources = {mode: CommandSource(mode, topic, robot, config) for mode, topic in topics.items()}
        self.own = self.source = self.sources[Mode(config.source)]
        self._track = ReferenceTrack(config.targets.max_extrapolation_s)
        self._scaling = PathTimeScaling(limits, 1.0 / config.rate_hz, slowing)
        self._target: Target | None = None

    @property
    def target(self) -> Target | None:
        """The last target of the followed source; None before its first."""
        return self._target if self.source.watch.seen else None

    def restart(self, mono_ns: int) -> None:
        """Follow the own source and wait for its first target; forgets the due times of all sources."""
        self.follow(self.own)
        for source in self.sources.values():
            source.restart(mono_ns)

    def follow(self, source: CommandSource) -> None:
        """Follow ``source``; of the operator's, at once with its newest target."""
        self.source = source
        self._track.restart()
        self.pause()
        if source.newest is not None and source is not self.own:
            self.update(source.newest)

    def take(self) -> Target | None:
        """The newest target of the followed source, once; those of the others are dropped."""
        newest = {mode: source.take() for mode, source in self.sources.items()}
        return newest[self.source.mode]

    def update(self, target: Target) -> None:
        """Append ``target`` to the path."""
        self._track.update(target)
        self._target = target

    def pause(self) -> None:
        """Forget the lag of the path-preserving time scaling."""
        self._scaling.restart()

    def reference(self, due_ros_ns: int) -> Reference | None:
        """The reference at ROS time ``due_ros_ns``, the end of this tick; None: brake."""
        return self._scaling.next(self._track, due_ros_ns)

"""Whose targets are followed, and the reference that they make."""

from __future__ import annotations

from f2o_control.config import BridgeConfig
from f2o_control.limits import Limits
from f2o_control.reference import PathTimeScaling, Reference, ReferenceTrack
from f2o_control.robot import RobotDescription
from f2o_control.sources import CommandSource
from f2o_control.state import Mode
from f2o_control.target import Target


class Follower:
    """The command sources, the one of them that is followed, and its targets as one path.

    Attributes:
        sources: by the mode in which each counts: the configured one, and beside a policy a person, who may take over.
        own: the one that arming enters.
        source: the one that is followed.
    """

    def __init__(self, robot: RobotDescription, config: BridgeConfig, limits: Limits) -> None:
        topics = {Mode(config.source): config.topics.target}
        if Mode.POLICY in topics:
            topics[Mode.TELEOP] = config.topics.takeover_target
        self.sources = {
            mode: CommandSource(mode, topic, robot.joint_names, config) for mode, topic in topics.items()
        }
        self.own = self.source = self.sources[Mode(config.source)]
        self._track = ReferenceTrack(config.targets.max_extrapolation_s)
        self._scaling = PathTimeScaling(limits, 1.0 / config.rate_hz)
        self._target: Target | None = None

    @property
    def target(self) -> Target | None:
        """The last target that was followed; None before the first of this source."""
        return self._target if self.source.watch.seen else None

    def restart(self, mono_ns: int) -> None:
        """Follow the own source and wait for its first target; the clocks of all senders may have been set since."""
        self.follow(self.own)
        for source in self.sources.values():
            source.restart(mono_ns)

    def follow(self, source: CommandSource) -> None:
        """Follow ``source`` from now on; what a person asks for, at once."""
        self.source = source
        self._track.restart()
        self.pause()
        if source.newest is not None and source is not self.own:
            self.update(source.newest)

    def take(self) -> Target | None:
        """The newest target of the source that is followed, once; those of the others are passed over."""
        newest = {mode: source.take() for mode, source in self.sources.items()}
        return newest[self.source.mode]

    def update(self, target: Target) -> None:
        """Go on to ``target``."""
        self._track.update(target)
        self._target = target

    def pause(self) -> None:
        """Nobody is followed for now: go on without a lag."""
        self._scaling.restart()

    def reference(self, due_ros_ns: int) -> Reference | None:
        """Where to be at ``due_ros_ns``, when this tick ends; None: brake."""
        return self._scaling.next(self._track, due_ros_ns)

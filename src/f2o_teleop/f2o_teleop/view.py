"""A live view of recording or deployment in rerun. No ROS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal, get_args

import numpy as np
from f2o_nodekit.config import STRICT, ConfigPath, rules
from f2o_nodekit.fields import Names, Port, Positive, TopicName, ViewTopicName
from f2o_nodekit.robot import RobotWord
from f2o_nodekit.stamps import NS_PER_S
from jaxtyping import Float32, Float64, UInt8
from pydantic import Field
from pydantic.dataclasses import dataclass

from f2o_teleop.errors import TeleopError
from f2o_teleop.topics import RobotTopics

Viewer = Literal["spawn", "serve", "save"]


class ViewError(TeleopError):
    """The viewer cannot be opened."""


@dataclass(frozen=True, config=STRICT)
class ViewTopics(RobotTopics):
    """Names of topics."""

    color: ViewTopicName = "{view}/color/image_raw"
    cloud: TopicName = "f2o/observation/cloud"


@dataclass(frozen=True, config=STRICT)
class ViewConfig:
    """The configuration of view_node."""

    viewer: Viewer = "spawn"  # a window on this machine; serve: to a viewer elsewhere; save: to a file
    path: ConfigPath = ""  # of the file (save)
    port: Port = 9876
    views: Names = ("wrist", "external_1", "external_2")
    image_hz: Positive = 5.0  # of each view
    stride: Annotated[int, Field(ge=1, le=16)] = 2  # of pixels
    niceness: Annotated[int, Field(ge=0, le=19)] = 10
    robot: RobotWord = "panda"
    topics: ViewTopics = field(default_factory=ViewTopics)

    @rules
    def _where_to(self) -> Iterator[str]:
        if self.viewer == "save" and not self.path:
            yield "path: expected the file to write, for viewer save, got nothing"


class Throttle:
    """Limits each name to a rate."""

    def __init__(self, hz: float) -> None:
        self._period_ns = round(NS_PER_S / hz)
        self._last: dict[str, int] = {}

    def __call__(self, name: str, mono_ns: int) -> bool:
        """Whether ``name`` is due."""
        if mono_ns - self._last.get(name, -self._period_ns) < self._period_ns:
            return False
        self._last[name] = mono_ns
        return True


class View:
    """One rerun recording."""

    def __init__(self, config: ViewConfig) -> None:
        """Opens the viewer.

        Raises:
            ViewError: rerun is missing, or cannot open this viewer.
        """
        try:
            import rerun
        except ImportError as error:
            raise ViewError(f"view: needs rerun-sdk ({error}); pip install rerun-sdk") from None
        self._rerun, self._stride = rerun, config.stride
        self._out = rerun.RecordingStream("f2o")
        try:
            self._open(config)
        except Exception as error:  # from rerun: no window system, no binary, a port in use, no folder
            raise ViewError(
                f"view: viewer {config.viewer}: {error}; expected another of {', '.join(get_args(Viewer))}"
            ) from error

    def _open(self, config: ViewConfig) -> None:
        if config.viewer == "spawn":
            self._out.spawn(port=config.port)
        elif config.viewer == "serve":
            self._out.serve_grpc(grpc_port=config.port)
        else:
            Path(config.path).parent.mkdir(parents=True, exist_ok=True)
            self._out.save(config.path)

    def at(self, ros_ns: int) -> None:
        """Set the time [ROS ns] of what follows."""
        self._out.set_time("ros", timestamp=np.datetime64(ros_ns, "ns"))

    def image(self, view: str, rgb: UInt8[np.ndarray, "h w 3"]) -> None:
        """Show an image of a camera."""
        small = np.ascontiguousarray(rgb[:: self._stride, :: self._stride])
        self._out.log(f"cameras/{view}", self._rerun.Image(small).compress(jpeg_quality=75))

    def cloud(self, points: Float32[np.ndarray, "n 3"]) -> None:
        """Show points in the base frame [m]."""
        self._out.log("scene/cloud", self._rerun.Points3D(points, radii=0.003))

    def joints(self, what: str, names: tuple[str, ...], positions: Float64[np.ndarray, " n"]) -> None:
        """Show positions, measured or commanded, as one curve per name."""
        for name, position in zip(names, positions, strict=True):
            self._out.log(f"joints/{name}/{what}", self._rerun.Scalars(float(position)))

    def text(self, what: str, words: str) -> None:
        """Show mode or episode as text."""
        self._out.log(what, self._rerun.TextLog(words))

    def close(self) -> None:
        """Write out everything."""
        self._out.flush()
        self._out.disconnect()

"""The robot: one word, and what its file (config/robots/<robot>.yaml) says of names, frames and drivers.

The driver's names stand in that file alone. Everything that outlives a session or passes between our own nodes
(observations, targets, chunks, data sets, checkpoints, calibrations) names joints and frames canonically, so that it is
the same for every arm: ``joint1`` ..., ``gripper_width``, ``link0`` (the base) ..., ``hand``, ``hand_tcp``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from f2o_nodekit.config import (
    STRICT,
    ConfigError,
    ConfigPath,
    Place,
    ShellPath,
    build_config,
    fields,
    read_yaml,
    rules,
)
from f2o_nodekit.fields import Names, NotNegative, must
from f2o_nodekit.paths import find_config

FOLDER = "robots"
BASE, HAND, TCP = "link0", "hand", "hand_tcp"
"""The arm's base, its hand and its tool centre point, whatever the driver calls them."""
AdapterName = Literal["jtc", "crisp", "multipanda", "udp", "null"]
FRANKA_JOINT = re.compile(r"(?:(?P<prefix>(?!finger_)\w+?)_)?(?P<name>(?:finger_)?joint[1-9])")


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Driver:
    """The launch file that starts the arm's driver."""

    package: str
    file: str
    arguments: dict[str, str] = field(default_factory=dict)  # besides address, fake hardware and controllers


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Gains:
    """Gains of joint_trajectory_controller's torques, one number a joint."""

    p: tuple[NotNegative, ...]  # N m / rad
    d: tuple[NotNegative, ...]  # N m s / rad


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Robot:
    """What every part of the stack needs to know of an arm; f2o_control reads the rest of the same file."""

    name: str
    joint_names: Names  # the driver's, base to tip
    finger_joint_names: Names  # on the gripper's topic, in m; their positions add up to its width
    base_frame: str
    hand_frame: str
    tcp_frame: str
    home: tuple[float, ...]  # rad
    position_min: tuple[float, ...]  # rad
    position_max: tuple[float, ...]  # rad
    adapters: Annotated[tuple[AdapterName, ...], must(bool, "at least one adapter")]
    """What commands reach it through; the first where nothing else is asked for. Null is always possible."""
    driver: Driver | None = None  # None: start it yourself
    gains: Gains | None = None
    description: str = ""
    """Its name in the package franka_description, whose URDF is taken where that is installed."""
    urdf: ConfigPath = ""  # taken before any other

    @property
    def canonical_names(self) -> tuple[str, ...]:
        """The names of its joints between our own nodes, in data sets and in checkpoints."""
        return canonical_names(len(self.joint_names))

    @property
    def prefix(self) -> str:
        """What stands before every name of a Franka's description, ``fr3_``; "" where nothing does."""
        return self.base_frame.removesuffix(BASE) if self.base_frame.endswith(BASE) else ""

    def canonical_frame(self, frame: str) -> str:
        """The canonical name of a frame of the driver; a canonical name is its own."""
        known = {self.base_frame: BASE, self.hand_frame: HAND, self.tcp_frame: TCP}
        return known.get(frame, frame.removeprefix(self.prefix))

    def canonical_joint(self, joint: str) -> str:
        """The canonical name of a joint of the driver; a canonical name is its own."""
        if joint in self.joint_names:
            return self.canonical_names[self.joint_names.index(joint)]
        return joint.removeprefix(self.prefix)

    def _per_joint(self) -> dict[str, tuple[float, ...]]:
        keys = {key: getattr(self, key) for key in ("position_min", "position_max", "home")}
        return keys | ({"gains.p": self.gains.p, "gains.d": self.gains.d} if self.gains else {})

    @rules
    def _one_number_a_joint(self) -> Iterator[str]:
        count = len(self.joint_names)
        for key, value in self._per_joint().items():
            if len(value) != count:
                yield f"{key}: expected {count} numbers (one for each of joint_names), got {len(value)}"


def is_robot_path(word: str) -> bool:
    """Whether ``word`` is the path of a robot's file, and not a name."""
    return word.endswith((".yaml", ".yml"))


def _resolve(word: str, info: Any) -> str:  # pydantic.ValidationInfo, a protocol that beartype cannot check
    """``word``, or the absolute path of its file where that is not the one which everybody finds by the word."""
    if info.context is None or info.context.folder is None:
        return word
    try:
        path = robot_file(word, info.context.folder)
    except ConfigError as error:
        raise ValueError(error.problems[0].removeprefix("expected ").rsplit(", got", 1)[0]) from None
    common = "" if is_robot_path(word) else find_config(f"{FOLDER}/{word}.yaml")
    return word if common and path.resolve() == Path(common).resolve() else str(path)


RobotWord = Annotated[
    str,
    AfterValidator(_resolve),
    ShellPath(is_robot_path),
    Field(description="a robot's name or YAML file"),
]
"""Which robot, in a node's configuration: ``<robot>`` of robots/<robot>.yaml beside that file, else as installed, or
the path of such a file."""


def canonical_names(count: int) -> tuple[str, ...]:
    """``joint1`` ... of an arm with ``count`` joints."""
    return tuple(f"joint{number}" for number in range(1, count + 1))


def canonical(names: Sequence[str]) -> tuple[str, ...]:
    """``names`` without the prefix that all joints of a Franka arm share (``fr3_joint1``), else as they are.

    For what was written with a driver's names: recordings, and data sets and checkpoints of before.
    """
    found = [FRANKA_JOINT.fullmatch(name) for name in names]
    if len({match["prefix"] for match in found if match}) != 1:
        return tuple(names)
    return tuple(match["name"] if match else name for match, name in zip(found, names, strict=True))


def recorded_names(have: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """The names under which a recorded message with the names ``have`` holds the joints ``wanted``.

    They are ``wanted``, or those of another Franka arm with as many joints; ``wanted`` where it holds neither.
    """
    if set(wanted) <= set(have):
        return tuple(wanted)
    by_canonical = dict(zip(canonical(have), have, strict=True))
    names = tuple(by_canonical.get(name, "") for name in canonical(wanted))
    return names if all(names) and len(by_canonical) == len(have) else tuple(wanted)


def known_robots(folder: str | Path = "") -> list[str]:
    """Names of the robots that the configuration in ``folder`` describes, and the installed one."""
    places = [Path(folder) / FOLDER] if folder else []
    if installed := find_config(f"{FOLDER}/panda.yaml"):
        places.append(Path(installed).parent)
    return sorted({file.stem for place in places for file in place.glob("*.yaml")})


def robot_file(word: str, folder: str | Path = "") -> Path:
    """The file of a robot: ``robots/<word>.yaml`` as ``find_config`` finds it, or the path ``word`` itself.

    Args:
        word: a name, or a path that ends in .yaml, relative to ``folder``.
        folder: of the configuration that names it; "" for the installed one.

    Raises:
        ConfigError: there is none; the text names those that there are.
    """
    if is_robot_path(word):
        path = Path(folder, word).expanduser()
        if path.is_file():
            return path.absolute()
    elif "/" not in word and (found := find_config(f"{FOLDER}/{word}.yaml", folder)):
        return Path(found)
    known = ", ".join(known_robots(folder)) or "robots/<robot>.yaml in the configuration"
    raise ConfigError("robot", [f"expected {known} or the path of a robot's YAML file, got {word!r}"])


def read_robot(word: str, folder: str | Path = "") -> Robot:
    """Names, frames and drivers of a robot; the other keys of its file are f2o_control's to judge.

    Args:
        word: see ``robot_file``.
        folder: see ``robot_file``.

    Raises:
        ConfigError: no such file, or one of these keys is missing or wrong.
    """
    path = robot_file(word, folder)
    mine = {key: value for key, value in robot_keys(path).items() if key in fields(Robot)}
    return build_config(Robot, mine, str(path), place=Place(path.parent))


def robot_keys(path: Path) -> dict[str, Any]:
    """All keys of a robot's file; where it has ``like: <robot>``, that one's stand for those it leaves out.

    Raises:
        ConfigError: no such file, or it is not keys and values.
    """
    tree = dict(read_yaml(path))
    if (word := tree.pop("like", None)) is None:
        return tree
    try:
        other = robot_file(str(word), path.parent.parent)
    except ConfigError as error:
        raise ConfigError(str(path), [f"like: {problem}" for problem in error.problems]) from None
    base = dict(read_yaml(other))
    if "like" in base:
        raise ConfigError(str(path), [f"like: expected a robot that is itself like none, got {word!r}"])
    return base | tree

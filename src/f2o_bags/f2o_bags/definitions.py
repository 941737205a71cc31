"""Message definitions as a bag stores them, from installed .msg files; rosbags parses, writes and hashes them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from f2o_bags.errors import DefinitionError

ROS2MSG, ROS2IDL = "ros2msg", "ros2idl"
WORD = re.compile(r"[A-Za-z]\w*", re.ASCII)  # a package, a message: nothing that leads anywhere as a path


@dataclass(frozen=True)
class MessageDefinition:
    """A message type: its name, its full text with dependencies, its RIHS01 hash."""

    name: str  # sensor_msgs/msg/Image
    text: str
    hash: str = ""  # '' where unknown
    encoding: str = ROS2MSG  # of the text, as MCAP names it: ros2msg, ros2idl; '' without any


def find_definition(name: str, prefixes: Iterable[Path] | None = None) -> MessageDefinition:
    """The installed definition of a type with all its dependencies.

    Args:
        name: package/msg/Type.
        prefixes: install prefixes, nearest overlay first; default: those of AMENT_PREFIX_PATH.

    Raises:
        DefinitionError: the name is malformed, or it or a dependency is not installed or cannot be parsed.
    """
    types: dict[str, Any] = {}
    _collect(name, types, installed_prefixes() if prefixes is None else list(prefixes))
    store = get_typestore(Stores.EMPTY)
    store.register(types)
    return described(store, name)


def known_definition(name: str) -> MessageDefinition:
    """The definition of a type that a bag (of rosbag2 before Iron) does not define: rosbags' own, else the installed.

    Without either the text is '': messages can be copied but not decoded.
    """
    store = get_typestore(Stores.LATEST)
    if name in store.fielddefs:
        return described(store, name)
    try:
        return find_definition(name)
    except DefinitionError:
        return MessageDefinition(name, "", encoding="")


def described(store: Typestore, name: str) -> MessageDefinition:
    """The definition of a type that ``store`` (rosbags) knows."""
    text, _ = store.generate_msgdef(name, ros_version=2)
    return MessageDefinition(name, text, store.hash_rihs01(name))


def installed_prefixes() -> list[Path]:
    """The install prefixes of this environment, nearest overlay first."""
    return [Path(entry) for entry in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if entry]


def _collect(name: str, types: dict[str, Any], prefixes: list[Path]) -> None:
    """Add ``name`` and its dependencies to ``types``, as rosbags parses them."""
    path = _file(name, prefixes)
    try:
        types |= get_types_from_msg(path.read_text(), name)
    except Exception as error:  # from rosbags: a wrong text may raise anything
        raise DefinitionError(f"{path}: cannot be parsed ({error})") from error
    for _, field in types[name][1]:
        while field[0] in (Nodetype.ARRAY, Nodetype.SEQUENCE):
            field = field[1][0]
        if field[0] is Nodetype.NAME and field[1] not in types:
            _collect(field[1], types, prefixes)


def parts(name: str) -> tuple[str, str]:
    """Package and message of ``package/msg/Type``.

    Raises:
        DefinitionError: it is none; a bag may say anything.
    """
    package, kind, message = name.split("/") if name.count("/") == 2 else ("", "", "")
    if kind != "msg" or not WORD.fullmatch(package) or not WORD.fullmatch(message):
        raise DefinitionError(f"{name}: not a message type; expected package/msg/Type")
    return package, message


def _file(name: str, prefixes: list[Path]) -> Path:
    package, message = parts(name)
    for prefix in prefixes:
        path = prefix / "share" / package / "msg" / f"{message}.msg"
        if path.is_file():
            return path
    places = ", ".join(map(str, prefixes)) or "AMENT_PREFIX_PATH, which is empty"
    raise DefinitionError(f"{name}: no definition installed (share/{package}/msg/{message}.msg) in {places}")

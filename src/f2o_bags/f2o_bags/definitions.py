"""Message definitions as a bag stores them, from the files every ROS interface package installs."""

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from f2o_bags.errors import DefinitionError

INTEGERS = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
PRIMITIVES = INTEGERS | {"bool", "byte", "char", "string", "wstring", "float32", "float64"}
SEPARATOR = "=" * 80


@dataclass(frozen=True)
class MessageDefinition:
    """A message type: its name, its full text (dependencies appended, MCAP's `ros2msg`) and its RIHS01 hash."""

    name: str  # sensor_msgs/msg/Image
    text: str
    hash: str  # '' where the distribution installs none (Humble)


def installed_prefixes() -> list[Path]:
    """The install prefixes of this environment, nearest overlay first."""
    return [Path(entry) for entry in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if entry]


def find_definition(name: str, prefixes: Iterable[Path] | None = None) -> MessageDefinition:
    """The definition of `name` (package/msg/Type) with everything it is made of.

    Raises:
        DefinitionError: the name is malformed, or it or a dependency is not installed.
    """
    prefixes = installed_prefixes() if prefixes is None else list(prefixes)
    path = _file(name, prefixes)
    texts = {name: path.read_text()}
    _collect(name, texts, prefixes)
    first, *others = texts
    parts = [texts[first], *(f"{SEPARATOR}\nMSG: {_short(other)}\n{texts[other]}" for other in others)]
    return MessageDefinition(name, "\n".join(part.rstrip("\n") for part in parts) + "\n", _hash(name, path))


def _collect(name: str, texts: dict[str, str], prefixes: list[Path]) -> None:
    """Adds to `texts` what `name` uses, depth first, each once."""
    for used in _used_types(texts[name], name.split("/")[0]):
        if used not in texts:
            texts[used] = _file(used, prefixes).read_text()
            _collect(used, texts, prefixes)


def _used_types(text: str, package: str) -> list[str]:
    """The non-primitive field types of a .msg text, in order."""
    found = []
    for line in text.splitlines():
        words = line.split("#")[0].split()
        base = re.split(r"[\[<]", words[0])[0] if words else ""
        if base and base not in PRIMITIVES:
            owner, _, kind = base.rpartition("/")
            found.append(f"{owner.split('/')[0] or package}/msg/{kind}")
    return found


def _file(name: str, prefixes: list[Path]) -> Path:
    package, kind, message = name.split("/") if name.count("/") == 2 else ("", "", "")
    if kind != "msg":
        raise DefinitionError(f"{name}: not a message type; expected package/msg/Type")
    for prefix in prefixes:
        path = prefix / "share" / package / "msg" / f"{message}.msg"
        if path.is_file():
            return path
    places = ", ".join(map(str, prefixes)) or "AMENT_PREFIX_PATH, which is empty"
    raise DefinitionError(f"{name}: no definition installed (share/{package}/msg/{message}.msg) in {places}")


def _hash(name: str, path: Path) -> str:
    described = path.with_suffix(".json")
    if not described.is_file():
        return ""
    hashes = json.loads(described.read_text()).get("type_hashes", [])
    return next((entry["hash_string"] for entry in hashes if entry["type_name"] == name), "")


def _short(name: str) -> str:
    package, _, message = name.split("/")
    return f"{package}/{message}"

"""Deserialisation of messages by the definitions in the bag; rosbags parses and decodes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

from f2o_bags.definitions import ROS2IDL, ROS2MSG, MessageDefinition
from f2o_bags.errors import BagError
from f2o_bags.read import Bag

IDL_SEPARATOR = (
    "=" * 80 + "\n"
)  # between the types of a ros2idl text, each of which begins with `IDL: <name>`


class Decoder:
    """Deserialises messages of one bag; a topic that cannot be decoded raises at its first message."""

    def __init__(self, bag: Bag) -> None:
        self._bag, self._store = bag, get_typestore(Stores.EMPTY)
        self._types: dict[str, str] = {}

    def __call__(self, topic: str, data: bytes) -> Any:
        """The message.

        Raises:
            BagError: its bytes do not fit its type, or the bag does not define its type.
        """
        name = self._types.get(topic) or self._learn(topic)
        try:
            return self._store.deserialize_cdr(data, name)
        except Exception as error:  # from rosbags: wrong bytes may raise anything
            raise BagError(f"{self._bag.path}: {topic}: a message is not a {name} ({error})") from error

    def learn(self, topics: Collection[str]) -> None:
        """Make sure that messages of ``topics`` can be read.

        Raises:
            BagError: the type of one of them is not described.
        """
        for topic in topics:
            self._learn(topic)

    def _learn(self, topic: str) -> str:
        """Register the type of ``topic``; its name."""
        info = self._bag.topics[topic]
        definition = info.definition
        if info.serialization != "cdr" or definition.encoding not in (ROS2MSG, ROS2IDL):
            stored = f"{definition.encoding or 'no definition'}, {info.serialization}"
            raise BagError(
                f"{self._bag.path}: {topic}: stored as {stored}; expected ros2msg or ros2idl, cdr as ROS 2 writes it"
            )
        try:
            types = _parsed(definition)
        except Exception as error:  # from rosbags: a wrong text may raise anything
            raise BagError(f"{self._bag.path}: definition of {definition.name}: {error}") from error
        if definition.name not in types:
            raise BagError(f"{self._bag.path}: definition of {definition.name}: its text has none")
        self._store.register({k: v for k, v in types.items() if k not in self._store.fielddefs})
        self._types[topic] = definition.name
        return definition.name


def _parsed(definition: MessageDefinition) -> dict[str, Any]:
    if definition.encoding == ROS2MSG:
        return dict(get_types_from_msg(definition.text, definition.name))
    types: dict[str, Any] = {}
    for part in definition.text.split(IDL_SEPARATOR):
        if part.startswith("IDL: "):
            types |= get_types_from_idl(part.split("\n", 1)[1])
    return types

"""Serialised messages to plain numbers, by the definitions that the bag carries."""

from __future__ import annotations

from typing import Any

from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from f2o_bags.errors import BagError
from f2o_bags.read import Bag


class Decoder:
    """Deserialises messages of one bag."""

    def __init__(self, bag: Bag) -> None:
        """Learns the bag's types.

        Raises:
            BagError: a definition cannot be read.
        """
        self._path = bag.path
        self._types = {topic: info.definition.name for topic, info in bag.topics.items()}
        self._store = get_typestore(Stores.EMPTY)
        for info in bag.topics.values():
            try:
                types = get_types_from_msg(info.definition.text, info.definition.name)
            except Exception as error:  # around rosbags alone: whatever its parser makes of a foreign text
                raise BagError(f"{bag.path}: definition of {info.definition.name}: {error}") from error
            self._store.register({k: v for k, v in types.items() if k not in self._store.fielddefs})

    def __call__(self, topic: str, data: bytes) -> Any:
        """The message.

        Raises:
            BagError: its bytes are not what its type says.
        """
        try:
            return self._store.deserialize_cdr(data, self._types[topic])
        except Exception as error:  # around rosbags alone, as above
            kind = self._types[topic]
            raise BagError(f"{self._path}: {topic}: a message is no {kind} ({error})") from error

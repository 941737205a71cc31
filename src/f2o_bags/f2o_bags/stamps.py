"""Header stamps of serialised messages, read from and written into their bytes without decoding them."""

from __future__ import annotations

import struct

from f2o_nodekit.stamps import NS_PER_S

from f2o_bags.definitions import MessageDefinition

HEADER_TYPES = ("std_msgs/Header", "Header")
_OFFSET = 4  # of the stamp: CDR's encapsulation header comes first


def has_header(definition: MessageDefinition) -> bool:
    """Whether the first field of the message is its header, so that its stamp has a fixed offset."""
    for line in definition.text.splitlines():
        words = line.split("#")[0].split()
        if words and "=" not in line.split("#")[0]:  # constants are not serialised
            return words[0] in HEADER_TYPES
    return False


def stamp_of(data: bytes) -> int | None:
    """The stamp [ns] of a message that begins with a header; None where the message is too short."""
    if len(data) < _OFFSET + 8:
        return None
    seconds, nanoseconds = struct.unpack_from(_order(data) + "iI", data, _OFFSET)
    return seconds * NS_PER_S + nanoseconds


def with_stamp(data: bytes, stamp_ns: int) -> bytes:
    """A copy of the message with another stamp in its header."""
    stamp = struct.pack(_order(data) + "iI", stamp_ns // NS_PER_S, stamp_ns % NS_PER_S)
    return data[:_OFFSET] + stamp + data[_OFFSET + 8 :]


def _order(data: bytes) -> str:
    return "<" if data[1] & 1 else ">"

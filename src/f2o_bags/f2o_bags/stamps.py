"""When a serialised message was made, read from its bytes: nothing is decoded that is not needed."""

from __future__ import annotations

import struct

from f2o_nodekit.stamps import NS_PER_S

from f2o_bags.definitions import MessageDefinition

HEADER_TYPES = ("std_msgs/Header", "Header")
_AT = 4  # behind the encapsulation header of CDR


def has_header(definition: MessageDefinition) -> bool:
    """Whether the first field of the message is its header, so that its stamp lies at a fixed place."""
    for line in definition.text.splitlines():
        words = line.split("#")[0].split()
        if words and "=" not in line.split("#")[0]:  # constants take no room
            return words[0] in HEADER_TYPES
    return False


def stamp_of(data: bytes) -> int | None:
    """The header's stamp [ns] of a message that begins with one; None where it is cut short."""
    if len(data) < _AT + 8:
        return None
    seconds, nanoseconds = struct.unpack_from(_order(data) + "iI", data, _AT)
    return seconds * NS_PER_S + nanoseconds


def with_stamp(data: bytes, stamp_ns: int) -> bytes:
    """A copy of the message with another stamp in its header."""
    stamp = struct.pack(_order(data) + "iI", stamp_ns // NS_PER_S, stamp_ns % NS_PER_S)
    return data[:_AT] + stamp + data[_AT + 8 :]


def _order(data: bytes) -> str:
    return "<" if data[1] & 1 else ">"

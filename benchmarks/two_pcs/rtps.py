"""Which topics an RTPS message belongs to, seen from the network: discovery names the writers, data names its writer.

DDSI-RTPS 2.5: 9.4 (messages and submessages), 8.5.4 and 9.6.4 (discovery of writers).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

MAGIC, HEADER_BYTES = b"RTPS", 20
DATA, DATA_FRAG, HEARTBEAT = 0x15, 0x16, 0x07
ANNOUNCES_WRITERS = bytes((0, 0, 3, 0xC2))  # ENTITYID_SEDP_BUILTIN_PUBLICATIONS_WRITER
PID_TOPIC_NAME, PID_ENDPOINT_GUID, PID_SENTINEL = 0x0005, 0x005A, 0x0001
LITTLE_ENDIAN, INLINE_QOS = 0x01, 0x02
ROS = "rt"  # prefix of ROS topics in DDS
PID_AND_LENGTH = {True: struct.Struct("<HH"), False: struct.Struct(">HH")}
UINT16 = {True: struct.Struct("<H"), False: struct.Struct(">H")}
UINT32 = {True: struct.Struct("<I"), False: struct.Struct(">I")}


class Writers:
    """Topics by their writers, learnt from the messages that ``topics`` is asked about."""

    def __init__(self) -> None:
        self._topics: dict[bytes, str] = {}

    def topics(self, message: bytes) -> set[str]:
        """ROS topics of which ``message`` (the contents of a datagram) carries data or heartbeats; none of others."""
        if len(message) < HEADER_BYTES or not message.startswith(MAGIC):
            return set()
        found, prefix = set(), message[8:HEADER_BYTES]
        for kind, little, body, flags in _submessages(message):
            at = 4 if kind == HEARTBEAT else 8
            writer = body[at : at + 4]
            if kind == DATA and writer == ANNOUNCES_WRITERS:
                self._learn(body, little, flags)
            elif topic := self._topics.get(prefix + writer):
                found.add(topic)
        return found

    def _learn(self, body: bytes, little: bool, flags: int) -> None:
        start = 4 + UINT16[little].unpack_from(body, 2)[0]
        if flags & INLINE_QOS:
            start = _end(body, start, little)
        payload = body[start:]
        if len(payload) < 4:
            return
        in_little, name, writer = payload[1] & 1 == 1, "", b""
        for pid, value in _parameters(payload, 4, in_little):
            if pid == PID_TOPIC_NAME:
                length = UINT32[in_little].unpack_from(value)[0]
                name = value[4 : 4 + length - 1].decode(errors="replace")
            elif pid == PID_ENDPOINT_GUID:
                writer = bytes(value[:16])
        if writer and name.startswith(f"{ROS}/"):
            self._topics[writer] = name.removeprefix(ROS)


def _submessages(message: bytes) -> Iterator[tuple[int, bool, bytes, int]]:
    """Kind, byte order, contents and flags of those that name a writer."""
    at = HEADER_BYTES
    while at + 4 <= len(message):
        kind, flags = message[at], message[at + 1]
        little = flags & LITTLE_ENDIAN == 1
        length = UINT16[little].unpack_from(message, at + 2)[0]
        end = at + 4 + length if length else len(message)  # 0: up to the end
        if kind in (DATA, DATA_FRAG, HEARTBEAT):
            yield kind, little, message[at + 4 : end], flags
        at = end


def _parameters(data: bytes, at: int, little: bool) -> Iterator[tuple[int, bytes]]:
    while at + 4 <= len(data):
        pid, length = PID_AND_LENGTH[little].unpack_from(data, at)
        if pid == PID_SENTINEL:
            return
        yield pid, data[at + 4 : at + 4 + length]
        at += 4 + length


def _end(data: bytes, at: int, little: bool) -> int:
    """Where the parameters that begin at ``at`` end."""
    return at + sum(4 + len(value) for _, value in _parameters(data, at, little)) + 4

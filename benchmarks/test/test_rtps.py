"""Topics of RTPS messages: written by hand after the standard, and seen by the relay between the two PCs."""

import struct

import pytest

from benchmarks.two_pcs.rtps import HEADER_BYTES, Writers

PREFIX = bytes(range(12))
HEADER = b"RTPS\x02\x05\x01\x0f" + PREFIX
CAMERA, JOINTS, OTHER = bytes((0, 0, 18, 3)), bytes((0, 0, 19, 3)), bytes((0, 0, 20, 3))
INFO_TS = b"\x09\x01\x08\x00" + bytes(8)


def submessage(kind, flags, body, last=False):
    order = "<H" if flags & 1 else ">H"
    return bytes((kind, flags)) + struct.pack(order, 0 if last else len(body)) + body


def data(writer, payload, flags=0x05, kind=0x15, inline=b"", last=False):
    order = "<" if flags & 1 else ">"
    body = (
        struct.pack(order + "HH", 0, 16)
        + bytes(4)
        + writer
        + struct.pack(order + "iI", 0, 1)
        + inline
        + payload
    )
    return submessage(kind, flags, body, last)


def parameter(pid, value, order="<"):
    value += bytes(-len(value) % 4)
    return struct.pack(order + "HH", pid, len(value)) + value


def announcement(writer, topic, order="<"):
    name = topic.encode() + b"\0"
    text = struct.pack(order + "I", len(name)) + name
    guid = parameter(0x5A, PREFIX + writer, order)
    encapsulation = b"\x00\x03\x00\x00" if order == "<" else b"\x00\x02\x00\x00"
    return encapsulation + parameter(0x05, text, order) + guid + parameter(0x01, b"", order)


@pytest.fixture
def writers():
    found = Writers()
    sedp = bytes((0, 0, 3, 0xC2))
    first = HEADER + INFO_TS + data(sedp, announcement(CAMERA, "rt/wrist/color/image_raw"))
    inline = parameter(0x70, bytes(16)) + parameter(0x01, b"")
    second = data(sedp, announcement(JOINTS, "rt/franka/joint_states", ">"), 0x07, inline=inline)
    assert found.topics(first) == found.topics(HEADER + second) == set()
    found.topics(HEADER + data(sedp, announcement(OTHER, "rr/f2o/armReply")))
    return found


def test_data_fragments_and_heartbeats_belong_to_their_writers_topic(writers):
    image = data(CAMERA, bytes(9000), kind=0x16)
    assert writers.topics(HEADER + INFO_TS + image) == {"/wrist/color/image_raw"}
    heartbeat = submessage(0x07, 0x01, bytes(4) + CAMERA + bytes(20))
    assert writers.topics(HEADER + heartbeat) == {"/wrist/color/image_raw"}
    assert writers.topics(HEADER + data(JOINTS, bytes(300), 0x04)) == {"/franka/joint_states"}, "big endian"


def test_a_message_may_carry_several_topics_and_its_last_part_no_length(writers):
    both = HEADER + data(JOINTS, bytes(8)) + data(CAMERA, bytes(70000), last=True)
    assert writers.topics(both) == {"/wrist/color/image_raw", "/franka/joint_states"}


def test_other_peoples_messages_have_no_topic(writers):
    assert writers.topics(HEADER + data(OTHER, bytes(8))) == set(), "a service"
    assert writers.topics(HEADER[:8] + bytes(12) + data(JOINTS, bytes(8))) == set(), "another participant"
    acknack = submessage(0x06, 0x01, JOINTS + CAMERA + bytes(16))
    assert writers.topics(HEADER + acknack) == set()
    for message in (b"", b"HTTP" + bytes(40), HEADER, HEADER + b"\x15\x05\xff"):
        assert writers.topics(message) == set()
    assert len(HEADER) == HEADER_BYTES

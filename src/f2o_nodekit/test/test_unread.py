"""Which topics come and cannot be used."""

from types import SimpleNamespace

from f2o_nodekit.joints import JointStateError
from f2o_nodekit.unread import Unread


def test_a_topic_is_told_until_a_good_message_or_none_comes():
    now = SimpleNamespace(ns=0)
    unread = Unread(lambda: now.ns)
    with unread.reading("/joints"):
        raise JointStateError("no position for a, only for b")
    assert unread.coming("/joints") == "/joints: no position for a, only for b"
    assert unread.coming("/gripper") == ""
    assert unread.values() == {"unread /joints": "no position for a, only for b"}
    now.ns = 1_000_000_001
    assert unread.coming("/joints") == ""  # silent since
    with unread.reading("/joints"):
        pass
    assert unread.values() == {}

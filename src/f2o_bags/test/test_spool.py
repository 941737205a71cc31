import errno
import threading
from pathlib import Path

import pytest
from f2o_bags.errors import BagError
from f2o_bags.spool import Spool
from f2o_bags.writer import BagMessage, BagSummary, BagWriter

WAIT_S = 5.0


class FakeBag(BagWriter):
    """A bag that remembers, can be held up, and can fail."""

    folder = Path("episode_0000.partial")

    def __init__(self):
        self.written, self.flushes, self.syncs = [], 0, 0
        self.gate, self.reached, self.synced = threading.Event(), threading.Event(), threading.Event()
        self.hold = threading.Event()
        self.gate.set()
        self.hold.set()
        self.failure = self.sync_failure = None
        self.abandoned = self.closed_with = None

    def write(self, message):
        self.reached.set()
        self.gate.wait(WAIT_S)
        if self.failure:
            raise self.failure
        self.written.append(message)

    def flush(self):
        self.flushes += 1

    def sync(self):
        self.syncs += 1
        self.synced.set()
        if self.sync_failure:
            raise self.sync_failure
        self.hold.wait(WAIT_S)
        assert self.closed_with is None  # never after the file is closed

    def close(self, custom):
        self.closed_with = custom
        return BagSummary(self.folder, {"/a": len(self.written)}, 0, 0, 0)

    def abandon(self):
        self.abandoned = True


def message(k, size=10, topic="/a"):
    return BagMessage(topic, bytes([k % 256]) * size, k, k)


def test_messages_arrive_in_order_and_close_completes_the_bag():
    bag = FakeBag()
    spool = Spool(bag, 10**6, flush_s=0.001)
    assert all(spool.put(message(k)) for k in range(500))
    summary = spool.close({"task": "toy"})
    assert [entry.log_ros_ns for entry in bag.written] == list(range(500))
    assert (summary.messages, bag.closed_with) == (500, {"task": "toy"})
    assert not spool.drops
    assert spool.close({}) is summary  # a second call is harmless


def test_a_stalled_disk_fills_the_queue_and_only_then_drops_are_counted_by_topic():
    bag = FakeBag()
    bag.gate.clear()
    spool = Spool(bag, queue_bytes=100, flush_s=0.001)
    spool.put(message(0))
    assert bag.reached.wait(WAIT_S)  # the thread hangs in the write; the queue is empty
    accepted = [spool.put(message(k)) for k in range(1, 15)]
    assert accepted == [True] * 10 + [False] * 4
    assert not spool.put(message(20, topic="/b"))
    assert dict(spool.drops) == {"/a": 4, "/b": 1}
    bag.gate.set()
    spool.close({})
    assert [entry.log_ros_ns for entry in bag.written] == list(range(11))


def test_the_bag_is_synced_while_recording():
    bag = FakeBag()
    spool = Spool(bag, 10**6, flush_s=0.001, sync_s=0.001)
    assert bag.synced.wait(WAIT_S)
    spool.close({})


def test_a_slow_sync_holds_up_neither_the_writing_nor_is_it_cut_off_by_the_end():
    bag = FakeBag()
    bag.hold.clear()
    spool = Spool(bag, 10**6, flush_s=0.001, sync_s=0.001)
    assert bag.synced.wait(WAIT_S)
    spool.put(message(0))
    assert bag.reached.wait(WAIT_S)  # written while the sync hangs
    threading.Timer(0.05, bag.hold.set).start()
    assert spool.close({}).messages == 1


def test_a_sync_that_fails_is_the_disk_failing():
    bag = FakeBag()
    bag.sync_failure = OSError(errno.EIO, "Input/output error")
    spool = Spool(bag, 10**6, flush_s=0.001, sync_s=0.001)
    spool._thread.join(WAIT_S)
    assert (spool.failure, bag.abandoned, bag.closed_with) == ("Input/output error", True, None)


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), ValueError("odd")])
def test_a_failing_disk_is_a_status_and_the_file_is_let_go(error):
    bag = FakeBag()
    spool = Spool(bag, 10**6, flush_s=0.001)
    bag.failure = error
    spool.put(message(0))
    spool._thread.join(WAIT_S)
    assert spool.failure in ("No space left on device", "ValueError: odd")
    assert bag.abandoned
    assert not spool.put(message(1))
    assert spool.drops["/a"] == 1
    with pytest.raises(
        BagError, match=r"episode_0000.partial: kept as it is, not complete: (No space|ValueError: odd)"
    ):
        spool.close({})

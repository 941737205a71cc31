"""The receiver on a simulated clock: what is counted is waited for, and what was not sent is not read."""

import socket
import sys

import pytest
from f2o_rt.stepped import Clock, Simulation, StepError, SteppedGripper, SteppedSocket

from f2o_rt import stepped

ECHO = """
import sys, time
for number, line in enumerate(sys.stdin):
    time.sleep(0.02)  # slower than who does not wait
    print(f"{number / 100}" if line == "?\\n" else line.strip(), flush=True)
"""


def nothing():
    pass


@pytest.fixture
def ends(monkeypatch):
    monkeypatch.setattr(stepped, "PATIENCE_S", 0.3)
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    one, other = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    other.bind(("127.0.0.1", 0))
    sender, receiver = SteppedSocket(one), SteppedSocket(other)
    yield Simulation(near), Clock(far, receiver), sender, receiver, other.getsockname()
    for each in (near, far, one, other):
        each.close()


def test_a_millisecond_reads_what_was_sent_before_it_and_nothing_else(ends):
    simulation, clock, sender, receiver, address = ends
    for data in (b"one", b"two", b"three"):
        sender.sendto(data, address)
    simulation.begin(5_000_000, sender.sent - 1, 0)
    assert clock.begin() == clock.time_ns() == 5_000_000
    assert [receiver.recv(9), receiver.recv(9)] == [b"one", b"two"]
    with pytest.raises(BlockingIOError):
        receiver.recvfrom(9)  # it lies there, but was sent later
    clock.end(4)
    assert simulation.end(nothing) == (0, 4)
    simulation.begin(6_000_000, sender.sent, 2)
    clock.end(4)  # of a millisecond that the arm ended: the order is taken in all the same
    assert simulation.end(nothing) == (0, 4) and (clock.now_ns, clock.ended) == (6_000_000, 2)
    assert receiver.recv(9) == b"three"


def test_a_datagram_that_was_sent_and_does_not_come_is_an_error(ends):
    _, _, _, receiver, _ = ends
    receiver.expected = 1
    with pytest.raises(StepError, match=r"a datagram that was sent has not come within 0\.3 s"):
        receiver.recv(9)


def test_each_end_notices_the_end_of_the_other(ends):
    simulation, clock, _, _, _ = ends
    with pytest.raises(StepError, match="has not answered"):
        simulation.end(nothing)
    clock._link.close()
    with pytest.raises(StepError, match="f2o_rt has ended"):
        simulation.end(nothing)
    with pytest.raises(StepError, match="f2o_rt has ended"):
        simulation.begin(0, 0, 0)


def test_a_receiver_ends_with_its_simulation(ends):
    simulation, clock, _, _, _ = ends
    simulation.close()
    with pytest.raises(StepError, match="the simulation has ended"):
        clock.begin()


@pytest.fixture
def gripper(monkeypatch):
    monkeypatch.setattr(stepped, "PATIENCE_S", 5.0)
    made = SteppedGripper([sys.executable, "-c", ECHO], lambda: made.ended, lambda: made.now_ns)
    made.ended, made.now_ns = 0, 0
    made.open()
    yield made
    made.close()


def test_a_gripper_is_asked_in_its_period_and_not_while_it_works(gripper):
    widths = []
    for ms in range(300):
        gripper.now_ns = ms * 1_000_000
        if ms == 100:
            gripper.grip(0.5)  # answered at once by this one, and not looked at before the call has ended
            gripper.grip(0.5)
        if ms == 200:
            gripper.ended = 1
        gripper.read()
        widths.append(gripper.width)
    assert gripper.goals == 1
    changes = [ms for ms in range(1, 300) if widths[ms] != widths[ms - 1]]
    assert widths[0] == 0.0 and changes == [70, 200, 270]
    assert [widths[ms] for ms in changes] == [0.01, 0.5, 0.03]


def test_a_goal_that_waits_follows_the_call_under_way(gripper):
    gripper.read()
    gripper.grip(0.5)
    gripper.grip(0.6)
    gripper.ended, gripper.now_ns = 1, 100_000_000
    gripper.read()
    assert (gripper.goals, gripper.width) == (2, 0.5)  # not asked: the next call has begun
    gripper.ended = 2
    gripper.read()
    assert gripper.width == 0.6
    gripper.now_ns += 70_000_000
    gripper.read()
    assert gripper.width == 0.03


def test_a_gripper_that_ends_is_an_error(gripper):
    gripper._process.kill()
    with pytest.raises((StepError, BrokenPipeError)):
        gripper.read()

"""What somebody on the network can do who has no key, a recording, or both ends' addresses: nothing."""

import dataclasses
import struct
from pathlib import Path

import numpy as np
import pytest
from f2o_control.braking import JointState
from f2o_control.datagrams import Flag, Refusal, State
from f2o_control.key import make_key, read_key
from f2o_control.wire import SIZE, pack_status, pack_target, unpack_status, unpack_target
from f2o_rt.main import status_line
from f2o_rt.testing import OFFSET_NS, Rig, oscillate
from jaxtyping import config

BRIDGE, ELSEWHERE = ("bridge", 1), ("stranger", 9)
WRONG = bytes(range(32))


@pytest.fixture(autouse=True)
def fast():
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


@pytest.fixture
def key(tmp_path):
    make_key(tmp_path / "key")
    return str(tmp_path / "key")


def moving(key, seconds=1.2):
    rig = Rig(key=key)
    rig.wanted = oscillate(rig.home)
    rig.run(seconds)
    assert rig.receiver.state is State.FOLLOWING
    return rig


def newest(rig):
    """The last datagram of the bridge, as one reads it who knows the key."""
    return unpack_target(rig.near.record[-1][0], rig.receiver.key)


def answers(rig):
    """How many statuses went elsewhere than to the bridge."""
    return sum(address != BRIDGE for _, address in rig.far.record)


def forged(rig, mac_key=WRONG, **changes):
    """What a stranger sends who has read the wire: right sessions and sequence, a set-point elsewhere, no key."""
    last = newest(rig)
    state = JointState.at_rest(rig.receiver.position + 0.02)
    clock = rig.now_ns + OFFSET_NS
    ahead = {"sequence": last.sequence + 1000, "sent_ns": clock, "state": state, "gripper_width": 0.0}
    return pack_target(dataclasses.replace(last, **ahead | changes), mac_key)


@pytest.mark.parametrize("sender", [BRIDGE, ELSEWHERE])
@pytest.mark.parametrize("mac_key", [b"", WRONG])
def test_forged_targets_change_nothing_and_get_no_answer(key, sender, mac_key):
    quiet, rig = moving(key), moving(key)
    quiet.run(0.5)
    for _ in range(500):
        rig.there.inject(forged(rig, mac_key), sender)
        rig.step()
    assert rig.receiver.refused == {Refusal.STRANGER: 500}
    assert answers(rig) == 0 and rig.receiver.gripper_width == pytest.approx(0.05)
    assert np.array_equal(quiet.out, rig.out)
    assert not any(rig.problems[20:])


@pytest.mark.parametrize("sender", [BRIDGE, ELSEWHERE])
def test_targets_of_this_session_that_are_sent_again_change_nothing(key, sender):
    quiet, rig = moving(key), moving(key)
    quiet.run(0.5)
    record = [data for data, _ in rig.near.record if unpack_target(data, rig.receiver.key).peer]
    for k in range(500):
        rig.there.inject(record[k % len(record)], sender)
        rig.step()
    assert rig.receiver.refused == {Refusal.ORDER if sender == BRIDGE else Refusal.SENDER: 500}
    assert answers(rig) == 0 and np.array_equal(quiet.out, rig.out)


def play_back(rig, record, sender):
    """Send a recording at its pace, while nobody else sends."""
    before = len(rig.out)
    rig.there.fate = lambda data, rng: []
    for data in record:
        rig.there.inject(data, sender)
        for _ in range(8):
            rig.step()
    return np.ptp(rig.out[before:], axis=0).max()


@pytest.mark.parametrize("sender", [BRIDGE, ELSEWHERE])
def test_a_recording_of_another_session_moves_nothing(key, sender):
    """Also 1.6 s after the last bridge has ended, when the arm rests and anybody with the key might begin."""
    rig = Rig(key=key)
    rig.wanted = lambda t: (rig.home + 0.04 * np.sin(3 * t) ** 2, 0.12 * np.sin(6 * t) * np.ones(7))
    rig.run(2.0)
    record = [data for data, _ in rig.near.record]
    assert np.ptp(rig.out, axis=0).max() > 0.03
    rig.sending = False
    rig.run(1.0)
    rig.start_bridge(rig.measured)  # another bridge comes and goes
    rig.wanted, rig.began_ms, rig.sending = (lambda t, at=rig.measured: (at, np.zeros(7))), None, True
    rig.run(2.0)
    assert rig.receiver.state is State.FOLLOWING and rig.receiver.peer == rig.adapter._session
    rig.there.fate = lambda data, rng: []
    rig.run(1.6)
    before, offset = dict(rig.receiver.refused), rig.receiver._offset
    assert play_back(rig, record, sender) == 0
    assert rig.receiver.refused[Refusal.RESTARTED] - before.get(Refusal.RESTARTED, 0) > len(record) - 10
    assert rig.receiver.peer == rig.adapter._session and rig.receiver._offset is offset


def test_a_recording_of_yesterday_moves_nothing(key):
    rig = Rig(key=key)
    rig.wanted = lambda t: (rig.home + 0.04 * np.sin(3 * t) ** 2, 0.12 * np.sin(6 * t) * np.ones(7))
    rig.run(2.0)
    record = [data for data, _ in rig.near.record]
    rig.start_receiver(rig.home)
    assert play_back(rig, record, BRIDGE) == 0
    assert rig.receiver.peer == 0 and rig.receiver.gripper_width is None


def test_the_beginning_of_a_session_counts_once(key):
    """Recorded are the datagrams that began a session; the session that they name is offered to nobody else."""
    rig = Rig(key=key)
    rig.run(0.3)
    record = [data for data, _ in rig.near.record]
    first = rig.receiver.session
    rig.sending = False
    rig.start_bridge()
    rig.run(1.5)
    assert rig.receiver.session != first and rig.receiver.offered not in (first, rig.receiver.session)
    play_back(rig, [data for data in record * 6 if unpack_target(data, rig.receiver.key).peer], ELSEWHERE)
    assert rig.receiver.peer == rig.adapter._session and answers(rig) == 0


def test_a_recorded_question_is_answered_at_most_once_a_cycle(key):
    rig = moving(key)
    question = rig.near.record[0][0]
    assert unpack_target(question, rig.receiver.key).peer == 0
    again = dataclasses.replace(unpack_target(question, rig.receiver.key), session=5)
    for _ in range(100):
        for _ in range(5):
            rig.there.inject(pack_target(again, rig.receiver.key), ELSEWHERE)
        rig.step()
    assert 0 < answers(rig) <= 100 and rig.receiver.state is State.FOLLOWING
    assert rig.error(1.0) < 1e-5


def far_off(rig, status_key):
    """A status with joint 4 elsewhere."""
    status = unpack_status(rig.far.record[-1][0], rig.receiver.key)
    elsewhere = status.positions + 0.5 * np.eye(7)[3]
    return pack_status(
        dataclasses.replace(status, number=status.number + 10, positions=elsewhere), status_key
    )


def test_forged_statuses_are_not_read(key):
    rig = moving(key)
    for _ in range(400):
        rig.back.inject(far_off(rig, WRONG), ("receiver", 1))
        rig.step()
        assert np.abs(rig.measured - rig.receiver.position).max() < 0.03
    assert not any(rig.problems[20:])


def test_statuses_that_are_sent_again_are_not_read(key):
    rig = moving(key)
    record = [data for data, _ in rig.far.record]
    for k in range(400):
        rig.back.inject(record[k % 20], ("receiver", 1))
        rig.step()
        assert np.abs(rig.measured - rig.receiver.position).max() < 0.03
    rig.back.fate = lambda data, rng: []  # and while the receiver cannot be heard they are no answer
    for k in range(400):
        rig.back.inject(record[k % len(record)], ("receiver", 1))
        rig.step()
    assert "no answer for 0.3" in rig.problems[-1]


def test_statuses_for_another_session_of_the_bridge_are_not_read(key):
    rig = moving(key)
    record = [data for data, _ in rig.far.record]
    rig.back.fate = rig.there.fate = lambda data, rng: []
    rig.start_bridge()
    for k in range(400):
        rig.back.inject(record[k % len(record)], ("receiver", 1))
        rig.step()
    assert rig.adapter._status is None and "no answer for 0.4" in rig.problems[-1]


def faulted(rig):
    rig.asleep = lambda ms: True
    rig.run(0.03)
    rig.asleep, rig.sending = lambda ms: False, False
    rig.run(0.3)
    assert rig.receiver.state is State.FAULT
    return rig


def test_no_stranger_recovers_the_arm(key):
    rig = faulted(moving(key))
    for _ in range(300):
        rig.there.inject(forged(rig, flags=Flag.RECOVER), BRIDGE)
        rig.step()
    assert rig.receiver.state is State.FAULT
    before = len(rig.near.record)
    rig.adapter.recover()
    rig.run(0.3)
    assert rig.receiver.state is State.WAITING
    asked = [data for data, _ in rig.near.record[before:]]
    assert any(Flag.RECOVER in unpack_target(data, rig.receiver.key).flags for data in asked)
    rig.sending, rig.began_ms = True, None
    rig.limiter.reset(rig.measured)
    rig.wanted = lambda t, at=rig.measured: (at, np.zeros(7))
    rig.run(0.5)
    faulted(rig)
    for _ in range(10):
        for data in asked:  # of the recovery that an operator asked for before
            rig.there.inject(data, BRIDGE)
        rig.run(0.05)
    assert rig.receiver.state is State.FAULT


def test_no_flipped_bit_and_no_shorter_datagram_counts(key):
    rig = moving(key)
    state = rig.receiver._newest, len(rig.receiver._offset._differences), rig.receiver.session
    good = forged(rig, read_key(Path(key)), sequence=newest(rig).sequence + 1)
    bad = [good[:k] + bytes([good[k] ^ 1 << bit]) + good[k + 1 :] for k in range(SIZE) for bit in range(8)]
    bad += [good[:length] for length in range(SIZE)] + [good + b"\0", good * 2]
    for data in bad:
        assert rig.receiver.receive(data, BRIDGE, rig.now_ns) is not Refusal.NONE
    unproven = sum(rig.receiver.refused[why] for why in (Refusal.DAMAGED, Refusal.STRANGER, Refusal.VERSION))
    assert unproven == sum(rig.receiver.refused.values()) == len(bad)
    assert state == (rig.receiver._newest, len(rig.receiver._offset._differences), rig.receiver.session)
    assert rig.receiver.receive(good, BRIDGE, rig.now_ns) is Refusal.NONE, "what it was made of is good"


def test_a_flood_of_strangers_costs_the_real_bridge_nothing(key):
    quiet, rig = moving(key), moving(key)
    quiet.run(1.0)
    for _ in range(1000):
        for data in (*[forged(rig)] * 20, b"x", bytes(SIZE), b"f2\1" + bytes(97)):
            rig.there.inject(data, ELSEWHERE, 0.0001)
        for _ in range(10):
            rig.back.inject(far_off(rig, WRONG), ELSEWHERE)
        rig.step()
    assert np.array_equal(quiet.out, rig.out) and not any(rig.problems[20:])
    assert answers(rig) == 0 and rig.receiver.refused[Refusal.STRANGER] == 20_000


def test_the_clock_is_learnt_from_nothing_but_the_bridges_newest_datagrams(key):
    quiet, rig = moving(key), moving(key)
    quiet.run(0.5)
    record = [data for data, _ in rig.near.record]
    hour = 3600 * 10**9
    for k in range(500):
        rig.there.inject(forged(rig, flags=Flag.NONE, sent_ns=rig.now_ns + OFFSET_NS + hour), BRIDGE)
        rig.there.inject(record[k % len(record)], BRIDGE)
        rig.step()
    assert list(rig.receiver._offset._differences) == list(quiet.receiver._offset._differences)
    assert np.array_equal(quiet.out, rig.out)


def test_the_bridges_address_stays_until_it_is_silent_and_the_arm_rests(key):
    rig = moving(key)
    rig.near._mine = ("another", 2)
    rig.back.fate = lambda data, rng: [0.0002] if rig.far.record[-1][1] == ("another", 2) else []
    rig.run(0.5)
    assert rig.receiver.address == BRIDGE and rig.receiver.refused[Refusal.SENDER] > 20
    assert "it listens to another bridge" in rig.problems[-1]
    rig.sending = False
    rig.run(1.5)
    assert rig.receiver.address == ("another", 2) and rig.problems[-1] == ""


def test_another_key_is_said_at_both_ends(key, tmp_path):
    rig = Rig(key=key)
    make_key(tmp_path / "other")
    rig.adapter._key = read_key(tmp_path / "other")
    rig.run(0.5)
    assert "no answer for 0.4" in rig.problems[-1] and "with the same key" in rig.problems[-1]
    assert rig.receiver.peer == 0 and rig.far.record == []
    line = status_line(rig.loop, rig.receiver)
    assert "refused 21 (21 under another key than this PC's, or a stranger's)" in line
    rig.back.inject(rig.near.record[-1][0][:-1] + b"?", ("receiver", 1))
    rig.run(0.02)
    assert "what comes from there is under another key" in rig.problems[-1]


def test_a_bridge_of_the_version_before_is_one_sentence_and_gets_no_answer(key):
    rig = Rig(key=key)
    rig.there.fate = lambda data, rng: []
    old = struct.pack("<2sBBHHHHIQ7i7f7hHI", b"f2", 1, 1, *[7] * 5, 9, *[0] * 14, *[0] * 7, 0, 77)
    assert len(old) == 100
    for _ in range(50):
        rig.there.inject(old, ELSEWHERE)
        rig.back.inject(old, ("receiver", 1))
        rig.step()
    assert rig.far.record == []
    sentence = "of another version of f2o, which must be the same on both PCs"
    assert f"refused 50 (50 {sentence})" in status_line(rig.loop, rig.receiver)
    rig.run(0.3)
    assert rig.problems[-1].endswith(f"what comes from there is {sentence}")

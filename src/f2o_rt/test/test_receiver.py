"""The udp path on a clock that the test turns: loss, bursts, jitter, restarts, and what must never happen."""

import numpy as np
import pytest
from f2o_control.datagrams import Refusal, State
from f2o_rt.errors import ArmError
from f2o_rt.testing import WHOLE, Rig, oscillate
from jaxtyping import config


@pytest.fixture(autouse=True)
def fast(request):
    """Shapes are checked once, in the first test: here they cost six times what the code does."""
    config.update("jaxtyping_disable", "hundredth" not in request.node.name)
    yield
    config.update("jaxtyping_disable", False)


def moving(name="panda", seconds=1.2, **given):
    """A rig that has followed a oscillate for ``seconds``."""
    rig = Rig(name, **given)
    rig.wanted = oscillate(rig.home)
    rig.run(seconds)
    assert rig.receiver.state is State.FOLLOWING and rig.loop.fault == ""
    return rig


@pytest.mark.parametrize("name", ["panda", "fr3"])
def test_it_follows_within_a_hundredth_of_a_milliradian_and_every_limit(name):
    rig = moving(name, 2.5)
    assert rig.error() < 1e-5
    assert rig.violations() == []
    assert not any(rig.problems[10:])
    assert rig.receiver.gripper_width == pytest.approx(0.05)
    assert np.abs(rig.measured - rig.receiver.position).max() < 0.02


def test_random_loss_of_five_percent_costs_little():
    rig = Rig(seed=3)
    rig.wanted = oscillate(rig.home)
    rig.there.fate = rig.back.fate = lambda data, rng: [0.0002] if rng.random() > 0.05 else []
    rig.run(6.0)
    assert rig.error() < 0.002 and rig.violations() == []
    assert rig.receiver.state is State.FOLLOWING and rig.loop.fault == "" and not any(rig.problems[20:])


@pytest.mark.parametrize("name", ["panda", "fr3"])
def test_bursts_of_forty_milliseconds_cost_less_than_two_milliradians(name):
    rig = moving(name)
    rig.there.fate = lambda data, rng: [] if rig.ms % 480 in range(160, 200) else [0.0002]
    rig.run(4.0)
    assert State.BRAKING in rig.states
    assert rig.error() < 0.002 and rig.violations() == []
    assert not any(rig.problems[10:])


def test_jitter_of_twenty_milliseconds_and_duplicates_are_followed():
    rig = Rig()
    rig.wanted = oscillate(rig.home)
    rig.there.fate = lambda data, rng: list(rng.uniform(0.0002, 0.02, 1 + (rng.random() < 0.2)))
    rig.run(4.0)
    assert rig.receiver.refused[Refusal.ORDER] > 50
    assert rig.error(1.0) < 0.002 and rig.violations() == []


def test_a_cut_link_brakes_in_time_and_ends_in_a_fault_of_the_bridge():
    rig = moving()
    cut_ms = rig.ms
    last_ms = rig.sent[-1][0]  # the newest target that arrived
    rig.there.fate = rig.back.fate = lambda data, rng: []
    rig.run(0.6)
    braking = next(k for k in range(cut_ms, rig.ms) if rig.states[k] is State.BRAKING)
    resting = next(k for k in range(braking, rig.ms) if np.array_equal(rig.out[k], rig.out[-1]))
    assert State.WAITING in rig.states[braking:]
    first_missing_ms = last_ms + 8.2
    assert braking + 1 - first_missing_ms <= 20
    assert resting - braking <= 350
    assert np.ptp(rig.out[-50:], axis=0).max() == 0 and rig.violations() == [] and rig.loop.fault == ""
    assert rig.problems[-1].startswith("receiver at 127.0.0.1:47110: no answer for 0.")


def test_a_cut_one_way_is_noticed_too():
    rig = moving()
    rig.there.fate = lambda data, rng: []
    rig.run(0.3)
    assert "targets do not count there" in rig.problems[-1]


def test_after_braking_to_rest_only_a_new_beginning_counts():
    rig = moving()
    rig.there.fate = lambda data, rng: []
    rig.run(0.5)
    rig.there.fate = lambda data, rng: [0.0002]
    rig.run(0.3)
    assert rig.receiver.state is State.WAITING and rig.receiver.last_refusal is Refusal.START
    assert "it does not follow (last refusal: start)" in rig.problems[-1]
    rig.limiter.reset(rig.measured)  # what the bridge does when it is armed again
    rig.wanted = lambda t: (rig.measured, np.zeros(7))
    rig.run(0.3)
    assert rig.receiver.state is State.FOLLOWING and rig.problems[-1] == ""
    assert rig.violations() == []


def test_a_short_cut_is_caught_up_with():
    rig = moving()
    rig.there.fate = lambda data, rng: []
    rig.run(0.07)
    rig.there.fate = lambda data, rng: [0.0002]
    rig.run(0.5)
    rig.sent = rig.sent[-20:]
    assert rig.receiver.state is State.FOLLOWING and rig.error(rig.ms / 1000 - 0.1) < 1e-4
    assert rig.violations() == []


def test_a_bridge_that_is_started_again_waits_until_the_arm_rests():
    rig = moving()
    rig.start_bridge(rig.home)
    rig.sending = False
    rig.run(0.2)
    assert "listens to another bridge" in rig.problems[-1]
    rig.run(1.2)
    assert rig.receiver.state is State.WAITING and rig.problems[-1] == ""
    rig.limiter.reset(rig.measured)
    start = rig.measured.copy()
    rig.wanted, rig.sending = (lambda t: (start, np.zeros(7))), True
    rig.run(0.2)
    assert rig.receiver.state is State.FOLLOWING and rig.violations() == []


def test_a_receiver_that_is_started_again_is_a_problem_and_follows_nobody():
    rig = moving()
    rig.start_receiver(rig.out[-1])
    seen = len(rig.problems)
    rig.run(0.5)
    told = "receiver at 127.0.0.1:47110: it was started again, or has followed another bridge"
    assert told in rig.problems[seen:]
    assert rig.receiver.refused[Refusal.RESTARTED] > 0
    assert rig.receiver.state is State.WAITING and np.ptp(rig.out[-400:], axis=0).max() == 0


def test_a_second_bridge_is_refused_and_told_so():
    rig = moving()
    first, sent = rig.adapter, len(rig.out)
    rig.start_bridge(rig.home + 0.02)
    second = rig.adapter
    for _ in range(60):
        rig.step()
        if rig.ms % 8 == 4:
            first.poll(0)
            first._send(first._clock(), 1)  # the first goes on
    assert rig.receiver.refused[Refusal.SENDER] > 3 and second is not first
    assert rig.violations() == [] and len(rig.out) > sent


def test_another_robots_targets_are_refused_and_told_so():
    rig = Rig("panda")
    fr3 = Rig("fr3")
    rig.adapter._robot = fr3.adapter._robot
    rig.run(0.3)
    assert rig.receiver.refused[Refusal.ROBOT] > 5 and rig.receiver.peer == 0
    assert "it drives another arm" in rig.problems[-1]


def test_damage_is_counted_and_nothing_else():
    rig = moving(seconds=1.0)
    spoiled = [lambda d: d[:50], lambda d: b"", lambda d: d + b"x", lambda d: bytes([d[0] ^ 1]) + d[1:]]
    for spoil in spoiled:
        rig.there.spoil = lambda data, spoil=spoil: spoil(data) if rig.ms % 40 == 0 else data
        rig.run(0.4)
    assert rig.receiver.refused[Refusal.DAMAGED] >= 30 and rig.receiver.state is State.FOLLOWING
    assert rig.violations() == []


def test_old_targets_do_not_count():
    rig = moving(seconds=1.0)
    rig.there.fate = lambda data, rng: [0.09]
    rig.run(0.5)
    assert rig.receiver.refused[Refusal.OLD] > 10 and rig.receiver.state is State.WAITING


def test_silence_at_rest_is_no_braking():
    rig = Rig()
    rig.run(0.5)
    rig.sending = False
    rig.run(1.0)
    assert rig.receiver.state is State.FOLLOWING
    rig.sending = True
    rig.run(0.1)
    assert rig.receiver.state is State.FOLLOWING and rig.problems[-1] == ""


def test_a_start_far_away_or_in_motion_does_not_count():
    rig = Rig()
    rig.limiter.reset(rig.home + 0.06)
    rig.wanted = lambda t: (rig.home + 0.06, np.zeros(7))
    rig.run(0.3)
    assert rig.receiver.state is State.WAITING and rig.receiver.last_refusal is Refusal.START
    assert np.array_equal(rig.receiver.position, rig.home)


def test_missed_cycles_are_taken_up_where_the_arm_has_got_to():
    rig = moving()
    rig.asleep = lambda ms: ms % 97 in range(5) or ms % 1009 in range(18)
    rig.run(2.0)
    assert rig.loop.missed > 100 and rig.loop.fault == "" and rig.receiver.state is State.FOLLOWING
    rig.asleep = lambda ms: False
    rig.run(0.5)
    assert rig.violations(WHOLE) == []


def test_a_reflex_is_told_to_the_bridge_and_left_only_when_asked():
    rig = moving()
    rig.asleep = lambda ms: True
    rig.run(0.03)
    rig.asleep = lambda ms: False
    rig.run(0.1)
    assert rig.receiver.state is State.FAULT and "21 set-points missing in a row" in rig.loop.fault
    assert "the arm stopped by itself: communication_constraints_violation" in rig.problems[-1]
    rig.sending = False
    rig.run(0.5)
    assert rig.receiver.state is State.FAULT
    rig.adapter.recover()
    rig.run(0.2)
    assert rig.receiver.state is State.WAITING and rig.problems[-1] == ""
    assert np.abs(rig.receiver.position - rig.measured).max() < 1e-6


def test_a_recovery_is_asked_for_again_when_a_datagram_is_lost():
    rig = moving()
    rig.asleep = lambda ms: True
    rig.run(0.03)
    rig.asleep = lambda ms: False
    rig.sending = False
    rig.run(0.5)
    lost = iter([[]])
    rig.there.fate = lambda data, rng: next(lost, [0.0002])
    rig.adapter.recover()
    rig.run(0.2)
    assert rig.receiver.state is State.WAITING


def test_the_end_brakes_first():
    rig = moving()
    before = rig.out[-1]

    def step_and_keep():
        rig.ms += 1
        step()
        rig.out.append(rig.receiver.position.copy())

    step, rig.loop.step = rig.loop.step, step_and_keep
    rig.loop.finish()
    assert rig.receiver.at_rest and np.abs(rig.out[-1] - before).max() > 1e-3
    assert rig.violations() == []


def faulted(**given):
    """A rig whose arm has stopped by itself, at rest by now; its bridge says nothing but that it is there."""
    rig = moving(**given)
    rig.asleep = lambda ms: True
    rig.run(0.03)
    rig.asleep, rig.sending = lambda ms: False, False
    rig.run(0.3)
    assert rig.receiver.state is State.FAULT
    return rig


@pytest.mark.parametrize("gap_ms", [500, 2000])
def test_after_a_long_recovery_a_cut_link_brakes_as_soon_as_ever(gap_ms):
    rig = faulted()
    recover = rig.arm.recover

    def slowly():
        rig.ms += gap_ms
        rig.turned_ms = rig.ms
        return recover()

    rig.arm.recover = slowly
    rig.adapter.recover()
    rig.run(0.3)
    assert rig.receiver.state is State.WAITING and rig.problems[-1] == ""
    rig.limiter.reset(rig.measured)
    rig.home, rig.began_ms, rig.sending = rig.measured.copy(), None, True
    rig.wanted = oscillate(rig.home)
    rig.run(1.2)
    assert rig.receiver.state is State.FOLLOWING
    rig.there.fate = lambda data, rng: []
    last_ms, before = rig.sent[-1][0], len(rig.states)
    cut_ms = rig.ms
    rig.run(0.6)
    braking = cut_ms + 1 + rig.states[before:].index(State.BRAKING)
    assert braking - (last_ms + 8.2) <= 20


def test_a_recovery_that_fails_is_tried_once_and_reported():
    rig = faulted()
    tries, recover = [], rig.arm.recover

    def refuse():
        tries.append(rig.ms)
        raise ArmError("user_stopped", "the stop button is pressed")

    rig.arm.recover = refuse
    rig.adapter.recover()
    rig.run(0.3)
    assert len(tries) == 1 and rig.receiver.fault == "user_stopped"
    assert rig.problems[-1].endswith("the arm stopped by itself: user_stopped")
    rig.arm.recover = recover  # the button is released: nothing comes back by itself
    rig.run(0.3)
    assert rig.receiver.state is State.FAULT
    rig.adapter.recover()
    rig.run(0.3)
    assert rig.receiver.state is State.WAITING


def test_an_unreachable_arm_is_reported_and_an_old_recovery_request_is_refused():
    rig = faulted()
    cycle = rig.arm.cycle

    def gone():
        cycle()
        raise ArmError("unreachable", "no answer")

    rig.arm.cycle = gone
    rig.run(0.1)
    rig.adapter.recover()
    rig.run(0.3)
    assert rig.problems[-1].endswith("the arm stopped by itself: unreachable")
    rig.arm.cycle = cycle
    rig.run(0.3)
    assert rig.receiver.state is State.FAULT
    rig.there.fate = lambda data, rng: [0.2]  # as in a socket that nobody read
    rig.adapter.recover()
    rig.run(0.5)
    assert rig.receiver.state is State.FAULT and rig.receiver.last_refusal is Refusal.OLD


def test_after_a_fault_in_motion_a_bridge_that_is_started_again_can_recover():
    rig = faulted()
    rig.start_bridge(rig.home)
    rig.run(1.2)
    assert "the arm stopped by itself" in rig.problems[-1]
    rig.adapter.recover()
    rig.run(0.2)
    assert rig.receiver.state is State.WAITING and rig.problems[-1] == ""

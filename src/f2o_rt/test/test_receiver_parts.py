"""Datagrams, clocks, the simulated arm's rules, configuration; and that no input makes the output leave a limit."""

import dataclasses
import struct

import numpy as np
import pytest
from f2o_control.braking import JointState
from f2o_control.datagrams import CONTACTS, FAULTS, Bond, Flag, Refusal, State, Status, Target, robot_id
from f2o_control.robot import load_robot
from f2o_control.testing import CONFIG, violations
from f2o_control.wire import (
    MAC_SIZE,
    SIZE,
    DatagramError,
    mac,
    pack_status,
    pack_target,
    unpack_status,
    unpack_target,
)
from f2o_nodekit.config import ConfigError, build_config, load_config
from f2o_rt.arm import from_differences
from f2o_rt.clock import ClockOffset, CycleClock
from f2o_rt.config import ReceiverConfig
from f2o_rt.core import Receiver
from f2o_rt.errors import ArmError
from f2o_rt.fci import MAX_LOST, FciRules
from f2o_rt.testing import SCALE, WHOLE
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from jaxtyping import config

MS = 1_000_000


def target(**changes):
    seven = np.arange(7) / 3
    state = JointState(seven - 1, seven * 0.7, seven * 4.0)
    fields = {
        "robot": 7,
        "session": 9,
        "peer": 0,
        "sequence": 5,
        "sent_ns": 10**15 + 1,
        "lead_s": 0.008,
        "state": state,
        "gripper_width": 0.0412,
        "flags": Flag.TARGET,
    }
    return Target(**fields | changes)


def status(**changes):
    seven = np.linspace(-3, 3, 7)
    fields = (
        7,
        8,
        9,
        State.BRAKING,
        5,
        10**15,
        seven,
        seven / 2,
        0.001,
        0.08,
        0.02,
        3,
        4,
        Refusal.NO_PLAN,
        FAULTS[8],
        (),
        Bond.ANOTHERS,
        2**32 - 1,
    )
    return dataclasses.replace(Status(*fields), **changes)


def test_a_target_survives_the_way():
    data = pack_target(target())
    back = unpack_target(data)
    assert len(data) == SIZE == 128
    for key in ("robot", "session", "peer", "sequence", "sent_ns", "flags"):
        assert getattr(back, key) == getattr(target(), key)
    assert back.lead_s == pytest.approx(0.008) and back.gripper_width == pytest.approx(0.0412)
    assert np.abs(back.state.position - target().state.position).max() < 2e-9
    assert np.abs(back.state.velocity - target().state.velocity).max() < 1e-6
    assert np.abs(back.state.acceleration - target().state.acceleration).max() < 6e-4
    assert unpack_target(pack_target(target(gripper_width=None))).gripper_width is None


def test_a_status_survives_the_way():
    data = pack_status(status())
    back = unpack_status(data)
    assert len(data) == SIZE
    for key in (
        "robot",
        "session",
        "peer",
        "state",
        "sequence",
        "echo_ns",
        "missed",
        "refused",
        "refusal",
        "fault",
        "bond",
        "number",
    ):
        assert getattr(back, key) == getattr(status(), key)
    assert np.abs(back.positions - status().positions).max() < 2e-9
    assert back.gripper_width == pytest.approx(0.08) and back.target_age_s == pytest.approx(0.02)
    assert unpack_status(pack_status(status(target_age_s=1e9))).target_age_s > 0.6
    assert unpack_status(pack_status(status(fault="a new one"))).fault == "other"


def spoilt(data, at, layout, number):
    """A status with another number at a place, and the check sum that belongs to it."""
    body = bytearray(data[:-MAC_SIZE])
    struct.pack_into(layout, body, at, number)
    return bytes(body) + mac(bytes(body), b"")


def test_contacts_survive_the_way_and_an_older_receiver_has_none():
    for contact in ((), ("joint 2", "z"), CONTACTS):
        assert unpack_status(pack_status(status(contact=contact))).contact == contact
    data = pack_status(status(contact=("joint 1", "joint 7", "x", "about z")))
    assert struct.unpack_from("<H", data, 98)[0] == 1 << 0 | 1 << 6 | 1 << 7 | 1 << 12
    assert unpack_status(spoilt(data, 98, "<H", 0)).contact == ()  # what these bits were before
    assert unpack_status(spoilt(data, 98, "<H", 0xE002)).contact == ("joint 2",)  # bits of tomorrow


def test_a_fault_of_a_newer_receiver_is_another_one():
    data = pack_status(status(fault=FAULTS[-1]))
    assert unpack_status(data).fault == FAULTS[-1] != "other"
    assert unpack_status(spoilt(data, 7, "<B", len(FAULTS))).fault == "other"


@given(at=st.integers(0, SIZE - 1), bit=st.integers(0, 7))
@settings(max_examples=100, deadline=None)
def test_no_flipped_bit_is_let_through(at, bit):
    for data, unpack in ((pack_target(target()), unpack_target), (pack_status(status()), unpack_status)):
        bad = bytearray(data)
        bad[at] ^= 1 << bit
        with pytest.raises(DatagramError):
            unpack(bytes(bad))


def test_the_wrong_kind_is_none():
    with pytest.raises(DatagramError, match="not from a bridge"):
        unpack_target(pack_status(status()))
    with pytest.raises(DatagramError, match="not from a receiver"):
        unpack_status(pack_target(target()))
    with pytest.raises(DatagramError, match="99 bytes, expected 128"):
        unpack_target(bytes(99))


def test_robots_have_different_ids():
    ids = {
        robot_id(r.name, r.joint_names)
        for r in (load_robot(CONFIG / f"robots/{n}.yaml") for n in ("panda", "fr3"))
    }
    assert len(ids) == 2


def test_the_offset_is_the_quickest_way_and_forgets():
    offset = ClockOffset(window=10)
    late = [offset.add(1000 * k, 1000 * k + 500 + extra) for k, extra in enumerate([30, 0, 70, 10])]
    assert (offset.ns, late) == (500, [0, 0, 70, 10])
    for k in range(10):
        offset.add(k, k + 540)
    assert offset.ns == 540


def test_the_cycle_clock_hides_jitter_and_follows_drift():
    rng, clock = np.random.default_rng(0), CycleClock(MS)
    real = np.arange(20_000) * (MS + 60)  # the arm's clock is 60 ppm slow
    times = np.array([clock.step(int(t + rng.uniform(0, 300_000)), 0) for t in real])
    assert np.abs(times - real - 150_000)[3000:].max() < 200_000
    jerk_at_2_rad_s = 2.0 * np.diff(times[3000:] / 1e9, 3) / 1e-3**3
    assert np.abs(jerk_at_2_rad_s).max() < 100


def test_the_simulated_arm_enforces_each_rule(robot):
    home = np.array(robot.home)

    def feed(rows):
        rules = FciRules(robot, home)
        with pytest.raises(ArmError) as error:
            [rules.accept(row) for row in rows]
        return error.value.flag

    one = np.eye(7)[0]
    ramp = home + np.cumsum(np.cumsum(np.arange(2000) * 2e-9))[:, None] * one
    assert feed([home + 0.001 * one]).endswith("start_pose_invalid")
    assert feed([home, home + 1e-3 * one]).endswith("velocity_discontinuity")
    assert feed([home, home + 0.9e-3**2 * robot.acceleration[0] * one]).endswith("acceleration_discontinuity")
    assert feed(ramp).endswith(("velocity_limits_violation", "velocity_discontinuity"))
    assert feed([home, home * np.nan]).endswith("position_limits_violation")
    rules = FciRules(robot, home)
    for _ in range(MAX_LOST):
        rules.miss()
    rules.accept(home)
    with pytest.raises(ArmError, match="21 set-points missing in a row"):
        [rules.miss() for _ in range(MAX_LOST + 1)]


def test_receiver_yaml_is_the_defaults_and_wrong_values_are_named():
    assert load_config(ReceiverConfig, CONFIG / "receiver.yaml") == ReceiverConfig()
    wrong = {
        "arm": "ur5",
        "port": 0,
        "max_start_error_rad": 1.0,
        "timing": {"brake_after_s": 3.0},
        "scale": {"jerk": 2.0},
    }
    scale = {"velocity": 1.0, "acceleration": 0.9, **wrong["scale"]}
    with pytest.raises(ConfigError) as error:
        build_config(ReceiverConfig, wrong | {"scale": scale}, "receiver.yaml")
    for text in (
        "arm: expected one of mock, pylibfranka",
        "port: expected an integer from 1 to 65535, got 0",
        "max_start_error_rad: expected",
        "timing.brake_after_s: expected a number from 0 to 0.1, got 3.0",
    ):
        assert text in str(error.value)
    assert "scale.jerk: expected a number above 0 and at most 1, got 2.0" in str(error.value)


NUMBER = st.one_of(
    st.floats(-1, 1), st.floats(-50, 50), st.sampled_from([0.0, 1e38, np.nan, np.inf, -np.inf])
)
EVENT = st.fixed_dictionaries(
    {
        "wait": st.integers(0, 60),  # ms before it comes
        "late": st.integers(-20, 80),  # ms that it was under way
        "lead": st.sampled_from([0.0, 0.004, 0.008, 0.05, 0.2, 0.65]),
        "near": st.sampled_from([0.0, 1e-4, 1e-3, 0.01, 0.04, 0.3, 10.0]),  # rad, from where the output is
        "joint": st.integers(0, 6),
        "v": NUMBER,
        "a": NUMBER,
        "rest": st.booleans(),
        "back": st.integers(-2, 1),  # of the sequence
        "asleep": st.sampled_from([0, 0, 0, 1, 2, 5]),  # cycles missed before it
    }
)


@pytest.mark.parametrize("name", ["panda", "fr3"])
@given(events=st.lists(EVENT, min_size=1, max_size=25))
@settings(max_examples=12, deadline=None, phases=(Phase.explicit, Phase.generate))
def test_whatever_comes_the_output_keeps_every_limit(name, events):
    config.update("jaxtyping_disable", True)
    robot = load_robot(CONFIG / f"robots/{name}.yaml")
    home, mine = np.array(robot.home), robot_id(robot.name, robot.joint_names)
    receiver, rules = Receiver(robot, ReceiverConfig(robot=name), 3, home), FciRules(robot, home)
    now, sequence, out = 10**12, 1, []

    def cycle(missed=0):
        nonlocal now
        for _ in range(missed):
            now += MS
            rules.miss()
            out.append(rules.position)
        now += MS
        extrapolated = from_differences(rules.position, rules.velocity, rules.acceleration)
        out.append(receiver.tick(now, missed, extrapolated).copy())
        receiver.update_plan()
        rules.accept(out[-1])

    for event in events:
        for _ in range(event["wait"]):
            cycle()
        state = JointState.at_rest(receiver.position + event["near"] * np.eye(7)[event["joint"]])
        if not event["rest"]:
            state.velocity[event["joint"]] = event["v"]
            state.acceleration[:] = np.nan_to_num(event["a"], nan=0.0, posinf=30, neginf=-30)
        sequence = max(sequence + event["back"] + 1, 1)
        fields = (mine, 5, 3, sequence, now - event["late"] * MS, event["lead"], state, 0.05, Flag.TARGET)
        receiver.receive(pack_target(Target(*fields)), None, now)
        cycle(event["asleep"])
    for _ in range(450):
        cycle()
    assert receiver.at_rest
    missed = any(event["asleep"] for event in events)
    assert violations(out, name, period=0.001, scale=WHOLE if missed else SCALE) == []
    config.update("jaxtyping_disable", False)

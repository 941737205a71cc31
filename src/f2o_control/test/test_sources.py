"""A command source by itself, and whose targets make the reference."""

import numpy as np
import pytest
from f2o_control.config import BridgeConfig
from f2o_control.following import Follower
from f2o_control.sources import CommandSource
from f2o_control.state import Mode
from f2o_control.target import RawTarget

S, MS = 1_000_000_000, 1_000_000
ROS_NS = 100 * S  # of the ROS clock where the monotonic one says 0


@pytest.fixture
def offer(panda):
    def offer(source, mono_ns, shift=0.0, **more):
        fields = {
            "names": panda.joint_names,
            "positions": [q + shift for q in panda.home],
            "velocities": [],
            "gripper_width": 0.04,
            "due_ros_ns": ROS_NS + mono_ns,
            "source": source.mode.value,
        }
        return source.offer(RawTarget(**fields | more), ROS_NS + mono_ns, mono_ns)

    return offer


@pytest.fixture
def source(panda):
    return CommandSource(Mode.POLICY, "/targets", panda, BridgeConfig())


def test_it_is_silent_until_a_target_comes_and_when_none_has_for_too_long(source, offer, panda):
    home = np.array(panda.home)
    assert source.silent(0) and source.unfit(home, 0) == "no fresh target on /targets"
    assert offer(source, S)
    assert not source.silent(S + 100 * MS) and source.unfit(home, S) == ""
    assert source.silent(S + 101 * MS)


def test_targets_that_come_and_are_all_refused_are_told_with_reason_and_count(source, offer):
    for k in range(4):
        assert not offer(source, S + k * MS, due_ros_ns=ROS_NS - 2 * S)
    assert source.refusing(S + 4 * MS) == ""  # a late one or two are no news
    offer(source, S + 4 * MS, due_ros_ns=ROS_NS - 2 * S)
    told = "targets come on /targets and are refused, 5 since the last good one: due 3.004 s ago, expected at most"
    assert source.refusing(S + 4 * MS).startswith(told)
    assert source.refusing(3 * S) == ""  # they come no more
    assert offer(source, S + 5 * MS)
    assert source.refusing(S + 5 * MS) == ""


def test_the_wait_for_the_first_target_is_longer_than_that_for_the_next(source, offer):
    source.restart(0)
    assert source.late(S) == "" and source.late(S + MS) == "no first target after arming for 1.001 s"
    offer(source, S)
    assert source.take() is not None and source.take() is None
    assert source.late(S + 100 * MS) == "" and source.late(S + 200 * MS) == "no target for 0.200 s"


def test_a_target_far_from_the_arm_is_unfit_and_says_which_joint(source, offer, panda):
    away = [q + 0.4 * (k == 4) for k, q in enumerate(panda.home)]
    offer(source, S, positions=away)
    expected = "the target of panda_joint5 on /targets is 0.40 rad away (limit 0.3 rad)"
    assert source.unfit(np.array(panda.home), S) == expected


def test_stale_observations_make_a_policy_unfit_and_nobody_else(offer, panda):
    home = np.array(panda.home)
    for mode, text in (
        (Mode.POLICY, "no new observation behind the targets on /t for 0.600 s"),
        (Mode.TELEOP, ""),
    ):
        source = CommandSource(mode, "/t", panda, BridgeConfig())
        for mono_ns in (0, 300 * MS, 600 * MS):
            offer(source, mono_ns, observation_ros_ns=ROS_NS)
        assert source.unfit(home, 600 * MS) == text


def test_arming_forgets_what_was_said_and_waits_for_a_newer_observation(source, offer):
    offer(source, 0, observation_ros_ns=ROS_NS)
    source.restart(2 * S)
    assert source.take() is None and source.newest is None
    assert source.stale(2 * S + 500 * MS) == ""
    assert offer(source, 2 * S + 400 * MS, due_ros_ns=ROS_NS + 2 * S + 400 * MS, observation_ros_ns=ROS_NS)
    assert source.stale(2 * S + 501 * MS).endswith("for 0.501 s")


def test_only_beside_a_policy_a_person_may_take_over(panda):
    limits = panda.limits()
    assert set(Follower(panda, BridgeConfig(), limits).sources) == {Mode.POLICY, Mode.TELEOP}
    for mode in ("teleop", "replay"):
        assert set(Follower(panda, BridgeConfig(source=mode), limits).sources) == {Mode(mode)}


def test_the_reference_is_made_of_the_followed_source_s_targets_alone(offer, panda):
    follower = Follower(panda, BridgeConfig(), panda.limits())
    follower.restart(0)
    assert follower.target is None and follower.reference(ROS_NS) is None
    person = follower.sources[Mode.TELEOP]
    offer(follower.own, 0)
    offer(person, 0, shift=0.1)
    follower.update(follower.take())
    assert follower.target.source == "policy"
    np.testing.assert_allclose(follower.reference(ROS_NS).position, panda.home)
    follower.follow(person)
    assert follower.target.source == "teleop"
    np.testing.assert_allclose(follower.reference(ROS_NS).position, np.array(panda.home) + 0.1)
    follower.follow(follower.own)
    assert follower.reference(ROS_NS) is None  # the policy's next target begins anew

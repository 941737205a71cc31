"""The tick state machine with a fake engine: freshness, commitment, mismatches, non-finite output."""

from types import SimpleNamespace

import numpy as np
import pytest
from f2o_perception.frames import Observation
from f2o_policy.errors import MismatchError
from f2o_policy.runtime.config import PolicyConfig
from f2o_policy.runtime.executor import ExecutorConfig
from f2o_policy.runtime.policy import Joints, Policy, TickStatus

MS = 1_000_000
NAMES = tuple(f"joint{i}" for i in range(1, 8))
IDENTITY = SimpleNamespace(decode=lambda x: x)
SPEC = SimpleNamespace(
    embedding_size=3, prefix=0,
    views=("wrist",), image_size=4, action_names=(*NAMES, "gripper_width"), horizon=32, dt_s=0.05,
    action_space="joints", action_size=8, joint_size=8,
    points=16, history=1, history_dt_s=0.1, normaliser=SimpleNamespace(proprio=IDENTITY, action=IDENTITY),
)  # fmt: skip


class FakeEngine:
    """Plans a ramp of the first joint whose speed is the noise's first number's sign."""

    name, spec = "fake", SPEC

    def __init__(self):
        self.broken, self.noises = False, []

    def embed(self, observation):
        return np.zeros(3, np.float32)

    def plan(self, embedding, joints, noise):
        self.noises.append(noise)
        chunks = np.repeat(joints[None, None], len(noise), 0).repeat(32, 1)
        chunks[:, :, 0] += np.sign(noise[:, :1, 0]) * np.arange(32) * 0.05 * 0.5
        return chunks * (np.nan if self.broken else 1.0)


def observation(stamp_ns=0, **changes):
    fields = dict(
        stamp_ros_ns=stamp_ns, view_names=("wrist",), view_stamps_ros_ns=np.array([stamp_ns]),
        rgb=np.zeros((1, 4, 4, 3), np.uint8), depth_mm=np.zeros((1, 4, 4), np.uint16),
        points=np.zeros((16, 3), np.float32), joint_names=NAMES, joint_positions=np.zeros(7),
        joint_velocities=np.zeros(7), gripper_width=0.08, max_skew_ns=0,
    )  # fmt: skip
    return Observation(**(fields | changes))


@pytest.fixture
def policy():
    made = Policy(FakeEngine(), PolicyConfig(checkpoint="x", hypotheses=4))
    made.push_observation(observation())
    made.embed_newest(0.0)
    made.push_joint_state(Joints(0, np.zeros(8)))
    return made


def test_it_waits_for_each_input_and_says_which():
    policy = Policy(FakeEngine(), PolicyConfig(checkpoint="x"))
    assert policy.tick(0).status is TickStatus.NO_OBSERVATION
    policy.push_observation(observation())
    assert policy.embed_newest(0.0) is not None
    assert policy.tick(0).status is TickStatus.NO_JOINTS
    policy.push_joint_state(Joints(0, np.zeros(8)))
    result = policy.tick(0)
    assert result.status is TickStatus.OK
    assert result.target.shape == (8,)
    assert result.chunks.shape == (2, 32, 8)


def test_stale_inputs_stop_the_targets(policy):
    policy.push_joint_state(Joints(400 * MS, np.zeros(8)))
    late = policy.tick(400 * MS)
    assert (late.status, late.target) == (TickStatus.STALE_OBSERVATION, None)
    policy.push_observation(observation(500 * MS))
    policy.embed_newest(0.0)
    assert policy.tick(501 * MS).status is TickStatus.STALE_JOINTS


def test_the_targets_stop_with_the_clock_and_come_again_with_it():
    """A bag that ends or is paused takes /clock with it: by ROS time its last observation stays fresh."""
    mono = [0]
    policy = ready()
    policy._clock = lambda: mono[0]

    def statuses(ticks, ros_ns_of):
        found = []
        for _ in range(ticks):
            mono[0] += 8 * MS
            found.append(policy.tick(ros_ns_of()).status)
        return found

    assert set(statuses(5, lambda: mono[0])) == {TickStatus.OK}
    stood = statuses(50, lambda: 40 * MS)
    assert stood.index(TickStatus.CLOCK_STOPPED) == pytest.approx(0.3 / 0.008, abs=2)
    assert set(stood[40:]) == {TickStatus.CLOCK_STOPPED}
    assert policy.tick(40 * MS).target is None
    assert policy.tick(41 * MS).status is TickStatus.OK


def test_stamps_of_the_future_are_stale_too(policy):
    policy.push_observation(observation(10_000 * MS))
    policy.embed_newest(0.0)
    assert policy.tick(0).status is TickStatus.STALE_OBSERVATION
    policy.push_observation(observation())
    policy.embed_newest(0.0)
    policy.push_joint_state(Joints(10_000 * MS, np.zeros(8)))
    assert policy.tick(0).status is TickStatus.STALE_JOINTS


def test_output_that_is_not_finite_gives_no_target(policy):
    policy._engine.broken = True
    result = policy.tick(0)
    assert (result.status, result.target) == (TickStatus.NOT_FINITE, None)


def test_a_plan_that_is_not_finite_is_made_anew_at_the_next_tick():
    policy = ready(replan_ticks=4)
    policy._engine.broken = True
    assert [policy.tick(8 * k * MS).status for k in range(3)] == [TickStatus.NOT_FINITE] * 3
    policy._engine.broken = False
    assert policy.tick(24 * MS).status is TickStatus.OK


def ready(**options):
    """A policy that the bridge follows, with an observation and a joint state."""
    made = Policy(FakeEngine(), PolicyConfig(checkpoint="x", **options))
    made.push_observation(observation())
    made.embed_newest(0.0)
    made.push_joint_state(Joints(0, np.zeros(8)))
    made.set_mode("policy")
    return made


def test_between_plans_the_one_under_way_is_read():
    policy = ready(replan_ticks=4)
    results = [policy.tick(8 * k * MS) for k in range(9)]
    assert [r.chunks is not None for r in results] == [k % 4 == 0 for k in range(9)]
    assert [np.isnan(r.inference_s) for r in results] == [k % 4 != 0 for k in range(9)]
    moved = np.array([r.target[0] for r in results])
    assert (np.abs(np.diff(moved[1:])) > 0).all()
    assert len(policy._engine.noises) == 3


def test_a_plan_is_taken_up_its_latency_after_the_look_and_the_next_one_begins_then():
    policy = ready(plan_latency_s=0.03)
    results = [policy.tick(8 * k * MS) for k in range(10)]
    assert [r.chunks is not None for r in results] == [k in (4, 8) for k in range(10)]
    assert [results[k].chunk_stamp_ros_ns for k in (4, 8)] == [0, 0]  # of the look: nothing newer was felt
    assert len(policy._engine.noises) == 3  # looks at 0, 32 and 64 ms
    assert all(r.status is TickStatus.OK for r in results)
    assert not any(r.target[0] for r in results[:4])  # nothing planned yet: stand still
    assert results[9].target[0] != 0


def test_a_plan_under_way_does_not_outlive_its_episode():
    policy = ready(plan_latency_s=0.03)
    policy.tick(0)
    policy.set_mode("hold")
    policy.set_mode("policy")
    assert [policy.tick(8 * k * MS).chunks is not None for k in range(1, 6)] == [False] * 4 + [True]


def test_noise_is_fresh_for_every_plan_or_fixed_for_an_episode():
    fresh, fixed = ready(), ready(noise="fixed")
    for policy in (fresh, fixed):
        for k in range(3):
            policy.tick(8 * k * MS)
        policy.set_mode("hold")
        policy.set_mode("policy")
        policy.tick(24 * MS)
    assert not np.array_equal(*fresh._engine.noises[:2])
    one, same, too, other = fixed._engine.noises
    assert np.array_equal(one, same) and np.array_equal(one, too)
    assert not np.array_equal(one, other)


def test_the_jump_of_a_target_at_a_new_plan_is_told():
    policy = ready(executor=ExecutorConfig(selection="newest"), hypotheses=1)
    jumps = [policy.tick(8 * k * MS).jump_rad for k in range(40)]
    assert jumps[0] == 0  # begun where the arm stands
    assert max(jumps) > 0.001  # the newest plan goes the other way
    assert np.isnan(ready(replan_ticks=9, plan_latency_s=1.0).tick(0).jump_rad)


def test_an_episode_begins_when_the_bridge_follows_the_policy(policy, monkeypatch):
    calls = []
    monkeypatch.setattr(policy, "begin_episode", lambda: calls.append("begin"))
    monkeypatch.setattr(policy, "end_episode", lambda: calls.append("end"))
    for mode in ("disarmed", "policy", "policy", "hold", "policy"):
        policy.set_mode(mode)
    assert calls == ["end", "begin", "end", "begin"]


def drive(policy, ticks, start_ms=0):
    """Perfect tracking: the joints of a tick are the target of the one before."""
    values = np.zeros(8)
    for i in range(ticks):
        now = (start_ms + 8 * i) * MS
        policy.push_observation(observation(now))
        policy.embed_newest(0.0)
        policy.push_joint_state(Joints(now, values))
        values = policy.tick(now).target
    return values


def test_an_episode_commits_to_one_side_and_episodes_differ(policy):
    ends = []
    for episode in range(12):
        policy.begin_episode()
        ends.append(drive(policy, 60, start_ms=1000 * episode)[0])
        assert policy.mode_switches == 0
        policy.end_episode()
    assert min(np.abs(ends)) > 0.1
    assert min(ends) < 0 < max(ends)


def test_before_an_episode_targets_stay_at_the_measured_joints(policy):
    far = np.full(8, 0.3)
    policy.push_joint_state(Joints(0, far))
    policy.tick(0)
    moved = np.full(8, -0.2)
    policy.push_joint_state(Joints(8 * MS, moved))
    np.testing.assert_allclose(policy.tick(8 * MS).target, moved, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"view_names": ("front",)}, r"expects views \('wrist',\), got \('front',\)"),
        (
            {"rgb": np.zeros((1, 4, 9, 3), np.uint8)},
            r"expects images of shape \(1, 4, 4, 3\), got \(1, 4, 9, 3\)",
        ),
        (
            {"depth_mm": np.zeros((1, 8, 4), np.uint16)},
            r"expects depth of shape \(1, 4, 4\), got \(1, 8, 4\)",
        ),
        ({"joint_names": tuple(f"fr3_joint{i}" for i in range(1, 8))}, "expects joint names"),
        ({"points": np.zeros((8, 3), np.float32)}, "expects 16 points or more, got 8"),
    ],
)
def test_topics_of_another_robot_or_camera_are_refused(policy, change, sentence):
    with pytest.raises(MismatchError, match=sentence):
        policy.push_observation(observation(**change))

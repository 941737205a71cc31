"""Rollouts with the real policy runtime, bridge and world: what happens, twice the same, and how it is counted."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
from f2o_nodekit.paths import SOURCE_CONFIG
from f2o_policy.errors import CheckpointError
from f2o_policy.runtime.config import PolicyConfig
from f2o_sim.errors import JournalError, NotArmedError
from f2o_sim.robot import ARM_JOINTS
from f2o_sim.rollout import evaluate as evaluating
from f2o_sim.rollout.episode import Episode, PolicyUnderTest, Rollout, noise_seed, run_episode
from f2o_sim.rollout.evaluate import evaluate, plan_latency, settings_of, table
from f2o_sim.rollout.journal import Journal
from f2o_sim.rollout.motion import Motion
from f2o_sim.session import Session

STUDENT = SOURCE_CONFIG.parent / "checkpoints" / "reach_around" / "student.pt"
IDENTITY = SimpleNamespace(decode=lambda x: x, encode=lambda x: x)
SPEC = SimpleNamespace(
    prefix=0, action_space="joints", action_size=8, joint_size=8,
    horizon=16, dt_s=0.1, history=1, history_dt_s=0.1, embedding_size=3,
    views=("wrist", "external_1", "external_2"), image_size=64, points=2048,
    action_names=(*ARM_JOINTS, "gripper_width"), normaliser=SimpleNamespace(proprio=IDENTITY, action=IDENTITY),
)  # fmt: skip


class Engine:
    """Turns the first joint at ``speed`` rad/s, a little to the side that the noise says."""

    name, spec = "fake", SPEC

    def __init__(self, speed=0.2):
        self.speed, self.noises = speed, []

    def embed(self, observation):
        return np.zeros(3, np.float32)

    def plan(self, embedding, joints, noise):
        self.noises.append(noise)
        chunk = np.tile(joints, (len(noise), 16, 1))
        chunk[:, :, 0] += (self.speed + 0.01 * noise[:, :1, 0]) * 0.1 * np.arange(16)
        return chunk


@pytest.fixture(scope="module")
def session():
    made = Session(camera_hz=15.0)
    yield made
    made.close()


def play(session, ticks, engine=None, seed=7, **options):
    """The rollout and what came of each tick."""
    rollout = Rollout(session, engine or Engine(), PolicyConfig(checkpoint="x", **options))
    steps = [rollout.begin(seed)]
    for _ in range(ticks):
        steps.append(rollout.tick(steps[-1]))
    return rollout, steps


def test_the_bridge_arms_settles_and_follows_the_policy(session):
    rollout, steps = play(session, 150)
    commanded = [step for step in steps if step.command_ns]
    assert {step.mode for step in steps} == {"policy"}
    still = [s for s in commanded if s.time_ns - steps[0].time_ns < 200_000_000]
    assert np.ptp([s.command[0] for s in still]) == 0  # settle_s: the controller takes over first
    turned = steps[-1].joints.positions[0] - steps[0].joints.positions[0]
    assert 0.15 < turned < 0.25  # 1.2 s less 0.2 s at 0.2 rad/s
    assert rollout.policy.mode_switches == 0
    assert session.bridge.sources[session.bridge.mode].check.refused.total() == 0


def test_commands_keep_the_limits_of_the_bridge(session):
    _, steps = play(session, 80, Engine(speed=30.0))
    q = np.array([s.command[:7] for s in steps if s.command_ns])
    assert 0.002 < np.abs(np.diff(q, axis=0)).max() / 0.008 < 2.62  # of a Panda's first joint


def test_a_policy_that_falls_silent_is_put_on_hold_and_the_episode_says_so(session):
    play(session, 60)
    for _ in range(40):
        step = session.step(None)
    assert step.mode == "hold"
    assert np.abs(step.joints.velocities).max() < 0.01


def test_when_the_cameras_freeze_the_policy_falls_silent(session):
    rollout, steps = play(session, 40)
    step = steps[-1]
    for _ in range(60):
        step = rollout.tick(dataclasses.replace(step, observation=None))
    assert step.mode == "hold"
    assert session.bridge.machine.reason.startswith("no target for 0.1")


def test_a_policy_that_goes_on_without_seeing_is_put_on_hold(session):
    _, steps = play(session, 40)
    stand, seen_ns = np.append(steps[-1].joints.positions, 0.08), steps[-1].time_ns
    for _ in range(80):
        step = session.step(stand, np.zeros(8), seen_ns)
    assert step.mode == "hold"
    assert session.bridge.machine.reason.startswith(
        "no new observation behind the targets on /f2o/joint_target"
    )


def test_an_arm_that_does_not_follow_is_a_fault_and_a_failed_episode(session, monkeypatch):
    monkeypatch.setattr(session.world, "command", lambda trajectory: None)
    episode = run_episode(session, Engine(speed=1.0), PolicyConfig(checkpoint="x"), 3)
    assert not episode.success
    assert episode.stopped.startswith("fault: the arm does not follow: panda_joint1 is 0.")
    assert episode.duration_s == 10.0


def test_a_bridge_that_refuses_ends_the_run(session, monkeypatch):
    monkeypatch.setattr(type(session.bridge), "offer_joints", lambda *a: None)
    with pytest.raises(NotArmedError, match="not armed: no joint states with panda_joint1"):
        play(session, 0)


def test_the_same_seed_gives_the_same_episode_bit_for_bit(session):
    def trace(seed):
        engine = Engine()
        _, steps = play(session, 120, engine, seed, hypotheses=3)
        return np.array([[*s.joints.positions, *s.command] for s in steps]), np.array(engine.noises)

    (one, noise), _, (again, same) = trace(11), trace(12), trace(11)
    np.testing.assert_array_equal(one, again)
    np.testing.assert_array_equal(noise, same)
    assert noise_seed(11) != noise_seed(12) != 12


def test_one_process_and_several_play_the_same_episodes_bit_for_bit(tmp_path):
    """The student's first episodes end early enough: the table's figures are compared, not printed digits of them."""
    config = PolicyConfig(checkpoint=str(STUDENT), replan_ticks=25, backend="torch", plan_latency_s=0.02)
    policies = [PolicyUnderTest("student", config)]
    one, two = (evaluate("reach_around", policies, [1, 2], n, False, 10.0) for n in (1, 2))
    assert one["policies"][0]["episodes"] == two["policies"][0]["episodes"]
    assert one["made"]["code_sha256"] == two["made"]["code_sha256"]


def test_a_latency_delays_the_first_movement_and_nothing_else(session):
    def begins(**options):
        _, steps = play(session, 110, **options)
        q = np.array([s.command[0] for s in steps])
        return int(np.argmax(np.abs(q - q[0]) > 1e-3)), steps[-1].mode

    (early, mode), (late, other) = begins(), begins(plan_latency_s=0.4)
    assert (mode, other) == ("policy", "policy")
    assert 15 < late - early < 50


def test_the_motion_of_an_arm_is_measured():
    motion = Motion(tick_s=0.1)
    assert (motion.jerk, motion.jump) == (None, None)
    for t in np.arange(0, 2, 0.1):
        motion.moved(np.array([t**3, 0.0]))
    motion.replanned(0.03)
    motion.replanned(0.01)
    assert motion.jerk == pytest.approx(6 / np.sqrt(2))
    assert motion.jump == pytest.approx(0.02)


def test_latency_is_measured_where_it_is_to_be_judged():
    teacher = STUDENT.with_name("teacher.pt")
    one, ten = (
        plan_latency(PolicyConfig(checkpoint=str(teacher), steps=steps, backend="torch"), 3)
        for steps in (1, 10)
    )
    assert 0 < one < ten


@pytest.fixture
def arena(monkeypatch):
    """Two policies without networks or worlds: fast wins, slow touches the post; ``played`` notes what was played."""
    played = []

    def run(job):
        _, policy, seed = job
        played.append((policy.name, seed))
        win = policy.name == "fast"
        side = ("left" if seed % 2 else "right") if win else ""
        return policy.name, Episode(seed, win, not win, side, 5.0, 1, "", 100.0, None)

    monkeypatch.setattr(evaluating, "_run", run)
    policies = [
        PolicyUnderTest(name, PolicyConfig(checkpoint=str(STUDENT), replan_ticks=ticks))
        for name, ticks in (("fast", 4), ("slow", 25))
    ]
    return SimpleNamespace(policies=policies, played=played)


def judged(arena, seeds, **options):
    return evaluate("reach_around", arena.policies, seeds, progress=False, **options)


def test_every_policy_meets_the_same_seeds_and_the_rows_say_with_what(arena):
    report = judged(arena, [1, 2, 3])
    fast, slow = report["policies"]
    assert [e["seed"] for e in fast["episodes"]] == [e["seed"] for e in slow["episodes"]] == [1, 2, 3]
    assert (fast["success_rate"], slow["success_rate"]) == (1.0, 0.0)
    assert (fast["left"], fast["right"], slow["collisions"]) == (2, 1, 3)
    assert fast["interval"][0] == pytest.approx(0.4385, abs=1e-3)
    assert slow["p_against_first"] == pytest.approx(0.25)
    assert slow["jump"] is None
    assert len(report["made"]["code_sha256"]) == len(slow["settings"]["data_sha256"]) == 64
    assert (slow["settings"]["replan_ticks"], report["seeds"]) == (25, [1, 2, 3])
    assert set(report["made"]) == {"command", "machine", "date", "code_sha256"}
    assert json.loads(json.dumps(report)) == report
    text = table(report).splitlines()
    assert len(text) == 3
    assert text[1].split()[:2] == ["fast", "1.00"]


def test_the_names_of_a_seed_and_of_a_machine_are_no_settings(arena):
    policy = arena.policies[0]
    moved = dataclasses.replace(policy, config=dataclasses.replace(policy.config, seed=9, fifo_priority=0))
    assert settings_of(moved, ("reach_around", 15.0, "jtc")) == settings_of(
        policy, ("reach_around", 15.0, "jtc")
    )
    assert settings_of(policy, ("reach_around", 15.0, "jtc")) != settings_of(
        policy, ("reach_moving", 15.0, "jtc")
    )


def test_a_missing_checkpoint_is_named_before_the_first_episode(arena, tmp_path):
    gone = dataclasses.replace(arena.policies[1].config, checkpoint=str(tmp_path / "none.pt"))
    arena.policies[1] = PolicyUnderTest("gone", gone)
    with pytest.raises(CheckpointError, match=r"none\.pt: cannot be read"):
        judged(arena, [1])
    assert not arena.played


def test_policies_of_one_name_are_refused(arena):
    arena.policies[1] = arena.policies[0]
    with pytest.raises(ValueError, match="policies need different names, got fast, fast"):
        judged(arena, [1])


def test_a_stopped_evaluation_goes_on_and_ends_with_the_same_report(arena, tmp_path):
    whole = judged(arena, [1, 2, 3])
    journal = tmp_path / "out" / "episodes.jsonl"
    judged(arena, [1, 2], journal=journal)
    lines = journal.read_text().splitlines()
    assert len(lines) == 1 + 2 * 2
    journal.write_text("\n".join(lines[:-1]) + "\n" + lines[-1][:20])  # killed in the middle of a line
    arena.played.clear()
    again = judged(arena, [1, 2, 3], journal=journal)
    assert {**again, "made": None} == {**whole, "made": None}
    assert arena.played == [("slow", 2), ("fast", 3), ("slow", 3)]
    arena.played.clear()
    arena.policies[:] = [
        PolicyUnderTest(p.name, dataclasses.replace(p.config, replan_ticks=9)) for p in arena.policies
    ]
    judged(arena, [1], journal=journal)  # other settings are other episodes
    assert len(arena.played) == 2


def test_a_journal_of_other_code_is_refused(arena, tmp_path, monkeypatch):
    journal = tmp_path / "episodes.jsonl"
    judged(arena, [1], journal=journal)
    monkeypatch.setattr(evaluating, "code_sha256", lambda packages: "f" * 64)
    before = journal.read_bytes()
    with pytest.raises(JournalError) as refused:
        judged(arena, [1], journal=journal)
    text = str(refused.value)
    assert text.startswith(f"{journal}: was begun with other code (sha256 ")
    assert text.endswith(
        "now ffffffffffff): results of both are not comparable; use another name, or the code it was begun with"
    )
    assert journal.read_bytes() == before


def test_a_journal_without_a_hash_is_refused_too(tmp_path):
    path = tmp_path / "old.jsonl"
    path.write_text('{"settings": {}, "seed": 1, "record": {}}\n')
    with pytest.raises(JournalError, match=r"begun with other code \(sha256 unknown, now aaa"):
        Journal(path, "a" * 64)

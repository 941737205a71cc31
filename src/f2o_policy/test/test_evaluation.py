"""Closed-loop evaluation against a toy environment, pairing of seeds, intervals."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from f2o_policy.checkpoint import save_checkpoint
from f2o_policy.errors import CheckpointError, UnknownNameError
from f2o_policy.evaluation import environment as environments
from f2o_policy.evaluation import rollout
from f2o_policy.evaluation.contender import Contender
from f2o_policy.evaluation.motion import Motion
from f2o_policy.evaluation.rollout import evaluate, plan_latency, run_episode, table
from f2o_policy.evaluation.statistics import mcnemar, wilson
from test_checkpoint import checkpoint_of

TICK_NS = 8_000_000
OUTSIDE = {"progress": False}


class Reach:
    """Joint 0 follows its target; success = it passes 0.5 rad. The first observation comes after three ticks."""

    made = closed = resets = 0

    def __init__(self, task, camera_hz=30.0):
        Reach.made += 1

    def reset(self, seed):
        Reach.resets += 1
        self.seed, self.tick, self.q, self.targets = seed, 0, np.zeros(8), []
        return self._step()

    def step(self, target, rate=None):
        self.targets.append(target)
        self.tick += 1
        if target is not None:
            self.q = np.array(target, float)
        return self._step()

    def _step(self):
        seen = self.tick >= 3 and self.tick % 4 == 3
        observation = SimpleNamespace(number=self.tick, stamp_ros_ns=self.tick) if seen else None
        joints = SimpleNamespace(positions=self.q[:7])
        done = self.tick >= 60
        return SimpleNamespace(
            time_ns=10**9 + self.tick * TICK_NS, joints=joints, gripper_width=self.q[7], observation=observation,
            done=done,
        )  # fmt: skip

    def outcome(self):
        success = bool(self.q[0] > 0.5)
        side = ("left" if self.seed % 2 else "right") if success else ""
        return SimpleNamespace(
            seed=self.seed, success=success, collision=not success, side=side, duration_s=0.48
        )

    def close(self):
        Reach.closed += 1


class Engine:
    """Plans a straight line from the present joints at ``speed`` rad/s; notes what it was given."""

    spec = SimpleNamespace(prefix=0, horizon=8, action_size=8, dt_s=0.05, history=1, history_dt_s=0.1)

    def __init__(self, speed):
        self.speed, self.calls, self.noises = speed, 0, []

    def embed(self, observation):
        return np.zeros(3, np.float32)

    def plan(self, embedding, joints, noise):
        self.calls += 1
        self.noises.append(noise)
        chunk = np.tile(joints, (len(noise), 8, 1))
        chunk[:, :, 0] += self.speed * 0.05 * np.arange(8)
        return chunk


def test_an_episode_embeds_plans_and_follows():
    engine, world = Engine(3.0), Reach("reach")
    record = run_episode(world, engine, Contender("a", "x", replan_ticks=4), 7)
    assert record.success
    assert (record.seed, record.side) == (7, "left")
    assert world.targets[:3] == [None] * 3  # nothing seen yet: stand still
    assert all(target is not None for target in world.targets[4:])
    assert engine.calls == 14  # ticks 4, 8, ... 56
    assert not np.array_equal(engine.noises[0], engine.noises[1])  # fresh for every plan
    again = Engine(3.0)
    run_episode(Reach("reach"), again, Contender("b", "x", replan_ticks=4), 7)
    assert all(map(np.array_equal, engine.noises, again.noises))  # and paired: the same for every contender


def test_held_noise_is_the_same_for_all_plans_of_an_episode():
    engine = Engine(3.0)
    run_episode(Reach("reach"), engine, Contender("a", "x", noise="held"), 7)
    assert all(np.array_equal(engine.noises[0], noise) for noise in engine.noises)


def test_a_plan_arrives_its_latency_after_the_look_and_none_begins_before():
    slow = Contender("a", "x", replan_ticks=1, latency_s=0.08)
    engine, world = Engine(3.0), Reach("reach")
    run_episode(world, engine, slow, 7)
    assert engine.calls == 6  # in 57 ticks: looks are 11 ticks apart
    targets = np.array([t[0] for t in world.targets[4:]])
    assert (targets[:8] == 0).all()  # seen, but nothing planned yet
    assert targets[12] > 0


def test_latency_is_measured_where_it_is_to_be_judged(tmp_path):
    path = tmp_path / "c.pt"
    save_checkpoint(path, checkpoint_of("teacher"))
    one, fifty = (plan_latency(Contender("a", path, steps, backend="torch"), 3) for steps in (1, 50))
    assert 0 < one < fifty


def test_the_motion_of_an_arm_is_measured():
    motion = Motion(tick_s=0.1)
    assert np.isnan([motion.jerk, motion.jump]).all()
    for t in np.arange(0, 2, 0.1):
        motion.moved(np.array([t**3, 0.0]))
    motion.replanned(np.zeros(3), np.array([0.01, -0.03, 9.0]))
    motion.replanned(np.zeros(3), np.array([0.01, 0.0, 0.0]))
    assert motion.jerk == pytest.approx(6 / np.sqrt(2))
    assert motion.jump == pytest.approx(0.02)


@pytest.fixture
def arena(monkeypatch, tmp_path):
    """Two contenders without networks: one reaches, one stands."""
    paths = [tmp_path / "fast.pt", tmp_path / "slow.pt"]
    for seed, path in enumerate(
        paths
    ):  # different weights: a journal knows policies by those, not by their names
        save_checkpoint(path, dataclasses.replace(checkpoint_of("student"), seed=seed))
    monkeypatch.setattr(rollout, "open_environment", Reach)
    speeds = {"fast": 3.0, "slow": 0.1}
    monkeypatch.setattr(rollout, "_engine", lambda path, *rest: Engine(speeds[path.stem]))
    return [Contender(path.stem, path) for path in paths]


def test_every_contender_meets_the_same_seeds(arena):
    made, closed = Reach.made, Reach.closed
    report = evaluate("reach", arena, [1, 2, 3], **OUTSIDE)
    assert (Reach.made - made, Reach.closed - closed) == (1, 1)  # one for all episodes, freed at the end
    fast, slow = report["contenders"]
    assert [e["seed"] for e in fast["episodes"]] == [e["seed"] for e in slow["episodes"]] == [1, 2, 3]
    assert (fast["success_rate"], slow["success_rate"]) == (1.0, 0.0)
    assert (fast["left"], fast["right"], slow["collisions"]) == (2, 1, 3)
    assert fast["interval"][0] == pytest.approx(0.4385, abs=1e-3)
    assert slow["p_against_first"] == pytest.approx(0.25)
    text = table(report).splitlines()
    assert len(text) == 3
    assert text[1].split()[:2] == ["fast", "1.00"]


def test_a_missing_checkpoint_is_named_before_the_first_episode(arena, tmp_path):
    made = Reach.made
    broken = dataclasses.replace(arena[1], checkpoint=tmp_path / "none.pt")
    with pytest.raises(CheckpointError, match=r"none\.pt: cannot be read"):
        evaluate("reach", [arena[0], broken], [1], **OUTSIDE)
    assert Reach.made == made


def test_contenders_of_one_name_are_refused(arena):
    with pytest.raises(ValueError, match="contenders need different names, got fast, fast"):
        evaluate("reach", [arena[0], arena[0]], [1], **OUTSIDE)


def test_environments_are_found_by_entry_point(monkeypatch):
    point = SimpleNamespace(name="reach", load=lambda: Reach)
    monkeypatch.setattr(
        environments, "entry_points", lambda group: [point] if group == "f2o.environments" else []
    )
    assert isinstance(environments.open_environment("reach"), Reach)
    with pytest.raises(UnknownNameError, match="unknown task 'stack', expected one of: reach"):
        environments.open_environment("stack")


def test_wilson_intervals():
    assert wilson(10, 20) == pytest.approx((0.299, 0.701), abs=1e-3)  # published example
    assert wilson(20, 20) == pytest.approx((0.839, 1.0), abs=1e-3)
    assert wilson(0, 0) == (0.0, 1.0)


def test_mcnemar_looks_at_disagreements_alone():
    assert mcnemar([True] * 5 + [False] * 5, [True] * 5 + [False] * 5) == 1.0
    assert mcnemar([True] * 8, [False] * 8) == pytest.approx(2 / 2**8)
    assert mcnemar([True, False], [False, True]) == 1.0


def test_a_stopped_evaluation_goes_on_and_ends_with_the_same_report(arena, tmp_path):
    whole = evaluate("reach", arena, [1, 2, 3], **OUTSIDE)
    journal = tmp_path / "out" / "episodes.jsonl"
    evaluate("reach", arena, [1, 2], **OUTSIDE, journal=journal)
    lines = journal.read_text().splitlines()
    assert len(lines) == 2 * len(arena)
    journal.write_text("\n".join(lines[:-1]) + "\n" + lines[-1][:20])  # killed in the middle of a line
    before = Reach.resets
    assert evaluate("reach", arena, [1, 2, 3], **OUTSIDE, journal=journal) == whole
    assert Reach.resets - before == len(arena) + 1
    before = Reach.resets
    slower = [dataclasses.replace(c, replan_ticks=c.replan_ticks + 1) for c in arena]
    evaluate("reach", slower, [1], **OUTSIDE, journal=journal)  # other settings are other episodes
    assert Reach.resets - before == len(arena)

"""Chunks in time, commitment to one plan, splices, and what happens when chunks stop coming."""

from types import SimpleNamespace

import numpy as np
import pytest
from f2o_nodekit.testing import problems
from f2o_policy.runtime.chunk import Chunk, catmull_rom
from f2o_policy.runtime.executor import ChunkExecutor, ExecutorConfig, with_prefix
from f2o_policy.runtime.stall_avoidance import advance
from hypothesis import given
from hypothesis import strategies as st

MS = 1_000_000
DT = 50 * MS
TICK = 8 * MS
HOME = np.zeros(8)


def ramp(speed: float, horizon: int = 32, start: float = 0.0) -> np.ndarray:
    """A chunk (H, 8) whose first joint moves at ``speed`` rad/s from ``start``."""
    points = np.zeros((horizon, 8))
    points[:, 0] = start + speed * np.arange(horizon) * 0.05
    return points


def drive(executor, chunks_at, ticks, t0=0):
    """Submit ``chunks_at(now)`` every tick from ``t0``; the targets read, (ticks, 8)."""
    targets = []
    for i in range(ticks):
        now = t0 + i * TICK
        executor.submit(chunks_at(now), now, DT, now)
        targets.append(executor.target(now))
    return np.array(targets)


def test_a_chunk_is_looked_up_by_time():
    chunk = Chunk(1000 * MS, DT, ramp(1.0))
    at = chunk.at(np.array([0, 1000, 1025, 1050, 9000]) * MS)
    np.testing.assert_allclose(at[:, 0], [0, 0, 0.025, 0.05, 1.55])
    assert chunk.end_ns == 2550 * MS


@given(st.floats(0, 7), st.integers(0, 2**16))
def test_the_spline_meets_every_knot_with_a_continuous_velocity(u, seed):
    points = np.random.default_rng(seed).normal(size=(8, 3))
    np.testing.assert_allclose(catmull_rom(points, 3.0)[0], points[3])
    before, after = catmull_rom(points, 3 - 1e-7)[1], catmull_rom(points, 3 + 1e-7)[1]
    np.testing.assert_allclose(before, after, atol=1e-4)
    value, slope = catmull_rom(points, u)
    ahead = catmull_rom(points, min(u + 1e-6, 7.0))[0]
    if 1e-3 < u < 7 - 1e-3 and abs(u - round(u)) > 1e-3:
        np.testing.assert_allclose((ahead - value) / 1e-6, slope, atol=1e-3)


def test_targets_follow_the_plan_at_its_speed_and_announce_it():
    executor = ChunkExecutor(ExecutorConfig(action_latency_s=0.0))
    executor.reset(HOME, 0)
    targets = drive(executor, lambda now: ramp(0.4, start=0.4 * now / 1e9)[None], 100)
    speed = np.diff(targets[50:, 0]) / 0.008
    np.testing.assert_allclose(speed, 0.4, atol=1e-3)
    assert executor.read(100 * TICK)[1][0] == pytest.approx(0.4, abs=1e-3)


def test_a_plan_of_one_mode_is_never_averaged_with_the_other():
    """Both modes come in every batch, in changing order: the first choice is kept and reached in full."""
    executor = ChunkExecutor(ExecutorConfig())
    executor.reset(HOME, 0)
    rng = np.random.default_rng(0)
    sides = np.array([0.5, -0.5])

    def both(now):
        return np.stack([ramp(s, start=s * now / 1e9) for s in rng.permutation(sides)])

    targets = drive(executor, both, 120)
    assert executor.switches == 0
    assert abs(targets[-1, 0]) > 0.9 * 0.5 * 119 * 0.008
    assert (np.sign(targets[20:, 0]) == np.sign(targets[20, 0])).all()


def test_fresh_choice_takes_both_modes_over_episodes():
    taken = []
    rng = np.random.default_rng(0)
    for _ in range(40):
        executor = ChunkExecutor(ExecutorConfig())
        executor.reset(HOME, 0)
        order = rng.permutation([0.5, -0.5])
        taken.append(drive(executor, lambda now, o=order: np.stack([ramp(s) for s in o]), 5)[-1, 0] > 0)
    assert 8 < sum(taken) < 32


def test_the_plan_is_given_up_when_nothing_agrees_for_long_enough():
    config = ExecutorConfig(escape_s=0.16)
    executor = ChunkExecutor(config)
    executor.reset(HOME, 0)
    drive(executor, lambda now: ramp(0.8, start=0.8 * now / 1e9)[None], 30)
    away = drive(executor, lambda now: ramp(-0.8, start=0.2)[None], 60, t0=30 * TICK)
    assert executor.switches == 1
    assert np.abs(np.diff(away[:, 0])).max() < 0.03  # spliced, not jumped


def test_a_batch_without_the_plans_mode_does_not_bend_the_plan():
    """Few hypotheses are all of the other side now and then: that must not pull the plan to the middle."""
    alone, mixed = ChunkExecutor(ExecutorConfig()), ChunkExecutor(ExecutorConfig())
    ends = []
    for executor, others in ((alone, 0), (mixed, 2)):
        executor.reset(HOME, 0)
        for i in range(100):
            now = i * TICK
            side = -0.2 if i % 3 < others and i > 0 else 0.2  # within escape_rad, beyond agree_rad
            executor.submit(ramp(side, start=side * now / 1e9)[None], now, DT, now)
        ends.append(executor.target(100 * TICK)[0])
    assert mixed.switches == 0
    assert ends[1] == pytest.approx(ends[0], abs=2e-3)


def test_a_splice_starts_at_the_last_target():
    executor = ChunkExecutor(ExecutorConfig(action_latency_s=0.0, splice_s=0.2))
    executor.reset(HOME, 0)
    executor.submit(ramp(0.0, start=0.3)[None], 0, DT, 0)
    assert executor.target(0)[0] == pytest.approx(0.0, abs=1e-12)
    assert executor.target(100 * MS)[0] == pytest.approx(0.15, abs=1e-9)
    assert executor.target(200 * MS)[0] == pytest.approx(0.3, abs=1e-12)


def test_without_new_chunks_the_rest_of_the_plan_runs_and_its_end_is_held():
    executor = ChunkExecutor(ExecutorConfig(action_latency_s=0.0))
    executor.reset(HOME, 0)
    executor.submit(ramp(0.4)[None], 0, DT, 0)
    value, rate = executor.read(5_000 * MS)
    assert value[0] == pytest.approx(0.4 * 1.55)
    assert not rate.any()


def test_a_late_chunk_drops_what_has_expired():
    """A chunk that arrives 200 ms after its time zero is entered at 200 ms, not at its first point."""
    executor = ChunkExecutor(ExecutorConfig(action_latency_s=0.0, splice_s=1e-3))
    executor.reset(HOME, 0)
    executor.submit(ramp(0.5)[None], 0, DT, 200 * MS)
    assert executor.target(210 * MS)[0] == pytest.approx(0.105, abs=1e-6)


def corner() -> np.ndarray:
    """A chunk (H, 8) that goes around something: one joint first, the other after it."""
    points = np.zeros((32, 8))
    points[:16, 0] = np.linspace(0, 1, 16)
    points[16:, 0] = 1.0
    points[16:, 1] = np.linspace(0, 1, 16)
    return points


def test_a_chunk_that_comes_far_too_late_is_begun_where_the_arm_is_and_cuts_no_corner():
    executor = ChunkExecutor(ExecutorConfig(action_latency_s=0.0))
    executor.reset(HOME, 0)
    late = 1200 * MS  # by then the chunk is past its corner
    executor.submit(corner()[None], 0, DT, late)
    targets = np.array([executor.target(late + i * TICK) for i in range(250)])
    assert targets[-1, 1] == pytest.approx(1.0, abs=0.04)  # the plan's knots end up to one before the chunk's
    before_the_corner = targets[:, 0] < 0.85
    assert targets[before_the_corner, 1].max() < 0.05


def test_a_chunk_goes_on_where_the_plan_before_it_has_ended():
    executor = ChunkExecutor(ExecutorConfig(action_latency_s=0.0))
    executor.reset(HOME, 0)
    executor.submit(corner()[None, :8], 0, DT, 0)
    late = 800 * MS  # the plan ended at 350 ms
    executor.submit(corner()[None], 0, DT, late)
    targets = np.array([executor.target(late + i * TICK) for i in range(250)])
    assert targets[0, 0] == pytest.approx(7 / 15, abs=1e-6)
    assert np.diff(targets[:, 0]).min() > -1e-3, "does not go back to where the chunk began"
    assert targets[targets[:, 0] < 0.85, 1].max() < 0.05
    np.testing.assert_allclose(targets[-1, :2], 1.0, atol=0.04)


def hesitant(executor):
    """A policy that says at every look: wait for a fifth of a second, then go; until it sees itself moving."""

    def chunk(now):
        at = executor.target(now)[0] if executor.plan is not None else 0.0
        if at > 0.05:
            return ramp(0.2, start=at)[None]
        return np.concatenate([np.zeros((4, 8)), ramp(0.2)[:-4]])[None]

    return chunk


@pytest.mark.parametrize(("stall_avoidance_s", "goes"), [(0.0, False), (0.3, True)])
def test_what_every_chunk_puts_off_is_not_put_off_for_ever(stall_avoidance_s, goes):
    executor = ChunkExecutor(ExecutorConfig(stall_avoidance_s=stall_avoidance_s))
    executor.reset(HOME, 0)
    targets = drive(executor, hesitant(executor), 500)
    assert (targets[-1, 0] > 0.3) == goes, targets[-1, 0]
    assert np.abs(np.diff(targets[:, 0])).max() < 0.25 * 0.008  # at the pace of the chunks, and smoothly


def test_chunks_that_start_behind_the_plan_do_not_change_its_pace():
    executor = ChunkExecutor(ExecutorConfig())
    executor.reset(HOME, 0)
    behind = drive(executor, lambda now: ramp(1.0, start=now / 1e9 - 0.05)[None], 200)
    assert np.diff(behind[-50:, 0]).mean() / 0.008 == pytest.approx(1.0, abs=0.01)


def test_an_advance_is_what_fits_best_and_no_more_than_allowed():
    points = np.random.default_rng(0).normal(size=(32, 8)).cumsum(axis=0)
    chunk = Chunk(0, DT, points)
    for late_ms, most_ms, expected_ms in ((0, 300, 0), (100, 300, 100), (100, 0, 0), (-100, 300, 0)):
        plan = Chunk(-late_ms * MS, DT, points)
        found = advance(chunk, plan, 0, 1000 * MS, most_ms * MS)
        assert found.t0_ns == -expected_ms * MS
    assert advance(chunk, Chunk(-600 * MS, DT, ramp(1.0)), 0, 1000 * MS, 300 * MS).t0_ns >= -300 * MS


def test_the_latency_is_read_ahead():
    config = ExecutorConfig(action_latency_s=0.05, splice_s=1e-3)
    executor = ChunkExecutor(config)
    executor.reset(HOME, 0)
    executor.submit(ramp(1.0)[None], 0, DT, 0)
    assert executor.target(300 * MS)[0] == pytest.approx(0.35, abs=1e-6)


def test_wrong_settings_are_all_named():
    assert problems(ExecutorConfig, blend_s=0, action_latency_s=-1, selection="any") == [
        "selection: expected one of agree, nearest, newest, got 'any'",
        "blend_s: expected a number above 0, got 0",
        "action_latency_s: expected a number of at least 0, got -1",
    ]


def two_sides(now):
    """Batches whose first hypothesis goes left in even ticks and right in odd ones."""
    sign = 1 if (now // TICK) % 2 == 0 else -1
    return np.stack([ramp(sign * 0.5), ramp(-sign * 0.5)])


@pytest.mark.parametrize(("selection", "switches"), [("agree", 0), ("nearest", 0), ("newest", 20)])
def test_only_a_plan_that_follows_every_newest_chunk_changes_its_mind(selection, switches):
    executor = ChunkExecutor(ExecutorConfig(selection=selection))
    executor.reset(HOME, 0)
    drive(executor, two_sides, 21)
    assert executor.switches == switches


@pytest.mark.parametrize("selection", ["agree", "nearest", "newest"])
def test_every_rule_reaches_what_all_chunks_say(selection):
    executor = ChunkExecutor(ExecutorConfig(selection=selection))
    executor.reset(HOME, 0)
    there = np.full((2, 32, 8), 0.3)
    targets = drive(executor, lambda now: there, 300)
    np.testing.assert_allclose(targets[-1], 0.3, atol=1e-3)


@pytest.mark.parametrize("selection", ["agree", "nearest", "newest"])
def test_chunks_of_one_mode_are_no_switches(selection):
    executor = ChunkExecutor(ExecutorConfig(selection=selection))
    executor.reset(HOME, 0)
    drive(
        executor, lambda now: two_sides(now) * 0.2, 50
    )  # at most 0.1 rad/s apart: 0.05 rad over the chunk, RMS
    assert executor.switches == 0


def test_the_plan_ahead_is_told_only_where_it_reaches():
    executor = ChunkExecutor(ExecutorConfig())
    assert executor.ahead(4, 0, DT) is None
    executor.reset(HOME, 0)
    executor.submit(ramp(0.4)[None], 0, DT, 0)
    np.testing.assert_allclose(executor.ahead(4, 100 * MS, DT)[:, 0], [0.04, 0.06, 0.08, 0.1])
    assert executor.ahead(31, 100 * MS, DT) is None


def test_noise_begins_with_the_plan_where_the_policy_was_trained_for_it():
    executor, noise = ChunkExecutor(ExecutorConfig()), np.ones((2, 8, 8), np.float32)
    executor.reset(HOME, 0)
    scaling = SimpleNamespace(action=SimpleNamespace(encode=lambda x: 10 * x))
    spec = SimpleNamespace(prefix=3, dt_s=0.05, normaliser=scaling)
    assert with_prefix(noise, spec, executor, 0) is noise  # nothing to continue
    executor.submit(ramp(0.4)[None], 0, DT, 0)
    begun = with_prefix(noise, spec, executor, 0)
    np.testing.assert_allclose(begun[:, :3, 0], [[0.0, 0.2, 0.4]] * 2, atol=1e-6)
    assert (begun[:, 3:] == 1).all()
    assert (noise == 1).all()
    assert with_prefix(noise, SimpleNamespace(prefix=0), executor, 0) is noise

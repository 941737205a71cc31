"""Properties of the numerical building blocks, against brute force or a closed form."""

import itertools
import math

import numpy as np
import pytest
import torch
from f2o_policy.data.history import lookback_ns, nearest
from f2o_policy.data.normalise import MinMax
from f2o_policy.data.shard import Shard
from f2o_policy.data.windows import interpolate, spaced
from f2o_policy.evaluation.statistics import mcnemar, wilson
from f2o_policy.methods.chamfer import EPS, chamfer, distances, spread
from f2o_policy.runtime.chunk import Chunk, catmull_rom
from f2o_policy.runtime.postpone import STEP_NS, postpone
from f2o_policy.solver import euler
from f2o_policy.training.config import StageConfig
from f2o_policy.training.optimise import Optimiser
from f2o_policy.training.sample import replace_bad
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicHermiteSpline
from scipy.stats import binomtest

MS = 1_000_000
SEEDS = st.integers(0, 10_000)
quick = settings(max_examples=30, deadline=None)


@quick
@given(seed=SEEDS, k=st.integers(1, 4), m=st.integers(1, 4), decay=st.floats(0.5, 1.0))
def test_chamfer_is_the_mean_of_nearest_distances_by_brute_force(seed, k, m, decay):
    torch.manual_seed(seed)
    sets, drawn, weights = torch.randn(2, k, 5, 3), torch.randn(2, m, 5, 3), torch.rand(3)
    steps = decay ** torch.arange(5)
    terms = chamfer(distances(sets, drawn, weights, steps))
    for b in range(2):
        table = np.zeros((k, m))
        for i, j in itertools.product(range(k), range(m)):
            roots = [
                math.sqrt(sum(w * d**2 for w, d in zip(weights.tolist(), row, strict=True)) + EPS)
                for row in (sets[b, i] - drawn[b, j]).tolist()
            ]
            table[i, j] = sum(s * r for s, r in zip(steps.tolist(), roots, strict=True)) / float(steps.sum())
        assert terms.coverage[b].item() == pytest.approx(table.min(1).mean(), rel=1e-4)
        assert terms.fidelity[b].item() == pytest.approx(table.min(0).mean(), rel=1e-4)


@quick
@given(seed=SEEDS, shift=st.floats(-3, 3))
def test_distances_ignore_a_common_shift_and_scale_with_the_chunks(seed, shift):
    torch.manual_seed(seed)
    a, b, weights = torch.randn(1, 3, 4, 2), torch.randn(1, 2, 4, 2), torch.ones(2)
    plain = distances(a, b, weights)
    torch.testing.assert_close(distances(a + shift, b + shift, weights), plain, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(distances(3 * a, 3 * b, weights), 3 * plain, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(distances(b, a, weights), plain.transpose(1, 2))


def test_the_spread_of_two_trajectories_is_their_distance_and_of_one_is_zero():
    pair = torch.stack([torch.zeros(4, 2), torch.full((4, 2), 3.0)])[None]
    assert spread(pair, torch.ones(2)).item() == pytest.approx(math.sqrt(18), rel=1e-4)
    assert spread(pair[:, :1], torch.ones(2)).tolist() == [0.0]


@quick
@given(seed=SEEDS, rows=st.integers(1, 20), dims=st.integers(1, 5))
def test_scaling_maps_its_data_into_the_range_and_back(seed, rows, dims):
    data = np.random.default_rng(seed).normal(0, 10, (rows, dims))
    scaling = MinMax.fit(data)
    encoded = scaling.encode(data)
    assert np.abs(encoded).max() <= 1 + 1e-9
    np.testing.assert_allclose(scaling.decode(encoded), data, atol=1e-9)


@quick
@given(seed=SEEDS, count=st.integers(1, 30), asked=st.integers(1, 10))
def test_interpolation_and_the_nearest_stamp_by_brute_force(seed, count, asked):
    rng = np.random.default_rng(seed)
    stamps = np.sort(rng.choice(10_000, count, replace=False)).astype(np.int64)
    values, at = rng.normal(0, 1, (count, 2)), rng.integers(-500, 10_500, asked)
    for column in range(2):
        expected = np.interp(at, stamps, values[:, column])
        np.testing.assert_allclose(interpolate(stamps, values, at)[:, column], expected, atol=1e-9)
    found = nearest(stamps, at)
    assert [abs(stamps[i] - t) for i, t in zip(found, at, strict=True)] == [abs(stamps - t).min() for t in at]


def test_a_history_looks_back_in_equal_steps_to_the_instant_itself():
    assert lookback_ns(3, 0.05).tolist() == [100 * MS, 50 * MS, 0]
    assert lookback_ns(1, 0.05).tolist() == [0]


@quick
@given(world=st.integers(1, 6), each=st.integers(1, 5))
def test_shards_divide_a_batch_without_gap_or_overlap(world, each):
    rows = np.arange(world * each)
    parts = [rows[Shard(rank, world).rows(len(rows))] for rank in range(world)]
    assert np.concatenate(parts).tolist() == rows.tolist()
    assert {len(part) for part in parts} == {each}


@quick
@given(count=st.integers(0, 50), wanted=st.integers(1, 60))
def test_spaced_rows_are_different_and_include_both_ends(count, wanted):
    rows = spaced(np.arange(count), wanted)
    assert len(set(rows.tolist())) == len(rows) == min(count, wanted)
    if count and wanted > 1:
        assert (rows[0], rows[-1]) == (0, count - 1)


@quick
@given(seed=SEEDS, u=st.floats(0, 6))
def test_the_spline_is_the_hermite_spline_through_the_knots(seed, u):
    points = np.random.default_rng(seed).normal(0, 1, (7, 2))
    padded = np.vstack([points[:1], points, points[-1:]])  # the end knots are repeated
    slopes = (padded[2:] - padded[:-2]) / 2
    truth = CubicHermiteSpline(np.arange(7), points, slopes)
    value, slope = catmull_rom(points, u)
    np.testing.assert_allclose(value, truth(u), atol=1e-9)
    if 0 < u < 6:
        np.testing.assert_allclose(slope, truth(u, 1), atol=1e-7)


@quick
@given(seed=SEEDS, late_ms=st.integers(-200, 1500), limit=st.floats(0.0, 0.5))
def test_a_postponed_chunk_is_near_or_nearest_and_never_later_than_now(seed, late_ms, limit):
    rng = np.random.default_rng(seed)
    chunk = Chunk(-late_ms * MS, 100 * MS, rng.normal(0, 0.3, (16, 8)).cumsum(0))
    last = chunk.points[rng.integers(16)]
    found = postpone(chunk, last, 0, limit)
    delay = found.t0_ns - chunk.t0_ns
    assert delay % STEP_NS == 0
    assert 0 <= delay <= max(late_ms, 0) * MS

    def away(delay_ns):
        return float(np.sqrt(((chunk.at(np.array([-delay_ns])) - last)[0, :-1] ** 2).mean()))

    tried = [away(d) for d in range(0, max(late_ms, 0) * MS + 1, STEP_NS)]
    if min(tried) <= limit:
        assert delay == STEP_NS * next(i for i, distance in enumerate(tried) if distance <= limit)
    else:
        assert away(delay) == min(tried)


@quick
@given(steps=st.integers(1, 60), spacing=st.sampled_from(["uniform", "exponential"]))
def test_euler_times_increase_from_zero_and_integrate_a_straight_flow_exactly(steps, spacing):
    grid = euler(steps, spacing)
    times = [t for t, _ in grid]
    assert times[0] == 0.0
    assert all(a < b < 1.0 for a, b in itertools.pairwise(times))
    x, noise, clean = -2.0, -2.0, 5.0
    for (t, keep), after in zip(grid, [*times[1:], 1.0], strict=True):
        assert x == pytest.approx((1 - t) * noise + t * clean)
        x = keep * x + (1 - keep) * clean
        assert x == pytest.approx((1 - after) * noise + after * clean)


@quick
@given(seed=SEEDS)
def test_bad_trajectories_are_replaced_by_brute_force(seed):
    torch.manual_seed(seed)
    chunks, noise = torch.randn(3, 4, 5, 8) * 0.7, torch.randn(3, 4, 5, 8)
    chunks[torch.rand(3, 4) < 0.2] = float("nan")
    found = replace_bad(chunks.clone(), noise, jump_limit=1.6, range_limit=1.5)
    for b in range(3):
        good = [
            k
            for k in range(4)
            if np.isfinite(joints := chunks[b, k, :, :-1].numpy()).all()
            and np.abs(joints).max() <= 1.5
            and np.abs(np.diff(joints, axis=0)).max() <= 1.6
        ]
        assert (found.bad[b].item(), found.usable[b].item()) == (4 - len(good), bool(good))
        for k in range(4):
            if good:
                kept = k if k in good else good[0]
                torch.testing.assert_close(found.chunks[b, k], chunks[b, kept])
                torch.testing.assert_close(found.noise[b, k], noise[b, kept])


def test_the_learning_rate_warms_up_linearly_and_falls_as_a_cosine():
    stage = StageConfig("cfm", steps=110, batch=1, learning_rate=1.0, warmup_steps=10)
    optimiser = Optimiser(torch.nn.Linear(1, 1), stage, seed=0)

    def at(step):
        optimiser.step = step
        return optimiser.learning_rate()

    assert [at(step) for step in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])
    assert [at(step) for step in (10, 60, 110, 500)] == pytest.approx([1.0, 0.505, 0.01, 0.01])


@quick
@given(wins=st.integers(0, 12), losses=st.integers(0, 12), ties=st.integers(0, 5))
def test_the_paired_test_is_the_exact_sign_test(wins, losses, ties):
    first = [True] * wins + [False] * losses + [True] * ties
    second = [False] * wins + [True] * losses + [True] * ties
    expected = binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert mcnemar(first, second) == pytest.approx(expected)


@quick
@given(trials=st.integers(1, 300), seed=SEEDS)
def test_the_interval_is_wilsons(trials, seed):
    successes = int(np.random.default_rng(seed).integers(trials + 1))
    expected = binomtest(successes, trials).proportion_ci(0.95, "wilson")
    assert wilson(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-4)

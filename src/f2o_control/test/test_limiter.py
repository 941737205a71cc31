import numpy as np
import pytest
from f2o_control.braking import JointState
from f2o_control.limiter import TargetLimiter, Verdict
from f2o_control.reference import Reference
from f2o_control.testing.checker import PERIOD, violations
from f2o_nodekit.minimum_jerk import PEAK, minimum_jerk
from hypothesis import given, settings
from hypothesis import strategies as st

NUMBERS = st.one_of(
    st.floats(-4, 4),
    st.floats(-1e6, 1e6),
    st.sampled_from([0.0, 1e300, -1e300, 5e-324, float("nan"), float("inf"), float("-inf")]),
)
SEVEN = st.lists(NUMBERS, min_size=7, max_size=7).map(np.array)
SEGMENTS = st.lists(
    st.tuples(SEVEN, SEVEN, st.integers(1, 40), st.sampled_from(["follow", "brake"])), min_size=1, max_size=8
)


def run(limiter, segments, measure=lambda command: command):
    """Feed each (position, velocity, ticks, kind) and return every command and the verdicts."""
    out, verdicts = [limiter.state.position], Verdict.NONE
    for position, velocity, ticks, kind in segments:
        for _ in range(ticks):
            reference = Reference(position, velocity) if kind == "follow" else None
            command, verdict = limiter.step(reference, measure(out[-1]))
            out.append(command.state.position)
            verdicts |= verdict
    return np.array(out), verdicts


def limiter_at(robot, start=None):
    limiter = TargetLimiter(robot.limits(), PERIOD)
    limiter.reset(np.array(robot.home if start is None else start))
    return limiter


@given(segments=SEGMENTS)
@settings(max_examples=40, deadline=None)
def test_no_sequence_of_targets_leaves_any_limit(panda, segments):
    out, _ = run(limiter_at(panda), segments)
    assert violations(out) == []


@given(segments=SEGMENTS)
@settings(max_examples=20, deadline=None)
def test_no_command_leads_a_stuck_arm_by_more_than_allowed(panda, segments):
    start = np.array(panda.home)
    out, _ = run(limiter_at(panda), segments, measure=lambda command: start)
    assert np.abs(out - start).max() <= panda.max_lead + 1e-6
    assert violations(out) == []


@given(segments=SEGMENTS, outside=st.lists(st.floats(-0.3, 0.3), min_size=7, max_size=7))
@settings(max_examples=20, deadline=None)
def test_an_arm_found_outside_its_limits_is_only_moved_inwards(panda, segments, outside):
    limits = panda.limits()
    start = np.where(np.array(outside) > 0, limits.upper, limits.lower) + np.array(outside)
    out, _ = run(limiter_at(panda, start), segments)
    assert violations(out, start=start) == []


@pytest.mark.parametrize("profile", ["cautious", "normal", "full"])
@pytest.mark.parametrize("kind", ["jumps", "edges", "sawtooth"])
def test_a_long_fuzz_keeps_every_limit(robot, kind, profile):
    rng, limits = np.random.default_rng(7), robot.limits(profile)
    limiter = TargetLimiter(limits, PERIOD)
    limiter.reset(np.array(robot.home))
    out = [limiter.state.position]
    for tick in range(600):
        if kind == "jumps" and tick % 3 == 0:
            q, v = rng.uniform(-4, 4, 7), rng.uniform(-4, 4, 7)
        elif kind == "edges" and tick % 25 == 0:
            q, v = np.where(rng.random(7) < 0.5, limits.lower, limits.upper), rng.uniform(-9, 9, 7)
        elif kind == "sawtooth":
            q, v = np.array(robot.home) + (tick % 40) * 0.02, np.full(7, 2.5)
        out.append(limiter.step(Reference(q, v), out[-1])[0].state.position)
    assert violations(out, robot.name, profile=profile) == []


@pytest.mark.parametrize("lie", [np.nan, np.inf, 0.5, -7.0])
def test_the_guard_keeps_the_limits_whatever_the_planner_proposes(panda, lie, monkeypatch):
    limiter = limiter_at(panda)
    goal = np.array(panda.home) + 0.2
    out, _ = run(limiter, [(goal, np.zeros(7), 20, "follow")])
    monkeypatch.setattr(
        TargetLimiter,
        "_propose",
        lambda self, goal, share: JointState(
            self.state.position + lie, self.state.velocity, self.state.acceleration
        ),
    )
    more, verdicts = run(limiter, [(goal, np.zeros(7), 100, "follow")])
    assert violations([*out, *more[1:]]) == []
    assert Verdict.GUARDED in verdicts
    assert limiter.at_rest


def full_speed_ahead(limiter, goal, share):
    """A planner that keeps acceleration and jerk, and knows neither velocity nor position limits."""
    now, limits, dt = limiter.state, limiter._limits, PERIOD
    a = np.minimum(now.acceleration + limits.jerk * dt, limits.acceleration)
    v = now.velocity + (now.acceleration + a) / 2 * dt
    return JointState(now.position + now.velocity * dt + (2 * now.acceleration + a) / 6 * dt**2, v, a)


def sudden(limiter, goal, share):
    """A planner whose velocity jumps while its position does not."""
    now, limits = limiter.state, limiter._limits
    v = np.where(now.velocity > 0, 0.0, 3 * limits.acceleration * PERIOD)
    return JointState(now.position + now.velocity * PERIOD, v, np.zeros(7))


@pytest.mark.parametrize("planner", [full_speed_ahead, sudden])
@pytest.mark.parametrize("room", [0.05, 10.0])
def test_the_guard_keeps_the_limits_of_a_planner_that_does_not(panda, planner, room, monkeypatch):
    limits = panda.limits()
    limiter = limiter_at(panda, np.maximum(limits.upper - room, limits.lower))
    monkeypatch.setattr(TargetLimiter, "_propose", planner)
    out, verdicts = run(limiter, [(limits.upper, np.zeros(7), 400, "follow")])
    assert violations(out) == []
    assert Verdict.GUARDED in verdicts


def test_without_a_plan_the_arm_brakes(panda, monkeypatch):
    limiter = limiter_at(panda)
    goal = np.array(panda.home) + 0.2
    out, _ = run(limiter, [(goal, np.zeros(7), 20, "follow")])
    monkeypatch.setattr(TargetLimiter, "_propose", lambda self, goal, share: None)
    more, verdicts = run(limiter, [(goal, np.zeros(7), 60, "follow")])
    assert Verdict.NO_PLAN in verdicts and limiter.at_rest
    assert violations([*out, *more[1:]]) == []


def smooth(t, span):
    """0 to 1 and back within 2 ``span`` seconds, minimum jerk, and its rate."""
    u = t % (2 * span) / span
    sign = 1 if u <= 1 else -1
    u = u if u <= 1 else 2 - u
    share, rate = minimum_jerk(u)
    return share, sign * rate / span


def test_a_legal_trajectory_is_tracked_without_lag(robot, record_property):
    limits, home = robot.limits(), np.array(robot.home)
    amplitude = 0.9 * np.minimum(limits.velocity * 1.2 / PEAK, limits.acceleration * 1.44 / 5.78)
    amplitude = np.minimum(amplitude, 0.4) * np.array([1, 1, -1, 1, 1, 1, -1])
    limiter = limiter_at(robot)
    commands, wanted, rates = [], [], []
    for tick in range(1, 1200):
        s, rate = smooth(tick * PERIOD, 1.2)
        reference = Reference(home + amplitude * s, amplitude * rate)
        commands.append(limiter.step(reference, limiter.state.position)[0].state.position)
        wanted.append(reference.position)
        rates.append(reference.velocity)
    error, rates = np.array(commands) - np.array(wanted), np.array(rates)
    lag_ms = -1e3 * (error * rates).sum() / (rates * rates).sum()
    record_property("lag_ms", lag_ms)
    record_property("max_error_mrad", 1e3 * np.abs(error).max())
    assert abs(lag_ms) < 0.1
    assert np.abs(error).max() < 1e-4


def test_a_jump_is_made_on_a_straight_way(panda, home):
    limiter, goal = limiter_at(panda), home + np.array([0.28, 0.05, 0.0, 0.2, 0.0, 0.1, -0.25])
    out, _ = run(limiter, [(goal, np.zeros(7), 150, "follow")])
    way = (goal - home) / np.linalg.norm(goal - home)
    aside = (out - home) - np.outer((out - home) @ way, way)
    assert np.linalg.norm(aside, axis=1).max() < 0.015  # each joint for itself: 0.061
    assert np.allclose(out[-1], goal)


def test_the_verdict_says_what_was_done(panda, home):
    still = np.zeros(7)
    limiter = limiter_at(panda)
    assert limiter.step(Reference(home, still), home)[1] is Verdict.NONE
    assert limiter.step(None, home)[1] is Verdict.BRAKING
    assert Verdict.NOT_FINITE in limiter.step(Reference(home * np.nan, still), home)[1]
    assert Verdict.POSITION in limiter.step(Reference(home + 9, still), home)[1]
    assert Verdict.LEAD in limiter.step(Reference(home + 0.5, still), home)[1]
    assert Verdict.VELOCITY in limiter.step(Reference(home, still + 9), home)[1]
    assert Verdict.LAGGING in limiter.step(Reference(home + 0.2, still), home)[1]


def test_nothing_moves_before_a_target(panda, home):
    limiter = limiter_at(panda)
    assert limiter.at_rest
    assert np.array_equal(limiter.command(0.5).state.position, home)
    assert limiter.command(0.5).duration_s == 0.5

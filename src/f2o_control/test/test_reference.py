import numpy as np
import pytest
from f2o_control.limiter import TargetLimiter
from f2o_control.reference import MAX_LAG_S, PathTimeScaling, ReferenceTrack
from f2o_control.target import Target

MS = 1_000_000


def target(q, due_ms, v=None):
    velocity = None if v is None else np.full(7, v)
    return Target(np.full(7, q), velocity, 0.0, due_ms * MS, 0, "policy")


def test_nothing_before_the_first_target():
    track = ReferenceTrack(max_extrapolation_s=0.05)
    assert track.at(0) is None
    track.update(target(1.0, 0))
    track.restart()
    assert track.at(0) is None


def test_a_target_is_carried_along_its_velocity_but_not_for_ever():
    track = ReferenceTrack(max_extrapolation_s=0.05)
    track.update(target(1.0, 100, v=2.0))
    for at_ms, q, v in ((100, 1.0, 2.0), (110, 1.02, 2.0), (90, 0.98, 2.0), (150, 1.1, 2.0), (400, 1.1, 0.0)):
        reference = track.at(at_ms * MS)
        assert np.allclose(reference.position, q)
        assert np.allclose(reference.velocity, v)


def test_a_velocity_that_is_not_given_is_the_difference_to_a_target_some_ticks_ago():
    track = ReferenceTrack(max_extrapolation_s=0.05)
    track.update(target(1.0, 100))
    assert np.allclose(track.at(110 * MS).position, 1.0)
    track.update(target(1.008, 108))  # too near in time to tell a velocity
    assert np.allclose(track.at(116 * MS).position, 1.008)
    track.update(target(1.03, 130))
    assert np.allclose(track.at(140 * MS).position, 1.03 + 0.01 * 0.022 / 0.022)
    track.update(target(3.1, 500))  # too long ago to mean a motion
    assert np.allclose(track.at(510 * MS).position, 3.1)


def test_late_stamps_do_not_make_a_velocity():
    track, wrong = ReferenceTrack(max_extrapolation_s=0.05), []
    for tick in range(100):
        late_ms = 5 if tick % 7 == 3 else 0
        track.update(target(0.2 * tick * 0.008, tick * 8 + late_ms))
        wrong.append(abs(track.at((tick * 8 + 12) * MS).velocity[0] - 0.2))
    assert max(wrong[5:]) < 0.06


def test_between_two_targets_the_path_is_straight():
    track = ReferenceTrack(max_extrapolation_s=0.05)
    for due_ms, q in ((100, 1.0), (108, 1.1), (116, 1.3)):
        track.update(target(q, due_ms, v=0.0))
    for at_ms, q, v in ((104, 1.05, 12.5), (112, 1.2, 25.0), (108, 1.1, 25.0), (50, 1.0, 0.0)):
        reference = track.at(at_ms * MS)
        assert np.allclose(reference.position, q) and np.allclose(reference.velocity, v)


def curve(home, phase):
    """A path of several joints whose shape tells where one joint ran ahead of another."""
    s = (1 - np.cos(min(phase, 2 * np.pi))) / 2
    return home + np.array([1.5, 0.6, 0.0, -0.3, 0.5, 0.0, 0.6]) * np.array([s, s**2, 0, s**2, s, 0, s**3])


@pytest.mark.parametrize(("period_s", "aside_mrad"), [(8.0, 1.0), (4.0, 1.0), (3.33, 2.0)])
def test_targets_that_are_too_fast_slow_the_arm_along_their_path(panda, home, period_s, aside_mrad):
    """The last two move at 1.1 and 1.3 times the velocity limit; without the clock the arm is 13 and 71 mrad aside."""
    limits, track = panda.limits(), ReferenceTrack(max_extrapolation_s=0.05)
    clock, limiter = PathTimeScaling(limits, 0.008), TargetLimiter(limits, 0.008)
    limiter.reset(home)
    path, aside, behind = np.array([curve(home, p) for p in np.linspace(0, np.pi, 3000)]), [], []
    for tick in range(round(period_s / 0.008) + 200):
        positions = curve(home, 2 * np.pi * tick * 0.008 / period_s)
        track.update(Target(positions, None, 0.0, tick * 8 * MS, 0, "policy"))
        command, _ = limiter.step(clock.next(track, tick * 8 * MS), limiter.state.position)
        aside.append(np.linalg.norm(path - command.state.position, axis=1).min())
        behind.append(clock.lag_s)
    assert 1e3 * max(aside) < aside_mrad
    assert max(behind) < MAX_LAG_S and behind[-1] < 0.01
    assert (max(behind) > 0) == (period_s < 8)
    assert np.allclose(limiter.state.position, home, atol=1e-3)
    clock.lag_s = 0.2
    clock.restart()
    assert clock.lag_s == 0.0

import numpy as np
from f2o_control.reference import ReferenceTrack
from f2o_control.target import Target

MS = 1_000_000


def target(q, due_ms, v=None):
    velocity = None if v is None else np.full(7, v)
    return Target(np.full(7, q), velocity, 0.0, due_ms * MS, 0, "policy")


def test_nothing_before_the_first_target():
    track = ReferenceTrack(reach_s=0.05)
    assert track.at(0) is None
    track.update(target(1.0, 0))
    track.restart()
    assert track.at(0) is None


def test_a_target_is_carried_along_its_velocity_but_not_for_ever():
    track = ReferenceTrack(reach_s=0.05)
    track.update(target(1.0, 100, v=2.0))
    for at_ms, q, v in ((100, 1.0, 2.0), (110, 1.02, 2.0), (90, 0.98, 2.0), (150, 1.1, 2.0), (400, 1.1, 0.0)):
        reference = track.at(at_ms * MS)
        assert np.allclose(reference.position, q)
        assert np.allclose(reference.velocity, v)


def test_a_velocity_that_is_not_given_is_the_difference_to_a_target_some_ticks_ago():
    track = ReferenceTrack(reach_s=0.05)
    track.update(target(1.0, 100))
    assert np.allclose(track.at(110 * MS).position, 1.0)
    track.update(target(1.008, 108))  # too near in time to tell a velocity
    assert np.allclose(track.at(116 * MS).position, 1.008)
    track.update(target(1.03, 130))
    assert np.allclose(track.at(140 * MS).position, 1.03 + 0.01 * 0.022 / 0.022)
    track.update(target(3.1, 500))  # too long ago to mean a motion
    assert np.allclose(track.at(510 * MS).position, 3.1)


def test_late_stamps_do_not_make_a_velocity():
    track, wrong = ReferenceTrack(reach_s=0.05), []
    for tick in range(100):
        late_ms = 5 if tick % 7 == 3 else 0
        track.update(target(0.2 * tick * 0.008, tick * 8 + late_ms))
        wrong.append(abs(track.at((tick * 8 + 12) * MS).velocity[0] - 0.2))
    assert max(wrong[5:]) < 0.06

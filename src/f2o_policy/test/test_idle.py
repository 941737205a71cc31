"""Pauses within a demonstration are shortened, and everything after them moves forward together."""

import numpy as np
from f2o_perception.frames import Observation
from f2o_policy.data.idle import cut, pauses

MS = 1_000_000


def demonstration():
    """Motion 0-100 ms, a pause until 600 ms, motion until 700 ms; observed every 50 ms."""
    stamps = np.arange(71) * 10 * MS
    commands = np.zeros((71, 8))
    commands[:, 0] = np.interp(stamps / MS, [0, 100, 600, 700], [0.0, 1.0, 1.0, 2.0])
    seen = [
        Observation(
            stamp_ros_ns=t * MS, view_names=("front",), view_stamps_ros_ns=np.array([t * MS - 7]),
            rgb=np.zeros((1, 2, 2, 3), np.uint8), depth_mm=np.zeros((1, 2, 2), np.uint16),
            points=np.zeros((4, 3), np.float32), joint_names=("j",) * 7, joint_positions=np.full(7, float(t)),
            joint_velocities=np.zeros(7), gripper_width=0.08, max_skew_ns=7,
        )
        for t in range(0, 701, 50)
    ]  # fmt: skip
    return seen, stamps, commands


def test_the_middle_of_a_long_pause_is_cut():
    _, stamps, commands = demonstration()
    assert pauses(stamps, commands, 200 * MS) == [(200 * MS, 500 * MS)]
    assert pauses(stamps, commands, 600 * MS) == []


def test_what_follows_moves_forward_and_keeps_its_skew():
    seen, stamps, commands, lost = cut(*demonstration(), 200 * MS)
    assert lost == 300 * MS
    assert (np.diff(stamps) > 0).all()
    assert stamps[-1] == 400 * MS
    assert commands[-1, 0] == 2.0
    # Nothing jumps: the way itself is whole.
    assert np.abs(np.diff(commands[:, 0])).max() < 0.11
    assert [o.stamp_ros_ns // MS for o in seen] == [0, 50, 100, 150, 200, 250, 300, 350, 400]
    assert [o.joint_positions[0] for o in seen[-3:]] == [600.0, 650.0, 700.0]
    assert all(o.stamp_ros_ns - o.view_stamps_ros_ns[0] == 7 for o in seen)


def test_without_a_long_pause_nothing_changes():
    given = demonstration()
    seen, stamps, commands, lost = cut(*given, 10**12)
    assert seen is given[0]
    assert lost == 0
    assert stamps is given[1]
    assert commands is given[2]

import numpy as np
import pytest
from f2o_perception.sync import Drop, Synchroniser
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import MS, PERIOD_NS, VIEWS, config, frame, gripper, joints

WRIST, LEFT, RIGHT = VIEWS


class Rig:
    """A synchroniser with the robot's state already there, and every set that came out of it."""

    def __init__(self, on_arm=(WRIST,), robot_until_ms=1000, **changes):
        self.sync = Synchroniser(config(**changes), on_arm)
        self.sets = []
        self.gripper(0)
        for ms in range(0, robot_until_ms + 1, 8):
            self.joints(ms)

    def frame(self, view, ms, **kwargs):
        return self._keep(self.sync.push_frame(frame(view, round(ms * MS), **kwargs)))

    def joints(self, ms, value=None):
        sample = joints(round(ms * MS), np.full(7, ms * 1e-3 if value is None else value))
        return self._keep(self.sync.push_joints(sample))

    def gripper(self, ms):
        return self._keep(self.sync.push_gripper(gripper(round(ms * MS))))

    def drops(self):
        return {(source, str(reason)): n for (source, reason), n in self.sync.drops.items() if n}

    def _keep(self, out):
        if out is not None:
            self.sets.append(out)
        return out


def test_equal_stamps_make_a_set_at_the_last_frame():
    rig = Rig()
    assert rig.frame(WRIST, 100) is None
    assert rig.frame(RIGHT, 100) is None
    out = rig.frame(LEFT, 100)
    assert [f.view for f in out.frames] == list(VIEWS)
    assert out.stamp_ros_ns == 100 * MS
    assert out.max_skew_ns == 0
    np.testing.assert_allclose(out.joints.positions, 0.1)
    assert out.gripper_width == 0.04


def test_the_nearest_frame_of_each_view_is_taken_and_the_skew_told():
    rig = Rig()
    for view, ms in ((LEFT, 90), (RIGHT, 71), (RIGHT, 104.5), (WRIST, 100)):
        rig.frame(view, ms)
    (out,) = rig.sets
    assert [f.stamp_ros_ns // MS for f in out.frames] == [100, 90, 104]
    assert out.max_skew_ns == 10 * MS


@pytest.mark.parametrize(("skew_ms", "complete"), [(5, True), (5.01, False), (-5, True), (-5.01, False)])
def test_the_tolerance_is_inclusive_on_both_sides(skew_ms, complete):
    rig = Rig(max_skew_s=0.005)
    for view, ms in ((LEFT, 100 + skew_ms), (RIGHT, 100), (WRIST, 100)):
        rig.frame(view, ms)
    assert bool(rig.sets) == complete
    if not complete:
        assert rig.drops() == {(LEFT, "no_partner"): 1}


def test_a_frame_too_early_waits_for_a_nearer_one_when_the_tolerance_is_wide():
    rig = Rig(max_skew_s=0.03)
    rig.frame(RIGHT, 100)
    rig.frame(LEFT, 75)
    assert rig.frame(WRIST, 100) is None  # 25 ms away: the next one, due at 108, will be nearer
    out = rig.frame(LEFT, 108)
    assert out.frames[1].stamp_ros_ns == 108 * MS


def test_if_the_nearer_frame_never_comes_the_far_one_serves_after_the_wait():
    rig = Rig(max_skew_s=0.03, max_age_s=0.05)
    rig.frame(RIGHT, 100)
    rig.frame(LEFT, 75)
    rig.frame(WRIST, 100)
    rig.frame(WRIST, 133)
    out = rig.frame(WRIST, 166)
    assert [f.stamp_ros_ns // MS for f in out.frames] == [100, 75, 100]


def test_the_arm_is_known_at_the_stamp_of_the_frame_it_carries():
    rig = Rig(on_arm=(LEFT,))
    for view, ms in ((RIGHT, 100), (WRIST, 100), (LEFT, 112)):
        rig.frame(view, ms)
    (out,) = rig.sets
    assert out.arm_at_frames[0] is None
    np.testing.assert_allclose(out.arm_at_frames[1], 0.112)
    np.testing.assert_allclose(out.joints.positions, 0.100)


def test_a_reference_waits_for_the_joint_state_after_it():
    rig = Rig(robot_until_ms=96)
    for view in VIEWS:
        assert rig.frame(view, 100) is None
    out = rig.joints(104)
    np.testing.assert_allclose(out.joints.positions, 0.1)


def test_after_the_wait_the_joints_are_extrapolated_a_little():
    rig = Rig(robot_until_ms=96)
    for view in VIEWS:
        rig.frame(view, 100)
    out = rig.frame(WRIST, 133)
    assert out.stamp_ros_ns == 100 * MS
    np.testing.assert_allclose(out.joints.positions, 0.096)  # velocities said to be 0


def test_joints_too_far_away_drop_the_reference():
    rig = Rig(robot_until_ms=80)
    for view in VIEWS:
        rig.frame(view, 100)
    assert rig.frame(WRIST, 133) is None
    assert rig.drops() == {("joints", "no_joints"): 1}


def test_without_a_gripper_there_is_no_set():
    sync = Synchroniser(config())
    for ms in (96, 104):
        sync.push_joints(joints(ms * MS))
    for view in VIEWS:
        sync.push_frame(frame(view, 100 * MS))
    sync.push_frame(frame(WRIST, 133 * MS))
    assert sync.drops == {("gripper", Drop.NO_GRIPPER): 1}


def test_a_gripper_state_can_complete_a_set():
    sync = Synchroniser(config())
    for ms in (96, 104):
        sync.push_joints(joints(ms * MS))
    for view in VIEWS:
        sync.push_frame(frame(view, 100 * MS))
    assert sync.push_gripper(gripper(99 * MS)) is not None


def test_a_view_that_stops_is_blamed_for_every_reference():
    rig = Rig()
    for k in range(20):
        ms = 100 + 33 * k
        for view in (WRIST, RIGHT) if k >= 3 else VIEWS:
            rig.frame(view, ms)
    assert len(rig.sets) == 3
    assert set(rig.drops()) == {(LEFT, "no_partner")}
    assert rig.drops()[LEFT, "no_partner"] == 20 - 3 - 8  # eight are still within max_age_s


def test_a_view_that_comes_back_is_used_at_once():
    rig = Rig()
    for k in range(9):
        for view in (WRIST, RIGHT) if 2 <= k < 6 else VIEWS:
            rig.frame(view, 100 + 33 * k)
    assert [s.stamp_ros_ns // MS for s in rig.sets] == [100, 133, 298, 331, 364]
    assert rig.drops() == {(LEFT, "no_partner"): 4}  # seen as soon as a later frame of the view has come


def test_the_newest_complete_set_wins_and_the_older_is_counted():
    rig = Rig(robot_until_ms=96)
    for ms in (100, 110):
        for view in VIEWS:
            rig.frame(view, ms)
    out = rig.joints(112)
    assert out.stamp_ros_ns == 110 * MS
    assert rig.drops() == {(WRIST, "superseded"): 1}


def test_an_older_set_does_not_wait_for_a_newer_reference():
    rig = Rig()
    rig.frame(WRIST, 100)
    rig.frame(WRIST, 133)
    rig.frame(LEFT, 100)
    assert rig.frame(RIGHT, 100).stamp_ros_ns == 100 * MS
    rig.frame(LEFT, 133)
    assert rig.frame(RIGHT, 133).stamp_ros_ns == 133 * MS


def test_duplicates_and_late_frames_are_dropped_and_counted():
    rig = Rig()
    for view, ms in ((LEFT, 100), (LEFT, 100), (LEFT, 90), (RIGHT, 100), (WRIST, 100), (WRIST, 100)):
        rig.frame(view, ms)
    rig.joints(500)
    assert len(rig.sets) == 1
    assert rig.drops() == {
        (LEFT, "duplicate"): 1,
        (LEFT, "out_of_order"): 1,
        (WRIST, "duplicate"): 1,
        ("joints", "out_of_order"): 1,
    }


def play(rig, start_ms, count):
    for k in range(count):
        now = start_ms + 33 * k
        rig.gripper(now - 5)
        for ms in range(now - 24, now + 9, 8):
            rig.joints(ms)
        for view in VIEWS:
            rig.frame(view, now)


def test_a_clock_that_goes_back_starts_anew_and_is_counted_once():
    rig = Rig(robot_until_ms=0)
    play(rig, 5000, 4)
    play(rig, 100, 4)  # a bag that loops
    assert [s.stamp_ros_ns // MS for s in rig.sets] == [5000, 5033, 5066, 5099, 100, 133, 166, 199]
    assert rig.sync.clock_resets == 1


def test_a_straggler_of_the_old_clock_does_not_block_the_new_one():
    rig = Rig(robot_until_ms=0)
    play(rig, 5000, 2)
    play(rig, 100, 1)
    rig.frame(LEFT, 5066)  # was still under way
    play(rig, 133, 3)
    assert [s.stamp_ros_ns // MS for s in rig.sets][-2:] == [166, 199]
    assert rig.sync.clock_resets == 2


def test_a_small_step_back_is_a_new_clock_at_the_third_frame():
    rig = Rig()
    for ms in (400, 200, 233, 266):
        rig.frame(LEFT, ms)
    assert rig.sync.clock_resets == 1
    assert rig.drops() == {(LEFT, "out_of_order"): 2}


def test_one_wrong_clock_does_not_stop_the_counting_of_the_others():
    rig = Rig(robot_until_ms=3000)
    for k in range(30):
        rig.frame(WRIST, 100 + 33 * k)
        rig.frame(RIGHT, 100 + 33 * k)
        rig.frame(LEFT, 60_000 + 33 * k)
    assert not rig.sets
    assert rig.drops() == {(LEFT, "no_partner"): 30}
    assert rig.sync.clock_resets == 0


def test_buffers_are_bounded_when_nothing_ever_fits():
    rig = Rig(robot_until_ms=0)
    for k in range(500):
        for view in (LEFT, RIGHT):
            rig.frame(view, 100 + 33 * k)
    assert max(len(frames) for frames in rig.sync._frames.values()) <= 16


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_order_of_arrival_between_streams_does_not_change_what_comes_out(data):
    """Jittered views, joints and gripper, shuffled between the streams but not within one, by up to 15 ms."""
    jitter = st.integers(-2 * MS, 2 * MS)
    events = []
    for k in range(3, 9):
        for phase, view in enumerate(VIEWS):
            stamp = k * PERIOD_NS + phase * 5 * MS + data.draw(jitter)
            events.append((stamp, "push_frame", frame(view, stamp)))
    events += [(t, "push_joints", joints(t, np.full(7, t * 1e-9))) for t in range(50 * MS, 330 * MS, 8 * MS)]
    events += [(t, "push_gripper", gripper(t, t * 1e-10)) for t in range(50 * MS, 330 * MS, 67 * MS)]
    events.sort(key=lambda event: event[0])

    def run(delays):
        order = sorted(events, key=lambda event: event[0] + delays[_stream(event)])
        sync = Synchroniser(config(), (WRIST,))
        sets = [getattr(sync, push)(item) for _, push, item in order]
        return {s.stamp_ros_ns: s for s in sets if s is not None}

    plain = run(dict.fromkeys((*VIEWS, "push_joints", "push_gripper"), 0))
    late = {
        view: data.draw(st.integers(20 * MS, 35 * MS)) for view in VIEWS
    }  # images come after the robot's state
    shuffled = run({**late, "push_joints": data.draw(st.integers(0, 15 * MS)), "push_gripper": 0})
    assert plain
    for stamp in plain.keys() & shuffled.keys():
        a, b = plain[stamp], shuffled[stamp]
        assert [f.stamp_ros_ns for f in a.frames] == [f.stamp_ros_ns for f in b.frames]
        np.testing.assert_array_equal(a.joints.positions, b.joints.positions)
        assert a.gripper_width == b.gripper_width
    assert len(shuffled) >= len(plain) - 1


def _stream(event):
    return event[2].view if event[1] == "push_frame" else event[1]

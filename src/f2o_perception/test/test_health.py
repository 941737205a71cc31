"""What the status says of streams that come: 'ok' is said of Observations, and a cause has its size."""

import numpy as np
import pytest
from f2o_perception.frames import GripperSample, JointSample, RgbdFrame
from f2o_perception.kinematics import ForwardKinematics
from f2o_perception.pipeline import ObservationPipeline
from f2o_perception.sentences import span
from scenes import CALIBRATION, MS, VIEWS, FakeClock, config, frame, gripper, joints

WRIST, LEFT, RIGHT = VIEWS
PANDA = ForwardKinematics()
T0 = 1_000 * 10**9  # [ns], ROS time of the beginning
EVERY_MS = {"joints": 8, "gripper": 64, **dict.fromkeys(VIEWS, 32)}
LATENCY_MS = {"joints": 0, "gripper": 0, **dict.fromkeys(VIEWS, 20)}


def truth(stamp_ns):
    """The arm at a time [rad]: it turns, so that joints of another time show."""
    return np.full(7, (stamp_ns - T0) * 1e-9)


class Cell:
    """Cameras and a robot in true time; ``shift_ms`` is what each clock is ahead, ``here_ms`` this PC's."""

    def __init__(self, here_ms=0, late_ms=None, every_ms=None, stamp=None, known=True, **shift_ms):
        self.clock = FakeClock()
        self.pipeline = ObservationPipeline(config(joint_wait_s=0.1), CALIBRATION, PANDA, self.clock)
        self.shift_ms, self.here_ms, self.known = shift_ms, here_ms, known
        self.latency_ms, self.every_ms = LATENCY_MS | (late_ms or {}), EVERY_MS | (every_ms or {})
        self.stamp = stamp or (lambda source, ns: ns)
        self.out = []

    def run(self, seconds=3.0):
        events = [
            (taken_ms + self.latency_ms[source], source, taken_ms)
            for source, every_ms in self.every_ms.items()
            for taken_ms in range(0, round(seconds * 1e3), every_ms)
        ]
        begin = self.clock.now_ns
        for arrival_ms, source, taken_ms in sorted(events):
            self.clock.now_ns = begin + arrival_ms * MS
            self.push(source, T0 + taken_ms * MS, T0 + arrival_ms * MS)
        return self.pipeline.status()

    def push(self, source, taken_ns, arrived_ns):
        stamp = self.stamp(source, taken_ns + self.shift_ms.get(source, 0) * MS)
        ahead = stamp - arrived_ns - self.here_ms * MS if self.known else None
        if source == "joints":
            sample = JointSample(stamp, joints(0).names, truth(taken_ns), np.ones(7), ahead)
            out = self.pipeline.push_joints(sample)
        elif source == "gripper":
            out = self.pipeline.push_gripper(GripperSample(stamp, gripper(0).width_m, ahead))
        else:
            one = frame(source, stamp)
            out = self.pipeline.push_frame(
                RgbdFrame(source, stamp, one.rgb, one.depth_mm, one.intrinsics, ahead)
            )
        self.out += [] if out is None else [out]


def test_streams_that_fit_are_ok():
    status = Cell().run()
    assert (status.level, status.problems, status.observations) == (0, (), 94)
    assert status.streams["joints"].offset_ms == 0
    assert status.streams[WRIST].offset_ms == pytest.approx(-20)


@pytest.mark.parametrize("shift_ms", [21, 240, 3000, 100_000])
@pytest.mark.parametrize("source", ["joints", "gripper"])
def test_a_robot_whose_clock_is_ahead_is_never_joined(source, shift_ms):
    cell = Cell(**{source: shift_ms})
    status = cell.run()
    assert cell.out == []
    size = f"stamps of {source} are {span(shift_ms * MS)} ahead of their arrival; 20 ms is the most"
    assert status.level == 2
    assert status.problems[0].startswith("no observation for 3.0 s although every stream comes: ")
    assert size in status.problems[0]


@pytest.mark.parametrize("shift_ms", [50, 240, 3000])
@pytest.mark.parametrize("view", VIEWS)
def test_a_camera_whose_clock_is_ahead_is_never_joined(view, shift_ms):
    cell = Cell(**{view: shift_ms})
    status = cell.run()
    assert cell.out == []
    assert status.level == 2
    assert f"stamps of {view} are {span((shift_ms - 20) * MS)} ahead of their arrival" in status.problems[0]


def test_whatever_is_ahead_within_the_limit_is_at_most_as_wrong_as_that():
    cell = Cell(joints=18)
    assert cell.run().level == 0
    wrong = [abs(seen.joint_positions - truth(seen.stamp_ros_ns)).max() for seen in cell.out]
    assert max(wrong) == pytest.approx(0.018)  # [rad] at 1 rad/s


BEHIND = {
    "joints are 184 ms behind the cameras; 110 ms is the most": {"joints": -200},
    "joints are 1.98 s behind the cameras; 110 ms is the most": {"joints": -2000},
    "the gripper is 1.5": {"gripper": -1500},
    "external_1 is 600 ms behind wrist; 250 ms is the most": {LEFT: -600},
    "the nearest frame of external_2 is 16 ms from the frame of wrist; 5 ms is the most": {RIGHT: -16},
}


@pytest.mark.parametrize("sentence", BEHIND)
def test_what_is_too_late_is_named_with_size_and_limit(sentence):
    cell = Cell(**BEHIND[sentence])
    cell.pipeline = ObservationPipeline(
        config(joint_wait_s=0.1, max_skew_s=0.005), CALIBRATION, PANDA, cell.clock
    )
    status = cell.run()
    assert (cell.out, status.level) == ([], 2)
    assert sentence in status.problems[0]


def test_both_clocks_are_told_beside_the_lag():
    (problem,) = Cell(joints=-200).run().problems
    assert problem.endswith(" (its stamps are 200 ms before their arrival, those of wrist 20 ms before it)")


def test_without_arrivals_the_lag_is_told_all_the_same():
    (problem,) = Cell(joints=-200, known=False).run().problems
    assert problem.endswith("joints are 184 ms behind the cameras; 110 ms is the most")


@pytest.mark.parametrize(
    ("shift", "problem"),
    [
        (
            {"joints": -80},
            "joints: stamps are 80 ms before their arrival: a slow link, or two clocks that differ",
        ),
        ({"gripper": -700}, "gripper: stamps are 700 ms before their arrival: a slow link, or two clocks"),
        (
            {LEFT: -96},
            "external_1: its frames come 96 ms later than those of wrist: a slow camera, or two clocks",
        ),
    ],
)
def test_what_is_late_and_still_joined_is_a_warning(shift, problem):
    cell = Cell(**shift)
    status = cell.run()
    assert len(cell.out) > 80
    assert status.level == 1
    assert status.problems[0].startswith(problem)


@pytest.mark.parametrize(
    ("here_ms", "problem"),
    [
        (-3000, "stamps of every stream are 2.98 s or more ahead of their arrival: set this PC's clock"),
        (
            3 * 86_400_000,
            "stamps of every stream are 3.0 days or more before their arrival: a bag needs /clock and use_sim_time, "
            "else two clocks differ",
        ),
    ],
)
def test_clocks_that_agree_with_each_other_are_joined_whatever_this_pc_says(here_ms, problem):
    cell = Cell(here_ms=here_ms)
    status = cell.run()
    assert (len(cell.out), status.level, status.problems) == (94, 1, (problem,))


def test_frames_that_are_lost_in_part_are_a_warning_with_the_share():
    status = Cell(every_ms={LEFT: 64}).run()
    assert status.level == 1
    share, _, why = status.problems[0].partition(" frames gave no observation: ")
    assert share in ("30 of the last 60", "31 of the last 60")
    assert why == "the nearest frame of external_1 is 32 ms from the frame of wrist; 16.7 ms is the most"


def test_joint_states_too_far_apart_are_named():
    status = Cell(every_ms={"joints": 160}).run()
    assert "joint states are 160 ms apart; 100 ms is the most" in status.problems[0]


STILL = {
    "joints": "joints: joint states come, their stamps have not advanced for 3.0 s",
    "gripper": "gripper: gripper states come, their stamps have not advanced for 3.0 s",
    WRIST: "wrist: frames come, their stamps have not advanced for 3.0 s",
    LEFT: "external_1: frames come, their stamps have not advanced for 3.0 s",
}


@pytest.mark.parametrize("source", STILL)
def test_stamps_that_stand_still_are_named(source):
    cell = Cell(stamp=lambda name, ns: T0 if name == source else ns)
    status = cell.run()
    assert (status.level, status.problems) == (2, (STILL[source],))
    assert status.streams[source].level == 2


def test_stamps_of_zero_are_named():
    status = Cell(stamp=lambda name, ns: 0 if name == "gripper" else ns).run()
    told = "gripper: messages come, their stamps are 0: the driver does not stamp them"
    assert (status.level, status.problems) == (2, (told,))


def test_two_clocks_on_one_topic_are_named():
    cell = Cell(stamp=lambda name, ns: ns - (ns // (8 * MS) % 2) * 2000 * MS if name == "joints" else ns)
    status = cell.run()
    assert status.level == 2
    cause = "stamps of joints go back again and again: two publishers or two clocks on its topic"
    assert status.problems[0].endswith(cause)


def test_nothing_is_said_in_the_first_second():
    cell = Cell(joints=-200, known=False)
    assert cell.run(0.9).level == 0
    assert cell.run(0.9).level == 2


def test_all_is_well_again_when_it_is():
    cell = Cell(joints=300)
    assert cell.run().level == 2
    cell.shift_ms, cell.latency_ms = {}, LATENCY_MS
    cell.stamp = lambda source, ns: ns + 5_000 * MS  # time has gone on
    cell.here_ms = 5_000
    assert (cell.run().level, cell.pipeline.status().problems) == (0, ())
    assert len(cell.out) == 94


def test_lengths_of_time_have_the_unit_that_reads_best():
    lengths = (4 * MS, -150 * MS, 16_666_667, 999_900_000, 1.5e9, 86_400e9 * 20_833)
    assert [span(ns) for ns in lengths] == ["4 ms", "150 ms", "16.7 ms", "1 s", "1.5 s", "20833 days"]

import numpy as np
import pytest
from f2o_perception.calibration import Calibration, CameraMount
from f2o_perception.errors import CalibrationError, KinematicsError, PerceptionError
from f2o_perception.frames import GripperSample, Intrinsics, JointSample, RgbdFrame
from f2o_perception.kinematics import ForwardKinematics
from f2o_perception.pipeline import ObservationPipeline
from scenes import CALIBRATION, HOME, LENS, MS, VIEWS, FakeClock, config, frame, gripper, joints, plane_depth

WRIST, LEFT, RIGHT = VIEWS
PANDA = ForwardKinematics()


class Stream:
    """A pipeline, its clock, and a robot with three cameras that all run at 30 Hz."""

    def __init__(self, **changes):
        self.clock = FakeClock()
        self.pipeline = ObservationPipeline(config(**changes), CALIBRATION, PANDA, self.clock)
        self.out = []
        self.now_ms = 1000

    def push(self, item):
        kind = {RgbdFrame: "push_frame", JointSample: "push_joints", GripperSample: "push_gripper"}[
            type(item)
        ]
        observation = getattr(self.pipeline, kind)(item)
        self.out += [] if observation is None else [observation]
        return observation

    def cycle(self, views=VIEWS, robot=True, **kwargs):
        """33 ms of everything."""
        for ms in range(self.now_ms, self.now_ms + 33, 8):
            if robot:
                self.push(joints(ms * MS))
        if robot:
            self.push(gripper(self.now_ms * MS))
        for view in views:
            self.push(frame(view, (self.now_ms + 16) * MS, **kwargs))
        self.now_ms += 33
        self.clock.advance(0.033)

    def problems(self):
        return self.pipeline.status().problems


def test_an_observation_holds_what_was_pushed():
    stream = Stream()
    stream.cycle()
    (seen,) = stream.out
    assert seen.stamp_ros_ns == 1016 * MS
    assert seen.view_names == VIEWS
    assert (seen.view_stamps_ros_ns == 1016 * MS).all()
    assert seen.rgb.shape == (3, 16, 16, 3)
    assert (seen.rgb == 1016 % 251).all()
    assert (seen.depth_mm == 750).all()
    assert seen.points.shape == (256, 3)
    assert seen.joint_names == ("joint1", "joint2", "joint3", "joint4", "joint5", "joint6", "joint7")
    np.testing.assert_allclose(seen.joint_positions, HOME)
    assert seen.gripper_width == 0.04
    assert seen.max_skew_ns == 0


def test_equal_streams_give_equal_bits():
    def run():
        stream = Stream()
        for _ in range(5):
            stream.cycle()
        return stream.out

    first, second = run(), run()
    assert len(first) == 5
    for a, b in zip(first, second, strict=True):
        for name in (
            "view_stamps_ros_ns",
            "rgb",
            "depth_mm",
            "points",
            "joint_positions",
            "joint_velocities",
        ):
            assert getattr(a, name).tobytes() == getattr(b, name).tobytes()


def test_a_camera_on_a_moving_arm_sees_a_table_that_stands_still():
    """The table is drawn from where the wrist camera truly was at its own stamp, 6 ms after the reference."""
    mount = CALIBRATION.mount(WRIST)
    pipeline = ObservationPipeline(config(views=(LEFT, WRIST), points=4096), CALIBRATION, PANDA)
    speed = np.array([0.5, 1.0, 0.0, 0.5, 0.0, -0.5, 1.0])  # [rad/s]
    arm = lambda ms: HOME + speed * ms * 1e-3  # noqa: E731
    for ms in range(-40, 41, 8):
        pipeline.push_joints(joints(ms * MS, arm(ms), speed))
    pipeline.push_gripper(gripper(-40 * MS))
    camera = PANDA.pose("hand", arm(6)) @ mount.matrix()
    black = np.zeros((LENS.height, LENS.width, 3), np.uint8)
    pipeline.push_frame(RgbdFrame(LEFT, 0, black, np.zeros((LENS.height, LENS.width), np.uint16), LENS))
    seen = pipeline.push_frame(RgbdFrame(WRIST, 6 * MS, black, plane_depth(LENS, camera, 0.0), LENS))
    assert np.abs(seen.points[:, 2]).max() < 0.0015
    assert seen.max_skew_ns == 6 * MS
    np.testing.assert_allclose(seen.joint_positions, arm(0), atol=1e-12)


def test_joints_come_in_any_order_and_with_others():
    stream = Stream()
    names = ("panda_finger_joint1", *stream.pipeline.robot.joint_names[::-1])
    stream.push(gripper(1000 * MS))
    for ms in (1008, 1024):
        stream.push(JointSample(ms * MS, names, np.array([9.0, *HOME[::-1]]), np.zeros(8)))
    stream.cycle(robot=False)
    (seen,) = stream.out
    np.testing.assert_allclose(seen.joint_positions, HOME)


def test_all_is_well_is_said_with_figures():
    stream = Stream()
    for _ in range(30):
        stream.cycle()
    status = stream.pipeline.status()
    assert status.problems == ()
    assert not status.blocked
    assert status.level == 0
    values = status.values()
    assert values["observations"] == 30
    assert values["observation_hz"] == pytest.approx(1 / 0.033, rel=0.01)
    assert values["wrist_hz"] == pytest.approx(1 / 0.033, rel=0.01)
    assert values["skew_ms_max"] == 0.0
    assert values["clock_resets"] == 0
    assert not [key for key in values if key.startswith("drops")]
    assert status.streams[WRIST].values()["resolution"] == "120x90"


def test_before_anything_comes_every_stream_is_named():
    assert Stream().problems() == (
        "wrist: no frame yet",
        "external_1: no frame yet",
        "external_2: no frame yet",
        "joints: no joint state yet",
        "gripper: no gripper state yet",
    )


def test_a_camera_that_stops_is_named_and_stops_the_observations():
    stream = Stream()
    for _ in range(3):
        stream.cycle()
    for _ in range(20):
        stream.cycle(views=(WRIST, RIGHT))
    status = stream.pipeline.status()
    assert status.problems == ("external_1: stopped, no frame for 0.7 s",)
    assert status.blocked
    assert status.level == 2
    assert len(stream.out) == 3
    assert status.values()["drops_external_1_no_partner"] == 20 - 8
    stream.cycle()
    assert stream.problems() == ()
    assert len(stream.out) == 4


def test_a_robot_that_stops_is_named():
    stream = Stream()
    stream.cycle()
    for _ in range(40):
        stream.cycle(robot=False)
    assert stream.problems() == (
        "joints: stopped, no joint state for 1.4 s",
        "gripper: stopped, no gripper state for 1.4 s",
    )
    assert stream.pipeline.status().streams["joints"].drops == {"no_joints": 39}


def test_a_new_resolution_goes_on_and_is_counted():
    stream = Stream()
    half = Intrinsics(LENS.fx / 2, LENS.fy / 2, 29.5, 22.0, 60, 45)
    stream.cycle()
    stream.cycle(lens=half)
    stream.cycle(lens=half)
    assert len(stream.out) == 3
    view = stream.pipeline.status().streams[LEFT]
    assert (view.resolution, view.resolution_changes) == ("60x45", 1)


def test_a_frame_that_its_camera_info_contradicts_is_named_for_a_while():
    stream = Stream()
    stream.cycle()
    wrong = Intrinsics(LENS.fx, LENS.fy, LENS.cx, LENS.cy, 640, 480)
    good = frame(LEFT, 1049 * MS)
    assert stream.push(RgbdFrame(LEFT, good.stamp_ros_ns, good.rgb, good.depth_mm, wrong)) is None
    assert stream.problems() == (
        "external_1: sizes differ: colour 120x90, depth 120x90, camera_info 640x480",
    )
    assert stream.pipeline.status().streams[LEFT].drops == {"malformed": 1}
    for _ in range(160):
        stream.cycle()
    assert stream.problems() == ()


def test_an_empty_cloud_is_dropped_and_said():
    stream = Stream()
    stream.cycle(depth_mm=0)
    assert not stream.out
    assert stream.problems() == (
        "cloud: not one measured point in the workspace; check calibration, depth and workspace",
    )
    assert stream.pipeline.status().blocked
    stream.cycle()
    assert len(stream.out) == 1
    assert stream.problems() == ()
    assert stream.pipeline.status().streams[WRIST].drops == {"empty_cloud": 1}


def test_a_view_whose_depth_measures_nothing_is_told():
    stream = Stream()
    stream.cycle(views=(WRIST, RIGHT))
    stream.push(frame(LEFT, 1016 * MS, depth_mm=0))
    assert len(stream.out) == 1  # the others see the table
    (problem,) = stream.problems()
    assert problem.startswith("external_1: depth comes, not one of its pixels is measured")
    assert stream.pipeline.status().level == 1
    stream.cycle()
    assert stream.problems() == ()


def test_what_the_robot_says_must_make_sense():
    stream = Stream()
    stream.push(JointSample(0, ("elbow",), np.zeros(1), np.zeros(1)))
    assert "joints: no position for panda_joint1, panda_joint2" in stream.problems()[3]
    stream.push(joints(0, np.full(7, np.nan)))
    assert stream.problems()[3] == "joints: position of panda_joint1 is not finite"
    stream.push(joints(0, velocities=np.full(7, np.inf)))
    assert stream.problems()[3] == "joints: velocity of panda_joint1 is not finite"
    stream.push(gripper(0, float("inf")))
    assert stream.problems()[4:] == ("gripper: gripper width that is not finite",)


def test_reset_forgets_the_frames_but_not_the_counts():
    stream = Stream()
    stream.cycle()
    stream.pipeline.reset()
    assert stream.pipeline.status().observations == 1
    stream.now_ms = 0
    stream.cycle()
    assert len(stream.out) == 2
    assert stream.pipeline.status().clock_resets == 0


def test_a_view_nobody_knows_is_a_mistake_of_the_caller():
    with pytest.raises(
        PerceptionError, match="no view named 'left', expected one of wrist, external_1, external_2"
    ):
        Stream().push(frame("left", 0))


def test_a_camera_without_pose_or_on_an_unknown_link_is_refused_at_once():
    with pytest.raises(CalibrationError, match="no camera named 'wrist'"):
        ObservationPipeline(config(), Calibration({}))
    mounts = dict(CALIBRATION.cameras)
    mounts[WRIST] = CameraMount("flange", (0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))
    with pytest.raises(KinematicsError, match="no frame named 'flange', expected one of link0"):
        ObservationPipeline(config(), Calibration(mounts), PANDA)

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from f2o_nodekit.joints import JointStateError
from f2o_nodekit.robot import read_robot
from f2o_perception.convert import (
    depth_from_msg,
    frame_from_msgs,
    gripper_from_msg,
    image_to_array,
    intrinsics_from_msg,
    joints_from_msg,
    observation_from_msg,
    rgb_from_msg,
)
from f2o_perception.errors import ImageError, ObservationError
from f2o_perception.frames import Intrinsics
from hypothesis import given
from hypothesis import strategies as st
from messages import READERS, Message, camera_info, header, image, joint_state, stamp
from scenes import LENS

PANDA = read_robot("panda")
RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
DEPTH = RNG.integers(0, 65536, (5, 7), dtype=np.uint16)
ALPHA = np.full((5, 7, 1), 9, np.uint8)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("padding", [0, 4, 5])
@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [
        ("rgb8", RGB),
        ("8UC3", RGB),
        ("bgr8", RGB[..., ::-1]),
        ("rgba8", np.concatenate([RGB, ALPHA], axis=2)),
        ("bgra8", np.concatenate([RGB[..., ::-1], ALPHA], axis=2)),
    ],
)
def test_colour_of_every_plain_encoding_is_rgb(encoding, pixels, padding, reader):
    np.testing.assert_array_equal(rgb_from_msg(image(pixels, encoding, padding=padding, reader=reader)), RGB)


def test_grey_becomes_three_equal_channels():
    np.testing.assert_array_equal(rgb_from_msg(image(RGB[..., 0], "mono8")), RGB[..., [0, 0, 0]])


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("padding", [0, 2, 3])
@pytest.mark.parametrize("order", ["<", ">"])
def test_depth_of_either_byte_order_is_native_millimetres(order, padding, reader):
    depth = depth_from_msg(image(DEPTH.astype(f"{order}u2"), "16UC1", padding=padding, reader=reader))
    assert depth.dtype == np.uint16
    assert depth.dtype.isnative
    np.testing.assert_array_equal(depth, DEPTH)


@pytest.mark.parametrize("order", ["<", ">"])
def test_depth_in_metres_is_rounded_and_no_number_is_no_measurement(order):
    metres = np.array([[0.5, 1.2344, np.nan, np.inf], [-np.inf, -1.0, 0.0, 70.0]], f"{order}f4")
    np.testing.assert_array_equal(depth_from_msg(image(metres, "32FC1")), [[500, 1234, 0, 0], [0, 0, 0, 0]])


def test_plain_pixels_are_a_view_of_the_message():
    msg = image(RGB, "rgb8")
    assert np.shares_memory(image_to_array(msg), np.frombuffer(msg.data, np.uint8))


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 9), st.sampled_from("<>"))
def test_any_size_padding_and_byte_order_reads_back(height, width, padding, order):
    pixels = np.arange(height * width, dtype=f"{order}u2").reshape(height, width)
    np.testing.assert_array_equal(image_to_array(image(pixels, "16UC1", padding=padding)), pixels)


@pytest.mark.parametrize("change", [{"step": 20}, {"height": 6}, {"width": 0}, {"data": b"1"}])
def test_an_image_that_lies_about_its_size_is_refused(change):
    msg = image(RGB, "rgb8")
    vars(msg).update(change)
    with pytest.raises(ImageError, match=r"rgb8 image: expected rows of \d+ bytes or more, got step"):
        rgb_from_msg(msg)


def test_other_encodings_name_cv_bridge_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv_bridge", None)
    with pytest.raises(ImageError, match=r"encoding 'yuv422' needs cv_bridge, .* or publish one of rgb8"):
        rgb_from_msg(image(RGB, "yuv422"))
    with pytest.raises(ImageError, match="depth of encoding '64FC1': expected 16UC1"):
        depth_from_msg(image(RGB, "64FC1"))
    with pytest.raises(ImageError, match="encoding 'yuv422', expected one of rgb8"):
        image_to_array(image(RGB, "yuv422"))


def test_other_encodings_go_through_cv_bridge_where_it_is(monkeypatch):
    class Bridge:
        def imgmsg_to_cv2(self, msg, desired_encoding):
            if msg.encoding == "nonsense":
                raise FakeCvBridge.CvBridgeError("no such conversion")
            if msg.encoding == "short":
                raise TypeError("buffer is too small for requested array")  # from numpy
            return {"rgb8": RGB}[desired_encoding]

    FakeCvBridge = SimpleNamespace(CvBridge=Bridge, CvBridgeError=type("CvBridgeError", (TypeError,), {}))
    monkeypatch.setitem(sys.modules, "cv_bridge", FakeCvBridge)
    np.testing.assert_array_equal(rgb_from_msg(image(RGB, "yuv422")), RGB)
    with pytest.raises(
        ImageError, match=r"'nonsense': cv_bridge cannot make rgb8 of it \(no such conversion\)"
    ):
        rgb_from_msg(image(RGB, "nonsense"))
    with pytest.raises(ImageError, match=r"'short': cv_bridge cannot make rgb8 of it \(buffer is too small"):
        rgb_from_msg(image(RGB, "short"))


@pytest.fixture
def bridge():
    """A CvBridge of the real cv_bridge, its compiled module included."""
    pytest.importorskip("cv_bridge.boost.cv_bridge_boost", reason="cv_bridge is not installed (not on PyPI)")
    from cv_bridge import CvBridge

    return CvBridge()


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "rgba8", "bgra8", "mono8"])
def test_numpy_reads_plain_colour_as_cv_bridge_does(bridge, encoding):
    channels = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1}[encoding]
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, channels), dtype=np.uint8)
    msg = bridge.cv2_to_imgmsg(pixels[:, :, 0] if channels == 1 else pixels, encoding)
    np.testing.assert_array_equal(rgb_from_msg(msg), bridge.imgmsg_to_cv2(msg, "rgb8"))


def test_the_real_cv_bridge_reads_what_numpy_cannot(bridge):
    grey = np.full((6, 8, 2), 128, np.uint8)  # U, Y, V, Y: no colour, half bright
    rgb = rgb_from_msg(bridge.cv2_to_imgmsg(grey, "yuv422"))
    assert (rgb.shape, rgb.dtype) == ((6, 8, 3), np.uint8)
    assert np.ptp(rgb) <= 1 and abs(int(rgb[0, 0, 0]) - 130) <= 2
    red = np.zeros((6, 8), np.uint8)
    red[::2, ::2] = 200  # of RGGB, the red pixels
    assert (rgb_from_msg(bridge.cv2_to_imgmsg(red, "bayer_rggb8"))[2, 2] == [200, 0, 0]).all()


def test_the_real_cv_bridge_opens_compressed_images(bridge):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    packed = bridge.cv2_to_compressed_imgmsg(pixels, "png")
    msg = bridge.cv2_to_imgmsg(bridge.compressed_imgmsg_to_cv2(packed), "bgr8")
    np.testing.assert_array_equal(rgb_from_msg(msg), pixels[:, :, ::-1])


def test_short_rows_do_not_make_a_narrow_image(bridge):
    msg = bridge.cv2_to_imgmsg(np.full((6, 8, 2), 128, np.uint8), "yuv422")
    msg.step = 6
    with pytest.raises(
        ImageError, match="encoding 'yuv422': expected 8x6 pixels, got 3x6 of rows of 6 bytes"
    ):
        rgb_from_msg(msg)


@pytest.mark.parametrize(("encoding", "step"), [("nonsense", 16), ("yuv422", 64)])
def test_what_the_real_cv_bridge_cannot_read_is_one_sentence(bridge, encoding, step):
    msg = bridge.cv2_to_imgmsg(np.full((6, 8, 2), 128, np.uint8))
    msg.encoding, msg.step = encoding, step
    with pytest.raises(ImageError, match=f"encoding '{encoding}': cv_bridge cannot make rgb8 of it"):
        rgb_from_msg(msg)


def test_the_lens_is_read_and_an_uncalibrated_one_refused():
    assert intrinsics_from_msg(camera_info()) == LENS
    with pytest.raises(ImageError, match="expected focal lengths above 0 in k, got fx 0 and fy 0"):
        intrinsics_from_msg(camera_info(Intrinsics(0.0, 0.0, 0.0, 0.0, 7, 5)))


def test_three_messages_make_a_frame_and_must_agree():
    lens = Intrinsics(9.0, 9.0, 3.0, 2.0, 7, 5)
    frame = frame_from_msgs(
        "wrist", image(RGB, "rgb8", ns=5), image(DEPTH, "16UC1", ns=5), camera_info(lens, ns=5)
    )
    assert (frame.view, frame.stamp_ros_ns, frame.intrinsics) == ("wrist", 5, lens)
    with pytest.raises(ImageError, match="sizes differ: colour 7x5, depth 7x5, camera_info 120x90"):
        frame_from_msgs("wrist", image(RGB, "rgb8"), image(DEPTH, "16UC1"), camera_info())


def test_joints_are_read_by_name():
    positions = {
        "panda_finger_joint1": 9.0,
        **{name: float(i) for i, name in enumerate(PANDA.joint_names[::-1])},
    }
    sample = joints_from_msg(joint_state(positions, positions, ns=7), PANDA.joint_names)
    assert (sample.stamp_ros_ns, sample.names) == (7, PANDA.joint_names)
    np.testing.assert_array_equal(sample.positions, np.arange(7.0)[::-1])
    np.testing.assert_array_equal(sample.velocities, np.arange(7.0)[::-1])


def test_velocities_that_are_not_said_are_nan():
    assert np.isnan(
        joints_from_msg(joint_state(dict.fromkeys(PANDA.joint_names, 0.0)), PANDA.joint_names).velocities
    ).all()


def test_the_gripper_is_the_sum_of_its_fingers():
    assert (
        gripper_from_msg(
            joint_state(dict.fromkeys(PANDA.finger_joint_names, 0.03)), PANDA.finger_joint_names
        ).width_m
        == 0.06
    )


def test_a_joint_state_that_lacks_something_is_named():
    with pytest.raises(JointStateError, match="no position for panda_joint2, only for panda_joint1, elbow"):
        joints_from_msg(joint_state({"panda_joint1": 0.0, "elbow": 0.0}), PANDA.joint_names[:2])
    short = joint_state(dict.fromkeys(PANDA.finger_joint_names, 0.0))
    short.position = short.position[:1]
    with pytest.raises(
        JointStateError, match="expected 2 positions for 2 names and as many velocities or none, got 1"
    ):
        gripper_from_msg(short, PANDA.finger_joint_names)


def test_an_observation_of_a_bag_reader_is_read():
    msg = Message(
        header=header(5), view_names=["a", "b"], view_stamps=[stamp(5), stamp(6)], image_size=2,
        rgb=np.arange(24, dtype=np.uint8), depth_mm=np.arange(8, dtype=np.uint16),
        points=np.arange(9, dtype=np.float32), joint_names=["j"], joint_positions=np.array([1.0]),
        joint_velocities=np.array([2.0]), gripper_width=0.03, max_skew=stamp(1),
    )  # fmt: skip
    seen = observation_from_msg(msg)
    assert seen.rgb.shape == (2, 2, 2, 3)
    assert seen.depth_mm[1, 1, 1] == 7
    assert seen.points.shape == (3, 3)
    assert (seen.stamp_ros_ns, seen.max_skew_ns, seen.view_stamps_ros_ns.tolist()) == (5, 1, [5, 6])
    msg.depth_mm = msg.depth_mm[:-1]
    with pytest.raises(ObservationError, match="observation: depth_mm: expected 8 values, got 7"):
        observation_from_msg(msg)

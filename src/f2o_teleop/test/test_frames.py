"""The frame of the teleop device, the walls of the workspace, and the zero offset."""

import numpy as np
import pytest
from f2o_nodekit.robot import read_robot
from f2o_nodekit.testing import problems
from f2o_teleop.device import DeviceReading, ScriptedDevice
from f2o_teleop.drift import DriftConfig, ZeroOffset
from f2o_teleop.errors import FrameError
from f2o_teleop.frames import device_frame
from f2o_teleop.ik import DifferentialIk
from f2o_teleop.jog import Jog, Measured
from f2o_teleop.mapping import MappingConfig, TwistMapping
from f2o_teleop.teleop import Teleop
from f2o_teleop.teleop_config import TeleopConfig

S = 10**9
HOME = read_robot("panda").home
HOME_Q = np.array(HOME)
FORWARD, UP = np.eye(6)[0], np.eye(6)[2]
CAMERAS = """
cameras:
  front: {parent: link0, xyz: [1, 0, 0.5], quaternion: [-0.5, -0.5, 0.5, 0.5]}
  wrist: {parent: hand, xyz: [0, 0, 0], quaternion: [0, 0, 0, 1]}
"""


@pytest.fixture
def calibration(tmp_path):
    path = tmp_path / "cameras.yaml"
    path.write_text(CAMERAS)
    return path


def moved(frame, axes, ticks=100, q=HOME_Q):
    """Where the TCP goes [m] when `axes` are pushed for some ticks."""
    ik = DifferentialIk()
    jog = Jog(ik, TwistMapping(MappingConfig()), frame=frame)
    start, at = ik.forward(q)[:3, 3].copy(), q
    jog.step(axes, False, Measured(at, 0.08), False)
    for _ in range(ticks):
        at = jog.step(axes, False, Measured(at, 0.08), True).positions
    return ik.forward(at)[:3, 3] - start


def direction(vector):
    return vector / np.linalg.norm(vector)


def test_in_the_tools_frame_up_is_the_way_the_tool_points(calibration):
    ik = DifferentialIk()
    tilted = HOME_Q + np.array([0, 0, 0, 0, 0, 0.5, 0])
    way = direction(moved(device_frame("tool", ik, calibration, ""), UP, q=tilted))
    np.testing.assert_allclose(way, ik.forward(tilted)[:3, 2], atol=0.03)


def test_in_a_cameras_frame_forward_is_into_its_picture_and_up_is_up_in_it(calibration):
    ik = DifferentialIk()
    frame = device_frame("camera", ik, calibration, "front")  # stands opposite and looks back at the arm
    np.testing.assert_allclose(direction(moved(frame, FORWARD)), [-1, 0, 0], atol=0.03)
    np.testing.assert_allclose(direction(moved(frame, np.eye(6)[1], 50)), [0, -1, 0], atol=0.03)  # left
    np.testing.assert_allclose(direction(moved(frame, UP, 50)), [0, 0, 1], atol=0.03)


def test_a_camera_on_the_gripper_turns_with_it(calibration):
    frame = device_frame("camera", DifferentialIk(), calibration, "wrist")
    np.testing.assert_allclose(
        direction(moved(frame, FORWARD, 50)), [0, 0, -1], atol=0.03
    )  # it looks down at home
    turned = HOME_Q + np.array([1.0, 0, 0, 0, 0, 0, 0])
    assert np.abs(frame(turned) - frame(HOME_Q)).max() > 0.5


def test_a_camera_that_is_not_there_is_named(calibration, tmp_path):
    ik = DifferentialIk()
    with pytest.raises(
        FrameError, match=r"mapping.frame: camera: calibration: no camera named 'side', expected"
    ):
        device_frame("camera", ik, calibration, "side")
    with pytest.raises(FrameError, match=r"nowhere.yaml: 1 error: cannot be read"):
        device_frame("camera", ik, tmp_path / "nowhere.yaml", "side")
    calibration.write_text(CAMERAS.replace("parent: hand", "parent: fr3_hand"))
    with pytest.raises(FrameError, match="no frame fr3_hand in the robot description"):
        device_frame("camera", ik, calibration, "wrist")
    fr3 = device_frame("camera", ik, calibration, "wrist", read_robot("fr3"))  # its own name of the hand
    np.testing.assert_array_equal(fr3(HOME_Q)[:, 0], ik.frame_rotation("hand", HOME_Q)[:, 2])


def test_the_workspace_is_slid_along_and_let_into_again():
    box = np.array([[0.2, -0.2, 0.3], [0.6, 0.2, 0.8]])
    ik = DifferentialIk(workspace=box)
    ik.reset(HOME_Q)
    before = ik.forward(ik.q)[:3, 3].copy()
    for _ in range(300):
        ik.step_twist(np.array([0.25, 0.1, 0, 0, 0, 0]))
    at = ik.forward(ik.q)[:3, 3]
    assert at[0] == pytest.approx(0.6, abs=2e-3) and at[1] == pytest.approx(0.2, abs=2e-3)
    assert at[2] == pytest.approx(before[2], abs=2e-3)
    ik.step_twist(np.array([-0.25, 0, 0, 0, 0, 0]))
    assert ik.forward(ik.q)[0, 3] < at[0]  # nothing has wound up
    outside = DifferentialIk(workspace=box - [0, 0, 0.4])  # the arm stands above the box
    outside.reset(HOME_Q)
    start = outside.forward(outside.q)[2, 3]
    for _ in range(20):
        outside.step_twist(np.array([0, 0, 0.25, 0, 0, 0]))
    assert outside.forward(outside.q)[2, 3] == pytest.approx(start, abs=1e-3)
    for _ in range(20):
        outside.step_twist(np.array([0, 0, -0.25, 0, 0, 0]))
    assert outside.forward(outside.q)[2, 3] < start - 0.02


def run_zero(zero, value, seconds, begin_s=0.0, tremble=0.0):
    rng = np.random.default_rng(0)
    for k in range(int(seconds * 125)):
        axes = np.full(6, value) + rng.uniform(-tremble, tremble, 6)
        out = zero(axes, round((begin_s + k / 125) * S))
    return out


def test_the_offset_of_a_device_at_rest_is_subtracted_and_a_held_deflection_is_not():
    zero = ZeroOffset(DriftConfig())
    assert run_zero(zero, 0.1, 1.0).max() == pytest.approx(0.1)  # not yet
    assert np.abs(run_zero(zero, 0.1, 1.0, 1.0)).max() < 1e-9
    assert run_zero(zero, 0.5, 3.0, 2.0).max() == pytest.approx(
        0.4
    )  # so large is meant, and is seen from the new zero
    held = ZeroOffset(DriftConfig())
    assert run_zero(held, 0.1, 5.0, tremble=0.01).max() > 0.08
    assert not held.offset.any()
    again = run_zero(zero, 0.0, 2.0, 10.0)
    assert np.abs(again).max() < 1e-9  # back at a true zero, too
    off = ZeroOffset(DriftConfig(max_deflection=0.0))
    assert run_zero(off, 0.1, 5.0).max() == pytest.approx(0.1)


def test_an_arm_does_not_creep_at_rest():
    """A device with an offset beyond the dead zone, for a while: the target stands still once the zero is known."""
    teleop = Teleop(
        TeleopConfig(), ScriptedDevice(lambda t: DeviceReading(np.full(6, 0.1 if t > 0.5 else 0.0)))
    )
    teleop.mode, at, places = "teleop", HOME_Q, []
    for k in range(6 * 125):
        mono = k * 8_000_000
        teleop.offer_joints(at, mono)
        at = teleop.tick(mono).target.positions
        places.append(at)
    assert np.abs(places[-1] - places[250]).max() < 1e-4
    with pytest.raises(AssertionError):  # what it is good for
        np.testing.assert_allclose(places[250], places[0], atol=1e-9)


def test_the_drift_configuration_is_checked():
    assert problems(DriftConfig, max_deflection=2.0, tolerance=0.0) == [
        "max_deflection: expected a number of at least 0 and below 1, got 2.0",
        "tolerance: expected a number above 0, got 0.0",
    ]

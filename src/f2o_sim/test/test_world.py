import numpy as np
import pytest
from f2o_nodekit.robot import read_robot
from f2o_nodekit.urdf import PANDA_URDF, wheel_file
from f2o_sim.controller import Trajectory
from f2o_sim.errors import TrajectoryError
from f2o_sim.tasks.reach_around import POST
from f2o_sim.world import START_NS, World
from f2o_teleop.ik import DifferentialIk

TICK_NS = 8_000_000


def follow(world, position, velocity, seconds):
    """Stream q(t) as the bridge does, one point a tick; returns times, references and measurements."""
    times, wanted, measured = [], [], []
    start = world.time_ns
    for k in range(round(seconds / 0.008)):
        t = (k + 1) * 0.008
        world.command(Trajectory(0, np.array([TICK_NS]), position(t)[None], velocity(t)[None]))
        world.step_to(start + (k + 1) * TICK_NS)
        times.append(t)
        wanted.append(position(t))
        measured.append(world.joint_positions())
    return np.array(times), np.array(wanted), np.array(measured)


def phase(times, signal, hz):
    """Of the sine of ``hz`` in ``signal`` [rad]."""
    basis = np.column_stack(
        [np.sin(2 * np.pi * hz * times), np.cos(2 * np.pi * hz * times), np.ones_like(times)]
    )
    sine, cosine, _ = np.linalg.lstsq(basis, signal, rcond=None)[0]
    return np.arctan2(cosine, sine), np.hypot(sine, cosine)


@pytest.mark.parametrize("joint", range(7))
def test_the_arm_follows_a_slow_sine_within_30_ms(world, joint):
    world.reset(0)
    world.data.mocap_pos[:] = (5.0, 5.0, 0.0)  # the post out of the way
    hz, amplitude, unit = 0.5, 0.2, np.eye(7)[joint]
    q, omega = world.joint_positions(), 2 * np.pi * hz
    times, wanted, measured = follow(
        world,
        lambda t: q + unit * amplitude * (1.0 - np.cos(omega * t)),
        lambda t: unit * amplitude * omega * np.sin(omega * t),
        2.0,
    )
    (reference, size), (answer, height) = (phase(times, rows[:, joint], hz) for rows in (wanted, measured))
    lag_s = (reference - answer) / omega
    assert abs(lag_s) < 0.030
    assert abs(lag_s) < 0.005, "the velocity feed-forward should leave next to nothing"
    assert height == pytest.approx(size, rel=0.02)


def test_the_arm_stands_where_it_is_told_to(world):
    world.reset(3)
    q = world.joint_positions()
    world.step_to(world.time_ns + 500_000_000)
    np.testing.assert_allclose(world.joint_positions(), q, atol=1e-4)
    assert world.gripper_width() == pytest.approx(0.08, abs=1e-3)


def test_reset_is_complete(world):
    world.reset(5)
    first = world.state()
    world.command(Trajectory(0, np.array([200_000_000]), world.joint_positions()[None] + 0.2))
    world.grip(0.0)
    world.step_to(world.time_ns + 300_000_000)
    assert not np.array_equal(world.state().qpos, first.qpos)
    world.reset(5)
    assert world.time_ns == START_NS
    np.testing.assert_array_equal(world.state().qpos, first.qpos)
    world.step_to(world.time_ns + 300_000_000)
    np.testing.assert_allclose(world.state().qpos, first.qpos, atol=1e-3)


def way_into_the_post(world):
    """Joints (40, 7) from where the arm is to a place that the post has."""
    ik = DifferentialIk(home=tuple(world.joint_positions()))
    ik.reset(world.joint_positions())
    goal = ik.forward(world.joint_positions()).copy()
    goal[:3, 3] = *world.object_pose(POST)[:2], 0.1
    return np.array([ik.step_pose(goal) for _ in range(400)])[::10]


def test_driving_into_the_post_is_a_collision(world):
    world.reset(0)
    end = way_into_the_post(world)[-1]
    world.command(Trajectory(0, np.array([1_500_000_000]), end[None], np.zeros((1, 7))))
    verdict = world.step_to(world.time_ns + 3_000_000_000)
    assert verdict.collision
    assert verdict.over
    assert not verdict.success


def test_resting_cube_and_table_are_no_collision(world):
    world.reset(1)
    assert not world.step_to(world.time_ns + 300_000_000).collision
    assert world.object_pose(POST)[2] == pytest.approx(0.075)


def test_a_malformed_command_leaves_the_arm_alone(world):
    world.reset(0)
    with pytest.raises(TrajectoryError, match="positions: expected finite numbers"):
        world.command(Trajectory(0, np.array([TICK_NS]), np.full((1, 7), np.nan)))
    world.step_to(world.time_ns + 100_000_000)
    np.testing.assert_allclose(world.joint_positions(), world.placement.arm, atol=1e-4)


def test_the_kinematics_are_those_of_the_urdf(world):
    pin = pytest.importorskip("pinocchio")
    model = pin.buildModelFromUrdf(str(wheel_file(PANDA_URDF)))
    data, q = model.createData(), pin.neutral(model)
    world.reset(2)
    for name, angle in zip(world.robot.joint_names, world.joint_positions(), strict=True):
        q[model.joints[model.getJointId(name)].idx_q] = angle
    pin.framesForwardKinematics(model, data, q)
    expected = data.oMf[model.getFrameId("panda_hand_tcp")].translation
    np.testing.assert_allclose(world.tcp_position(), expected, atol=1e-6)


def test_a_path_is_tried_on_the_geometry_without_moving_anything(world):
    world.reset(0)
    through, before = way_into_the_post(world), world.state()
    assert world.would_touch(through)
    assert not world.would_touch(through[:3])
    after = world.state()
    np.testing.assert_array_equal(after.qpos, before.qpos)
    assert not world.snapshot().collision
    world.data.mocap_pos[:] = (5.0, 5.0, 0.0)  # what is not there cannot be touched
    assert not world.would_touch(through)


def test_a_research_3_has_its_own_ranges_and_the_pandas_kinematics(world):
    fr3 = World(robot=read_robot("fr3"))
    ranges = fr3.model.jnt_range[[fr3.model.joint(f"joint{i}").id for i in range(1, 8)]]
    np.testing.assert_allclose(ranges.T, [fr3.robot.position_min, fr3.robot.position_max])
    world.reset(2)
    fr3.reset(2)
    np.testing.assert_array_equal(fr3.tcp_position(), world.tcp_position())

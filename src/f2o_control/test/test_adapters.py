"""What each adapter sends for a command."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from f2o_bringup.graph import REAL_TIME
from f2o_control.adapters import (
    ADAPTERS,
    Adapter,
    AdapterStatus,
    NamedJoints,
    Numbers,
    TrajectoryPlan,
    UdpRules,
    make_adapter,
)
from f2o_control.adapters.jtc import REPEATED_NS
from f2o_control.adapters.null import NullAdapter
from f2o_control.bridge import Sent
from f2o_control.config import Topics
from f2o_control.errors import UnknownAdapterError
from f2o_control.far_end import JointTrajectoryController
from f2o_control.limiter import TargetLimiter
from f2o_control.reference import Reference

S, TICK_NS, OFFSET_NS = 1_000_000_000, 8_000_000, 77_000_000_000


def moving_limiter(panda):
    limiter = TargetLimiter(panda.limits(), 0.008)
    limiter.reset(np.array(panda.home))
    for _ in range(30):
        limiter.step(Reference(limiter.state.position + 0.1, np.zeros(7)), limiter.state.position)
    return limiter


def adapter(panda, name):
    return make_adapter(name, panda, UdpRules())


def timed(command, due_mono_ns):
    """``command`` as the bridge sends it."""
    return dataclasses.replace(command, due_mono_ns=due_mono_ns, ros_offset_ns=OFFSET_NS)


def test_a_trajectory_is_the_motion_under_way_the_step_and_the_stop(panda):
    limiter, jtc, limits = moving_limiter(panda), adapter(panda, "jtc"), panda.limits()
    steps = []
    for k in range(8):
        goal = Reference(limiter.state.position + 0.1, np.zeros(7))
        steps.append(timed(limiter.step(goal, limiter.state.position)[0], S + k * TICK_NS))
        plan = jtc.send(steps[-1], 0.05)
    assert plan.joint_names == panda.joint_names and (np.diff(plan.times_ns) > 0).all()
    due = plan.start_ros_ns - OFFSET_NS + plan.times_ns
    for step in steps[-4:]:  # the last four commands, each at its own time
        (row,) = np.flatnonzero(due == step.due_mono_ns)
        assert np.array_equal(plan.positions[row], step.state.position)
        assert np.array_equal(plan.velocities[row], step.state.velocity) and plan.velocities[row].any()
    assert due[0] <= steps[-1].due_mono_ns - TICK_NS - REPEATED_NS < due[1]
    assert not plan.velocities[-1].any()
    assert np.allclose(plan.positions[-1], steps[-1].stop.end)
    assert ((plan.positions >= limits.lower) & (plan.positions <= limits.upper)).all()


def test_the_cubics_between_its_points_are_the_stop_itself(panda):
    limiter = moving_limiter(panda)
    limiter.step(
        Reference(limiter.state.position + np.linspace(-0.2, 0.3, 7), np.zeros(7)), limiter.state.position
    )
    command = timed(limiter.command(0.008), S)
    plan, far_end = adapter(panda, "jtc").send(command, 0.05), JointTrajectoryController(np.array(panda.home))
    now_ns = plan.start_ros_ns
    far_end.take(plan.start_ros_ns, plan.times_ns, plan.positions, plan.velocities, now_ns)
    assert command.stop.duration > 0.05
    for ms in range(400):
        expected = command.stop.at(ms * 1e-3)
        position, velocity = far_end.at(S + OFFSET_NS + ms * 1_000_000)
        assert np.abs(position - expected.position).max() < 1e-9
        assert np.abs(velocity - expected.velocity).max() < 1e-5


def test_the_first_starts_on_reception_where_the_arm_is(panda):
    plan = adapter(panda, "jtc").send(TargetLimiter(panda.limits(), 0.008).command(0.2), 0.05)
    assert plan.start_ros_ns == 0 and plan.times_ns.tolist() == [200_000_000]
    assert plan.velocities.tolist() == [[0.0] * 7]


def test_crisp_gets_position_and_velocity_in_the_robots_order(panda):
    limiter = moving_limiter(panda)
    sent = adapter(panda, "crisp").send(limiter.command(0.008), 0.05)
    assert sent.joint_names == panda.joint_names
    assert np.array_equal(sent.positions, limiter.state.position)
    assert np.array_equal(sent.velocities, limiter.state.velocity) and sent.velocities.any()


def test_multipanda_gets_positions_and_never_a_first_zero(panda):
    limiter = moving_limiter(panda)
    multipanda = adapter(panda, "multipanda")
    assert np.array_equal(multipanda.send(limiter.command(0.008), 0.05).values, limiter.state.position)
    limiter.reset(np.array(panda.home))
    assert limiter.state.position[0] == 0.0
    values = multipanda.send(limiter.command(0.008), 0.05).values
    assert values[0] == 1e-9 and np.array_equal(values[1:], limiter.state.position[1:])
    assert limiter.state.position[0] == 0.0


def test_null_sends_nothing(panda):
    null = adapter(panda, "null")
    assert null.output is None
    assert null.send(moving_limiter(panda).command(0.008), 0.05) is None


@pytest.mark.parametrize("name", ADAPTERS)
def test_each_says_what_it_publishes_and_on_which_topic(panda, name):
    made = adapter(panda, name)
    assert isinstance(made, Adapter)
    sent = made.send(moving_limiter(panda).command(0.008), 0.05)
    if made.output is None:
        assert sent is None
    else:
        assert type(sent) is made.output.kind and made.output.kind in (TrajectoryPlan, NamedJoints, Numbers)
        assert getattr(Topics(), made.output.topic).startswith("/")
    made.recover()
    made.close()


@pytest.mark.parametrize("name", ["jtc", "crisp", "multipanda", "null"])
def test_controllers_that_say_nothing_are_no_problem(panda, name):
    far = adapter(panda, name).poll(0)
    assert (far.problem, far.joints, far.gripper_width) == ("", None, None)


def test_an_unknown_name_is_one_sentence(panda):
    expected = "adapter: expected one of crisp, jtc, multipanda, null, udp, got 'ros1'"
    with pytest.raises(UnknownAdapterError, match=expected):
        adapter(panda, "ros1")


def node_without_ros(publish):
    """``publish``: called with topic and message; its answer is the publisher's."""
    pytest.importorskip("rclpy", reason="rclpy is not installed: no node can run")
    from builtin_interfaces.msg import Time
    from rclpy.node import Node

    class FakeNode(Node):
        def __init__(self):
            """Without ROS."""

        def create_publisher(self, kind, topic, qos, publisher_class=None):
            send = lambda message: publish(topic, message)  # noqa: E731
            return SimpleNamespace(publish=send, send=send)

        def get_clock(self):
            return SimpleNamespace(now=lambda: SimpleNamespace(to_msg=lambda: Time(sec=7)))

        def __del__(self):
            """Nothing to destroy."""

    return FakeNode()


def test_what_an_adapter_measures_is_published_as_joint_states(panda):
    published = []
    node = node_without_ros(lambda topic, message: published.append((topic, message)))
    from f2o_control.convert import AdapterPort

    joints = NamedJoints(panda.joint_names, np.arange(7.0), np.zeros(7))
    adapter = NullAdapter()
    adapter.poll = lambda mono_ns: AdapterStatus("", joints, 0.06)
    port = AdapterPort(node, adapter, Topics(), panda.finger_joint_names)
    assert port.poll(0).joints is joints
    (arm_topic, arm), (gripper_topic, fingers) = published
    assert (arm_topic, gripper_topic) == ("/franka/joint_states", "/franka_gripper/joint_states")
    assert list(arm.position) == list(range(7)) and arm.header.stamp.sec == 7
    assert list(fingers.name) == list(panda.finger_joint_names)
    assert list(fingers.position) == [0.03, 0.03]


@pytest.mark.parametrize("taken", [True, False])
def test_a_command_that_the_middleware_does_not_take_is_taken_back(panda, taken):
    node = node_without_ros(lambda topic, message: taken)
    from f2o_control.convert import AdapterPort

    made, back = adapter(panda, "jtc"), []
    made.take_back = lambda: back.append("taken back")
    port = AdapterPort(node, made, Topics(), panda.finger_joint_names)
    command = moving_limiter(panda).command(0.008)
    sent = Sent(command, 0, 0, 0.05, None, "policy")
    assert port.send(sent) == taken and bool(back) != taken


@pytest.mark.parametrize("name", ADAPTERS)
def test_the_spawned_controller_is_the_one_that_a_recovery_activates_again(name, panda):
    adapter = make_adapter(name, panda, UdpRules())
    spawned = [word for spec in REAL_TIME if spec.when["adapter"] == name for word in spec.args]
    assert spawned == [controller for controller in [adapter.controller] if controller]
    adapter.close()

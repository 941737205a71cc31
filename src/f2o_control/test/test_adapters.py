"""What each adapter sends for a command."""

from types import SimpleNamespace

import numpy as np
import pytest
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
from f2o_control.adapters.null import NullAdapter
from f2o_control.config import Topics
from f2o_control.errors import UnknownAdapterError
from f2o_control.limiter import TargetLimiter
from f2o_control.reference import Reference


def moving_limiter(panda):
    limiter = TargetLimiter(panda.limits(), 0.008)
    limiter.reset(np.array(panda.home))
    for _ in range(30):
        limiter.step(Reference(limiter.state.position + 0.1, np.zeros(7)), limiter.state.position)
    return limiter


def adapter(panda, name):
    return make_adapter(name, panda, 4, UdpRules())


def test_a_trajectory_starts_at_the_command_and_ends_in_a_stop_within_the_limits(panda):
    limiter, limits = moving_limiter(panda), panda.limits()
    command = limiter.command()
    plan = adapter(panda, "jtc").send(command, 0.05)
    assert plan.joint_names == panda.joint_names
    assert plan.times_s[0] == 0.008 and (np.diff(plan.times_s) > 0).all()
    assert np.array_equal(plan.positions[0], limiter.state.position)
    assert np.array_equal(plan.velocities[0], limiter.state.velocity) and plan.velocities[0].any()
    assert not plan.velocities[-1].any()
    assert np.allclose(plan.positions[-1], command.stop.at(np.inf).position)
    # what a cubic through the points does between them
    for k in range(len(plan.times_s) - 1):
        h, dq = plan.times_s[k + 1] - plan.times_s[k], plan.positions[k + 1] - plan.positions[k]
        v0, v1 = plan.velocities[k], plan.velocities[k + 1]
        ends = np.stack([6 * dq / h**2 - (4 * v0 + 2 * v1) / h, -6 * dq / h**2 + (2 * v0 + 4 * v1) / h])
        assert (np.abs(ends) <= limits.acceleration / panda.profiles["normal"].acceleration).all()
    assert ((plan.positions >= limits.lower) & (plan.positions <= limits.upper)).all()


def test_an_arm_at_rest_needs_one_point(panda):
    plan = adapter(panda, "jtc").send(TargetLimiter(panda.limits(), 0.008).command(0.2), 0.05)
    assert plan.times_s.tolist() == [0.2]
    assert plan.velocities.tolist() == [[0.0] * 7]


def test_crisp_gets_position_and_velocity_in_the_robots_order(panda):
    limiter = moving_limiter(panda)
    sent = adapter(panda, "crisp").send(limiter.command(), 0.05)
    assert sent.joint_names == panda.joint_names
    assert np.array_equal(sent.positions, limiter.state.position)
    assert np.array_equal(sent.velocities, limiter.state.velocity) and sent.velocities.any()


def test_multipanda_gets_positions_and_never_a_first_zero(panda):
    limiter = moving_limiter(panda)
    multipanda = adapter(panda, "multipanda")
    assert np.array_equal(multipanda.send(limiter.command(), 0.05).values, limiter.state.position)
    limiter.reset(np.array(panda.home))
    assert limiter.state.position[0] == 0.0
    values = multipanda.send(limiter.command(), 0.05).values
    assert values[0] == 1e-9 and np.array_equal(values[1:], limiter.state.position[1:])
    assert limiter.state.position[0] == 0.0


def test_null_sends_nothing(panda):
    null = adapter(panda, "null")
    assert null.output is None
    assert null.send(moving_limiter(panda).command(), 0.05) is None


@pytest.mark.parametrize("name", ADAPTERS)
def test_each_says_what_it_publishes_and_on_which_topic(panda, name):
    made = adapter(panda, name)
    assert isinstance(made, Adapter)
    sent = made.send(moving_limiter(panda).command(), 0.05)
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


def test_what_an_adapter_measures_is_published_as_joint_states(panda):
    pytest.importorskip("rclpy", reason="rclpy is not installed: no node can run")
    from builtin_interfaces.msg import Time
    from f2o_control.convert import AdapterPort
    from rclpy.node import Node

    published = []

    class FakeNode(Node):
        def __init__(self):
            """Without ROS."""

        def create_publisher(self, kind, topic, qos):
            return SimpleNamespace(publish=lambda message: published.append((topic, message)))

        def get_clock(self):
            return SimpleNamespace(now=lambda: SimpleNamespace(to_msg=lambda: Time(sec=7)))

        def __del__(self):
            """Nothing to destroy."""

    joints = NamedJoints(panda.joint_names, np.arange(7.0), np.zeros(7))
    adapter = NullAdapter()
    adapter.poll = lambda mono_ns: AdapterStatus("", joints, 0.06)
    port = AdapterPort(FakeNode(), adapter, Topics(), panda.finger_joint_names)
    assert port.poll(0).joints is joints
    (arm_topic, arm), (gripper_topic, fingers) = published
    assert (arm_topic, gripper_topic) == ("/franka/joint_states", "/franka_gripper/joint_states")
    assert list(arm.position) == list(range(7)) and arm.header.stamp.sec == 7
    assert list(fingers.name) == list(panda.finger_joint_names)
    assert list(fingers.position) == [0.03, 0.03]

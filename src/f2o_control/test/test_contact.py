"""Contact through franka_ros2: what its arm says of itself, and the thresholds it is told; with injected messages."""

from types import SimpleNamespace

import numpy as np
import pytest
from f2o_control.adapters import UdpRules, make_adapter
from f2o_control.config import FrankaRules
from f2o_control.testing.rig import Rig, S
from jaxtyping import config
from test_recovery import Message, Node, installed

pytest.importorskip("rclpy", reason="rclpy is not installed")

from f2o_control.contact_convert import SET, Thresholds, listen_to_arm, stopped, touched

SERVICE = "/service_server/set_force_torque_collision_behavior"
SWITCH = "/controller_manager/switch_controller"


@pytest.fixture(autouse=True)
def fakes():
    """A fake node is no Node."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


class Errors(SimpleNamespace):
    """Some of franka_msgs/Errors."""

    def get_fields_and_field_types(self):
        return dict.fromkeys(vars(self), "boolean")


def state(mode=2, **errors):
    return SimpleNamespace(robot_mode=mode, current_errors=Errors(joint_reflex=False, **errors))


@pytest.mark.parametrize(
    ("msg", "text"),
    [
        (state(), ""),
        (state(1), ""),
        (state(4, cartesian_reflex=True), "the arm stopped by itself: cartesian_reflex"),
        (state(2, a=True, b=False, c=True), "the arm stopped by itself: a, c"),
        (state(3), "the arm is guided by hand"),
        (state(4), "the arm stopped by itself: reflex"),
        (state(5), "a person stopped the arm"),
        (state(6), "the arm recovers from an error"),
    ],
)
def test_errors_and_modes_in_which_no_command_moves_the_arm_are_a_sentence(msg, text):
    assert stopped(msg) == text


def test_contacts_are_named_as_those_of_f2o_rt():
    none, some = SimpleNamespace(x=0.0, y=0.0, z=0.0), SimpleNamespace(x=1.0, y=0.0, z=1.0)
    joints = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    said = SimpleNamespace(
        is_joint_contact=joints, is_cartesian_linear_contact=none, is_cartesian_angular_contact=some
    )
    assert touched(said) == ("joint 2", "about x", "about z")


def test_it_is_said_why_the_arm_is_not_heard(panda, monkeypatch):
    installed(monkeypatch, "franka_msgs")
    answers = {
        name: listen_to_arm(Node(), make_adapter(name, panda, UdpRules()), "/state", lambda *_: None)
        for name in ("jtc", "null")
    }
    assert answers == {
        "jtc": "not installed: franka_msgs (franka_ros2's; apt install ros-jazzy-franka-msgs)",
        "null": "this adapter has its own way",
    }


def setting(panda, monkeypatch, adapter="jtc", profile="normal"):
    installed(monkeypatch)
    rig, node = Rig(panda), Node()
    rig.run(0.3)
    made = make_adapter(adapter, panda, UdpRules())
    side = Thresholds(node, rig.bridge, made, FrankaRules(), panda.thresholds(profile))
    return SimpleNamespace(rig=rig, side=side, node=node, servers=node.servers)


def refuse(server):
    server.futures[-1].come(Message(success=False, ok=False, error="not in this mode"))


def accept(server):
    server.futures[-1].come(SimpleNamespace(success=True, error=""))


def switched(server, ok=True):
    server.futures[-1].come(SimpleNamespace(ok=ok))


def test_nothing_is_armed_before_the_arm_was_told_the_thresholds_of_the_profile(panda, monkeypatch):
    case = setting(panda, monkeypatch, profile="cautious")
    case.side.step(S)
    assert case.rig.arm().text == "not armed: the arm's thresholds of contact: being set"
    request = case.servers[SERVICE].asked[0]
    assert np.allclose(request.upper_torque_thresholds_nominal, 0.6 * np.array(panda.collision.upper_torque))
    assert np.allclose(request.lower_force_thresholds_nominal, 0.6 * np.array(panda.collision.lower_force))
    accept(case.servers[SERVICE])
    assert case.servers[SWITCH].asked == [] and case.side.state == SET
    case.side.step(2 * S)
    assert len(case.servers[SERVICE].asked) == 1 and case.rig.arm().accepted


def test_they_are_set_again_after_the_arm_recovered(panda, monkeypatch):
    case = setting(panda, monkeypatch)
    case.side.again()  # before they were set: there is nothing to do again
    case.side.step(S)
    accept(case.servers[SERVICE])
    case.side.again()
    assert not case.rig.arm().accepted
    case.side.step(2 * S)
    assert len(case.servers[SERVICE].asked) == 2
    accept(case.servers[SERVICE])
    assert case.side.state == SET and case.rig.arm().accepted


def test_where_the_arm_refuses_under_a_controller_that_is_released_and_activated_again(panda, monkeypatch):
    case = setting(panda, monkeypatch)
    service, switch = case.servers[SERVICE], case.servers[SWITCH]
    case.side.step(S)
    refuse(service)
    assert switch.asked[0].deactivate_controllers == ["joint_trajectory_controller"]
    switched(switch)
    assert len(service.asked) == 2
    accept(service)
    assert switch.asked[1].activate_controllers == ["joint_trajectory_controller"]
    assert not case.rig.arm().accepted
    switched(switch)
    assert case.side.state == SET and case.rig.arm().accepted


def test_what_is_refused_in_the_end_is_said_and_tried_again_with_the_controller_back(panda, monkeypatch):
    case = setting(panda, monkeypatch)
    service, switch = case.servers[SERVICE], case.servers[SWITCH]
    case.side.step(S)
    refuse(service)
    switched(switch)
    refuse(service)
    switched(switch)
    assert len(switch.asked) == 2
    text = f"not set, {SERVICE} refused: not in this mode"
    assert case.rig.arm().text == f"not armed: the arm's thresholds of contact: {text}"
    assert case.node.said == [f"thresholds of contact: {text}"]
    case.side.step(30 * S)
    assert len(service.asked) == 2
    case.side.step(31 * S)
    accept(service)
    assert case.rig.arm().accepted and len(switch.asked) == 2


def test_a_driver_that_was_started_again_is_told_again_but_never_under_an_armed_bridge(panda, monkeypatch):
    case = setting(panda, monkeypatch)
    service = case.servers[SERVICE]
    case.side.step(S)
    accept(service)
    assert case.rig.arm().accepted
    service.there = False
    case.side.step(40 * S)
    service.there = True
    case.side.step(80 * S)
    assert len(service.asked) == 1
    case.rig.bridge.disarm()
    case.side.step(81 * S)
    assert len(service.asked) == 2


def test_without_the_service_or_its_messages_the_bridge_arms_and_says_so(panda, monkeypatch):
    case = setting(panda, monkeypatch)
    case.servers[SERVICE].there = False
    case.side.step(S)
    assert case.side.state == f"service {SERVICE} is not available" and case.rig.arm().accepted
    installed(monkeypatch, "franka_msgs")
    adapter = make_adapter("jtc", panda, UdpRules())
    states = [
        Thresholds(Node(), case.rig.bridge, made, FrankaRules(), wanted).state
        for made, wanted in (
            (adapter, panda.collision),
            (adapter, None),
            (make_adapter("null", panda, UdpRules()), panda.collision),
        )
    ]
    assert states[0].startswith("not installed: franka_msgs")
    assert states[1:] == ["none in the robot's file", "this adapter has its own way"]

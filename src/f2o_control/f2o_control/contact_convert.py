"""Contact through franka_ros2: what its arm says of itself, and the thresholds that the arm is told.

Interfaces as in franka_msgs, franka_robot_state_broadcaster and franka_hardware of Jazzy, imported on demand.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.serialization import deserialize_message

from f2o_control.adapters import Adapter
from f2o_control.bridge import Bridge
from f2o_control.config import FrankaRules
from f2o_control.datagrams import CONTACTS
from f2o_control.errors import InterfacesError
from f2o_control.franka_convert import BEST_EFFORT, STRICT, call, interfaces
from f2o_control.recovery import Done, Recovery, Step
from f2o_control.robot import Collision
from f2o_control.state import Mode

REPORT_NS = 20_000_000  # between two states of the arm that are read
SET = "set"
AGAIN_NS = 30_000_000_000  # from a refusal of the thresholds to the next attempt
ROBOT_MODES = {  # franka_msgs/FrankaRobotState: those in which no command moves the arm
    3: "the arm is guided by hand",
    4: "the arm stopped by itself: reflex",
    5: "a person stopped the arm",
    6: "the arm recovers from an error",
}


def listen_to_arm(
    node: Node, adapter: Adapter, topic: str, hear: Callable[[str, tuple[str, ...]], None]
) -> str:
    """Tell ``hear`` why the arm cannot move, and what of it touches something; returns why that is not heard.

    Each is empty where there is nothing to say.

    franka_robot_state_broadcaster publishes a thousand times a second: messages are taken as bytes, and one in
    ``REPORT_NS`` is read.
    """
    if adapter.output is None:
        return "this adapter has its own way"
    try:
        types = interfaces("franka_msgs.msg:FrankaRobotState")
    except InterfacesError as error:
        return str(error)
    last_ns = 0

    def on_state(data: bytes) -> None:
        nonlocal last_ns
        if (now_ns := time.monotonic_ns()) - last_ns < REPORT_NS:
            return
        last_ns = now_ns
        msg: Any = deserialize_message(data, types.FrankaRobotState)
        hear(stopped(msg), touched(msg.collision_indicators))

    node.create_subscription(types.FrankaRobotState, topic, on_state, qos_profile_sensor_data, raw=True)
    return ""


def stopped(msg: Any) -> str:
    """Why an arm cannot move by its franka_msgs/FrankaRobotState, or ''."""
    errors = msg.current_errors
    names = [name for name in errors.get_fields_and_field_types() if getattr(errors, name)]
    if names:
        return f"the arm stopped by itself: {', '.join(names)}"
    return ROBOT_MODES.get(msg.robot_mode, "")


def touched(indicators: Any) -> tuple[str, ...]:
    """Those of ``CONTACTS`` that a franka_msgs/CollisionIndicators names."""
    linear, angular = indicators.is_cartesian_linear_contact, indicators.is_cartesian_angular_contact
    flags = (*indicators.is_joint_contact, *(getattr(v, axis) for v in (linear, angular) for axis in "xyz"))
    return tuple(name for name, flag in zip(CONTACTS, flags, strict=True) if flag)


class Thresholds:
    """Tells franka_ros2's arm, once its service is there and the bridge disarmed, what counts as a contact.

    The arm takes them only while no motion is running (libfranka, ``setCollisionBehavior``), and an active controller
    is one. So where it refuses, ``controller`` is released, the arm told, and the controller activated again.
    Until they are set nothing is armed. One thread.

    Args:
        node: which has the clients.
        bridge: to be kept from arming.
        adapter: that of the bridge; one without ROS output has no franka_ros2.
        rules: names of the services.
        collision: the thresholds; None: the arm keeps those that it has.
    """

    def __init__(
        self, node: Node, bridge: Bridge, adapter: Adapter, rules: FrankaRules, collision: Collision | None
    ) -> None:
        self._log, self._bridge, self._rules = node.get_logger(), bridge, rules
        self._controller, self._collision = rules.controller or adapter.controller, collision
        self.state = "none in the robot's file" if collision is None else "this adapter has its own way"
        self._run: Recovery | None = None
        self._told = self._released = False
        self._refusal, self._tried_ns = "", -AGAIN_NS
        if collision is None or adapter.output is None:
            return
        kinds = (
            "franka_msgs.srv:SetForceTorqueCollisionBehavior",
            "controller_manager_msgs.srv:SwitchController",
        )
        try:
            self._types = interfaces(*kinds)
        except InterfacesError as error:
            self.state = str(error)
            return
        self.state = f"service {rules.collision_service} is not available"
        self._service = node.create_client(
            self._types.SetForceTorqueCollisionBehavior, rules.collision_service
        )
        self._switch = node.create_client(self._types.SwitchController, rules.switch_service)
        steps = [Step("thresholds of contact", self._tell)]
        if self._controller:
            steps += [
                Step(f"release of controller {self._controller}", self._release),
                Step("thresholds of contact", self._tell_released),
                Step(f"controller {self._controller}", self._follow),
            ]
        self._run = Recovery(steps, rules.step_timeout_s, self._ended)

    def step(self, mono_ns: int) -> None:
        """Set what is not set yet; to be called regularly."""
        if self._run is None:
            return
        self._run.check(mono_ns)
        if not self._service.service_is_ready():
            self._told = False  # a driver that was started again
        elif not self._told and self._bridge.mode is Mode.DISARMED and mono_ns - self._tried_ns >= AGAIN_NS:
            self._tried_ns, self._refusal = mono_ns, ""
            self._say("being set")
            self._run.start(mono_ns)

    def again(self) -> None:
        """Set them once more: what recovered may have begun anew with its own."""
        if self._run is not None and self._told:
            self._told, self._tried_ns = False, -AGAIN_NS
            self._say("not set since the arm recovered")

    def _say(self, state: str) -> None:
        """Note how far it is; nothing is armed before it is "set"."""
        self.state = state
        self._bridge.unset = "" if state == SET else f"the arm's thresholds of contact: {state}"

    def _tell(self, done: Done) -> None:
        """Ask the arm. Its refusal is kept: what was released must be activated again in any case."""
        wanted = self._collision
        assert wanted is not None
        request = self._types.SetForceTorqueCollisionBehavior.Request(
            lower_torque_thresholds_nominal=wanted.lower_torque,
            upper_torque_thresholds_nominal=wanted.upper_torque,
            lower_force_thresholds_nominal=wanted.lower_force,
            upper_force_thresholds_nominal=wanted.upper_force,
        )

        def told(problem: str) -> None:
            self._refusal = problem
            done("")

        call(self._service, self._rules.collision_service, request, told)

    def _release(self, done: Done) -> None:
        self._released = bool(self._refusal)
        if self._released:
            self._switch_to(done, deactivate_controllers=[self._controller], strictness=BEST_EFFORT)
        else:
            done("")

    def _tell_released(self, done: Done) -> None:
        self._tell(done) if self._released else done("")

    def _follow(self, done: Done) -> None:
        if self._released:
            self._switch_to(done, activate_controllers=[self._controller], strictness=STRICT)
        else:
            done("")

    def _switch_to(self, done: Done, **wanted: Any) -> None:
        request = self._types.SwitchController.Request(**wanted)
        call(self._switch, self._rules.switch_service, request, done)

    def _ended(self, problem: str) -> None:
        problem = problem or self._refusal
        self._told = not problem
        self._say(f"not set, {problem}" if problem else SET)
        self._log.info(f"thresholds of contact: {self.state}")

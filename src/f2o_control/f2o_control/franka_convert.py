"""Recovery and gripper through franka_ros2 and ros2_control, whose messages are imported on demand.

Interfaces as in franka_msgs (Grasp, Move, ErrorRecovery), franka_gripper and controller_manager_msgs of Jazzy.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from f2o_nodekit.joints import JointStateError, joint_values
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data

from f2o_control.adapters import Adapter
from f2o_control.bridge import Answer, Bridge
from f2o_control.config import FrankaRules
from f2o_control.errors import InterfacesError
from f2o_control.gripper_worker import GripperWorker
from f2o_control.limits import Joints
from f2o_control.recovery import Done, Recovery, Step
from f2o_control.state import Mode

ACTIVE = 3  # lifecycle_msgs/State.PRIMARY_STATE_ACTIVE
BEST_EFFORT, STRICT = 1, 2  # controller_manager_msgs/SwitchController.Request
KINDS = ("Move", "Grasp", "Homing")  # actions of franka_gripper
SUCCEEDED = 4  # action_msgs/GoalStatus.STATUS_SUCCEEDED
PACKAGES = {
    "franka_msgs": "franka_msgs (franka_ros2's; apt install ros-jazzy-franka-msgs)",
    "controller_manager_msgs": "controller_manager_msgs (apt install ros-jazzy-controller-manager-msgs)",
    "control_msgs": "control_msgs (apt install ros-jazzy-control-msgs)",
    "rclpy": "rclpy.action and action_msgs (apt install ros-jazzy-action-msgs)",
    "action_msgs": "action_msgs (apt install ros-jazzy-action-msgs)",
}


def interfaces(*names: str) -> SimpleNamespace:
    """Message types by name, each given as ``module:name``.

    Raises:
        InterfacesError: a package is not installed; the text says which and how to install it.
    """
    found = {}
    for name in names:
        module, kind = name.split(":")
        try:
            found[kind] = getattr(importlib.import_module(module), kind)
        except ImportError as error:
            package = (error.name or module).split(".")[0]
            raise InterfacesError(f"not installed: {PACKAGES.get(package, package)}") from error
    return SimpleNamespace(**found)


def listen_to_controller(
    node: Node, adapter: Adapter, topic: str, joint_names: tuple[str, ...], hear: Callable[[Joints], None]
) -> str:
    """Tell ``hear`` where the controller says it holds the arm [rad]; returns why that is not heard, or ''."""
    if not adapter.says_what_it_holds:
        return "this adapter's controller does not say it"
    try:
        types = interfaces("control_msgs.msg:JointTrajectoryControllerState")
    except InterfacesError as error:
        return str(error)

    def on_state(msg: Any) -> None:
        with suppress(JointStateError):  # of other joints, or before it is active
            hear(held_joints(msg, joint_names))

    node.create_subscription(types.JointTrajectoryControllerState, topic, on_state, qos_profile_sensor_data)
    return ""


def held_joints(msg: Any, joint_names: tuple[str, ...]) -> Joints:
    """The set-point [rad] in a control_msgs/JointTrajectoryControllerState, in the order of ``joint_names``.

    Raises:
        JointStateError: a joint is missing there.
    """
    return joint_values(msg.joint_names, msg.reference.positions, [], joint_names).positions


class Goals:
    """Client of one action, one goal at a time, without waiting."""

    def __init__(self, node: Node, kind: type, name: str, client_cls: type) -> None:
        self._name, self._client, self._handle = name, client_cls(node, kind, name), None
        self._unwanted = False

    def ready(self) -> bool:
        """Whether the server is available."""
        return self._client.server_is_ready()

    def send(self, goal: Any, done: Done) -> None:
        """Send ``goal``; ``done`` is called with its problem, or ''."""
        self._handle, self._unwanted = None, False
        if not self.ready():
            done(f"action server {self._name} is not available")
            return
        future = self._client.send_goal_async(goal)
        future.add_done_callback(lambda answer: self._accepted(answer.result(), done))

    def cancel(self) -> None:
        """Cancel the goal, at once or as soon as it is accepted."""
        self._unwanted = True
        if self._handle is not None:
            self._handle.cancel_goal_async()

    def _accepted(self, handle: Any, done: Done) -> None:
        if handle is None or not handle.accepted:
            done(f"{self._name} refused")
            return
        self._handle = handle
        if self._unwanted:
            handle.cancel_goal_async()
        handle.get_result_async().add_done_callback(lambda answer: done(self._ended(answer.result())))

    def _ended(self, answer: Any) -> str:
        if answer.status == SUCCEEDED and getattr(answer.result, "success", True):
            return ""
        return f"{self._name} did not succeed: {getattr(answer.result, 'error', '') or f'status {answer.status}'}"


class FrankaGripper:
    """franka_gripper's actions: opening by a move, closing by a grasp, which keeps its force on the object.

    Raises:
        InterfacesError: franka_msgs is not installed.
    """

    def __init__(self, node: Node, rules: FrankaRules) -> None:
        types = interfaces("rclpy.action:ActionClient", *(f"franka_msgs.action:{kind}" for kind in KINDS))
        self._types, self._rules = types, rules
        self._move = Goals(node, types.Move, f"{rules.gripper}/move", types.ActionClient)
        self._grasp = Goals(node, types.Grasp, f"{rules.gripper}/grasp", types.ActionClient)
        self._homing = Goals(node, types.Homing, f"{rules.gripper}/homing", types.ActionClient)
        self._homed = not rules.homing

    def ready(self) -> bool:
        """Whether franka_gripper is available."""
        return self._move.ready() and self._grasp.ready()

    def begin(self, width: float, opening: bool, done: Done) -> None:
        """Move or grasp; before the first, home the fingers if that is configured."""
        if self._homed:
            self._go(width, opening, done)
            return

        def homed(problem: str) -> None:
            self._homed = not problem
            done(problem) if problem else self._go(width, opening, done)

        self._homing.send(self._types.Homing.Goal(), homed)

    def _go(self, width: float, opening: bool, done: Done) -> None:
        if opening:
            self._move.send(self._types.Move.Goal(width=width, speed=self._rules.speed), done)
            return
        goal = self._types.Grasp.Goal(width=width, speed=self._rules.speed, force=self._rules.force)
        goal.epsilon.inner = goal.epsilon.outer = self._rules.epsilon
        self._grasp.send(goal, done)

    def stop(self) -> None:
        """Cancel the current goal."""
        self._homing.cancel()
        self._move.cancel()
        self._grasp.cancel()


def recovery_steps(
    node: Node, rules: FrankaRules, controller: str
) -> tuple[Sequence[Step], Callable[[], bool]]:
    """The steps of franka_ros2's recovery, and a test whether any of their servers is available.

    Where hardware fails, ros2_control deactivates all that use it (controller_manager.cpp,
    ``get_cached_controllers_to_hardware``), broadcasters too. ``controller`` is activated last; none where it is empty.

    Raises:
        InterfacesError: a package of theirs is not installed.
    """
    types = interfaces(
        "rclpy.action:ActionClient",
        "franka_msgs.action:ErrorRecovery",
        "controller_manager_msgs.srv:SetHardwareComponentState",
        "controller_manager_msgs.srv:SwitchController",
    )
    errors = Goals(node, types.ErrorRecovery, rules.error_recovery, types.ActionClient)
    hardware = node.create_client(types.SetHardwareComponentState, rules.hardware_service)
    switch = node.create_client(types.SwitchController, rules.switch_service)

    def activate(done: Done) -> None:
        request = types.SetHardwareComponentState.Request(name=rules.hardware)
        request.target_state.id, request.target_state.label = ACTIVE, "active"
        call(hardware, rules.hardware_service, request, done)

    def follow(done: Done) -> None:
        request = types.SwitchController.Request(activate_controllers=[controller], strictness=STRICT)
        call(switch, rules.switch_service, request, done)

    def broadcast(done: Done) -> None:
        request = types.SwitchController.Request(
            activate_controllers=[*rules.broadcasters], strictness=BEST_EFFORT
        )
        # Those that run, or that this cell does not have, are no problem; silent joint states are one at arming.
        call(switch, rules.switch_service, request, lambda problem: done(""))

    steps = [
        Step("error recovery", lambda done: errors.send(types.ErrorRecovery.Goal(), done)),
        Step(f"hardware component {rules.hardware}", activate),
    ]
    if rules.broadcasters:
        steps.append(Step("broadcasters", broadcast))
    if controller:
        steps.append(Step(f"controller {controller}", follow))
    return steps, lambda: errors.ready() or hardware.service_is_ready() or switch.service_is_ready()


def call(client: Any, name: str, request: Any, done: Done) -> None:
    """Ask the service ``name``; ``done`` is called with its problem, or ''."""
    if not client.service_is_ready():
        done(f"service {name} is not available")
        return

    def answered(answer: Any) -> None:
        result = answer.result()
        accepted = getattr(result, "ok", None) or getattr(
            result, "success", False
        )  # ros2_control's, franka_ros2's
        why = getattr(result, "error", "")
        done("" if accepted else f"{name} refused{f': {why}' if why else ''}")

    client.call_async(request).add_done_callback(answered)


class Franka:
    """franka_ros2's gripper and recovery, if its packages are installed and its servers available.

    Unused with an adapter without ROS output, whose arm is not franka_ros2's.
    ``recovered`` is called after each of the arm's recoveries.
    ``step``, ``recover`` and all answers belong to the executor's thread; the loop calls ``request``.
    """

    def __init__(
        self,
        node: Node,
        bridge: Bridge,
        adapter: Adapter,
        rules: FrankaRules,
        recovered: Callable[[], None] = lambda: None,
    ) -> None:
        self._log, self._bridge, self._adapter = node.get_logger(), bridge, adapter
        self._tell_recovered = recovered
        self.missing, self.last_recovery = "", ""
        self._worker: GripperWorker | None = None
        self._recovery: Recovery | None = None
        if adapter.output is None:
            return
        try:
            self._worker = GripperWorker(FrankaGripper(node, rules))
            steps, self._there = recovery_steps(node, rules, rules.controller or adapter.controller)
            self._recovery = Recovery(steps, rules.step_timeout_s, self._recovered)
        except InterfacesError as error:
            self.missing = str(error)

    def request(self, width: float) -> None:
        """Request the gripper's ``width`` [m]."""
        if self._worker is not None:
            self._worker.request(width)

    def step(self, mono_ns: int) -> None:
        """Send waiting goals and give up on what has timed out; to be called regularly."""
        if self._worker is not None:
            self._worker.step(mono_ns)
        if self._recovery is not None:
            self._recovery.check(mono_ns)

    def recover(self, mono_ns: int) -> Answer:
        """Leave a fault: the robot's own recovery first if available, then the bridge's."""
        if problem := self._bridge.not_recoverable():
            return Answer(False, f"not recovered: {problem}")
        self._adapter.recover()
        if self._adapter.output is None:
            return self._bridge.recover()
        if self._recovery is None or not self._there():
            answer = self._bridge.recover()
            why = self.missing or "its servers are not available"
            return Answer(answer.accepted, f"{answer.text}; franka_ros2's own recovery was left out ({why})")
        if not self._recovery.start(mono_ns):
            return Answer(False, "not recovered: a recovery is under way")
        return Answer(True, "recovering the robot; disarmed when that is done")

    def values(self) -> dict[str, int | str]:
        """For the diagnostics."""
        values: dict[str, int | str] = {"franka": self.missing, "last_recovery": self.last_recovery}
        if (worker := self._worker) is not None:
            values |= {"gripper.failures": worker.failures, "gripper.last_problem": worker.last_problem}
        return values

    def _recovered(self, problem: str) -> None:
        if problem:
            answer = Answer(False, f"not recovered: {problem}")
        elif self._bridge.mode is Mode.DISARMED:  # it was the arm's fault alone
            answer = Answer(True, "recovered: disarmed")
        else:
            answer = self._bridge.recover()
        if answer.accepted:
            self._tell_recovered()
        self.last_recovery = answer.text
        self._log.info(answer.text)

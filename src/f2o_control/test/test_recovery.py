"""The robot's own way out of a fault, and its gripper's goals: the core with fakes, franka_ros2's side likewise."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
from f2o_control.gripper_worker import GripperDevice, GripperWorker
from f2o_control.recovery import Recovery, Step
from jaxtyping import config

S = 1_000_000_000


@pytest.fixture(autouse=True)
def fakes():
    """A fake node is no Node."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


class Steps:
    """Steps whose answers the test gives."""

    def __init__(self, *names):
        self.begun, self.answers = [], {}
        self.steps = [Step(name, lambda done, name=name: self._begin(name, done)) for name in names]

    def _begin(self, name, done):
        self.begun.append(name)
        self.answers[name] = done


@pytest.fixture
def three():
    steps, ends = Steps("errors", "hardware", "controller"), []
    return SimpleNamespace(steps=steps, ends=ends, recovery=Recovery(steps.steps, 5.0, ends.append))


def test_each_step_begins_when_the_one_before_is_done(three):
    assert three.recovery.start(0) and not three.recovery.start(0)
    assert three.steps.begun == ["errors"] and three.ends == []
    three.steps.answers["errors"]("")
    assert three.steps.begun == ["errors", "hardware"]
    three.steps.answers["hardware"]("")
    three.steps.answers["controller"]("")
    assert three.ends == [""] and not three.recovery.running


def test_a_step_that_fails_ends_it_and_it_can_be_tried_again(three):
    three.recovery.start(0)
    three.steps.answers["errors"]("refused")
    assert three.ends == ["errors: refused"] and three.steps.begun == ["errors"]
    assert three.recovery.start(S)
    assert three.steps.begun == ["errors", "errors"]


def test_a_step_that_does_not_answer_is_given_up_and_its_late_answer_does_not_count(three):
    three.recovery.start(0)
    late = three.steps.answers["errors"]
    three.recovery.check(5 * S)
    assert three.ends == []
    three.recovery.check(5 * S + 1)
    assert three.ends == ["errors: no answer for 5 s"]
    three.recovery.start(6 * S)
    late("")
    assert three.steps.begun == ["errors", "errors"] and three.recovery.running


def test_every_step_has_its_own_time(three):
    three.recovery.start(0)
    three.recovery.check(4 * S)
    three.steps.answers["errors"]("")
    for seconds in (4.1, 9.0):
        three.recovery.check(round(seconds * S))
    assert three.ends == []
    three.recovery.check(round(9.2 * S))
    assert three.ends == ["hardware: no answer for 5 s"]


class FakeGripper:
    """A gripper whose goals end when the test says so."""

    def __init__(self):
        self.begun, self.stops, self.there, self._done = [], 0, True, None

    def ready(self):
        return self.there

    def begin(self, width, opening, done):
        assert self._done is None, "two goals at a time"
        self.begun.append((width, opening))
        self._done = done

    def stop(self):
        self.stops += 1

    def end(self, problem=""):
        done, self._done = self._done, None
        done(problem)


@pytest.fixture
def rig():
    gripper = FakeGripper()
    return SimpleNamespace(gripper=gripper, worker=GripperWorker(gripper))


def test_a_request_alone_touches_nothing(rig):
    rig.worker.request(0.02)
    assert rig.gripper.begun == [] and isinstance(rig.gripper, GripperDevice)
    rig.worker.step(0)
    assert rig.gripper.begun == [(0.02, True)]


def test_goals_are_one_at_a_time_and_the_newest_wins(rig):
    for width in (0.08, 0.06, 0.04):
        rig.worker.request(width)
        rig.worker.step(0)
    rig.worker.request(0.02)
    rig.worker.step(0)
    assert rig.gripper.begun == [(0.08, True)] and rig.gripper.stops == 1
    rig.gripper.end("cancelled")
    assert rig.gripper.begun == [(0.08, True), (0.02, False)]
    assert rig.worker.failures == 0  # it was asked to end
    rig.gripper.end()
    rig.worker.step(0)
    assert len(rig.gripper.begun) == 2


def test_the_goal_under_way_is_not_begun_again(rig):
    rig.worker.request(0.02)
    rig.worker.step(0)
    rig.worker.request(0.02)
    rig.worker.step(0)
    assert rig.gripper.stops == 0
    rig.gripper.end()
    assert len(rig.gripper.begun) == 1


def test_a_failure_is_kept_and_the_next_goal_goes_on(rig):
    rig.worker.request(0.02)
    rig.worker.step(0)
    rig.gripper.end("grasp did not succeed")
    assert (rig.worker.failures, rig.worker.last_problem) == (1, "grasp did not succeed")
    rig.worker.request(0.08)
    rig.worker.step(0)
    assert rig.gripper.begun[-1] == (0.08, True)


def test_a_gripper_that_never_answers_does_not_keep_later_goals_waiting(rig):
    rig.worker.request(0.02)
    rig.worker.step(0)
    died = rig.gripper._done
    rig.worker.step(S)
    rig.worker.request(0.06)
    rig.worker.step(20 * S)
    assert rig.gripper.begun == [(0.02, True)]
    rig.gripper._done = None  # its server was started again and knows of nothing
    rig.worker.step(21 * S + 1)
    assert rig.gripper.begun == [(0.02, True), (0.06, True)]
    assert (rig.worker.failures, rig.worker.last_problem) == (1, "no answer for 20 s")
    died("")
    rig.worker.request(0.03)
    rig.worker.step(22 * S)
    assert len(rig.gripper.begun) == 2, "a late answer of the first goal was taken for the second's"


def test_without_a_gripper_a_request_waits_and_the_newest_is_begun_when_it_comes(rig):
    rig.gripper.there = False
    for width in (0.05, 0.03):
        rig.worker.request(width)
        rig.worker.step(0)
    rig.gripper.there = True
    rig.worker.step(0)
    assert rig.gripper.begun == [(0.03, True)]


# franka_ros2's side, against messages and servers that the test injects


class Future:
    """A result that comes later."""

    def __init__(self):
        self._callbacks, self._result = [], None

    def add_done_callback(self, callback):
        self._callbacks.append(callback)

    def result(self):
        return self._result

    def come(self, result):
        self._result = result
        for callback in self._callbacks:
            callback(self)


class Server:
    """An action or service: what it was asked, and its answers."""

    def __init__(self, node, kind, name):
        self.kind, self.name, self.there, self.asked, self.futures = kind, name, True, [], []
        self.cancelled = 0
        node.servers[name] = self

    def server_is_ready(self):
        return self.there

    service_is_ready = server_is_ready

    def _ask(self, request):
        self.asked.append(request)
        self.futures.append(Future())
        return self.futures[-1]

    send_goal_async = call_async = _ask

    def accept(self, accepted=True):
        """Take the last goal; the future of its result."""
        result = Future()
        self.futures[-1].come(
            SimpleNamespace(
                accepted=accepted, get_result_async=lambda: result, cancel_goal_async=self._cancel
            )
        )
        return result

    def _cancel(self):
        self.cancelled += 1


class Message(SimpleNamespace):
    """A message with whatever fields it is given."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        setattr(self, name, Message())
        return getattr(self, name)


def installed(monkeypatch, *leave_out):
    """Put the packages of franka_ros2 and ros2_control in place, as modules."""
    kinds = {
        "franka_msgs.action": ("Move", "Grasp", "Homing", "ErrorRecovery"),
        "franka_msgs.srv": ("SetForceTorqueCollisionBehavior",),
        "controller_manager_msgs.srv": ("SetHardwareComponentState", "SwitchController"),
        "rclpy.action": ("ActionClient",),
    }
    for name, types in kinds.items():
        if name.split(".")[0] in leave_out:
            monkeypatch.setitem(sys.modules, name.split(".")[0], None)
            monkeypatch.setitem(sys.modules, name, None)
            continue
        module = ModuleType(name)
        for kind in types:
            setattr(
                module,
                kind,
                Server if kind == "ActionClient" else SimpleNamespace(Goal=Message, Request=Message),
            )
        if not name.startswith("rclpy"):
            monkeypatch.setitem(sys.modules, name.split(".")[0], ModuleType(name.split(".")[0]))
        monkeypatch.setitem(sys.modules, name, module)


class Node:
    """As much of a node as the bridge's franka side needs."""

    def __init__(self):
        self.servers, self.said = {}, []

    def create_client(self, kind, name):
        return Server(self, kind, name)

    def get_logger(self):
        return SimpleNamespace(info=self.said.append)


def franka(panda, monkeypatch, *leave_out, adapter="jtc", **rules):
    """The franka side of a bridge in fault, at rest."""
    pytest.importorskip("rclpy", reason="rclpy is not installed")
    from f2o_control.adapters import UdpRules, make_adapter
    from f2o_control.config import FrankaRules
    from f2o_control.franka_convert import Franka
    from f2o_control.testing.rig import Rig

    rig, node = Rig(panda), Node()
    rig.run(0.1)
    rig.arm()
    rig.run(0.5)
    rig.publish("/f2o/joint_target", ["/a", "/b"])
    rig.run(0.6)
    installed(monkeypatch, *leave_out)
    made = make_adapter(adapter, panda, UdpRules())
    recovered = []
    side = Franka(node, rig.bridge, made, FrankaRules(**rules), lambda: recovered.append(True))
    return SimpleNamespace(side=side, node=node, servers=node.servers, bridge=rig.bridge, recovered=recovered)


BROADCASTERS = ["joint_state_broadcaster", "franka_robot_state_broadcaster"]


def test_the_whole_recovery_ends_in_disarmed(panda, monkeypatch):
    case = franka(panda, monkeypatch)
    answer = case.side.recover(0)
    assert (answer.accepted, answer.text) == (True, "recovering the robot; disarmed when that is done")
    assert case.side.recover(0).text == "not recovered: a recovery is under way"
    errors = case.servers["/action_server/error_recovery"]
    errors.accept().come(SimpleNamespace(status=4, result=SimpleNamespace()))
    hardware = case.servers["/controller_manager/set_hardware_component_state"]
    request = hardware.asked[0]
    assert (request.name, request.target_state.id) == ("FrankaHardwareInterface", 3)
    assert case.bridge.mode.value == "fault"
    hardware.futures[0].come(SimpleNamespace(ok=True))
    switch = case.servers["/controller_manager/switch_controller"]
    assert switch.asked[0].activate_controllers == BROADCASTERS and switch.asked[0].strictness == 1
    switch.futures[0].come(SimpleNamespace(ok=False))  # a cell that has but one of them
    assert switch.asked[1].activate_controllers == ["joint_trajectory_controller"]
    assert switch.asked[1].strictness == 2 and case.recovered == []
    switch.futures[1].come(SimpleNamespace(ok=True))
    assert case.bridge.mode.value == "disarmed" and case.recovered == [True]
    assert case.node.said == ["recovered: disarmed"] == [case.side.values()["last_recovery"]]


@pytest.mark.parametrize(
    ("adapter", "rules", "activated"),
    [
        ("crisp", {}, [["joint_impedance_controller"]]),
        ("crisp", {"controller": "mine"}, [["mine"]]),
        ("multipanda", {}, []),
    ],
)
def test_a_recovery_activates_the_controller_of_the_adapter(panda, monkeypatch, adapter, rules, activated):
    """Another one that is activated takes the joints from the one that the bridge talks to."""
    case = franka(panda, monkeypatch, adapter=adapter, **rules)
    case.side.recover(0)
    errors = case.servers["/action_server/error_recovery"]
    errors.accept().come(SimpleNamespace(status=4, result=SimpleNamespace()))
    case.servers["/controller_manager/set_hardware_component_state"].futures[0].come(SimpleNamespace(ok=True))
    switch = case.servers["/controller_manager/switch_controller"]
    switch.futures[0].come(SimpleNamespace(ok=True))
    assert [request.activate_controllers for request in switch.asked] == [BROADCASTERS, *activated]
    assert case.bridge.mode.value == ("fault" if activated else "disarmed")


@pytest.mark.parametrize(
    ("go", "text"),
    [
        (lambda e, h: e.accept(False), "error recovery: /action_server/error_recovery refused"),
        (
            lambda e, h: e.accept().come(SimpleNamespace(status=6, result=SimpleNamespace())),
            "error recovery: /action_server/error_recovery did not succeed: status 6",
        ),
        (
            lambda e, h: (
                setattr(h, "there", False),
                e.accept().come(SimpleNamespace(status=4, result=SimpleNamespace())),
            ),
            "hardware component FrankaHardwareInterface: "
            "service /controller_manager/set_hardware_component_state is not available",
        ),
    ],
)
def test_a_robot_that_does_not_recover_leaves_the_bridge_in_fault(panda, monkeypatch, go, text):
    case = franka(panda, monkeypatch)
    case.side.recover(0)
    go(
        case.servers["/action_server/error_recovery"],
        case.servers["/controller_manager/set_hardware_component_state"],
    )
    assert case.node.said == [f"not recovered: {text}"]
    assert case.bridge.mode.value == "fault"


def test_a_robot_that_does_not_answer_leaves_the_bridge_in_fault(panda, monkeypatch):
    case = franka(panda, monkeypatch)
    case.side.recover(0)
    case.side.step(6 * S)
    assert case.node.said == ["not recovered: error recovery: no answer for 5 s"]


@pytest.mark.parametrize(
    ("package", "text"),
    [
        ("franka_msgs", "not installed: franka_msgs (franka_ros2's; apt install ros-jazzy-franka-msgs)"),
        (
            "controller_manager_msgs",
            "not installed: controller_manager_msgs (apt install ros-jazzy-controller-manager-msgs)",
        ),
    ],
)
def test_without_its_packages_the_bridge_recovers_alone_and_says_what_is_missing(
    panda, monkeypatch, package, text
):
    case = franka(panda, monkeypatch, package)
    answer = case.side.recover(0)
    assert answer.text == f"recovered: disarmed; franka_ros2's own recovery was left out ({text})"
    assert answer.accepted and case.bridge.mode.value == "disarmed"


def test_without_its_servers_the_bridge_recovers_alone(panda, monkeypatch):
    case = franka(panda, monkeypatch)
    for server in case.servers.values():
        server.there = False
    assert case.side.recover(0).text.endswith("was left out (its servers are not available)")
    assert case.bridge.mode.value == "disarmed"


def test_an_arm_behind_udp_has_no_franka_ros2(panda, monkeypatch):
    case = franka(panda, monkeypatch, adapter="null")
    assert case.servers == {} and case.side.recover(0).text == "recovered: disarmed"
    assert case.side.recover(0).text == "not recovered: the bridge is disarmed, not in fault"


def test_what_stopped_the_arm_alone_is_recovered_while_disarmed(panda, monkeypatch):
    case = franka(panda, monkeypatch)
    case.bridge.disarm()
    assert case.side.recover(0).text == "not recovered: the bridge is disarmed, not in fault"
    case.bridge.offer_report("the arm stopped by itself: cartesian_reflex", S)
    case.bridge.tick(S, S)
    assert case.side.recover(0).accepted
    case.servers["/action_server/error_recovery"].accept().come(SimpleNamespace(status=4, result=None))
    case.bridge.tick(2 * S, 2 * S)
    hardware, switch = (
        case.servers[f"/controller_manager/{name}"]
        for name in ("set_hardware_component_state", "switch_controller")
    )
    hardware.futures[0].come(SimpleNamespace(ok=True))
    for answer in range(2):
        switch.futures[answer].come(SimpleNamespace(ok=True))
    assert case.node.said == ["recovered: disarmed"]


def test_the_gripper_opens_by_a_move_and_closes_by_a_grasp(panda, monkeypatch):
    case = franka(panda, monkeypatch)
    move, grasp = case.servers["/franka_gripper/move"], case.servers["/franka_gripper/grasp"]
    case.side.request(0.08)
    case.side.step(0)
    assert (move.asked[0].width, move.asked[0].speed, grasp.asked) == (0.08, 0.1, [])
    result = move.accept()
    case.side.request(0.02)
    case.side.step(0)
    assert move.cancelled == 1 and grasp.asked == []
    result.come(SimpleNamespace(status=5, result=SimpleNamespace(success=False, error="")))
    goal = grasp.asked[0]
    assert (goal.width, goal.force, goal.epsilon.inner, goal.epsilon.outer) == (0.02, 20.0, 0.08, 0.08)
    grasp.accept().come(SimpleNamespace(status=4, result=SimpleNamespace(success=False, error="no object")))
    values = case.side.values()
    assert values["gripper.failures"] == 1
    assert values["gripper.last_problem"] == "/franka_gripper/grasp did not succeed: no object"


def test_a_goal_that_is_unwanted_before_it_was_taken_is_ended_once_it_is(panda, monkeypatch):
    case = franka(panda, monkeypatch)
    move, grasp = case.servers["/franka_gripper/move"], case.servers["/franka_gripper/grasp"]
    case.side.request(0.08)
    case.side.step(0)
    case.side.request(0.02)
    case.side.step(0)
    assert move.cancelled == 0
    move.accept().come(SimpleNamespace(status=5, result=SimpleNamespace(success=False, error="")))
    assert move.cancelled == 1 and len(grasp.asked) == 1


def test_the_fingers_find_their_stroke_before_the_first_goal_where_that_is_configured(panda, monkeypatch):
    case = franka(panda, monkeypatch, homing=True)
    homing, move = case.servers["/franka_gripper/homing"], case.servers["/franka_gripper/move"]
    case.side.request(0.05)
    case.side.step(0)
    assert len(homing.asked) == 1 and move.asked == []
    homing.accept().come(SimpleNamespace(status=6, result=SimpleNamespace(success=False, error="stuck")))
    assert case.side.values()["gripper.last_problem"] == "/franka_gripper/homing did not succeed: stuck"
    case.side.request(0.06)
    case.side.step(0)
    homing.accept().come(SimpleNamespace(status=4, result=SimpleNamespace(success=True)))
    assert [goal.width for goal in move.asked] == [0.06]
    move.accept().come(SimpleNamespace(status=4, result=SimpleNamespace(success=True)))
    case.side.request(0.07)
    case.side.step(0)
    assert len(homing.asked) == 2 and len(move.asked) == 2


def test_what_the_controller_says_it_holds_is_heard_by_name_where_its_messages_are_installed(
    panda, monkeypatch
):
    pytest.importorskip("rclpy", reason="rclpy is not installed")
    from f2o_control.adapters import UdpRules, make_adapter
    from f2o_control.franka_convert import listen_to_controller

    module, heard, listening = ModuleType("control_msgs.msg"), [], {}
    module.JointTrajectoryControllerState = Message
    monkeypatch.setitem(sys.modules, "control_msgs", ModuleType("control_msgs"))
    monkeypatch.setitem(sys.modules, "control_msgs.msg", module)
    node = SimpleNamespace(
        create_subscription=lambda kind, topic, callback, qos: listening.update({topic: callback})
    )

    def listen(adapter):
        made = make_adapter(adapter, panda, UdpRules())
        return listen_to_controller(node, made, "/state", panda.joint_names, heard.append)

    assert listen("jtc") == "" and list(listening) == ["/state"]
    names = list(panda.joint_names[::-1])
    reference = SimpleNamespace(positions=[float(k) for k in range(7)])
    listening["/state"](SimpleNamespace(joint_names=names, reference=reference))
    assert [*heard[0]] == [6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0]
    listening["/state"](SimpleNamespace(joint_names=names[:3], reference=reference))  # another controller's
    assert len(heard) == 1
    assert listen("crisp") == "this adapter's controller does not say it"
    monkeypatch.setitem(sys.modules, "control_msgs", None)
    monkeypatch.setitem(sys.modules, "control_msgs.msg", None)
    assert listen("jtc") == "not installed: control_msgs (apt install ros-jazzy-control-msgs)"

"""The simulated control unit under the real pylibfranka, each in a process of its own."""

import importlib.util
import json
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from xml.etree import ElementTree

import numpy as np
import pytest
from f2o_control.adapters.udp import UdpAdapter, UdpRules
from f2o_control.datagrams import State
from f2o_control.robot import load_robot
from f2o_control.testing import CONFIG
from f2o_sim.control_unit import wire
from f2o_sim.control_unit.end_effector import HAND_TIP
from f2o_sim.control_unit.gripper import (
    ABORTED,
    FAIL,
    GRASP,
    HOMING,
    MOVE,
    STOP,
    SUCCESS,
    UNSUCCESSFUL,
    ExactFingers,
    Hand,
)
from f2o_sim.control_unit.kinematics import Kinematics, force
from f2o_sim.control_unit.model import robot_model
from f2o_sim.control_unit.server import Link, Server
from f2o_sim.control_unit.unit import ControlUnit
from f2o_sim.control_unit.wire import COMMAND, Command, MoveStatus, RobotMode, Status

real = pytest.mark.skipif(
    importlib.util.find_spec("pylibfranka") is None, reason="pylibfranka has no wheel for this Python"
)
ROBOT = load_robot(CONFIG / "robots/fr3.yaml")


def test_sizes_are_those_of_the_protocol():
    sizes = (wire.STATE.itemsize, wire.COMMAND.itemsize, wire.GRIPPER_STATE.itemsize)
    assert sizes == (1377, 371, 23)
    assert wire.HEADER.size == 12 and wire.LOAD.itemsize + 12 == wire.REQUEST_SIZES[Command.LOAD]


@pytest.mark.parametrize("name", ["fr3", "panda"])
def test_the_model_has_what_libfranka_looks_for(name):
    model = ElementTree.fromstring(robot_model(load_robot(CONFIG / f"robots/{name}.yaml")))
    assert [link.get("name") for link in model.findall("link")] == [f"link{i}" for i in range(9)]
    limited = [
        j.get("name") for j in model.findall("joint") if j.find("position_based_velocity_limits") is not None
    ]
    assert limited == [f"joint{i}" for i in range(1, 8)]


def test_the_models_velocity_curve_is_the_robots_in_libfrankas_formula():
    joints = ElementTree.fromstring(robot_model(ROBOT)).findall("joint")[:7]
    curve = ROBOT.velocity_curve
    for index, joint in enumerate(joints):
        limit, given = joint.find("limit"), joint.find("position_based_velocity_limits")
        room = float(limit.get("upper")) - ROBOT.home[index]  # libfranka, joint_velocity_limits.cpp
        theirs = np.sqrt(2 * float(given.get("deceleration_limit")) * room) - float(
            given.get("velocity_offset")
        )
        ours = np.sqrt(curve.gain[index] * (curve.upper[index] - ROBOT.home[index])) - curve.offset[index]
        assert theirs == pytest.approx(ours) and float(limit.get("velocity")) == ROBOT.velocity[index]


def move(unit, generator=0, controller=0, number=7, asynchronous=False):
    payload = np.array([controller, generator], "<u4").tobytes() + bytes([*[0] * 48, asynchronous, *[0] * 56])
    (answer,) = unit.request(Command.MOVE, number, payload)
    return answer.status


def command(q, finished=False):
    given = np.zeros((), COMMAND)
    given["q_c"], given["finished"] = q, finished
    return given


def moving():
    unit = ControlUnit(ROBOT)
    assert move(unit) == MoveStatus.STARTED
    assert not unit.wants_command and unit.step(None) == [] and unit.wants_command
    assert unit.step(command(unit.position)) == []
    return unit


def test_a_motion_begins_and_ends():
    unit = moving()
    assert (unit.mode, move(unit)) == (RobotMode.MOVE, MoveStatus.NOT_POSSIBLE)
    (answer,) = unit.step(command(np.zeros(7), finished=True))  # q is not looked at
    assert (answer.status, answer.id, unit.mode) == (MoveStatus.SUCCESS, 7, RobotMode.IDLE)
    assert np.array_equal(unit.position, ROBOT.home)


@pytest.mark.parametrize(("generator", "controller"), [(2, 0), (3, 0), (4, 0), (0, 2)])
def test_cartesian_motions_and_torques_are_refused(generator, controller):
    unit = ControlUnit(ROBOT)
    assert move(unit, generator, controller) == MoveStatus.NOT_POSSIBLE and not unit.moving


def test_asynchronous_motions_are_refused():
    unit = ControlUnit(ROBOT)
    assert move(unit, asynchronous=True) == MoveStatus.NOT_POSSIBLE and not unit.moving


REFLEXES = {
    "joint_position_motion_generator_start_pose_invalid": lambda u: u.step(command(u.position + 0.01)),
    "joint_motion_generator_velocity_limits_violation": lambda u: u.step(command(u.position + 0.01)),
    "joint_motion_generator_velocity_discontinuity": lambda u: u.step(command(u.position + 2e-5)),
    "joint_motion_generator_acceleration_discontinuity": lambda u: u.step(command(u.position + 8e-6)),
    "joint_motion_generator_position_limits_violation": lambda u: u.step(command(u.position + 5.0)),
    "communication_constraints_violation": lambda u: [u.step(None) for _ in range(21)][-1],
}


@pytest.mark.parametrize("flag", REFLEXES)
def test_each_reflex_ends_the_motion_and_recovery_begins_anew(flag):
    unit = ControlUnit(ROBOT)
    move(unit)
    unit.step(None)
    if "start_pose" not in flag:
        unit.step(command(unit.position))
    (answer,) = REFLEXES[flag](unit)
    assert (answer.status, unit.mode) == (MoveStatus.REFLEX, RobotMode.REFLEX)
    assert [wire.ERRORS[i] for i in np.flatnonzero(unit.errors)] == [flag]
    assert move(unit) == MoveStatus.NOT_POSSIBLE
    (recovered,) = unit.request(Command.RECOVERY, 1, b"")
    assert recovered.status == Status.SUCCESS and unit.mode is RobotMode.IDLE
    assert unit.reflex_reason[wire.ERRORS.index(flag)]  # kept
    assert move(unit) == MoveStatus.STARTED


def test_twenty_lost_commands_are_carried_on_and_do_not_end_the_motion():
    unit = moving()
    assert all(unit.step(None) == [] for _ in range(20)) and unit.mode is RobotMode.MOVE


def test_stop_in_motion_brakes_within_the_limits():
    unit = moving()
    q, v, a = unit.position.copy(), 0.0, 0.0
    while v < 0.3:
        a = min(a + 4.0, 8.0)
        v += a * 1e-3
        q[0] += v * 1e-3
        assert unit.step(command(q)) == []
    preempted, stopped = unit.request(Command.STOP_MOVE, 8, b"")
    assert (preempted.status, preempted.id, stopped.status) == (MoveStatus.PREEMPTED, 7, Status.SUCCESS)
    assert move(unit) == MoveStatus.NOT_POSSIBLE  # while it brakes
    speeds = [unit.velocity[0]]
    while unit.velocity.any():
        unit.step(None)
        speeds.append(unit.velocity[0])
    assert np.abs(np.diff(speeds)).max() <= 1e-3 * ROBOT.acceleration[0] * (1 + 1e-9)
    assert move(unit) == MoveStatus.STARTED


def test_settings_are_kept_and_wrong_ones_refused():
    unit = ControlUnit(ROBOT)

    def set_load(mass):
        return unit.request(Command.LOAD, 1, np.array([mass, *range(12)], "<f8").tobytes())[0].status

    assert (set_load(0.5), set_load(-1.0), set_load(np.nan)) == (0, 2, 2)
    assert unit.state()["m_load"] == 0.5 and unit.state()["F_x_Cload"].tolist() == [0, 1, 2]
    assert unit.request(Command.LOAD, 1, b"short")[0].status == Status.INVALID_ARGUMENT
    assert unit.request(99, 1, b"") == []
    moving_unit = moving()
    assert moving_unit.request(Command.RECOVERY, 1, b"")[0].status == Status.SUCCESS and moving_unit.moving


def test_the_jacobian_is_the_poses_derivative():
    kinematics, q, point = Kinematics(robot_model(ROBOT)), np.array(ROBOT.home), np.array([0.1, -0.2, 0.3])

    def at(joints):
        pose = kinematics.flange(joints)
        return pose[:3, :3] @ point + pose[:3, 3]

    moves = np.array([(at(q + 1e-6 * e) - at(q - 1e-6 * e)) / 2e-6 for e in np.eye(7)]).T
    jacobian = kinematics.jacobian(q, point)
    assert np.allclose(jacobian[:3], moves, atol=1e-8)
    wrench = np.array([1.0, -2.0, 3.0, 0.1, 0.2, -0.3])
    assert np.allclose(force(jacobian.T @ wrench, jacobian), wrench)
    stretched = np.array([0.0, 0.0, 0.0, -0.0698, 0.0, 1.5, 0.0])
    near = kinematics.jacobian(np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]), np.zeros(3))
    assert (
        not force(np.ones(7), near).any() and force(np.ones(7), kinematics.jacobian(stretched, point)).any()
    )


def frame(name, unit):
    return unit.state()[name].reshape(4, 4).T


def test_poses_are_those_of_the_joints_and_frames():
    unit = ControlUnit(ROBOT)
    assert np.allclose(frame("O_T_EE", unit)[:3, 3], [0.30689, 0.0, 0.48688], atol=1e-5)  # the ready pose
    assert np.allclose(frame("O_T_EE", unit)[:3, :3], np.diag([1.0, -1.0, -1.0]), atol=1e-5)  # straight down
    assert unit.state()["elbow"].tolist() == [0.0, -1.0]
    shifted = np.eye(4)
    shifted[2, 3] = 0.1
    payload = shifted.T.tobytes()
    assert unit.request(Command.NE_TO_EE, 1, payload)[0].status == Status.SUCCESS
    assert np.allclose(frame("O_T_EE", unit)[:3, 3], [0.30689, 0.0, 0.38688], atol=1e-5)
    assert np.allclose(frame("F_T_EE", unit), HAND_TIP @ shifted)
    assert unit.request(Command.EE_TO_K, 1, payload)[0].status == Status.SUCCESS
    assert np.allclose(frame("EE_T_K", unit), shifted)
    bent = (2 * np.eye(4)).tobytes()
    assert unit.request(Command.EE_TO_K, 1, bent)[0].status == Status.INVALID_ARGUMENT
    assert np.allclose(frame("EE_T_K", unit), shifted)


def thresholds(lower=10.0, upper=20.0, force=1000.0, **more):
    given = np.zeros((), wire.COLLISION)
    for name in wire.COLLISION.names:
        given[name] = (lower if "lower" in name else upper) if "torque" in name else force
    for name, values in more.items():
        given[name] = values
    return given.tobytes()


def touched(unit, torque, joint=6):
    """The unit pressed upon at a joint, until its filter has settled; the flags of contact and collision."""
    unit.arm.external = np.eye(7)[joint] * torque
    answers = [answer for _ in range(60) for answer in unit.step(command(unit.position))]
    state = unit.state()
    return bool(state["joint_contact"][joint]), bool(state["joint_collision"][joint]), answers


def test_a_contact_is_told_and_a_collision_ends_the_motion_until_recovery():
    unit = ControlUnit(ROBOT)
    assert touched(unit, 50.0)[:2] == (False, False)  # before anybody has set thresholds
    assert touched(unit, 0.0)[:2] == (False, False)
    assert unit.request(Command.COLLISION_BEHAVIOR, 1, thresholds())[0].status == Status.SUCCESS
    move(unit)
    assert touched(unit, 9.0) == (False, False, []) and touched(unit, 15.0) == (True, False, [])
    contact, collision, (answer,) = touched(unit, -25.0)
    assert (contact, collision, answer.status) == (True, True, MoveStatus.REFLEX)
    assert [wire.ERRORS[i] for i in np.flatnonzero(unit.errors)] == ["joint_reflex"]
    assert touched(unit, 0.0) == (False, True, [])  # the collision is kept
    unit.request(Command.RECOVERY, 2, b"")
    assert touched(unit, 0.0) == (False, False, []) and move(unit) == MoveStatus.STARTED


def test_thresholds_are_those_of_the_request_in_its_order():
    numbers = np.arange(52, dtype="<f8")
    for lower, upper in ((0, 7), (14, 21), (28, 34), (40, 46)):
        count = upper - lower
        numbers[upper : upper + count] = 100 + numbers[lower : lower + count]
    unit = ControlUnit(ROBOT)
    assert unit.request(Command.COLLISION_BEHAVIOR, 1, numbers.tobytes())[0].status == Status.SUCCESS
    assert np.array_equal(unit.contacts.thresholds["upper_torque_nominal"], numbers[21:28])
    assert np.array_equal(unit.contacts.thresholds["lower_force_acceleration"], numbers[28:34])
    numbers[21] = 0.0  # below its lower one
    assert unit.request(Command.COLLISION_BEHAVIOR, 1, numbers.tobytes())[0].status == Status.INVALID_ARGUMENT
    assert unit.contacts.thresholds["upper_torque_nominal"][0] == 114.0


def test_thresholds_of_acceleration_hold_while_the_set_points_accelerate():
    unit = ControlUnit(ROBOT)
    unit.request(Command.COLLISION_BEHAVIOR, 1, thresholds(upper_torque_acceleration=np.full(7, 100.0)))
    move(unit)
    unit.step(None)
    unit.arm.external = np.eye(7)[6] * 50.0
    q, v = unit.position.copy(), 0.0
    for k in range(40):
        v += 1e-3 * min(k, 4)
        q = q + v * 1e-3
        assert unit.step(command(q)) == []
    assert unit.state()["tau_ext_hat_filtered"][6] > 40
    answers = []
    while not answers:
        q = q + v * 1e-3  # no longer accelerating
        answers = unit.step(command(q))
    assert [answer.status for answer in answers] == [MoveStatus.REFLEX]


def test_a_force_beyond_its_threshold_is_a_cartesian_reflex():
    unit = ControlUnit(ROBOT)
    unit.request(Command.COLLISION_BEHAVIOR, 1, thresholds(1e3, 1e3, 20.0))
    move(unit)
    jacobian = unit._kinematics.jacobian(unit.position, HAND_TIP[:3, 3])
    unit.arm.external = jacobian.T @ np.array([0.0, 0.0, -25.0, 0.0, 0.0, 0.0])  # presses down
    answers = [answer for _ in range(60) for answer in unit.step(command(unit.position))]
    assert [answer.status for answer in answers] == [MoveStatus.REFLEX]
    assert [wire.ERRORS[i] for i in np.flatnonzero(unit.errors)] == ["cartesian_reflex"]
    state = unit.state()
    assert np.allclose(state["O_F_ext_hat_K"][:3], [0, 0, -25], atol=0.1)
    assert np.allclose(state["K_F_ext_hat_K"][:3], [0, 0, 25], atol=0.1)  # the tool's z points down
    assert state["cartesian_collision"].tolist() == [0, 0, 1, 0, 0, 0]


def test_a_load_that_the_unit_knows_of_is_no_external_force():
    unit, center = ControlUnit(ROBOT), np.array([0.0, 0.02, 0.1])
    lift = unit._kinematics.jacobian(unit.position, center)[:3].T @ [0, 0, 9.81]
    unit.arm.external = lift  # a kilogram
    for _ in range(60):
        unit.step(None)
    assert np.allclose(unit.state()["tau_ext_hat_filtered"], lift, atol=1e-3) and np.abs(lift).max() > 3
    unit.request(Command.LOAD, 1, np.array([1.0, *center, *np.zeros(9)], "<f8").tobytes())
    for _ in range(60):
        unit.step(None)
    assert np.abs(unit.state()["tau_ext_hat_filtered"]).max() < 1e-3


def numbers(*values):
    return np.array(values, "<f8").tobytes()


def ends(hand):
    return next(replies for _ in range(10_000) if (replies := hand.step(1e-3)))


def test_the_hand_moves_grasps_and_homes():
    hand = Hand(ExactFingers(0.04))
    assert hand.request(MOVE, 1, numbers(0.06, 0.1)) == [] and ends(hand) == [(MOVE, 1, SUCCESS)]
    assert hand.fingers.width == pytest.approx(0.06)
    hand.request(GRASP, 2, numbers(0.03, 0.005, 0.02, 0.1, 20.0))
    assert ends(hand) == [(GRASP, 2, SUCCESS)] and hand.grasped and hand.fingers.width == 0.04
    hand.request(MOVE, 3, numbers(0.01, 0.1))
    assert ends(hand) == [(MOVE, 3, UNSUCCESSFUL)] and not hand.grasped
    hand.request(HOMING, 4, b"")
    assert hand.request(STOP, 5, b"") == [(HOMING, 4, ABORTED), (STOP, 5, SUCCESS)]
    assert hand.request(MOVE, 6, numbers(0.5, 0.1)) == [(MOVE, 6, FAIL)]
    assert hand.request(MOVE, 7, b"short") == [(MOVE, 7, FAIL)]


@pytest.fixture
def link():
    link = Link("127.0.3.2", wire.PORT, wire.HEADER)
    yield link
    link.close()


def connect(link, version=wire.VERSION):
    client = socket.create_connection(("127.0.3.2", wire.PORT))
    client.sendall(wire.HEADER.pack(Command.CONNECT, 1, 16) + struct.pack("<HH", version, 47132))
    return client, until(lambda: list(link.requests()))


def until(meets):
    deadline = time.monotonic() + 10.0
    while not (found := meets()):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    return found


def test_a_client_that_is_back_at_once_is_taken_and_a_second_one_is_not(link):
    first, ((command, number, payload),) = connect(link)
    assert (command, number) == (Command.CONNECT, 1)
    assert link.connect(payload, wire.VERSION, struct.Struct("<BH")) == struct.pack("<BH", 0, wire.VERSION)
    second = socket.create_connection(("127.0.3.2", wire.PORT))
    assert list(link.requests()) == [] and second.recv(1) == b""  # closed, and the first one stays
    assert link.peer[1] == 47132
    first.close()
    again, requests = connect(link)  # its end and the new client are found together
    assert [command for command, *_ in requests] == [Command.CONNECT] and link.peer is None
    for client in (second, again):
        client.close()


def test_another_version_is_told_and_gets_no_states(link):
    client, ((*_, payload),) = connect(link, version=5)
    assert link.connect(payload, wire.VERSION, struct.Struct("<BH")) == struct.pack("<BH", 1, wire.VERSION)
    assert link.peer is None
    client.close()


@pytest.mark.parametrize("size", [0, 11, 2**31])
def test_a_client_that_breaks_the_format_is_dropped(link, size):
    client = socket.create_connection(("127.0.3.2", wire.PORT))
    client.sendall(wire.HEADER.pack(Command.MOVE, 1, size))

    def dropped():
        assert list(link.requests()) == []
        client.setblocking(False)
        try:
            return client.recv(1) == b""
        except BlockingIOError:
            return False

    until(dropped)
    client.close()


def test_a_client_that_takes_no_answers_is_dropped(link, monkeypatch):
    monkeypatch.setattr("f2o_sim.control_unit.server.SEND_S", 0.01)
    client, _ = connect(link)
    link.answer(Command.ROBOT_MODEL, 1, bytes(2**26))  # more than any socket buffers
    assert link.peer is None and list(link.requests()) == []
    client.close()


@pytest.fixture
def unit():
    """The control unit's process and its address."""
    address = "127.0.3.1"
    process = start(address)
    yield process, address
    process.kill()
    process.communicate()


def start(address, *words):
    process = subprocess.Popen(
        [sys.executable, "-m", "f2o_sim.control_unit", "--listen", address, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == f"control unit of fr3 on {address}\n"
    return process


def client(address, code):
    """What a libfranka program prints as JSON; a process of its own, for kIgnore raises its priority."""
    begin = f"import json, pylibfranka as p\nrobot = p.Robot({address!r}, p.RealtimeConfig.kIgnore)\n"
    done = subprocess.run([sys.executable, "-c", begin + code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


FOLLOW = """
control = robot.start_joint_position_control(p.ControllerMode.JointImpedance)
for k in range(1001):
    state, _ = control.readOnce()
    u = k / 1000
    points = p.JointPositions([robot_q[0] + 0.1 * (10 * u**3 - 15 * u**4 + 6 * u**5), *robot_q[1:]])
    points.motion_finished = k == 1000
    control.writeOnce(points)
del control
"""


@real
def test_libfranka_follows_a_trajectory_and_stops_with_the_unit(unit):
    process, address = unit
    code = "robot_q = list(robot.read_once().q_d)\n" + FOLLOW
    code += "state = robot.read_once()\nprint(json.dumps([list(state.q), str(state.robot_mode)]))"
    q, mode = client(address, code)
    expected = np.add(ROBOT.home, [0.1, 0, 0, 0, 0, 0, 0])
    assert np.abs(q - expected).max() < 1e-5 and mode == "RobotMode.Idle"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "") and "without an answer in time" in out


MEET = """
import time
said = []
control = robot.start_joint_position_control(p.ControllerMode.JointImpedance)
try:
    for k in range(100):
        q = list(control.readOnce()[0].q_d)
        if k == AT:
            q[0] += BY
            time.sleep(PAUSE)
        control.writeOnce(p.JointPositions(q))
except Exception as error:
    said.append([type(error).__name__, FLAG in str(error)])
del control
said.append(str(robot.read_once().robot_mode))
try:
    robot.start_joint_position_control(p.ControllerMode.JointImpedance)
except Exception as error:
    said.append(type(error).__name__)
robot.automatic_error_recovery()
state = robot.read_once()
said.append(str(state.robot_mode))
robot_q = list(state.q_d)
"""


@real
@pytest.mark.parametrize(
    ("flag", "at", "by", "pause"),
    [
        ("joint_position_motion_generator_start_pose_invalid", 0, 0.01, 0.0),
        ("joint_motion_generator_position_limits_violation", 5, 5.0, 0.0),
        ("joint_motion_generator_velocity_limits_violation", 5, 0.01, 0.0),
        ("joint_motion_generator_velocity_discontinuity", 5, 2e-5, 0.0),
        ("joint_motion_generator_acceleration_discontinuity", 5, 8e-6, 0.0),
        ("communication_constraints_violation", 5, 0.0, 0.8),
    ],
)
def test_libfranka_meets_each_reflex_recovers_and_follows_again(unit, flag, at, by, pause):
    values = f"AT, BY, PAUSE, FLAG = {at}, {by}, {pause}, {flag!r}\n"
    said = client(unit[1], values + MEET + FOLLOW + "print(json.dumps(said))")
    assert said == [["ControlException", True], "RobotMode.Reflex", "CommandException", "RobotMode.Idle"]


@real
def test_libfranka_sets_load_and_uses_the_hand(unit):
    code = """
robot.set_load(0.5, [0, 0, 0.1], [0.01, 0, 0, 0, 0.01, 0, 0, 0, 0.01])
robot.set_collision_behavior([20.0] * 7, [20.0] * 7, [20.0] * 6, [20.0] * 6)
hand = p.Gripper(ADDRESS)
moved = hand.move(0.03, 0.2), hand.read_once().width
print(json.dumps([robot.read_once().m_load, *moved, hand.grasp(0.02, 0.2, 20.0, 0.01, 0.01)]))
"""
    load, moved, width, grasped = client(unit[1], code.replace("ADDRESS", repr(unit[1])))
    assert (load, moved, grasped) == (0.5, True, True) and width == pytest.approx(0.03)


@real
def test_libfrankas_own_model_agrees(unit):
    code = """
state = robot.read_once()
model = robot.load_model()
frames = [list(state.q), list(state.O_T_EE), list(state.F_T_EE)]
print(json.dumps([*frames, list(model.zero_jacobian(state)), list(model.gravity(state)), list(state.tau_J)]))
"""
    q, pose, end, jacobian, gravity, torques = map(np.array, client(unit[1], code))
    kinematics, end = Kinematics(robot_model(ROBOT)), end.reshape(4, 4).T
    assert np.allclose(pose.reshape(4, 4).T, kinematics.flange(q) @ end, atol=1e-6)
    assert np.allclose(jacobian.reshape(7, 6).T, kinematics.jacobian(q, end[:3, 3]), atol=1e-5)
    assert np.allclose(gravity, torques, atol=1e-3) and np.abs(torques).max() > 20


def start_receiver(address, config, *words):
    words = [
        *("arm=pylibfranka", f"robot_ip={address}", "robot=fr3", "realtime=ignore", "port=47131"),
        *words,
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "f2o_rt", "--config", str(config / "receiver.yaml")]
        + [word for setting in words for word in ("--set", setting)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline().startswith("fr3 by pylibfranka, on 127.0.0.1:47131; ")
    assert process.stdout.readline().startswith("waiting; cycles ")
    return process


@pytest.fixture
def receiver(unit, tmp_path):
    """f2o_rt as a process at the unit, and the trace that it leaves."""
    process = start_receiver(unit[1], CONFIG, f"trace={tmp_path / 'trace.npz'}")
    yield process, tmp_path / "trace.npz"
    process.kill()
    process.communicate()


@pytest.fixture
def inside():
    """A control unit on a thread of this process, to look into and to press upon."""
    unit, stopping = ControlUnit(ROBOT), threading.Event()
    server = Server(unit, Hand(), "127.0.3.3")
    thread = threading.Thread(target=server.run, args=(stopping.is_set,))
    thread.start()
    yield unit, "127.0.3.3"
    stopping.set()
    thread.join()


def said(process, *texts):
    """Wait for a status line of f2o_rt with all of ``texts``; there is one a second."""
    lines = []
    while not lines or not all(text in lines[-1] for text in texts):
        assert len(lines) < 20, lines
        lines.append(process.stdout.readline())


SHIPPED = "mass: 0.0 # kg"


@real
def test_f2o_rt_sets_thresholds_and_load_and_says_contact_collision_and_recovery(inside, tmp_path):
    unit, address = inside
    (tmp_path / "robots").mkdir()
    for name in ("receiver.yaml", "robots/fr3.yaml"):
        text = (CONFIG / name).read_text()
        assert name != "robots/fr3.yaml" or SHIPPED in text
        (tmp_path / name).write_text(text.replace(SHIPPED, "mass: 0.4"))
    process = start_receiver(address, tmp_path)
    adapter = UdpAdapter(ROBOT, UdpRules(port=47131))
    try:
        until(lambda: unit.moving)
        assert unit.load["mass"] == 0.4
        given, file = unit.contacts.thresholds, ROBOT.collision
        for phase in ("acceleration", "nominal"):
            for kind in ("lower_torque", "upper_torque", "lower_force", "upper_force"):
                assert given[f"{kind}_{phase}"].tolist() == list(getattr(file, kind))
        load = unit._load_torques(unit.position)
        twist = unit._kinematics.jacobian(unit.position, HAND_TIP[:3, 3])[5]  # a newton metre about the tool
        unit.arm.external = load + 7.0 * twist  # more than joint 7's lower threshold
        said(process, "; contact: joint 7; ")
        until(lambda: adapter.poll(0).contact == ("joint 7",))
        assert unit.moving
        unit.arm.external = load + 14.0 * twist
        said(process, "fault: ", "; collision: joint 7; errors: joint_reflex; ")
        unit.arm.external = load
        until(lambda: "the arm stopped by itself: joint_reflex" in adapter.poll(0).problem)
        unit.request(Command.LOAD, 1, np.zeros(13, "<f8").tobytes())
        adapter.recover()
        until(lambda: not adapter.poll(0).problem)
        until(lambda: unit.moving)
        assert unit.load["mass"] == 0.4 and not unit.errors.any()  # set again before the next motion
    finally:
        adapter.close()
        out = end(process)
    assert "fault" not in out.splitlines()[-1]


def end(process):
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0 and "Traceback" not in err
    return out


@real
def test_f2o_rt_says_when_the_unit_is_gone(unit, receiver):
    unit[0].kill()
    assert any(line.startswith("fault: ") and unit[1] in line for line in receiver[0].stdout)
    end(receiver[0])


@real
def test_f2o_rt_follows_targets_and_ends_without_a_fault(unit, receiver, tmp_path):
    sender = [sys.executable, "-m", "f2o_rt.sender", str(CONFIG / "robots/fr3.yaml"), "--port", "47131"]
    subprocess.run([*sender, "--seconds", "3", "--out", str(tmp_path / "sent.npz")], check=True, timeout=60)
    assert "fault" not in end(receiver[0])
    trace = np.load(receiver[1])
    # A machine too slow for a thousand cycles a second is followed for a part of the time only.
    assert (trace["state"] == State.FOLLOWING).sum() > 100 and np.ptp(trace["set_point"], axis=0).min() > 1e-4
    assert np.abs(trace["measured"][1:] - trace["set_point"][:-1]).max() < 1e-5
    end(unit[0])


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            ["--robot", "ur5"],
            "robot: 1 error: expected fr3, fr3v2, panda or the path of a robot's YAML file, got 'ur5'",
        ),
        (["--object", "0.2"], "--object: expected 0 to 0.08 m, got 0.2"),
        (
            ["--listen", "9.9.9.9"],
            "listen: 9.9.9.9:1337: Cannot assign requested address; expected a free port",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(words, text):
    done = subprocess.run(
        [sys.executable, "-m", "f2o_sim.control_unit", *words], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("f2o-sim-franka: ") and text in done.stderr

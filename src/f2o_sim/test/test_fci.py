"""The simulated arm under a control unit: shared memory, set-points by their time, contacts, resets, libfranka."""

import importlib.util
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from f2o_control.robot import load_robot
from f2o_control.testing import CONFIG
from f2o_sim.config import SimConfig
from f2o_sim.control_unit.arm import Measured
from f2o_sim.control_unit.gripper import ABORTED, GRASP, MOVE, SUCCESS, Hand
from f2o_sim.control_unit.shared import Block, SharedArm, SharedFingers, new_block
from f2o_sim.control_unit.unit import ControlUnit
from f2o_sim.control_unit.wire import COMMAND, ERRORS, LOAD, Command, MoveStatus
from f2o_sim.controller import Trajectory
from f2o_sim.errors import SimError, StateLogError, TrajectoryError
from f2o_sim.fci import SetPoints, SharedWorld
from f2o_sim.simulator import Outputs, Simulator
from f2o_sim.statelog import load_episode

real = pytest.mark.skipif(
    importlib.util.find_spec("pylibfranka") is None, reason="pylibfranka has no wheel for this Python"
)
ROBOT, MS = load_robot(CONFIG / "robots/panda.yaml"), 1_000_000


@pytest.fixture
def block():
    file = new_block()
    yield Block(file)
    os.close(file)


def test_both_sides_see_one_memory():
    file = new_block()
    one, other = Block(file), Block(file)
    one.write_measured(Measured(*np.arange(28.0).reshape(4, 7)), 0.04)
    assert other.read_measured()["external"].tolist() == list(range(21, 28))
    other.of["version"][0] += 1  # half written
    one._measured["width"][0] = 9.0
    assert other.read_measured()["width"] == 0.04
    other.of["version"][0] += 1
    assert other.read_measured()["width"] == 9.0
    os.close(file)


def test_set_points_are_read_by_their_time_coast_and_end_at_a_reset(block):
    now_ns = 10**12
    arm, controller = SharedArm(block, lambda: now_ns), SetPoints(block, lambda ns: ns)
    controller.reset(np.full(7, -1.0))
    velocity = np.full(7, 0.5)
    for k in range(600):  # more than are kept
        arm.follow(k * 1e-3 * velocity, velocity)
        now_ns += MS
    for k in (400, 480.25, 599):
        q, dq = controller.desired(10**12 + round((k + 5) * MS))
        assert q[0] == pytest.approx(k * 5e-4) and dq[0] == 0.5
    assert controller.desired(10**12 + 20 * MS)[1][0] == 0.0  # older than what is kept: rests where it was
    q, dq = controller.desired(10**12 + 1000 * MS)
    assert q[0] == pytest.approx((599 + 20) * 5e-4) and not dq.any()
    block.place(np.full(7, 2.0), 0.08)
    controller.reset(np.full(7, 2.0))
    assert controller.desired(now_ns)[0].tolist() == [2.0] * 7
    assert arm.placed().tolist() == [2.0] * 7 and arm.placed() is None
    arm.follow(np.full(7, 2.1), np.zeros(7))
    assert controller.desired(now_ns + 5 * MS)[0].tolist() == [2.1] * 7


class Rig:
    """World, control unit and hand in one process, a millisecond a step."""

    def __init__(self, world):
        world.reset(0)
        self.world, self.process = world, SharedWorld(world, lambda ns: ns)
        block = self.process.block
        self.unit = ControlUnit(ROBOT, SharedArm(block, lambda: world.time_ns))
        self.hand = Hand(SharedFingers(block))

    def start(self):
        collision = ROBOT.collision
        torque, force = (
            [collision.lower_torque, collision.upper_torque],
            [collision.lower_force, collision.upper_force],
        )
        numbers = np.concatenate([*torque, *torque, *force, *force])
        self.unit.request(Command.COLLISION_BEHAVIOR, 1, numbers.tobytes())
        payload = np.zeros(113, "u1").tobytes()  # joint positions, joint impedance
        (answer,) = self.unit.request(Command.MOVE, 2, payload)
        assert answer.status == MoveStatus.STARTED
        self.step(None)

    def step(self, q):
        command = None
        if q is not None:
            command = np.zeros((), COMMAND)
            command["q_c"] = q
        answers = self.unit.step(command)
        self.replies = self.hand.step(1e-3)
        self.world.step_to(self.world.time_ns + MS)
        self.process.exchange()
        return answers

    def move(self, goal, seconds):
        """Minimum jerk; the answers and the farthest that the arm was from its set-point of 5 ms before [rad]."""
        start, past, apart = self.unit.position.copy(), [], 0.0
        for u in np.linspace(0, 1, round(seconds * 1000)):
            past.append(start + (goal - start) * (10 * u**3 - 15 * u**4 + 6 * u**5))
            if answers := self.step(past[-1]):
                return answers, apart
            apart = max(apart, np.abs(self.world.joint_positions() - past[max(len(past) - 6, 0)]).max())
        return [], apart


@pytest.fixture
def rig(world):
    from f2o_sim.controller import GripperController, TrajectoryController

    rig = Rig(world)
    yield rig
    world.carry(0.0, np.zeros(3))
    world.obey(TrajectoryController(np.zeros(7)), GripperController(0.0))


def test_the_arm_follows_the_set_points_and_is_measured(rig):
    rig.start()
    home = rig.unit.position.copy()
    answers, apart = rig.move(home + np.array([0.3, 0.1, 0.0, 0.1, 0.0, 0.0, 0.2]), 1.5)
    assert answers == [] and apart < 0.01
    for _ in range(300):
        rig.step(rig.unit.position)
    state = rig.unit.state()
    assert np.abs(state["q"] - state["q_d"]).max() < 2e-3 and state["q"][0] == pytest.approx(
        home[0] + 0.3, abs=2e-3
    )
    pose = state["O_T_EE"].reshape(4, 4).T
    assert np.allclose(pose[:3, 3], rig.world.tcp_position(), atol=2e-3)
    assert np.abs(state["tau_ext_hat_filtered"]).max() < 0.5


def test_an_arm_that_runs_into_the_table_stops_by_a_reflex(rig):
    rig.start()
    answers, _ = rig.move(rig.unit.position + 1.3 * np.eye(7)[1], 4.0)
    assert [answer.status for answer in answers] == [MoveStatus.REFLEX]
    errors = {ERRORS[i] for i in np.flatnonzero(rig.unit.errors)}
    assert errors and errors <= {"joint_reflex", "cartesian_reflex"}
    assert rig.world.tcp_position()[2] < 0.03
    state = rig.unit.state()
    assert state["joint_collision"].any() or state["cartesian_collision"].any()
    assert state["O_F_ext_hat_K"][2] < -5  # it presses down
    for _ in range(1000):
        rig.step(None)
    assert np.abs(rig.world.joint_velocities()).max() < 0.01  # it has stopped


def test_a_reset_ends_the_motion_and_puts_arm_and_fingers_where_it_says(rig):
    rig.start()
    rig.hand.request(MOVE, 3, np.array([0.01, 0.1], "<f8").tobytes())
    rig.move(rig.unit.position + 0.1, 0.5)
    rig.world.reset(5)
    rig.process.exchange()
    (answer,) = rig.step(rig.unit.position)
    assert answer.status == MoveStatus.PREEMPTED_BY_SAFETY and rig.replies == [(MOVE, 3, ABORTED)]
    for _ in range(200):
        rig.step(None)
    assert np.allclose(rig.unit.position, rig.world.placement.arm)
    assert np.abs(rig.world.joint_positions() - rig.world.placement.arm).max() < 1e-3
    assert rig.world.gripper_width() == pytest.approx(rig.world.placement.gripper_width, abs=1e-3)
    rig.start()


def test_an_arm_that_is_held_where_it_was_put_was_not_moved(rig):
    rig.start()
    for _ in range(50):
        rig.step(rig.unit.position + 1e-8)  # of a client that knows the position in 32 bits
    assert not rig.process.moved
    rig.move(rig.unit.position + 0.02, 0.3)
    assert rig.process.moved
    rig.world.reset(3)
    rig.process.exchange()
    assert not rig.process.moved
    for _ in range(50):
        rig.step(None)
    assert not rig.process.moved


def ends(rig):
    for _ in range(3000):
        rig.step(None)
        if rig.replies:
            return rig.replies
    raise AssertionError("the command did not end")


def test_the_hand_moves_the_fingers_and_a_grasp_of_nothing_says_so(rig):
    rig.hand.request(MOVE, 3, np.array([0.03, 0.1], "<f8").tobytes())
    assert ends(rig) == [(MOVE, 3, SUCCESS)] and rig.world.gripper_width() == pytest.approx(0.03, abs=1e-3)
    rig.hand.request(GRASP, 4, np.array([0.02, 0.005, 0.005, 0.1, 20.0], "<f8").tobytes())
    assert ends(rig) == [(GRASP, 4, SUCCESS)] and rig.world.gripper_width() == pytest.approx(0.02, abs=1e-3)


def test_a_load_that_is_told_is_held_up(rig):
    rig.start()
    for _ in range(300):
        rig.step(rig.unit.position)
    before = rig.world.tcp_position()[2]
    rig.unit.request(Command.STOP_MOVE, 3, b"")
    load = np.zeros((), LOAD)
    load["mass"], load["center"] = 2.0, (0.0, 0.0, 0.1)
    rig.unit.request(Command.LOAD, 4, load.tobytes())
    for _ in range(300):
        rig.step(None)
    assert rig.world.tcp_position()[2] > before + 5e-4  # there is none: it rises
    state = rig.unit.state()
    assert state["m_load"] == 2.0 and state["O_F_ext_hat_K"][2] == pytest.approx(-2 * 9.81, rel=0.15)
    rig.unit.request(Command.LOAD, 5, np.zeros((), LOAD).tobytes())
    for _ in range(300):
        rig.step(None)
    assert rig.world.tcp_position()[2] == pytest.approx(before, abs=1e-4)


def test_an_arm_under_a_control_unit_takes_no_trajectories(rig):
    with pytest.raises(TrajectoryError, match="refused: the arm follows the clients of its control unit"):
        rig.world.command(Trajectory(0, np.array([MS]), np.zeros((1, 7))))
    with pytest.raises(TrajectoryError, match="gripper: refused"):
        rig.world.grip(0.02)


def quiet(*ignored):
    pass


def simulator(address, log=""):
    config = SimConfig(adapter="udp", fci=address, state_log=str(log))
    return Simulator(config, Outputs(quiet, quiet, quiet, quiet), lambda: 0)


@real
def test_libfranka_moves_the_arm_that_the_cameras_see_and_the_episode_is_logged(tmp_path):
    running = simulator("127.0.3.5", tmp_path / "states.npz")
    running.start()
    running.reset("", 4)
    code = """
import pylibfranka as p
robot = p.Robot("127.0.3.5", p.RealtimeConfig.kIgnore)
q0 = list(robot.read_once().q_d)
control = robot.start_joint_position_control(p.ControllerMode.JointImpedance)
for k in range(1001):
    control.readOnce()
    u = k / 1000
    points = p.JointPositions([q0[0] + 0.2 * (10 * u**3 - 15 * u**4 + 6 * u**5), *q0[1:]])
    points.motion_finished = k == 1000
    control.writeOnce(points)
del control
print(p.Gripper("127.0.3.5").move(0.02, 0.1))
"""
    try:
        start = running.world.placement.arm.copy()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
        deadline = time.monotonic() + 20.0  # on a busy machine the simulated time is slower
        while abs(running.world.joint_positions()[0] - start[0] - 0.2) > 5e-3:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert running.world.gripper_width() == pytest.approx(0.02, abs=2e-3)
    finally:
        running.stop()
    assert running.failure is None and "without an answer in time" in running.last_words
    episode = load_episode(tmp_path / "states.npz", 0)
    assert episode.seed == 4 and np.ptp(episode.qpos, axis=0).max() > 0.1


@real
def test_an_episode_in_which_no_client_moves_the_arm_is_not_logged(tmp_path):
    running = simulator("127.0.3.6", tmp_path / "states.npz")
    running.start()
    deadline = time.monotonic() + 20.0
    while running.world.elapsed_s < 0.3 and time.monotonic() < deadline:
        time.sleep(0.01)
    running.stop()
    with pytest.raises(StateLogError, match="no robot was told to move"):
        load_episode(tmp_path / "states.npz", 0)


def test_a_control_unit_that_cannot_listen_is_one_sentence():
    running = simulator("9.9.9.9")
    with pytest.raises(SimError, match=r"listen: 9\.9\.9\.9:1337: Cannot assign requested address"):
        running.start()
    running.stop()

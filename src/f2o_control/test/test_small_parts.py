"""State machine, watchdog, gripper, robot files, configuration."""

import re

import numpy as np
import pytest
import yaml
from f2o_control.config import BridgeConfig
from f2o_control.gripper import GripperGoal
from f2o_control.robot import Load, RobotDescription, load_robot
from f2o_control.staleness import Watchdog
from f2o_control.state import TABLE, Event, Mode, StateMachine
from f2o_control.testing import CONFIG
from f2o_nodekit.config import ConfigError, build_config, load_config

MS = 1_000_000
STOPS = {"disarm": "disarmed", "failure": "fault"}
LEGAL = {
    "disarmed": {
        "arm teleop": "teleop",
        "arm policy": "policy",
        "arm replay": "replay",
        "home": "homing",
        "disarm": "disarmed",
    },
    "homing": {"at home": "disarmed", "released": "disarmed", **STOPS},
    "teleop": {"targets late": "hold", "released": "hold", "give back": "policy", **STOPS},
    "policy": {
        "targets late": "hold",
        "observations stale": "hold",
        "released": "hold",
        "take over": "teleop",
        **STOPS,
    },
    "replay": {"targets late": "hold", "released": "hold", **STOPS},
    "hold": {
        "arm teleop": "teleop",
        "arm policy": "policy",
        "arm replay": "replay",
        "targets back (teleop)": "teleop",
        "targets back (policy)": "policy",
        "targets back (replay)": "replay",
        "take over": "teleop",
        "released": "hold",
        **STOPS,
    },
    "fault": STOPS,
}


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("event", Event)
def test_every_mode_and_event_goes_where_the_table_says(mode, event):
    machine = StateMachine()
    machine.mode, machine.reason = mode, "before"
    after = LEGAL[mode.value].get(event.value)
    assert machine.fire(event, "because") == (after is not None)
    assert machine.mode.value == (after or mode.value)
    assert machine.reason == ("because" if after else "before")


def test_the_table_has_no_other_entry():
    assert len(TABLE) == sum(map(len, LEGAL.values()))


def test_a_watchdog_waits_longer_for_the_first():
    watch = Watchdog(limit_s=0.1, first_s=1.0)
    assert watch.expired(0)  # never started
    watch.start(10 * MS)
    assert not watch.expired(1010 * MS)
    assert watch.expired(1011 * MS)
    watch.feed(1011 * MS)
    assert not watch.expired(1111 * MS)
    assert watch.expired(1112 * MS)
    assert watch.age_s(1112 * MS) == pytest.approx(0.101)


def gripper():
    return GripperGoal(0.0, 0.08, hysteresis_m=0.002, min_interval_s=0.1)


def test_the_gripper_hears_changes_only_and_the_newest():
    goal = gripper()
    goal.measured(0.08)
    goal.request(0.05)
    assert goal.due(0) == 0.05
    goal.request(0.0515)  # within the hysteresis
    assert goal.due(500 * MS) is None
    goal.request(0.06)
    assert goal.due(550 * MS) == 0.06
    goal.request(0.03)  # too soon: waits, and the newest wins
    assert goal.due(600 * MS) is None
    goal.request(0.02)
    assert goal.due(651 * MS) == 0.02
    assert goal.due(900 * MS) is None


def test_the_gripper_always_closes_fully_and_never_leaves_its_range():
    goal = gripper()
    goal.measured(0.08)
    goal.request(0.001)
    assert goal.due(0) == 0.001
    goal.request(-3.0)
    assert goal.due(200 * MS) == 0.0
    goal.request(float("nan"))
    assert goal.due(400 * MS) is None
    goal.request(1e9)
    assert goal.due(600 * MS) == 0.08


def test_until_the_first_request_the_width_is_the_measured_one():
    goal = gripper()
    assert np.isnan(goal.width)
    goal.measured(0.031)
    assert goal.width == 0.031
    goal.request(0.05)
    goal.due(0)
    goal.measured(0.031)
    assert goal.width == 0.05


def test_no_gripper_goal_is_sent_before_a_width_was_measured_or_asked_for():
    goal = gripper()
    goal.request(0.02)
    assert goal.due(0) is None
    goal.measured(0.031)  # whatever was asked for before
    assert goal.due(0) is None
    goal.request(0.031)
    assert goal.due(0) is None
    goal.request(0.02)
    assert goal.due(0) == 0.02


@pytest.mark.parametrize(
    ("width", "fits"), [(0.0, True), (-0.002, True), (0.081, True), (-0.01, False), (0.5, False)]
)
def test_a_width_outside_the_stroke_is_told(width, fits):
    goal = GripperGoal(0.0, 0.08, 0.002, 0.1, "/fingers")
    goal.measured(width)
    expected = "" if fits else f"the gripper's width on /fingers is {width * 1e3:.1f} mm, expected 0 to 80 mm"
    assert goal.unfit() == expected


def test_the_robot_files_are_right(robot):
    limits = robot.limits()
    assert (limits.lower < np.array(robot.home)).all() and (np.array(robot.home) < limits.upper).all()
    assert len(robot.joint_names) == 7


@pytest.mark.parametrize("name", ["panda", "fr3"])
def test_each_number_of_a_robot_file_has_its_source(name):
    lines = (CONFIG / f"robots/{name}.yaml").read_text().splitlines()
    numbers = [line for line in lines if re.search(r"(?<![\w.])-?\d", line.split("#")[0])]
    assert len(numbers) > 10
    assert all("#" in line for line in numbers)


def test_a_wrong_robot_file_names_every_key(tmp_path):
    text = (CONFIG / "robots/panda.yaml").read_text()
    text = (
        text.replace("velocity: 0.5", "velocity: 1.5")
        .replace("home: [0.0, -0.7854", "home: [9.0, -0.7854")
        .replace("max_lead: 0.3", "max_lead: 0")
    )
    (tmp_path / "robot.yaml").write_text(text)
    with pytest.raises(ConfigError) as error:
        load_robot(tmp_path / "robot.yaml")
    assert "profiles.normal.velocity: expected a number above 0 and at most 1, got 1.5" in str(error.value)
    assert "max_lead: expected a number above 0, got 0" in str(error.value)
    text = text.replace("velocity: 1.5", "velocity: 0.5").replace("max_lead: 0", "max_lead: 0.3")
    (tmp_path / "robot.yaml").write_text(text)
    with pytest.raises(ConfigError, match="1 error: home: expected a posture inside the position limits"):
        load_robot(tmp_path / "robot.yaml")
    (tmp_path / "robot.yaml").write_text(text.replace("jerk: [7500.0, ", "jerk: ["))
    with pytest.raises(ConfigError, match=r"jerk: expected 7 numbers .*, got 6"):
        load_robot(tmp_path / "robot.yaml")


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("collision.upper_torque", [20.0] * 6, r"collision.upper_torque: expected 7 numbers .*, got 6"),
        (
            "collision.lower_torque",
            [20.0, *[1.0] * 6, 1.0],
            r"collision.lower_torque: expected 7 numbers .*, got 8",
        ),
        (
            "collision.upper_force",
            [5.0] * 6,
            "collision.lower_force: expected none above its upper_force, got",
        ),
        (
            "collision.lower_torque",
            [30.0] * 7,
            "collision.lower_torque: expected none above its upper_torque, got",
        ),
        (
            "collision.lower_force",
            [1.0] * 5,
            r"collision.lower_force: expected a list of 6 \(a number above 0 each\)",
        ),
        ("load.mass", -0.1, "load.mass: expected a number of at least 0, got -0.1"),
        ("load.com", [0.0, 0.0], r"load.com: expected a list of 3 \(a number each\), got"),
        ("load.inertia", [0.0, 1.0, 0.0, 0.0, 0.0, 0.0], "load.inertia: expected that of a body"),
        ("load.inertia", [3.0, 0.0, 0.0, 1.0, 0.0, 1.0], "load.inertia: expected that of a body"),
    ],
)
def test_what_is_wrong_with_thresholds_or_load_is_said(robot, key, value, text):
    path = CONFIG / f"robots/{robot.name}.yaml"
    with pytest.raises(ConfigError, match=rf"/{robot.name}.yaml: 1 error: {text}"):
        load_config(RobotDescription, path, {key: value})


def test_a_robot_file_without_thresholds_and_load_is_legal(robot):
    tree = yaml.safe_load((CONFIG / f"robots/{robot.name}.yaml").read_text())
    del tree["collision"], tree["load"]
    bare = build_config(RobotDescription, tree, "robot.yaml")
    assert (bare.collision, bare.load) == (None, None)


def test_the_inertia_is_a_matrix():
    load = Load(1.0, (0.0, 0.0, 0.0), (3.0, 0.1, 0.2, 4.0, 0.3, 5.0))
    assert load.inertia_matrix.tolist() == [[3.0, 0.1, 0.2], [0.1, 4.0, 0.3], [0.2, 0.3, 5.0]]


def test_bridge_yaml_is_the_defaults_and_wrong_values_are_named():
    assert load_config(BridgeConfig, CONFIG / "bridge.yaml") == BridgeConfig()
    wrong = {"source": "hold", "adapter": "ros1", "rate_hz": 5.0, "timeouts": {"target_s": 0.0}}
    with pytest.raises(ConfigError) as error:
        build_config(BridgeConfig, wrong, "bridge.yaml")
    for text in (
        "source: expected one of teleop, policy, replay, got 'hold'",
        "adapter: expected one of crisp, jtc, multipanda, null, udp, got 'ros1'",
        "rate_hz: expected a number from 50 to 1000, got 5.0",
        "timeouts.target_s: expected a number above 0, got 0.0",
    ):
        assert text in str(error.value)


def test_a_robot_description_is_a_value(panda):
    assert panda == load_robot(CONFIG / "robots/panda.yaml")
    assert isinstance(panda, RobotDescription)

"""What holds for the configuration of every node and command: one file, one class, one place for each default."""

import dataclasses

import pytest
from f2o_bringup.network import NetworkConfig
from f2o_control.config import BridgeConfig
from f2o_control.robot import load_robot
from f2o_nodekit.config import ConfigError, build_config, describe, flatten, has_key, keys, load_config
from f2o_nodekit.names import full_name
from f2o_nodekit.paths import SOURCE_CONFIG
from f2o_nodekit.testing import problems
from f2o_perception.calibration import Calibration
from f2o_perception.config import PerceptionConfig
from f2o_policy.runtime.config import PolicyConfig
from f2o_policy.training.config import Config as TrainingConfig
from f2o_rt.config import ReceiverConfig
from f2o_sim.config import ExpertConfig, SimConfig
from f2o_teleop.recorder_config import RecorderConfig
from f2o_teleop.switch import EnableConfig
from f2o_teleop.teleop_config import TeleopConfig
from f2o_teleop.view import ViewConfig

CONFIGS = {
    "bridge.yaml": BridgeConfig,
    "cameras.yaml": Calibration,
    "enable.yaml": EnableConfig,
    "expert.yaml": ExpertConfig,
    "network.yaml": NetworkConfig,
    "perception.yaml": PerceptionConfig,
    "policy.yaml": PolicyConfig,
    "policy_paper.yaml": TrainingConfig,
    "policy_small.yaml": TrainingConfig,
    "receiver.yaml": ReceiverConfig,
    "recorder.yaml": RecorderConfig,
    "sim.yaml": SimConfig,
    "teleop.yaml": TeleopConfig,
    "view.yaml": ViewConfig,
}
OWN = ("policy_paper.yaml", "cameras.yaml")  # no defaults: all of it is data
REQUIRED = {"recorder.yaml": {"output": "/bags"}, "enable.yaml": {"device": "pedal"}}
every = pytest.mark.parametrize(("name", "cls"), CONFIGS.items(), ids=CONFIGS)


def shipped(name, cls):
    return load_config(cls, SOURCE_CONFIG / name, REQUIRED.get(name))


def test_every_file_with_a_class_is_here():
    others = {"controllers.yaml"}  # ros2_control's
    assert {path.name for path in SOURCE_CONFIG.glob("*.yaml")} == CONFIGS.keys() | others


@pytest.mark.parametrize("path", sorted(SOURCE_CONFIG.glob("robots/*.yaml")), ids=lambda path: path.stem)
def test_every_robot_is_described_whole(path):
    assert load_robot(path).name == path.stem


@pytest.mark.parametrize("name", sorted(set(CONFIGS) - set(OWN)))
def test_the_shipped_file_says_the_defaults(name):
    config = shipped(name, CONFIGS[name])
    for field in dataclasses.fields(config):
        given = getattr(config, field.name)
        if field.default is not dataclasses.MISSING and field.name not in DIFFERENT.get(name, ()):
            default = field.default
        elif field.default_factory is not dataclasses.MISSING and field.name not in DIFFERENT.get(name, ()):
            default = field.default_factory()
        else:
            continue
        relative = (str(SOURCE_CONFIG / str(default)), full_name(str(default)))
        assert given == default or str(given) in relative, field.name


DIFFERENT = {
    "enable.yaml": ("device",),  # a lab's own
    "perception.yaml": ("max_skew_s",),  # None by default: half a period, whatever the rate
    "recorder.yaml": ("cameras", "calibration"),  # none by default
    "teleop.yaml": ("keys", "mapping"),  # a path in it
}


@every
def test_leaves_as_parameters_give_the_same_configuration(name, cls):
    config = shipped(name, cls)
    assert build_config(cls, {}, name, flatten(config)) == config


@every
def test_every_leaf_is_a_key_of_the_class_and_described_in_words(name, cls):
    leaves = flatten(shipped(name, cls))
    for key in leaves:
        words = describe(cls, key)
        assert has_key(cls, key) and words and "<" not in words.replace("lower < upper", ""), key


@every
def test_every_leaf_refuses_what_it_cannot_be(name, cls):
    config = shipped(name, cls)
    for key in flatten(config):
        with pytest.raises(ConfigError) as error:
            build_config(cls, {}, name, flatten(config) | {key: [{}]})
        assert any(text.startswith(key) and "expected " in text for text in error.value.problems), key


@every
def test_a_key_that_is_not_there_is_named(name, cls):
    for section in {key.rpartition(".")[0] for key in keys(cls)}:
        key = f"{section}.nonsense" if section else "nonsense"
        tree = {}
        node = tree
        for part in key.split(".")[:-1]:
            node = node.setdefault(part, {})
        node["nonsense"] = 1
        assert any(text.startswith(f"{key}: unknown key, ") for text in problems(cls, **tree))


RENAMED = {
    BridgeConfig: {
        "targets.max_extrapolation": "max_extrapolation_s",
        "follow_rad": "max_tracking_error_rad",
    },
    PolicyConfig: {"max_joints_age_s": "max_joint_state_age_s"},
    PerceptionConfig: {"gripper_max_age_s": "max_gripper_age_s"},
}


@pytest.mark.parametrize(
    ("cls", "old", "new"), [(cls, *pair) for cls, names in RENAMED.items() for pair in names.items()]
)
def test_the_error_about_an_unknown_key_lists_the_right_one(cls, old, new):
    section, _, key = old.rpartition(".")
    tree = {section: {key: 1.0}} if section else {key: 1.0}
    assert any(text.startswith(f"{old}: unknown key, ") and new in text for text in problems(cls, **tree))

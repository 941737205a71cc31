"""config/controllers.yaml as ROS reads it: the parameters that a controller of that name gets."""

from pathlib import Path

import pytest
import rclpy
import yaml
from f2o_bringup.graph import REAL_TIME

CONFIG = Path(__file__).resolve().parents[3] / "config"
CONTROLLERS = CONFIG / "controllers.yaml"
RATE_HZ = yaml.safe_load((CONFIG / "bridge.yaml").read_text())["rate_hz"]
MANAGER = yaml.safe_load(CONTROLLERS.read_text())["/**"]["controller_manager"]["ros__parameters"]


def given(name, namespace=""):
    """The parameters that ROS gives to the node called ``name``."""
    context = rclpy.Context()
    rclpy.init(context=context)
    try:
        node = rclpy.create_node(
            name,
            namespace=namespace,
            context=context,
            cli_args=["--ros-args", "--params-file", str(CONTROLLERS)],
            automatically_declare_parameters_from_overrides=True,
        )
        values = {key: node.get_parameter(key).value for key in node._parameters}
        node.destroy_node()
        return values
    finally:
        rclpy.shutdown(context=context)


@pytest.mark.parametrize("namespace", ["", "left"])
def test_joint_states_come_at_the_bridges_rate_in_whole_cycles_of_the_arm(namespace):
    """Left out, update_rate is the controller manager's: 1 kHz, across the network."""
    rate = given("joint_state_broadcaster", namespace)["update_rate"]
    assert rate == RATE_HZ
    assert MANAGER["update_rate"] % rate == 0


@pytest.mark.parametrize("namespace", ["", "left"])
def test_the_arms_state_crosses_no_faster(namespace):
    """franka_robot_state_broadcaster counts its own updates and publishes every (1000 / rate)th of them."""
    values = given("franka_robot_state_broadcaster", namespace)
    assert MANAGER["update_rate"] % values["convenience_publish_rate"] == 0
    assert values["convenience_publish_rate"] <= RATE_HZ
    assert "update_rate" not in values, "it would divide a second time"


@pytest.mark.parametrize("name", [name for name, entry in MANAGER.items() if "type" in str(entry)])
def test_every_controller_that_the_manager_knows_is_configured(name):
    assert "/" in MANAGER[name]["type"], "package and class of the plugin"
    assert given(name)


@pytest.mark.parametrize("name", sorted({word for spec in REAL_TIME for word in spec.args}))
def test_every_controller_that_is_spawned_moves_the_joints_of_the_trajectory_controller(name):
    """A spawner of a controller without joints fails on the day of the first power-up."""
    assert MANAGER[name]["type"]
    assert given(name)["joints"] == given("joint_trajectory_controller")["joints"]

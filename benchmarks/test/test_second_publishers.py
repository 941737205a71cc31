"""A stranger without keys beside a running bridge: on each topic where only one node may publish, he is its fault."""

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: no node can run")

from f2o_control.robot import load_robot
from f2o_control.testing import CONFIG
from f2o_control.testing.lab_node import Lab, end, start
from f2o_nodekit.ros import reliable
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from f2o_msgs.msg import JointTarget

TOPICS = {
    "/f2o/joint_target": JointTarget,
    "/f2o/takeover_target": JointTarget,
    "/f2o/enable": Bool,
    "/franka/joint_states": JointState,
    "/joint_trajectory_controller/joint_trajectory": JointTrajectory,
    "/gripper_position_controller/commands": Float64MultiArray,
}


@pytest.fixture(scope="module")
def armed():
    """The bridge, following, with the switch held."""
    patch = pytest.MonkeyPatch()
    patch.setenv("ROS_DOMAIN_ID", "44")
    patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    lab = Lab([float(q) for q in load_robot(CONFIG / "robots/panda.yaml").home])
    process = start("enable.required:=true")
    lab.states = lab.targets = lab.held = True
    try:
        yield lab
        assert end(process) == 0
    finally:
        process.kill()
        lab.close()
        patch.undo()


@pytest.mark.parametrize("topic", TOPICS)
def test_a_stranger_who_also_publishes_is_a_fault_and_arming_is_refused_while_he_is_there(armed, topic):
    """Takeover targets come from nobody here: two strangers, that is."""
    lab = armed
    lab.call("disarm")
    lab.arm()
    lab.wait(lambda: lab.mode == "policy")
    many = 2 if topic == "/f2o/takeover_target" else 1
    strangers = [lab.node.create_publisher(TOPICS[topic], topic, reliable()) for _ in range(many)]
    try:
        lab.wait(lambda: lab.mode == "fault")
        lab.wait(
            lambda: lab.diagnosis.get("reason", "").startswith(
                f"2 publishers on {topic}, at most 1 expected: "
            )
        )
        lab.call("disarm")
        answer = lab.call("arm")
        assert not answer.success and f"2 publishers on {topic}" in answer.message
    finally:
        for stranger in strangers:
            lab.node.destroy_publisher(stranger)

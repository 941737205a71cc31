"""What nodes may say and hear by f2o keystore, against what they do; and what they do where they cannot be secured."""

import os
import subprocess
import sys
import time

import pytest

rclpy = pytest.importorskip("rclpy", reason="rclpy is not installed: no node can run")
pytest.importorskip("f2o_msgs", reason="f2o_msgs is not built: run make setup")

from f2o_bringup.graph import DEPLOY, RECORD  # noqa: E402
from f2o_bringup.interfaces import interfaces_of  # noqa: E402
from f2o_bringup.keystore import OF_EVERY_NODE, PARAMETER_SERVICES, make_keystore, permissions_of  # noqa: E402
from f2o_bringup.node_process import command_of  # noqa: E402
from f2o_bringup.processes import start  # noqa: E402
from f2o_bringup.specs import resolve  # noqa: E402

GRAPHS = {
    "deploy": (DEPLOY, {"takeover": "true", "device": "keyboard", "record": "true"}, 6, 38),
    "record": (
        RECORD,
        {"source": "scripted"},
        4,
        39,
    ),  # in a domain that the nodes of the first were never in
}


@pytest.fixture
def node(own_domain, graph):
    own_domain(GRAPHS[graph][-1])
    rclpy.init()
    made = rclpy.create_node("who_says_what")
    yield made
    made.destroy_node()
    rclpy.try_shutdown()


def said(node, name):
    """DDS names of what the node called ``name`` publishes and subscribes, services included."""
    services = {n for n, _ in node.get_service_names_and_types_by_node(name, "/")}
    clients = {n for n, _ in node.get_client_names_and_types_by_node(name, "/")}
    published = {f"rt{n}" for n, _ in node.get_publisher_names_and_types_by_node(name, "/")}
    subscribed = {f"rt{n}" for n, _ in node.get_subscriber_names_and_types_by_node(name, "/")}
    requests, replies = (
        (lambda names: {f"rq{n}Request" for n in names}),
        (lambda names: {f"rr{n}Reply" for n in names}),
    )
    return published | requests(clients) | replies(services), subscribed | requests(services) | replies(
        clients
    )


def beyond(done, allowed):
    """What is done and matches nothing that is allowed; cameras stand there as *."""
    cameras = ("/wrist/", "/external_1/", "/external_2/")
    canonical = set()
    for name in done:
        for camera in cameras:
            name = name.replace(camera, "/*/")
        canonical.add(name)
    return canonical - set(allowed)


def never_said(node, name):
    """What the node may publish and serve and does not, but for what its configuration leaves out."""
    listed = set(permissions_of(interfaces_of(name)).publish) - {"ros_discovery_info", *OF_EVERY_NODE}
    idle = listed - beyond(said(node, name)[0], ()) - MAY_BE_IDLE.get(name, set())
    return {topic for topic in idle if "/_action/" not in topic}


@pytest.mark.parametrize("graph", GRAPHS)
def test_nodes_say_and_hear_what_their_permissions_list(node, tmp_path, graph):
    """No more, or security would stop them; and of what they publish and serve no less, or the list gives too much."""
    made, arguments, ours, _ = GRAPHS[graph]
    given = {**arguments, "sim": "true", "bags": str(tmp_path / "bags")}
    with start(made, given, write=lambda line: None) as running:
        names = [name for name in running.processes if name != "enable_node"]
        deadline = time.monotonic() + 60
        while not set(names) <= {name for name, _ in node.get_node_names_and_namespaces()}:
            running.check()
            assert time.monotonic() < deadline, f"{names}: not all came up"
            time.sleep(0.2)
        assert len(names) == ours
        idle = {}
        while any(idle.get(name, True) for name in names):  # the policy loads its student first
            idle = {name: never_said(node, name) for name in names}
            running.check()
            assert time.monotonic() < deadline, idle
            time.sleep(0.5)
        for name in names:
            allowed = permissions_of(interfaces_of(name))
            published, subscribed = said(node, name)
            assert beyond(published, allowed.publish) == set(), name
            assert beyond(subscribed, allowed.subscribe) == set(), name
            assert all(f"rr/{name}/{service}Reply" in published for service in PARAMETER_SERVICES)


MAY_BE_IDLE = {  # by configuration: other adapters, franka_ros2, the switch on a teleop device
    "bridge_node": {
        "rt/target_joint",
        "rt/joint_impedance/joints_desired",
        "rt/franka/joint_states",
        "rt/franka_gripper/joint_states",
        "rq/controller_manager/set_hardware_component_stateRequest",
        "rq/controller_manager/switch_controllerRequest",
    },
    "teleop_node": {"rt/f2o/joint_target", "rt/f2o/takeover_target", "rt/f2o/enable"},
}


def test_a_node_that_cannot_be_secured_does_not_run(own_domain, tmp_path):
    """Enforced means: where the middleware was built without security, as the wheels' is, the node ends."""
    own_domain(38)
    make_keystore(tmp_path / "keys", 38)
    wanted = resolve(DEPLOY, {"sim": "true", "security": str(tmp_path / "keys")}).nodes
    (bridge,) = (spec for spec in wanted if spec.name == "bridge_node")
    process = subprocess.Popen(
        command_of(bridge),
        env={**os.environ, **bridge.env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said, _ = process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.communicate(timeout=10)
        pytest.skip("this middleware has security: the bridge runs")
    last = said.strip().splitlines()[-1]
    assert process.returncode == 2 and last.startswith("BridgeNode: the middleware refuses it: "), said
    assert "Traceback" not in said and "security" in last


def test_a_node_with_the_keys_of_nobody_does_not_run(own_domain, tmp_path):
    own_domain(38)
    code = "from f2o_nodekit.ros import run\nfrom f2o_control.bridge_node import BridgeNode\nrun(BridgeNode)"
    env = {
        **os.environ,
        "ROS_SECURITY_ENABLE": "true",
        "ROS_SECURITY_STRATEGY": "Enforce",
        "ROS_SECURITY_KEYSTORE": str(tmp_path),
    }
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "SECURITY ERROR" in done.stderr

"""``f2o keystore``: what each node may say and hear; documents read back, their signatures checked by OpenSSL."""

import shutil
import stat
import subprocess
import xml.etree.ElementTree as ElementTree
from fnmatch import fnmatchcase

import pytest
from f2o_bringup.cli import main
from f2o_bringup.errors import GraphError
from f2o_bringup.graph import GRAPHS, graph_named
from f2o_bringup.interfaces import NODES, PEOPLE
from f2o_bringup.keystore import all_permissions, make_keystore
from f2o_bringup.security import DRIVERS
from f2o_bringup.specs import resolve

ENCLAVES = {*NODES, *PEOPLE, DRIVERS}
FILES = {
    "cert.pem",
    "key.pem",
    "identity_ca.cert.pem",
    "permissions_ca.cert.pem",
    "governance.p7s",
    "permissions.p7s",
}
TO_ARM = "rt/joint_trajectory_controller/joint_trajectory"
needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl")


@pytest.fixture(scope="module")
def keystore(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "store"
    make_keystore(path, 42)
    return path


def may(permissions, verb, topic):
    if verb == "publish" and topic in permissions.never:
        return False
    return any(fnmatchcase(topic, pattern) for pattern in getattr(permissions, verb))


def who_may(verb, topic, found=None):
    found = all_permissions() if found is None else found
    return {name for name, permissions in found.items() if may(permissions, verb, topic)}


def test_every_ros_node_of_the_graphs_has_an_enclave():
    ours = {
        node.name
        for graph in GRAPHS.values()
        for node in graph.nodes
        if node.package.startswith("f2o_") and node.package != "f2o_rt"
    }
    assert ours == set(NODES)


def test_only_the_bridge_may_command_the_arm():
    topics = (
        TO_ARM,
        "rt/target_joint",
        "rt/joint_impedance/joints_desired",
        "rt/gripper_position_controller/commands",
    )
    for topic in (*topics, "rt/f2o/joint_command", "rt/f2o/mode", "rr/f2o/armReply"):
        assert who_may("publish", topic) == {"bridge_node"}, topic


def test_only_sources_may_publish_targets_and_only_people_and_those_who_must_may_arm():
    assert who_may("publish", "rt/f2o/joint_target") == {
        "policy_node",
        "teleop_node",
        "expert_node",
        "bag_replay",
    }
    assert who_may("publish", "rt/f2o/takeover_target") == {"teleop_node"}
    assert who_may("publish", "rq/f2o/armRequest") == {"operator", "expert_node", "bag_replay"}
    assert who_may("publish", "rq/f2o/recoverRequest") == {"operator"}
    assert who_may("publish", "rt/f2o/enable") == {"enable_node", "teleop_node"}


def test_joint_states_come_from_drivers_the_simulator_and_the_bridge_of_adapter_udp():
    for topic in ("rt/franka/joint_states", "rt/franka_gripper/joint_states"):
        assert who_may("publish", topic) == {DRIVERS, "sim_node", "bridge_node"}
    assert who_may("publish", "rt/wrist/color/image_raw") == {DRIVERS, "sim_node"}
    assert who_may("publish", "rq/controller_manager/switch_controllerRequest") == {DRIVERS, "bridge_node"}


def test_names_of_the_configuration_and_the_namespace_are_in_the_permissions(fr3_cell):
    from pathlib import Path

    file = Path(fr3_cell) / "bridge.yaml"
    file.write_text(
        file.read_text().replace("arm: f2o/arm\n", "arm: /cell/arm\n").replace(" f2o/mode", " f2o/state")
    )
    found = all_permissions(fr3_cell, "/left")
    assert who_may("publish", "rr/cell/armReply", found) == {"bridge_node"}
    assert who_may("publish", "rt/left/f2o/state", found) == {"bridge_node"}
    assert who_may("publish", f"rt/left{TO_ARM[2:]}", found) == {"bridge_node"}
    assert who_may("publish", TO_ARM, found) == {DRIVERS}  # of no arm of this keystore
    assert "rt/diagnostics" in found["policy_node"].publish
    assert "rq/cell/armRequest" in found["operator"].publish


def test_the_recorder_hears_what_its_file_lists(fr3_cell):
    from pathlib import Path

    file = Path(fr3_cell) / "recorder.yaml"
    file.write_text(
        file.read_text().replace(
            "\ntopics:\n", "\ntopics:\n  /force: {type: geometry_msgs/msg/WrenchStamped}\n"
        )
    )
    assert may(all_permissions(fr3_cell)["recorder_node"], "subscribe", "rt/force")
    assert not may(all_permissions()["recorder_node"], "subscribe", "rt/force")


def test_the_files_are_those_that_rcl_reads_and_keys_are_private(keystore):
    folders = {path.name: path for path in (keystore / "enclaves").iterdir() if path.is_dir()}
    assert folders.keys() == ENCLAVES
    for path in folders.values():
        assert {file.name for file in path.iterdir()} == {*FILES, "permissions.xml"}
    for key in [keystore / "private/ca.key.pem", *(path / "key.pem" for path in folders.values())]:
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    for name in ("public/{}.cert.pem", "private/{}.key.pem"):  # ros2 security looks for these
        assert all((keystore / name.format(role)).is_file() for role in ("identity_ca", "permissions_ca"))


@needs_openssl
def test_openssl_verifies_every_certificate_and_signature(keystore, tmp_path):
    authority = ["-CAfile", str(keystore / "public/ca.cert.pem")]
    for path in [p for p in (keystore / "enclaves").iterdir() if p.is_dir()]:
        subject = subprocess.run(
            ["openssl", "x509", "-noout", "-subject", "-in", path / "cert.pem"],
            capture_output=True,
            text=True,
        )
        assert subject.stdout.split("=")[-1].strip() == f"/{path.name}"
        subprocess.run(["openssl", "verify", *authority, path / "cert.pem"], check=True, capture_output=True)
        for document in ("permissions", "governance"):
            command = ["openssl", "smime", "-verify", "-text", "-in", path / f"{document}.p7s", *authority]
            shown = subprocess.run(command, check=True, capture_output=True).stdout
            assert ElementTree.fromstring(shown).tag == "dds"
    forged = tmp_path / "permissions.p7s"
    signed = (keystore / "enclaves/perception_node/permissions.p7s").read_text()
    forged.write_text(signed.replace("rt/f2o/observation<", "rt/f2o/joint_target<"))
    command = ["openssl", "smime", "-verify", "-text", "-in", forged, *authority]
    assert subprocess.run(command, capture_output=True).returncode != 0


def test_everything_is_denied_but_what_is_listed_in_the_domain(keystore):
    for name in ENCLAVES:
        root = ElementTree.parse(keystore / f"enclaves/{name}/permissions.xml").getroot()
        (grant,) = root.findall("permissions/grant")
        assert grant.findtext("subject_name") == f"CN=/{name}" and grant.findtext("default") == "DENY"
        rules = {"deny_rule", "allow_rule"} if name == DRIVERS else {"allow_rule"}
        # the schema's order: denials come before what they are taken from
        order = ["subject_name", "validity", *sorted(rules, reverse=True), "default"]
        assert [child.tag for child in grant] == order
        assert {element.text for element in grant.iter("id")} == {"42"}
        assert ("*" in {topic.text for topic in grant.iter("topic")}) == (name == DRIVERS)
    root = ElementTree.parse(keystore / "enclaves/governance.xml").getroot()
    assert root.findtext(".//allow_unauthenticated_participants") == "false"
    assert root.findtext(".//enable_join_access_control") == "true"
    assert root.findtext(".//topic_rule/data_protection_kind") == "ENCRYPT"
    assert root.findtext(".//enable_write_access_control") == "true"


def test_a_keystore_is_never_overwritten(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", "7")
    arguments = ["keystore", str(tmp_path / "keys"), "--namespace", "left"]
    with pytest.raises(SystemExit) as done:
        main(arguments)
    assert (
        done.value.code == 0
        and "in domain 7 of /left/bag_replay, /left/bridge_node" in capsys.readouterr().out
    )
    before = (tmp_path / "keys/private/ca.key.pem").read_bytes()
    with pytest.raises(SystemExit) as done:
        main(arguments)
    assert done.value.code == 2 and "exists; expected a folder that does not" in capsys.readouterr().err
    assert (tmp_path / "keys/private/ca.key.pem").read_bytes() == before


@pytest.mark.parametrize("graph", ["deploy", "record", "replay"])
def test_a_launch_with_security_gives_every_process_its_enclave(keystore, graph):
    given = {"sim": "true", "security": str(keystore)}
    resolved = resolve(graph_named(graph), given)
    for node in resolved.nodes:
        assert node.env["ROS_SECURITY_STRATEGY"] == "Enforce" and node.env["ROS_SECURITY_ENABLE"] == "true"
        assert node.env["ROS_SECURITY_KEYSTORE"] == str(keystore)
        assert node.env["ROS_SECURITY_ENCLAVE_OVERRIDE"] == f"/{node.name}"
    assert resolved.env["ROS_SECURITY_ENCLAVE_OVERRIDE"] == f"/{DRIVERS}"
    without = resolve(graph_named(graph), {"sim": "true"})
    assert not [key for node in without.nodes for key in node.env if "SECURITY" in key]


def test_drivers_spawners_and_f2o_rt_are_in_the_drivers_enclave(keystore, fr3_cell):
    given = {
        "robot": "fr3",
        "config": fr3_cell,
        "cameras": "wrist=1",
        "security": str(keystore),
        "enable": "false",
    }
    spawners = [node for node in resolve(graph_named("deploy"), given).nodes if node.name.startswith("spawn")]
    assert [node.env["ROS_SECURITY_ENCLAVE_OVERRIDE"] for node in spawners] == [f"/{DRIVERS}"]


def test_a_keystore_of_another_arm_or_none_is_refused_before_anything_starts(keystore, tmp_path):
    with pytest.raises(
        GraphError, match=r"has no enclave /left/sim_node or .* f2o keystore DIR --namespace /left"
    ):
        resolve(graph_named("deploy"), {"sim": "true", "security": str(keystore), "namespace": "left"})
    with pytest.raises(GraphError, match=r"security: .*none has no enclave /sim_node"):
        resolve(graph_named("replay"), {"sim": "true", "security": str(tmp_path / "none")})

"""What network:= tells every process; test_two_pcs.py has it between two network namespaces."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from f2o_bringup.errors import GraphError
from f2o_bringup.graph import GRAPHS, graph_named
from f2o_bringup.middleware import JAZZY, KILTED, RANGE
from f2o_bringup.network import CYCLONE, PEERS, RMW, network
from f2o_bringup.specs import resolve
from f2o_nodekit.config import ConfigError

CONFIG = str(Path(__file__).resolve().parents[3] / "config")
HERE, ELSEWHERE = "127.0.0.1", "192.0.2.7"  # the second is nobody's, RFC 5737
POLICY_PC = {"policy_pc": HERE, "real_time_pc": ELSEWHERE}
CYCLONE_NAMES = {  # those that we use of etc/cyclonedds.xsd, CycloneDDS 0.10
    "CycloneDDS", "Domain", "General", "Interfaces", "NetworkInterface", "AllowMulticast", "MaxMessageSize",
    "Internal", "Watermarks", "WhcHigh", "Discovery", "Peers", "Peer", "ParticipantIndex", "MaxAutoParticipantIndex",
}  # fmt: skip
REAL_TIME_PC = {"policy_pc": ELSEWHERE, "real_time_pc": HERE}


@pytest.fixture(autouse=True)
def ros_home(tmp_path, monkeypatch):
    monkeypatch.setenv("ROS_HOME", str(tmp_path / "ros"))
    return tmp_path / "ros"


def cards(path):
    """Addresses of the network cards that the UDP transports of a Fast DDS profile may use."""
    space = "{http://www.eprosima.com}"
    found = [t for t in ElementTree.parse(path).iter(f"{space}transport_descriptor")]
    udp = [t for t in found if t.findtext(f"{space}type") == "UDPv4"]
    assert udp and all(t.findtext(f"{space}maxInitialPeersRange") == "32" for t in udp)
    return [{a.text for a in t.iter(f"{space}address")} for t in udp]


def test_local_is_this_pc_whatever_the_shell_says():
    shell = {RANGE: "SUBNET", PEERS: ELSEWHERE}
    told = network("local", CONFIG, {}, shell)
    assert told.env == {RANGE: "LOCALHOST", PEERS: ""}
    assert told.environ == told.env, "which the bridge's profile is chosen by"
    assert network("own", CONFIG, {}, shell).env == {}


@pytest.mark.parametrize(("distro", "variable"), [("kilted", KILTED), ("jazzy", JAZZY)])
@pytest.mark.parametrize("addresses", [POLICY_PC, REAL_TIME_PC])
def test_the_cell_is_the_other_pc_over_its_own_network_card(distro, variable, addresses):
    shell = {"ROS_DISTRO": distro, RANGE: "LOCALHOST", variable: f"{CONFIG}/dds.xml"}  # as env.sh does
    told = network("cell", CONFIG, addresses, shell)
    assert (told.env[RANGE], told.env[PEERS]) == ("SUBNET", f"127.0.0.1;{ELSEWHERE}")
    assert cards(told.env[variable]) == [{HERE, "127.0.0.1"}]
    assert cards(told.find("dds_bridge.xml")) == [{HERE, "127.0.0.1"}]
    assert told.find("missing.xml") == ""
    assert told.real_time_pc == addresses["real_time_pc"]


@pytest.mark.parametrize("graph", GRAPHS)
def test_every_process_is_told_the_same_network(graph, monkeypatch):
    """The bridge's own profile is chosen by what is told, not by the shell that launches."""
    monkeypatch.setattr("f2o_bringup.middleware.request_fifo", lambda priority: True)
    monkeypatch.setenv(RANGE, "LOCALHOST")
    given = {"network": "cell", "sim": "true", "config": CONFIG} | POLICY_PC
    resolved = resolve(graph_named(graph), given)
    assert resolved.nodes
    for node in resolved.nodes:
        assert (node.env[RANGE], node.env[PEERS]) == ("SUBNET", f"127.0.0.1;{ELSEWHERE}")
        (profile,) = {node.env[v] for v in (KILTED, JAZZY) if v in node.env}
        assert cards(profile) == [{HERE, "127.0.0.1"}]
        if node.name == "bridge_node":
            assert Path(profile).name.startswith("dds_bridge_"), "under SCHED_FIFO"
    assert resolved.env[RANGE] == "SUBNET", "for the drivers"


def test_the_udp_path_takes_the_addresses_of_the_cell():
    given = {"network": "cell", "adapter": "udp", "config": CONFIG, "robot": "panda"} | REAL_TIME_PC
    (receiver,) = resolve(graph_named("rt"), given | {"use_fake_hardware": "true"}).nodes
    assert receiver.parameters["listen"] == HERE
    drivers = {"robot_driver": "false", "camera_driver": "false", "use_fake_hardware": "true"}
    nodes = resolve(graph_named("deploy"), given | drivers).nodes
    (bridge,) = (node for node in nodes if node.name == "bridge_node")
    assert bridge.parameters["udp.host"] == HERE


def test_what_the_user_names_is_kept():
    mine = {KILTED: "/home/me/mine.xml", RMW: "rmw_cyclonedds_cpp", CYCLONE: "file:///home/me/mine.xml"}
    told = network("cell", CONFIG, POLICY_PC, mine | {"ROS_DISTRO": "kilted"})
    assert not {KILTED, CYCLONE, RMW} & told.env.keys()
    told = network("cell", CONFIG, POLICY_PC, {KILTED: "/home/me/mine.xml", "ROS_DISTRO": "kilted"})
    assert KILTED not in told.env


def test_cyclone_dds_gets_the_card_and_the_peers(tmp_path):
    file = tmp_path / "network.yaml"
    file.write_text(f"policy_pc: {HERE}\nreal_time_pc: {ELSEWHERE}\nrmw: rmw_cyclonedds_cpp\n")
    (tmp_path / "cyclonedds.xml").write_text(Path(CONFIG, "cyclonedds.xml").read_text())
    told = network("cell", str(tmp_path), {}, {})
    assert told.env[RMW] == "rmw_cyclonedds_cpp"
    space = "{https://cdds.io/config}"
    tree = ElementTree.parse(told.env[CYCLONE].removeprefix("file://"))
    (card,) = tree.iter(f"{space}NetworkInterface")
    assert card.get("address") == HERE and card.get("name") is None
    assert [p.attrib for p in tree.iter(f"{space}Peer")] == [{"Address": "127.0.0.1"}, {"Address": ELSEWHERE}]
    ports = {
        name: tree.findtext(f".//{space}{name}") for name in ("ParticipantIndex", "MaxAutoParticipantIndex")
    }
    assert ports == {"ParticipantIndex": "auto", "MaxAutoParticipantIndex": "31"}, (
        "as f2o firewall opens them"
    )
    assert {e.tag.removeprefix(space) for e in tree.iter()} <= CYCLONE_NAMES, "its schema has no others"


def test_a_pc_that_is_neither_is_one_sentence():
    nobody = {"policy_pc": "192.0.2.1", "real_time_pc": ELSEWHERE}
    with pytest.raises(GraphError, match=r"network: cell: expected policy_pc \(192.0.2.1\) or real_time_pc"):
        network("cell", CONFIG, nobody, {})
    with pytest.raises(ConfigError, match="policy_pc: expected an IPv4 address, got 'rtpc'"):
        network("cell", CONFIG, {"policy_pc": "rtpc"}, {})

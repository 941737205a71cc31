"""``f2o firewall``: the ports on which the middleware listens, open to the other PC; benchmarks/test has it in use."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from f2o_bringup.cli import main
from f2o_bringup.errors import GraphError
from f2o_bringup.firewall import domain_of, firewall, nft, ufw
from f2o_bringup.network import PEERS_RANGE, NetworkConfig
from f2o_nodekit.config import ConfigError

CONFIG = Path(__file__).resolve().parents[3] / "config"
CELL = NetworkConfig("192.0.2.1", "192.0.2.2")
PCS = {"policy_pc": "192.0.2.2", "real_time_pc": "192.0.2.1"}  # and who is let in there
MAY_UNSHARE = shutil.which("nft") and shutil.which("unshare") and os.geteuid() == 0
DOMAINS = ("0", "42", "101")


def opened(protocol, pc="policy_pc", config=CELL, **environ):
    """Every port that ``pc`` opens."""
    walls = firewall(config, pc, str(CONFIG), environ)
    assert walls.peer == PCS[pc]
    found = [ports for opening in walls.openings if opening.protocol == protocol for ports in opening.open]
    return {port for first, last in found for port in range(first, last + 1)}


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_open_ports_are_those_of_the_standard_for_as_many_processes_as_are_looked_for(domain):
    """PB + DG * domain + d0 ... d3, DDSI-RTPS 9.6.2.3; Fast DDS's own ports for nodes' names are of no domain."""
    base, processes = 7400 + 250 * int(domain), range(int(PEERS_RANGE))
    standard = (
        {base, base + 1} | {base + 10 + 2 * p for p in processes} | {base + 11 + 2 * p for p in processes}
    )
    names = {7000 + p for p in processes}
    for pc, more in (("policy_pc", set()), ("real_time_pc", {47110})):
        assert opened("udp", pc, ROS_DOMAIN_ID=domain) == standard | names | more
        cyclone = NetworkConfig(CELL.policy_pc, CELL.real_time_pc, "rmw_cyclonedds_cpp")
        assert opened("udp", pc, cyclone, ROS_DOMAIN_ID=domain) == standard | more
        assert (
            opened("udp", pc, RMW_IMPLEMENTATION="rmw_cyclonedds_cpp", ROS_DOMAIN_ID=domain)
            == standard | more
        )


def test_zenoh_is_one_connection_to_the_real_time_pc():
    zenoh = NetworkConfig(CELL.policy_pc, CELL.real_time_pc, "rmw_zenoh_cpp")
    assert opened("tcp", "policy_pc", zenoh) == opened("udp", "policy_pc", zenoh) == set()
    assert opened("tcp", "real_time_pc", zenoh) == {7447}
    assert "tcp/10.0.0.2:7447" in (CONFIG / "zenoh_router.json5").read_text(), (
        "to which the policy PC's router connects"
    )


def test_f2o_rt_listens_where_its_configuration_says(tmp_path):
    (tmp_path / "receiver.yaml").write_text("port: 50000\n")
    walls = firewall(CELL, "real_time_pc", str(tmp_path), {})
    assert walls.openings[-1].open == ((50000, 50000),)
    (tmp_path / "receiver.yaml").write_text("[]")
    with pytest.raises(ConfigError, match=r"receiver.yaml: 1 error: expected keys and values"):
        firewall(CELL, "real_time_pc", str(tmp_path), {})


def test_no_such_domain_is_one_sentence():
    for text in ("233", "-1", "one", "1.0"):
        with pytest.raises(
            GraphError, match=f"ROS_DOMAIN_ID: expected an integer from 0 to 232, got '{re.escape(text)}'"
        ):
            domain_of({"ROS_DOMAIN_ID": text})
    assert domain_of({}) == domain_of({"ROS_DOMAIN_ID": ""}) == 0


@pytest.mark.parametrize("pc", PCS)
@pytest.mark.parametrize("rmw", ["rmw_fastrtps_cpp", "rmw_cyclonedds_cpp", "rmw_zenoh_cpp"])
def test_ufw_and_nft_let_in_the_same(pc, rmw):
    walls = firewall(CELL, pc, str(CONFIG), {"RMW_IMPLEMENTATION": rmw})
    lines = ufw(walls).splitlines()
    opened_by_ufw = [
        re.search(r"proto (\w+) from ([\d.]+) to any port ([\d:,]+) ", line).groups() for line in lines
    ]
    for policy in ("accept", "drop"):
        found = re.findall(r"ip saddr ([\d.]+) (\w+) dport \{ ([^}]+) \} accept", nft(walls, policy))
        ports = [
            (protocol, peer, re.sub("[- ]", lambda m: ":" if m[0] == "-" else "", text))
            for peer, protocol, text in found
        ]
        assert ports == opened_by_ufw


@pytest.mark.skipif(not MAY_UNSHARE, reason="nft is not installed, or network namespaces need root")
@pytest.mark.parametrize("pc", PCS)
@pytest.mark.parametrize("policy", ["accept", "drop"])
def test_nft_takes_the_file_and_takes_it_again(pc, policy):
    text = nft(firewall(CELL, pc, str(CONFIG), {}), policy)
    load = [
        "unshare",
        "-n",
        "sh",
        "-c",
        'echo "$0" | nft -f - && echo "$0" | nft -f - && nft list ruleset',
        text,
    ]
    done = subprocess.run(load, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"policy {policy};" in done.stdout
    assert done.stdout.count(f"ip saddr {PCS[pc]} ") == text.count("ip saddr")


def test_the_command_prints_the_rules_of_this_pc_or_of_the_one_that_is_named(capsys):
    own, other = "--policy-pc=192.0.2.7", "--real-time-pc=127.0.0.1"  # nobody's, and everybody's
    for words, peer in (([], "192.0.2.7"), (["--pc", "policy_pc"], "127.0.0.1")):
        with pytest.raises(SystemExit) as done:
            main(["firewall", "ufw", own, other, *words])
        assert done.value.code == 0
        assert all(f" from {peer} " in line for line in capsys.readouterr().out.splitlines())
    for words, text in (
        (
            ["--real-time-pc=192.0.2.8"],
            "expected policy_pc (192.0.2.7) or real_time_pc (192.0.2.8) to be",
        ),
        (["--real-time-pc=pc2"], "real_time_pc: expected an IPv4 address, got 'pc2'"),
    ):
        with pytest.raises(SystemExit) as done:
            main(["firewall", "nft", own, *words])
        assert done.value.code == 2 and text in capsys.readouterr().err

"""What ``network:=cell`` needs a firewall to let through, from the one place that says where the middleware listens.

Fast DDS and CycloneDDS listen on the ports of the RTPS standard (DDSI-RTPS 2.5, 9.6.2.3): two that all processes of a
domain share, two more of each process. rmw_fastrtps has one more for each process, counted from 7000 in every domain,
for the names of nodes (Fast DDS's "unique network flows", 400 below the base).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from f2o_nodekit.config import read_yaml
from f2o_nodekit.paths import config_file

from f2o_bringup.errors import GraphError
from f2o_bringup.network import FAST_DDS, PEERS_RANGE, RMW, NetworkConfig

BASE, OF_DOMAIN, OF_PROCESS, FIRST_PROCESS = 7400, 250, 2, 10
UNIQUE_FLOWS = 400  # below the base
DOMAIN, LAST_DOMAIN = "ROS_DOMAIN_ID", 232
ZENOH_ROUTER = 7447  # of rmw_zenoh, on the real-time PC: config/zenoh_router.json5
POLICIES = ("accept", "drop")

Ports = tuple[int, int]
"""First and last."""


@dataclass(frozen=True)
class Opening:
    """One protocol's ports that the other PC may reach, and nobody else.

    Attributes:
        protocol: udp or tcp.
        open: to the other PC.
        closed: to all others; more than ``open`` where a further process would listen.
        why: in a few words.
    """

    protocol: str
    open: tuple[Ports, ...]
    closed: tuple[Ports, ...]
    why: str


@dataclass(frozen=True)
class Firewall:
    """What one PC lets in from the other one, whose address is ``peer``."""

    peer: str
    openings: tuple[Opening, ...]


def domain_of(environ: Mapping[str, str] = os.environ) -> int:
    """The domain that ROS_DOMAIN_ID names.

    Raises:
        GraphError: it is none.
    """
    text = environ.get(DOMAIN) or "0"
    if not text.isdecimal() or int(text) > LAST_DOMAIN:
        raise GraphError(f"{DOMAIN}: expected an integer from 0 to {LAST_DOMAIN}, got {text!r}")
    return int(text)


def firewall(
    config: NetworkConfig, pc: str, folder: str, environ: Mapping[str, str] = os.environ
) -> Firewall:
    """What ``pc`` (policy_pc or real_time_pc) lets in.

    Args:
        config: of the network.
        pc: which of the two.
        folder: of the configuration, whose receiver.yaml names f2o_rt's port; "" for the installed one.
        environ: names domain and middleware.

    Raises:
        GraphError: no such domain.
        ConfigError: receiver.yaml cannot be read.
    """
    other = {"policy_pc": config.real_time_pc, "real_time_pc": config.policy_pc}[pc]
    rmw = config.rmw or environ.get(RMW, FAST_DDS)
    openings = [] if "zenoh" in rmw else [_dds(domain_of(environ), rmw.startswith(FAST_DDS))]
    if pc == "real_time_pc":
        if "zenoh" in rmw:
            openings.append(_one("tcp", ZENOH_ROUTER, "Zenoh's router"))
        port = read_yaml(config_file("receiver.yaml", folder)).get("port")
        if isinstance(port, int):
            openings.append(_one("udp", port, "f2o_rt, adapter udp"))
    return Firewall(other, tuple(openings))


def _dds(domain: int, fast_dds: bool) -> Opening:
    base, processes = BASE + OF_DOMAIN * domain, int(PEERS_RANGE)
    first = base + FIRST_PROCESS
    each = (first, first + OF_PROCESS * processes - 1)
    names = (BASE - UNIQUE_FLOWS, BASE - UNIQUE_FLOWS + processes - 1)
    flows = ((names,), ((names[0], BASE - 1),)) if fast_dds else ((), ())
    return Opening(
        "udp",
        (*flows[0], (base, base + 1), each),
        (*flows[1], (base, base + OF_DOMAIN - 1)),
        f"DDS, domain {domain}, {processes} processes",
    )


def _one(protocol: str, port: int, why: str) -> Opening:
    return Opening(protocol, ((port, port),), ((port, port),), why)


def nft(walls: Firewall, policy: str = "accept") -> str:
    """An nftables file: nobody but the other PC reaches these ports.

    Args:
        walls: what is let in.
        policy: ``accept`` leaves everything else to other rules; ``drop`` lets in nothing but this, answers, ICMP,
            SSH and what this PC says to itself.
    """
    opened, closed = [], []
    for opening in walls.openings:
        who = f"ip saddr {walls.peer} {opening.protocol} dport"
        opened.append(f'{who} {_set(opening.open)} accept comment "{opening.why}"')
        closed.append(f"{opening.protocol} dport {_set(opening.closed)} drop")
    rules = ['iif "lo" accept', *opened]
    if policy == "drop":
        rules += [
            "ct state established,related accept",
            "meta l4proto { icmp, ipv6-icmp } accept",
            "tcp dport 22 accept",
        ]
    lines = "".join(f"\n    {rule}" for rule in [*rules, *(closed if policy == "accept" else [])])
    hook = f"type filter hook input priority filter; policy {policy};"
    return (
        "table inet f2o {}\ndelete table inet f2o\n"  # so that it may be loaded again
        f"table inet f2o {{\n  chain input {{\n    {hook}{lines}\n  }}\n}}\n"
    )


def _set(ports: tuple[Ports, ...]) -> str:
    return f"{{ {', '.join(str(first) if first == last else f'{first}-{last}' for first, last in ports)} }}"


def ufw(walls: Firewall) -> str:
    """Commands for ufw, which lets in nothing else once it is enabled."""
    return "".join(
        f"ufw allow proto {opening.protocol} from {walls.peer} to any "
        f"port {','.join(str(a) if a == b else f'{a}:{b}' for a, b in opening.open)} comment '{opening.why}'\n"
        for opening in walls.openings
    )

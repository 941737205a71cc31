"""Who finds whom: what ``network:=`` says of discovery and middleware, as environment variables.

``local``: this PC alone. ``cell``: the two PCs of config/network.yaml, over the network between them and no other.
``own``: as the shell says.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated
from xml.etree import ElementTree

from f2o_nodekit.config import STRICT, load_config
from f2o_nodekit.fields import must
from f2o_nodekit.paths import find_config
from pydantic import dataclasses

from f2o_bringup.errors import GraphError
from f2o_bringup.generated import write_generated
from f2o_bringup.middleware import COMMON_PROFILE, PROFILES, RANGE, is_common, profile

PEERS, RMW, CYCLONE = "ROS_STATIC_PEERS", "RMW_IMPLEMENTATION", "CYCLONEDDS_URI"
FAST_DDS, LOOPBACK = "rmw_fastrtps", "127.0.0.1"
PEERS_RANGE = "32"  # participants, that is processes, looked for on each PC; Fast DDS's default is 4


def _is_address(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


Address = Annotated[str, must(_is_address, "an IPv4 address")]


@dataclasses.dataclass(frozen=True, config=STRICT)
class NetworkConfig:
    """The configuration in config/network.yaml; every default stands here and nowhere else."""

    policy_pc: Address = "10.0.0.1"
    real_time_pc: Address = "10.0.0.2"
    rmw: str = ""


@dataclass(frozen=True)
class Network:
    """What the processes of a graph are told of the network.

    Attributes:
        env: variables for all of them, drivers included.
        environ: the environment that they have, with the user's own middleware profile if there is one, without ours.
        find: path of a middleware profile by its name in the configuration, "" where there is none.
        real_time_pc: address of the real-time PC; "" where ``network`` does not say.
    """

    env: Mapping[str, str]
    environ: Mapping[str, str]
    find: Callable[[str], str]
    real_time_pc: str = ""


def network(kind: str, folder: str, addresses: Mapping[str, str], environ: Mapping[str, str]) -> Network:
    """The network of the kind ``local``, ``cell`` or ``own``.

    Args:
        kind: as ``network:=`` names it.
        folder: of the configuration; "" for the installed one.
        addresses: ``policy_pc`` and ``real_time_pc`` where they are given; the others are network.yaml's.
        environ: of the process that starts it.

    Raises:
        GraphError: ``cell``, and neither address is one of this PC.
        ConfigError: network.yaml, or an address, is wrong, or a profile cannot be written.
    """

    def installed(name: str) -> str:
        return find_config(name, folder)

    if kind != "cell":
        # A peer that the shell names would join from another PC: local means this one.
        env = {RANGE: "LOCALHOST", PEERS: ""} if kind == "local" else {}
        return Network(env, {**environ, **env}, installed)
    path, config = cell(folder, addresses)
    own, hosts = str(getattr(config, this_pc(path, config))), (config.policy_pc, config.real_time_pc)
    others = [LOOPBACK, *(host for host in hosts if host != own)]
    env = {RANGE: "SUBNET", PEERS: ";".join(others)} | ({RMW: config.rmw} if config.rmw else {})
    # env.sh's profile says nothing of interfaces; a user's own is kept, and says what it says.
    shell = {key: value for key, value in environ.items() if key not in PROFILES or not is_common(value)}

    def confined(name: str) -> str:
        return write_generated(name, _fast_dds(installed(name), (own, LOOPBACK))) if installed(name) else ""

    before = shell | env
    rmw = before.get(RMW, FAST_DDS)
    if rmw.startswith(FAST_DDS):
        env |= profile(confined(COMMON_PROFILE), shell)
    elif "cyclonedds" in rmw and CYCLONE not in environ and (cyclone := installed("cyclonedds.xml")):
        env[CYCLONE] = f"file://{write_generated('cyclonedds.xml', _cyclone_dds(cyclone, own, others))}"
    return Network(env, before, confined, config.real_time_pc)


def cell(folder: str, addresses: Mapping[str, str]) -> tuple[str, NetworkConfig]:
    """Path and contents of network.yaml, with those ``addresses`` that are given (by pc, "" for none).

    Raises:
        ConfigError: it is wrong, or an address is.
    """
    path = find_config("network.yaml", folder)
    return path, load_config(NetworkConfig, path, {key: value for key, value in addresses.items() if value})


def this_pc(path: str, config: NetworkConfig) -> str:
    """Which one this PC is: policy_pc or real_time_pc, by its address.

    Raises:
        GraphError: neither address of ``config``, from ``path``, is one of this PC.
    """
    for pc in ("policy_pc", "real_time_pc"):
        if _is_here(getattr(config, pc)):
            return pc
    raise GraphError(
        f"network: cell: expected policy_pc ({config.policy_pc}) or real_time_pc ({config.real_time_pc}) to be an "
        f"address of this PC; set both in {path}, or as arguments"
    )


def _is_here(address: str) -> bool:
    """Whether ``address`` is one of this PC."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _fast_dds(path: str, addresses: tuple[str, ...]) -> str:
    """The profile at ``path``, its UDP transport bound to the network cards with ``addresses``."""
    tree = ElementTree.parse(path)
    space = tree.getroot().tag.rpartition("}")[0] + "}"
    ElementTree.register_namespace("", space.strip("{}"))
    for transport in tree.iter(f"{space}transport_descriptor"):
        if transport.findtext(f"{space}type") != "UDPv4":
            continue
        for name in ("maxInitialPeersRange", "interfaceWhiteList"):
            for old in transport.findall(f"{space}{name}"):
                transport.remove(old)
        ElementTree.SubElement(transport, f"{space}maxInitialPeersRange").text = PEERS_RANGE
        allowed = ElementTree.SubElement(transport, f"{space}interfaceWhiteList")
        for address in addresses:
            ElementTree.SubElement(allowed, f"{space}address").text = address
    return ElementTree.tostring(tree.getroot(), encoding="unicode")


def _cyclone_dds(path: str, own: str, others: list[str]) -> str:
    """The configuration at ``path`` for the network card with the address ``own``, looking for ``others``, too."""
    tree = ElementTree.parse(path)
    space = tree.getroot().tag.rpartition("}")[0] + "}"
    ElementTree.register_namespace("", space.strip("{}"))
    for card in tree.iter(f"{space}NetworkInterface"):
        card.attrib.pop("name", None)
        card.set("address", own)
    for domain in tree.iter(f"{space}Domain"):
        discovery = ElementTree.SubElement(domain, f"{space}Discovery")
        # Its default is any free port, where no peer looks for it and no firewall can let it in.
        ElementTree.SubElement(discovery, f"{space}ParticipantIndex").text = "auto"
        ElementTree.SubElement(discovery, f"{space}MaxAutoParticipantIndex").text = str(int(PEERS_RANGE) - 1)
        peers = ElementTree.SubElement(discovery, f"{space}Peers")
        for other in others:
            ElementTree.SubElement(peers, f"{space}Peer", Address=other)
    return ElementTree.tostring(tree.getroot(), encoding="unicode")

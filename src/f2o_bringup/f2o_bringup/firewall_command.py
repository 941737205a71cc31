"""``f2o firewall``: the rules for one of the two PCs of ``network:=cell``, for nftables or ufw."""

from __future__ import annotations

import argparse
from typing import Any

PCS = ("policy_pc", "real_time_pc")


def add(commands: Any) -> None:
    """Add the command to ``f2o``."""
    wall = commands.add_parser(
        "firewall",
        help="rules that let in the other PC of network:=cell and nobody else, for nftables or ufw",
    )
    wall.set_defaults(run=run)
    wall.add_argument("form", choices=("nft", "ufw"))
    wall.add_argument("--pc", choices=PCS, help="whose rules (default: the one that has this PC's address)")
    wall.add_argument(
        "--config", default="", help="folder of the configuration, as config:= of the launch files"
    )
    wall.add_argument("--policy-pc", default="", help="its address (default: network.yaml's)")
    wall.add_argument("--real-time-pc", default="", help="likewise")
    wall.add_argument(
        "--policy",
        choices=("accept", "drop"),
        default="accept",
        help="nft: what becomes of everything else (default: accept, leave it to other rules)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the rules.

    Raises:
        GraphError: neither address is one of this PC and ``--pc`` is not given, or ROS_DOMAIN_ID is no domain.
        ConfigError: network.yaml, an address or receiver.yaml is wrong.
    """
    from f2o_bringup.firewall import firewall, nft, ufw
    from f2o_bringup.network import cell, this_pc

    addresses = {pc: getattr(arguments, pc) for pc in PCS if getattr(arguments, pc)}
    path, config = cell(arguments.config, addresses)
    walls = firewall(config, arguments.pc or this_pc(path, config), arguments.config)
    print(nft(walls, arguments.policy) if arguments.form == "nft" else ufw(walls), end="")
    return 0

"""``f2o keystore``: keys for the nodes, with which DDS lets in nobody else."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from f2o_nodekit.names import namespace_word


def add(commands: Any) -> None:
    """Add the command to ``f2o``."""
    keys = commands.add_parser(
        "keystore",
        help="make certificates and permissions of all nodes, for security:= of the launch files (DDS security)",
    )
    keys.set_defaults(run=run)
    keys.add_argument("folder", type=Path, help="to make; it must not exist")
    keys.add_argument(
        "--config", default="", help="folder of the configuration, as config:= of the launch files"
    )
    keys.add_argument("--namespace", type=namespace_word, default="", help="of the arm, as of f2o-launch")


def run(arguments: argparse.Namespace) -> int:
    """Make the keystore and say what is in it.

    Raises:
        GraphError: the folder exists or cannot be written, or ROS_DOMAIN_ID is no domain.
        ConfigError: a configuration file cannot be read.
    """
    from f2o_bringup.firewall import domain_of
    from f2o_bringup.keystore import make_keystore

    domain = domain_of()
    made = make_keystore(arguments.folder, domain, arguments.config, arguments.namespace)
    print(f"{arguments.folder}: keys and permissions in domain {domain} of {', '.join(made)}")
    print(f"{arguments.folder / 'private'}: makes further keys; keep it away from the robot's PCs")
    return 0

"""Argument types and the options of training commands."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import yaml
from f2o_nodekit.config import build_config, load_config

STOPPED = 130  # exit status after Ctrl-C, as shells have it


def positive(text: str) -> int:
    """Argument type: an integer of 1 or more.

    Raises:
        ArgumentTypeError: it is less.
    """
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {value}")
    return value


def seed(text: str) -> int:
    """Argument type: the seed of a generator, 0 or more.

    Raises:
        ArgumentTypeError: it is less.
    """
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"expected 0 or more, got {value}")
    return value


def rate(text: str) -> float:
    """Argument type: a number above 0.

    Raises:
        ArgumentTypeError: it is not.
    """
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return value


def training_command(commands: Any, name: str, what: str, run: Any) -> argparse.ArgumentParser:
    """A parser with ``--out``, ``--config`` and ``--set``."""
    command = commands.add_parser(name, help=what, description=what)
    command.set_defaults(run=run)
    command.add_argument(
        "--out", type=Path, required=True, help="folder to write; an interrupted run is continued"
    )
    command.add_argument(
        "--config", type=Path, help="YAML such as config/policy_small.yaml (default: those values)"
    )
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override one key of the configuration, e.g. --set teacher.steps=2000",
    )
    return command


def configuration(arguments: argparse.Namespace, extra: dict[str, Any] | None = None) -> Any:
    """The training configuration of a command line."""
    from f2o_policy.training.config import Config

    overrides = {**_overrides(arguments.overrides), **(extra or {})}
    if arguments.config is not None:
        return load_config(Config, arguments.config, overrides)
    import dataclasses

    return build_config(Config, dataclasses.asdict(Config()), "command line", overrides)


def _overrides(pairs: list[str]) -> dict[str, Any]:
    from f2o_policy.errors import PolicyError

    overrides = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise PolicyError(f"--set {pair}: expected KEY=VALUE, e.g. teacher.steps=2000")
        try:
            overrides[key] = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError) as error:  # ValueError: an impossible date
            raise PolicyError(f"--set {pair}: expected a YAML value, e.g. 3 or [a, b]") from error
    return overrides

"""Names of topics and services, and the namespace that tells one arm of a room from another.

A name in a configuration that does not begin with / belongs to the arm: ``f2o/mode`` is /f2o/mode, and /left/f2o/mode
for the nodes of the namespace ``left``. One that does is the same for every arm. Rules: ROS 2's design article "Topic
and Service name mapping to DDS".
"""

from __future__ import annotations

import argparse
import re

LEGAL = "names of letters, digits and _ that begin with no digit, with / between them"
_NAMESPACE = re.compile(r"/?[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*")


def namespace(text: str) -> str:
    """``text`` as nodes are given it: /left for left and for /left; "" for the root, which is "" or /.

    Raises:
        ValueError: it is no legal name in ROS; the text says what is.
    """
    if text in ("", "/"):
        return ""
    if not _NAMESPACE.fullmatch(text):
        raise ValueError(LEGAL)
    return f"/{text.removeprefix('/')}"


def full_name(name: str, within: str = "") -> str:
    """``name`` from the root: in the namespace ``within`` unless it begins with /; private ones (~) are the node's."""
    return name if name.startswith(("/", "~")) else f"{within}/{name}"


def without(name: str, within: str) -> str:
    """The full ``name`` without the namespace ``within``, as if there were none; others are as they are."""
    return name.removeprefix(within) if within and name.startswith(f"{within}/") else name


def namespace_word(text: str) -> str:
    """``namespace`` for a command line.

    Raises:
        argparse.ArgumentTypeError: it is no legal name in ROS.
    """
    try:
        return namespace(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected {error}, got {text!r}") from None

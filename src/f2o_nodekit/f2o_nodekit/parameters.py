"""The ROS parameters that a command line names for one node: it must know them all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml


def parameter_names(node: str, words: Sequence[str]) -> set[str]:
    """Names of the ROS parameters on a command line or in the section of ``node`` in a parameter file.

    Args:
        node: full name of the node.
        words: of the command line; ``-p name:=value`` may be meant for another node that runs in this process.
    """
    names: set[str] = set()
    for flag, word in pairwise(words):
        if flag in ("-p", "--param"):
            names.add(word.split(":=")[0].rsplit(":", 1)[-1])  # the node's name may stand before it
        elif flag == "--params-file":
            tree = yaml.safe_load(Path(word).read_text())
            names.update(name for section, name in parameters_in(tree) if _names(section, node))
    return names


def parameters_in(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Every parameter of a parameter file: the section it stands in, as a node's full name, and its dotted name.

    Args:
        tree: what the file holds; namespaces may stand in one key with the node's name or be nested.
        path: namespace of ``tree``.
    """
    for key, value in tree.items():
        if key == "ros__parameters":
            yield from ((path, name) for name in _dotted(value))
        elif isinstance(value, Mapping):
            yield from parameters_in(value, f"{path}/{str(key).strip('/')}")


def _dotted(tree: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{path}{key}.")
        else:
            yield f"{path}{key}"


def _names(section: str, node: str) -> bool:
    """Whether a section of a parameter file is for ``node`` by its name; wildcards may stand for its namespace."""
    pattern = re.escape(section).replace(r"/\*\*", "(/[^/]+)*").replace(r"\*", "[^/]+")
    return not section.endswith("*") and re.fullmatch(pattern, node) is not None

"""The parts of a node graph, and which of them run with given arguments."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from f2o_nodekit.paths import find_config

from f2o_bringup.checks import mismatches
from f2o_bringup.errors import GraphError
from f2o_bringup.middleware import fifo_receive, profile

Value = str | int | bool


@dataclass(frozen=True)
class Argument:
    """A launch argument, ``name:=value``. An empty text leaves the choice to the node's configuration."""

    name: str
    default: str
    meaning: str
    choices: tuple[str, ...] = ()
    kind: type = str

    def parse(self, text: str) -> Value:
        """``text`` as a value of ``kind``; a path, which is relative to the shell that gave it, becomes absolute.

        Raises:
            GraphError: it is none, or not among the choices.
        """
        if self.choices and text not in self.choices:
            raise GraphError(f"{self.name}: expected {' or '.join(self.choices)}, got {text!r}")
        if self.kind is bool:
            return text == "true"
        if self.kind is Path and text:
            return os.path.abspath(os.path.expanduser(text))
        if self.kind is int and text:
            try:
                return int(text)
            except ValueError:
                raise GraphError(f"{self.name}: expected an integer, got {text!r}") from None
        return text


@dataclass(frozen=True)
class From:
    """Stands for the value of an argument."""

    argument: str


@dataclass(frozen=True)
class Installed:
    """Stands for the path of a configuration file; left out where the file or the variable is given otherwise."""

    name: str


@dataclass(frozen=True)
class NodeSpec:
    """One process.

    Attributes:
        package: whose executable it is.
        executable: as for ``ros2 run``.
        name: of the node.
        parameters: ROS parameters; ``From`` is replaced by the argument, or left out where that is empty.
        when: runs only where every argument named here has the value given.
        required: when it ends, for whatever reason, everything ends, with its exit status.
        respawn_s: started again that long after its end; None: not.
        env: added to the environment; ``Installed``, a profile of Fast DDS, as this distribution is told one.
        config: file in the configuration folder that it reads; "" for none.
        args: on its command line before ROS's.
        fifo_receive: receives messages under SCHED_FIFO where the system grants it, see ``middleware``.
    """

    package: str
    executable: str
    name: str
    parameters: Mapping[str, Value | From] = field(default_factory=dict)
    when: Mapping[str, Value] = field(default_factory=dict)
    required: bool = True
    respawn_s: float | None = None
    env: Mapping[str, str | Installed] = field(default_factory=dict)
    config: str = ""
    args: tuple[str, ...] = ()
    fifo_receive: bool = False


@dataclass(frozen=True)
class IncludeSpec:
    """Another package's launch file. ``each``: an argument like ``wrist=123,side=456``; included once for each pair."""

    package: str
    file: str
    arguments: Mapping[str, str | From | Installed]
    when: Mapping[str, Value] = field(default_factory=dict)
    each: str = ""


@dataclass(frozen=True)
class Graph:
    """A named set of processes and its launch arguments."""

    name: str
    arguments: tuple[Argument, ...]
    nodes: tuple[NodeSpec, ...]
    includes: tuple[IncludeSpec, ...] = ()


@dataclass(frozen=True)
class Resolved:
    """What runs: every ``From`` replaced, every condition decided."""

    nodes: tuple[NodeSpec, ...]
    includes: tuple[IncludeSpec, ...]


def resolve(graph: Graph, given: Mapping[str, str]) -> Resolved:
    """What ``graph`` runs with the arguments ``given`` (texts; the others have their defaults).

    Raises:
        GraphError: an argument that the graph has not, a value that it cannot have, or a robot that does not fit
            what is to run.
    """
    values = _values(graph, given)
    nodes = tuple(_resolve_node(node, values) for node in graph.nodes if _applies(node.when, values))
    includes = tuple(
        copy
        for include in graph.includes
        if _applies(include.when, values)
        for copy in _resolve_includes(include, values)
    )
    if problems := mismatches(values, [node.name for node in nodes]):
        raise GraphError(f"{graph.name}: {'; '.join(problems)}")
    return Resolved(nodes, includes)


def _values(graph: Graph, given: Mapping[str, str]) -> dict[str, Value]:
    names = [argument.name for argument in graph.arguments]
    if unknown := [name for name in given if name not in names]:
        raise GraphError(
            f"{graph.name}: no argument {', '.join(sorted(unknown))}, expected one of {', '.join(names)}"
        )
    return {a.name: a.parse(str(given.get(a.name, a.default))) for a in graph.arguments}


def _applies(when: Mapping[str, Value], values: Mapping[str, Value]) -> bool:
    return all(values[name] == value for name, value in when.items())


def _resolve_node(node: NodeSpec, values: Mapping[str, Value]) -> NodeSpec:
    parameters = _fill(node.parameters, values)
    if node.config and values.get("config"):
        parameters = {"config": f"{values['config']}/{node.config}", **parameters}
    folder = str(values.get("config", ""))
    env = _environment(node.env, folder)
    if node.fifo_receive:
        env |= fifo_receive(lambda name: find_config(name, folder))
    return replace(node, parameters=parameters, env=env, when={})


def _environment(env: Mapping[str, str | Installed], folder: str) -> dict[str, str]:
    texts = {key: value for key, value in env.items() if isinstance(value, str)}
    for value in env.values():
        if isinstance(value, Installed):
            texts |= profile(find_config(value.name, folder))
    return texts


def _resolve_includes(include: IncludeSpec, values: Mapping[str, Value]) -> list[IncludeSpec]:
    if not include.each:
        return [_resolve_include(include, values)]
    pairs = [pair.split("=") for pair in str(values[include.each]).split(",")]
    if any(len(pair) != 2 or not all(pair) for pair in pairs):
        raise GraphError(f"{include.each}: expected name=serial,name=serial, got {values[include.each]!r}")
    return [
        _resolve_include(include, {**values, "each.name": name, "each.value": f"_{value}"})
        for name, value in pairs
    ]


def _resolve_include(include: IncludeSpec, values: Mapping[str, Value]) -> IncludeSpec:
    folder = str(values.get("config", ""))
    files = {k: find_config(v.name, folder) for k, v in include.arguments.items() if isinstance(v, Installed)}
    rest = {k: v for k, v in include.arguments.items() if not isinstance(v, Installed)}
    arguments = {k: str(v) for k, v in _fill(rest, values, True).items()}
    return IncludeSpec(include.package, include.file, arguments | {k: v for k, v in files.items() if v})


def _fill(
    entries: Mapping[str, Value | From], values: Mapping[str, Value], keep_empty: bool = False
) -> dict[str, Value]:
    filled = {k: values[v.argument] if isinstance(v, From) else v for k, v in entries.items()}
    return {k: v for k, v in filled.items() if keep_empty or v != ""}

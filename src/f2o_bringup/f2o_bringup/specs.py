"""The parts of a node graph, and which of them run with given arguments."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from f2o_nodekit.names import namespace
from f2o_nodekit.paths import find_config
from f2o_nodekit.robot import Robot, is_robot_path

from f2o_bringup.checks import SIMULATED_ADAPTERS, known_robot, mismatches
from f2o_bringup.controllers import render_controllers
from f2o_bringup.errors import GraphError
from f2o_bringup.middleware import fifo_receive, profile
from f2o_bringup.network import Network, network
from f2o_bringup.security import DRIVERS, enforced

Value = str | int | float | bool
When = Mapping[str, Value | tuple[Value, ...]]
"""The value that an argument must have, or those among which it must be."""


class Namespace:
    """The kind of an argument that is a namespace of ROS."""


NUMBERS = {int: "an integer", float: "a number"}


@dataclass(frozen=True)
class Argument:
    """A launch argument, ``name:=value``. An empty text leaves the choice to the node's configuration."""

    name: str
    default: str
    meaning: str
    choices: tuple[str, ...] = ()
    kind: type = str

    @property
    def legal(self) -> tuple[str, ...]:
        """The texts that it may be; none: any."""
        return tuple(dict.fromkeys((*self.choices, self.default))) if self.choices else ()

    def parse(self, text: str) -> Value:
        """``text`` as a value of ``kind``; a path, which is relative to the shell that gave it, becomes absolute.

        Raises:
            GraphError: it is none, or not among the choices.
        """
        if self.choices and text not in self.legal:
            raise GraphError(f"{self.name}: expected {' or '.join(self.choices)}, got {text!r}")
        if self.kind is bool:
            return text == "true"
        if (self.kind is Path and text) or (self.kind is Robot and is_robot_path(text)):
            return os.path.abspath(os.path.expanduser(text))
        if self.kind is Namespace:
            try:
                return namespace(text).removeprefix("/")
            except ValueError as error:
                raise GraphError(f"{self.name}: expected {error}, got {text!r}") from None
        if self.kind in NUMBERS and text:
            try:
                return self.kind(text)
            except ValueError:
                raise GraphError(f"{self.name}: expected {NUMBERS[self.kind]}, got {text!r}") from None
        return text


@dataclass(frozen=True)
class From:
    """Stands for the value of an argument."""

    argument: str


@dataclass(frozen=True)
class Given(From):
    """As ``From``; left out where the argument is empty."""


class Wanted(From):
    """Stands for whether the value of an argument is not ``false``."""


@dataclass(frozen=True)
class Installed:
    """Stands for the path of a configuration file; left out where the file or the variable is given otherwise.

    ``{each}`` in the name is the included thing's own name, see ``IncludeSpec.each``.
    """

    name: str


@dataclass(frozen=True)
class Rendered:
    """Stands for the path of a configuration file in which the robot's names stand for the canonical ones."""

    name: str


@dataclass(frozen=True)
class NodeSpec:
    """One process.

    Attributes:
        package: whose executable it is.
        executable: as for ``ros2 run``.
        name: of the node.
        parameters: ROS parameters; ``From`` is replaced by the argument, or left out where that is empty.
        when: runs only where every argument named here has the value given, or one of those given.
        required: when it ends, for whatever reason, everything ends, with its exit status.
        respawn_s: started again that long after its end; None: not.
        env: added to the environment; ``Installed``, a profile of Fast DDS, as this distribution is told one.
        config: file in the configuration folder that it reads; "" for none.
        args: on its command line before ROS's.
        namespace: in which it and the names that it gives are; "" for none.
        fifo_receive: receives messages under SCHED_FIFO where the system grants it, see ``middleware``.
    """

    package: str
    executable: str
    name: str
    parameters: Mapping[str, Value | From] = field(default_factory=dict)
    when: When = field(default_factory=dict)
    required: bool = True
    respawn_s: float | None = None
    env: Mapping[str, str | Installed] = field(default_factory=dict)
    config: str = ""
    args: tuple[str, ...] = ()
    namespace: str = ""
    fifo_receive: bool = False


DRIVER = "the robot's driver"
"""Instead of a package: package, file and more arguments are those that the robot's file names."""


@dataclass(frozen=True)
class IncludeSpec:
    """Another package's launch file.

    Attributes:
        package: whose launch file it is.
        file: its name in the package's ``launch`` folder.
        arguments: of that file; ``Installed`` is left out where there is no such file.
        when: as of ``NodeSpec``.
        each: an argument like ``wrist=123:d405,side=456``; included once for each pair, with ``each.name`` and
            ``each.value`` (a "_" before it: launch would make a number of it).
        kinds: arguments by what stands behind the colon; the first kind is meant where nothing does.
        stagger: the argument with the time from the start of one to the start of the next [s].
        delay_s: from the launch to its start.
        node: name of its node that is started again, with all of the launch file, when it ends; "": none.
        without: what to give the graph for it to be left out; for error messages.
    """

    package: str
    file: str
    arguments: Mapping[str, str | From | Installed | Rendered]
    when: When = field(default_factory=dict)
    each: str = ""
    kinds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    stagger: str = ""
    delay_s: float = 0.0
    node: str | From = ""
    without: str = ""


@dataclass(frozen=True)
class Graph:
    """A named set of processes and its launch arguments."""

    name: str
    arguments: tuple[Argument, ...]
    nodes: tuple[NodeSpec, ...]
    includes: tuple[IncludeSpec, ...] = ()


@dataclass(frozen=True)
class Resolved:
    """What runs: every ``From`` replaced, every condition decided; ``env`` is for all of it, each node has it."""

    nodes: tuple[NodeSpec, ...]
    includes: tuple[IncludeSpec, ...]
    env: Mapping[str, str]


def resolve(graph: Graph, given: Mapping[str, str]) -> Resolved:
    """What ``graph`` runs with the arguments ``given`` (texts; the others have their defaults).

    Raises:
        GraphError: an argument that the graph has not, a value that it cannot have, a robot that does not fit what
            is to run, or nothing that runs.
    """
    values = _values(graph, given)
    told = _network(values)
    if told.real_time_pc:
        values["real_time_pc"] = told.real_time_pc
    robot = known_robot(values)
    if robot is not None and values.get("adapter") == "":
        values["adapter"] = SIMULATED_ADAPTERS[0] if values["sim"] else robot.adapters[0]
    if values.get("enable") == "":  # with a robot that moves
        moves = not values["sim"] and values["use_fake_hardware"] == "false" and values["adapter"] != "null"
        values["enable"] = "switch" if moves else "false"
    nodes = tuple(_resolve_node(node, values, told) for node in graph.nodes if _applies(node.when, values))
    includes = tuple(
        copy
        for include in graph.includes
        if _applies(include.when, values)
        for copy in _resolve_includes(_driver_of(include, robot), values, robot)
    )
    if problems := mismatches(values, [node.name for node in nodes], robot):
        raise GraphError(f"{graph.name}: {'; '.join(problems)}")
    if not nodes and not includes:
        raise GraphError(
            f"{graph.name}: nothing of ours runs beside the arm with adapter:={values['adapter']}"
        )
    secured = _security(nodes, values)
    nodes = tuple(
        replace(node, env={**node.env, **secured.get(node.name, secured.get(DRIVERS, {}))}) for node in nodes
    )
    return Resolved(nodes, includes, {**told.env, **secured.get(DRIVERS, {})})


def _security(nodes: tuple[NodeSpec, ...], values: Mapping[str, Value]) -> dict[str, dict[str, str]]:
    """Environment variables of DDS security, by node and of the drivers; f2o_rt is no node of ROS."""
    if not values.get("security"):
        return {}
    ours = [node.name for node in nodes if node.package.startswith("f2o_") and node.package != "f2o_rt"]
    return enforced(str(values["security"]), ours, namespace(str(values.get("namespace", ""))))


def _values(graph: Graph, given: Mapping[str, str]) -> dict[str, Value]:
    names = [argument.name for argument in graph.arguments]
    if unknown := [name for name in given if name not in names]:
        raise GraphError(
            f"{graph.name}: no argument {', '.join(sorted(unknown))}, expected one of {', '.join(names)}"
        )
    return {a.name: a.parse(str(given.get(a.name, a.default))) for a in graph.arguments}


def _applies(when: When, values: Mapping[str, Value]) -> bool:
    return all(
        values[name] in (value if isinstance(value, tuple) else (value,)) for name, value in when.items()
    )


def _network(values: Mapping[str, Value]) -> Network:
    """What the processes are told of the network; a graph without that argument leaves it to the shell."""
    addresses = {key: str(values.get(key, "")) for key in ("policy_pc", "real_time_pc")}
    kind = str(values.get("network", "own"))
    return network(kind, str(values.get("config", "")), addresses, os.environ)


def _resolve_node(node: NodeSpec, values: Mapping[str, Value], told: Network) -> NodeSpec:
    parameters = _fill(node.parameters, values)
    if node.config and values.get("config"):
        parameters = {"config": f"{values['config']}/{node.config}", **parameters}
    env = {**told.env, **_environment(node.env, told)}
    if node.fifo_receive:
        env |= fifo_receive(told.find, told.environ)
    return replace(node, parameters=parameters, env=env, namespace=str(values.get("namespace", "")), when={})


def _environment(env: Mapping[str, str | Installed], told: Network) -> dict[str, str]:
    texts = {key: value for key, value in env.items() if isinstance(value, str)}
    for value in env.values():
        if isinstance(value, Installed):
            texts |= profile(told.find(value.name), told.environ)
    return texts


def _driver_of(include: IncludeSpec, robot: Robot | None) -> IncludeSpec:
    """``include``, or the robot's driver in its place; ``mismatches`` says where there is none."""
    if include.package != DRIVER or robot is None or robot.driver is None:
        return include
    arguments = {**robot.driver.arguments, **include.arguments}
    return replace(include, package=robot.driver.package, file=robot.driver.file, arguments=arguments)


def _resolve_includes(
    include: IncludeSpec, values: Mapping[str, Value], robot: Robot | None
) -> list[IncludeSpec]:
    if not include.each:
        return [_resolve_include(include, values, robot)]
    wait_s = float(values[include.stagger]) if include.stagger else 0.0
    found = []
    for name, value, kind in _entries(include, str(values[include.each])):
        own = replace(
            include,
            arguments={**include.arguments, **include.kinds.get(kind, {})},
            delay_s=wait_s * len(found),
        )
        found.append(_resolve_include(own, {**values, "each.name": name, "each.value": f"_{value}"}, robot))
    return found


def _entries(include: IncludeSpec, text: str) -> list[tuple[str, str, str]]:
    """Name, value and kind of each entry of ``text``."""
    expected = "name=serial" + (f":model ({', '.join(include.kinds)})" if include.kinds else "")
    entries = []
    for entry in text.split(","):
        name, _, rest = entry.partition("=")
        value, _, kind = rest.partition(":")
        kind = kind or next(iter(include.kinds), "")
        if not name or not value or (kind and kind not in include.kinds):
            raise GraphError(
                f"{include.each}: expected {expected} for each, commas between (or {include.without}), got {text!r}"
            )
        entries.append((name, value, kind))
    for what, of in (("name", 0), ("serial", 1)):
        given = [entry[of] for entry in entries]
        if twice := sorted({one for one in given if given.count(one) > 1}):
            raise GraphError(f"{include.each}: expected every {what} once, got {twice[0]} twice")
    return entries


def _resolve_include(include: IncludeSpec, values: Mapping[str, Value], robot: Robot | None) -> IncludeSpec:
    folder, each = str(values.get("config", "")), str(values.get("each.name", ""))
    files, rest = {}, {}
    for key, value in include.arguments.items():
        if isinstance(value, Installed):
            files[key] = find_config(value.name.format(each=each), folder)
        elif isinstance(value, Rendered):
            template = find_config(value.name, folder)
            files[key] = render_controllers(template, robot) if template and robot else ""
        else:
            rest[key] = value
    optional = [key for key, value in rest.items() if isinstance(value, Given)]
    filled = _fill(rest, values, True)
    arguments = {k: str(v) for k, v in filled.items() if v != "" or k not in optional}
    node = values[include.node.argument] if isinstance(include.node, From) else include.node
    return replace(
        include,
        arguments=arguments | {k: v for k, v in files.items() if v},
        when={},
        each="",
        kinds={},
        stagger="",
        node=str(node),
    )


def _fill(
    entries: Mapping[str, Value | From], values: Mapping[str, Value], keep_empty: bool = False
) -> dict[str, Value]:
    filled = {k: _value(v, values) if isinstance(v, From) else v for k, v in entries.items()}
    return {k: v for k, v in filled.items() if keep_empty or v != ""}


def _value(stands_for: From, values: Mapping[str, Value]) -> Value:
    value = values[stands_for.argument]
    return value != "false" if isinstance(stands_for, Wanted) else value

"""The node graph as a launch description. Imports ``launch`` late: it is not on PyPI."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from f2o_nodekit.entry import LAUNCHED_BY, restore_interrupt

from f2o_bringup.errors import GraphError
from f2o_bringup.graph import graph_named
from f2o_bringup.specs import Graph, IncludeSpec, NodeSpec, resolve

RESPAWN_S = 2.0
"""From the end of a driver that is started again to its start: a camera that was reset is back after that."""

if TYPE_CHECKING:
    from launch import Action, LaunchContext, LaunchDescription


def launch_description(name: str) -> LaunchDescription:
    """The graph called ``name`` with its arguments declared.

    Raises:
        GraphError: no such graph, or ROS 2's ``launch`` and ``launch_ros`` are not installed.
    """
    try:
        from launch.actions import DeclareLaunchArgument, OpaqueFunction

        from launch import LaunchDescription
    except ImportError as error:
        raise GraphError(
            f"{error.name}: not installed; it comes with ROS 2 (apt install ros-jazzy-launch-ros). "
            f"Without it: f2o-launch {name}"
        ) from error
    restore_interrupt()  # launch has no handler of its own: where SIGINT is ignored, nothing would end
    graph = graph_named(name)
    declared = [
        DeclareLaunchArgument(
            a.name, default_value=a.default, description=a.meaning, choices=list(a.legal) or None
        )
        for a in graph.arguments
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=_actions, args=[graph])])


def _actions(context: LaunchContext, graph: Graph) -> list[Action]:
    """What to start, now that the arguments are known; the drivers, too, are told of the network."""
    from launch.actions import SetEnvironmentVariable
    from launch.substitutions import LaunchConfiguration

    given = {a.name: LaunchConfiguration(a.name).perform(context) for a in graph.arguments}
    resolved = resolve(graph, given)
    includes = (action for spec in resolved.includes for action in _include(context, spec))
    told = (SetEnvironmentVariable(name, value) for name, value in resolved.env.items())
    return [*told, *includes, *map(_node, resolved.nodes)]


def _node(spec: NodeSpec) -> Action:
    from launch.actions import Shutdown
    from launch_ros.actions import Node
    from launch_ros.parameter_descriptions import ParameterValue  # else a text "007" would become a number

    return Node(
        package=spec.package,
        executable=spec.executable,
        name=spec.name,
        namespace=spec.namespace or None,
        parameters=[{k: ParameterValue(v, value_type=type(v)) for k, v in spec.parameters.items()}],
        arguments=list(spec.args),
        additional_env={**spec.env, LAUNCHED_BY: str(os.getpid())},
        respawn=spec.respawn_s is not None,
        respawn_delay=spec.respawn_s,
        on_exit=Shutdown(reason=f"{spec.name} ended") if spec.required else None,
        output="both",
        sigterm_timeout="1.6",
        sigkill_timeout="0.8",
    )


def _include(context: LaunchContext, spec: IncludeSpec) -> list[Action]:
    """A driver's launch file, in a scope of its own: it gets ``spec.arguments`` and nothing else of ours.

    Launch configurations are global otherwise: an argument of ours that happens to have the name of one of the
    driver's would replace its default.

    Raises:
        GraphError: the package is not installed, or its launch file does not declare one of the arguments.
    """
    from launch.actions import RegisterEventHandler, TimerAction
    from launch.event_handlers import OnProcessExit
    from launch.launch_description_sources import PythonLaunchDescriptionSource

    path = _installed(spec)
    source = PythonLaunchDescriptionSource(path)
    declared = {argument.name for argument in source.get_launch_description(context).get_launch_arguments()}
    if unknown := sorted(set(spec.arguments) - declared):
        raise GraphError(
            f"{spec.package}/{spec.file}: declares no argument {', '.join(unknown)}; "
            "expected a version that does (docs/robot.md names those that fit)"
        )
    around = context.launch_configurations.get("ros_namespace", "")  # of whoever includes our launch file
    start = _driver(path, spec, around)
    actions = [TimerAction(period=spec.delay_s, actions=[start])] if spec.delay_s else [start]
    if not spec.node:
        return actions

    def again(event: object, context: LaunchContext) -> Action | None:
        return (
            None
            if context.is_shutdown
            else TimerAction(period=RESPAWN_S, actions=[_driver(path, spec, around)])
        )

    watched = OnProcessExit(target_action=partial(_is_node, spec), on_exit=again)
    return [RegisterEventHandler(watched), *actions]


def _driver(path: str, spec: IncludeSpec, around: str) -> Action:
    """The launch file at ``path`` in the namespace ``around``, read anew: an action runs once."""
    from launch.actions import GroupAction, IncludeLaunchDescription
    from launch.launch_description_sources import PythonLaunchDescriptionSource
    from launch_ros.actions import PushRosNamespace

    source = PythonLaunchDescriptionSource(path)
    include = IncludeLaunchDescription(source, launch_arguments=list(spec.arguments.items()))
    actions = [PushRosNamespace(around), include] if around else [include]
    return GroupAction(actions, scoped=True, forwarding=False)


def _is_node(spec: IncludeSpec, action: Any) -> bool:
    """Whether ``action`` is the process of ``spec.node``."""
    from launch_ros.actions import Node

    return (
        isinstance(action, Node)
        and action.node_package == spec.package
        and action.node_name.rpartition("/")[2] == spec.node
    )


def _installed(spec: IncludeSpec) -> str:
    """Path of the launch file.

    Raises:
        GraphError: its package is not installed, or has no such file.
    """
    from ament_index_python.packages import PackageNotFoundError, get_package_share_path

    try:
        path = get_package_share_path(spec.package) / "launch" / spec.file
    except PackageNotFoundError:
        debian = f"ros-{os.environ.get('ROS_DISTRO', '<distro>')}-{spec.package.replace('_', '-')}"
        raise GraphError(
            f"{spec.package}: not installed; install it ({debian}), or give sim:=true or {spec.without}"
        ) from None
    if not path.is_file():
        raise GraphError(f"{spec.package}: expected launch/{spec.file} in its share folder, got none")
    return str(path)

"""What each node says and hears: topics, services and actions, by its keys in its configuration.

A node's names are those of its configuration file; the ones here stand where that leaves a key out, as the node's own
defaults do. test_keystore holds this list against the nodes as they run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from f2o_nodekit.config import read_yaml
from f2o_nodekit.names import full_name
from f2o_nodekit.paths import find_config

from f2o_bringup.graph import GRAPHS
from f2o_bringup.specs import NodeSpec

Names = Mapping[str, str]
"""Of topics, services or actions: the dotted key of the name in the node's file -> the default. A name without a key
in the file has itself as key. ``{view}`` is any camera."""
ANY_VIEW = "*"


@dataclass(frozen=True)
class Interfaces:
    """What a node may do in the ROS graph; after ``interfaces_of``, keys and names are the full names.

    Attributes:
        publishes: topics.
        subscribes: topics.
        serves: services.
        calls: services of others.
        drives: actions of others.
        nodes: its nodes, where their names are not its own.
    """

    publishes: Names = field(default_factory=dict)
    subscribes: Names = field(default_factory=dict)
    serves: Names = field(default_factory=dict)
    calls: Names = field(default_factory=dict)
    drives: Names = field(default_factory=dict)
    nodes: Names = field(default_factory=dict)


def _plain(*names: str) -> Names:
    return {name: name for name in names}


def _topics(**names: str) -> Names:
    return {f"topics.{key}": name for key, name in names.items()}


ARM = _topics(joint_states="franka/joint_states", gripper_states="franka_gripper/joint_states")
COLOR, DEPTH = "{view}/color/image_raw", "{view}/aligned_depth_to_color/image_raw"
COLOR_INFO, DEPTH_INFO = "{view}/color/camera_info", "{view}/aligned_depth_to_color/camera_info"
TARGET = _topics(target="f2o/joint_target")
MODE, EPISODE = _topics(mode="f2o/mode"), _topics(episode_state="f2o/episode/state")
COMMAND, SWITCH = _topics(command="f2o/joint_command"), _topics(enable="f2o/enable")
EPISODE_COMMAND = _topics(episode_command="f2o/episode/command")
EPISODE_SERVICES = _plain(
    *(f"f2o/episode/{verb}" for verb in ("start", "stop", "save", "success", "failure", "discard"))
)
OPERATOR = _topics(
    arm="f2o/arm", disarm="f2o/disarm", home="f2o/home", recover="f2o/recover", takeover="f2o/takeover"
)
TO_ARM = _topics(
    trajectory="joint_trajectory_controller/joint_trajectory",
    crisp="target_joint",
    multipanda="joint_impedance/joints_desired",
    gripper_command="gripper_position_controller/commands",
)
NODES: Mapping[str, Interfaces] = {
    "bridge_node": Interfaces(
        publishes={**COMMAND, **MODE, **TO_ARM, **ARM},  # ARM: with adapter udp it says what f2o_rt measured
        subscribes={**TARGET, **_topics(takeover_target="f2o/takeover_target"), **SWITCH, **ARM},
        serves=OPERATOR,
        calls={
            "franka.hardware_service": "controller_manager/set_hardware_component_state",
            "franka.switch_service": "controller_manager/switch_controller",
        },
        drives={
            "franka.gripper/move": "franka_gripper/move",
            "franka.gripper/grasp": "franka_gripper/grasp",
            "franka.gripper/homing": "franka_gripper/homing",
            "franka.error_recovery": "action_server/error_recovery",
        },
    ),
    "sim_node": Interfaces(
        publishes={
            **_topics(color=COLOR, color_info=COLOR_INFO, depth=DEPTH, depth_info=DEPTH_INFO),
            **ARM,
            **_topics(task_state="sim/task_state"),
        },
        subscribes={key: TO_ARM[key] for key in ("topics.trajectory", "topics.gripper_command")},
        serves=_topics(reset="sim/reset"),
    ),
    "perception_node": Interfaces(
        publishes=_topics(observation="f2o/observation", cloud="f2o/observation/cloud"),
        subscribes=_topics(
            color=COLOR,
            depth=DEPTH,
            camera_info=COLOR_INFO,
            joint_states="franka/joint_states",
            gripper_joint_states="franka_gripper/joint_states",
        ),
    ),
    "policy_node": Interfaces(
        publishes=_topics(
            joint_target="f2o/joint_target", action_chunk="f2o/action_chunk", policy_tick="f2o/policy_tick"
        ),
        subscribes={**_topics(observation="f2o/observation"), **ARM, **MODE},
    ),
    "enable_node": Interfaces(publishes=SWITCH),
    "teleop_node": Interfaces(
        publishes={**TARGET, **EPISODE_COMMAND, **SWITCH},
        subscribes={
            **ARM,
            **COMMAND,
            **MODE,
            **EPISODE,
            **_topics(spacenav_twist="spacenav/twist", spacenav_joy="spacenav/joy"),
        },
        calls=_topics(takeover="f2o/takeover"),
    ),
    "expert_node": Interfaces(
        publishes={**TARGET, **EPISODE_COMMAND},
        subscribes={**ARM, **_topics(task_state="sim/task_state"), **EPISODE},
        calls=_topics(reset="sim/reset", arm="f2o/arm", disarm="f2o/disarm"),
    ),
    "recorder_node": Interfaces(  # and what its file lists under topics
        publishes=_plain("f2o/episode/state"),
        subscribes={
            **_plain("f2o/episode/command"),
            **_plain(COLOR, DEPTH, COLOR_INFO, DEPTH_INFO),
        },
        serves=EPISODE_SERVICES,
    ),
    "view_node": Interfaces(
        subscribes={
            **_topics(color=COLOR, cloud="f2o/observation/cloud"),
            **ARM,
            **COMMAND,
            **MODE,
            **EPISODE,
        },
    ),
}
"""Of every node of the graphs that is a node of ROS and of f2o."""
PEOPLE: Mapping[str, Interfaces] = {
    "operator": Interfaces(  # f2o call, f2o watch, ros2 topic echo
        publishes=_plain("f2o/episode/command"),
        subscribes=_plain("/diagnostics", "f2o/mode", "f2o/episode/state"),
        calls={**OPERATOR, **EPISODE_SERVICES},
        nodes=_plain("f2o_call", "/f2o_watch"),
    ),
    "bag_replay": Interfaces(  # f2o bag replay
        publishes=_plain("f2o/joint_target"),
        subscribes=_plain("franka/joint_states", "franka_gripper/joint_states", "f2o/mode"),
        calls=_plain("f2o/arm", "f2o/disarm"),
    ),
}
"""Of commands that a person types."""


def interfaces_of(node: str, folder: str = "", within: str = "") -> Interfaces:
    """The full names of what ``node`` (of ``NODES`` or ``PEOPLE``) says and hears.

    Args:
        node: its name.
        folder: of the configuration; "" for the installed one.
        within: the namespace of the arm, /left; "" for none.

    Raises:
        ConfigError: its file cannot be read.
    """
    declared = {**NODES, **PEOPLE}[node]
    specs = [spec for graph in GRAPHS.values() for spec in graph.nodes if spec.name == node]
    # People use the bridge's names of its services.
    path = find_config(next((spec.config for spec in specs), "bridge.yaml"), folder)
    tree = read_yaml(Path(path)) if path else {}
    found = {}
    for kind in fields(Interfaces):
        names = {_configured(tree, key, default) for key, default in getattr(declared, kind.name).items()}
        if kind.name == "nodes":
            names = names or {node}
        if kind.name == "publishes":
            names |= set(_given(specs, getattr(declared, kind.name)))
        if kind.name == "subscribes" and node == "recorder_node":
            names |= set(map(str, tree.get("topics") or ()))
        full = sorted(full_name(name.replace("{view}", ANY_VIEW), within) for name in names)
        found[kind.name] = {name: name for name in full}
    return Interfaces(**found)


def _given(specs: list[NodeSpec], keys: Names) -> list[str]:
    """The names that the graphs give the node as parameters."""
    return [str(spec.parameters[key]) for spec in specs for key in keys if key in spec.parameters]


def _configured(tree: Mapping[str, Any], key: str, default: str) -> str:
    """The name at the dotted ``key`` of a file, "franka.gripper/move" being that of franka.gripper with /move."""
    key, _, more = key.partition("/") if "." in key.partition("/")[0] else (key, "", "")
    value: Any = tree
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if not isinstance(value, str):
        return default
    return f"{value}/{more}" if more else value

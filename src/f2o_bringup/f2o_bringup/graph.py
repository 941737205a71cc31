"""Which processes there are: the node graph, once, as data.

``launch_description`` turns it into launch actions, ``processes`` into plain processes. Both ask ``specs.resolve``
for what is to run with the arguments given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from f2o_bringup.errors import GraphError
from f2o_bringup.middleware import COMMON_PROFILE, KILTED
from f2o_bringup.specs import Argument, From, Graph, IncludeSpec, Installed, NodeSpec, Value

BOOLEAN = ("true", "false")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
IMAGES = {  # Fast DDS's default loses two images of three; config/dds.xml says what it does better still
    "FASTDDS_BUILTIN_TRANSPORTS": "LARGE_DATA",
    KILTED: Installed(COMMON_PROFILE),
}
ENV = ONE_THREAD | IMAGES

COMMON = (
    Argument(
        "sim", "false", "simulate robot and cameras (f2o_sim) instead of starting drivers", BOOLEAN, bool
    ),
    Argument("task", "reach_around", "what is to be done; also the simulator's scene"),
    Argument("seed", "0", "of the simulator's scene", kind=int),
    Argument("state_log", "", "path of an .npz with the simulator's states, written on exit", kind=Path),
    Argument(
        "config",
        "",
        "folder with the nodes' YAML files; default: those installed with f2o_bringup",
        kind=Path,
    ),
    Argument("robot", "panda", "which arm: <robot> of a robot_<robot>.yaml in the configuration"),
    Argument("adapter", "jtc", "how commands reach the arm", ("jtc", "crisp", "multipanda", "udp", "null")),
    Argument("drivers", "true", "without sim: start the drivers of robot and cameras", BOOLEAN, bool),
    Argument(
        "use_fake_hardware",
        "false",
        "everything runs, nothing moves: franka_bringup's fake hardware; with adapter:=udp a simulated arm",
        BOOLEAN,
    ),
    Argument("robot_ip", "172.16.0.3", "without sim: address of the arm's control unit"),
    Argument("cameras", "", "without sim: name=serial of each RealSense, e.g. wrist=123,external_1=456"),
)

DRIVERS = (
    IncludeSpec(
        "franka_bringup",
        "franka.launch.py",
        {
            "robot_type": From("robot"),
            "robot_ip": From("robot_ip"),
            "use_fake_hardware": From("use_fake_hardware"),
            "load_gripper": "true",
            "joint_state_rate": "125",
            "controllers_yaml": Installed("controllers.yaml"),
        },
        when={"sim": False, "drivers": True},
    ),
    IncludeSpec(
        "realsense2_camera",
        "rs_launch.py",
        {
            "camera_namespace": "",
            "camera_name": From("each.name"),
            "serial_no": From("each.value"),
            "align_depth.enable": "true",
            "enable_sync": "true",
            "rgb_camera.color_profile": "640x480x30",
            "depth_module.depth_profile": "640x480x30",
        },
        when={"sim": False, "drivers": True},
        each="cameras",
    ),
)

SIM = NodeSpec(
    "f2o_sim",
    "sim_node",
    "sim_node",
    {"task": From("task"), "seed": From("seed"), "state_log": From("state_log")},
    when={"sim": True},
    env=ENV,
    config="sim.yaml",
)
FAKE_ARM = NodeSpec(
    "f2o_rt",
    "f2o_rt_receiver",
    "f2o_rt_receiver",
    {"robot": From("robot"), "arm": "mock"},
    when={"sim": False, "use_fake_hardware": "true", "adapter": "udp"},
    env=ONE_THREAD,
    config="receiver.yaml",
)
CONTROLLER = NodeSpec(
    "controller_manager",
    "spawner",
    "spawn_joint_trajectory_controller",
    when={"sim": False, "drivers": True, "adapter": "jtc"},  # any other would find the joints taken
    required=False,
    args=("joint_trajectory_controller",),
)


def bridge(source: str, **more: From) -> NodeSpec:
    """The bridge, arming into the mode ``source``."""
    parameters = {"source": source, "robot": From("robot"), "adapter": From("adapter"), **more}
    return NodeSpec(
        "f2o_control",
        "bridge_node",
        "bridge_node",
        parameters,
        env=ENV,
        config="bridge.yaml",
        fifo_receive=True,
    )


def recorder(when: Mapping[str, Value], **parameters: Value | From) -> NodeSpec:
    """The recorder: one bag an episode, as the episode topic says."""
    common = {"output": From("bags")} | {name: From(name) for name in ("task", "operator", "seed")}
    return NodeSpec(
        "f2o_teleop",
        "recorder_node",
        "recorder_node",
        {**common, **parameters},
        when=when,
        env=ENV,
        config="recorder.yaml",
    )


def teleop(when: Mapping[str, Value], required: bool = True, **parameters: Value | From) -> NodeSpec:
    """The teleop node: targets from a teleop device."""
    return NodeSpec(
        "f2o_teleop",
        "teleop_node",
        "teleop_node",
        parameters,
        when=when,
        required=required,
        env=ENV,
        config="teleop.yaml",
    )


SESSION = (
    Argument("operator", "", "name of the operator, kept in every episode"),
    Argument("bags", "bags", "folder that gets one folder per episode", kind=Path),
    Argument(
        "device", "", "teleop device: spacemouse, spacenav, keyboard or hidfile; default: teleop.yaml's"
    ),
    Argument("view", "false", "show cameras, cloud, joints and episode in rerun", BOOLEAN, bool),
)
PERCEPTION = NodeSpec(
    "f2o_perception", "perception_node", "perception_node", env=ENV, config="perception.yaml"
)
VIEW = NodeSpec(
    "f2o_teleop", "view_node", "view_node", when={"view": True}, required=False, env=ENV, config="view.yaml"
)

DEPLOY = Graph(
    "deploy",
    (
        *COMMON,
        *SESSION,
        Argument(
            "takeover",
            "false",
            "an operator who moves the teleop device takes over from the policy",
            BOOLEAN,
            bool,
        ),
        Argument("record", "false", "start the recorder, too", BOOLEAN, bool),
        Argument("checkpoint", "", "the student; default: the one that policy.yaml names", kind=Path),
        Argument("trace", "", "path of an .npz with the times of every tick, written on exit", kind=Path),
        Argument("bridge_trace", "", "the same of the bridge; both are for f2o latency-report", kind=Path),
    ),
    (
        SIM,
        FAKE_ARM,
        CONTROLLER,
        PERCEPTION,
        NodeSpec(
            "f2o_policy",
            "policy_node",
            "policy_node",
            {"checkpoint": From("checkpoint"), "trace": From("trace")},
            env=ENV,
            config="policy.yaml",
        ),
        bridge("policy", trace=From("bridge_trace")),
        teleop(
            {"takeover": True},
            required=False,  # the policy runs without it
            **{"takeover.enabled": True, "topics.target": "/f2o/takeover_target", "source": From("device")},
        ),
        # The policy's loop comes first: above it, a recorder adds milliseconds to its worst ticks (docs/results.md).
        recorder({"record": True}, niceness=10),
        VIEW,
    ),
    DRIVERS,
)

RECORD = Graph(
    "record",
    (
        *COMMON,
        Argument("source", "spacemouse", "who moves the arm", ("spacemouse", "scripted")),
        *SESSION,
        Argument("episodes", "0", "end after this many; 0: when told to", kind=int),
    ),
    (
        SIM,
        FAKE_ARM,
        CONTROLLER,
        bridge("teleop"),
        teleop({"source": "spacemouse"}, source=From("device")),
        NodeSpec(
            "f2o_sim",
            "expert_node",
            "expert_node",
            {"task": From("task"), "seed": From("seed"), "episodes": From("episodes")},
            when={"source": "scripted"},
            env=ENV,
            config="expert.yaml",
        ),
        recorder({"source": "spacemouse"}, episodes=From("episodes")),
        recorder({"source": "scripted"}),  # the expert counts them itself
        replace(PERCEPTION, when={"view": True}, required=False),  # its cloud is shown
        VIEW,
    ),
    DRIVERS,
)

REPLAY = Graph("replay", (*COMMON, *SESSION), (SIM, CONTROLLER, bridge("replay"), VIEW), DRIVERS)

GRAPHS = {graph.name: graph for graph in (DEPLOY, RECORD, REPLAY)}


def graph_named(name: str) -> Graph:
    """The graph called ``name``.

    Raises:
        GraphError: there is none.
    """
    if name not in GRAPHS:
        raise GraphError(f"graph: expected {' or '.join(GRAPHS)}, got {name!r}")
    return GRAPHS[name]

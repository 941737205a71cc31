"""Which processes there are: the node graph, once, as data.

``launch_description`` turns it into launch actions, ``processes`` into plain processes. Both ask ``specs.resolve``
for what is to run with the arguments given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from f2o_nodekit.robot import Robot

from f2o_bringup.errors import GraphError
from f2o_bringup.middleware import COMMON_PROFILE, KILTED
from f2o_bringup.specs import (
    DRIVER,
    Argument,
    From,
    Given,
    Graph,
    IncludeSpec,
    Installed,
    Namespace,
    NodeSpec,
    Rendered,
    Value,
    Wanted,
)

Spec = TypeVar("Spec", NodeSpec, IncludeSpec)
BOOLEAN = ("true", "false")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
IMAGES = {  # Fast DDS's default loses two images of three; config/dds.xml says what it does better still
    "FASTDDS_BUILTIN_TRANSPORTS": "LARGE_DATA",
    KILTED: Installed(COMMON_PROFILE),
}
ENV = ONE_THREAD | IMAGES

ARM = (
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
    Argument(
        "robot",
        "panda",
        "which arm: <robot> of robots/<robot>.yaml in the configuration, or such a file",
        kind=Robot,
    ),
    Argument(
        "adapter",
        "",
        "how commands reach the arm; default: the robot's own, in simulation jtc",
        ("jtc", "crisp", "multipanda", "udp", "null"),
    ),
    Argument(
        "use_fake_hardware",
        "false",
        "everything runs, nothing moves: franka_bringup's fake hardware; with adapter:=udp a simulated arm",
        BOOLEAN,
    ),
    Argument("robot_ip", "172.16.0.3", "without sim: address of the arm's control unit"),
    Argument(
        "network",
        "local",
        "who is found: this PC alone (local), the two PCs of network.yaml (cell), or as the shell says (own)",
        ("local", "cell", "own"),
    ),
    Argument(
        "namespace",
        "",
        "of everything that belongs to this arm, where another one is in the room",
        kind=Namespace,
    ),
    Argument(
        "security",
        "",
        "keystore made by f2o keystore, with which DDS lets in nobody else; default: none",
        kind=Path,
    ),
    Argument("policy_pc", "", "its address on the network between the two PCs; default: network.yaml's"),
    Argument(
        "real_time_pc",
        "",
        "likewise; with adapter udp f2o_rt listens there. Default with network:=cell: network.yaml's, else "
        "receiver.yaml's and bridge.yaml's",
    ),
)
COMMON = (
    *ARM,
    Argument(
        "robot_driver",
        "true",
        "without sim: start the arm's driver; false where rt.launch.py runs on another PC",
        BOOLEAN,
        bool,
    ),
    Argument(
        "enable",
        "",
        "hold-to-run switch: switch (enable_node's pedal or key), teleop (a button of the teleop device), or false; "
        "default: switch with a real robot, else false",
        ("switch", "teleop", "false"),
    ),
    Argument("camera_driver", "true", "without sim: start the cameras' drivers", BOOLEAN, bool),
    Argument(
        "cameras",
        "",
        "without sim: name=serial:model of each RealSense, e.g. wrist=123:d405,external_1=456; else a d435",
    ),
    Argument("camera_stagger", "8.0", "s from the start of one camera to the start of the next", kind=float),
)

PROFILE = "640x480x30"
COLOR = {"rgb_camera.color_profile": PROFILE}
COLOR_OF_DEPTH = {"depth_module.color_profile": PROFILE}  # a D405 has no RGB module: one sensor gives both
FRANKA = IncludeSpec(
    DRIVER,
    "",
    {
        "robot_ip": From("robot_ip"),
        "use_fake_hardware": From("use_fake_hardware"),
        "controllers_yaml": Rendered("controllers.yaml"),
        "namespace": Given("namespace"),
    },
    when={"sim": False, "adapter": ("jtc", "crisp", "null")},  # with udp, f2o_rt holds the arm's interface
    without="robot_driver:=false",
)
CAMERAS = IncludeSpec(
    "realsense2_camera",
    "rs_launch.py",
    {
        "camera_namespace": From("namespace"),
        "camera_name": From("each.name"),
        "serial_no": From("each.value"),
        "align_depth.enable": "true",
        "enable_sync": "true",
        "depth_module.depth_profile": PROFILE,
        "initial_reset": "true",  # a camera whose last driver was killed is often found and silent without it
        "config_file": Installed("camera_{each}.yaml"),  # realsense2_camera's own: exposure, filters, presets
    },
    when={"sim": False, "camera_driver": True},
    each="cameras",
    kinds={"d435": COLOR, "d435i": COLOR, "d455": COLOR, "d415": COLOR, "d405": COLOR_OF_DEPTH},
    stagger="camera_stagger",  # reset, looked for 6 s later: another that opens meanwhile finds the USB busy
    node=From("each.name"),
    without="camera_driver:=false",
)

SIM = NodeSpec(
    "f2o_sim",
    "sim_node",
    "sim_node",
    {n: From(n) for n in ("robot", "adapter", "task", "seed", "state_log")},
    when={"sim": True},
    env=ENV,
    config="sim.yaml",
)


def receiver(arm: str, use_fake_hardware: str) -> NodeSpec:
    """f2o_rt, adapter udp's end on the real-time PC: ``mock`` or ``pylibfranka``."""
    parameters = {
        "robot": From("robot"),
        "arm": arm,
        "robot_ip": From("robot_ip"),
        "listen": From("real_time_pc"),
    }
    return NodeSpec(
        "f2o_rt",
        "f2o_rt_receiver",
        "f2o_rt_receiver",
        parameters,
        when={"sim": False, "use_fake_hardware": use_fake_hardware, "adapter": "udp"},
        env=ONE_THREAD,
        config="receiver.yaml",
    )


def spawner(adapter: str, controller: str) -> NodeSpec:
    """Activates ``adapter``'s controller, and no other: it would find the joints taken."""
    return NodeSpec(
        "controller_manager",
        "spawner",
        f"spawn_{controller}",
        when={"sim": False, "adapter": adapter},
        required=False,
        args=(controller,),
    )


ON_ARM = receiver("pylibfranka", "false")
SIMULATED_FCI = replace(  # the real libfranka, at the control unit that the simulator starts
    ON_ARM,
    parameters={**ON_ARM.parameters, "robot_ip": "127.0.0.1", "realtime": "ignore", "wait_s": 60.0},
    when={"sim": True, "adapter": "udp"},
)
REAL_TIME = (
    SIMULATED_FCI,
    receiver("mock", "true"),
    ON_ARM,
    spawner("jtc", "joint_trajectory_controller"),
    spawner("crisp", "joint_impedance_controller"),
)
"""What runs beside the arm: on the real-time PC, or on the only one."""


def here(spec: Spec) -> Spec:
    """``spec`` where the arm's driver runs on this PC."""
    return replace(spec, when={**spec.when, "robot_driver": True})


HERE = tuple(map(here, REAL_TIME))
ENABLE = NodeSpec(
    "f2o_teleop", "enable_node", "enable_node", when={"enable": "switch"}, env=ENV, config="enable.yaml"
)
DRIVERS = (here(FRANKA), CAMERAS)


def bridge(source: str, **more: From) -> NodeSpec:
    """The bridge, arming into the mode ``source``."""
    parameters = {
        "source": source,
        "robot": From("robot"),
        "adapter": From("adapter"),
        "udp.host": From("real_time_pc"),
        "enable.required": Wanted("enable"),
        **more,
    }
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
    common = {"output": From("bags")} | {n: From(n) for n in ("robot", "task", "operator", "seed")}
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
        {"robot": From("robot"), **parameters},
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
    "f2o_perception",
    "perception_node",
    "perception_node",
    {"robot": From("robot")},
    env=ENV,
    config="perception.yaml",
)
VIEW = NodeSpec(
    "f2o_teleop",
    "view_node",
    "view_node",
    {"robot": From("robot")},
    when={"view": True},
    required=False,
    env=ENV,
    config="view.yaml",
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
        *HERE,
        PERCEPTION,
        NodeSpec(
            "f2o_policy",
            "policy_node",
            "policy_node",
            {"robot": From("robot"), "checkpoint": From("checkpoint"), "trace": From("trace")},
            env=ENV,
            config="policy.yaml",
        ),
        ENABLE,
        bridge("policy", trace=From("bridge_trace")),
        teleop(
            {"takeover": True},
            required=False,  # the policy runs without it
            **{"takeover.enabled": True, "topics.target": "f2o/takeover_target", "source": From("device")},
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
        *HERE,
        ENABLE,
        bridge("teleop"),
        teleop({"source": "spacemouse"}, source=From("device")),
        NodeSpec(
            "f2o_sim",
            "expert_node",
            "expert_node",
            {n: From(n) for n in ("robot", "task", "seed", "episodes")},
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

REPLAY = Graph("replay", (*COMMON, *SESSION), (SIM, *HERE, ENABLE, bridge("replay"), VIEW), DRIVERS)

RT = Graph("rt", ARM, (SIM, *REAL_TIME), (replace(FRANKA, without="use_fake_hardware:=true adapter:=udp"),))

GRAPHS = {graph.name: graph for graph in (DEPLOY, RECORD, REPLAY, RT)}


def graph_named(name: str) -> Graph:
    """The graph called ``name``.

    Raises:
        GraphError: there is none.
    """
    if name not in GRAPHS:
        raise GraphError(f"graph: expected {' or '.join(GRAPHS)}, got {name!r}")
    return GRAPHS[name]

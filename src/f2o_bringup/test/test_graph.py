import shutil
import sys
from pathlib import Path

import pytest
import yaml
from f2o_bringup.errors import GraphError
from f2o_bringup.graph import GRAPHS, graph_named
from f2o_bringup.middleware import JAZZY, KILTED, PROFILES
from f2o_bringup.specs import From, resolve

WORKSPACE = Path(__file__).resolve().parents[3]
STUDENT = WORKSPACE / "checkpoints/reach_around/student.pt"


def names(graph, **given):
    return [node.name for node in resolve(graph_named(graph), given).nodes]


def node(graph, name, **given):
    return next(node for node in resolve(graph_named(graph), given).nodes if node.name == name)


def test_deploy_with_a_simulated_robot():
    assert names("deploy", sim="true") == ["sim_node", "perception_node", "policy_node", "bridge_node"]
    assert resolve(graph_named("deploy"), {"sim": "true"}).includes == ()


def test_udp_in_simulation_is_the_real_libfranka_at_the_simulators_control_unit():
    for graph in ("deploy", "record", "replay"):
        assert "f2o_rt_receiver" in names(graph, sim="true", adapter="udp")
        receiver = node(graph, "f2o_rt_receiver", sim="true", adapter="udp")
        expected = {"arm": "pylibfranka", "robot_ip": "127.0.0.1", "realtime": "ignore", "robot": "panda"}
        assert receiver.parameters.items() >= expected.items()
        assert node(graph, "sim_node", sim="true", adapter="udp").parameters["adapter"] == "udp"
        assert "f2o_rt_receiver" not in names(graph, sim="true")


def test_record_with_either_source():
    assert names("record", sim="true") == ["sim_node", "bridge_node", "teleop_node", "recorder_node"]
    assert names("record", sim="true", source="scripted") == [
        "sim_node",
        "bridge_node",
        "expert_node",
        "recorder_node",
    ]


def test_takeover_recording_and_view_add_their_nodes():
    whole = names("deploy", sim="true", takeover="true", record="true", view="true")
    assert whole[-3:] == ["teleop_node", "recorder_node", "view_node"]
    assert node("deploy", "recorder_node", sim="true", record="true").parameters["niceness"] == 10
    assert "niceness" not in node("record", "recorder_node", sim="true").parameters
    teleop = node("deploy", "teleop_node", sim="true", takeover="true", device="spacenav")
    assert teleop.parameters == {
        "robot": "panda", "takeover.enabled": True, "topics.target": "f2o/takeover_target", "source": "spacenav"
    }  # fmt: skip
    assert not teleop.required
    assert node("record", "recorder_node", sim="true", episodes="50").parameters["episodes"] == 50
    assert "episodes" not in node("record", "recorder_node", sim="true", source="scripted").parameters
    assert names("record", sim="true", view="true")[-2:] == ["perception_node", "view_node"]


def test_replay_starts_the_arm_and_the_bridge():
    assert names("replay", sim="true") == ["sim_node", "bridge_node"]
    assert node("replay", "bridge_node", sim="true").parameters["source"] == "replay"


def test_the_bridge_arms_into_the_mode_of_the_graph():
    assert node("deploy", "bridge_node", sim="true").parameters["source"] == "policy"
    assert node("record", "bridge_node", sim="true").parameters["source"] == "teleop"


def test_arguments_become_typed_parameters_and_empty_ones_none():
    policy = node("deploy", "policy_node", sim="true", checkpoint=str(STUDENT))
    assert policy.parameters == {"robot": "panda", "checkpoint": str(STUDENT)}
    expert = node("record", "expert_node", sim="true", source="scripted", episodes="12", seed="3")
    assert (expert.parameters["episodes"], expert.parameters["seed"]) == (12, 3)
    assert node("deploy", "perception_node", sim="true").parameters == {"robot": "panda"}


def test_a_path_is_relative_to_the_shell_that_gives_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    shutil.copy(STUDENT, tmp_path.parent / "student.pt")
    given = {"sim": "true", "record": "true", "checkpoint": "../student.pt", "trace": "~/ticks.npz"}
    policy = node("deploy", "policy_node", **given)
    assert policy.parameters == {
        "robot": "panda", "checkpoint": str(tmp_path.parent / "student.pt"), "trace": "/home/me/ticks.npz"
    }  # fmt: skip
    assert node("deploy", "recorder_node", **given).parameters["output"] == str(tmp_path / "bags")


def test_a_configuration_folder_reaches_every_node():
    nodes = resolve(graph_named("deploy"), {"sim": "true", "config": "/lab"}).nodes
    assert [n.parameters["config"] for n in nodes] == [
        f"/lab/{n}.yaml" for n in ("sim", "perception", "policy", "bridge")
    ]


def test_without_sim_the_drivers_are_included(fr3_cell):
    given = {
        "cameras": "wrist=123,external_1=456",
        "robot_ip": "10.0.0.2",
        "robot": "fr3",
        "config": fr3_cell,
    }
    resolved = resolve(graph_named("deploy"), given)
    franka, wrist, external = resolved.includes
    assert (franka.package, franka.file) == ("franka_bringup", "franka.launch.py")
    assert franka.arguments["robot_ip"] == "10.0.0.2" and franka.arguments["robot_type"] == "fr3"
    assert (wrist.arguments["camera_name"], wrist.arguments["serial_no"]) == ("wrist", "_123")
    assert (external.arguments["camera_name"], external.arguments["serial_no"]) == ("external_1", "_456")
    assert wrist.arguments["align_depth.enable"] == "true" and wrist.arguments["camera_namespace"] == ""
    assert all(isinstance(v, str) for include in resolved.includes for v in include.arguments.values())
    assert "spawn_joint_trajectory_controller" in [n.name for n in resolved.nodes]


def give_key(folder):
    """Let both ends of the udp path in a configuration have the same key."""
    key = Path(folder, "udp.key")
    key.write_text("ab" * 32)
    key.chmod(0o600)
    for name in ("bridge.yaml", "receiver.yaml"):
        file = Path(folder, name)
        file.write_text(file.read_text().replace('key: ""', "key: udp.key"))


ONE_PC = {"jtc": 1, "crisp": 1, "udp": 1, "null": 0, "multipanda": 0}  # processes of ours beside the arm


@pytest.mark.parametrize("adapter", ONE_PC)
def test_two_pcs_run_what_one_pc_runs(adapter, fr3_cell):
    """rt.launch.py on the real-time PC and deploy with robot_driver:=false: nothing twice, nothing forgotten."""
    robot = "panda" if adapter == "multipanda" else "fr3"
    give_key(fr3_cell)
    cell = {"robot": robot, "config": fr3_cell, "adapter": adapter, "robot_ip": "10.0.0.9"}
    policy = {"cameras": "wrist=1", "takeover": "true"}
    address = {"real_time_pc": "10.0.0.2"}
    if adapter == "multipanda":
        with pytest.raises(GraphError, match="rt: robot: no driver is known for panda; start its driver"):
            resolve(graph_named("rt"), cell)
        return
    one = resolve(graph_named("deploy"), cell | policy)
    rt = resolve(graph_named("rt"), cell | address)
    other = resolve(graph_named("deploy"), cell | policy | address | {"robot_driver": "false"})
    assert {n.name for n in rt.nodes}.isdisjoint(n.name for n in other.nodes)
    assert sorted(n.name for n in rt.nodes + other.nodes) == sorted(n.name for n in one.nodes)
    assert [i.package for i in rt.includes + other.includes] == [i.package for i in one.includes]
    assert len(rt.nodes) == ONE_PC[adapter]
    assert all(i.arguments["robot_ip"] == "10.0.0.9" for i in rt.includes)
    (bridge,) = (n for n in other.nodes if n.name == "bridge_node")
    assert bridge.parameters["udp.host"] == "10.0.0.2"
    if adapter == "udp":
        (receiver,) = rt.nodes
        assert receiver.parameters["listen"] == "10.0.0.2" and receiver.parameters["robot_ip"] == "10.0.0.9"
        assert rt.includes == (), "franka_ros2 would hold the arm's interface"


def test_each_camera_has_its_models_arguments_its_own_file_and_its_turn(fr3_cell):
    """A D405 has no RGB module: given rgb_camera.color_profile it streams colour as it likes."""
    Path(fr3_cell, "camera_wrist.yaml").write_text("depth_module.exposure: 5000\n")
    given = {"robot": "fr3", "config": fr3_cell, "robot_driver": "false"}
    cameras = {"cameras": "wrist=1:d405,side=2:d455,top=3", "camera_stagger": "5"}
    wrist, side, top = resolve(graph_named("record"), given | cameras).includes
    profile = "640x480x30"
    assert wrist.arguments["depth_module.color_profile"] == profile
    assert "rgb_camera.color_profile" not in wrist.arguments
    for camera in (side, top):
        assert camera.arguments["rgb_camera.color_profile"] == profile
        assert "depth_module.color_profile" not in camera.arguments and "config_file" not in camera.arguments
    assert wrist.arguments["config_file"] == f"{fr3_cell}/camera_wrist.yaml"
    assert [camera.delay_s for camera in (wrist, side, top)] == [0, 5, 10]
    assert [camera.node for camera in (wrist, side, top)] == ["wrist", "side", "top"]


@pytest.mark.parametrize("adapter", ["null", "crisp", "udp"])
def test_joint_trajectory_controller_starts_for_its_own_adapter_only(adapter, fr3_cell):
    """Beside another adapter it would claim the joints; with ``null`` it would hold an arm that a person guides."""
    give_key(fr3_cell)
    given = {"cameras": "wrist=1", "adapter": adapter, "robot": "fr3", "config": fr3_cell}
    assert "spawn_joint_trajectory_controller" not in names("deploy", **given)
    assert node("deploy", "bridge_node", **given).parameters["adapter"] == adapter


def test_how_commands_reach_the_arm_is_the_robots_own_choice(fr3_cell):
    """In simulation it is what the simulator speaks."""
    given = NO_DRIVERS | {"config": fr3_cell}
    chosen = [node("deploy", "bridge_node", **given, robot=r).parameters["adapter"] for r in ("fr3", "panda")]
    assert chosen == ["jtc", "multipanda"]
    for robot in ("fr3", "fr3v2", "panda"):
        assert node("deploy", "bridge_node", sim="true", robot=robot).parameters["adapter"] == "jtc"


def test_ros2_control_gets_our_controllers_with_the_robots_names(tmp_path, monkeypatch):
    monkeypatch.setenv("AMENT_PREFIX_PATH", "")
    monkeypatch.setenv("ROS_HOME", str(tmp_path / "ros"))

    def parameters(**more):
        given = {"cameras": "wrist=1,external_1=2,external_2=3", **more}
        (franka,) = (i for i in resolve(graph_named("deploy"), given).includes if "franka" in i.package)
        assert franka.arguments["robot_type"] == more["robot"]
        return yaml.safe_load(Path(franka.arguments["controllers_yaml"]).read_text())

    for robot in ("fr3", "fr3v2"):
        tree = parameters(robot=robot)
        trajectory = tree["/**/joint_trajectory_controller"]["ros__parameters"]
        assert trajectory["joints"] == [f"{robot}_joint{i}" for i in range(1, 8)] == list(trajectory["gains"])
        assert trajectory["gains"][f"{robot}_joint7"] == {"p": 50.0, "d": 5.0, "i": 0.0, "i_clamp": 0.0}
        crisp = tree["/**/joint_impedance_controller"]["ros__parameters"]
        assert (crisp["joints"], crisp["end_effector_frame"]) == (trajectory["joints"], f"{robot}_hand_tcp")
        assert tree["/**/franka_robot_state_broadcaster"]["ros__parameters"]["robot_type"] == robot
    own = tmp_path / "cell"
    own.mkdir()
    text = "/**/joint_trajectory_controller: {ros__parameters: {joints: [joint2], gains: {joint2: {p: 1.0}}}}"
    (own / "controllers.yaml").write_text(text)
    mine = parameters(robot="fr3", config=str(own))["/**/joint_trajectory_controller"]["ros__parameters"]
    assert mine == {"joints": ["fr3_joint2"], "gains": {"fr3_joint2": {"p": 1.0}}}


def test_fake_hardware_is_the_drivers_or_a_simulated_arm_behind_udp(fr3_cell):
    given = {"use_fake_hardware": "true", "cameras": "wrist=123", "robot": "fr3", "config": fr3_cell}
    franka, _ = resolve(graph_named("deploy"), given).includes
    assert franka.arguments["use_fake_hardware"] == "true"
    assert "f2o_rt_receiver" not in names("deploy", **given)
    given |= {"adapter": "udp", "camera_driver": "false"}
    assert names("deploy", **given) == ["f2o_rt_receiver", "perception_node", "policy_node", "bridge_node"]
    assert node("deploy", "f2o_rt_receiver", **given).parameters == {
        "robot": "fr3", "arm": "mock", "robot_ip": "172.16.0.3", "config": f"{fr3_cell}/receiver.yaml"
    }  # fmt: skip
    assert node("deploy", "bridge_node", **given).parameters["adapter"] == "udp"
    assert names("deploy", **given, robot_driver="false")[0] == "perception_node"
    with pytest.raises(GraphError) as error:
        resolve(graph_named("deploy"), given | {"use_fake_hardware": "false"})
    for place in (f"udp.key: {fr3_cell}/bridge.yaml", f"; key: {fr3_cell}/receiver.yaml"):
        assert f"{place} names none; expected a file that python -m f2o_rt key FILE wrote" in str(error.value)
    give_key(fr3_cell)
    real = node("deploy", "f2o_rt_receiver", **given | {"use_fake_hardware": "false"})
    assert real.parameters["arm"] == "pylibfranka"


NO_DRIVERS = {"robot_driver": "false", "camera_driver": "false"}


@pytest.mark.parametrize("graph", ["deploy", "record", "replay"])
def test_the_arms_driver_and_the_cameras_are_left_out_apart(graph, fr3_cell):
    """Two PCs: the arm's driver runs on the one, the cameras' on the other."""
    given = {"robot": "fr3", "config": fr3_cell, "cameras": "wrist=1,side=2"}

    def started(**more):
        resolved = resolve(graph_named(graph), given | more)
        spawner = [n.name for n in resolved.nodes if n.package == "controller_manager"]
        return [i.package for i in resolved.includes], spawner

    arm, cameras = ["franka_bringup"], ["realsense2_camera", "realsense2_camera"]
    assert started() == (arm + cameras, ["spawn_joint_trajectory_controller"])
    assert started(robot_driver="false") == (cameras, [])
    assert started(camera_driver="false") == (arm, ["spawn_joint_trajectory_controller"])
    assert started(**NO_DRIVERS) == ([], [])
    ours = [n.name for n in resolve(graph_named(graph), given | NO_DRIVERS).nodes]
    assert "bridge_node" in ours, "what is ours runs with other people's drivers"


@pytest.mark.parametrize(
    ("graph", "given", "text"),
    [
        ("deploy", {"simm": "true"}, "deploy: no argument simm, expected one of sim, task, seed, "),
        ("deploy", {"sim": "yes"}, "sim: expected true or false, got 'yes'"),
        ("record", {"source": "joystick"}, "source: expected spacemouse or scripted, got 'joystick'"),
        ("record", {"episodes": "many"}, "episodes: expected an integer, got 'many'"),
        ("deploy", {"drivers": "false"}, "deploy: no argument drivers, expected one of "),
        (
            "deploy",
            {},
            "cameras: expected name=serial:model (d435, d435i, d455, d415, d405) for each, commas",
        ),
        ("deploy", {"cameras": ""}, "cameras: expected name=serial:model ("),
        ("deploy", {"cameras": "wrist"}, "cameras: expected name=serial:model ("),
        ("deploy", {"cameras": "wrist=1:d999"}, "cameras: expected name=serial:model ("),
        ("deploy", {"cameras": "a=1,a=2"}, "cameras: expected every name once, got a twice"),
        ("deploy", {"cameras": "a=1,b=1:d405"}, "cameras: expected every serial once, got 1 twice"),
        (
            "replay",
            {"namespace": "left arm"},
            "namespace: expected names of letters, digits and _ that begin with no digit, with / between them, "
            "got 'left arm'",
        ),
        ("deploy", {"camera_stagger": "long"}, "camera_stagger: expected a number, got 'long'"),
    ],
)
def test_a_wrong_argument_is_one_sentence(graph, given, text):
    with pytest.raises(GraphError) as error:
        resolve(graph_named(graph), given)
    assert str(error.value).startswith(text)


@pytest.mark.parametrize("graph", GRAPHS)
def test_a_second_arms_processes_and_drivers_are_in_its_namespace(graph, fr3_cell):
    """The drivers by their own arguments; without a namespace they are given none, or as before."""
    whole = {"robot": "fr3", "config": fr3_cell}
    if graph != "rt":
        whole |= {"cameras": "wrist=1", "view": "true"}
    for given in (whole, {"sim": "true"}):
        for text in ("left", "/left"):
            resolved = resolve(graph_named(graph), given | {"namespace": text})
            assert {node.namespace for node in resolved.nodes} == {"left"}
            arguments = [include.arguments for include in resolved.includes]
            assert all(a.get("namespace", a.get("camera_namespace")) == "left" for a in arguments)
        for text in ("", "/"):
            resolved = resolve(graph_named(graph), given | {"namespace": text})
            assert {node.namespace for node in resolved.nodes} == {""}
            assert resolved == resolve(graph_named(graph), given)
            for include in resolved.includes:
                assert "namespace" not in include.arguments
                assert include.arguments.get("camera_namespace", "") == ""


def test_a_name_that_two_arms_would_share_is_refused_in_a_namespace(fr3_cell):
    """A configuration copied from an earlier version has them."""
    given = {"sim": "true", "record": "true", "config": fr3_cell}
    for name, old, new in (
        ("bridge.yaml", "arm: f2o/arm", "arm: /f2o/arm"),
        ("recorder.yaml", "f2o/mode: {", "/table/wrench: {type: a/msg/B}\n  /f2o/mode: {"),
    ):
        file = Path(fr3_cell, name)
        file.write_text(file.read_text().replace(f"  {old}", f"  {new}"))
    assert resolve(graph_named("deploy"), given).nodes
    with pytest.raises(GraphError) as error:
        resolve(graph_named("deploy"), given | {"namespace": "left"})
    expected = [
        f"namespace: {fr3_cell}/{file}: topics: without their leading / expected {name}"
        for file, name in (("bridge.yaml", "/f2o/arm"), ("recorder.yaml", "/f2o/mode"))
    ]
    assert str(error.value) == f"deploy: {'; '.join(expected)}"


def test_a_robot_that_fits_nothing_is_told_everything_at_once(tmp_path, fr3_cell):
    """One message, one sentence for each thing: adapter, driver, cameras, calibration, checkpoint."""
    cell = Path(fr3_cell)
    (cell / "perception.yaml").write_text("views: [wrist, side]\n")
    (cell / "cameras.yaml").write_text(
        "cameras: {wrist: {parent: fr3_hand, xyz: [0, 0, 0], quaternion: [0, 0, 0, 1]}}\n"
    )
    given = {
        "robot": "panda",
        "adapter": "null",
        "cameras": "top=1",
        "config": fr3_cell,
        "checkpoint": str(tmp_path),
    }
    with pytest.raises(GraphError) as error:
        resolve(graph_named("deploy"), given)
    for sentence in (
        "deploy: robot: no driver is known for panda; start its driver yourself and give robot_driver:=false",
        f"; cameras: none is called wrist or side, which {cell}/perception.yaml has among its views",
        f"; calibration: {cell}/cameras.yaml has no pose of side, which {cell}/perception.yaml has among its views",
        f"; calibration: {cell}/cameras.yaml: wrist: parent: panda has no frame 'fr3_hand', expected one of hand, ",
        f"; checkpoint: checkpoint {tmp_path}/checkpoint.pt: cannot be read (No such file or directory)",
    ):
        assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"robot": "ur5"}, "deploy: robot: expected fr3 or fr3v2 or panda, got 'ur5'"),
        (
            {"robot": "fr3", "adapter": "multipanda"},
            "adapter: fr3 takes jtc or crisp or udp, got 'multipanda'",
        ),
        ({"sim": "true", "adapter": "crisp"}, "adapter: the simulator takes jtc or udp or null, got 'crisp'"),
    ],
)
def test_a_robot_that_does_not_fit_is_refused_before_anything_starts(fr3_cell, given, sentence):
    with pytest.raises(GraphError) as error:
        resolve(graph_named("deploy"), NO_DRIVERS | {"config": fr3_cell} | given)
    assert sentence in str(error.value)


def test_every_node_hears_which_robot_it_is(tmp_path, monkeypatch):
    (tmp_path / "mine.yaml").write_text("like: fr3\nname: mine\n")
    monkeypatch.chdir(tmp_path)
    given = {"sim": "true", "robot": "mine.yaml", "view": "true", "record": "true", "takeover": "true"}
    nodes = [*resolve(graph_named("deploy"), given).nodes]
    nodes += resolve(graph_named("record"), {"sim": "true", "source": "scripted", "robot": "mine.yaml"}).nodes
    ours = [node for node in nodes if node.package.startswith("f2o_")]
    assert len(ours) > 9
    assert {node.name: node.parameters["robot"] for node in ours} == {
        node.name: str(tmp_path / "mine.yaml") for node in ours
    }


def test_the_mock_arm_may_be_any_robot():
    simulated = {"adapter": "udp", "use_fake_hardware": "true", "robot": "panda"}
    assert names("rt", **simulated) == ["f2o_rt_receiver"]


def test_an_unknown_graph_is_one_sentence():
    with pytest.raises(GraphError, match="graph: expected deploy or record or replay or rt, got 'play'"):
        graph_named("play")


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_a_graph_uses_only_its_own_arguments(graph):
    declared = {argument.name for argument in graph.arguments}
    for spec in graph.nodes:
        used = {v.argument for v in spec.parameters.values() if isinstance(v, From)}
        assert used | set(spec.when) <= declared
    for argument in graph.arguments:
        assert argument.meaning and (not argument.choices or argument.default in ("", *argument.choices))
        assert argument.default in argument.legal or argument.legal == (), "launch refuses its own default"


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_nodes_with_images_get_a_transport_that_carries_them(graph):
    for spec in graph.nodes:
        if spec.package.startswith("f2o_") and spec.executable != "f2o_rt_receiver":
            assert spec.env["FASTDDS_BUILTIN_TRANSPORTS"] == "LARGE_DATA"
            assert spec.env["OMP_NUM_THREADS"] == "1"


def profile_of(**given):
    """The variables that name the simulator's Fast DDS profile."""
    env = node("deploy", "sim_node", sim="true", **given).env
    return {variable: env[variable] for variable in PROFILES if variable in env}


@pytest.fixture
def no_profile(tmp_path, monkeypatch):
    """No profile in the environment; returns the installed one."""
    for variable in PROFILES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    monkeypatch.setattr("f2o_nodekit.paths.SOURCE_CONFIG", tmp_path)
    share = tmp_path / "share"
    installed = share / "f2o_bringup" / "config" / "dds.xml"
    for file in (installed, share / "ament_index" / "resource_index" / "packages" / "f2o_bringup"):
        file.parent.mkdir(parents=True)
        file.touch()
    return installed


@pytest.mark.parametrize(("distro", "variable"), [("kilted", KILTED), ("jazzy", JAZZY)])
def test_the_dds_profile_comes_from_the_configuration(no_profile, tmp_path, monkeypatch, distro, variable):
    monkeypatch.setenv("ROS_DISTRO", distro)
    own = tmp_path / "own"  # a folder that says nothing of DDS does not take the installed profile away
    own.mkdir()
    assert profile_of(config=str(own)) == {variable: str(no_profile)}
    (own / "dds.xml").touch()
    assert profile_of(config=str(own)) == {variable: f"{own}/dds.xml"}
    no_profile.unlink()
    assert profile_of() == {}


@pytest.mark.parametrize("variable", PROFILES)
def test_a_dds_profile_that_the_user_names_in_either_variable_is_kept(no_profile, monkeypatch, variable):
    monkeypatch.setenv(variable, "mine.xml")
    monkeypatch.setenv("ROS_DISTRO", "kilted")  # reads either
    assert profile_of() == {}
    monkeypatch.setenv("ROS_DISTRO", "jazzy")
    assert profile_of() == {JAZZY: "mine.xml"}
    (other,) = set(PROFILES) - {variable}
    monkeypatch.setenv(other, str(no_profile))  # as env.sh does
    assert profile_of() == {JAZZY: "mine.xml"}


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_launch_file_asks_for_its_graph(graph):
    text = (WORKSPACE / "launch" / f"{graph}.launch.py").read_text()
    assert f'return launch_description("{graph}")' in text
    assert len(text.splitlines()) < 15


def test_without_launch_one_sentence_says_what_to_do(monkeypatch):
    from f2o_bringup.launch_description import launch_description

    monkeypatch.setitem(sys.modules, "launch", None)
    with pytest.raises(GraphError, match=r"launch.*: not installed; it comes with ROS 2 .*f2o-launch deploy"):
        launch_description("deploy")


def entities(graph, **given):
    """The declared arguments and the actions of the launch description of ``graph``."""
    pytest.importorskip("launch.actions", reason="launch is not installed (it is not on PyPI)")
    pytest.importorskip("launch_ros.actions", reason="launch_ros is not installed (it is not on PyPI)")
    from f2o_bringup.launch_description import launch_description

    from launch import LaunchContext

    context = LaunchContext()
    *declared, opaque = launch_description(graph).entities
    for argument in declared:
        context.launch_configurations[argument.name] = given.get(
            argument.name, "".join(s.perform(context) for s in argument.default_value)
        )
    return declared, opaque.execute(context)


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_launch_description_starts_what_the_graph_says(graph):
    declared, actions = entities(graph, sim="true")
    assert [a.name for a in declared] == [a.name for a in graph_named(graph).arguments]
    resolved = resolve(graph_named(graph), {"sim": "true"})
    assert len(actions) == len(resolved.nodes) + len(resolved.env)


def test_the_configuration_of_clocks_and_routers_parses():
    import xml.dom.minidom

    import yaml

    interfaces = xml.dom.minidom.parse(str(WORKSPACE / "config" / "cyclonedds.xml"))
    assert interfaces.getElementsByTagName("NetworkInterface")[0].getAttribute("name")
    lines = (WORKSPACE / "config" / "zenoh_router.json5").read_text().splitlines()
    router = yaml.safe_load("\n".join(line.split(" // ")[0] for line in lines if not line.startswith("//")))
    assert router["mode"] == "router" and router["connect"]["endpoints"]
    for name in ("chrony_policy_pc.conf", "chrony_rt_pc.conf"):
        text = (WORKSPACE / "config" / name).read_text()
        directives = {line.split()[0] for line in text.splitlines() if line and line[0] != "#"}
        assert "makestep" in directives and ({"allow", "local"} <= directives or "server" in directives)


@pytest.mark.parametrize("graph", ["deploy", "record", "replay"])
def test_a_real_robot_needs_a_switch_that_is_held_unless_told_otherwise(graph, fr3_cell):
    def switch(**given):
        bridge = node(graph, "bridge_node", **given)
        return bridge.parameters["enable.required"], "enable_node" in names(graph, **given)

    assert switch(sim="true") == (False, False)
    assert switch(sim="true", enable="switch") == (True, True)
    real = {"robot": "fr3", "config": fr3_cell, "cameras": "wrist=123"}
    assert switch(**real) == (True, True)
    assert switch(**real, enable="teleop") == (True, False)
    assert switch(**real, enable="false") == (False, False)
    assert switch(**real, use_fake_hardware="true") == (False, False)
    assert switch(**{**real, "adapter": "null"}) == (False, False)

import sys
from pathlib import Path

import pytest
from f2o_bringup.errors import GraphError
from f2o_bringup.graph import GRAPHS, graph_named
from f2o_bringup.middleware import JAZZY, KILTED, PROFILES
from f2o_bringup.specs import From, resolve

from f2o_nodekit import paths

WORKSPACE = Path(__file__).resolve().parents[3]


def names(graph, **given):
    return [node.name for node in resolve(graph_named(graph), given).nodes]


def node(graph, name, **given):
    return next(node for node in resolve(graph_named(graph), given).nodes if node.name == name)


def test_deploy_with_a_simulated_robot():
    assert names("deploy", sim="true") == ["sim_node", "perception_node", "policy_node", "bridge_node"]
    assert resolve(graph_named("deploy"), {"sim": "true"}).includes == ()


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
        "takeover.enabled": True, "topics.target": "/f2o/takeover_target", "source": "spacenav"
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
    policy = node("deploy", "policy_node", sim="true", checkpoint="/runs/student")
    assert policy.parameters == {"checkpoint": "/runs/student"}
    expert = node("record", "expert_node", sim="true", source="scripted", episodes="12", seed="3")
    assert (expert.parameters["episodes"], expert.parameters["seed"]) == (12, 3)
    assert node("deploy", "perception_node", sim="true").parameters == {}


def test_a_path_is_relative_to_the_shell_that_gives_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    given = {"sim": "true", "record": "true", "checkpoint": "../student.pt", "trace": "~/ticks.npz"}
    policy = node("deploy", "policy_node", **given)
    assert policy.parameters == {
        "checkpoint": str(tmp_path.parent / "student.pt"), "trace": "/home/me/ticks.npz"
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


@pytest.mark.parametrize("adapter", ["null", "crisp", "multipanda", "udp"])
def test_joint_trajectory_controller_starts_for_its_own_adapter_only(adapter, fr3_cell):
    """Beside another adapter it would claim the joints; with ``null`` it would hold an arm that a person guides."""
    resolved = resolve(
        graph_named("deploy"), {"cameras": "a=1", "adapter": adapter, "robot": "fr3", "config": fr3_cell}
    )
    assert "spawn_joint_trajectory_controller" not in [n.name for n in resolved.nodes]


def test_ros2_control_gets_our_controllers(tmp_path, monkeypatch):
    monkeypatch.setenv("AMENT_PREFIX_PATH", "")
    monkeypatch.setattr(paths, "SOURCE_CONFIG", tmp_path / "none")
    (franka,) = (
        i
        for i in resolve(graph_named("deploy"), {"cameras": "a=1", "robot": "fr3"}).includes
        if "franka" in i.package
    )
    assert "controllers_yaml" not in franka.arguments  # nothing installed: franka_bringup's own
    (tmp_path / "controllers.yaml").touch()
    given = {"cameras": "a=1", "config": str(tmp_path), "robot": "fr3"}
    (franka,) = (i for i in resolve(graph_named("deploy"), given).includes if "franka" in i.package)
    assert franka.arguments["controllers_yaml"] == f"{tmp_path}/controllers.yaml"


def test_fake_hardware_is_the_drivers_or_a_simulated_arm_behind_udp(fr3_cell):
    given = {"use_fake_hardware": "true", "cameras": "wrist=123", "robot": "fr3", "config": fr3_cell}
    franka, _ = resolve(graph_named("deploy"), given).includes
    assert franka.arguments["use_fake_hardware"] == "true"
    assert "f2o_rt_receiver" not in names("deploy", **given)
    given |= {"adapter": "udp", "drivers": "false"}
    assert names("deploy", **given) == ["f2o_rt_receiver", "perception_node", "policy_node", "bridge_node"]
    assert node("deploy", "f2o_rt_receiver", **given).parameters == {
        "robot": "fr3", "arm": "mock", "config": f"{fr3_cell}/receiver.yaml"
    }  # fmt: skip
    assert node("deploy", "bridge_node", **given).parameters["adapter"] == "udp"
    assert names("deploy", **given | {"use_fake_hardware": "false"})[0] == "perception_node"


def test_drivers_false_includes_no_launch_file():
    resolved = resolve(graph_named("deploy"), {"drivers": "false"})
    assert resolved.includes == ()
    assert [n.name for n in resolved.nodes] == ["perception_node", "policy_node", "bridge_node"]


@pytest.mark.parametrize(
    ("graph", "given", "text"),
    [
        ("deploy", {"simm": "true"}, "deploy: no argument simm, expected one of sim, task, seed, "),
        ("deploy", {"sim": "yes"}, "sim: expected true or false, got 'yes'"),
        ("record", {"source": "joystick"}, "source: expected spacemouse or scripted, got 'joystick'"),
        ("record", {"episodes": "many"}, "episodes: expected an integer, got 'many'"),
        ("deploy", {}, "cameras: expected name=serial,name=serial, got ''"),
        ("deploy", {"cameras": "wrist"}, "cameras: expected name=serial,name=serial, got 'wrist'"),
    ],
)
def test_a_wrong_argument_is_one_sentence(graph, given, text):
    with pytest.raises(GraphError) as error:
        resolve(graph_named(graph), given)
    assert str(error.value).startswith(text)


def test_a_configuration_for_another_robot_is_refused_before_anything_starts(fr3_cell):
    with pytest.raises(GraphError) as error:
        resolve(graph_named("deploy"), {"sim": "true", "robot": "fr3", "config": str(WORKSPACE / "config")})
    text = str(error.value)
    assert text.startswith("deploy: robot: the simulator has panda, got 'fr3'; ")
    assert (
        "perception.yaml: joint_names: expected fr3_joint1 ... as in robot_fr3.yaml, got panda_joint1" in text
    )
    with pytest.raises(GraphError, match="deploy: robot: expected fr3 or panda, got 'ur5'"):
        resolve(graph_named("deploy"), {"drivers": "false", "robot": "ur5", "config": fr3_cell})
    with pytest.raises(
        GraphError, match="robot: franka_bringup drives fr3 or fr3v2, got 'panda'; for another"
    ):
        resolve(graph_named("record"), {"cameras": "a=1", "config": fr3_cell})
    assert "perception_node" in names("deploy", robot="fr3", drivers="false", config=fr3_cell)


def test_an_unknown_graph_is_one_sentence():
    with pytest.raises(GraphError, match="graph: expected deploy or record or replay, got 'play'"):
        graph_named("play")


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_a_graph_uses_only_its_own_arguments(graph):
    declared = {argument.name for argument in graph.arguments}
    for spec in graph.nodes:
        used = {v.argument for v in spec.parameters.values() if isinstance(v, From)}
        assert used | set(spec.when) <= declared
    for argument in graph.arguments:
        assert argument.meaning and (not argument.choices or argument.default in argument.choices)


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
    assert len(actions) == len(resolve(graph_named(graph), {"sim": "true"}).nodes)


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

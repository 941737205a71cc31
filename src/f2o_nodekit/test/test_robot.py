"""One word for the robot: its file, canonical names, and what is said of a wrong one."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from f2o_nodekit.config import STRICT, ConfigError, load_config
from f2o_nodekit.robot import RobotWord, canonical, known_robots, read_robot, recorded_names, robot_file
from f2o_nodekit.urdf import RobotModelError, canonical_urdf, wheel_urdf
from hypothesis import given
from hypothesis import strategies as st
from pydantic.dataclasses import dataclass

CONFIG = Path(__file__).resolve().parents[3] / "config"
NAMES = ["fr3", "fr3v2", "panda"]


@dataclass(frozen=True, config=STRICT)
class NodeConfig:
    """As a node's configuration names its robot."""

    robot: RobotWord = "panda"


@pytest.mark.parametrize("name", NAMES)
def test_each_robot_is_one_word(name):
    robot = read_robot(name)
    assert robot.name == name
    assert robot.joint_names == tuple(f"{name}_joint{i}" for i in range(1, 8))
    assert robot.canonical_names == ("joint1", "joint2", "joint3", "joint4", "joint5", "joint6", "joint7")
    assert [robot.canonical_frame(f"{name}_{frame}") for frame in ("link0", "link5", "hand", "hand_tcp")] == [
        "link0", "link5", "hand", "hand_tcp"
    ]  # fmt: skip
    assert robot.canonical_frame("hand") == "hand"
    assert robot.canonical_joint(f"{name}_joint3") == robot.canonical_joint("joint3") == "joint3"


def test_no_other_file_repeats_the_names():
    """config/ names a driver's joint or frame in the robots' files alone."""
    if not CONFIG.is_dir():
        pytest.skip("the tests run outside the workspace: no config/ folder")
    assert known_robots(CONFIG) == NAMES
    for path in CONFIG.glob("*.yaml"):
        text = "\n".join(line.split("#")[0] for line in path.read_text().splitlines())
        assert not [f"{path.name}: {prefix}" for prefix in NAMES if f"{prefix}_" in text]


@given(st.text(max_size=3), st.permutations([f"joint{i}" for i in range(1, 8)]))
def test_canonical_names_stay(prefix, joints):
    assert canonical(joints) == tuple(joints)
    assert canonical([*joints, "gripper_width"]) == (*joints, "gripper_width")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["panda_joint2", "panda_joint1", "gripper_width"], ("joint2", "joint1", "gripper_width")),
        (["left_fr3_joint1"], ("joint1",)),
        (["fr3_finger_joint1", "fr3_finger_joint2"], ("finger_joint1", "finger_joint2")),
        (["finger_joint1", "finger_joint2"], ("finger_joint1", "finger_joint2")),
        (["a_joint1", "b_joint1"], ("a_joint1", "b_joint1")),  # two arms: which is meant?
        (["shoulder_pan_joint", "elbow"], ("shoulder_pan_joint", "elbow")),
        ([], ()),
    ],
)
def test_a_drivers_prefix_is_taken_off(names, expected):
    assert canonical(names) == expected


def test_a_recording_of_one_arm_is_read_as_anothers():
    fr3, panda = read_robot("fr3"), read_robot("panda")
    everything = (*panda.finger_joint_names, *panda.joint_names[::-1])
    assert recorded_names(everything, fr3.joint_names) == panda.joint_names
    assert recorded_names(everything, fr3.finger_joint_names) == panda.finger_joint_names
    assert recorded_names(everything, panda.joint_names) == panda.joint_names
    assert (
        recorded_names(panda.joint_names[:6], fr3.joint_names) == fr3.joint_names
    )  # one is missing: said so later
    assert recorded_names(["elbow"], fr3.joint_names) == fr3.joint_names


def test_a_robot_of_ones_own(tmp_path):
    (tmp_path / "lab.yaml").write_text("like: fr3\nname: lab\nadapters: [crisp]\n")
    robot = read_robot("lab.yaml", tmp_path)
    assert (robot.name, robot.adapters, robot.joint_names) == (
        "lab",
        ("crisp",),
        read_robot("fr3").joint_names,
    )
    assert robot_file(str(tmp_path / "lab.yaml")) == tmp_path / "lab.yaml"


def test_a_folder_of_ones_own_comes_first_and_need_not_repeat_the_others(tmp_path):
    (tmp_path / "robots").mkdir()
    (tmp_path / "robots/fr3.yaml").write_text("like: panda\nname: mine\n")
    assert read_robot("fr3", tmp_path).name == "mine"
    assert read_robot("fr3v2", tmp_path).name == "fr3v2"
    assert known_robots(tmp_path) == NAMES


def test_a_nodes_robot_is_found_beside_its_file(tmp_path, monkeypatch):
    (tmp_path / "node.yaml").write_text("robot: mine\n")
    (tmp_path / "robots").mkdir()
    (tmp_path / "robots/mine.yaml").write_text("like: fr3\nname: mine\n")
    found = load_config(NodeConfig, tmp_path / "node.yaml").robot
    assert (found, read_robot(found).name) == (str(tmp_path / "robots/mine.yaml"), "mine")
    assert load_config(NodeConfig, tmp_path / "node.yaml", {"robot": "panda"}).robot == "panda"
    monkeypatch.chdir(tmp_path / "robots")  # a path that the shell gives is relative to the shell
    over = load_config(NodeConfig, tmp_path / "node.yaml", {"robot": "mine.yaml"}).robot
    assert over == str(tmp_path / "robots/mine.yaml")


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("ur5", "robot: expected fr3, fr3v2, panda or the path of a robot's YAML file, got 'ur5'"),
        (
            "none.yaml",
            "robot: expected fr3, fr3v2, panda or the path of a robot's YAML file, got 'none.yaml'",
        ),
        ("../panda", "robot: expected fr3, fr3v2, panda or the path"),
    ],
)
def test_an_unknown_robot_is_one_sentence(tmp_path, word, sentence):
    (tmp_path / "node.yaml").write_text(f"robot: {word}\n")
    with pytest.raises(ConfigError) as error:
        load_config(NodeConfig, tmp_path / "node.yaml")
    assert f"{tmp_path}/node.yaml: 1 error: {sentence}" in str(error.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("like: ur5\n", "like: expected fr3, fr3v2, panda or the path of a robot's YAML file, got 'ur5'"),
        ("like: fr3v2\n", "like: expected a robot that is itself like none, got 'fr3v2'"),
        ("like: fr3\nhome: [0.0]\n", "home: expected 7 numbers (one for each of joint_names), got 1"),
        (
            "like: fr3\nadapters: [ros]\n",
            "adapters[0]: expected one of jtc, crisp, multipanda, udp, null, got",
        ),
        ("like: fr3\nadapters: []\n", "adapters: expected at least one adapter, got []"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path, text, sentence):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError) as error:
        read_robot(str(tmp_path / "mine.yaml"))
    assert sentence in str(error.value)


def test_a_description_gets_canonical_names():
    urdf = wheel_urdf()
    joints = {joint.get("name"): joint for joint in urdf.findall("joint")}
    assert {f"joint{i}" for i in range(1, 8)} | {"finger_joint1", "finger_joint2"} <= set(joints)
    links = {link.get("name") for link in urdf.findall("link")}
    ends = {
        end.get("link")
        for joint in joints.values()
        for tag in ("parent", "child")
        for end in joint.findall(tag)
    }
    assert ends <= links
    assert {"link0", "link8", "hand", "hand_tcp"} <= links


def test_franka_description_comes_first_where_it_is_installed(tmp_path, monkeypatch):
    """A package and an ``xacro`` that stand for the real ones: what is asked of them is what is used."""
    share = tmp_path / "share/franka_description/robots/fr3/fr3.urdf.xacro"
    share.parent.mkdir(parents=True)
    text = "<robot name='fr3'>" + "".join(f"<link name='fr3_{n}'/>" for n in ("link0", "hand", "hand_tcp"))
    share.write_text(text + "".join(f"<joint name='fr3_joint{i}'/>" for i in range(1, 8)) + "</robot>")
    tool = tmp_path / "bin/xacro"
    tool.parent.mkdir()
    tool.write_text('#!/bin/sh\n[ "$2" = hand:=true ] || exit 3\ncat "$1"\n')
    tool.chmod(0o755)
    monkeypatch.setattr("f2o_nodekit.urdf.package_prefix", lambda package: tmp_path)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=":")
    links = [link.get("name") for link in canonical_urdf(read_robot("fr3")).findall("link")]
    assert links == ["link0", "hand", "hand_tcp"]
    assert len(canonical_urdf(read_robot("fr3v2")).findall("link")) > 9  # not in this package: the wheel's
    tool.write_text("#!/bin/sh\necho 'no such macro' >&2\nexit 2\n")
    with pytest.raises(RobotModelError, match=r"fr3\.urdf\.xacro: xacro cannot expand it \(no such macro\)"):
        canonical_urdf(read_robot("fr3"))
    shutil.rmtree(share.parent)
    assert len(canonical_urdf(replace(read_robot("fr3"), urdf="")).findall("link")) > 9

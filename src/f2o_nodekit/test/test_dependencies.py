"""Every package.xml names what its package imports, by keys that rosdep can resolve."""

import ast
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

HOUSE = Path(__file__).resolve().parents[3]
PACKAGES = sorted(path.parent.name for path in HOUSE.glob("src/*/setup.py"))
KEYS = {  # of an imported module, where the key is not the module's name
    "PIL": "python3-pil",
    "annotated_types": "python3-annotated-types-pip",
    "fast_simplification": "python3-fast-simplification-pip",
    "grimp": "python3-grimp-pip",
    "hid": "python3-hidapi-pip",
    "hypothesis": "python3-hypothesis",
    "jaxtyping": "python3-jaxtyping-pip",
    "matplotlib": "python3-matplotlib",
    "mcap": "python3-mcap-pip",
    "mujoco": "python3-mujoco-pip",
    "numpy": "python3-numpy",
    "openvino": "python3-openvino-pip",
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
OPTIONAL = {"open3d"}  # asked for by one parameter, which names it where it is missing; nothing installs it
MADE = {"openers"}  # written by the test that imports it
ROSDISTRO = """
    ament_cmake ament_index_python rosidl_default_generators rosidl_default_runtime rclpy launch launch_ros
    builtin_interfaces diagnostic_msgs geometry_msgs rcl_interfaces rosgraph_msgs sensor_msgs std_msgs std_srvs
    trajectory_msgs cv_bridge message_filters coal pinocchio
    python3-hypothesis python3-matplotlib python3-numpy python3-pil python3-pytest python3-rich python3-scipy
    python3-tqdm python3-yaml python3-mujoco-pip python3-rosbags-pip python3-trimesh-pip
"""  # read in rosdistro: jazzy/ and kilted/distribution.yaml, rosdep/python.yaml


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
    own = {package, *OPTIONAL, *MADE, *(path.stem for path in HOUSE.glob(f"src/{package}/test/**/*.py"))}
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
        assert requirement in pinned | {"annotated-types"}, key  # pydantic brings annotated-types

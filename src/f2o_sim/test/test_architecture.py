"""ROS stays in the shells; modules stay short."""

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "f2o_sim"
MODULES = sorted(PACKAGE.glob("*.py"))
CORE = [path for path in MODULES if path.name != "convert.py" and not path.name.endswith("_node.py")]
ALLOWED = {
    "f2o_sim", "f2o_nodekit", "f2o_perception", "f2o_control", "f2o_teleop",
    "numpy", "jaxtyping", "mujoco", "imageio", "trimesh", "fast_simplification",
}  # fmt: skip


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.name)
def test_the_core_imports_neither_ros_nor_torch(path):
    names = set(imported(path))
    assert {name.split(".")[0] for name in names} - ALLOWED - sys.stdlib_module_names == set()
    assert not {"f2o_nodekit.ros", "f2o_sim.convert"} & names


def test_shells_are_thin_and_modules_short():
    assert all(
        len(path.read_text().splitlines()) <= 120 for path in MODULES if path.name.endswith("_node.py")
    )
    assert all(len(path.read_text().splitlines()) <= 250 for path in MODULES)

"""ROS and torch stay out of the core."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "f2o_control"
CORE = [p for p in PACKAGE.rglob("*.py") if not p.name.endswith(("_node.py", "convert.py"))]
ALLOWED = {
    "f2o_control",
    "f2o_nodekit",
    "jaxtyping",
    "numpy",
    "pydantic",
    "ruckig",
    "pinocchio",
    "coal",
    "launch",
    "launch_ros",
    "yaml",
    "pylibfranka",
    "scipy",
    "tqdm",
    "matplotlib",
}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


@pytest.mark.parametrize("path", CORE, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_the_core_imports_neither_ros_nor_torch(path):
    import sys

    foreign = {name.split(".")[0] for name in imported(path)} - ALLOWED - sys.stdlib_module_names
    assert foreign == set()
    assert "f2o_nodekit.ros" not in set(imported(path))


def test_shells_are_thin_and_modules_short():
    assert len((PACKAGE / "bridge_node.py").read_text().splitlines()) <= 130
    assert all(len(path.read_text().splitlines()) <= 250 for path in PACKAGE.rglob("*.py"))

"""ROS appears in node files and in convert.py only; the core runs where there is none."""

import ast
import subprocess
import sys
from pathlib import Path

import f2o_teleop

SOURCE = Path(f2o_teleop.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
ROS = {
    "rclpy",
    "std_msgs",
    "std_srvs",
    "sensor_msgs",
    "geometry_msgs",
    "trajectory_msgs",
    "rosgraph_msgs",
    "f2o_msgs",
}
NOT_HERE = {"torch", "mujoco", "f2o_policy", "f2o_sim"}


def is_node(path):
    return path.name.endswith("_node.py")


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


def test_only_nodes_import_ros_and_nothing_imports_what_is_above():
    assert len(FILES) > 30
    for path in FILES:
        found = set(imports(path))
        assert not found & NOT_HERE, path
        assert is_node(path) or not found & ROS, path


def test_the_core_runs_where_there_is_no_ros():
    core = [p for p in FILES if not is_node(p) and p.name not in ("__init__.py", "__main__.py")]
    names = [".".join(p.relative_to(SOURCE.parent).with_suffix("").parts) for p in core]
    block = f"import sys; sys.modules.update(dict.fromkeys({sorted(ROS)}))"
    load = "; ".join(f"import {name}" for name in names)
    done = subprocess.run([sys.executable, "-c", f"{block}; {load}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_nodes_are_thin_shells():
    for path in FILES:
        assert not is_node(path) or len(path.read_text().splitlines()) <= 120, path

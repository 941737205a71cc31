"""ROS appears in the node and in convert.py only; the core runs where there is none."""

import ast
import subprocess
import sys
from pathlib import Path

import f2o_perception

SOURCE = Path(f2o_perception.__file__).parent
SHELLS = {"perception_node.py", "convert.py"}
ROS = {"rclpy", "message_filters", "cv_bridge", "builtin_interfaces", "std_msgs", "sensor_msgs", "f2o_msgs"}
NOT_HERE = {"torch", "mujoco", "f2o_control", "f2o_policy", "f2o_teleop", "f2o_sim"}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0]


def test_only_the_shells_import_ros_and_nothing_imports_what_is_above():
    for path in SOURCE.glob("*.py"):
        found = set(imports(path))
        assert not found & NOT_HERE, path
        if path.name not in SHELLS:
            assert not found & ROS, path


def test_the_core_and_convert_run_where_there_is_no_ros():
    names = sorted(p.stem for p in SOURCE.glob("*.py") if p.stem not in ("__init__", "perception_node"))
    block = f"import sys; sys.modules.update(dict.fromkeys({sorted(ROS)}))"
    load = "; ".join(f"import f2o_perception.{name}" for name in names)
    done = subprocess.run([sys.executable, "-c", f"{block}; {load}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_node_is_a_thin_shell():
    assert len((SOURCE / "perception_node.py").read_text().splitlines()) <= 120

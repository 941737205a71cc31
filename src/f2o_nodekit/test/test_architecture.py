"""The rules of docs/architecture.md, over every package and benchmarks; late imports and TYPE_CHECKING count, too."""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

HOUSE = Path(__file__).resolve().parents[3]
PIPELINE = {"f2o_nodekit", "f2o_perception", "f2o_bags"}
PRODUCT = PIPELINE | {"f2o_control", "f2o_rt", "f2o_policy", "f2o_teleop", "f2o_bringup"}
MAY_IMPORT = {
    "f2o_nodekit": set(),
    "f2o_perception": {"f2o_nodekit"},
    "f2o_bags": {"f2o_nodekit"},
    "f2o_control": {"f2o_nodekit"},
    "f2o_bringup": {"f2o_nodekit"},
    "f2o_rt": {"f2o_nodekit", "f2o_control"},
    "f2o_policy": PIPELINE,
    "f2o_teleop": PIPELINE,
    "f2o_sim": PRODUCT,
    "benchmarks": PRODUCT | {"f2o_sim"},
}
FOREIGN = {  # the only packages that may import them
    "torch": {"f2o_policy", "benchmarks"},
    "openvino": {"f2o_policy", "benchmarks"},
    "mujoco": {"f2o_sim", "benchmarks"},
    "pylibfranka": {"f2o_rt"},
}
# ament_index_python is not among them: a look-up of files, plain Python and on PyPI
ROS = {"rclpy", "cv_bridge", "message_filters", "launch", "launch_ros", "tf2_ros", "rosidl_runtime_py"}
SHELLS = {"f2o_nodekit.ros": None, "f2o_bringup.launch_description": {"launch", "launch_ros"}}


def is_ros(package: str) -> bool:
    return package in ROS or package.endswith(("_msgs", "_interfaces", "_srvs"))


def is_shell(module: str) -> bool:
    """ROS is at home in node files and where messages are converted."""
    return module.endswith(("_node", "convert")) or module in SHELLS


def top(module: str) -> str:
    return module.split(".")[0]


def packages(house: Path) -> dict[str, Path]:
    """Folder to be imported from, by package."""
    found = {path.parent.name: path.parent for path in sorted(house.glob("src/*/setup.py"))}
    return found | ({"benchmarks": house} if (house / "benchmarks").is_dir() else {})


def read_house(house: Path, monkeypatch: pytest.MonkeyPatch) -> grimp.ImportGraph:
    found = packages(house)
    for folder in found.values():
        monkeypatch.syspath_prepend(folder)
    return grimp.build_graph(*found, include_external_packages=True, cache_dir=None)


def arrows(graph: grimp.ImportGraph) -> Iterator[tuple[str, str]]:
    """Every import: who, what."""
    for module in sorted(graph.modules):
        yield from ((module, other) for other in sorted(graph.find_modules_directly_imported_by(module)))


def arrows_up(graph: grimp.ImportGraph, may_import: dict[str, set[str]]) -> list[str]:
    return [
        f"{module} imports {other}"
        for module, other in arrows(graph)
        if top(other) in may_import and top(other) not in {top(module)} | may_import[top(module)]
    ]


def circles(graph: grimp.ImportGraph) -> list[str]:
    """A circle a folder, where the files and folders in it import each other in a ring."""
    rooms: dict[str, dict[str, set[str]]] = {}
    for module, other in arrows(graph):
        a, b = module.split("."), other.split(".")
        same = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
        if same:
            room = rooms.setdefault(".".join(a[:same]), {})
            room.setdefault(".".join(a[: same + 1]), set()).add(".".join(b[: same + 1]))
    found = []
    for room in rooms.values():
        try:
            TopologicalSorter(room).prepare()
        except CycleError as error:
            found.append(" <- ".join(error.args[1]))
    return found


def ros_in_cores(graph: grimp.ImportGraph) -> list[str]:
    return [
        f"{module} imports {other}"
        for module, other in arrows(graph)
        if is_ros(top(other))
        and not (is_shell(module) and top(other) in (SHELLS.get(module) or {top(other)}))
    ]


def undeclared(graph: grimp.ImportGraph, house: Path) -> list[str]:
    """Packages of ours and of ROS that are imported, yet missing in package.xml."""
    missing = set()
    for module, other in arrows(graph):
        mine, needed = top(module), top(other)
        file = house / "src" / mine / "package.xml"
        if (
            mine == needed
            or not file.is_file()
            or not (is_ros(needed) or needed.startswith(("f2o_", "ament_")))
        ):
            continue
        declared = {e.text for e in ElementTree.parse(file).iter() if e.tag in ("depend", "exec_depend")}
        if needed not in declared:
            missing.add(f"{mine}: {needed}")
    return sorted(missing)


def none_of(found: list[str]) -> None:
    assert not found, "\n".join(["", *found])


@pytest.fixture
def graph(monkeypatch):
    return read_house(HOUSE, monkeypatch)


def test_every_package_has_its_place_in_the_picture():
    assert set(packages(HOUSE)) == set(MAY_IMPORT)


def test_imports_point_down_the_picture(graph):
    none_of(arrows_up(graph, MAY_IMPORT))


def test_no_files_and_no_folders_import_each_other_in_a_circle(graph):
    none_of(circles(graph))


def test_cores_import_no_ros(graph):
    none_of(ros_in_cores(graph))


def test_heavy_libraries_stay_in_their_packages(graph):
    foreign = [(module, other) for module, other in arrows(graph) if top(other) in FOREIGN]
    none_of([f"{module} imports {other}" for module, other in foreign if top(module) not in FOREIGN[other]])


def test_what_is_imported_is_declared_in_package_xml(graph):
    none_of(undeclared(graph, HOUSE))


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_cores_load_where_there_is_no_ros(package, graph):
    core = [m for m in graph.find_descendants(package) | {package} if not is_shell(m) and "__main__" not in m]
    away = {top(m) for m in graph.modules if is_ros(top(m))}
    away |= {name for name, users in FOREIGN.items() if not users & {package, *MAY_IMPORT[package]}}
    block = f"import sys; sys.modules.update(dict.fromkeys({sorted(away)}))"
    path = f"sys.path[:0] = {[str(p) for p in packages(HOUSE).values()]}"
    load = "; ".join(f"import {name}" for name in sorted(core))
    done = subprocess.run([sys.executable, "-c", f"{block}; {path}; {load}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


BAD_HOUSE = {  # what breaks a rule, each in its own way
    "f2o_toy_low/setup.py": "",
    "f2o_toy_low/package.xml": "<package><depend>sensor_msgs</depend></package>",
    "f2o_toy_low/f2o_toy_low/__init__.py": "",
    "f2o_toy_low/f2o_toy_low/up.py": "def late():\n    import f2o_toy_high.top\n",
    "f2o_toy_low/f2o_toy_low/core.py": "from sensor_msgs.msg import Image\n",
    "f2o_toy_low/f2o_toy_low/good_node.py": "import rclpy\nfrom sensor_msgs.msg import Image\n",
    "f2o_toy_low/f2o_toy_low/ring/__init__.py": "",
    "f2o_toy_low/f2o_toy_low/ring/one.py": "from f2o_toy_low.ring import two\n",
    "f2o_toy_low/f2o_toy_low/ring/two.py": "from typing import TYPE_CHECKING\n"
    "if TYPE_CHECKING:\n    from f2o_toy_low.ring.one import x\n",
    "f2o_toy_high/setup.py": "",
    "f2o_toy_high/f2o_toy_high/__init__.py": "",
    "f2o_toy_high/f2o_toy_high/top.py": "from f2o_toy_low import core\n",
    "f2o_toy_high/f2o_toy_high/a/__init__.py": "",
    "f2o_toy_high/f2o_toy_high/a/one.py": "from f2o_toy_high.b import two\n",
    "f2o_toy_high/f2o_toy_high/a/two.py": "",
    "f2o_toy_high/f2o_toy_high/b/__init__.py": "",
    "f2o_toy_high/f2o_toy_high/b/one.py": "def late():\n    from f2o_toy_high.a.two import x\n",
    "f2o_toy_high/f2o_toy_high/b/two.py": "",
}


def test_a_house_that_breaks_the_rules_is_told_so(tmp_path, monkeypatch):
    for name, text in BAD_HOUSE.items():
        file = tmp_path / "src" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    bad = read_house(tmp_path, monkeypatch)
    assert arrows_up(bad, {"f2o_toy_low": set(), "f2o_toy_high": {"f2o_toy_low"}}) == [
        "f2o_toy_low.up imports f2o_toy_high.top"
    ]
    folders, files = circles(bad)
    assert set(folders.split(" <- ")) == {"f2o_toy_high.a", "f2o_toy_high.b"}
    assert set(files.split(" <- ")) == {"f2o_toy_low.ring.one", "f2o_toy_low.ring.two"}
    assert ros_in_cores(bad) == ["f2o_toy_low.core imports sensor_msgs"]
    assert undeclared(bad, tmp_path) == ["f2o_toy_low: f2o_toy_high", "f2o_toy_low: rclpy"]

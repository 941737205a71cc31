"""A graph of dummy processes: start, prefix, respawn, death, Ctrl-C."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from f2o_bringup.errors import EndedError, ExecutableError, GraphError
from f2o_bringup.node_process import find_executable
from f2o_bringup.processes import Running, describe_end, parse
from f2o_bringup.specs import NodeSpec

from f2o_bringup import processes

WAITS = "import signal, sys, time\nprint('up', flush=True)\n"
NODES = {
    "obedient": WAITS
    + "signal.signal(signal.SIGINT, lambda *_: sys.exit(0))\nprint('ready', flush=True)\ntime.sleep(60)",
    "ignoring": WAITS
    + "signal.signal(signal.SIGINT, signal.SIG_IGN)\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('ready', flush=True)\ntime.sleep(60)",
    "importing": "print('ready', flush=True)\nimport time\ntime.sleep(60)",
    "dying": "import sys\nprint('ready')\nprint('camera wrist: expected a device, got none')\nsys.exit(3)",
    "done": "print('ready')",
    "speaking": "from f2o_nodekit.entry import end_with_launcher\nend_with_launcher()\n"
    "import os, time\nprint('ready', os.getpid(), flush=True)\ntime.sleep(60)",
    "echo": "import sys\nprint('ready', *sys.argv[1:])\nimport os\nprint(os.environ['F2O_MARK'])",
}


@pytest.fixture
def prefix(tmp_path, monkeypatch):
    folder = tmp_path / "lib" / "dummy"
    folder.mkdir(parents=True)
    for name, body in NODES.items():
        (folder / name).write_text(f"#!{sys.executable}\n{body}\n")
        (folder / name).chmod(0o755)
    marker = tmp_path / "share" / "ament_index" / "resource_index" / "packages" / "dummy"
    marker.parent.mkdir(parents=True)
    marker.touch()
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    return tmp_path


class Output:
    """Collects lines; ``wait_for`` waits until one comes."""

    def __init__(self):
        self.lines, self._new = [], threading.Condition()

    def __call__(self, line):
        with self._new:
            self.lines.append(line)
            self._new.notify_all()

    def wait_for(self, *wanted):
        with self._new:
            assert self._new.wait_for(lambda: set(wanted) <= set(self.lines), timeout=10), self.lines


@pytest.fixture
def output():
    return Output()


def spec(name, **fields):
    return NodeSpec("dummy", name, name, **fields)


def start(output, *specs):
    running = Running(specs, output)
    output.wait_for(*(f"[{s.name}] ready" for s in specs if s.executable != "echo"))
    return running


def test_output_carries_the_name_and_parameters_their_types(prefix, output):
    parameters = {"operator": "007", "episodes": 3, "sim": True}
    echo = spec("echo", parameters=parameters, env={"F2O_MARK": "marked"}, args=("first",))
    with Running((echo,), output) as running:
        assert running.wait(10.0) == 0
    assert output.lines == [
        '[echo] ready first --ros-args -r __node:=echo -p operator:="007" -p episodes:=3 -p sim:=true',
        "[echo] marked",
    ]


def test_a_node_of_another_arm_is_told_its_namespace(prefix, output):
    with Running((spec("echo", namespace="cell/left", env={"F2O_MARK": "m"}),), output) as running:
        assert running.wait(10.0) == 0
    assert output.lines[0] == "[echo] ready --ros-args -r __node:=echo -r __ns:=/cell/left"


def test_everything_ends_within_three_seconds_even_what_ignores_signals(prefix, output):
    assert sum(patience_s for _, patience_s in processes.STEPS) < 3.0
    running = start(output, spec("obedient"), spec("ignoring"), spec("importing"))
    running.stop()
    assert {n: p.status for n, p in running.processes.items()} == {
        "obedient": 0,
        "ignoring": -signal.SIGKILL,
        "importing": -signal.SIGTERM,
    }
    assert not any("Traceback" in line for line in output.lines)


def test_a_graph_that_obeys_sigint_gets_no_other_signal(prefix, output, monkeypatch):
    monkeypatch.setattr(processes, "STEPS", ((signal.SIGINT, 60.0),))
    running = start(output, spec("obedient"))
    running.stop()
    assert running.processes["obedient"].status == 0


def test_a_required_process_that_dies_ends_everything(prefix, output):
    running = start(output, spec("obedient"), spec("dying"))
    assert running.wait(10.0) == 3
    assert running.processes["obedient"].status == 0
    text = "dying ended with status 3: camera wrist: expected a device, got none"
    assert describe_end(running.processes["dying"]) == text
    with pytest.raises(EndedError, match=text):
        running.check()


def test_one_that_is_not_required_may_die_and_one_that_respawns_comes_back(prefix, output):
    running = start(
        output,
        spec("obedient"),
        spec("dying", required=False),
        spec("done", required=False, respawn_s=0.1),
    )
    with running:
        running.check()
        while output.lines.count("[done] ready") < 3 or "[dying] ready" not in output.lines:
            assert running.wait(0.1) is None
            running.check()
    assert output.lines.count("[dying] ready") == 1


def test_a_missing_executable_starts_nothing(prefix, output):
    with pytest.raises(ExecutableError, match="dummy/missing: not installed; run colcon build"):
        Running((spec("obedient"), spec("missing")), output)
    assert output.lines == []


def test_executables_are_found_where_ros2_run_finds_them(prefix):
    assert find_executable("dummy", "obedient") == str(prefix / "lib" / "dummy" / "obedient")


def test_start_refuses_what_needs_launch(prefix, output):
    with pytest.raises(
        GraphError, match="sim:=false starts franka_bringup and realsense2_camera through ros2 launch"
    ):
        processes.start("replay", {"cameras": "wrist=1", "robot": "fr3"}, output)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "expected a graph"),
        (["deploy", "--sim"], "--sim: expected name:=value"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(words, text):
    with pytest.raises(GraphError, match=text):
        parse(words)


def test_a_command_line_is_a_graph_and_its_arguments():
    assert parse(["deploy", "sim:=true", "checkpoint:=a:=b"]) == (
        "deploy",
        {"sim": "true", "checkpoint": "a:=b"},
    )


PROGRAM = textwrap.dedent("""
    import sys
    from f2o_bringup import graph, processes
    from f2o_bringup.specs import Graph, NodeSpec
    names = sys.argv.pop(1).split(",")
    graph.GRAPHS["test"] = Graph("test", (), tuple(NodeSpec("dummy", n, n) for n in names))
    processes.main()
""")


SHELLS = {"a terminal's": (), "nohup's": ("/bin/sh", "-c", "trap '' INT; exec \"$@\"", "sh")}


def program(*words, text=PROGRAM, shell=()):
    return subprocess.Popen(
        [*shell, sys.executable, "-c", text, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_ready(process, count):
    ready = 0
    while ready < count:
        line = process.stdout.readline()
        assert line
        ready += "ready" in line


@pytest.mark.parametrize("shell", SHELLS.values(), ids=SHELLS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_command_and_its_nodes(prefix, number, shell):
    process = program("obedient,ignoring", "test", shell=shell)
    wait_ready(process, 2)
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert "Traceback" not in out


def wait_for_pid(process):
    """The process that the node `speaking` says it is."""
    for line in process.stdout:
        if "ready" in line:
            assert line.startswith("[speaking"), line  # also under launch, which names a node by its command
            return int(line.split()[-1])
    raise AssertionError(process.stderr.read())


def wait_until_gone(pid):
    deadline = time.monotonic() + 10.0
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _alive(pid)


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv (util-linux) is not installed")
def test_nodes_do_not_outlive_a_killed_command(prefix):
    process = program("speaking", "test")
    node = wait_for_pid(process)
    process.kill()
    process.communicate()
    wait_until_gone(node)


LAUNCH = textwrap.dedent("""
    import sys
    from launch import LaunchService
    from f2o_bringup import graph
    from f2o_bringup.launch_description import launch_description
    from f2o_bringup.specs import Graph, NodeSpec
    names = sys.argv.pop(1).split(",")
    graph.GRAPHS["test"] = Graph("test", (), tuple(NodeSpec("dummy", n, n) for n in names))
    service = LaunchService()
    service.include_launch_description(launch_description("test"))
    sys.exit(service.run())
""")


@pytest.fixture
def launched(prefix, monkeypatch):
    """What starts a graph by ROS 2's launch."""
    pytest.importorskip("launch.actions", reason="launch is not installed (it is not on PyPI)")
    pytest.importorskip("launch_ros.actions", reason="launch_ros is not installed (it is not on PyPI)")
    monkeypatch.setenv("ROS_LOG_DIR", str(prefix / "log"))
    return lambda *words, shell=(): program(*words, text=LAUNCH, shell=shell)


@pytest.mark.parametrize("shell", SHELLS.values(), ids=SHELLS)
def test_ctrl_c_ends_what_launch_started(launched, shell):
    process = launched("speaking", shell=shell)
    node = wait_for_pid(process)
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=20)
    assert not _alive(node)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nodes_do_not_outlive_a_killed_launch(launched, number):
    process = launched("speaking")
    node = wait_for_pid(process)
    os.kill(process.pid, number)
    wait_until_gone(node)
    process.communicate(timeout=20)


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_command_reports_who_died_and_how(prefix):
    process = program("obedient,dying", "test")
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (
        3,
        "dying ended with status 3: camera wrist: expected a device, got none\n",
    )


def test_the_command_explains_a_wrong_argument(prefix):
    process = program("obedient", "test", "sim:=true")
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (2, "f2o-launch: test: no argument sim, expected one of \n")

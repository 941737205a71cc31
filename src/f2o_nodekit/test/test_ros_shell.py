"""A real process with a real node: parameters, diagnostics, signals, exit status."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: no node can run")

NODE = textwrap.dedent("""
    import sys
    from typing import Annotated
    from pydantic import Field
    from pydantic.dataclasses import dataclass
    from f2o_nodekit.config import STRICT, ConfigPath
    from f2o_nodekit.errors import F2oError
    from f2o_nodekit.ros import ConfiguredNode, run

    @dataclass(frozen=True, config=STRICT)
    class Config:
        rate_hz: Annotated[float, Field(gt=0, le=1000)]
        names: tuple[str, ...] = ("a",)
        fail: bool = False
        more: tuple[str, ...] = ()
        port: int | None = None
        trace: ConfigPath = ""

    class Demo(ConfiguredNode):
        def __init__(self):
            super().__init__("demo_node", Config)
            if self.config.fail:
                raise F2oError("camera wrist: expected a device, got none")
            self.add_diagnostics("loop", lambda: (0, "fine", {"hz": 125.0}))
            self.create_timer(0.05, lambda: self.say_once())

        def say_once(self):
            self.publish_diagnostics()
            config = self.config
            print("ready", config.rate_hz, *config.names, *config.more, config.port or "", config.trace, flush=True)
            self.say_once = lambda: None

        def close(self):
            print("closed", flush=True)

    sys.exit(run(Demo))
""")


def start(tmp_path, *ros_args, files=(), text="rate_hz: 30.0\n"):
    """The node with these parameters; ``text``: of its configuration file, None: as it stands."""
    if text is not None:
        (tmp_path / "demo.yaml").write_text(text)
    args = [sys.executable, "-c", NODE, "--ros-args", "-p", f"config:={tmp_path / 'demo.yaml'}"]
    for arg in ros_args:
        args += ["-p", arg]
    for k, text in enumerate(files):
        (tmp_path / f"{k}.yaml").write_text(text)
        args += ["--params-file", str(tmp_path / f"{k}.yaml")]
    return subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_the_node_and_exits_with_0(tmp_path, number):
    process = start(tmp_path, "rate_hz:=15.0", "names:=[p, q]")
    assert process.stdout.readline().split() == ["ready", "15.0", "p", "q"]
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "closed\n", "")


def test_a_whole_number_will_do_for_a_rate(tmp_path):
    process = start(tmp_path, "rate_hz:=15")
    assert process.stdout.readline().split() == ["ready", "15.0", "a"]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("rate_hz:=0.0", "demo.yaml: 1 error: rate_hz: expected a number above 0 and at most 1000, got 0.0"),
        (
            "rate_hz:=fast",
            "demo.yaml: 1 error: rate_hz: expected a number above 0 and at most 1000, got 'fast'",
        ),
        ("names:=3", "demo.yaml: 1 error: names: expected a list (a text each), got 3"),
        (
            "rate_hx:=15.0",
            "demo.yaml: 1 error: rate_hx: no such parameter, expected a key of this file, e.g. rate_hz",
        ),
        (
            "demo_node:name:=a",
            "demo.yaml: 1 error: name: no such parameter, expected a key of this file, e.g. names",
        ),
        ("port:=high", "demo.yaml: 1 error: port: expected an integer or nothing, got 'high'"),
        ("config:=7", "7: 1 error: cannot be read (No such file or directory)"),
        ("fail:=true", "camera wrist: expected a device, got none"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(tmp_path, override, sentence):
    process = start(tmp_path, override)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 2
    assert sentence in err and err.count("\n") == 1 and "Traceback" not in err


def said(process):
    line = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    return (line.split(), process.returncode, err)


def test_what_is_empty_by_default_can_be_given_too(tmp_path):
    assert said(start(tmp_path, "more:=[x, z]", "port:=8")) == (["ready", "30.0", "a", "x", "z", "8"], 0, "")


def test_a_path_is_relative_to_its_file_and_a_given_one_to_the_shell(tmp_path):
    (tmp_path / "demo.yaml").write_text("rate_hz: 30.0\ntrace: ../a.npz\n")
    expected = ["ready", "30.0", "a"]
    assert said(start(tmp_path, text=None)) == ([*expected, str(tmp_path.parent / "a.npz")], 0, "")
    given = said(start(tmp_path, "trace:=b.npz", text=None))
    assert given == ([*expected, str(Path.cwd() / "b.npz")], 0, "")


def test_a_required_key_may_come_as_a_parameter_alone(tmp_path):
    process = start(tmp_path, text="names: [z]\n")
    _, err = process.communicate(timeout=10)
    assert "demo.yaml: 1 error: rate_hz: missing, expected a number above 0 and at most 1000" in err
    assert said(start(tmp_path, "rate_hz:=20.0", text="names: [z]\n")) == (["ready", "20.0", "z"], 0, "")


def test_all_wrong_parameters_are_named_at_once(tmp_path):
    process = start(tmp_path, "rate_hz:=0.0", "names:=[1, 2]", "fail:=1")
    _, err = process.communicate(timeout=10)
    assert process.returncode == 2 and "demo.yaml: 4 errors: rate_hz: expected a number above 0" in err
    assert "names[1]: expected a text, got 2; fail: expected true or false, got 1" in err


def test_a_parameter_tells_its_legal_values(tmp_path):
    (tmp_path / "demo.yaml").write_text("rate_hz: 30.0\n")
    arguments = ["--ros-args", "-p", f"config:={tmp_path / 'demo.yaml'}"]
    code = NODE.split("class Demo")[0] + textwrap.dedent(f"""
        import rclpy
        rclpy.init(args={arguments!r})
        node = ConfiguredNode("demo_node", Config)
        print(node.describe_parameter("rate_hz").additional_constraints)
    """)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("a number above 0 and at most 1000", "")


def test_what_a_file_says_to_all_nodes_or_to_others_is_no_mistake(tmp_path):
    file = "/**: {ros__parameters: {rate_hz: 20, speed: 1}}\nother_node: {ros__parameters: {rate_hx: 7}}\n"
    process = start(tmp_path, "use_sim_time:=false", "other_node:rate_hx:=7", files=[file])
    assert said(process) == (["ready", "20.0", "a"], 0, "")


@pytest.mark.parametrize("section", ["demo_node", "/demo_node", "/**/demo_node"])
def test_what_a_file_says_to_this_node_must_be_known(tmp_path, section):
    process = start(tmp_path, files=[f"{section}: {{ros__parameters: {{rate_hx: 7}}}}\n"])
    _, err = process.communicate(timeout=10)
    assert process.returncode == 2 and "demo.yaml: 1 error: rate_hx: no such parameter" in err


def test_ctrl_c_while_a_node_is_still_importing_is_silent(tmp_path):
    (tmp_path / "slow_module.py").write_text("print('importing', flush=True)\nimport time\ntime.sleep(30)\n")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    code += "from f2o_nodekit.entry import starter\nstarter('slow_module')()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (0, "")


def test_a_node_that_the_middleware_made_deaf_starts_anew(tmp_path):
    process = start(tmp_path, "names:=[p, q]")
    said = process.stdout.readline()
    assert said.split() == ["ready", "30.0", "p", "q"]
    locks = [os.readlink(path) for path in Path(f"/proc/{process.pid}/fd").iterdir()]
    ports = [lock.removesuffix("_el") for lock in locks if "_port" in lock and lock.endswith("_el")]
    if not ports:
        pytest.skip("this middleware does not use Fast DDS's shared memory")
    os.sched_setscheduler(process.pid, os.SCHED_BATCH, os.sched_param(0))
    os.unlink(ports[0])
    assert [process.stdout.readline() for _ in range(2)] == ["closed\n", said]
    assert os.sched_getscheduler(process.pid) == os.SCHED_OTHER
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (0, "closed\n")
    assert err.endswith(
        "was replaced by another process: nothing that is sent there arrives; it starts anew\n"
    )


FULL = textwrap.dedent("""
    from diagnostic_msgs.msg import DiagnosticArray
    from rclpy.qos import HistoryPolicy, QoSProfile
    from std_msgs.msg import String
    NODE
    class Full(Demo):
        # KEEP_ALL to somebody who never reads: the middleware takes no more after some thousands
        def __init__(self):
            super().__init__()
            everything = QoSProfile(history=HistoryPolicy.KEEP_ALL, depth=0)
            self.reader = self.create_subscription(String, "full", lambda _: None, everything)
            self.writer = self.create_publisher(String, "full", everything)
            self.create_subscription(DiagnosticArray, "/diagnostics", self.on_diagnostics, 10)

        def say_once(self):
            while self.writer.send(String(data="x")):
                pass
            self.publish_diagnostics()
            self.say_once = lambda: None

        def on_diagnostics(self, message):
            if values := [v.value for v in message.status[0].values if v.key == "not_sent./full"]:
                print("not sent:", *values, flush=True)

    sys.exit(run(Full))
""")


def test_what_the_middleware_does_not_take_is_counted_and_ends_nothing(tmp_path):
    (tmp_path / "demo.yaml").write_text("rate_hz: 30.0\n")
    script = FULL.replace("NODE", NODE.rsplit("sys.exit", 1)[0])
    words = [sys.executable, "-c", script, "--ros-args", "-p", f"config:={tmp_path / 'demo.yaml'}"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "not sent: 1\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out.splitlines()[-1], err) == (0, "closed", "")

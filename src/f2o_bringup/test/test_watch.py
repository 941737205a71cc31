"""``f2o watch`` and ``f2o call`` against a node in a process of its own."""

import subprocess
import sys

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: no node can run")

NODE = """
import sys
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_srvs.srv import SetBool, Trigger

rclpy.init()
node = rclpy.create_node("bridge_node")
publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
status = DiagnosticStatus(level=bytes([int(sys.argv[1])]), name="bridge_node: bridge", message="disarmed")
status.values = [KeyValue(key="rate_hz", value="125.0")]
node.create_timer(0.2, lambda: publisher.publish(DiagnosticArray(status=[status])))

def answer(accepted, text):
    def call(request, response):
        response.success, response.message = accepted, text
        return response
    return call

node.create_service(Trigger, "/f2o/arm", answer(True, "armed: policy"))
node.create_service(Trigger, "/left/f2o/arm", answer(True, "armed: left"))
node.create_service(Trigger, "/f2o/home", answer(False, "not sent home: no joint states"))
node.create_service(SetBool, "/f2o/takeover", lambda q, r: answer(True, "taken over" if q.data else "given back")(q, r))
print("ready", flush=True)
rclpy.spin(node)
"""


@pytest.fixture(params=[0])
def node(request):
    """A node that reports and answers; its level is the parameter."""
    process = subprocess.Popen(
        [sys.executable, "-c", NODE, str(request.param)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


def f2o(*words):
    command = [sys.executable, "-m", "f2o_bringup.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_what_a_node_reports_is_shown_in_the_terminal(node):
    done = f2o("watch", "--once", "6")
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert first.split() == ["ok", "bridge_node:", "bridge", "disarmed"]
    assert second.split() == ["rate_hz", "125.0"]


@pytest.mark.parametrize("node", [2], indirect=True)
def test_a_node_in_error_is_the_exit_status(node):
    done = f2o("watch", "--once", "6")
    assert done.returncode == 1 and done.stdout.startswith("ERROR")


@pytest.mark.parametrize("node", [1, 2], indirect=True)
def test_a_node_is_a_line_of_the_doctor(node):
    words = {"1": "WARN ", "2": "FAIL "}[node.args[-1]]
    done = f2o("doctor", "--live", "6", "sim:=true")
    assert f"\n{words} bridge_node: bridge disarmed\n" in done.stdout, done.stdout + done.stderr
    if words == "FAIL ":
        assert done.returncode == 1


def test_services_are_called_from_the_shell(node):
    done = f2o("call", "arm")
    assert (done.returncode, done.stdout, done.stderr) == (0, "armed: policy\n", "")
    done = f2o("call", "home")
    assert (done.returncode, done.stdout) == (1, "not sent home: no joint states\n")
    assert f2o("call", "takeover").stdout == "taken over\n"
    assert f2o("call", "takeover", "--off").stdout == "given back\n"


def test_the_arm_of_a_namespace_is_another(node):
    for text in ("left", "/left"):
        assert f2o("call", "--namespace", text, "arm").stdout == "armed: left\n"
    done = f2o("call", "--namespace", "left arm", "arm")
    assert done.returncode == 2
    assert (
        "argument --namespace: expected names of letters, digits and _ that begin with no digit"
        in done.stderr
    )
    done = f2o("call", "--namespace", "right", "arm", "--wait", "0.5")
    assert done.returncode == 1 and done.stderr.startswith("f2o call: /right/f2o/arm: service not available")


def test_no_bridge_is_one_sentence():
    done = f2o("call", "arm", "--wait", "0.5")
    assert done.returncode == 1
    assert done.stderr == "f2o call: /f2o/arm: service not available within 0.5 s; is the bridge running?\n"

"""The bridge's Fast DDS profile: environment variables, and the threads and transports of real processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from f2o_bringup.graph import graph_named
from f2o_bringup.middleware import JAZZY, KILTED, RANGE, fifo_receive, may_take_fifo, profile_variable
from f2o_bringup.specs import resolve

CONFIG = Path(__file__).resolve().parents[3] / "config"
LOCALHOST, SUBNET = {RANGE: "LOCALHOST"}, {RANGE: "SUBNET"}


def find(name):
    return str(CONFIG / name) if (CONFIG / name).is_file() else ""


@pytest.mark.parametrize(("distro", "variable"), [("kilted", KILTED), ("jazzy", JAZZY), ("rolling", KILTED)])
def test_the_profile_follows_the_discovery_range(distro, variable):
    here = {"ROS_DISTRO": distro}
    local = {variable: find("dds_bridge_localhost.xml"), RANGE: "SYSTEM_DEFAULT"}
    assert fifo_receive(find, here | LOCALHOST, True) == local
    assert (
        fifo_receive(find, here | SUBNET, True)
        == fifo_receive(find, here, True)
        == {variable: find("dds_bridge.xml")}
    )
    assert fifo_receive(find, here | LOCALHOST | {variable: find("dds.xml")}, True) == local, (
        "as env.sh names it to all"
    )


@pytest.mark.parametrize(
    ("environ", "granted"),
    [
        (LOCALHOST, False),
        (LOCALHOST | {KILTED: "/home/me/mine.xml"}, True),
        (LOCALHOST | {KILTED: ""}, True),
        (LOCALHOST | {JAZZY: "/home/me/mine.xml"}, True),
        (LOCALHOST | {KILTED: find("dds.xml"), JAZZY: "/home/me/mine.xml"}, True),
        (LOCALHOST | {"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"}, True),
        (LOCALHOST | {"ROS_STATIC_PEERS": "192.168.1.7"}, True),
    ],
)
def test_the_users_profile_middleware_and_peers_are_kept(environ, granted):
    assert fifo_receive(find, environ, granted) == {}


def test_nothing_changes_where_the_files_are_missing():
    assert fifo_receive(lambda name: "", LOCALHOST, True) == {}


def test_only_the_bridge_gets_it(monkeypatch):
    monkeypatch.setattr("f2o_bringup.middleware.request_fifo", lambda priority: True)
    for name, value in (LOCALHOST | {profile_variable(): find("dds.xml")}).items():
        monkeypatch.setenv(name, value)
    given = {"sim": "true", "config": str(CONFIG)}
    nodes = resolve(graph_named("deploy"), given).nodes
    changed = [node.name for node in nodes if node.env.get(RANGE) == "SYSTEM_DEFAULT"]
    assert changed == ["bridge_node"]


LISTENER = """
import glob, json, os, sys, time
import rclpy
from std_msgs.msg import String

rclpy.init()
node, heard = rclpy.create_node("listener"), []
node.create_subscription(String, "/middleware", lambda message: heard.append(message.data), 10)
publisher = node.create_publisher(String, "/middleware", 10)
end = time.monotonic() + 20
while time.monotonic() < end and not {"one", "other"} <= set(heard):
    publisher.publish(String(data=sys.argv[1]))
    rclpy.spin_once(node, timeout_sec=0.05)
threads = {}
for task in glob.glob("/proc/self/task/*"):
    name, stat = open(task + "/comm").read().strip(), open(task + "/stat").read()
    threads[name] = int(stat.rpartition(")")[2].split()[38])
end = time.monotonic() + 2  # the other may not have heard this one yet
while time.monotonic() < end:
    publisher.publish(String(data=sys.argv[1]))
    rclpy.spin_once(node, timeout_sec=0.05)
print(json.dumps({"heard": sorted(set(heard)), "threads": threads}))
"""


def test_the_two_profiles_hear_each_other_and_the_bridges_has_no_shared_memory():
    pytest.importorskip("rclpy")
    if not os.environ.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp").startswith("rmw_fastrtps"):
        pytest.skip("another middleware")
    granted = may_take_fifo()
    common = os.environ | LOCALHOST | {profile_variable(): find("dds.xml")}
    profiles = {"one": common, "other": common | fifo_receive(find, common, True)}
    command = [sys.executable, "-c", LISTENER]
    processes = {
        name: subprocess.Popen(
            [*command, name], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for name, env in profiles.items()
    }
    out = {name: p.communicate(timeout=60) for name, p in processes.items()}
    assert [errors for _, errors in out.values()] == ["", ""], "Fast DDS takes each profile without a warning"
    said = {name: json.loads(text.splitlines()[-1]) for name, (text, _) in out.items()}
    for found in said.values():
        assert found["heard"] == ["one", "other"]
    threads = said["other"]["threads"]
    assert not [name for name in threads if name.startswith("dds.shm")], threads
    receiving = {name: policy for name, policy in threads.items() if name.startswith("dds.udp")}
    assert receiving and set(receiving.values()) == {os.SCHED_FIFO if granted else os.SCHED_OTHER}

"""Things broken on purpose: each is named, with what to do about it, and nothing else is."""

import dataclasses
import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from f2o_bringup.doctor import CHECKS, Finding, Machine, as_json, description, examine, firewall
from f2o_nodekit.paths import find_config

GOOD = {
    "proc/sys/net/core/rmem_max": "8000000",
    "proc/sys/kernel/osrelease": "6.8.0-rt",
    "sys/kernel/realtime": "1",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "performance",
    "sys/bus/usb/devices/2-1/idVendor": "8086",
    "sys/bus/usb/devices/2-1/product": "Intel(R) RealSense(TM) Depth Camera 435",
    "sys/bus/usb/devices/2-1/serial": "0123",
    "sys/bus/usb/devices/2-1/speed": "5000",
    "sys/bus/usb/devices/1-1/idVendor": "046d",  # a keyboard
    "sys/bus/usb/devices/1-1/product": "RealSense keyboard",
    "sys/bus/usb/devices/1-1/speed": "1.5",
    "proc/7/maps": "7f00-7f01 rw-s 00000000 00:16 9   /dev/shm/fastdds_port7411\n",
    "proc/7/cmdline": "python\0perception",
    "dev/shm/fastdds_port7411": "x",
    "ros/share/ament_index/resource_index/packages/rmw_fastrtps_cpp": "",
    "dds.xml": "<dds/>",
}
OUTPUTS = {
    "chronyc": "A,2,3,4,0.00002,6",
    "nvidia-smi": "NVIDIA RTX 4090, 570.1\n",
    "import rclpy": "imported\n",
    "find_spec('pinocchio')": "fine\n",
    "find_spec('cv_bridge')": "fine\n",
    "find_spec('open3d')": "fine\n",
}
VERSIONS = {"torch": "2.9.0", "numpy": "2.3.0", "openvino": "2026.1", "pylibfranka": "0.21.3"}


@pytest.fixture
def good(tmp_path):
    """A machine on which all is well, and how to break it: files, outputs, versions, environment."""
    for name, text in GOOD.items():
        put(tmp_path, name, text)
    (tmp_path / "proc/7/fd").mkdir()
    (tmp_path / "proc/7/fd/3").symlink_to("/dev/shm/fastdds_port7411_el")
    environ = {
        "ROS_DISTRO": "jazzy",
        "AMENT_PREFIX_PATH": str(tmp_path / "ros"),
        "FASTDDS_DEFAULT_PROFILES_FILE": str(tmp_path / "dds.xml"),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    }
    return Machine(
        root=tmp_path,
        environ=environ,
        output=answering(OUTPUTS),
        version=VERSIONS.get,
        limit=lambda kind: resource.RLIM_INFINITY,
        takes_fifo=lambda: True,
        arguments={"sim": "true"},
    )


def put(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def answering(outputs):
    return lambda words: next((said for part, said in outputs.items() if part in " ".join(words)), None)


def own(machine):
    """Lines of the checks here, without those of other packages."""
    return [finding for check in CHECKS for finding in check(machine)]


def file(name, text):
    return lambda machine: put(machine.root, name, text) or machine


def missing(name):
    return lambda machine: (machine.root / name).unlink() or machine


def said(**changes):
    """Programs that answer otherwise, or (None) not at all; ``_`` stands for what no name can have."""

    def change(machine):
        outputs = {**OUTPUTS, **{key.replace("_", " "): text for key, text in changes.items()}}
        return dataclasses.replace(
            machine, output=answering({k: v for k, v in outputs.items() if v is not None})
        )

    return change


def without(part):
    return lambda machine: dataclasses.replace(
        machine, output=answering({key: text for key, text in OUTPUTS.items() if part not in key})
    )


def packages(**changes):
    return lambda machine: dataclasses.replace(machine, version={**VERSIONS, **changes}.get)


def environ(**changes):
    return lambda machine: dataclasses.replace(
        machine, environ={key: v for key, v in {**machine.environ, **changes}.items() if v is not None}
    )


def launched(**arguments):
    return lambda machine: dataclasses.replace(machine, arguments=arguments)


def deafened(machine):
    put(machine.root, "proc/7/maps", GOOD["proc/7/maps"].replace("7411\n", "7411 (deleted)\n"))
    return machine


BROKEN = [
    ("no ROS", environ(ROS_DISTRO=None), "ros", "warn", "none is sourced"),
    (
        "an old ROS",
        environ(ROS_DISTRO="humble"),
        "ros",
        "warn",
        "humble is sourced; tried are jazzy and kilted",
    ),
    ("another Python", without("rclpy"), "ros", "fail", "cannot import rclpy and f2o_msgs"),
    (
        "middleware that is not there",
        environ(RMW_IMPLEMENTATION="rmw_zenoh_cpp"),
        "middleware",
        "fail",
        "RMW_IMPLEMENTATION=rmw_zenoh_cpp is not installed",
    ),
    ("no profile", environ(FASTDDS_DEFAULT_PROFILES_FILE=None), "middleware", "warn", "without a profile"),
    ("a profile that is cut short", file("dds.xml", "<dds>"), "middleware", "fail", "dds.xml, which "),
    ("a domain beyond the last", environ(ROS_DOMAIN_ID="233"), "discovery", "fail", "ROS_DOMAIN_ID=233"),
    (
        "heard by everybody",
        environ(ROS_AUTOMATIC_DISCOVERY_RANGE=None),
        "discovery",
        "warn",
        "are heard by everybody on the network",
    ),
    ("a deaf process", deafened, "shared memory", "fail", "process 7 (python perception)"),
    ("small sockets", file("proc/sys/net/core/rmem_max", "212992"), "sockets", "warn", "rmem_max is 212992"),
    ("a clock that is off", said(chronyc="A,2,3,4,-0.15,6"), "clock", "fail", "150.000 ms off its source"),
    ("a clock that nobody keeps", without("chronyc"), "clock", "warn", "neither chrony nor timesyncd"),
    (
        "an ordinary kernel beside the arm",
        lambda machine: missing("sys/kernel/realtime")(
            launched(robot="fr3", robot_ip="172.16.0.2", camera_driver="false")(machine)
        ),
        "kernel",
        "fail",
        "6.8.0-rt is no real-time kernel, and this PC talks to the arm",
    ),
    (
        "a governor that saves power",
        file("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave"),
        "governor",
        "warn",
        "performance and powersave",
    ),
    (
        "no real-time priority",
        lambda machine: dataclasses.replace(machine, takes_fifo=lambda: False),
        "rtprio",
        "warn",
        "SCHED_FIFO is refused",
    ),
    (
        "little memory to be locked",
        lambda machine: dataclasses.replace(machine, limit=lambda kind: 65536),
        "memlock",
        "warn",
        "64 KiB may be locked",
    ),
    ("torch without CUDA", packages(torch="2.9.0+cpu"), "gpu", "fail", "torch 2.9.0+cpu cannot use it"),
    (
        "neither GPU nor OpenVINO",
        lambda machine: without("nvidia-smi")(packages(openvino=None)(machine)),
        "gpu",
        "warn",
        "no OpenVINO",
    ),
    (
        "a numpy that cv_bridge does not bear",
        without("cv_bridge"),
        "numpy",
        "fail",
        "cv_bridge cannot be imported beside numpy 2.3.0",
    ),
    (
        "a camera on USB 2",
        file("sys/bus/usb/devices/2-1/speed", "480"),
        "camera",
        "fail",
        "RealSense(TM) Depth Camera 435 0123 at 480 Mbit/s",
    ),
    ("a robot that nobody knows", launched(sim="true", robot="ur5"), "deploy", "fail", "robot: expected"),
    (
        "a checkpoint that is not there",
        launched(sim="true", checkpoint="nowhere.pt"),
        "deploy",
        "fail",
        "nowhere.pt",
    ),
    (
        "an adapter that the simulator does not speak",
        launched(sim="true", adapter="crisp"),
        "deploy",
        "fail",
        "adapter: the simulator takes",
    ),
    (
        "udp without a key",
        launched(robot="fr3", adapter="udp", robot_driver="false", camera_driver="false"),
        "deploy",
        "fail",
        "udp.key",
    ),
]


def test_a_good_machine_is_good(good):
    assert {finding.level for finding in own(good)} == {"ok"}, own(good)


@pytest.mark.parametrize(
    ("change", "name", "level", "part"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN]
)
def test_what_is_broken_is_named(good, change, name, level, part):
    wrong = [finding for finding in own(change(good)) if finding.level != "ok"]
    named = [finding for finding in wrong if finding.name == name and part in finding.text]
    assert [finding.level for finding in named] == [level], wrong
    assert named[0].remedy
    assert {finding.name for finding in wrong} == {name}


@pytest.mark.parametrize(
    ("rules", "level"),
    [
        (None, "warn"),
        ("chain a { type filter hook input priority 0; policy drop; }", "fail"),
        ("chain a { type filter hook input priority 0; tcp dport 22 accept; reject }", "fail"),
        ("chain a { type filter hook forward priority 0; policy drop; }", "ok"),
        ("chain a { hook input; policy drop; }\ntable inet f2o { chain input { accept } }", "ok"),
        ("", "ok"),
    ],
)
def test_a_firewall_between_two_pcs(good, rules, level):
    machine = said(nft=rules)(launched(network="cell")(good))
    (found,) = firewall(machine)
    assert (found.name, found.level) == ("firewall", level) and bool(found.remedy) == (level != "ok")
    assert list(firewall(launched(network="local")(machine))) == []


def test_a_description_without_the_robots_joints(good, tmp_path):
    put(tmp_path, "arm.urdf", "<robot name='arm'><link name='base'/></robot>")
    text = Path(find_config("robots/panda.yaml")).read_text()
    put(tmp_path, "arm.yaml", f"{text}\nurdf: arm.urdf\n")
    (found,) = description(launched(robot=str(tmp_path / "arm.yaml"))(good))
    assert (found.name, found.level) == ("robot", "fail") and "no joint named panda_joint1" in found.text


def test_files_of_dead_processes_are_counted_once_they_matter(good):
    with (good.root / "dev/shm/fastdds_0123456789abcdef").open("wb") as left:
        left.truncate(300_000_000)  # takes no room
    (wrong,) = (finding for finding in own(good) if finding.level != "ok")
    assert (wrong.name, wrong.level) == ("shared memory", "warn")
    assert wrong.text == "1 files of dead processes, 300 MB"


def test_a_check_that_raises_is_a_line(good):
    def raising(words):
        raise RuntimeError("no such thing")

    lines = list(examine(dataclasses.replace(good, output=raising)))
    assert Finding("clock", "warn", "could not be looked at: RuntimeError: no such thing") in lines
    assert "deploy" in {finding.name for finding in lines}


def test_lines_as_json(good):
    assert json.loads(as_json([Finding("a", "ok", "b")])) == [
        {"name": "a", "level": "ok", "text": "b", "remedy": ""}
    ]


def doctor(*words):
    command = [sys.executable, "-m", "f2o_bringup.cli", "doctor", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_the_command_on_this_machine():
    done = doctor("--json", "sim:=true")
    lines = {line["name"]: line for line in json.loads(done.stdout)}
    assert done.stderr == "" and done.returncode == any(line["level"] == "fail" for line in lines.values())
    assert lines["python"]["level"] == lines["deploy"]["level"] == lines["numpy"]["level"] == "ok"


def test_the_command_names_what_does_not_fit_and_ends_with_1():
    done = doctor("sim:=true", "robot:=ur5")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert any(line.startswith("FAIL  deploy") and "ur5" in line for line in done.stdout.splitlines())


def test_an_argument_without_a_value_is_one_sentence():
    done = doctor("robot")
    assert (done.returncode, done.stderr) == (2, "f2o doctor: expected NAME:=VALUE, got 'robot'\n")

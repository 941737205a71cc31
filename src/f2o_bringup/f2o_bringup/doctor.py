"""What of this machine stands in the way: one line for each thing that others found out late.

Every check is a function of a ``Machine`` and yields ``Finding``s. Other packages add their own by the entry point
group ``f2o.doctor``, whose checks may yield the four values of a ``Finding`` instead. None of them changes anything.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

from f2o_nodekit.errors import F2oError
from f2o_nodekit.hearing import deaf_ports
from f2o_nodekit.robot import read_robot
from f2o_nodekit.urdf import canonical_urdf

from f2o_bringup.graph import graph_named
from f2o_bringup.middleware import PROFILES, RANGE, may_take_fifo
from f2o_bringup.specs import resolve

GROUP = "f2o.doctor"
Level = Literal["ok", "warn", "fail"]
DISTROS = ("jazzy", "kilted")
SHM_MB = 256  # what the processes of a graph with three cameras keep in shared memory
SOCKET_BYTES = 2_000_000  # one compressed or small image; where cameras are on another PC
CLOCK_OFF_S = 0.001
ON_USB_3 = 5000  # Mbit/s
INTEL, REALSENSE = "8086", "RealSense"
NEW_IMAGE_SINCE = (0, 18)  # libfranka's
DOMAINS = range(102)  # above them ports leave the range that Linux does not hand out
DEAF = "Fast DDS has made it deaf: restart it (nodes of f2o do so by themselves)"


@dataclass(frozen=True)
class Finding:
    """One line.

    Attributes:
        name: what was looked at.
        level: ``ok``, ``warn`` (it works, worse than it could) or ``fail`` (it does not work).
        text: what was found.
        remedy: what to do about it; empty where nothing is to be done.
    """

    name: str
    level: Level
    text: str
    remedy: str = ""


def _output(words: list[str]) -> str | None:
    """What a program prints on stdout; None where it is missing, fails or hangs."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@dataclass(frozen=True)
class Machine:
    """What the checks look at, so that a test can put something else in its place.

    Attributes:
        root: of the file system.
        environ: environment variables.
        output: what a program prints; None where it cannot be run.
        version: of an installed Python package; None where it is not.
        limit: soft limit of a resource, by its number; -1: none.
        takes_fifo: whether the system grants SCHED_FIFO.
        arguments: those of ``deploy.launch.py``.
    """

    root: Path = Path("/")
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    output: Callable[[list[str]], str | None] = _output
    version: Callable[[str], str | None] = _version
    limit: Callable[[int], int] = lambda kind: resource.getrlimit(kind)[0]
    takes_fifo: Callable[[], bool] = may_take_fifo
    arguments: Mapping[str, str] = field(default_factory=dict)

    def text(self, path: str) -> str | None:
        """Contents of a file below ``root``, without the end of the line; None where it cannot be read."""
        try:
            return (self.root / path).read_text(errors="replace").strip()
        except OSError:
            return None

    def files(self, pattern: str) -> list[Path]:
        """Files below ``root``."""
        return sorted(self.root.glob(pattern))


Check = Callable[[Machine], Iterable[Any]]


def examine(machine: Machine) -> Iterator[Finding]:
    """Every line, those of other packages last. A check that raises is a line, too."""
    others = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    for check in (*CHECKS, *(entry.load() for entry in others)):
        try:
            for found in check(machine):
                yield found if isinstance(found, Finding) else Finding(*found)
        except Exception as error:
            yield Finding(check.__name__, "warn", f"could not be looked at: {type(error).__name__}: {error}")


# this machine


def python(machine: Machine) -> Iterator[Finding]:
    """The interpreter."""
    here = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", "ok", f"{here}, {sys.executable}")


def ros(machine: Machine) -> Iterator[Finding]:
    """Which distribution is sourced, and whether rclpy is the one of this interpreter."""
    distro = machine.environ.get("ROS_DISTRO", "")
    if not distro:
        yield Finding(
            "ros", "warn", "none is sourced: nodes cannot run, everything else can", "source env.sh"
        )
        return
    if distro not in DISTROS:
        text = f"{distro} is sourced; tried are {' and '.join(DISTROS)}"
        yield Finding("ros", "warn", text, "a shell with one of those")
    found = machine.output([sys.executable, "-c", "import rclpy, f2o_msgs.msg; print('imported')"])
    if found is None:
        text = f"{distro} is sourced, and {sys.executable} cannot import rclpy and f2o_msgs"
        yield Finding("ros", "fail", text, "make setup, then source env.sh in a new shell")
    elif distro in DISTROS:
        yield Finding("ros", "ok", distro)


def middleware(machine: Machine) -> Iterator[Finding]:
    """The implementation of DDS, and Fast DDS's profile."""
    name = machine.environ.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp")
    places = [Path(p) for p in machine.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    marker = Path("share/ament_index/resource_index/packages") / name
    if places and not any((place / marker).exists() for place in places):
        text = f"RMW_IMPLEMENTATION={name} is not installed"
        yield Finding(
            "middleware", "fail", text, f"apt install ros-<distro>-{name.replace('_', '-')}, or unset it"
        )
        return
    if not name.startswith("rmw_fastrtps"):
        yield Finding("middleware", "ok", name)
        return
    profile = next((machine.environ[key] for key in PROFILES if key in machine.environ), "")
    if not profile:
        text = f"{name} without a profile: its shared memory loses images of three cameras"
        yield Finding("middleware", "warn", text, "source env.sh")
        return
    try:
        ElementTree.parse(profile)
    except (OSError, ElementTree.ParseError) as error:
        text = f"{profile}, which {' or '.join(PROFILES)} names, cannot be read: {error}"
        yield Finding("middleware", "fail", text, "source env.sh, or correct the file")
        return
    yield Finding("middleware", "ok", f"{name}, {profile}")


def discovery(machine: Machine) -> Iterator[Finding]:
    """Who finds these nodes."""
    domain = machine.environ.get("ROS_DOMAIN_ID", "0")
    if not domain.isdigit() or int(domain) not in DOMAINS:
        text = f"ROS_DOMAIN_ID={domain}: expected a whole number from {DOMAINS[0]} to {DOMAINS[-1]}"
        yield Finding("discovery", "fail", text, "export ROS_DOMAIN_ID=0")
        return
    if machine.environ.get("ROS_LOCALHOST_ONLY", "0") not in ("", "0"):
        text = "ROS_LOCALHOST_ONLY overrides what network:= says"
        yield Finding("discovery", "warn", text, "unset ROS_LOCALHOST_ONLY")
    reach = machine.environ.get(RANGE, "SUBNET")
    if reach == "SUBNET" and not machine.environ.get("ROS_SECURITY_ENABLE"):
        text = f"domain {domain}: programs of this shell hear and are heard by everybody on the network"
        yield Finding("discovery", "warn", text, f"export {RANGE}=LOCALHOST; launches have network:=")
    else:
        yield Finding("discovery", "ok", f"domain {domain}, {reach}")


def shared_memory(machine: Machine) -> Iterator[Finding]:
    """Room in /dev/shm, what dead processes left there, and processes that hear nothing."""
    shm = machine.root / "dev/shm"
    if not shm.is_dir():
        yield Finding("shared memory", "warn", "there is no /dev/shm: everything goes by UDP", "mount it")
        return
    free_mb = shutil.disk_usage(shm).free // 1_000_000
    if free_mb < SHM_MB:
        text = f"{free_mb} MB free in /dev/shm, {SHM_MB} expected"
        yield Finding(
            "shared memory", "fail", text, "in a container --shm-size=1g or ipc: host; else remount it"
        )
    used = {name for maps in machine.files("proc/[0-9]*/maps") for name in _mapped(maps)}
    files = [path for path in shm.glob("fast*_*") if not path.name.endswith(("_el", "_sl"))]
    left = [path for path in files if path.name not in used]
    megabytes = sum(path.stat().st_size for path in left) / 1e6
    if megabytes > SHM_MB:
        text = f"{len(left)} files of dead processes, {megabytes:.0f} MB"
        yield Finding("shared memory", "warn", text, "fastdds shm clean")
    deaf = [process for process in machine.files("proc/[0-9]*") if deaf_ports(process)]
    for process in deaf:
        command = (machine.text(f"proc/{process.name}/cmdline") or "").replace("\0", " ")
        yield Finding("shared memory", "fail", f"process {process.name} ({command.strip()[:80]})", DEAF)
    if free_mb >= SHM_MB and megabytes <= SHM_MB and not deaf:
        yield Finding("shared memory", "ok", f"{free_mb} MB free")


def _mapped(maps: Path) -> set[str]:
    try:
        return set(re.findall(r"/dev/shm/(fast\w+)$", maps.read_text(errors="replace"), re.MULTILINE))
    except OSError:  # another user's, or it has ended
        return set()


def firewall(machine: Machine) -> Iterator[Finding]:
    """Whether the other PC gets through, where there is one."""
    if machine.arguments.get("network") != "cell":
        return
    rules = machine.output(["nft", "list", "ruleset"])
    if rules is None:
        yield Finding(
            "firewall", "warn", "its rules cannot be listed", "sudo f2o doctor ..., or f2o firewall ufw"
        )
    elif re.search(r"hook input[^}]*\b(drop|reject)\b", rules) and "table inet f2o" not in rules:
        text = "packets are dropped, and no rule lets the other PC's in"
        yield Finding("firewall", "fail", text, "f2o firewall nft | sudo nft -f -")
    else:
        yield Finding("firewall", "ok", "the other PC gets through")


def sockets(machine: Machine) -> Iterator[Finding]:
    """Whether the system lets a socket hold an image; only UDP from another PC needs it."""
    given = machine.text("proc/sys/net/core/rmem_max")
    if given is None:
        return
    if int(given) < SOCKET_BYTES:
        text = f"net.core.rmem_max is {given}; images from another PC will be lost"
        yield Finding(
            "sockets", "warn", text, f"sysctl -w net.core.rmem_max={4 * SOCKET_BYTES}, if cameras are there"
        )
    else:
        yield Finding("sockets", "ok", f"net.core.rmem_max {given}")


def clock(machine: Machine) -> Iterator[Finding]:
    """Whether something keeps this PC's clock: stamps of two PCs are compared to the millisecond."""
    words = (machine.output(["chronyc", "-c", "tracking"]) or "").strip().split(",")
    if len(words) > 4:
        off_s = abs(float(words[4]))
        level: Level = "ok" if off_s < CLOCK_OFF_S else "fail"
        remedy = "" if level == "ok" else "chronyc sources on both PCs; one must follow the other"
        yield Finding("clock", level, f"chrony: {1000 * off_s:.3f} ms off its source", remedy)
        return
    said = (machine.output(["timedatectl", "show", "-p", "NTPSynchronized", "--value"]) or "").strip()
    if said == "yes":
        yield Finding(
            "clock", "warn", "kept by timesyncd, to some milliseconds", "chrony, if there are two PCs"
        )
    else:
        text = "neither chrony nor timesyncd keeps it, as far as can be seen"
        yield Finding("clock", "warn", text, "apt install chrony, if there are two PCs")


def kernel(machine: Machine) -> Iterator[Finding]:
    """Whether it is a real-time kernel, which the PC with the 1 kHz loop needs."""
    release = machine.text("proc/sys/kernel/osrelease") or "?"
    if machine.text("sys/kernel/realtime") == "1":
        yield Finding("kernel", "ok", f"{release}, PREEMPT_RT")
    elif _drives_the_arm(machine):
        text = f"{release} is no real-time kernel, and this PC talks to the arm (robot_driver:=true)"
        yield Finding("kernel", "fail", text, "a kernel with PREEMPT_RT; rt.launch.py on a PC that has one")
    else:
        yield Finding(
            "kernel", "ok", f"{release}, not real-time: enough for the policy, not for the 1 kHz loop"
        )


def _drives_the_arm(machine: Machine) -> bool:
    said = {"sim": "false", "robot_driver": "true", "robot_ip": "", **machine.arguments}
    return bool(said["robot_ip"]) and said["sim"] != "true" and said["robot_driver"] == "true"


def governor(machine: Machine) -> Iterator[Finding]:
    """Whether the processors keep their clock."""
    found = {
        path.read_text().strip()
        for path in machine.files("sys/devices/system/cpu/cpu*/cpufreq/scaling_governor")
    }
    if not found:
        yield Finding("governor", "ok", "none to be set (a virtual machine, or fixed clocks)")
    elif found == {"performance"}:
        yield Finding("governor", "ok", "performance")
    else:
        text = f"{' and '.join(sorted(found))}: the clock goes up after a tick's work is due"
        yield Finding("governor", "warn", text, "cpupower frequency-set -g performance")


def priorities(machine: Machine) -> Iterator[Finding]:
    """Whether loops may have real-time priority, and keep their memory."""
    groups = "/etc/security/limits.conf: docs/install.md, Real-time scheduling"
    if machine.takes_fifo():
        yield Finding("rtprio", "ok", "SCHED_FIFO is granted")
    else:
        yield Finding("rtprio", "warn", "SCHED_FIFO is refused: ticks are late under load", groups)
    limit = machine.limit(resource.RLIMIT_MEMLOCK)
    if limit in (-1, resource.RLIM_INFINITY):
        yield Finding("memlock", "ok", "unlimited")
    else:
        yield Finding(
            "memlock", "warn", f"{limit // 1024} KiB may be locked: pages may be swapped out", groups
        )


def gpu(machine: Machine) -> Iterator[Finding]:
    """The GPU, and whether torch was made for it; the engine of a student without one."""
    listed = machine.output(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"])
    torch = machine.version("torch")
    if listed and listed.strip():
        name = listed.strip().splitlines()[0]
        if torch is not None and "+cpu" in torch:
            yield Finding(
                "gpu", "fail", f"{name}, and torch {torch} cannot use it", "F2O_TORCH=cuda make setup"
            )
        else:
            yield Finding("gpu", "ok", f"{name}, torch {torch}")
    elif machine.version("openvino") is None:
        text = "none, and no OpenVINO: students run in torch, some three times slower"
        yield Finding("gpu", "warn", text, "pip install openvino")
    else:
        yield Finding("gpu", "ok", f"none; students run in OpenVINO {machine.version('openvino')}")


def numpy(machine: Machine) -> Iterator[Finding]:
    """Whether what was compiled against numpy bears the one that is imported."""
    if machine.version("numpy") is None:
        yield Finding("numpy", "fail", "is not installed", "make setup")
        return
    broken = []
    for module in ("pinocchio", "cv_bridge", "open3d"):
        script = f"import importlib.util, sys\nif importlib.util.find_spec({module!r}): import {module}\nprint('fine')"
        if "fine" not in (machine.output([sys.executable, "-c", script]) or ""):
            broken.append(module)
    if broken:
        text = f"{' and '.join(broken)} cannot be imported beside numpy {machine.version('numpy')}"
        remedy = "pip install 'numpy<2' where ROS's apt packages are used; else make setup"
        yield Finding("numpy", "fail", text, remedy)
    else:
        yield Finding("numpy", "ok", machine.version("numpy") or "")


def libfranka(machine: Machine) -> Iterator[Finding]:
    """Which system image the installed libfranka needs; the arm itself is not asked, because it serves one program."""
    given = machine.version("pylibfranka")
    if given is None:
        yield Finding(
            "libfranka", "ok", "pylibfranka is not installed; only adapter:=udp with an arm needs it"
        )
        return
    known = tuple(int(part) for part in given.split(".")[:2]) >= NEW_IMAGE_SINCE
    needs = "an FR3 with system image 5.9 or newer" if known else "an older system image"
    yield Finding("libfranka", "ok", f"pylibfranka {given}: for {needs} (Desk, Settings, System)")


def cameras(machine: Machine) -> Iterator[Finding]:
    """Which bus the RealSense cameras are on."""
    for maker in machine.files("sys/bus/usb/devices/*/idVendor"):
        device = maker.parent.relative_to(machine.root)
        product = machine.text(f"{device}/product") or ""
        if machine.text(f"{device}/idVendor") != INTEL or REALSENSE not in product:
            continue
        speed, serial = machine.text(f"{device}/speed") or "0", machine.text(f"{device}/serial") or "?"
        if float(speed) < ON_USB_3:
            text = f"{product} {serial} at {speed} Mbit/s: depth and colour at 30 Hz do not fit"
            yield Finding("camera", "fail", text, "a blue port, the cable that came with it, no hub")
        else:
            yield Finding("camera", "ok", f"{product} {serial} at {speed} Mbit/s")


def description(machine: Machine) -> Iterator[Finding]:
    """Whether the robot's URDF has the joints and frames that its file names."""
    told = {argument.name: argument.default for argument in graph_named("deploy").arguments}
    told |= machine.arguments
    try:
        robot = read_robot(told["robot"], told["config"])
    except F2oError:
        return  # the next check says so
    try:
        canonical_urdf(robot)
    except F2oError as error:
        yield Finding("robot", "fail", str(error), "the robot's file: joint_names, frames, urdf")
        return
    yield Finding("robot", "ok", f"{robot.name}: joints and frames are those of its URDF")


def launch(machine: Machine) -> Iterator[Finding]:
    """Whether robot, adapter, checkpoint, cameras, calibration and keys fit together, as the launch itself asks."""
    try:
        resolve(graph_named("deploy"), machine.arguments)
    except F2oError as error:
        for sentence in str(error).removeprefix("deploy: ").split("; "):
            yield Finding("deploy", "fail", sentence, "ros2 launch f2o_control deploy.launch.py --show-args")
        return
    words = " ".join(f"{name}:={value}" for name, value in machine.arguments.items())
    yield Finding("deploy", "ok", f"deploy.launch.py {words}".strip())


CHECKS: tuple[Check, ...] = (
    python,
    ros,
    middleware,
    discovery,
    shared_memory,
    firewall,
    sockets,
    clock,
    kernel,
    governor,
    priorities,
    gpu,
    numpy,
    libfranka,
    cameras,
    description,
    launch,
)


def as_json(findings: Iterable[Finding]) -> str:
    """The lines as a JSON array."""
    return json.dumps([vars(finding) for finding in findings], indent=1)

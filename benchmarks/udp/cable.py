"""Three network namespaces in a row, bridge, middle and receiver, with a relay in the middle. Needs ip, and root."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from types import TracebackType

from f2o_control.errors import ControlError

from benchmarks.common.processes import command, environment
from benchmarks.udp.relay import Impairment

PORT = 47110
NETS = {"bridge": "10.203.1", "receiver": "10.203.2"}  # .1 is the end, .254 the middle
BRIDGE_SENDS_TO = "10.203.1.254"
RECEIVER_LISTENS = "10.203.2.1"


class LabError(ControlError):
    """Namespaces cannot be made here."""


def unavailable() -> str:
    """Why there can be no namespaces here; empty where there can."""
    if shutil.which("ip") is None:
        return "ip not found: apt-get install iproute2"
    if os.geteuid() != 0:
        return "network namespaces need root"
    probe = subprocess.run(["ip", "netns", "add", f"f2o-probe-{os.getpid()}"], capture_output=True, text=True)
    if probe.returncode:
        return f"network namespaces are not granted here: {probe.stderr.strip()}"
    subprocess.run(["ip", "netns", "delete", f"f2o-probe-{os.getpid()}"], check=False)
    return ""


class Cable:
    """``with Cable(impairment) as cable:`` makes namespaces, links and relay, and takes them away again."""

    def __init__(self, impairment: Impairment) -> None:
        self._impairment = impairment
        self._relay: subprocess.Popen[bytes] | None = None
        self._space = {name: f"f2o-{name}-{os.getpid()}" for name in (*NETS, "middle")}
        self._device = {name: f"f2o{name[0]}{os.getpid()}" for name in NETS}

    def __enter__(self) -> Cable:
        for name, space in self._space.items():
            _run("ip", "netns", "add", space)
            self._inside(name, "ip", "link", "set", "lo", "up")
        for name, net in NETS.items():
            end, middle = self._device[name], f"{self._device[name]}m"
            _run("ip", "link", "add", end, "type", "veth", "peer", "name", middle)
            for device, where, number in ((end, name, 1), (middle, "middle", 254)):
                _run("ip", "link", "set", device, "netns", self._space[where])
                self._inside(where, "ip", "address", "add", f"{net}.{number}/24", "dev", device)
                self._inside(where, "ip", "link", "set", device, "up")
        ends = (f"{BRIDGE_SENDS_TO}:{PORT}", f"{RECEIVER_LISTENS}:{PORT}")
        words = command("benchmarks.udp.relay", *ends, json.dumps(asdict(self._impairment)))
        self._relay = subprocess.Popen(self.command("middle", words), env=environment())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._relay is not None:
            self._relay.kill()
            self._relay.wait()
        for space in self._space.values():
            with contextlib.suppress(LabError):
                _run("ip", "netns", "delete", space)

    def cut(self) -> None:
        """Take the link to the receiver down."""
        self._inside("middle", "ip", "link", "set", f"{self._device['receiver']}m", "down")

    def space(self, name: str) -> str:
        """What the system calls the namespace of ``bridge``, ``middle`` or ``receiver``."""
        return self._space[name]

    def command(self, name: str, words: Sequence[str]) -> list[str]:
        """The command line that runs ``words`` in a namespace."""
        return ["ip", "netns", "exec", self._space[name], *words]

    def _inside(self, name: str, *words: str) -> None:
        _run(*self.command(name, words))


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise LabError(f"{' '.join(words)}: {done.stderr.strip()}")

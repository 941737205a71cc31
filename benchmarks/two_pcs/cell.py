"""Two network namespaces as the two PCs of a cell. Needs root, iproute2 and /dev/net/tun."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from benchmarks.common.processes import command, environment
from benchmarks.two_pcs.relay import Network
from benchmarks.udp.cable import unavailable as no_namespaces

ADDRESSES = {"policy_pc": "10.204.0.1", "real_time_pc": "10.204.0.2"}
STRANGER = {"stranger": "10.204.0.3"}
"""A third machine that somebody has connected to the same network."""
MTU = 65521
"""The simulator's images cross the network, too: as few frames as can be."""
ENTER = 'mount --bind "$0/shm" /dev/shm && mount --bind "$0/machine-id" /etc/machine-id && exec "$@"'
"""A PC has shared memory and an identity of its own: Fast DDS would talk past the network otherwise."""


def unavailable() -> str:
    """Why there can be no two PCs here, in one sentence; empty where there can."""
    if reason := no_namespaces():
        return reason
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "two PCs need /dev/net/tun"
    return "" if Path("/etc/machine-id").is_file() else "two PCs need /etc/machine-id to replace"


class Cell:
    """``with Cell() as cell:`` makes the PCs and their network, and takes them away again.

    With ``stranger`` there is a third machine of that name.
    """

    def __init__(self, stranger: bool = False) -> None:
        self._addresses = ADDRESSES | (STRANGER if stranger else {})
        self._space = {pc: f"f2o-{pc.split('_')[0]}-{os.getpid()}" for pc in self._addresses}
        self._device = {pc: f"f2o{pc[0]}{os.getpid()}" for pc in self._addresses}
        self._folder = Path(tempfile.mkdtemp(prefix="f2o_two_pcs_"))
        self._relay: subprocess.Popen[str] | None = None
        self._started: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Cell:
        try:
            self._make()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _make(self) -> None:
        self._relay = subprocess.Popen(
            command("benchmarks.two_pcs.relay", *self._device.values()),
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._relay.stdout is not None
        if self._relay.stdout.readline().strip() != "ready":
            raise RuntimeError("the network between the two PCs did not start")
        for pc, address in self._addresses.items():
            own = self._folder / pc
            (own / "shm").mkdir(parents=True)
            _run("mount", "-t", "tmpfs", "-o", "size=512m", "tmpfs", str(own / "shm"))
            (own / "machine-id").write_text(f"{uuid.uuid4().hex}\n")
            space, device = self._space[pc], self._device[pc]
            _run("ip", "netns", "add", space)
            _run("ip", "link", "set", device, "netns", space)
            inside = ("ip", "netns", "exec", space, "ip")
            _run(*inside, "link", "set", "lo", "up")
            _run(*inside, "address", "add", f"{address}/24", "dev", device)
            _run(*inside, "link", "set", device, "mtu", str(MTU), "up")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in (*self._started, self._relay):
            if process is not None:
                _end(process)
        for pc, space in self._space.items():
            for words in (("ip", "netns", "delete", space), ("umount", str(self._folder / pc / "shm"))):
                subprocess.run(words, capture_output=True, check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def spoil(self, network: Network) -> None:
        """Treat frames as ``network`` says from now on."""
        self._tell_relay(json.dumps(asdict(network)))

    def count(self) -> dict[str, dict[str, int]]:
        """Frames since this was last asked, by what became of them (passed, delayed, lost, spared) and by topic."""
        self._tell_relay("count")
        assert self._relay is not None and self._relay.stdout is not None
        counts: dict[str, dict[str, int]] = json.loads(self._relay.stdout.readline())
        return counts

    def _tell_relay(self, line: str) -> None:
        assert self._relay is not None and self._relay.stdin is not None
        self._relay.stdin.write(f"{line}\n")
        self._relay.stdin.flush()

    def filter(self, pc: str, rules: str) -> None:
        """Load the rules of an nftables file on ``pc``.

        Raises:
            RuntimeError: nft refuses them.
        """
        _run("ip", "netns", "exec", self._space[pc], "nft", "-f", "-", text=rules)

    def cable(self, plugged: bool) -> None:
        """Pull or plug the real-time PC's cable."""
        device = self._device["real_time_pc"]
        state = "up" if plugged else "down"
        _run("ip", "netns", "exec", self._space["real_time_pc"], "ip", "link", "set", device, state)

    def start(self, pc: str, words: Sequence[str], log: Path) -> subprocess.Popen[str]:
        """Start ``words`` on ``policy_pc`` or ``real_time_pc``; its output goes to ``log``, its input is a pipe."""
        enter = ("ip", "netns", "exec", self._space[pc], "sh", "-c", ENTER, str(self._folder / pc))
        with log.open("a") as output:
            process = subprocess.Popen(
                [*enter, *words],
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        self._started.append(process)
        return process


def _end(process: subprocess.Popen[str]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _run(*words: str, text: str = "") -> None:
    done = subprocess.run(words, capture_output=True, text=True, input=text)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")

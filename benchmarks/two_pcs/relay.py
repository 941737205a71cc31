"""The network between the two PCs: ``python -m benchmarks.two_pcs.relay DEVICE ...``, one process with a TAP in each.

Every frame that enters one device leaves the others, later or not at all. Reads lines from standard input: a JSON
object of ``Network``'s fields, of which it follows the newest, or ``count``, which it answers with the frames since the
last one as JSON. The kernel's netem would do the same to all frames, where it is built in.
"""

from __future__ import annotations

import collections
import contextlib
import fcntl
import json
import os
import random
import select
import struct
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.two_pcs.rtps import Writers

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
CAMERAS = ("/image_raw", "/camera_info")
"""How the names of topics end whose frames pass as they are. The simulated cameras' cross the network because the
simulator is on the other PC; a real cell's are wired to the policy PC."""
FRAME_BYTES = 65535
ETHERNET, IPV4, UDP = 14, b"\x08\x00", 17
OTHERS = "discovery, acknowledgements, services and what is not DDS"


@dataclass(frozen=True)
class Network:
    """What happens to frames, each way, in seconds and shares."""

    delay_s: float = 0.0
    jitter_s: float = 0.0  # evenly distributed on top of the delay; frames keep their order
    loss: float = 0.0
    plugged: bool = True


def open_tap(name: str) -> int:
    """File descriptor of a new TAP device."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return device


def datagram(frame: bytes) -> bytes:
    """What a frame's UDP datagram holds; empty where it has none. No frame here is a fragment: see ``cell.MTU``."""
    if frame[12:14] != IPV4 or len(frame) < ETHERNET + 20 or frame[ETHERNET + 9] != UDP:
        return b""
    return frame[ETHERNET + 4 * (frame[ETHERNET] & 0x0F) + 8 :]


class Relay:
    """Passes frames between devices, and counts them by topic and by what became of them."""

    def __init__(self, devices: Iterable[int]) -> None:
        self._waiting = {device: collections.deque[tuple[float, bytes]]() for device in devices}
        self._network, self._rng, self._writers = Network(), random.Random(0), Writers()
        self._counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)

    def run(self) -> None:
        """Pass frames until standard input ends."""
        stdin, text = sys.stdin.fileno(), b""
        while True:
            for ready in select.select([*self._waiting, stdin], [], [], self._timeout())[0]:
                if ready != stdin:
                    self._read(ready)
                elif read := os.read(stdin, FRAME_BYTES):
                    *lines, text = (text + read).split(b"\n")
                    for line in lines:
                        self._obey(line.decode())
                else:
                    return
            now = time.monotonic()
            for device, queue in self._waiting.items():
                while queue and queue[0][0] <= now:
                    _write(device, queue.popleft()[1])

    def _timeout(self) -> float | None:
        due = [queue[0][0] for queue in self._waiting.values() if queue]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _obey(self, line: str) -> None:
        if line == "count":
            print(json.dumps(self._counts), flush=True)
            self._counts.clear()
        else:
            self._network = Network(**json.loads(line))

    def _read(self, device: int) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                frame = os.read(device, FRAME_BYTES)
                if self._network.plugged:
                    self._pass(device, frame)

    def _pass(self, device: int, frame: bytes) -> None:
        topics = self._writers.topics(datagram(frame))
        name = ", ".join(sorted(topics)) or OTHERS
        network, others = self._network, [other for other in self._waiting if other != device]
        if topics and all(topic.endswith(CAMERAS) for topic in topics):
            self._counts["spared"][name] += 1
            for other in others:
                _write(other, frame)
        elif self._rng.random() < network.loss:
            self._counts["lost"][name] += 1
        else:
            self._counts["delayed" if network.delay_s or network.jitter_s else "passed"][name] += 1
            arrival = time.monotonic() + network.delay_s + self._rng.random() * network.jitter_s
            for other in others:
                queue = self._waiting[other]
                queue.append((max(arrival, queue[-1][0] if queue else 0.0), frame))


def _write(device: int, frame: bytes) -> None:
    with contextlib.suppress(OSError):  # the other end is down
        os.write(device, frame)


def main() -> None:
    """Make the devices named on the command line, say so, relay."""
    devices = [open_tap(name) for name in sys.argv[1:]]
    print("ready", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        Relay(devices).run()


if __name__ == "__main__":
    main()

"""A relay between bridge and receiver that loses, delays, duplicates and reorders datagrams as configured.

tc-netem does this in the kernel, where the kernel has it; a process can do it everywhere, and to the millisecond.
``python -m benchmarks.udp.relay LISTEN TARGET '{"loss": 0.05}'``, addresses as host:port.
"""

from __future__ import annotations

import heapq
import json
import select
import socket
import sys
import time
from dataclasses import dataclass

import numpy as np
from f2o_nodekit.pace import request_fifo

Address = tuple[str, int]


@dataclass(frozen=True)
class Impairment:
    """What happens to datagrams, each way alike."""

    loss: float = 0.0  # share
    duplicate: float = 0.0  # share
    delay_s: float = 0.0
    jitter_s: float = 0.0  # added, evenly from 0 to this: what is sent later may come first
    burst_s: float = 0.0  # nothing gets through for so long,
    every_s: float = 1.0  # once in so long

    def arrivals(self, now_s: float, rng: np.random.Generator) -> list[float]:
        """When each copy of a datagram comes out that goes in at ``now_s``."""
        if now_s % self.every_s < self.burst_s or rng.random() < self.loss:
            return []
        copies = 2 if rng.random() < self.duplicate else 1
        return [now_s + self.delay_s + float(rng.uniform(0, self.jitter_s)) for _ in range(copies)]


def relay(listen: Address, target: Address, impairment: Impairment, seed: int = 0) -> None:
    """Forward datagrams from ``listen`` to ``target``, and its answers to the last sender; never returns."""
    near, far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    near.bind(listen)
    far.connect(target)
    rng, flying, count, sender = np.random.default_rng(seed), [], 0, None
    while True:
        wait_s = max(flying[0][0] - time.monotonic(), 0.0) if flying else None
        for sock in select.select([near, far], [], [], wait_s)[0]:
            try:
                data, source = sock.recvfrom(2048)
            except OSError:  # nothing listens there yet
                continue
            sender = source if sock is near else sender
            for at_s in impairment.arrivals(time.monotonic(), rng):
                count += 1
                heapq.heappush(flying, (at_s, count, sock is near, data))
        while flying and flying[0][0] <= time.monotonic():
            _, _, onward, data = heapq.heappop(flying)
            _pass(far if onward else near, data, None if onward else sender)


def _pass(sock: socket.socket, data: bytes, address: Address | None) -> None:
    try:
        if address is None:
            sock.send(data)
        else:
            sock.sendto(data, address)
    except OSError:  # the real cable may be cut
        pass


def address(text: str) -> Address:
    """``host:port`` as a pair."""
    host, port = text.rsplit(":", 1)
    return host, int(port)


if __name__ == "__main__":
    request_fifo(70)
    relay(address(sys.argv[1]), address(sys.argv[2]), Impairment(**json.loads(sys.argv[3])))

"""``python -m benchmarks.two_pcs.graph name:=value ...``: deploy's graph without the policy node."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace

from f2o_bringup.graph import DEPLOY
from f2o_bringup.processes import start

WITHOUT = ("policy_node",)


def main() -> None:
    """Run until told to end."""
    nodes = tuple(node for node in DEPLOY.nodes if node.name not in WITHOUT)
    arguments = dict(word.split(":=", 1) for word in sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    with start(replace(DEPLOY, nodes=nodes), arguments, lambda line: print(line, flush=True)) as running:
        sys.exit(running.wait())


if __name__ == "__main__":
    main()

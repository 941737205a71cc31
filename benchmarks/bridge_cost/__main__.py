"""``python -m benchmarks.bridge_cost``: processor time of the bridge's process while it follows a policy at 125 Hz.

By thread, as shares of a core, with the times of its ticks. Nothing else should run. Writes bridge_cost.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from f2o_control.robot import load_robot
from f2o_control.testing import CONFIG, ENVIRONMENT

from benchmarks.common.record import write_result

CLOCK_HZ = os.sysconf("SC_CLK_TCK")
VALUES = ("work_ms.p50", "work_ms.p99", "work_ms.max", "period_ms.p50", "period_ms.p99", "missed_ticks")


def main() -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="benchmarks.bridge_cost", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--out", type=Path, default=Path("out/bridge_cost"))
    given = parser.parse_args()
    os.environ.update(ENVIRONMENT)
    given.out.mkdir(parents=True, exist_ok=True)
    result = measure(given.seconds)
    write_result(given.out / "bridge_cost.json", result)
    print(json.dumps(result))
    return 0


def measure(seconds: float) -> dict[str, float]:
    """Shares of a core by part of the process, and what the bridge reports of its ticks."""
    from benchmarks.faults.lab_node import FaultLab

    with tempfile.TemporaryDirectory() as folder:
        lab = FaultLab(load_robot(CONFIG / "robots/panda.yaml"), folder, preload=False)
        try:
            lab.ready()
            pid = lab.processes["bridge"].pid
            before, began_s = thread_seconds(pid), time.monotonic()
            time.sleep(seconds)
            after, spent_s = thread_seconds(pid), time.monotonic() - began_s
            reported = lab.diagnosis
        finally:
            lab.close()
    shares = {thread: (used - before.get(thread, 0.0)) / spent_s for thread, used in after.items()}
    total, executor = sum(shares.values()), next(share for (n, _), share in shares.items() if n == pid)
    python = [s for (n, name), s in shares.items() if n != pid and name.startswith(("python", "bridge"))]
    loop = max(python, default=0.0)
    parts = {"total": total, "executor": executor, "loop": loop, "middleware": total - executor - loop}
    return {key: round(share, 3) for key, share in parts.items()} | {k: float(reported[k]) for k in VALUES}


def thread_seconds(pid: int) -> dict[tuple[int, str], float]:
    """Processor time so far [s] of every thread of a process, by number and name."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        head, _, tail = (task / "stat").read_text().rpartition(")")
        fields = tail.split()
        used = (int(fields[11]) + int(fields[12])) / CLOCK_HZ
        found[int(task.name), head.partition("(")[2]] = used
    return found


if __name__ == "__main__":
    sys.exit(main())

"""What the bridge's process costs while it follows a policy at 125 Hz: processor time, by threads and of a tick.

``python -m benchmarks.bridge_cost --seconds 20 [--against FOLDER]``: FOLDER holds another f2o_control and
its config; both are then measured in turn, twice. Nothing else should run.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from f2o_control.robot import load_robot
from f2o_control.testing import CONFIG, ENVIRONMENT

from benchmarks.faults.lab_node import FaultLab

TICKS_S = os.sysconf("SC_CLK_TCK")
VALUES = ("work_ms.p50", "work_ms.p99", "work_ms.max", "period_ms.p50", "period_ms.p99", "missed_ticks")


def threads(pid):
    """Processor seconds of every thread so far, by number."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        name, rest = (task / "stat").read_text().rsplit(")", 1)
        fields = rest.split()
        found[int(task.name)] = (name.split("(", 1)[1], (int(fields[11]) + int(fields[12])) / TICKS_S)
    return found


def measure(seconds, source=None):
    """Shares of a core, and what the bridge says of its ticks."""
    before = os.environ.get("PYTHONPATH", "")
    given = [f"config:={source}/config/bridge.yaml"] if source else []
    home = load_robot(CONFIG / "robot_panda.yaml").home
    with tempfile.TemporaryDirectory() as folder:
        lab = FaultLab(home, folder, preload=False, parameters=given)
        try:
            if source:
                os.environ["PYTHONPATH"] = f"{source}:{before}"
            lab.start("bridge")
            os.environ["PYTHONPATH"] = before
            lab.ready()
            pid = lab.processes["bridge"].pid
            start, began_s = threads(pid), time.monotonic()
            time.sleep(seconds)
            end, spent_s = threads(pid), time.monotonic() - began_s
            said = lab.diagnosis
        finally:
            os.environ["PYTHONPATH"] = before
            lab.close()
    shares = {n: (name, (used - start.get(n, (name, 0))[1]) / spent_s) for n, (name, used) in end.items()}
    main = shares.pop(pid)[1]
    loop = max(
        (share for name, share in shares.values() if name.startswith(("python", "bridge"))), default=0.0
    )
    total = main + sum(share for _, share in shares.values())
    result = {"total": total, "executor": main, "loop": loop, "middleware": total - main - loop}
    return {key: round(value, 3) for key, value in result.items()} | {key: float(said[key]) for key in VALUES}


def main():
    parser = argparse.ArgumentParser(prog="benchmarks.bridge_cost", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--against", help="folder that holds another f2o_control")
    given = parser.parse_args()
    os.environ.update(ENVIRONMENT)
    for _ in range(2 if given.against else 1):
        for name, source in [("before", given.against)] * bool(given.against) + [("now", None)]:
            print(name, json.dumps(measure(given.seconds, source)), flush=True)


if __name__ == "__main__":
    sys.exit(main())

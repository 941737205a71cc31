"""``make faults``: faults injected into the real processes, and where each one ends, as faults.json.

Before them, on a simulated clock, the bridge itself late, missing or stopped, with each robot and adapter, as
delays.json. The tests run the quick ones of the same lists (faults_node.py, delays.py). Ends with 1 where a fault did
not end as it should.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.common.record import write_result
from benchmarks.faults.delays import run_delays
from benchmarks.faults.faults_node import QUICK, SLOW, UDP
from benchmarks.faults.run_node import Row, StarvedError, run_all
from benchmarks.report.tables import delay_cells, fault_cells


def until_starved(rows: Iterator[Row]) -> Iterator[Row]:
    """``rows``; one sentence instead of a traceback where the machine has no time for them."""
    try:
        yield from rows
    except StarvedError as error:
        sys.exit(f"faults: {error}")


def too_slow(row: Row) -> str:
    """What took longer than on a quiet machine, or left ``policy`` where it must not; empty where nothing did."""
    within_s = {fault.name: fault.within_s for fault in (*QUICK, *SLOW, *UDP)}.get(row["fault"])
    if row.get("left_policy"):
        return f"it was {', '.join(row['left_policy'])} meanwhile"
    if within_s is not None and row["until_mode_s"] is not None and row["until_mode_s"] > within_s:
        return f"{row['until_mode_s']:.2f} s, expected {within_s:g} s at most"
    return ""


def main() -> int:
    """Inject the faults; 1 where one did not end as it should."""
    parser = argparse.ArgumentParser(prog="benchmarks.faults", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/faults"), help="folder of faults.json")
    part = parser.add_mutually_exclusive_group()
    part.add_argument(
        "--simulated", action="store_true", help="only delays of the bridge, on a simulated clock"
    )
    part.add_argument("--live", action="store_true", help="only faults of the real processes")
    parser.add_argument("--only", default="", help="part of the names of the faults to inject (default: all)")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    delays = []
    for row in () if given.live else run_delays(given.only):
        delays.append(row)
        verdict, cells = "BAD" if row["problems"] else "ok", " | ".join(delay_cells(row))
        print(f"{verdict:<3} {cells} {'; '.join(row['problems'])}", flush=True)
    if not given.live:
        write_result(given.out / "delays.json", {"rows": delays})
    rows = []
    for row in () if given.simulated else until_starved(run_all(given.only)):
        rows.append(row)
        row["problems"] += [slow] if (slow := too_slow(row)) else []
        verdict, cells = "BAD" if row["problems"] else "ok", " | ".join(map(str, fault_cells(row)))
        print(f"{verdict:<3} {cells} {'; '.join(row['problems'])}", flush=True)
    if not given.simulated:
        write_result(given.out / "faults.json", {"rows": rows})
    bad = sum(bool(row["problems"]) for row in delays + rows)
    print(f"{len(delays)} delays of the bridge and {len(rows)} faults, {bad} did not end as they should")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

"""``make faults``: faults injected into the real processes, and where each one ends, as faults.md and faults.json.

The tests run the quick ones of the same list (faults_node.py). Ends with 1 where a fault did not end as it should.
"""

import argparse
import os
import sys
from pathlib import Path

from benchmarks.common.record import write_result
from benchmarks.faults.faults_node import QUICK, SLOW, UDP
from benchmarks.faults.run_node import StarvedError, run_all

HEAD = """# Faults

Each is injected into the real bridge process over DDS, with a policy, a camera and (udp) `f2o_rt_receiver` beside it
as processes, and ends in the mode named here. Commands are judged by a checker that shares no code with the limiter
(`f2o_control/testing/checker.py`), the 1 kHz output of the receiver by differences of its set-points.
Made by `make faults` on {machine}. Times are seconds from the
injection (of the cut: from the first missing target at the receiver); the
receiver's share is that of the arm's own velocity, acceleration and jerk limits. At the ends of a bad cable are the
bridge's limiter and adapter alone (`receiver/sender.py`) and the receiver, as processes in two network namespaces;
commands are then cycles of 1 ms.

| fault | injected by | ends in | after | braking from | at rest | commands | beyond a limit | receiver's share |
|---|---|---|---|---|---|---|---|---|
"""


def until_starved(rows):
    """``rows``, and one sentence instead of a traceback where the machine has no time for them."""
    try:
        yield from rows
    except StarvedError as error:
        sys.exit(f"faults: {error}")


def too_slow(row):
    """What took longer than it should on a quiet machine, or left ``policy`` where it should not."""
    within_s = {fault.name: fault.within_s for fault in (*QUICK, *SLOW, *UDP)}.get(row["fault"])
    if row.get("left_policy"):
        return f"it was {', '.join(row['left_policy'])} meanwhile"
    if within_s is not None and row["until_mode_s"] is not None and row["until_mode_s"] > within_s:
        return f"{row['until_mode_s']:.2f} s, expected {within_s:g} s at most"
    return ""


def line(row):
    """A row of the table."""
    numbers = [row[key] for key in ("until_mode_s", "until_braking_s", "until_rest_s")]
    cells = [row["fault"], row["how"], row["ends_in"], *("-" if n is None else f"{n:.2f}" for n in numbers)]
    share = f"{max(row['receiver'].values()):.2f}" if row.get("receiver") else "-"
    return f"| {' | '.join([*cells, str(row['commands']), str(len(row['violations'])), share])} |\n"


def main():
    parser = argparse.ArgumentParser(prog="benchmarks.faults", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/faults"), help="folder of faults.md and .json")
    parser.add_argument("--machine", default=f"{os.cpu_count()} cores that other work shared")
    parser.add_argument("--only", default="", help="part of the names of the faults to inject (default: all)")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for row in until_starved(run_all(given.only)):
        rows.append(row)
        row["problems"] += [slow] if (slow := too_slow(row)) else []
        print(
            f"{'BAD' if row['problems'] else 'ok '} {line(row).strip()} {'; '.join(row['problems'])}",
            flush=True,
        )
    write_result(given.out / "faults.json", {"rows": rows})
    (given.out / "faults.md").write_text(HEAD.format(machine=given.machine) + "".join(map(line, rows)))
    bad = sum(bool(row["problems"]) for row in rows)
    print(f"{len(rows)} faults, {bad} did not end as they should")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

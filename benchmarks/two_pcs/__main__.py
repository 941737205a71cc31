"""Two PCs over a bad network: ``python -m benchmarks.two_pcs --out out/two_pcs``.

The whole loop runs on two network namespaces, with the shipped timeouts. Writes ``two_pcs.json``: per case how long
joint states and commands are on their way and how old a command's observation is when it reaches the real-time PC, and
per cut what the bridge did. The images of the simulated cameras, which on a real cell do not cross, are neither delayed
nor lost: ``frames`` counts what was, by topic, and what was spared. Both PCs are one machine here, so their clocks
agree; processor time is what they share. Needs root, iproute2 and /dev/net/tun.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.record import write_result
from benchmarks.two_pcs.cell import unavailable
from benchmarks.two_pcs.loop import TwoPcs
from benchmarks.two_pcs.relay import Network

CASES = {
    "good network": Network(),
    "1 ms of jitter": Network(jitter_s=0.001),
    "5 ms of jitter": Network(jitter_s=0.005),
    "1 % loss": Network(loss=0.01),
    "5 ms of jitter, 1 % loss": Network(jitter_s=0.005, loss=0.01),
}
CUTS_S = (0.1, 1.0, 10.0)
PERCENTILES = (50, 99, 99.9, 100)


def percentiles_ms(values_ns: np.ndarray) -> dict[str, float] | None:
    """Percentiles of times in ns, in ms; None where there are none."""
    if not len(values_ns):
        return None
    return {f"p{p:g}": round(float(np.percentile(values_ns, p)) / 1e6, 3) for p in PERCENTILES}


def hops(policy_pc: dict[str, np.ndarray], real_time_pc: dict[str, np.ndarray]) -> dict[str, Any]:
    """How long messages were on their way and how old their observations were, from what both operators kept.

    A joint state is stamped where it is measured. A command is heard at both PCs: the later one crossed the network.
    """
    joints, sent, came = policy_pc["joints"], policy_pc["commands"], real_time_pc["commands"]
    _, first, second = np.intersect1d(sent[:, 1], came[:, 1], return_indices=True)
    seen = came[came[:, 2] > 0]
    return {
        "joint state on its way [ms]": percentiles_ms(joints[:, 0] - joints[:, 1]),
        "command on its way [ms]": percentiles_ms(came[second, 0] - sent[first, 0]),
        "observation behind a command on its arrival [ms]": percentiles_ms(seen[:, 0] - seen[:, 2]),
        "joint states": len(joints),
        "commands": len(came),
        "commands that did not come": len(sent) - len(first),
    }


def measure(both: TwoPcs, seconds: float, folder: Path) -> dict[str, Any]:
    """What arrives in ``seconds``."""
    both.arm()
    both.cell.count()
    for pc in ("policy_pc", "real_time_pc"):
        both.tell(pc, "forget")
    time.sleep(seconds)
    frames, kept = both.cell.count(), {}
    for pc in ("policy_pc", "real_time_pc"):
        path = folder / f"{pc}_{time.monotonic_ns()}.npz"  # of its own: the last case's answer is still there
        both.tell(pc, f"save {path}")
        both.until(lambda pc=pc, path=path: both.at(pc)["answer"] == f"save {path}", "what came")
        with np.load(path) as file:
            empty = np.zeros((0, 3), np.int64)
            kept[pc] = {name: file.get(name, empty) for name in ("joints", "commands")}
        both.tell(pc, "forget")
    found = hops(kept["policy_pc"], kept["real_time_pc"])
    return found | {"mode": both.at("policy_pc")["mode"], "frames": frames}


def cut(both: TwoPcs, seconds: float) -> dict[str, Any]:
    """The cable out for ``seconds``: modes meanwhile and after, and how the loop runs again."""
    both.arm()
    both.cell.cable(plugged=False)
    time.sleep(seconds)
    during, joints = both.at("policy_pc")["mode"], both.at("policy_pc")["joints"]
    both.cell.cable(plugged=True)
    plugged = time.monotonic()
    both.until(lambda: both.at("policy_pc")["joints"] > joints + 5, "joint states again")
    after_s = time.monotonic() - plugged
    time.sleep(2.0)
    after = both.at("policy_pc")["mode"]
    both.arm()
    return {
        "mode while out": during,
        "mode 2 s later": after,
        "joint states again after [s]": round(after_s, 1),
    }


def main() -> None:
    """Measure every case and cut, write the table."""
    parser = argparse.ArgumentParser("python -m benchmarks.two_pcs", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60.0, help="of every case")
    parser.add_argument(
        "--student", action="store_true", help="the published student, not a policy that costs nothing"
    )
    given = parser.parse_args()
    if reason := unavailable():
        print(f"two_pcs: {reason}", file=sys.stderr)
        sys.exit(2)
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, TwoPcs(Path(folder), student=given.student) as both:
        results: dict[str, Any] = {}
        for name, network in CASES.items():
            both.cell.spoil(network)
            results[name] = measure(both, given.seconds, Path(folder))
            print(name, json.dumps(results[name]), flush=True)
        both.cell.spoil(Network())
        for seconds in CUTS_S:
            results[f"cable out for {seconds:g} s"] = cut(both, seconds)
            print(
                f"cable out for {seconds:g} s",
                json.dumps(results[f"cable out for {seconds:g} s"]),
                flush=True,
            )
        write_result(given.out / "two_pcs.json", results)


if __name__ == "__main__":
    main()
